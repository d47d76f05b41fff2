// SPDX-License-Identifier: GPL-2.0-only

//! Text for people in a page: lines that do not fit are left out, and the last line says how many.

use core::fmt;
use kernel::{fmt::Write, page::PAGE_SIZE, str::Formatter};

/// Room for the last line: `... 4294967295 more`.
const LAST: usize = 24;

/// Lines of text in a page.
pub(crate) struct Lines<'a> {
    page: &'a mut [u8; PAGE_SIZE],
    length: usize,
    left_out: u32,
}

impl<'a> Lines<'a> {
    /// No line.
    pub(crate) fn new(page: &'a mut [u8; PAGE_SIZE]) -> Self {
        Self {
            page,
            length: 0,
            left_out: 0,
        }
    }

    /// Adds a line, if it fits and no line before it was left out.
    pub(crate) fn add(&mut self, line: fmt::Arguments<'_>) {
        if self.left_out > 0 || !self.write(line, PAGE_SIZE - LAST) {
            self.left_out = self.left_out.saturating_add(1);
        }
    }

    /// Adds the last line, if lines were left out, and returns the length of the text.
    pub(crate) fn finish(mut self) -> usize {
        if self.left_out > 0 {
            let left_out = self.left_out;
            self.write(core::format_args!("... {left_out} more"), PAGE_SIZE);
        }
        self.length
    }

    fn write(&mut self, line: fmt::Arguments<'_>, end: usize) -> bool {
        let Some(rest) = self.page.get_mut(self.length..end) else {
            return false;
        };
        let mut text = Formatter::new(rest);
        let fits = text.write_fmt(core::format_args!("{line}\n")).is_ok();
        if fits {
            self.length = self.length.saturating_add(text.bytes_written());
        }
        fits
    }
}

/// Writes one value, and returns the length of the text. Every value fits: a user wrote it as a
/// text that does.
pub(crate) fn value(page: &mut [u8; PAGE_SIZE], value: &dyn fmt::Display) -> usize {
    let mut text = Formatter::new(page);
    let fits = text.write_fmt(core::format_args!("{value}\n")).is_ok();
    if fits {
        text.bytes_written()
    } else {
        0
    }
}
