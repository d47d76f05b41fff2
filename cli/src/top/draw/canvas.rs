// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Lines of text on the screen, from above.

use ratatui::{buffer::Buffer, layout::Rect, style::Style, widgets::Widget};

/// An area that is filled line by line.
pub(super) struct Canvas<'a> {
    buffer: &'a mut Buffer,
    area: Rect,
    /// The line that comes next.
    next: u16,
}

impl<'a> Canvas<'a> {
    pub(super) fn new(buffer: &'a mut Buffer, area: Rect) -> Self {
        let next = area.top();
        Self { buffer, area, next }
    }

    pub(super) fn width(&self) -> u16 {
        self.area.width
    }

    /// Writes a line, cut at the end of the area. Nothing is below the last line.
    pub(super) fn line(&mut self, text: &str, style: Style) {
        self.put(0, self.area.width, text, style);
        self.skip(1);
    }

    /// Writes into the next line, from a column on and for so many.
    pub(super) fn put(&mut self, column: u16, width: u16, text: &str, style: Style) {
        let Some(place) = self.place(column, width) else {
            return;
        };
        let width = usize::from(place.width);
        self.buffer
            .set_stringn(place.x, place.y, text, width, style);
    }

    /// Draws a widget into the next line, from a column on and for so many.
    pub(super) fn widget(&mut self, column: u16, width: u16, widget: impl Widget) {
        if let Some(place) = self.place(column, width) {
            widget.render(place, self.buffer);
        }
    }

    /// Gives all of the next line a style.
    pub(super) fn style(&mut self, style: Style) {
        if let Some(place) = self.place(0, self.area.width) {
            self.buffer.set_style(place, style);
        }
    }

    /// Leaves lines empty.
    pub(super) fn skip(&mut self, lines: u16) {
        self.next = self.next.saturating_add(lines);
    }

    /// Goes on with the first of the last lines. Returns its place on the screen.
    pub(super) fn go_to_last(&mut self, lines: u16) -> u16 {
        self.next = self.area.bottom().saturating_sub(lines);
        self.next
    }

    fn place(&self, column: u16, width: u16) -> Option<Rect> {
        let wanted = Rect::new(self.area.x.saturating_add(column), self.next, width, 1);
        Some(wanted.intersection(self.area)).filter(|place| !place.is_empty())
    }
}
