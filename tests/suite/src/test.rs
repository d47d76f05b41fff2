// SPDX-License-Identifier: GPL-2.0-only

//! All tests on a distribution's kernel: in virtual machines the tests of users' view, and beside
//! them on this machine the tests that need no kernel.

use crate::{
    boot,
    checks::{Checks, Transcript, ensure},
    command::{command, kernel_release, lab, text_of, top},
    ktap::CargoTests,
    languages, programs,
    refusals::made::{self, Headers},
    slots::{Slot, Turn},
    vm::{Guests, Kernel},
};
use anyhow::{Context, Result};
use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Read, Seek},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};
use suite::guests::{self, Clock};

const MODULE: &str = "driver/chaos_driver.ko";
const ROOT: &str = "driver/chaos_driver.rs";

/// The folder that a check installs everything to.
pub(crate) const INSTALLED: &str = "target/installed";

pub(crate) fn test() -> bool {
    let (mut checks, mut guests) = (Checks::default(), Guests::default());
    let kernel = start_timed(&mut checks, &mut guests);
    let place = check_vms(kernel.as_ref(), &mut checks, &mut guests);
    start_untimed(kernel.as_ref(), &mut guests);
    drop(place);
    guests.finish(&mut checks);
    checks.summary()
}

/// Makes all checks but those in VMs, and starts the guests on the clock of instructions. These
/// guests take longest: the files that they need come first, and all other checks run beside them.
/// Returns the kernel, if its guests can run.
pub(crate) fn start_timed(checks: &mut Checks, guests: &mut Guests) -> Option<Kernel> {
    let target = checks.part("the lab names its targets", first_target());
    checks.check_command("the lab is ready", lab(&["prepare"]));
    let module = target.as_ref().and_then(|target| {
        checks.check("the module builds", |transcript| {
            build_module(transcript, target)
        })
    });
    if let Some(module) = &module {
        let mut frames = command(&["tools/check-frames"]);
        frames.arg(module);
        checks.check_command("frames of the module", frames);
    }
    let programs = checks.check("programs for the guest", programs::build);
    let files = module.zip(programs);
    let kernel = target
        .zip(files)
        .map(|(target, (module, programs))| Kernel {
            target,
            module,
            programs,
            options: &[],
        });
    start_on_clock(Clock::Icount, kernel.as_ref(), guests, Turn::Last);
    check_this_machine(checks);
    kernel
}

/// Starts the guests on this machine's clock. A test in them may wait for another processor in vain
/// while a compiler has it: nothing is built from here on. Of the guests that are left these take
/// longest, and so go first.
pub(crate) fn start_untimed(kernel: Option<&Kernel>, guests: &mut Guests) {
    start_on_clock(Clock::Threads, kernel, guests, Turn::Next);
}

fn start_on_clock(clock: Clock, kernel: Option<&Kernel>, guests: &mut Guests, turn: Turn) {
    let Some(kernel) = kernel else { return };
    for guest in guests::all().iter().filter(|guest| guest.clock == clock) {
        guests.start(kernel, guest, turn);
    }
}

pub(crate) fn first_target() -> Result<String> {
    let targets = text_of(&mut lab(&["targets"]))?;
    let first = targets.split_whitespace().next();
    Ok(first.context("tools/targets has no target")?.to_owned())
}

/// Builds the module for a target, and copies it for guests: other checks and targets build theirs
/// meanwhile.
pub(crate) fn build_module(transcript: &mut Transcript, target: &str) -> Result<PathBuf> {
    transcript.run(&mut lab(&["build", target]))?;
    let module = Path::new("target/tested")
        .join(target)
        .join("chaos_driver.ko");
    install(transcript, Path::new(MODULE), &module)?;
    Ok(module)
}

