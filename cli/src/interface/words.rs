// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Lists of words, as the driver has them and as people write them.

/// Words, and those of one of the driver's lists.
pub(super) const fn words_of<T, const N: usize>(
    first: &[&'static str],
    list: &[(&'static str, T)],
) -> [&'static str; N] {
    let mut words = [""; N];
    let mut place = 0;
    while place < N {
        words[place] = if place < first.len() {
            first[place]
        } else {
            list[place - first.len()].0
        };
        place += 1;
    }
    words
}

/// The parts of a list, which are separated by commas or as the files do it.
pub(super) fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split([',', ' ']).filter(|word| !word.is_empty())
}

/// Refuses an empty list, and one of more than `most`.
pub(super) fn check_count(count: usize, most: usize, what: &str) -> Result<(), String> {
    match count {
        0 => Err(format!("it has to name at least one of the {what}")),
        _ if count > most => Err(format!("these are {count} {what}; {most} are accepted")),
        _ => Ok(()),
    }
}

/// Other words for names of the lists.
const SAME: [(&str, &[&str]); 2] = [
    ("normal", &["bell", "gauss", "gaussian"]),
    ("uniform", &["even", "flat", "rectangular"]),
];

/// Reads one of these names.
pub(super) fn one_of(names: &[&str], text: &str) -> Result<String, String> {
    let name = text.to_ascii_lowercase();
    if names.contains(&&*name) {
        return Ok(name);
    }
    let same = SAME
        .iter()
        .find(|(known, others)| names.contains(known) && others.contains(&&*name));
    let same = same.map_or(String::new(), |(known, _)| format!("; {name} is {known}"));
    Err(format!("it has to be one of {}{same}", names.join(", ")))
}
