// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Tips for a file whose keys are flags without their hyphens, as that of a scenario.

use super::{DISK, FLAGS, LIMITS, Values, named};

/// Advice on a key that is a word of another program, where a file can have the keys `known`.
pub(crate) fn key(word: &str, known: &[&str]) -> Option<String> {
    let rows = FLAGS.iter().chain(LIMITS);
    let mut rows = rows.filter(|row| row.words.contains(&word));
    let row = rows.find(|row| {
        // Other tips begin with a fact about command lines, or want a shell.
        let is_for_files = row.tip.starts_with('\'') && !row.tip.contains("{pid}");
        is_for_files && named(row.tip).all(|flag| known.contains(&flag))
    })?;
    let example = Values {
        value: row.example,
        device: DISK,
    };
    let tip = example.fill(row.tip);
    let parts = tip.split('\'').enumerate();
    let parts = parts.map(|(place, part)| match place % 2 {
        0 => part.to_owned(),
        _ => lines(part),
    });
    Some(parts.collect())
}

/// The flags that a tip quotes, as lines of a file.
fn lines(typed: &str) -> String {
    // In a file, the keys alone make the effect.
    let inject = typed.strip_prefix("kchaos inject ioem ");
    let inject = inject.and_then(|words| words.split_once(' '));
    let flags = inject.map_or(typed, |(_, flags)| flags);
    let Some(flags) = flags.strip_prefix("--") else {
        return format!("'{typed}'");
    };
    let line = |flag: &str| match flag.split_once(' ') {
        Some((key, value)) if value.bytes().all(|byte| byte.is_ascii_digit()) => {
            format!("'{key} = {value}'")
        }
        Some((key, value)) => format!("'{key} = \"{value}\"'"),
        // A flag alone is named, not to be typed so.
        None if flag == flags => format!("'{flag}'"),
        None => format!("'{flag} = true'"),
    };
    match flags.split_once(" --") {
        None => line(flags),
        Some((first, others)) => {
            let others: Vec<String> = others.split(" --").map(line).collect();
            format!("{} with {}", line(first), others.join(" and "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_of_a_tip_is_of_the_form_of_a_file() {
        let all = FLAGS.iter().chain(LIMITS);
        let known: Vec<&str> = all.clone().flat_map(|row| named(row.tip)).collect();
        let mut count = 0;
        for word in all.flat_map(|row| row.words) {
            let tip = key(word, &known).unwrap_or_default();
            for line in tip.split('\'').skip(1).step_by(2) {
                assert!(!line.contains("--"), "{word}: {tip}");
                if line.contains(" = ") {
                    let table: toml::Table = toml::from_str(line).unwrap();
                    assert!(
                        table.keys().all(|key| known.contains(&&**key)),
                        "{word}: {tip}"
                    );
                    count += 1;
                }
            }
        }
        assert!(count > 200, "{count}");
    }

    #[test]
    fn a_file_has_tips_for_its_own_keys_alone() {
        let known = ["freeze", "for", "op"];
        for (word, expected) in [
            (
                "hang",
                Some(r#"'freeze = 1' with 'for = "20s"' lets no I/O end for that time"#),
            ),
            ("read", Some(r#"'op = "read"'"#)),
            ("latency", None),
            ("effect", None),
            ("pid", None),
            ("xyz", None),
        ] {
            assert_eq!(key(word, &known).as_deref(), expected, "{word}");
        }
    }
}