/// Makes a target ready, and builds the module for it.
pub(crate) fn build_kernel(target: &str, programs: &Path, checks: &mut Checks) -> Option<Kernel> {
    let ready = format!("the kernel {target} is ready");
    if !checks.check_command(&ready, lab(&["prepare", target])) {
        return None;
    }
    let builds = format!("the module builds for {target}");
    let module = checks.check(&builds, |transcript| build_module(transcript, target))?;
    Some(Kernel {
        target: target.to_owned(),
        module,
        programs: programs.to_owned(),
        options: &[],
    })
}

fn check_this_machine(checks: &mut Checks) {
    let rustfmt = [
        "shell",
        "rustfmt",
        "--check",
        "--config-path",
        "/src",
        "--edition",
        "2021",
    ];
    let mut format = lab(&rustfmt);
    format.arg(format!("/src/{ROOT}"));
    checks.check_command("format of the module", format);
    checks.check("lints of the module", lint_module);
    let headers = "building leaves the headers of the kernel as they are";
    checks.check(headers, headers_stay);
    checks.check("make install, from what the lab has built", installs);
    checks.check_command("format", command(&["cargo", "fmt", "--all", "--check"]));
    let fuzz = [
        "cargo",
        "fmt",
        "--manifest-path",
        "tests/fuzz/Cargo.toml",
        "--check",
    ];
    checks.check_command("format of the fuzz targets", command(&fuzz));
    let mut clippy = command(&["cargo", "clippy", "--quiet", "--workspace", "--all-targets"]);
    clippy.args(["--", "-D", "warnings"]);
    checks.check_command("lints", clippy);
    cargo_tests(checks);
    fuzz_parsers(checks, "16");
    made::refusals(checks);
    let name = "no network is told, and nothing half made is trusted";
    checks.check(name, no_network);
}

/// With a VM of their own each, one after the other. Returns the place among the guests that all
/// these checks use. If they gave it up between them, a short guest would take it, and the next
/// check would wait for another one to end.
pub(crate) fn check_vms(kernel: Option<&Kernel>, checks: &mut Checks, guests: &mut Guests) -> Slot {
    let place = guests.place("checks");
    let name = "README in a VM, and a guest's exit status comes back";
    checks.check(name, readme_in_vm);
    checks.check("a kernel's complaint fails the run", complaint);
    let name = "a disk and an injection from boot on, by what make install has installed";
    checks.check(name, boot::boots);
    if let Some(Kernel {
        module, programs, ..
    }) = kernel
    {
        let name = "a block of Python makes a disk slow, and killed ones leave nothing";
        checks.check(name, |transcript| {
            languages::python(transcript, module, programs)
        });
        checks.check("the Go package of Chaos Mesh", |transcript| {
            languages::go(transcript, module, programs)
        });
    }
    place
}

/// Tests of host crates: cargo prints one line each.
fn cargo_tests(checks: &mut Checks) {
    match run_cargo_tests() {
        Ok((tests, succeeded, errors)) => {
            let (count, broke_off) = tests.end(succeeded);
            if broke_off {
                let mut transcript = Transcript::default();
                transcript.say(&errors);
                print!("{}", transcript.comments());
            }
            checks.count += count;
        }
        Err(error) => {
            checks.check("tests of host crates", |_| Err::<(), _>(error));
        }
    }
}

/// The output of the tests, whether all is well, and cargo's own messages.
fn run_cargo_tests() -> Result<(CargoTests, bool, String)> {
    let mut errors = tempfile::tempfile()?;
    let mut child = command(&["cargo", "test", "--workspace"])
        .stdout(Stdio::piped())
        .stderr(errors.try_clone()?)
        .spawn()?;
    let mut tests = CargoTests::default();
    let output = child.stdout.take().context("cargo has no output")?;
    for line in BufReader::new(output).split(b'\n') {
        let line = String::from_utf8_lossy(&line?).into_owned();
        if tests.line(&line) {
            println!("{line}");
        }
    }
    let succeeded = child.wait()?.success();
    Ok((tests, succeeded, text_from_start(&mut errors)?))
}

