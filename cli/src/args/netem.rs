// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The words of `tc netem` for a delay, as flags: `100ms 10ms 25% distribution normal`.

use super::line::Line;
use crate::interface::units;

/// The flags for the words from this one on, if it is a time and others follow as in `tc netem`.
pub(super) fn flags(line: &Line, word: &str) -> Option<String> {
    if !line.is_in("delay") {
        return None;
    }
    let place = line.place(word)?;
    // Words that follow a flag for the delay are those behind the delay.
    let is_delayed = line.value("--delay").is_some();
    let flags = flags_of(&line.words[place..], is_delayed);
    // One time alone may be the first word of anything.
    let least = if is_delayed { 1 } else { 2 };
    (flags.len() >= least).then(|| flags.join(" "))
}

/// The flags for the first of these words, as far as they are those of `tc netem`.
pub(super) fn flags_of(words: &[String], is_delayed: bool) -> Vec<String> {
    let mut words = words.iter().map(String::as_str).peekable();
    let is_time = |word: &str| units::microseconds(word).is_ok();
    let mut flags = Vec::new();
    for flag in ["delay", "jitter"].into_iter().skip(is_delayed.into()) {
        let Some(time) = words.next_if(|word| is_time(word)) else {
            break;
        };
        flags.push(format!("--{flag} {time}"));
    }
    if let Some(percent) = words.next_if(|word| word.ends_with('%')) {
        flags.push(format!("--correlation {percent}"));
    }
    if words.next_if(|word| *word == "distribution").is_some() {
        flags.push(format!(
            "--distribution {}",
            words.next().unwrap_or("normal")
        ));
    }
    flags
}
