// SPDX-License-Identifier: GPL-2.0-only

//! Continuous integration, in a fresh clone: all tests on the distribution's kernel; tests that
//! judge no time, and a short torture, on a kernel that looks for mistakes.

use crate::{checks::Checks, debug, test, vm::Guests};
use anyhow::Result;

/// The guests of both kernels are in one queue, so that two run until nearly the end. Another guest
/// beside it changes no figure of a guest: on the clock of instructions it cannot, and on this
/// machine's no time is judged.
pub(crate) fn ci() -> bool {
    let (mut checks, mut guests) = (Checks::default(), Guests::default());
    let started = test::start(&mut checks, &mut guests);
    note(&mut checks, "the tests have started", started);
    let started = debug::start_short(&mut checks, &mut guests);
    note(
        &mut checks,
        "the tests with a sanitizer have started",
        started,
    );
    guests.finish(&mut checks);
    checks.summary()
}

/// A part that broke off has failed; the other one runs nevertheless.
fn note(checks: &mut Checks, name: &str, result: Result<()>) {
    if result.is_err() {
        checks.check(name, |_| result);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_part_that_broke_off_is_counted() {
        let mut checks = Checks::default();
        note(&mut checks, "a", Ok(()));
        assert_eq!(checks.count.to_string(), "0 passed, 0 failed");
        note(&mut checks, "b", Err(anyhow::anyhow!("no")));
        assert_eq!(checks.count.to_string(), "0 passed, 1 failed");
    }
}
