// SPDX-License-Identifier: GPL-2.0-only

//! Measures what ioem costs and how exact it is, beside its rivals, in virtual machines; writes a
//! table, JSON and plots into a folder.
//!
//! So many guests on the icount clock, each with a seed of its own, some of them at a time; then,
//! alone, one for the part `path`, and one on the clock of threads for the part `scaling`. A chosen
//! part that measured nothing fails.

use crate::{
    checks::Transcript,
    command::{
        command, for_each, kernel_release, lab, number_of, processors, run, text_of, top, variable,
    },
    programs,
    vm::file,
};
use anyhow::{Context, Result, bail};
use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};
use suite::guests::Clock;

const WORK: &str = "target/bench";
const BENCH: &str = "target/release/bench";

/// The depths at which the part `path` looks, and the loads of each.
const DEPTHS: [u32; 2] = [1, 32];
const LOADS: [&str; 6] = ["fifo", "none", "limit", "limits", "filters", "delay"];

/// The parts that a run has chosen, by their boots.
#[derive(Debug, PartialEq, Eq)]
struct Parts {
    /// In each of the guests on the icount clock.
    together: Vec<String>,
    path: bool,
    scaling: bool,
}

impl Parts {
    fn new(chosen: &str) -> Self {
        let has = |part| chosen.split_whitespace().any(|word| word == part);
        let others = chosen
            .split_whitespace()
            .filter(|part| !["path", "scaling"].contains(part));
        Self {
            together: others.map(str::to_owned).collect(),
            path: has("path"),
            scaling: has("scaling"),
        }
    }
}

/// One boot.
struct Boot {
    name: String,
    clock: Clock,
    cpus: u8,
    seed: u32,
    parts: Vec<String>,
    options: Vec<String>,
}

impl Boot {
    /// The file of what it prints.
    fn output(&self) -> PathBuf {
        Path::new(WORK).join(format!("guest.{}", self.name))
    }

    fn run(&self, programs: &Path) -> Result<()> {
        let output = self.output();
        let written = File::create(&output)?;
        let status = lab(&[
            "run",
            "--clock",
            self.clock.word(),
            "--cpus",
            &self.cpus.to_string(),
        ])
        .args(["--seconds", "7200", "--serial"])
        .args(&self.options)
        .args([
            "--file",
            &file(Path::new("driver/chaos_driver.ko"), "/chaos_driver.ko"),
        ])
        .args([
            "--file",
            &file(&Path::new(WORK).join("fifo/fifo.ko"), "/fifo.ko"),
        ])
        .args([
            "--file",
            &file(&Path::new(WORK).join("fifo/fifo_rust.ko"), "/fifo_rust.ko"),
        ])
        .args([
            "--file",
            &file(&programs.join("chaos-tests"), "/chaos-tests"),
        ])
        .args(["--", "/chaos-tests", "bench", &self.seed.to_string()])
        .args(&self.parts)
        .stderr(written.try_clone()?)
        .stdout(written)
        .status()?;
        if !status.success() {
            let (name, output) = (&self.name, output.display());
            bail!(
                "the guest {name} has failed; what it printed is in {output}{}",
                self.tail()
            );
        }
        Ok(())
    }

    fn tail(&self) -> String {
        let bytes = fs::read(self.output()).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        let lines: Vec<&str> = text.lines().collect();
        let last = &lines[lines.len().saturating_sub(20)..];
        format!(", whose last lines are:\n{}", last.join("\n"))
    }
}

/// Exits with what judges the figures.
pub(crate) fn bench() -> Result<u8> {
    let boots: u32 = number_of("BOOTS", 3)?;
    let jobs = number_of("JOBS", processors())?;
    let out = variable("OUT").unwrap_or_else(|| format!("{WORK}/results"));
    let out = Path::new(&out);
    run(&mut command(&[
        "cargo",
        "build",
        "--quiet",
        "--release",
        "--package",
        "bench",
    ]))?;
    let wanted = variable("PARTS").unwrap_or_default();
    let chosen = text_of(&mut command(&[BENCH, "parts", &wanted]))?;
    let parts = Parts::new(&chosen);
    let programs = build()?;
    clear()?;
    let guests = boot_all(&parts, boots, jobs, &programs)?;
    let mut judge = command(&[BENCH, "judge", &chosen]);
    let status = judge.arg(out).args(&guests).status()?;
    if parts.path {
        write_paths(out)?;
    }
    eprintln!("bench: what was measured is in {}.", out.display());
    Ok(status
        .code()
        .and_then(|code| u8::try_from(code).ok())
        .unwrap_or(1))
}

/// Removes what an earlier run has left.
fn clear() -> Result<()> {
    fs::create_dir_all(WORK)?;
    for entry in fs::read_dir(WORK)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with("guest.") {
            fs::remove_file(entry.path())?;
        }
    }
    let logs = Path::new(WORK).join("path");
    if logs.exists() {
        fs::remove_dir_all(logs)?;
    }
    Ok(())
}

