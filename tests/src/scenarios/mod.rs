// SPDX-License-Identifier: GPL-2.0-only

//! All tests. A file here is a `mod` line below, and each of its tests a line `scenario!` above a
//! function.

use crate::report::Report;
use anyhow::Result;

/// A test.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) run: fn(&mut Report) -> Result<()>,
    file: &'static str,
    line: u32,
}

inventory::collect!(Scenario);

/// Makes a function a test of this name.
macro_rules! scenario {
    ($name:literal, $run:expr) => {
        inventory::submit! {
            $crate::scenarios::Scenario {
                name: $name,
                run: $run,
                file: file!(),
                line: line!(),
            }
        }
    };
}

// Written out, as `cargo fmt` finds no file that a macro names.
mod arm;
mod combine;
mod command;
mod cost;
mod counters;
mod damage;
mod data;
mod delay;
mod distribution;
mod error;
mod error_cookbook;
mod error_data;
mod exact;
mod fair;
mod filter;
mod filter_kernel;
mod filter_owner;
mod flush;
mod flush_alone;
mod freeze;
mod freeze_release;
mod hits;
mod input;
mod iostat;
mod jitter;
mod kchaos;
mod kchaos_damage;
mod kchaos_doctor;
mod kchaos_pairs;
mod kchaos_record;
mod kchaos_scenario;
mod kchaos_whose;
mod lanes;
mod lease;
mod limit;
mod limit_bytes;
mod merge;
mod module;
mod others;
mod profile;
mod raw;
mod readme;
mod recovery;
mod recovery_parked;
mod security;
mod seed;
mod sleep;
mod stack_arrays;
mod stack_mounts;
mod stack_paths;
mod stack_volumes;
mod tags;
mod traps;
mod traps_files;
mod traps_integrity;
mod traps_nvme;
mod traps_others;
mod traps_stacked;
mod traps_zoned;
mod untouched;

/// All tests, in the order of their files and of their places in these, which is not the linker's.
pub(crate) fn all() -> Vec<&'static Scenario> {
    let mut all: Vec<_> = inventory::iter::<Scenario>().collect();
    all.sort_by_key(|scenario| (scenario.file, scenario.line));
    all
}

/// Whether words select a test: its name contains one of them, if there are any, and no word that
/// begins with `-`.
pub(crate) fn selects<W: AsRef<str>>(words: &[W], name: &str) -> bool {
    let (without, with): (Vec<&str>, Vec<&str>) = words
        .iter()
        .map(AsRef::as_ref)
        .partition(|word| word.starts_with('-'));
    !without.iter().any(|word| name.contains(&word[1..]))
        && (with.is_empty() || with.iter().any(|word| name.contains(word)))
}

#[cfg(test)]
mod tests {
    use super::{all, selects};
    use std::{collections::BTreeSet, fs};
    use suite::guests;

    #[test]
    fn each_file_has_tests() -> anyhow::Result<()> {
        let mut files = BTreeSet::new();
        for entry in fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src/scenarios"))? {
            // A folder has parts of the file of its name.
            let path = entry?.path();
            if let Some(name) = path.file_name().filter(|_| path.is_file()) {
                files.insert(name.to_string_lossy().into_owned());
            }
        }
        files.remove("mod.rs");
        let registered: BTreeSet<String> = all()
            .iter()
            .filter_map(|scenario| Some(scenario.file.rsplit_once('/')?.1.to_owned()))
            .collect();
        assert_eq!(registered, files);
        Ok(())
    }

    #[test]
    fn each_name_is_of_one_test() {
        let names: BTreeSet<&str> = all().iter().map(|scenario| scenario.name).collect();
        assert_eq!(names.len(), all().len());
    }

    #[test]
    fn tests_are_in_the_order_of_files_and_places() {
        let names: Vec<&str> = all().iter().map(|scenario| scenario.name).collect();
        let place = |name| names.iter().position(|other| *other == name);
        assert!(place("delay_100us") < place("delay_1s"));
        assert!(place("delay_1s") < place("limit_20us"));
    }

    /// Among the guests that `make test` starts.
    #[test]
    fn each_test_has_a_guest() {
        for scenario in all() {
            assert!(
                guests::all()
                    .iter()
                    .any(|guest| selects(&guest.words, scenario.name)),
                "the words in tests/suite/src/guests.rs select {} for no guest",
                scenario.name
            );
        }
    }

    /// A misspelt one would select none, or leave none out.
    #[test]
    fn each_word_of_a_guest_is_of_a_test() {
        let guests = guests::all()
            .into_iter()
            .chain(guests::of_other_architecture())
            .chain([
                guests::untimed_tests(),
                guests::traps(),
                guests::unjudged_tests(),
            ]);
        let words = guests.flat_map(|guest| guest.words);
        for word in words.filter(|word| !word.starts_with("--")) {
            let part = word.trim_start_matches('-');
            assert!(
                all().iter().any(|scenario| scenario.name.contains(part)),
                "the word {word} in tests/suite/src/guests.rs is of no test"
            );
        }
    }

    #[test]
    fn words_select_tests() {
        let none: [&str; 0] = [];
        assert!(selects(&none, "delay_1ms"));
        assert!(selects(&["limit", "delay"], "delay_1ms"));
        assert!(!selects(&["limit"], "delay_1ms"));
        assert!(!selects(&["delay", "-1ms"], "delay_1ms"));
        assert!(selects(&["-1ms"], "delay_10ms"));
    }
}