fn text_from_start(file: &mut File) -> Result<String> {
    let mut bytes = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// How many inputs each parser got is told, too.
fn fuzz_parsers(checks: &mut Checks, seconds: &str) {
    let name = format!("fuzzing of all parsers, {seconds} s and the building");
    if checks.check_command(&name, command(&["tests/fuzz/run", seconds])) {
        print!("{}", checks.transcript.comments());
    }
}

/// Makes kbuild compile the module again, though nothing has changed.
fn touch(file: &str) -> Result<()> {
    let file = File::options().append(true).open(file)?;
    Ok(file.set_modified(std::time::SystemTime::now())?)
}

/// With the kernel's own set of lints; a warning is an error.
fn lint_module(transcript: &mut Transcript) -> Result<()> {
    touch(ROOT)?;
    let (status, output) = transcript.try_run(lab(&["build"]).env("CLIPPY", "1"))?;
    let warns = output.lines().any(|line| line.starts_with("warning"));
    ensure(
        status.success() && !warns,
        "the module does not build without warnings",
    )
}

/// Building again, with what earlier builds have noted, writes nothing where the kernel's headers
/// are.
fn headers_stay(transcript: &mut Transcript) -> Result<()> {
    let headers = format!("/usr/src/linux-headers-{}", kernel_release()?);
    fs::create_dir_all("target")?;
    fs::write("target/built", "")?;
    touch(ROOT)?;
    transcript.run(&mut lab(&["build"]))?;
    let find = ["shell", "find", &headers, "-newer", "/src/target/built"];
    let written = text_of(&mut lab(&find))?;
    transcript.say(&written);
    ensure(written.is_empty(), "these were written")
}

/// `make install` puts both where they are found, from what the lab has built, and for no other
/// kernel.
fn installs(transcript: &mut Transcript) -> Result<()> {
    let release = kernel_release()?;
    let folder = Path::new(INSTALLED);
    remove(folder)?;
    let programs = programs::build(transcript)?;
    install(
        transcript,
        &programs.join("kchaos"),
        Path::new("target/release/kchaos"),
    )?;
    let mut make = lab(&[
        "shell",
        "make",
        "-C",
        "/src",
        "--no-print-directory",
        "install",
    ]);
    make.arg(format!("DESTDIR=/src/{}", folder.display()))
        .arg(format!("KBUILD_PATH=/usr/src/linux-headers-{release}"));
    transcript.run(&mut make)?;
    transcript.run(Command::new(folder.join("usr/local/bin/kchaos")).arg("--version"))?;
    let modules = folder.join("lib/modules").join(&release);
    let mut find = command(&["find"]);
    find.arg(modules.join("updates"))
        .args(["-name", "chaos_driver.ko*"]);
    let (_, found) = transcript.try_run(&mut find)?;
    ensure(
        found.contains("/chaos_driver.ko"),
        "the module was not installed",
    )?;
    // Of one module alone, and in place of the machine's own when it is unpacked there.
    let dependencies = modules.join("modules.dep");
    ensure(
        !dependencies.exists(),
        "a list of dependencies was installed",
    )?;
    let other = Headers::new()?;
    let mut make = command(&["make", "--no-print-directory", "install"]);
    make.arg(format!("DESTDIR={}", top().join(folder).display()))
        .arg(format!("KBUILD_PATH={}", other.path().display()));
    let (status, output) = transcript.try_run(&mut make)?;
    let reason = format!("was built for {release}, and the headers");
    ensure(
        !status.success() && output.contains(&reason),
        "an installation for another kernel is not refused with its reason",
    )
}

/// Puts a copy in place of a file that others may have open, or by another name, such as cargo.
fn install(transcript: &mut Transcript, from: &Path, to: &Path) -> Result<()> {
    transcript.run(command(&["install", "-D"]).args([from, to]))
}

pub(crate) fn remove(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("removing {}", folder.display()))?;
    }
    Ok(())
}

/// README's commands for a VM, and then an exit status.
fn readme_script(readme: &str) -> String {
    let lines = readme.lines();
    lines
        .skip_while(|line| !line.starts_with("    tools/lab run"))
        .map_while(|line| line.strip_prefix("    "))
        .map(|line| match line.strip_suffix("status'") {
            Some(start) => format!("{start}status; exit 7'\n"),
            None => format!("{line}\n"),
        })
        .collect()
}

