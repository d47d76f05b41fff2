// SPDX-License-Identifier: GPL-2.0-only

//! Builds, loads and tests the module on each of the distributions' kernels in `tools/targets`, and
//! has kernels refused that cannot work. At the end a table in Markdown tells the outcome.

use crate::{
    checks::{Checks, Transcript},
    command::{lab, text_of, variable},
    headers, install,
    ktap::Count,
    programs,
    refusals::real,
    slots::Turn,
    test::build_module,
    vm::{Guests, Kernel, file},
};
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use suite::guests::{self, Clock, Guest};

/// A kernel of all kinds of hardware takes more time to boot, and other machines are slower.
const OPTIONS: &[&str] = &["--seconds", "9000"];

/// The script of a guest in which the module only has to load, and to serve a disk.
const LOAD: &str = r#"
    insmod /chaos_driver.ko
    modprobe null_blk nr_devices=1
    echo ioem >/sys/block/nullb0/queue/scheduler
    grep -F "[ioem]" /sys/block/nullb0/queue/scheduler
    echo none >/sys/block/nullb0/queue/scheduler
    rmmod chaos_driver
"#;

/// The tests that run on a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tests {
    All,
    Main,
    /// All, if the target is named: the lab builds the kernel itself, or another target has nearly
    /// the same module.
    IfNamed,
}

impl Tests {
    fn parse(word: &str) -> Result<Self> {
        match word {
            "all" => Ok(Self::All),
            "main" => Ok(Self::Main),
            "-" => Ok(Self::IfNamed),
            _ => bail!("the tests of a target are 'all', 'main' or '-', and not '{word}'"),
        }
    }
}

/// A line of `tools/targets`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Target {
    name: String,
    architecture: String,
    /// The crate that the module is built with: `kernel`, `own` or `headers`.
    kernel_crate: String,
    tests: Tests,
}

fn targets(text: &str) -> Result<Vec<Target>> {
    let target = |line: &str| {
        let [name, _, _, architecture, kernel_crate, _own, tests] =
            line.split_whitespace().collect::<Vec<_>>()[..]
        else {
            bail!("tools/targets has a line of other than seven words: {line}");
        };
        Ok(Target {
            name: name.to_owned(),
            architecture: architecture.to_owned(),
            kernel_crate: kernel_crate.to_owned(),
            tests: Tests::parse(tests)?,
        })
    };
    text.lines().map(target).collect()
}

/// The targets that `MATRIX` names, in its order. If it names none, all that run without a name.
fn chosen(all: Vec<Target>, names: Option<&str>) -> Result<Vec<Target>> {
    let Some(names) = names else {
        return Ok(all
            .into_iter()
            .filter(|target| target.tests != Tests::IfNamed)
            .collect());
    };
    let named = |name| {
        let target = all.iter().find(|target| target.name == name).cloned();
        target.with_context(|| {
            format!("there is no target '{name}' for MATRIX; 'tools/lab targets' lists them")
        })
    };
    names.split_whitespace().map(named).collect()
}

/// The outcome of tests in guests, as cells of the table tell it.
#[derive(Default)]
struct Outcomes {
    /// On the clock of instructions; or the reason why no test ran.
    icount: String,
    /// On this machine's own clock.
    threads: String,
    /// The parts of tests that the target leaves out, each with its test and its reason.
    skipped: Vec<String>,
}

/// The row of a target in the table.
enum Row {
    NotReady(String),
    Ready {
        /// As `tools/lab kernel` prints it.
        kernel: Vec<String>,
        builds: String,
        loads: String,
        tests: Outcomes,
    },
}

impl Row {
    fn markdown(&self, target: &Target) -> String {
        let (name, kernel_crate) = (&target.name, &target.kernel_crate);
        match self {
            Self::NotReady(reason) => {
                format!("| {name} | not ready: {reason} | | | {kernel_crate} | | | | |")
            }
            Self::Ready {
                kernel,
                builds,
                loads,
                tests,
            } => {
                let Outcomes {
                    icount, threads, ..
                } = tests;
                let line = |place: usize| kernel.get(place).map_or("", String::as_str);
                let rustc = line(2).split(' ').nth(1).unwrap_or("none");
                let (release, package) = (line(0), line(1));
                format!(
                    "| {name} | {release} | {package} | {rustc} | {kernel_crate} | {builds} \
                     | {loads} | {icount} | {threads} |"
                )
            }
        }
    }
}

