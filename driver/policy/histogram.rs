// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The steps of a histogram of times: eight of equal length in each octave.
//!
//! As in an HDR histogram with three bits of precision (<https://hdrhistogram.org>), the step of a
//! time of t µs has the number
//!
//! > t, if t < 16, else 8 s + ⌊t / 2^s⌋ with s = ⌊log2 t⌋ − 3.
//!
//! So a step below 16 µs is 1 µs long, and a longer time is told to less than an eighth of itself.

use super::text::Lines;

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

/// The beginning of the octave that has this end, in µs.
// The module does not use it.
#[allow(dead_code)]
pub const fn octave_begin_us(end_us: u64) -> u64 {
    if end_us > STEPS_OF_OCTAVE as u64 {
        end_us / 2
    } else {
        0
    }
}

/// The key in front of the lines of whole octaves.
pub const WHOLE_OCTAVES: &str = "whole_octaves";

/// The key of a line, without the end of its step.
pub const STEP_KEY: &str = "added_us_lt_";

/// The end in µs and the count of each line that is not empty, where a line has so many steps.
fn filled(counts: &[u64], steps_of_line: usize) -> impl Iterator<Item = (u64, u64)> + '_ {
    let lines = counts.chunks(steps_of_line).enumerate();
    lines.filter_map(move |(number, counts)| {
        let next = number.saturating_add(1).saturating_mul(steps_of_line);
        let count = counts
            .iter()
            .fold(0, |sum: u64, more| sum.saturating_add(*more));
        (count > 0).then(|| (end_us(next.saturating_sub(1)), count))
    })
}

/// How many bytes these lines take.
fn length(counts: &[u64], steps_of_line: usize) -> usize {
    let digits = |number: u64| {
        number
            .checked_ilog10()
            .map_or(1, |most| most.saturating_add(1))
    };
    let lines = filled(counts, steps_of_line).map(|(end_us, count)| {
        let digits = digits(end_us).saturating_add(digits(count)) as usize;
        // The key, a space and the end of the line.
        digits.saturating_add(STEP_KEY.len() + 2)
    });
    lines.fold(0, usize::saturating_add)
}

/// Adds the lines of `others`, and then those of a histogram with these counts of each step. Lines
/// of others are left out before any count of the histogram is: steps for which there is no room go
/// together, eight in an octave, and a line before them says so.
pub fn add_behind(lines: &mut Lines<'_>, counts: &[u64], others: impl FnOnce(&mut Lines<'_>)) {
    /// The bytes of the line that says so.
    const NOTE: usize = WHOLE_OCTAVES.len() + 3;
    let least = length(counts, STEPS_OF_OCTAVE).saturating_add(NOTE);
    lines.begin_section(least.min(length(counts, 1)));
    others(lines);
    lines.begin_section(0);
    let mut steps_of_line = 1;
    if length(counts, 1) > lines.room() {
        steps_of_line = STEPS_OF_OCTAVE;
        lines.add(core::format_args!("{WHOLE_OCTAVES} 1"));
    }
    for (end_us, count) in filled(counts, steps_of_line) {
        lines.add(core::format_args!("{STEP_KEY}{end_us} {count}"));
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use proptest::prelude::*;
    use std::{string::String, vec, vec::Vec};

    /// A page as of `stats`: the longest lines in front, then the lines of so many disks, and a
    /// histogram with these counts.
    fn page(disks: usize, counts: &[u64]) -> String {
        let mut page = vec![0; 4_096];
        let mut lines = Lines::new(&mut page);
        for _ in 0..11 {
            lines.add(core::format_args!("released_early {}", u64::MAX));
        }
        add_behind(&mut lines, counts, |lines| {
            for disk in 0..disks {
                lines.add(core::format_args!("disk{disk}.released_early {}", u64::MAX));
            }
        });
        let length = lines.finish();
        page.truncate(length);
        String::from_utf8(page).unwrap()
    }

    /// The end and the count in each line of the histogram.
    fn read(page: &str) -> Vec<(u64, u64)> {
        let steps = page.lines().filter_map(|line| line.strip_prefix(STEP_KEY));
        let steps = steps.filter_map(|line| line.split_once(' '));
        steps
            .map(|(end, count)| (end.parse().unwrap(), count.parse().unwrap()))
            .collect()
    }

    #[test]
    fn a_histogram_that_fits_has_its_steps() {
        let mut counts = [0; STEPS];
        (counts[0], counts[143], counts[STEPS - 1]) = (1, 20, 300);
        let page = page(2, &counts);
        assert_eq!(read(&page), [(1, 1), (1_048_576, 20), (1 << 38, 300)]);
        assert!(page.contains("disk1.") && !page.contains(WHOLE_OCTAVES));
        // The disks come before it.
        assert!(page.find("disk1.") < page.find(STEP_KEY));
        assert!(!page.contains("more"));
    }

    #[test]
    fn full_counts_lose_nothing() {
        for disks in [0, 2, 500] {
            let page = page(disks, &[u64::MAX / 8; STEPS]);
            let all = (1..=OCTAVES).map(|next| end_us(next * STEPS_OF_OCTAVE - 1));
            let all: Vec<_> = all.map(|end| (end, u64::MAX / 8 * 8)).collect();
            assert_eq!(read(&page), all, "{disks}");
            assert!(page.contains("whole_octaves 1\n"));
            // Only disks may lack lines, and the last line tells how many.
            let shown = page.lines().filter(|line| line.starts_with("disk")).count();
            let missing = std::format!("... {} more\n", disks - shown);
            assert_eq!(page.ends_with(&missing), disks > shown, "{disks}");
            assert_eq!(disks > shown, disks == 500);
        }
        // More than the largest number is as much.
        let most = page(0, &[u64::MAX; STEPS]);
        assert_eq!(read(&most)[35], (1 << 38, u64::MAX));
    }

    #[test]
    fn octaves_begin_where_others_end() {
        let ends = read(&page(0, &[u64::MAX / 8; STEPS]));
        let mut former_us = 0;
        for (end_us, _) in ends {
            assert_eq!(octave_begin_us(end_us), former_us);
            former_us = end_us;
        }
    }

    proptest! {
        #[test]
        fn no_count_is_lost(
            counts in prop::collection::vec(prop_oneof![Just(0u64), 0..u64::MAX / 512], STEPS),
            disks in 0usize..200,
        ) {
            let page = page(disks, &counts);
            prop_assert!(page.len() <= 4_096);
            let shown: u64 = read(&page).iter().map(|(_, count)| count).sum();
            prop_assert_eq!(shown, counts.iter().sum::<u64>());
        }
    }

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
