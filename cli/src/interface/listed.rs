// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Lists in the driver's files. A file is at most a page long, and its last line says how many
//! lines had no room.

/// The items of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listed<T> {
    pub(crate) items: Vec<T>,
    /// The number of items that the file lacks.
    pub(crate) left_out: u64,
}

impl<T> Listed<T> {
    /// Reads an item from each line. Other lines are skipped: a later driver may have them.
    pub(crate) fn parse(text: &str, item: impl Fn(&str) -> Option<T>) -> Self {
        Self {
            items: text.lines().filter_map(item).collect(),
            left_out: left_out(text),
        }
    }

    /// The words of [`more`] about the items that were left out.
    pub(crate) fn more(&self, what: &str) -> Option<String> {
        more(self.left_out, what)
    }
}

impl<T> Default for Listed<T> {
    fn default() -> Self {
        Self {
            items: Vec::new(),
            left_out: 0,
        }
    }
}

/// The number of lines that had no room in a file. The file's last line has it: `... 5 more`.
pub(crate) fn left_out(text: &str) -> u64 {
    let last = text.lines().last().unwrap_or_default();
    let number = last.strip_prefix("... ");
    let number = number.and_then(|rest| rest.strip_suffix(" more"));
    number.and_then(|number| number.parse().ok()).unwrap_or(0)
}

/// Words about items that were left out, such as `5 more disks that the kernel had no room for`.
pub(crate) fn more(left_out: u64, what: &str) -> Option<String> {
    (left_out > 0).then(|| format!("{left_out} more {what} that the kernel had no room for"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_tells_how_many_were_left_out() {
        let number = |line: &str| line.parse::<u32>().ok();
        let listed = Listed::parse("7\nlater\n8\n... 12 more\n", number);
        assert_eq!((&listed.items[..], listed.left_out), (&[7, 8][..], 12));
        let words = "12 more numbers that the kernel had no room for";
        assert_eq!(listed.more("numbers").as_deref(), Some(words));
        for text in [
            "",
            "7\n",
            "... 12 more\n7\n",
            "... more\n",
            "...  more\n",
            "... -1 more\n",
            "... 12 more disks\n",
            "... 18446744073709551616 more\n",
        ] {
            let listed = Listed::parse(text, number);
            assert_eq!(listed.left_out, 0, "{text:?}");
            assert_eq!(listed.more("numbers"), None);
        }
    }
}
