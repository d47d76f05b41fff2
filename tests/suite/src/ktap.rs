// SPDX-License-Identifier: GPL-2.0-only

//! Counts tests by what the programs print that run them: KTAP by guests, lines by cargo.

use std::{
    fmt,
    ops::{AddAssign, Sub},
};

/// How many tests passed and failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) passed: u32,
    pub(crate) failed: u32,
}

impl Count {
    pub(crate) fn add(&mut self, passed: bool) {
        if passed {
            self.passed += 1;
        } else {
            self.failed += 1;
        }
    }

    fn total(self) -> u32 {
        self.passed + self.failed
    }

    /// As a table tells it.
    pub(crate) fn of_all(self) -> String {
        format!("{} of {}", self.passed, self.total())
    }
}

impl AddAssign for Count {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

impl Sub for Count {
    type Output = Self;
    fn sub(self, earlier: Self) -> Self {
        Self {
            passed: self.passed - earlier.passed,
            failed: self.failed - earlier.failed,
        }
    }
}

/// The last line of each run.
impl fmt::Display for Count {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} passed, {} failed", self.passed, self.failed)
    }
}

/// The results that a guest has printed so far.
#[derive(Debug, Default)]
pub(crate) struct Ktap {
    planned: Option<u32>,
    count: Count,
    /// The test that was told of last.
    test: String,
    /// The parts of tests that the guest left out, each with its test and its reason.
    pub(crate) skipped: Vec<String>,
}

impl Ktap {
    pub(crate) fn line(&mut self, line: &str) {
        if let Some(test) = line.strip_prefix("ok ") {
            self.add(test, true);
        } else if let Some(test) = line.strip_prefix("not ok ") {
            self.add(test, false);
        } else if let Some(reason) = line.strip_prefix("# skipped: ") {
            self.skipped.push(format!("{}: {reason}", self.test));
        } else if let Some(planned) = line.strip_prefix("1..") {
            self.planned = planned.parse().ok().or(self.planned);
        }
    }

    /// `test` is its number, its name and its figures.
    fn add(&mut self, test: &str, passed: bool) {
        self.count.add(passed);
        self.test = test.split(' ').nth(1).unwrap_or_default().to_owned();
    }

    /// The count, and whether the run itself failed although none of its tests did: it broke off,
    /// or the kernel complained, which is its status alone. That counts as a failure, too.
    pub(crate) fn end(&mut self, succeeded: bool) -> (Count, bool) {
        let total = self.count.total();
        let is_whole = succeeded && total > 0 && self.planned == Some(total);
        let broke_off = self.count.failed == 0 && !is_whole;
        if broke_off {
            self.count.add(false);
        }
        (self.count, broke_off)
    }
}

/// The results that `cargo test` has printed so far.
#[derive(Debug, Default)]
pub(crate) struct CargoTests {
    count: Count,
    any_program_passed: bool,
}

impl CargoTests {
    /// Whether people are to see the line: the result of a test, or why it failed.
    pub(crate) fn line(&mut self, line: &str) -> bool {
        let is_test = line.starts_with("test ") && line.contains(" ... ");
        if is_test && line.ends_with(" ... ok") {
            self.count.add(true);
        } else if is_test && line.ends_with(" ... FAILED") {
            self.count.add(false);
        } else if line.starts_with("test result: ok") {
            self.any_program_passed = true;
        }
        is_test
            || line.contains("panicked")
            || line.starts_with("thread")
            || line.starts_with("assertion")
    }

