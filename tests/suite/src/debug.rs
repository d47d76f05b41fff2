// SPDX-License-Identifier: GPL-2.0-only

//! Tests on kernels that look for mistakes, which the lab builds with sanitizers: tests whose times
//! are not judged, tests that only have to come to their end, and the torture.

use crate::{
    checks::Checks,
    command::{number_of, words_of},
    programs,
    slots::Turn,
    test::build_kernel,
    vm::{Guests, Kernel, file},
};
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use suite::guests::{self, Clock, Guest};

/// The steps: each runs in guests of its own on each kernel, on the clock whose races are real.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Times are not judged.
    UntimedTests,
    /// Other parts of the kernel, while completions are held.
    Traps,
    /// Tests that learn from a time how an I/O fared: here they only have to come to their end.
    UnjudgedTests,
    Torture,
    /// Torture until there was enough of everything.
    Volumes,
}

/// All steps, by the words that choose them.
const STEPS: [(&str, Step); 5] = [
    ("untimed_tests", Step::UntimedTests),
    ("traps", Step::Traps),
    ("unjudged_tests", Step::UnjudgedTests),
    ("torture", Step::Torture),
    ("volumes", Step::Volumes),
];

/// Kernels on which volumes are known to be reached, and how many I/Os are to be verified there.
const VERIFIED: [(&str, u64); 4] = [
    ("forky-kasan", 10_000_000),
    ("forky-kcsan", 2_000_000),
    ("trixie-kasan", 1_000_000),
    ("bookworm-kasan", 1_000_000),
];

/// The choices of the environment.
pub(crate) struct Settings {
    /// `KERNELS`: targets of the lab.
    kernels: Vec<String>,
    /// `TORTURE_SECONDS`.
    seconds: u64,
    /// `SEED`.
    seed: u64,
    /// `VOLUME_SECONDS`: the time that volumes may take at most.
    volume_seconds: u64,
}

impl Settings {
    fn from_environment() -> Result<Self> {
        Ok(Self {
            kernels: words_of("KERNELS", "forky-kasan forky-kcsan"),
            seconds: number_of("TORTURE_SECONDS", 120)?,
            seed: number_of("SEED", 1)?,
            volume_seconds: number_of("VOLUME_SECONDS", 5400)?,
        })
    }
}

/// The steps of words, each of which may be several; all but the volumes, if there are none.
fn steps(words: &[String]) -> Result<Vec<Step>> {
    let words: Vec<&str> = words
        .iter()
        .flat_map(|word| word.split_whitespace())
        .collect();
    if words.is_empty() {
        let all = STEPS.iter().map(|(_, step)| *step);
        return Ok(all.filter(|step| *step != Step::Volumes).collect());
    }
    let step = |word: &&str| {
        let step = STEPS.iter().find(|(name, _)| name == word);
        step.map(|(_, step)| *step).with_context(|| {
            let names = STEPS.map(|(name, _)| name).join(", ");
            format!("there is no step '{word}'; STEPS may have {names}")
        })
    };
    words.iter().map(step).collect()
}

/// The guests of a step on a kernel, with the file system exerciser for torture.
fn of_step(step: Step, kernel: &str, fsx: &Path, settings: &Settings) -> Result<Vec<Guest>> {
    let torture = |name, seconds: u64, words: &[&str]| {
        let start = format!("torture {seconds} {}", settings.seed);
        let mut guest = Guest::new(name, Clock::Threads, 2, &start);
        guest
            .words
            .extend(words.iter().map(|word| (*word).to_owned()));
        guest.with(&["--disk", "256", "--file", &file(fsx, "/bin/fsx")])
    };
    Ok(match step {
        Step::UntimedTests => vec![guests::untimed_tests()],
        Step::Traps => vec![guests::traps()],
        Step::UnjudgedTests => vec![guests::unjudged_tests()],
        Step::Torture => vec![torture("torture", settings.seconds, &[])],
        // Where it is on, kmemleak takes most of the time; `torture` has it. First raw disks, with
        // as much else as still leaves most of the time to their I/O; then everything else, but for
        // file systems, which take the time that actions need.
        Step::Volumes => {
            let verified = format!("verified={}", verified(kernel)?);
            let seconds = settings.volume_seconds;
            let limit = (seconds + 900).to_string();
            let part = |words: &[&str]| {
                let all = [&["--no-kmemleak"], words].concat();
                torture("volumes", seconds, &all).with(&["--seconds", &limit])
            };
            let raw = part(&[
                &verified,
                "changes=200",
                "removals=5",
                "offline=5",
                "raw",
                "injections 1",
                "removals",
                "processors",
            ]);
            let everything_else = part(&[
                "switches=1000",
                "removals=200",
                "offline=100",
                "changes=10000",
                "raw",
                "injections",
                "schedulers",
                "queues",
                "processors",
                "removals",
                "allocations",
            ]);
            match kernel {
                "forky-kasan" => vec![raw, everything_else],
                _ => vec![raw],
            }
        }
    })
}

fn verified(kernel: &str) -> Result<u64> {
    let known = VERIFIED.iter().find(|(name, _)| *name == kernel);
    let Some((_, verified)) = known else {
        let names = VERIFIED.map(|(name, _)| name).join(", ");
        bail!("volumes are reached on {names}, and KERNELS has '{kernel}'");
    };
    Ok(*verified)
}

/// The files that go into guests besides the module.
struct Tools {
    programs: PathBuf,
    fsx: PathBuf,
}

