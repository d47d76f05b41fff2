// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Puts the value that was typed into a tip, so that kchaos accepts what the tip says to type.

use super::super::whole::fits;

/// A place in a tip, and how it shows the value.
type Hole = (&'static str, fn(&str) -> String);

/// A value to put into a tip.
pub(super) struct Values<'a> {
    /// The value that was typed, or an example.
    pub(super) value: &'a str,
    /// The device that the line names, or an example.
    pub(super) device: &'a str,
}

impl Values<'_> {
    /// A tip with these values, whose flags are for the verb at this path; none if kchaos would
    /// refuse what it says to type.
    pub(super) fn fitting(&self, path: &str, tip: &str) -> Option<String> {
        if !is_plain(self.value) || !is_plain(self.device) {
            return None;
        }
        let parts: Vec<String> = tip.split('\'').map(|part| self.fill(part)).collect();
        let mut quoted = tip.split('\'').zip(&parts).skip(1).step_by(2);
        let all_fit = quoted.all(|(part, filled)| {
            !part.contains('{')
                || match filled.strip_prefix("kchaos ") {
                    Some(line) => fits(line),
                    None => fits(&format!("{path} {filled}")),
                }
        });
        all_fit.then(|| parts.join("'"))
    }

    /// A text with these values.
    pub(super) fn fill(&self, text: &str) -> String {
        let holes: [Hole; 9] = [
            ("{}", str::to_owned),
            ("{s}", |value| with_unit(value, "s")),
            ("{ms}", |value| with_unit(value, "ms")),
            ("{us}", |value| with_unit(value, "us")),
            ("{ns}", |value| with_unit(value, "ns")),
            ("{percent}", |value| with_unit(value, "%")),
            ("{share}", share),
            ("{op}", operations),
            ("{pid}", process),
        ];
        let text = text.replace("{device}", self.device);
        holes
            .into_iter()
            .fold(text, |text, (hole, write)| match text.contains(hole) {
                true => text.replace(hole, &write(self.value)),
                false => text,
            })
    }
}

/// Whether a shell takes a text for one word that means itself.
pub(super) fn is_plain(text: &str) -> bool {
    let is_plain = |letter: char| letter.is_alphanumeric() || "-_./:,%=+@".contains(letter);
    !text.is_empty() && text.chars().all(is_plain)
}

/// A value with this unit, if it has none.
fn with_unit(value: &str, unit: &str) -> String {
    let is_bare = value
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.');
    format!("{value}{}", if is_bare { unit } else { "" })
}

/// A share from 0 to 1 in per cent; another value as it is.
fn share(value: &str) -> String {
    match value.parse::<f64>() {
        Ok(share) if (0.0..=1.0).contains(&share) => {
            format!("{}%", (share * 1_000_000.0).round() / 10_000.0)
        }
        _ => with_unit(value, "%"),
    }
}

/// Operations without an order, which a disk does not know: `randread` is `read`.
fn operations(value: &str) -> String {
    let words = value.split(',').map(|word| {
        let orders = ["rand", "seq"].iter();
        let mut bare = orders.filter_map(|order| word.strip_prefix(order));
        bare.next().unwrap_or(word)
    });
    words.collect::<Vec<_>>().join(",")
}

/// A process by its number, or the shell's words for its number by its name.
fn process(value: &str) -> String {
    match value.bytes().all(|byte| byte.is_ascii_digit()) {
        true => value.to_owned(),
        false => format!("\"$(pidof -s {value})\""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_fit_or_are_left_out() {
        for (tip, value, expected) in [
            ("'--delay {ms}'", "10", Some("'--delay 10ms'")),
            ("'--delay {ms}'", "1.5", Some("'--delay 1.5ms'")),
            ("'--delay {ms}'", "10s", Some("'--delay 10s'")),
            ("'--delay {ms}'", "nonsense", None),
            ("'--delay {}'", "10 ms", None),
            (
                "'--probability {share}'",
                "0.29",
                Some("'--probability 29%'"),
            ),
            ("'--probability {share}'", "20", Some("'--probability 20%'")),
            (
                "'--probability {percent}'",
                "0.5",
                Some("'--probability 0.5%'"),
            ),
            ("'--op {op}'", "randread", Some("'--op read'")),
            ("'--op {op}'", "seqread,write", Some("'--op read,write'")),
            ("'--op {op}'", "x", None),
            ("'--pid {pid}'", "12", Some("'--pid 12'")),
            (
                "'--pid {pid}'",
                "nginx",
                Some("'--pid \"$(pidof -s nginx)\"'"),
            ),
            ("'--pid {pid}'", "a;b", None),
            ("'--times N' or '--device {device}'", "", None),
        ] {
            let values = Values {
                value,
                device: "vda",
            };
            let filled = values.fitting("inject ioem delay", tip);
            assert_eq!(filled.as_deref(), expected, "{tip} {value}");
        }
    }
}
