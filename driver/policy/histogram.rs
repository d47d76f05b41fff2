// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The steps of a histogram of times; each step is twice as long as the step before.

/// How many steps there are. The last step has all times from 2^38 µs (three days) on.
pub const STEPS: usize = 40;

/// The step of a time: the first step is below 1 µs, the n-th from 2^(n-2) to below 2^(n-1) µs.
pub const fn step(time_ns: u64) -> usize {
    let us = time_ns / 1_000;
    let bits = (u64::BITS - us.leading_zeros()) as usize;
    if bits < STEPS {
        bits
    } else {
        STEPS - 1
    }
}

/// The end of a step, in µs.
pub const fn end_us(step: usize) -> u64 {
    1 << step
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_below_the_end_of_its_step_and_not_below_the_one_before() {
        for time_ns in [
            0,
            999,
            1_000,
            1_999,
            2_000,
            1_023_999,
            1_024_000,
            3_600_000_000_000,
        ] {
            let step = step(time_ns);
            assert!(time_ns / 1_000 < end_us(step), "{time_ns}");
            assert!(
                step == 0 || time_ns / 1_000 >= end_us(step - 1),
                "{time_ns}"
            );
        }
        assert_eq!(step(u64::MAX), STEPS - 1);
    }
}