/// The exit status of a command in the guest is that of the lab.
fn readme_in_vm(transcript: &mut Transcript) -> Result<()> {
    let script = readme_script(&fs::read_to_string("README.md")?);
    transcript.say(&script);
    let (status, output) = transcript.try_run(&mut command(&["sh", "-ec", &script]))?;
    ensure(
        status.code() == Some(7),
        "the exit status is not that of the guest, 7",
    )?;
    ensure(delays_some(&output), "no I/O was delayed")
}

fn delays_some(output: &str) -> bool {
    let counts = output.split("delayed ").skip(1);
    counts
        .filter_map(|count| count.chars().next())
        .any(|digit| digit.is_ascii_digit() && digit != '0')
}

/// A complaint of the kernel must fail the run that saw it; also if the caller reads to the end of
/// the output before it asks for the exit status.
fn complaint(transcript: &mut Transcript) -> Result<()> {
    let complain = r#"echo "WARNING: CPU: 0 PID: 1 at a test" >/dev/kmsg; echo all of it"#;
    let mut errors = tempfile::tempfile()?;
    let mut lab = command(&[
        "timeout",
        "300",
        "tools/lab",
        "run",
        "--serial",
        "--",
        "sh",
        "-c",
    ]);
    let mut child = lab
        .arg(complain)
        .stdout(Stdio::piped())
        .stderr(errors.try_clone()?)
        .spawn()?;
    let mut output = String::new();
    let mut pipe = child.stdout.take().context("the lab has no output")?;
    pipe.read_to_string(&mut output)?;
    drop(pipe);
    let status = child.wait()?;
    let errors = text_from_start(&mut errors)?;
    transcript.say(&output);
    transcript.say(&errors);
    ensure(status.code() == Some(1), "the exit status is not 1")?;
    let is_whole = output.lines().any(|line| line.starts_with("all of it"));
    ensure(is_whole, "the guest's output is not whole")?;
    ensure(
        errors.contains("the kernel complained"),
        "the complaint is not told",
    )
}

/// The lab tells in a sentence why a step failed, and does not take a half made chroot for ready.
fn no_network(transcript: &mut Transcript) -> Result<()> {
    let empty = top().join("target/empty-cache");
    remove(&empty)?;
    fs::create_dir_all(&empty)?;
    let mut prepare = command(&["unshare", "--net", "tools/lab", "prepare"]);
    let (status, output) = transcript.try_run(prepare.env("CHAOS_LAB_CACHE", &empty))?;
    ensure(!status.success(), "the lab is ready without a network")?;
    ensure(
        output.contains("the network is not there"),
        "the reason is not told",
    )?;
    for entry in fs::read_dir(&empty)? {
        let entry = entry?;
        let is_chroot = entry.file_name().to_string_lossy().starts_with("chroot-");
        let is_ready = is_chroot && entry.path().join(".ready").exists();
        ensure(!is_ready, "a half made chroot is taken for ready")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_of_readme_is_found() {
        let readme = fs::read_to_string(top().join("README.md")).unwrap();
        let script = readme_script(&readme);
        assert!(script.starts_with("tools/lab run"));
        assert!(script.ends_with("status; exit 7'\n"));
    }

    #[test]
    fn only_the_lines_of_one_example_are_its_script() {
        let readme =
            "    make\n\n    tools/lab run \\\n      -- 'a\n    kchaos status'\n\n    rmmod a\n";
        let script = "tools/lab run \\\n  -- 'a\nkchaos status; exit 7'\n";
        assert_eq!(readme_script(readme), script);
    }

    #[test]
    fn delayed_io_is_seen() {
        assert!(delays_some("slow matched 9 delayed 12 held 0"));
        assert!(!delays_some("slow matched 9 delayed 0 held 1"));
        assert!(!delays_some("delayed"));
    }
}
