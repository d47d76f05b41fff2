// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The steps of a histogram of times: eight of equal length in each octave.
//!
//! As in an HDR histogram with three bits of precision (<https://hdrhistogram.org>), the step of a
//! time of t µs has the number
//!
//! > t, if t < 16, else 8 s + ⌊t / 2^s⌋ with s = ⌊log2 t⌋ − 3.
//!
//! So a step below 16 µs is 1 µs long, and a longer time is told to less than an eighth of itself.

/// How many steps an octave has.
pub const STEPS_OF_OCTAVE: usize = 1 << PRECISION;

/// How many octaves there are. The first begins at 0, and is eight steps of 1 µs. The last one ends
/// at 2^38 µs (three days): no sum of the delays of all injections is longer.
pub const OCTAVES: usize = 36;

/// How many steps there are. The last step has all longer times, too.
pub const STEPS: usize = OCTAVES * STEPS_OF_OCTAVE;

const PRECISION: u32 = 3;

/// The step of a time.
#[inline]
pub const fn step(time_ns: u64) -> usize {
    let us = time_ns / 1_000;
    let bits = u64::BITS - us.leading_zeros();
    let shift = bits.saturating_sub(PRECISION + 1);
    let step = ((shift as usize) << PRECISION).saturating_add((us >> shift) as usize);
    if step < STEPS {
        step
    } else {
        STEPS - 1
    }
}

/// The end of a step, in µs.
pub const fn end_us(step: usize) -> u64 {
    let octave = step >> PRECISION;
    let shift = octave.saturating_sub(1);
    let place = step.saturating_sub(shift << PRECISION) as u64;
    place.saturating_add(1) << shift
}

/// The beginning of the step that has this end, in µs. The end of no step is taken for the end of
/// the step that has it.
// The module does not use it.
#[allow(dead_code)]
pub const fn begin_us(end_us: u64) -> u64 {
    let last_us = end_us.saturating_sub(1);
    let bits = u64::BITS - last_us.leading_zeros();
    let shift = bits.saturating_sub(PRECISION + 1);
    (last_us >> shift) << shift
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_scale_is_as_described() {
        for (us, number) in [
            (0, 0),
            (7, 7),
            (15, 15),
            (16, 16),
            (17, 16),
            (31, 23),
            (32, 24),
        ] {
            assert_eq!(step(us * 1_000), number, "{us}");
            assert_eq!(step(us * 1_000 + 999), number, "{us}");
        }
        assert_eq!(
            (step(1_000_000 * 1_000), end_us(step(1_000_000 * 1_000))),
            (143, 1_048_576)
        );
        assert_eq!(end_us(STEPS - 1), 1 << 38);
        assert_eq!(step(u64::MAX), STEPS - 1);
    }

    #[test]
    fn each_step_begins_where_the_one_before_ends() {
        let mut former_us = 0;
        for number in 0..STEPS {
            let end = end_us(number);
            assert_eq!(begin_us(end), former_us, "{number}");
            assert!(
                former_us < end && end - former_us <= (former_us / 8).max(1),
                "{number}"
            );
            assert_eq!(step(former_us * 1_000), number);
            assert_eq!(step(end * 1_000 - 1), number);
            former_us = end;
        }
    }

    #[test]
    fn eight_steps_are_an_octave() {
        for octave in 1..OCTAVES {
            let first = octave * STEPS_OF_OCTAVE;
            assert_eq!(end_us(first - 1), 8 << (octave - 1));
            assert!(begin_us(end_us(first)) == end_us(first + STEPS_OF_OCTAVE - 1) / 2);
        }
    }

    proptest! {
        #[test]
        fn a_time_is_in_its_step(time_ns in prop_oneof![any::<u64>(), 0..1u64 << 40, 0..1u64 << 20]) {
            let number = step(time_ns);
            let (begin, end) = (begin_us(end_us(number)), end_us(number));
            prop_assert!(begin <= time_ns / 1_000);
            prop_assert!(time_ns / 1_000 < end || number == STEPS - 1);
        }
    }
}
