// SPDX-License-Identifier: GPL-2.0-only

//! Looks for inputs on which a parser fails, guided by the code that inputs reach (libFuzzer).
//!
//! Inputs that reach new code are kept in target/fuzz-corpus, and those on which a target failed in
//! target/fuzz-crashes. Any stable Rust will do, with a C++ compiler for libFuzzer itself, which is
//! installed if it is missing.

use crate::command::{cache, command, for_each, host, processors, run, text_of, variable};
use anyhow::{Context, Result, bail};
use std::{
    fs,
    path::{self, Path, PathBuf},
    process::{self, Command},
    time::SystemTime,
};

const HERE: &str = "tests/fuzz";
const CORPUS: &str = "target/fuzz-corpus";
const CRASHES: &str = "target/fuzz-crashes";

/// The flags that `cargo fuzz` sets.
const FLAGS: &str = "--cfg fuzzing -Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares";

/// How many inputs of a target the repository has at most.
const SMALL: usize = 32;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// For how many seconds all targets together are given inputs
    #[arg(required_unless_present_any = ["reproduce", "minimise"])]
    seconds: Option<u64>,
    /// Only these targets
    #[arg(value_name = "TARGET")]
    targets: Vec<String>,
    /// Give one input to a target, such as one that was reported
    #[arg(long, num_args = 2, value_names = ["TARGET", "FILE"], exclusive = true)]
    reproduce: Option<Vec<String>>,
    /// Make the corpus in the repository anew, of a few inputs that reach most of the code
    #[arg(long, value_name = "TARGET", exclusive = true)]
    minimise: Option<String>,
}

impl Arguments {
    /// A file's name is a path from the folder in which people are.
    pub(crate) fn with_whole_paths(mut self) -> Result<Self> {
        if let Some(words) = &mut self.reproduce {
            words[1] = path::absolute(&words[1])?.to_string_lossy().into_owned();
        }
        Ok(self)
    }
}

pub(crate) fn fuzz(arguments: Arguments) -> Result<bool> {
    let all = targets(&fs::read_to_string(format!("{HERE}/Cargo.toml"))?);
    if let Some(words) = arguments.reproduce {
        must_be_one(&all, &words[0])?;
        let programs = build()?;
        let status = target(&programs, &words[0]).arg(&words[1]).status()?;
        return Ok(status.success());
    }
    if let Some(name) = arguments.minimise {
        must_be_one(&all, &name)?;
        return minimise(&build()?, &name).map(|()| true);
    }
    for name in &arguments.targets {
        must_be_one(&all, name)?;
    }
    let seconds = arguments.seconds.context("a time is needed")?;
    let names = if arguments.targets.is_empty() {
        all
    } else {
        arguments.targets
    };
    let programs = build()?;
    let share = share(seconds, names.len(), processors());
    let results = for_each(&names, processors(), |name| {
        run_target(&programs, name, share)
    });
    for error in results.iter().filter_map(|result| result.as_ref().err()) {
        eprintln!("fuzz: {error:#}");
    }
    Ok(results.iter().all(|result| matches!(result, Ok(true))))
}

/// The names of the programs that a Cargo.toml has.
fn targets(manifest: &str) -> Vec<String> {
    let programs = manifest.split("[[bin]]\n").skip(1);
    let name = |program: &str| {
        let name = program.lines().next()?.strip_prefix("name = \"")?;
        Some(name.strip_suffix('"')?.to_owned())
    };
    programs.filter_map(name).collect()
}

fn must_be_one(all: &[String], name: &str) -> Result<()> {
    if !all.iter().any(|target| target == name) {
        bail!("there is no target '{name}'; there are {}", all.join(", "));
    }
    Ok(())
}

/// The seconds of each target, of which as many run at a time as there are processors. One is the
/// least that libFuzzer knows.
fn share(seconds: u64, targets: usize, processors: usize) -> u64 {
    (seconds * processors as u64 / targets as u64).max(1)
}

fn compiler() -> String {
    variable("CXX").unwrap_or_else(|| "c++".to_owned())
}

/// Installs a missing compiler for root, and names it for others, as the lab does.
fn need_compiler() -> Result<()> {
    if command(&[&compiler(), "--version"]).output().is_ok() {
        return Ok(());
    }
    let is_root = text_of(&mut command(&["id", "-u"]))?.trim_end() == "0";
    let has_apt = command(&["apt-get", "--version"]).output().is_ok();
    if variable("CXX").is_some() || !is_root || !has_apt {
        bail!("there is no C++ compiler for libFuzzer: install g++, or set CXX to one");
    }
    println!("installing g++ on this machine");
    let install =
        "apt-get update -qq && apt-get install -y -qq --no-install-recommends g++ >/dev/null";
    run(command(&["sh", "-c", install]).env("DEBIAN_FRONTEND", "noninteractive"))
        .context("there is no C++ compiler for libFuzzer: install g++, or set CXX to one")
}