/// A check as a cell of the table tells it.
fn outcome(passed: bool) -> String {
    let mut count = Count::default();
    count.add(passed);
    count.of_all()
}

/// The targets of this run.
fn targets_to_test() -> Result<Vec<Target>> {
    let all = targets(&text_of(&mut lab(&["targets"]))?)?;
    chosen(all, variable("MATRIX").as_deref())
}

pub(crate) fn matrix() -> bool {
    let mut checks = Checks::default();
    let Some(targets) = checks.part("there are targets to test", targets_to_test()) else {
        return checks.summary();
    };
    let (mut rows, mut skipped) = (String::new(), String::new());
    for target in &targets {
        let row = test_target(&mut checks, target);
        let row = checks.part(
            &format!("the tests on {} come to their end", target.name),
            row,
        );
        let row = row.unwrap_or_else(|| Row::NotReady(checks.transcript.reason()));
        if install::is_machine(&target.name) {
            install::install_on(&mut checks, &target.name);
        }
        rows += &row.markdown(target);
        rows.push('\n');
        if let Row::Ready { tests, .. } = row {
            for part in tests.skipped {
                skipped += &format!("- {}: {part}\n", target.name);
            }
        }
    }
    if targets
        .iter()
        .any(|target| headers::PAIR.contains(&&*target.name))
    {
        if let Some(module) = headers::compare(&mut checks) {
            let target = headers::PAIR[1];
            checks.check("the module by the headers loads", |transcript| {
                load(transcript, target, &module)
            });
        }
    }
    let refused = real::refusals(&mut checks);
    checks.part("kernels that cannot work can be had", refused);
    println!(
        "\n| target | kernel | package | its rustc | crate | builds | loads | icount | threads |"
    );
    println!("|---|---|---|---|---|---|---|---|---|\n{rows}\nLeft out:\n\n{skipped}");
    checks.summary()
}

/// Each step only if the one before it worked.
fn test_target(checks: &mut Checks, target: &Target) -> Result<Row> {
    let Target {
        name, architecture, ..
    } = target;
    let Some(programs) = checks.check(&format!("programs for {architecture}"), |transcript| {
        programs::build_for_debian(architecture, transcript)
    }) else {
        return Ok(Row::NotReady(checks.transcript.reason()));
    };
    if !checks.check_command(
        &format!("the kernel {name} is ready"),
        lab(&["prepare", name]),
    ) {
        return Ok(Row::NotReady(checks.transcript.reason()));
    }
    let kernel = text_of(&mut lab(&["kernel", name]))?;
    let kernel: Vec<String> = kernel.lines().map(str::to_owned).collect();
    let release = kernel.first().context("the lab names no kernel")?;
    let module = checks.check(&format!("the module builds for {release}"), |transcript| {
        build_module(transcript, name)
    });
    let builds = outcome(module.is_some());
    let Some(module) = module else {
        let tests = Outcomes {
            icount: checks.transcript.reason(),
            ..Outcomes::default()
        };
        return Ok(Row::Ready {
            kernel,
            builds,
            loads: String::new(),
            tests,
        });
    };
    let loads = checks
        .check(
            &format!("it loads into {release}, and serves a disk"),
            |transcript| load(transcript, name, &module),
        )
        .is_some();
    let tests = if loads {
        test_in_guests(checks, target, module, programs)
    } else {
        Outcomes::default()
    };
    let loads = outcome(loads);
    Ok(Row::Ready {
        kernel,
        builds,
        loads,
        tests,
    })
}

fn load(transcript: &mut Transcript, target: &str, module: &Path) -> Result<()> {
    let mut guest = lab(&["run", target, "--file", &file(module, "/chaos_driver.ko")]);
    transcript.run(guest.args(["--", "sh", "-ec", LOAD]))
}

