// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Numbers and names in few columns.

/// A rate in at most six columns: `0`, `0.5`, `999`, `12.3k`, `4.5M`.
pub(super) fn rate(rate: Option<f64>) -> String {
    match rate {
        None => "-".to_owned(),
        Some(0.0) => "0".to_owned(),
        Some(rate @ ..9.95) => format!("{rate:.1}"),
        Some(rate @ ..9_999.5) => format!("{rate:.0}"),
        Some(rate @ ..999_950.0) => format!("{:.1}k", rate / 1e3),
        Some(rate @ ..999_950_000.0) => format!("{:.1}M", rate / 1e6),
        Some(rate) => format!("{:.0}G", rate / 1e9),
    }
}

/// A count in at most ten columns.
pub(super) fn count(count: u64) -> String {
    match count {
        0..10_000_000_000 => count.to_string(),
        _ => rate(Some(count as f64)),
    }
}

/// A time that is left, in at most six columns: `0.4s`, `29s`, `12m30s`, `3h05m`, `20d`.
pub(super) fn left(milliseconds: u64) -> String {
    let seconds = milliseconds / 1_000;
    let (minutes, hours) = (seconds / 60, seconds / 3_600);
    match seconds {
        0..10 => format!("{seconds}.{}s", milliseconds % 1_000 / 100),
        10..100 => format!("{seconds}s"),
        100..6_000 => format!("{minutes}m{:02}s", seconds % 60),
        6_000..360_000 => format!("{hours}h{:02}m", minutes % 60),
        _ => format!("{}d", hours / 24),
    }
}

/// A text that is cut to so many columns, with a sign that it was.
pub(super) fn fit(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let kept: String = text.chars().take(width.saturating_sub(1)).collect();
    format!("{kept}…")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_and_counts_are_short_and_never_0_for_a_little() {
        for (number, text) in [
            (0.0, "0"),
            (0.3, "0.3"),
            (9.96, "10"),
            (9_999.0, "9999"),
            (12_345.0, "12.3k"),
            (999_960.0, "1.0M"),
            (5e9, "5G"),
        ] {
            assert_eq!(rate(Some(number)), text);
        }
        assert_eq!(rate(None), "-");
        assert_eq!(count(9_999_999_999), "9999999999");
        assert_eq!(count(10_000_000_000), "10G");
    }

    #[test]
    fn the_time_that_is_left_is_short() {
        for (ms, text) in [
            (0, "0.0s"),
            (9_990, "9.9s"),
            (99_999, "99s"),
            (100_000, "1m40s"),
            (5_999_999, "99m59s"),
            (6_000_000, "1h40m"),
            (359_999_999, "99h59m"),
            (360_000_000, "4d"),
        ] {
            assert_eq!(left(ms), text);
        }
    }

    #[test]
    fn what_is_cut_is_marked() {
        assert_eq!(fit("abcde", 5), "abcde");
        assert_eq!(fit("abcdef", 5), "abcd…");
        assert_eq!(fit("abc", 0), "…");
    }
}
