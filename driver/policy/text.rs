// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Text for people in a page: lines that do not fit are left out, and the last line says how many.

use core::fmt::{self, Write};

/// Room for the last line: `... 4294967295 more`.
const LAST: usize = 24;

/// Text at the beginning of a piece of memory.
struct Text<'a> {
    memory: &'a mut [u8],
    length: usize,
}

impl Write for Text<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.length.saturating_add(text.len());
        let place = self.memory.get_mut(self.length..end).ok_or(fmt::Error)?;
        // `copy_from_slice` can panic.
        let both = place.iter_mut().zip(text.as_bytes());
        both.for_each(|(place, byte)| *place = *byte);
        self.length = end;
        Ok(())
    }
}

/// Writes a line, and returns its length; `None` if it does not fit.
fn write_line(memory: &mut [u8], line: fmt::Arguments<'_>) -> Option<usize> {
    let mut text = Text { memory, length: 0 };
    let written = text.write_fmt(line).and_then(|()| text.write_str("\n"));
    written.is_ok().then_some(text.length)
}

/// Lines of text in a page.
pub struct Lines<'a> {
    page: &'a mut [u8],
    length: usize,
    /// How many bytes the present section keeps free for later ones.
    kept: usize,
    /// Whether a line of the present section was left out.
    is_full: bool,
    left_out: u32,
}

impl<'a> Lines<'a> {
    /// No line.
    pub fn new(page: &'a mut [u8]) -> Self {
        Self {
            page,
            length: 0,
            kept: 0,
            is_full: false,
            left_out: 0,
        }
    }

    /// Begins a section, whose lines keep so many bytes free for the sections behind it.
    pub fn begin_section(&mut self, kept: usize) {
        self.kept = kept;
        self.is_full = false;
    }

    /// How many bytes the lines of the present section can still have.
    pub fn room(&self) -> usize {
        let others = self.length.saturating_add(self.kept).saturating_add(LAST);
        self.page.len().saturating_sub(others)
    }

    /// Adds a line, if it fits and no line before it in its section was left out.
    pub fn add(&mut self, line: fmt::Arguments<'_>) {
        if self.is_full || !self.write(line, self.room()) {
            self.is_full = true;
            self.left_out = self.left_out.saturating_add(1);
        }
    }

    /// Adds the last line, if lines were left out, and returns the length of the text.
    pub fn finish(mut self) -> usize {
        if self.left_out > 0 {
            let left_out = self.left_out;
            self.write(core::format_args!("... {left_out} more"), LAST);
        }
        self.length
    }

    fn write(&mut self, line: fmt::Arguments<'_>, room: usize) -> bool {
        let end = self.length.saturating_add(room);
        let rest = self.page.get_mut(self.length..end);
        let length = rest.and_then(|rest| write_line(rest, line));
        self.length = self.length.saturating_add(length.unwrap_or(0));
        length.is_some()
    }
}

/// Writes one value, and returns the length of the text. Every value fits: a user wrote it as a
/// text that does.
// The host has no files to show.
#[allow(dead_code)]
pub fn value(page: &mut [u8], value: &dyn fmt::Display) -> usize {
    write_line(page, core::format_args!("{value}")).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::string::String;

    fn text(page: &[u8], length: usize) -> String {
        String::from_utf8(page[..length].into()).unwrap()
    }

    #[test]
    fn lines_that_do_not_fit_are_counted() {
        let mut page = [b'x'; 10 + LAST];
        let mut lines = Lines::new(&mut page);
        for number in [111, 222, 3333, 4] {
            lines.add(core::format_args!("{number}"));
        }
        let length = lines.finish();
        assert_eq!(text(&page, length), "111\n222\n... 2 more\n");
    }

    #[test]
    fn a_section_keeps_room_for_the_next() {
        let mut page = [b'x'; 10 + LAST];
        let mut lines = Lines::new(&mut page);
        lines.begin_section(6);
        assert_eq!(lines.room(), 4);
        for number in [111, 222] {
            lines.add(core::format_args!("{number}"));
        }
        lines.begin_section(0);
        lines.add(core::format_args!("33333"));
        let length = lines.finish();
        assert_eq!(text(&page, length), "111\n33333\n... 1 more\n");
    }

    #[test]
    fn a_value_is_a_line() {
        let mut page = [b'x'; 4];
        assert_eq!(value(&mut page, &123), 4);
        assert_eq!(&page, b"123\n");
        assert_eq!(value(&mut page, &1234), 0);
    }
}