fn guests_of(target: &Target) -> Vec<Guest> {
    match (&*target.architecture, target.tests) {
        ("amd64", Tests::Main) => guests::main_tests(),
        ("amd64", _) => guests::all(),
        _ => guests::of_other_architecture(),
    }
}

fn test_in_guests(
    checks: &mut Checks,
    target: &Target,
    module: PathBuf,
    programs: PathBuf,
) -> Outcomes {
    let kernel = Kernel {
        target: target.name.clone(),
        module,
        programs,
        options: OPTIONS,
    };
    let mut guests = Guests::default();
    for guest in guests_of(target) {
        guests.start(&kernel, &guest, Turn::Last);
    }
    let outcomes = guests.finish(checks);
    let of_all = |clock| {
        let mut count = Count::default();
        for outcome in outcomes.iter().filter(|outcome| outcome.clock == clock) {
            count += outcome.count;
        }
        count.of_all()
    };
    Outcomes {
        icount: of_all(Clock::Icount),
        threads: of_all(Clock::Threads),
        skipped: outcomes
            .into_iter()
            .flat_map(|outcome| outcome.skipped)
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "forky-cloud forky linux-image-cloud-amd64 amd64 kernel - all\n\
                        forky-kasan forky linux-image-cloud-amd64 amd64 kernel kasan -\n\
                        forky-headers forky linux-image-amd64 amd64 headers - -\n\
                        forky-arm64 forky linux-image-arm64 arm64 own - main\n";

    fn names(names: Option<&str>) -> Vec<String> {
        let targets = chosen(targets(TEXT).unwrap(), names).unwrap();
        targets.into_iter().map(|target| target.name).collect()
    }

    #[test]
    fn kernels_of_the_lab_itself_and_other_builds_are_only_tested_when_named() {
        assert_eq!(names(None), ["forky-cloud", "forky-arm64"]);
        let named = ["forky-arm64", "forky-kasan", "forky-headers"];
        assert_eq!(names(Some(&named.join(" "))), named);
    }

    #[test]
    fn a_misspelt_target_is_told() {
        let error = chosen(targets(TEXT).unwrap(), Some("forky-cloud forkey")).unwrap_err();
        assert!(error.to_string().contains("'forkey'"), "{error}");
    }

    #[test]
    fn the_targets_of_the_checkout_are_understood() {
        let text = std::fs::read_to_string(crate::command::top().join("tools/targets")).unwrap();
        let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(targets(&lines.join("\n")).unwrap().len(), lines.len());
        assert!(targets("forky-cloud forky").is_err());
    }

    #[test]
    fn another_architecture_has_fewer_guests() {
        let [cloud, kasan, _, arm64] = &targets(TEXT).unwrap()[..] else {
            panic!("there are four targets");
        };
        assert_eq!(guests_of(cloud), guests::all());
        assert_eq!(guests_of(kasan), guests::all());
        assert_eq!(guests_of(arm64), guests::of_other_architecture());
    }

    #[test]
    fn rows_have_nine_cells() {
        let [cloud, .., arm64] = &targets(TEXT).unwrap()[..] else {
            panic!("there are targets");
        };
        let kernel = [
            "7.2.12-amd64",
            "7.2.12-1",
            "rustc 1.95.0 (built from a source tarball)",
        ];
        let row = Row::Ready {
            kernel: kernel.map(str::to_owned).to_vec(),
            builds: outcome(true),
            loads: outcome(false),
            tests: Outcomes::default(),
        };
        let line =
            "| forky-cloud | 7.2.12-amd64 | 7.2.12-1 | 1.95.0 | kernel | 1 of 1 | 0 of 1 |  |  |";
        assert_eq!(row.markdown(cloud), line);
        let row = Row::NotReady("there is no network.".to_owned()).markdown(arm64);
        let line = "| forky-arm64 | not ready: there is no network. | | | own | | | | |";
        assert_eq!(row, line);
    }
}