/// Builds all targets; their folder. A target of cargo of its own keeps build scripts from being
/// compiled with the flags.
fn build() -> Result<PathBuf> {
    need_compiler()?;
    let folder = Path::new("target/fuzz").join(host()?).join("release");
    let libfuzzer = libfuzzer()?;
    let manifest = format!("{HERE}/Cargo.toml");
    let mut cargo = command(&[
        "cargo",
        "build",
        "--quiet",
        "--release",
        "--manifest-path",
        &manifest,
    ]);
    cargo
        .args(["--target", &host()?, "--target-dir", "target/fuzz"])
        .env("RUSTFLAGS", FLAGS);
    if libfuzzer.exists() {
        cargo.env("CUSTOM_LIBFUZZER_PATH", &libfuzzer);
    }
    run(&mut cargo)?;
    if !libfuzzer.exists() {
        keep(&newest_libfuzzer(&folder)?, &libfuzzer)?;
    }
    Ok(folder)
}

/// libFuzzer itself takes half of the time to build, and is the same for all checkouts: it is kept
/// in the lab's cache.
fn libfuzzer() -> Result<PathBuf> {
    let lock = fs::read_to_string(format!("{HERE}/Cargo.lock"))?;
    let version =
        version_of(&lock, "libfuzzer-sys").context("libfuzzer-sys is not in Cargo.lock")?;
    let compiler = text_of(&mut command(&[&compiler(), "-dumpfullversion"]))?;
    Ok(cache()?.join(format!("libfuzzer-{version}.{}.a", compiler.trim_end())))
}

/// The version of a package in a Cargo.lock.
fn version_of(lock: &str, package: &str) -> Option<String> {
    let (_, rest) = lock.split_once(&format!("name = \"{package}\"\nversion = \""))?;
    Some(rest.split_once('"')?.0.to_owned())
}

fn newest_libfuzzer(folder: &Path) -> Result<PathBuf> {
    let scripts = fs::read_dir(folder.join("build"))?;
    let built = scripts
        .filter_map(|entry| Some(entry.ok()?.path().join("out/libfuzzer.a")))
        .filter(|file| file.exists());
    let newest = built.max_by_key(|file| modified(file));
    newest.context("no libfuzzer.a was built")
}

fn modified(file: &Path) -> SystemTime {
    let time = file.metadata().and_then(|about| about.modified());
    time.unwrap_or(SystemTime::UNIX_EPOCH)
}

/// Others that read it meanwhile find nothing, or all of it.
fn keep(from: &Path, to: &Path) -> Result<()> {
    let half = to.with_extension(process::id().to_string());
    fs::create_dir_all(to.parent().context("a cache is a folder")?)?;
    fs::copy(from, &half)?;
    Ok(fs::rename(half, to)?)
}

/// A program and all that its runs have in common. An input that takes so long, even on a busy
/// machine, or more memory, is a crash.
fn words(name: &str) -> Vec<String> {
    // The type information of a kernel that fits is of this size.
    let length = if name == "btf" { 8192 } else { 1024 };
    let prefix = format!("-artifact_prefix={CRASHES}/{name}-");
    let mut words = vec![format!("-max_len={length}"), prefix];
    words.extend(["-timeout=25", "-rss_limit_mb=1024"].map(str::to_owned));
    words
}

fn target(programs: &Path, name: &str) -> Command {
    let mut program = Command::new(programs.join(name));
    program.args(words(name));
    program
}

/// Prints a line; whether no input failed.
fn run_target(programs: &Path, name: &str, seconds: u64) -> Result<bool> {
    let corpus = format!("{CORPUS}/{name}");
    fs::create_dir_all(&corpus)?;
    fs::create_dir_all(CRASHES)?;
    // Whatever happens, this ends; on a busy machine, libFuzzer itself may be late by minutes.
    let limit = (seconds + 300).to_string();
    let mut guarded = command(&["timeout", "--kill-after=5", &limit]);
    guarded
        .arg(programs.join(name))
        .args(words(name))
        .arg(format!("-max_total_time={seconds}"))
        .args(["-print_final_stats=1", &corpus])
        .arg(format!("{HERE}/corpus/{name}"));
    let mut transcript = crate::checks::Transcript::default();
    let (status, output) = transcript.try_run(&mut guarded)?;
    let (passed, line) = verdict(name, status.success(), &output);
    println!("{line}");
    Ok(passed)
}

/// Whether no input failed, and what people are told. Without inputs nothing was looked at.
fn verdict(name: &str, succeeded: bool, output: &str) -> (bool, String) {
    let executions = executions(output);
    if succeeded && executions > 0 {
        let line = format!("{name}: {executions} executions, no crash");
        (true, line)
    } else {
        (false, failure(name, output))
    }
}

