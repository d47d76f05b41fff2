// SPDX-License-Identifier: GPL-2.0-only

//! The guests of a kernel, and by which words each of them chooses its tests.

/// The source of a guest's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// The number of its instructions: figures hardly differ, whatever else this machine does.
    Icount,
    /// This machine's own: races are real, and no figure is judged that is a time.
    Threads,
}

impl Clock {
    /// The word by which the lab knows it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Icount => "icount",
            Self::Threads => "threads",
        }
    }
}

/// A virtual machine that runs `chaos-tests` once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guest {
    /// Of two guests with one name, the second waits for the end of the first.
    pub name: &'static str,
    /// The source of its time.
    pub clock: Clock,
    /// How many processors it has.
    pub cpus: u8,
    /// Further options of `tools/lab run`.
    pub options: Vec<String>,
    /// The arguments of `chaos-tests`: it runs the tests whose names contain one of them, and
    /// leaves out those with one that begins with `-`.
    pub words: Vec<String>,
}

impl Guest {
    /// A guest with words that spaces separate.
    pub fn new(name: &'static str, clock: Clock, cpus: u8, words: &str) -> Self {
        Self {
            name,
            clock,
            cpus,
            options: Vec::new(),
            words: words.split_whitespace().map(str::to_owned).collect(),
        }
    }

    /// The same with more for `tools/lab run`.
    pub fn with(mut self, options: &[&str]) -> Self {
        self.options
            .extend(options.iter().map(|option| (*option).to_owned()));
        self
    }
}

/// All tests that have a guest. The longest guests on the clock of instructions come first, so that
/// none of them is alone in the end.
pub fn all() -> Vec<Guest> {
    vec![
        Guest::new(
            "one",
            Clock::Icount,
            2,
            "limit delay recovery combine cost lease command distribution fair tags iostat error
             torn corrupt
             -limit_20us -limit_100us -readme -counters -others -flush -filter -fair_4_queues",
        ),
        Guest::new(
            "two",
            Clock::Icount,
            2,
            "jitter module input kchaos readme flush data merge filter others counters seed
             security untouched sleep stack freeze profile lanes arm -inserted_once -module_200_rounds
             -kchaos_pairs -kchaos_killed",
        ),
        // The load and the timer take turns on the one processor that icount emulates in any
        // case: with a second one, a window of 20 us is often over before its turn, and now and
        // then a turn of 100 us lies between a dispatch and its issue.
        Guest::new("short", Clock::Icount, 1, "limit_20us limit_100us exact"),
        // With a processor that the hardware queue does not count as its own: see the block
        // layer's `cpu_is_isolated()`.
        Guest::new("isolated", Clock::Icount, 2, "recovery_processor_offline")
            .with(&["--boot", "isolcpus=1"]),
        // A processor for each hardware queue.
        Guest::new("four", Clock::Icount, 4, "fair_4_queues"),
        // No test whose figure is a time: this clock is the machine's own.
        Guest::new(
            "threads",
            Clock::Threads,
            2,
            "data_verified flush_inserted_once flush_alone_released module raw traps kchaos_pairs
             kchaos_killed error_changes",
        ),
    ]
}

/// The tests for which a kernel makes a difference, on the clock of instructions: other crates,
/// other interfaces of the block layer, and other options.
pub fn main_timed() -> Guest {
    Guest::new(
        "main",
        Clock::Icount,
        2,
        "delay_10ms limit_10ms filter_operation filter_place filter_cgroup filter_pid flush merge
         data_verified recovery module_in_use input_bad counters_list kchaos_whole kchaos_hits
         kchaos_record_distribution
         lease sleep freeze error profile lanes arm torn corrupt -inserted_once",
    )
}

/// The main tests on both clocks, for a kernel that differs little from one that has all.
pub fn main_tests() -> Vec<Guest> {
    vec![
        main_timed(),
        Guest::new(
            "threads",
            Clock::Threads,
            2,
            "data_verified flush_inserted_once module_in_use raw",
        ),
    ]
}