/// The folder of the programs for guests, once all is built.
fn build() -> Result<PathBuf> {
    // Also for `fifo_rust`, which takes what this build generates.
    run(&mut lab(&["build"]))?;
    let release = kernel_release()?;
    let series = series(&release).context("the kernel's release has no series")?;
    run(&mut lab(&[
        "shell",
        "sh",
        "/src/tests/bench/fifo/build",
        &release,
        &series,
    ]))?;
    match variable("KERNEL_CRATE").as_deref() {
        None | Some("kernel") => {}
        // The same kernel.
        Some("own") => run(&mut lab(&["build", "forky-cloud-own"]))?,
        Some(other) => bail!("KERNEL_CRATE is 'kernel' or 'own', and not '{other}'."),
    }
    eprintln!("bench: building the programs ...");
    let mut transcript = Transcript::default();
    let built = programs::build(&mut transcript);
    built.inspect_err(|_| eprint!("{}", transcript.comments()))
}

/// As in 7.2 of 7.2.12+deb14-cloud-amd64.
fn series(release: &str) -> Option<String> {
    let mut numbers = release.split(|letter: char| !letter.is_ascii_digit());
    let (major, minor) = (numbers.next()?, numbers.next()?);
    let series = format!("{major}.{minor}");
    release.starts_with(&series).then_some(series)
}

/// Boots all guests; the files with figures to judge.
fn boot_all(parts: &Parts, boots: u32, jobs: usize, programs: &Path) -> Result<Vec<PathBuf>> {
    let mut guests = Vec::new();
    if !parts.together.is_empty() {
        eprintln!("bench: {boots} boots on the icount clock ...");
        let boots: Vec<Boot> = (1..=boots)
            .map(|seed| together(seed, &parts.together))
            .collect();
        for result in for_each(&boots, jobs, |boot| boot.run(programs)) {
            result?;
        }
        guests.extend(boots.iter().map(Boot::output));
    }
    if parts.path {
        eprintln!("bench: a boot of which QEMU logs what is executed ...");
        let monitor = ["--monitor".to_owned(), format!("{WORK}/path")];
        alone("path", "path", Clock::Icount, &monitor).run(programs)?;
    }
    if parts.scaling {
        eprintln!("bench: a boot on the clock of threads ...");
        let boot = alone("threads", "scaling", Clock::Threads, &[]);
        boot.run(programs)?;
        guests.push(boot.output());
    }
    Ok(guests)
}

fn together(seed: u32, parts: &[String]) -> Boot {
    Boot {
        name: format!("icount{seed}"),
        clock: Clock::Icount,
        // One more than the most hardware queues that are loaded, of five that hold much.
        cpus: 5,
        seed,
        parts: parts.to_vec(),
        options: Vec::new(),
    }
}

fn alone(name: &str, part: &str, clock: Clock, options: &[String]) -> Boot {
    Boot {
        name: name.to_owned(),
        clock,
        cpus: 2,
        seed: 1,
        parts: vec![part.to_owned()],
        options: options.to_vec(),
    }
}

/// Tables of functions, of what QEMU has logged.
fn write_paths(out: &Path) -> Result<()> {
    let logs = Path::new(WORK).join("path");
    for depth in DEPTHS {
        let mut bench = command(&[
            &top().join(BENCH).to_string_lossy(),
            "path",
            "../guest.path",
        ]);
        bench
            .args(LOADS.map(|load| format!("{depth}.{load}")))
            .current_dir(&logs);
        fs::write(
            out.join(format!("path-depth-{depth}.md")),
            text_of(&mut bench)?,
        )?;
    }
    Ok(fs::remove_dir_all(logs)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_parts_have_boots_of_their_own() {
        let parts = Parts::new("idle\nrules\npath\n");
        assert_eq!(parts.together, ["idle", "rules"]);
        assert!(parts.path && !parts.scaling);
        let scaling = Parts::new("scaling\n");
        assert!(scaling.together.is_empty() && scaling.scaling && !scaling.path);
    }

    #[test]
    fn each_boot_has_a_seed_and_a_file_of_its_own() {
        let parts = ["idle".to_owned()];
        let boots = [together(1, &parts), together(2, &parts)];
        assert_ne!(boots[0].output(), boots[1].output());
        assert_ne!(boots[0].seed, boots[1].seed);
    }

    #[test]
    fn the_series_of_a_release_is_its_first_two_numbers() {
        assert_eq!(series("7.2.12+deb14-cloud-amd64").as_deref(), Some("7.2"));
        assert_eq!(series("7.10-rc1").as_deref(), Some("7.10"));
        assert_eq!(series("next-7.2"), None);
    }
}
