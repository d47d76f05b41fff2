// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! A histogram as bars of text.

/// The longest bar.
const BAR: usize = 50;

/// The most steps that have a bar of their own; of more, those of an octave share one.
const MOST: usize = 20;

/// The steps of a histogram as bars, with a word for its times, and without empty steps; dots stand
/// where some are left out.
pub(crate) fn picture(what: &str, added_us: &[(u64, u64)]) -> Vec<String> {
    if added_us.len() <= MOST {
        // An octave has eight steps; the first ones are as long as the clock lets them be.
        return bars(what, added_us, |end| end.saturating_add(end / 8 + 1));
    }
    bars(what, &octaves(added_us, 1), |end| end.saturating_mul(2))
}

/// The same histogram in at most so many steps, each of which is so many octaves as that takes.
pub(crate) fn fitted(added_us: &[(u64, u64)], most: usize) -> Vec<(u64, u64)> {
    if added_us.len() <= most {
        return added_us.to_vec();
    }
    let mut widths = (1..=u64::BITS).map(|width| octaves(added_us, width));
    let fitting = widths.find(|steps| steps.len() <= most);
    fitting.unwrap_or_default()
}

/// The same histogram in steps of so many octaves.
fn octaves(added_us: &[(u64, u64)], width: u32) -> Vec<(u64, u64)> {
    let mut octaves: Vec<(u64, u64)> = Vec::new();
    for (end, count) in added_us {
        let power = end
            .saturating_sub(1)
            .checked_ilog2()
            .map_or(0, |power| power + 1);
        // The first step, which ends at 1, joins the others where an octave has no step of its own.
        let power = power.max(u32::from(width > 1)).next_multiple_of(width);
        let end = 1_u64.checked_shl(power).unwrap_or(u64::MAX);
        match octaves.last_mut() {
            Some((last, sum)) if *last == end => *sum = sum.saturating_add(*count),
            _ => octaves.push((end, *count)),
        }
    }
    octaves
}

/// A bar for each of these steps; `next` is the latest end of the step after the one with an end.
fn bars(what: &str, added_us: &[(u64, u64)], next: impl Fn(u64) -> u64) -> Vec<String> {
    let Some(most) = added_us.iter().map(|(_, count)| *count).max() else {
        return Vec::new();
    };
    let mut lines = vec![format!("  {what:>7} {:>10}", "I/Os")];
    let mut before = None;
    for (end, count) in added_us {
        if before.is_some_and(|before| *end > next(before)) {
            lines.push(format!("  {:>7}", "..."));
        }
        // The smallest count has a bar, too.
        let bar = (u128::from(*count) * BAR as u128).div_ceil(u128::from(most.max(1)));
        let bar = "#".repeat(usize::try_from(bar).unwrap_or(BAR));
        lines.push(format!("  {:>7} {count:>10} {bar}", below(*end)));
        before = Some(*end);
    }
    lines
}

/// The end of a step in three digits: `<512us`, `<16.4ms`, `<1.05s`. An end that is rounded down
/// to one digit would make a delay look shorter than it is.
pub(crate) fn below(end_us: u64) -> String {
    match end_us {
        0..1_024 => format!("<{end_us}us"),
        1_024..1_048_576 => format!("<{}ms", in_thousands(end_us)),
        _ => format!("<{}s", in_thousands(end_us / 1_000)),
    }
}

fn in_thousands(value: u64) -> String {
    let thousands = value as f64 / 1_000.0;
    match value {
        0..10_000 => format!("{thousands:.2}"),
        10_000..100_000 => format!("{thousands:.1}"),
        _ => format!("{thousands:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(steps: &[(u64, u64)]) -> Vec<String> {
        let lines = picture("added", steps);
        assert!(lines.iter().all(|line| line.len() <= 80), "{lines:?}");
        let words = lines.iter().map(|line| line.split_whitespace().next());
        words.flatten().map(str::to_owned).collect()
    }

    #[test]
    fn bars_show_steps_and_where_some_are_left_out() {
        let lines = picture("added", &[(10_240, 1), (11_264, 1_000_000), (16_384, 3)]);
        assert_eq!(
            lines,
            [
                "    added       I/Os".to_owned(),
                "  <10.2ms          1 #".to_owned(),
                format!("  <11.3ms    1000000 {}", "#".repeat(BAR)),
                "      ...".to_owned(),
                "  <16.4ms          3 #".to_owned(),
            ]
        );
        let first = [(1, 13), (2, 1), (3, 1), (18, 2), (20, 1)];
        assert_eq!(
            names(&first),
            ["added", "<1us", "<2us", "<3us", "...", "<18us", "<20us"]
        );
        assert!(picture("added", &[]).is_empty());
    }

    #[test]
    fn many_steps_share_a_bar_for_each_octave() {
        let mut steps: Vec<(u64, u64)> = (9..=32).map(|part| (part * 1_024, 1)).collect();
        steps.push((1_048_576, 2));
        assert_eq!(
            names(&steps),
            ["added", "<16.4ms", "<32.8ms", "...", "<1.05s"]
        );
        let counts: u64 = picture("added", &steps)
            .iter()
            .skip(1)
            .filter_map(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok())
            .sum();
        assert_eq!(counts, 26);
    }

    #[test]
    fn a_histogram_fits_into_the_lines_that_there_are() {
        let steps: Vec<(u64, u64)> = (1..=40).map(|power| (1 << power, 1)).collect();
        assert_eq!(fitted(&steps, 40), steps);
        assert_eq!(fitted(&steps, 39)[..2], [(4, 2), (16, 2)]);
        for most in 1..40 {
            let fitted = fitted(&steps, most);
            assert!(fitted.len() <= most, "{most}: {fitted:?}");
            let counts: u64 = fitted.iter().map(|(_, count)| *count).sum();
            assert_eq!(counts, 40);
        }
        assert_eq!(fitted(&[(1, 1), (u64::MAX, 3)], 1), [(u64::MAX, 4)]);
    }
}
