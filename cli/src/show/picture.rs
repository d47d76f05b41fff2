// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! A histogram as bars of text.

/// The longest bar.
const BAR: usize = 50;

/// The most steps that have a bar of their own; of more, those of an octave share one.
const MOST: usize = 20;

/// The steps of a histogram as bars, without empty steps; dots stand where some are left out.
pub(super) fn picture(added_us: &[(u64, u64)]) -> Vec<String> {
    if added_us.len() <= MOST {
        // An octave has eight steps; the first ones are as long as the clock lets them be.
        return bars(added_us, |end| end.saturating_add(end / 8 + 1));
    }
    let mut octaves: Vec<(u64, u64)> = Vec::new();
    for (end, count) in added_us {
        let end = end.checked_next_power_of_two().unwrap_or(u64::MAX);
        match octaves.last_mut() {
            Some((last, sum)) if *last == end => *sum = sum.saturating_add(*count),
            _ => octaves.push((end, *count)),
        }
    }
    bars(&octaves, |end| end.saturating_mul(2))
}

/// A bar for each of these steps; `next` is the latest end of the step after the one with an end.
fn bars(added_us: &[(u64, u64)], next: impl Fn(u64) -> u64) -> Vec<String> {
    let Some(most) = added_us.iter().map(|(_, count)| *count).max() else {
        return Vec::new();
    };
    let mut lines = vec![format!("  {:>7} {:>10}", "added", "I/Os")];
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
fn below(end_us: u64) -> String {
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
        let lines = picture(steps);
        assert!(lines.iter().all(|line| line.len() <= 80), "{lines:?}");
        let words = lines.iter().map(|line| line.split_whitespace().next());
        words.flatten().map(str::to_owned).collect()
    }

    #[test]
    fn bars_show_steps_and_where_some_are_left_out() {
        let lines = picture(&[(10_240, 1), (11_264, 1_000_000), (16_384, 3)]);
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
        assert!(picture(&[]).is_empty());
    }

    #[test]
    fn many_steps_share_a_bar_for_each_octave() {
        let mut steps: Vec<(u64, u64)> = (9..=32).map(|part| (part * 1_024, 1)).collect();
        steps.push((1_048_576, 2));
        assert_eq!(
            names(&steps),
            ["added", "<16.4ms", "<32.8ms", "...", "<1.05s"]
        );
        let counts: u64 = picture(&steps)
            .iter()
            .skip(1)
            .filter_map(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok())
            .sum();
        assert_eq!(counts, 26);
    }
}