fn executions(output: &str) -> u64 {
    let found = output
        .lines()
        .find_map(|line| line.strip_prefix("stat::number_of_executed_units:"));
    found.map_or(0, |number| number.trim().parse().unwrap_or(0))
}

/// How to see it again, and the lines that tell why.
fn failure(name: &str, output: &str) -> String {
    let crash = output
        .lines()
        .find_map(|line| Some(line.split_once("Test unit written to ")?.1));
    let crash = crash.unwrap_or("(see above)");
    let lines: Vec<&str> = output.lines().collect();
    let tells = |line: &&str| line.contains("panicked at") || line.contains("ERROR: libFuzzer");
    let reasons = match lines.iter().position(tells) {
        Some(first) => &lines[first..lines.len().min(first + 12)],
        None => &lines[lines.len().saturating_sub(5)..],
    };
    format!(
        "{name}: failed; to reproduce: tests/fuzz/run --reproduce {name} {crash}\n{}",
        reasons.join("\n")
    )
}

/// Makes the corpus of a target anew.
fn minimise(programs: &Path, name: &str) -> Result<()> {
    let small = tempfile::tempdir()?;
    let corpus = format!("{HERE}/corpus/{name}");
    let kept = format!("{CORPUS}/{name}");
    fs::create_dir_all(&kept)?;
    let mut merge = target(programs, name);
    merge
        .args(["-set_cover_merge=1", "-use_counters=0"])
        .arg(small.path())
        .args([&corpus, &kept]);
    run(&mut merge)?;
    let entries = fs::read_dir(small.path())?.collect::<Result<Vec<_>, _>>()?;
    let mut inputs: Vec<PathBuf> = entries.into_iter().map(|entry| entry.path()).collect();
    // The inputs that reach most come first, and so are the oldest.
    inputs.sort_by_key(|input| modified(input));
    inputs.truncate(SMALL);
    fs::remove_dir_all(&corpus)?;
    fs::create_dir(&corpus)?;
    for input in inputs {
        let file = input.file_name().context("an input is a file")?;
        fs::copy(&input, Path::new(&corpus).join(file))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::top;

    #[test]
    fn the_targets_are_those_of_the_manifest() {
        let manifest = fs::read_to_string(top().join(HERE).join("Cargo.toml")).unwrap();
        let targets = targets(&manifest);
        assert!(targets.iter().any(|target| target == "btf"));
        for target in &targets {
            let file = top().join(HERE).join(format!("targets/{target}.rs"));
            assert!(file.exists(), "{target}");
        }
        assert!(must_be_one(&targets, "btf").is_ok());
        let error = must_be_one(&targets, "bft").unwrap_err().to_string();
        assert!(
            error.starts_with("there is no target 'bft'; there are "),
            "{error}"
        );
    }

    #[test]
    fn the_version_of_libfuzzer_is_found() {
        let lock = fs::read_to_string(top().join(HERE).join("Cargo.lock")).unwrap();
        assert!(version_of(&lock, "libfuzzer-sys").is_some());
        assert_eq!(version_of(&lock, "libfuzzer"), None);
    }

    #[test]
    fn the_time_is_shared_among_targets() {
        assert_eq!(share(16, 8, 2), 4);
        assert_eq!(share(1, 8, 2), 1);
        assert_eq!(share(60, 1, 2), 120);
    }

    #[test]
    fn a_target_without_inputs_or_with_a_bad_end_has_failed() {
        let stats = "INFO: a\nstat::number_of_executed_units: 4124\n";
        let (passed, line) = verdict("btf", true, stats);
        assert!(passed);
        assert_eq!(line, "btf: 4124 executions, no crash");
        assert!(!verdict("btf", false, stats).0);
        assert!(!verdict("btf", true, &stats.replace("4124", "0")).0);
        assert!(!verdict("btf", true, "INFO: a\n").0);
    }

    #[test]
    fn a_failure_tells_how_to_see_it_again() {
        let output = "INFO\nthread 'main' panicked at a.rs:1:2:\nreason\n\
                      artifact_prefix='a'; Test unit written to target/fuzz-crashes/btf-crash-1\n";
        let text = failure("btf", output);
        let (first, reasons) = text.split_once('\n').unwrap();
        assert_eq!(
            first,
            "btf: failed; to reproduce: tests/fuzz/run --reproduce btf target/fuzz-crashes/btf-crash-1"
        );
        assert!(reasons.starts_with("thread 'main' panicked at a.rs:1:2:\nreason\n"));
        assert!(failure("btf", "a\nb").ends_with("(see above)\na\nb"));
    }
}