/// The guests of another architecture. One virtual processor where figures are times: of two,
/// the one that waits for the other is emulated to the end of its turn first, and milliseconds
/// pass. A read there takes more instructions, so that a delay of 1 ms leaves less than the 970
/// reads a second that are asked of the other.
pub fn of_other_architecture() -> Vec<Guest> {
    vec![
        Guest::new(
            "one",
            Clock::Icount,
            1,
            "limit_ delay_100us delay_10ms delay_1s jitter_correlation_0 combine filter_cgroup
             filter_operation filter_place filter_pid flush_delayed -limit_20us -limit_100us",
        ),
        Guest::new(
            "two",
            Clock::Icount,
            2,
            "recovery module input kchaos_ data seed -kchaos_pairs -kchaos_killed",
        ),
        Guest::new(
            "threads",
            Clock::Threads,
            2,
            "data_verified flush_inserted_once module_in_use",
        ),
    ]
}

/// A guest of a kernel with sanitizers: on the clock whose races are real.
fn debug(name: &'static str, words: &str) -> Guest {
    Guest::new(name, Clock::Threads, 2, words)
}

/// Tests whose times are not judged. Pairs of kchaos and killed ones start thousands of processes,
/// which sanitizers slow down most, and try files of kchaos rather than the driver.
pub fn untimed_tests() -> Guest {
    debug(
        "untimed_tests",
        "--untimed input recovery module_in_use not_swap held_and_early kchaos data_verified
         error_changes error_filtered error_ended error_data error_flush torn corrupt
         flush_inserted flush_alone security sleep -kchaos_pairs -kchaos_killed -kchaos_own_direct -kchaos_pid
         -kchaos_container",
    )
}

/// Other parts of the kernel, while completions are held. The traps of io.cost are in another
/// guest: where io.latency was used as well, lockdep tells of a circle among the locks of these
/// two, in which the kernel is alone.
pub fn traps() -> Guest {
    debug("traps", "--untimed traps -traps_weights")
}

/// Tests that only have to come to their end.
pub fn unjudged_tests() -> Guest {
    debug(
        "unjudged_tests",
        "--unjudged filter counters seed others lease command combine freeze profile_freeze lanes_order
         traps_weights
         kchaos_own_direct kchaos_pid kchaos_container -not_swap -held_and_early",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn guests_of_a_kernel_have_names_of_their_own() {
        for guests in [all(), main_tests(), of_other_architecture()] {
            let names: BTreeSet<&str> = guests.iter().map(|guest| guest.name).collect();
            assert_eq!(names.len(), guests.len());
        }
    }

    #[test]
    fn words_are_separate_arguments() {
        let guest = Guest::new("two", Clock::Icount, 2, "recovery module\n   -data");
        assert_eq!(guest.words, ["recovery", "module", "-data"]);
    }

    /// The lists of words above go over several lines, and have no word twice.
    #[test]
    fn no_guest_has_a_word_twice() {
        let guests = all().into_iter().chain(of_other_architecture());
        for guest in guests.chain(main_tests()) {
            let words: BTreeSet<&String> = guest.words.iter().collect();
            assert_eq!(words.len(), guest.words.len(), "{}", guest.name);
        }
    }

    /// Where figures are times, the clock is not this machine's.
    #[test]
    fn limits_and_delays_are_on_the_clock_of_instructions() {
        for guest in all() {
            let judges_times = guest.words.iter().any(|word| {
                ["limit", "delay", "jitter", "exact", "cost"]
                    .iter()
                    .any(|kind| word.starts_with(kind))
            });
            assert!(
                !judges_times || guest.clock == Clock::Icount,
                "{}",
                guest.name
            );
        }
    }

    #[test]
    fn options_go_with_their_guest_alone() {
        let with: Vec<_> = all()
            .into_iter()
            .filter(|guest| !guest.options.is_empty())
            .collect();
        assert_eq!(with.len(), 1);
        assert_eq!(with[0].name, "isolated");
        assert_eq!(with[0].options, ["--boot", "isolcpus=1"]);
    }
}
