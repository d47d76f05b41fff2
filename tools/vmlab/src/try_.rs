// SPDX-License-Identifier: GPL-2.0-only

//! The inner loop: builds the module and the programs, and runs chosen tests in one VM.

use crate::{lab::Lab, process};
use anyhow::{Context, Result, ensure};
use rustix::process::Signal;
use std::{
    ffi::OsStr,
    io::{self, BufRead, BufReader, Write},
    panic::resume_unwind,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    thread,
    time::Instant,
};

/// The built module.
const MODULE: &str = "driver/chaos_driver.ko";

impl Lab {
    /// Runs the tests whose names contain a word; a word with `-` before it leaves tests out.
    /// Returns whether all tests have passed.
    pub(crate) fn try_tests(&self, words: &[String]) -> Result<bool> {
        let start = Instant::now();
        ensure!(
            !words.is_empty(),
            "try takes parts of tests' names, such as delay_1ms."
        );
        ensure!(
            !self.target.is_foreign(),
            "try takes targets of this machine's architecture."
        );
        let top = &self.chroot.top;
        let programs = Programs::of_this_machine(top)?;
        let name = &self.target.name;
        // The chroot builds the module while cargo builds the programs.
        let is_built = thread::scope(|scope| {
            let module = scope.spawn(|| {
                let mut build = myself();
                check(
                    &format!("the module builds for {name}"),
                    build.args(["build", name]),
                )
            });
            let programs = check("programs for the guest", &mut programs.build(top));
            let module = module.join().unwrap_or_else(|panic| resume_unwind(panic));
            Ok::<bool, anyhow::Error>(module? && programs?)
        })?;
        if !is_built {
            return Ok(false);
        }
        // An error in the words stops the lab before a guest boots.
        let tests = programs.path("chaos-tests");
        let chosen = bound(&tests).arg("names").args(words).output();
        let chosen = chosen.with_context(|| format!("cannot run {}", tests.display()))?;
        if !chosen.status.success() {
            io::stdout().write_all(&chosen.stdout)?;
            return Ok(false);
        }

        let guest = format!("{name}, icount clock, processors: 2");
        let mut out = io::stdout();
        writeln!(out, "# {guest}")?;
        let booted = Instant::now();
        let mut run = myself();
        run.args([
            "run",
            name,
            "--clock",
            "icount",
            "--cpus",
            "2",
            "--seconds",
            "3000",
        ]);
        run.arg("--serial");
        for (file, place) in [
            (top.join(MODULE), "/chaos_driver.ko"),
            (tests, "/chaos-tests"),
            (programs.path("kchaos"), "/bin/kchaos"),
        ] {
            run.arg("--file").arg(format!("{}={place}", file.display()));
        }
        let mut results = follow(run.args(["--", "/chaos-tests"]).args(words), &mut out)?;
        if results.broke_off() {
            results.failed = 1;
            writeln!(
                out,
                "not ok the run on the {guest}: status {}",
                results.status
            )?;
        }
        writeln!(out, "# waited {} s", booted.elapsed().as_secs())?;
        let Results { passed, failed, .. } = results;
        writeln!(
            out,
            "after {} s: {passed} passed, {failed} failed",
            start.elapsed().as_secs()
        )?;
        Ok(failed == 0)
    }
}

/// The programs for guests, which need no libraries of this machine.
struct Programs {
    target: String,
    /// A folder of its own: the flags differ from those of the checkout's other programs, and cargo
    /// would rebuild everything at each change of flags.
    folder: PathBuf,
}

impl Programs {
    fn of_this_machine(top: &Path) -> Result<Self> {
        let version = process::read(&mut process::command(&["rustc", "-vV"]))?;
        let target = version.lines().find_map(|line| line.strip_prefix("host: "));
        let target = target.context("rustc -vV does not name this machine's target")?;
        Ok(Self {
            target: target.to_owned(),
            folder: top.join("target/guest"),
        })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(&self.target).join("release").join(name)
    }