impl Tools {
    fn build(checks: &mut Checks) -> Option<Self> {
        let programs = checks.check("programs for the guest", programs::build);
        let fsx = checks.check("fsx for the guest", programs::build_fsx);
        let (programs, fsx) = programs.zip(fsx)?;
        Some(Self { programs, fsx })
    }
}

pub(crate) fn debug(words: &[String]) -> Result<bool> {
    let mut checks = Checks::default();
    let settings = Settings::from_environment()?;
    let steps = steps(words)?;
    if steps.contains(&Step::Volumes) {
        settings
            .kernels
            .iter()
            .try_for_each(|kernel| verified(kernel).map(drop))?;
    }
    if let Some(tools) = Tools::build(&mut checks) {
        for target in &settings.kernels {
            let Some(kernel) = build_kernel(target, &tools.programs, &mut checks) else {
                continue;
            };
            let mut guests = Guests::default();
            let started = start_on(&kernel, &steps, &settings, &tools.fsx, &mut guests);
            checks.part(&format!("the tests on {target} have started"), started);
            guests.finish(&mut checks);
        }
    }
    Ok(checks.summary())
}

/// The part that continuous integration has time for: tests that judge no time, and a short
/// torture. All that they need is built.
pub(crate) struct Short {
    kernel: Kernel,
    fsx: PathBuf,
    settings: Settings,
}

/// The kernel of the short part.
pub(crate) const SHORT: &str = "forky-kasan";

/// Builds for the short part; nothing if a check of this fails.
pub(crate) fn build_short(checks: &mut Checks) -> Result<Option<Short>> {
    let settings = Settings {
        seconds: 60,
        ..Settings::from_environment()?
    };
    let short = Tools::build(checks).and_then(|tools| {
        let kernel = build_kernel(SHORT, &tools.programs, checks)?;
        let fsx = tools.fsx;
        Some(Short {
            kernel,
            fsx,
            settings,
        })
    });
    Ok(short)
}

impl Short {
    pub(crate) fn start(&self, guests: &mut Guests) -> Result<()> {
        let steps = [Step::UntimedTests, Step::Torture];
        start_on(&self.kernel, &steps, &self.settings, &self.fsx, guests)
    }
}

fn start_on(
    kernel: &Kernel,
    steps: &[Step],
    settings: &Settings,
    fsx: &Path,
    guests: &mut Guests,
) -> Result<()> {
    for step in steps {
        for guest in of_step(*step, &kernel.target, fsx, settings)? {
            guests.start(kernel, &guest, Turn::Last);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: Settings = Settings {
        kernels: Vec::new(),
        seconds: 120,
        seed: 7,
        volume_seconds: 5400,
    };

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    fn of(step: Step, kernel: &str) -> Vec<Guest> {
        of_step(step, kernel, Path::new("fsx"), &SETTINGS).unwrap()
    }

    #[test]
    fn without_words_all_steps_are_chosen_but_the_volumes() {
        use Step::{Torture, Traps, UnjudgedTests, UntimedTests};
        let all = [UntimedTests, Traps, UnjudgedTests, Torture];
        assert_eq!(steps(&[]).unwrap(), all);
        assert_eq!(steps(&words(&[""])).unwrap(), all);
    }

    #[test]
    fn words_may_come_together_or_one_by_one() {
        let chosen = [Step::Traps, Step::Volumes];
        assert_eq!(steps(&words(&["traps volumes"])).unwrap(), chosen);
        assert_eq!(steps(&words(&["traps", "volumes"])).unwrap(), chosen);
    }

    #[test]
    fn a_misspelt_step_is_told_with_those_that_there_are() {
        let error = steps(&words(&["traps tortur"])).unwrap_err().to_string();
        assert!(error.starts_with("there is no step 'tortur'; "), "{error}");
        assert!(
            STEPS.iter().all(|(name, _)| error.contains(name)),
            "{error}"
        );
    }

    /// Its guests have one name, so that the second waits for the first.
    #[test]
    fn a_step_that_is_given_twice_runs_twice() {
        let twice = steps(&words(&["torture torture"])).unwrap();
        assert_eq!(twice, [Step::Torture; 2]);
        assert_eq!(of(twice[0], "forky-kasan"), of(twice[1], "forky-kasan"));
    }

    #[test]
    fn steps_differ_in_the_names_of_their_guests() {
        let names = STEPS.map(|(_, step)| of(step, "forky-kasan")[0].name);
        assert_eq!(names, STEPS.map(|(name, _)| name));
    }

    #[test]
    fn torture_gets_its_time_its_seed_and_a_disk() {
        let [torture] = &of(Step::Torture, "forky-kasan")[..] else {
            panic!("torture is one guest");
        };
        assert_eq!(torture.words, ["torture", "120", "7"]);
        assert_eq!(torture.options, ["--disk", "256", "--file", "fsx=/bin/fsx"]);
    }

    #[test]
    fn volumes_have_two_parts_with_kasan_and_one_with_kcsan() {
        assert_eq!(of(Step::Volumes, "forky-kasan").len(), 2);
        let [volumes] = &of(Step::Volumes, "forky-kcsan")[..] else {
            panic!("volumes are one guest with kcsan");
        };
        assert!(volumes.words.contains(&"verified=2000000".to_owned()));
        assert!(volumes.words.contains(&"injections 1".to_owned()));
        assert!(volumes.options.ends_with(&words(&["--seconds", "6300"])));
    }

    #[test]
    fn volumes_are_not_for_other_kernels() {
        let error = of_step(Step::Volumes, "forky", Path::new("fsx"), &SETTINGS).unwrap_err();
        assert!(
            error.to_string().ends_with("KERNELS has 'forky'"),
            "{error}"
        );
    }
}
