// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! A histogram as bars of text, one for each octave.

use std::collections::BTreeMap;

/// The longest bar.
const BAR: usize = 50;

/// The octaves of a histogram as bars, from the first that is not empty to the last. `added_us` has
/// the end and the count of each step; an octave has eight steps, and their bars would be too many.
pub(super) fn picture(added_us: &[(u64, u64)]) -> Vec<String> {
    let octaves = octaves(added_us);
    let (Some((first, _)), Some((last, _))) = (octaves.first_key_value(), octaves.last_key_value())
    else {
        return Vec::new();
    };
    let most = octaves.values().copied().max().unwrap_or(0).max(1);
    let mut lines = vec![format!("  {:>7} {:>10}", "added", "I/Os")];
    let mut end = *first;
    let mut empty = 0;
    while end <= *last {
        let count = octaves.get(&end).copied().unwrap_or(0);
        // Of many empty steps, the first is enough.
        empty = if count == 0 { empty + 1 } else { 0 };
        if empty == 2 {
            lines.push(format!("  {:>7}", "..."));
        }
        // The smallest count has a bar, too.
        let bar = (u128::from(count) * BAR as u128).div_ceil(u128::from(most));
        let bar = "#".repeat(usize::try_from(bar).unwrap_or(BAR));
        if empty < 2 {
            lines.push(format!("  {:>7} {count:>10} {bar}", below(end)));
        }
        let Some(next) = end.checked_mul(2) else {
            break;
        };
        end = next;
    }
    lines
}

/// The count of each octave, by its end.
fn octaves(added_us: &[(u64, u64)]) -> BTreeMap<u64, u64> {
    let mut octaves = BTreeMap::new();
    for (end, count) in added_us {
        let end = end.checked_next_power_of_two().unwrap_or(*end);
        let sum: &mut u64 = octaves.entry(end).or_default();
        *sum = sum.saturating_add(*count);
    }
    octaves
}

/// The end of an octave in three digits: `<512us`, `<16.4ms`, `<1.05s`. An end that is rounded down
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

    #[test]
    fn bars_show_every_octave_between_and_fit() {
        let lines = picture(&[(480, 1), (1_152, 400_000), (2_048, 600_000)]);
        assert_eq!(
            lines,
            [
                "    added       I/Os".to_owned(),
                "   <512us          1 #".to_owned(),
                "  <1.02ms          0 ".to_owned(),
                format!("  <2.05ms    1000000 {}", "#".repeat(BAR)),
            ]
        );
        assert!(lines.iter().all(|line| line.len() <= 80));
        let lines = picture(&[(1, 13), (8, 1), (1_048_576, 2)]);
        let names: Vec<&str> = lines
            .iter()
            .filter_map(|line| line.split_whitespace().next())
            .collect();
        assert_eq!(
            names,
            [
                "added", "<1us", "<2us", "...", "<8us", "<16us", "...", "<1.05s"
            ]
        );
        assert!(picture(&[]).is_empty());
    }
}