    fn build(&self, top: &Path) -> Command {
        let mut cargo = bound("cargo");
        cargo
            .current_dir(top)
            .env("RUSTFLAGS", "-C target-feature=+crt-static");
        // After a change of a line, rustc compiles only the code that depends on it. Cargo keeps
        // incremental builds apart from others.
        cargo.env("CARGO_INCREMENTAL", "1");
        cargo.args(["build", "--quiet", "--release", "--target", &self.target]);
        cargo.args(["--package", "kchaos", "--package", "chaos-tests"]);
        cargo.arg("--target-dir").arg(&self.folder);
        cargo
    }
}

/// A command that ends when the lab does.
fn bound(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    process::bind(&mut command, Signal::TERM);
    command
}

/// Another process of the lab. A lab that runs a guest locks the cache, and a build may have to
/// change the cache first. The kernel knows this program even after a build has replaced its file.
fn myself() -> Command {
    bound("/proc/self/exe")
}

/// A test that is one command; its output is shown when it fails.
fn check(name: &str, command: &mut Command) -> Result<bool> {
    let start = Instant::now();
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().with_context(|| name.to_owned())?;
    let word = if status.success() { "ok" } else { "not ok" };
    let mut report = format!("{word} {name} - {} s\n", start.elapsed().as_secs());
    if !status.success() {
        let text = String::from_utf8_lossy(&[stdout, stderr].concat()).into_owned();
        text.lines()
            .for_each(|line| report += &format!("# {line}\n"));
    }
    io::stdout().write_all(report.as_bytes())?;
    Ok(status.success())
}

/// The counts of a run of tests, from its output.
#[derive(Debug, Default)]
struct Results {
    passed: usize,
    failed: usize,
    wanted: Option<usize>,
    status: u8,
}

impl Results {
    fn count(&mut self, line: &str) {
        if line.starts_with("ok ") {
            self.passed += 1;
        } else if line.starts_with("not ok ") {
            self.failed += 1;
        } else if let Some(count) = line.strip_prefix("1..") {
            self.wanted = count.trim_end().parse().ok().or(self.wanted);
        }
    }

    /// Whether the run broke off, or the kernel complained, although no test has failed.
    fn broke_off(&self) -> bool {
        self.failed == 0 && (self.status != 0 || self.wanted != Some(self.passed))
    }
}

/// Copies the output of a run of tests to `out`, and counts the results in it.
fn follow(run: &mut Command, out: &mut impl Write) -> Result<Results> {
    let mut run = run
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot run the lab")?;
    let output = run.stdout.take().context("the lab has an output")?;
    let mut results = Results::default();
    for line in BufReader::new(output).split(b'\n') {
        let line = line?;
        out.write_all(&[&line, &b"\n"[..]].concat())?;
        out.flush()?;
        results.count(&String::from_utf8_lossy(&line));
    }
    results.status = process::code(run.wait()?);
    Ok(results)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn results(script: &str) -> Results {
        let mut out = Vec::new();
        follow(Command::new("sh").args(["-c", script]), &mut out).unwrap()
    }

    #[test]
    fn all_lines_of_a_run_are_shown() {
        let mut out = Vec::new();
        let script = "echo 1..1; printf 'odd \\377\\n'; echo ok 1 a";
        follow(Command::new("sh").args(["-c", script]), &mut out).unwrap();
        assert_eq!(out, b"1..1\nodd \xff\nok 1 a\n");
    }

    #[test]
    fn a_run_in_which_all_pass_has_passed() {
        let run = results("echo 1..2; echo ok 1 a; echo '# ok'; echo ok 2 b");
        assert_eq!((run.passed, run.failed, run.broke_off()), (2, 0, false));
    }

    #[test]
    fn a_run_that_breaks_off_has_failed() {
        assert!(results("echo 1..2; echo ok 1 a").broke_off());
        assert!(results("true").broke_off());
        assert!(results("echo 1..1; echo ok 1 a; exit 1").broke_off());
    }

    #[test]
    fn a_test_that_fails_is_counted_once() {
        let run = results("echo 1..2; echo not ok 1 a; echo ok 2 b; exit 1");
        assert_eq!((run.passed, run.failed, run.broke_off()), (1, 1, false));
    }
}
