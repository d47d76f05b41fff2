// SPDX-License-Identifier: GPL-2.0-only

//! Data races that KCSAN reports and that are known not to be the driver's.

use std::{collections::HashSet, mem};

/// The ruler above and below a report.
const RULER: &str = "==============================";

/// The beginning of the title of a report.
const TITLE: &str = "BUG: KCSAN: ";

/// The name of the driver in a report.
const DRIVER: &str = "chaos_driver";

/// The part of a report that the lab has read.
#[derive(Default)]
struct Report<'a> {
    /// The line of its title, and the title.
    title: Option<(&'a str, String)>,
    is_ours: bool,
}

impl<'a> Report<'a> {
    /// The line of the title, unless the race is known not to be the driver's.
    fn judge(self, known: &HashSet<String>) -> Option<&'a str> {
        let (line, title) = self.title?;
        (self.is_ours || !known.contains(&title)).then_some(line)
    }
}

/// The lines of a log without rulers, and without the titles of known reports. `races` names the
/// functions of a known report, and the driver does not occur in it. Other lines within a report
/// stay, as other processors may have written them.
pub(crate) fn without_known_races<'a>(log: &'a str, races: &str) -> Vec<&'a str> {
    let names = races
        .lines()
        .filter(|line| !line.starts_with('#') && !line.trim().is_empty());
    let known: HashSet<String> = names
        .map(|name| format!("{TITLE}data-race in {name}"))
        .collect();
    let mut report: Option<Report<'a>> = None;
    let mut kept = Vec::new();
    for line in log.lines() {
        let is_ruler = line.trim_end_matches('\r').ends_with(RULER);
        match &mut report {
            None if is_ruler => report = Some(Report::default()),
            None => kept.push(line),
            Some(read) if is_ruler => {
                kept.extend(mem::take(read).judge(&known));
                report = None;
            }
            Some(read) => match (line.find(TITLE), &read.title) {
                (Some(place), None) => {
                    read.title = Some((line, without_offsets(&line[place..])));
                }
                _ => {
                    read.is_ours |= line.contains(DRIVER);
                    kept.push(line);
                }
            },
        }
    }
    // A log may end within a report.
    kept.extend(report.and_then(|report| report.judge(&known)));
    kept
}

/// A title without the offsets and sizes of its functions, as in
/// `part_stat_read_all+0x30/0x90`.
fn without_offsets(title: &str) -> String {
    let mut parts = title.trim_end_matches('\r').split('+');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| match after_offset(part) {
        Some(rest) => text + rest,
        None => text + "+" + part,
    })
}

/// The rest of a text after its offset and size, if it begins with these.
fn after_offset(text: &str) -> Option<&str> {
    let after_number = |text: &str| {
        let digits = text.strip_prefix("0x")?;
        let end = digits.find(|c: char| !c.is_ascii_hexdigit() || c.is_ascii_uppercase());
        let end = end.unwrap_or(digits.len());
        (end > 0).then(|| text.len() - digits.len() + end)
    };
    let rest = text[after_number(text)?..].strip_prefix('/')?;
    Some(&rest[after_number(rest)?..])
}

#[cfg(test)]
mod tests {
    use super::*;

    const RACES: &str = "# why\n\npart_stat_read_all\nfirst / second\n";
    const BAR: &str =
        "[   10.0] ==================================================================\r";

    fn report(title: &str, inside: &str) -> String {
        let title = format!("[   10.0] BUG: KCSAN: data-race in {title}\r");
        [
            BAR,
            &title,
            "[   10.0] \r",
            inside,
            BAR,
            "[   11.0] after\r\n",
        ]
        .join("\n")
    }

    fn titles(log: &str) -> Vec<&str> {
        let lines = without_known_races(log, RACES).into_iter();
        lines.filter(|line| line.contains("KCSAN")).collect()
    }

    #[test]
    fn a_known_race_is_left_out() {
        let inside = "[   10.0] value changed: 0x1 -> 0x2\r";
        let log = report("part_stat_read_all+0x30/0x90", inside);
        assert_eq!(titles(&log), [""; 0]);
        let kept = without_known_races(&log, RACES);
        assert_eq!(
            kept,
            [
                "[   10.0] ",
                "[   10.0] value changed: 0x1 -> 0x2",
                "[   11.0] after"
            ]
        );
        assert_eq!(
            titles(&report("first+0x1/0x2 / second+0xa0/0xff", inside)),
            [""; 0]
        );
    }

    #[test]
    fn any_other_race_is_told() {
        assert_eq!(titles(&report("part_stat_read+0x30/0x90", "x")).len(), 1);
        assert_eq!(
            titles(&report("first+0x1/0x2 / third+0xa0/0xff", "x")).len(),
            1
        );
        assert_eq!(titles(&report("first+0x1/0x2", "x")).len(), 1);
    }

    #[test]
    fn a_race_with_the_driver_in_it_is_told() {
        let inside = "[   10.0]  dispatch+0x10/0x20 [chaos_driver]\r";
        assert_eq!(
            titles(&report("part_stat_read_all+0x30/0x90", inside)).len(),
            1
        );
        // The next report names the race again.
        let log = report("part_stat_read_all+0x30/0x90", inside)
            + &report("part_stat_read_all+0x30/0x90", "x");
        assert_eq!(titles(&log).len(), 1);
    }

    #[test]
    fn what_others_say_in_a_report_stays() {
        let inside = "[   10.0] BUG: kernel NULL pointer dereference\r";
        let log = report("part_stat_read_all+0x30/0x90", inside);
        let kept = without_known_races(&log, RACES);
        assert!(
            kept.iter().any(|line| line.contains("NULL pointer")),
            "{kept:?}"
        );
    }

    #[test]
    fn a_report_that_breaks_off_is_told() {
        let log = [BAR, "[   10.0] BUG: KCSAN: data-race in third\r"].join("\n");
        assert_eq!(titles(&log).len(), 1);
    }

    #[test]
    fn only_offsets_go() {
        assert_eq!(
            without_offsets("a+0x1f/0x20 / b+c+0xg/0x1\r"),
            "a / b+c+0xg/0x1"
        );
    }
}
