// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Whole command lines to type instead, each of which kchaos accepts.

use super::{Arguments, dm_table, line::Line, netem};
use clap::error::ErrorKind;
use std::ffi::OsString;

/// The words that each effect needs, with a value.
const EXAMPLES: [(&str, &str); 10] = [
    ("bandwidth", "10MB/s"),
    ("corrupt", "1 --data-loss"),
    ("delay", "--delay 10ms"),
    ("drop", "--data-loss"),
    ("error", "EIO"),
    ("hang", "--for 10s"),
    ("iops", "100"),
    ("limit", "--iops 100"),
    ("preset", "gp3"),
    ("torn", "--data-loss"),
];

/// Whether kchaos accepts these words behind its name, or lacks only more words.
pub(super) fn fits(words: &str) -> bool {
    match parsed(words) {
        Some(Err(kind)) => kind == ErrorKind::MissingRequiredArgument,
        parsed => parsed.is_some(),
    }
}

/// Whether kchaos accepts these words behind its name.
pub(super) fn is_accepted(words: &str) -> bool {
    matches!(parsed(words), Some(Ok(())))
}

/// Whether kchaos does not know one of these words behind its name.
#[cfg(test)]
pub(super) fn is_unknown(words: &str) -> bool {
    parsed(words).is_none_or(|parsed| parsed == Err(ErrorKind::UnknownArgument))
}

/// The outcome of parsing the words, of which a shell replaces `$(...)` by a number; none if a
/// shell does not accept them.
fn parsed(words: &str) -> Option<Result<(), ErrorKind>> {
    let number = |word: String| match word.starts_with("$(") {
        true => "1".to_owned(),
        false => word,
    };
    let words = shlex::split(words)?.into_iter().map(number);
    let words = ["kchaos".to_owned()].into_iter().chain(words);
    let words: Vec<OsString> = words.map(OsString::from).collect();
    let parsed = Arguments::parse_words(&words);
    Some(parsed.map(|_| ()).map_err(|error| error.kind()))
}

/// The line for words from this place on, among which there may be an effect: those behind it, if
/// kchaos or tc netem knows them, and the device that is named before it.
pub(super) fn line_of(line: &Line, from: usize, device: Option<&str>) -> String {
    let words = &line.words[from.min(line.words.len())..];
    let effects = line.faults();
    let place = words.iter().position(|word| effects.contains(word));
    let (before, effect, behind) = match place {
        Some(place) => (&words[..place], &*words[place], &words[place + 1..]),
        None => (words, "delay", &[][..]),
    };
    let named = before.windows(2).find(|pair| pair[0] == "dev");
    let named = named.map(|pair| pair[1].as_str());
    with_effect(effect, device.or(named), behind)
}

/// The line for an effect with words behind it.
pub(super) fn with_effect(effect: &str, device: Option<&str>, behind: &[String]) -> String {
    let device = device.and_then(|device| shlex::try_join(["--device", device]).ok());
    let example = EXAMPLES.iter().find(|(name, _)| *name == effect);
    let example = example.map(|(_, needed)| (*needed).to_owned());
    let typed = shlex::try_join(behind.iter().map(String::as_str)).ok();
    let of_netem = netem::flags_of(behind, false).join(" ");
    let of_table = dm_table::flags(behind).map(|flags| flags[0].clone());
    let texts = of_table.into_iter().chain([of_netem]).chain(typed);
    let texts: Vec<String> = texts.filter(|text| !text.is_empty()).collect();
    let line = |parts: [Option<&String>; 3]| {
        let parts = parts.into_iter().flatten().map(String::as_str);
        let words: Vec<&str> = ["inject", "ioem", effect]
            .into_iter()
            .chain(parts)
            .collect();
        words.join(" ")
    };
    let device = device.as_ref();
    let mut mores = [None, example.as_ref()];
    // kchaos asks for the end of a hang after it has read the line.
    if effect == "hang" && !behind.iter().any(|word| word == "--") {
        mores.reverse();
    }
    let all = texts
        .iter()
        .flat_map(|text| mores.map(|more| line([device, more, Some(text)])));
    let found = all
        .chain([line([device, example.as_ref(), None])])
        .find(|line| is_accepted(line));
    format!(
        "kchaos {}",
        found.unwrap_or_else(|| line([example.as_ref(), None, None]))
    )
}