    /// The count, and whether what cargo said itself is to be seen: nothing was compiled, or a
    /// program ended in the middle of its tests. That counts as a failure, too.
    pub(crate) fn end(mut self, succeeded: bool) -> (Count, bool) {
        let broke_off = !self.any_program_passed || (!succeeded && self.count.failed == 0);
        if broke_off {
            self.count.add(false);
        }
        (self.count, broke_off)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(passed: u32, failed: u32) -> Count {
        Count { passed, failed }
    }

    fn ktap(text: &str, succeeded: bool) -> (Count, bool) {
        let mut ktap = Ktap::default();
        text.lines().for_each(|line| ktap.line(line));
        ktap.end(succeeded)
    }

    #[test]
    fn a_whole_run_is_counted() {
        let text = "KTAP version 1\n1..2\nok 1 delay_1ms - 2 ok\nok 2 limit - asked 1\n";
        assert_eq!(ktap(text, true), (count(2, 0), false));
    }

    #[test]
    fn a_skipped_part_is_told_with_its_test() {
        let mut ktap = Ktap::default();
        let text = "1..2\nok 1 a - 1 ok\nok 2 sleep - \n# skipped: no hibernation\n";
        text.lines().for_each(|line| ktap.line(line));
        assert_eq!(ktap.skipped, ["sleep: no hibernation"]);
        assert_eq!(ktap.end(true), (count(2, 0), false));
    }

    #[test]
    fn a_failed_test_is_one_failure() {
        let text = "1..2\nok 1 a - \nnot ok 2 b - \n# failed: not ok\n";
        assert_eq!(ktap(text, false), (count(1, 1), false));
    }

    #[test]
    fn a_guest_that_broke_off_has_failed() {
        assert_eq!(ktap("1..3\nok 1 a - \n", true), (count(1, 1), true));
        assert_eq!(ktap("", true), (count(0, 1), true));
        assert_eq!(ktap("1..0\n", true), (count(0, 1), true));
        assert_eq!(ktap("ok 1 a - \n", true), (count(1, 1), true));
    }

    #[test]
    fn a_complaint_of_the_kernel_fails_a_run_whose_tests_passed() {
        assert_eq!(ktap("1..1\nok 1 a - \n", false), (count(1, 1), true));
    }

    #[test]
    fn more_tests_than_planned_are_no_whole_run() {
        assert_eq!(ktap("1..1\nok 1 a\nok 2 b\n", true), (count(2, 1), true));
    }

    /// A failed test has already failed the run.
    #[test]
    fn a_run_that_broke_off_after_a_failure_is_not_counted_twice() {
        assert_eq!(ktap("1..3\nnot ok 1 a\n", false), (count(0, 1), false));
    }

    fn cargo(text: &str, succeeded: bool) -> (Count, bool) {
        let mut tests = CargoTests::default();
        for line in text.lines() {
            tests.line(line);
        }
        tests.end(succeeded)
    }

    #[test]
    fn tests_of_cargo_are_counted() {
        let text = "running 3 tests\ntest a::b ... ok\ntest c ... FAILED\ntest d ... ignored\n\
                    test result: ok. 2 passed\n";
        assert_eq!(cargo(text, false), (count(1, 1), false));
    }

    #[test]
    fn nothing_compiled_is_a_failure() {
        assert_eq!(cargo("", false), (count(0, 1), true));
    }

    /// As when a test aborts: cargo prints no result of it.
    #[test]
    fn a_program_that_died_is_a_failure() {
        let text = "test a ... ok\ntest result: ok. 1 passed\ntest b ... ";
        assert_eq!(cargo(text, false), (count(1, 1), true));
    }

    #[test]
    fn lines_with_results_and_reasons_are_shown() {
        let mut tests = CargoTests::default();
        for line in ["test a ... ok", "test b - should panic ... ignored"] {
            assert!(tests.line(line), "{line}");
        }
        assert!(tests.line("thread 'a' (1) panicked at src/lib.rs:1:1:"));
        assert!(tests.line("assertion `left == right` failed"));
        for line in ["running 3 tests", "test result: ok. 3 passed", ""] {
            assert!(!tests.line(line), "{line}");
        }
    }

    #[test]
    fn counts_add_and_tell() {
        let mut sum = count(3, 1);
        sum += count(2, 0);
        assert_eq!(sum.to_string(), "5 passed, 1 failed");
        assert_eq!((sum - count(3, 0)).of_all(), "2 of 3");
    }
}
