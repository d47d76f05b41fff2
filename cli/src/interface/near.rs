// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Words that a typed one may stand for: it is their beginning, or differs by a letter or two.

use strsim::osa_distance;

/// A word of at least so many letters can be two letters off.
const LONG: usize = 5;

/// The known words near a typed one, in their order; none if it is like nothing.
pub(crate) fn near<'a>(typed: &str, known: &[&'a str]) -> Vec<&'a str> {
    let pick = |is_near: &dyn Fn(&str) -> bool| -> Vec<&'a str> {
        known.iter().copied().filter(|word| is_near(word)).collect()
    };
    let near = pick(&|word| word.starts_with(typed) || osa_distance(typed, word) <= 1);
    if near.is_empty() && typed.len() >= LONG {
        pick(&|word| osa_distance(typed, word) <= 2)
    } else {
        near
    }
}

/// Words in a sentence: `'a'`, `'a' or 'b'`, `'a', 'b' or 'c'`.
pub(crate) fn or(words: &[String]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
    match quoted.split_last() {
        None => String::new(),
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beginnings_and_slips_are_near() {
        let known = ["device", "delay", "delay-us", "op", "own"];
        for (typed, expected) in [
            ("dev", &["device"][..]),
            ("de", &["device", "delay", "delay-us"]),
            ("dealy", &["delay"]),
            ("delaay", &["delay"]),
            ("on", &["op", "own"]),
            ("devcie", &["device"]),
            ("deevicee", &["device"]),
            ("iops", &[]),
        ] {
            assert_eq!(near(typed, &known), expected, "{typed}");
        }
    }

    #[test]
    fn words_are_listed() {
        for (words, expected) in [
            (&["a"][..], "'a'"),
            (&["a", "b"], "'a' or 'b'"),
            (&["a", "b", "c"], "'a', 'b' or 'c'"),
        ] {
            let words: Vec<String> = words.iter().copied().map(str::to_owned).collect();
            assert_eq!(or(&words), expected);
        }
    }
}
