// SPDX-License-Identifier: GPL-2.0-only

//! Turns a document in Markdown into sections of a manual page: paragraphs, lists, commands, and
//! tables, a row of which is an entry with its first column as the tag.

use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd};
use roff::{Inline, Roff, bold, roman};

/// Adds a document. Its title is left out: the text up to the next heading has this section.
pub(crate) fn add(page: &mut Roff, text: &str, first: &str) {
    let mut writer = Writer {
        page,
        first,
        inlines: Vec::new(),
        head: Vec::new(),
        cells: Vec::new(),
        is_code: false,
        is_item: false,
        is_headed: false,
    };
    for event in Parser::new_ext(text, Options::ENABLE_TABLES) {
        writer.take(event);
    }
}

struct Writer<'a> {
    page: &'a mut Roff,
    /// The name of the first section.
    first: &'a str,
    /// The text of the paragraph, cell or heading so far.
    inlines: Vec<Inline>,
    /// The first row of the table.
    head: Vec<String>,
    /// The cells of the row so far.
    cells: Vec<Vec<Inline>>,
    is_code: bool,
    is_item: bool,
    /// Whether the last line is a heading, behind which a paragraph needs no beginning.
    is_headed: bool,
}

impl Writer<'_> {
    fn take(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(&tag),
            Event::End(tag) => self.end(tag),
            Event::Text(text) if self.is_code => {
                crate::help::keep(self.page, text.lines());
            }
            Event::Text(text) => self.inlines.push(roman(text.as_ref())),
            Event::Code(text) => self.inlines.push(bold(text.as_ref())),
            Event::SoftBreak | Event::HardBreak => self.inlines.push(roman(" ")),
            _ => {}
        }
    }

    fn start(&mut self, tag: &Tag<'_>) {
        match tag {
            Tag::CodeBlock(_) => {
                self.is_code = true;
                self.begin();
                self.page.control("RS", ["4"]);
            }
            Tag::Item => {
                self.is_item = true;
                self.page.control("IP", ["\\(bu", "2"]);
            }
            Tag::Paragraph if !self.is_item => self.begin(),
            _ => {}
        }
    }

    fn begin(&mut self) {
        if !std::mem::take(&mut self.is_headed) {
            self.page.control("PP", []);
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::CodeBlock => {
                self.is_code = false;
                self.page.control("RE", []);
            }
            TagEnd::Heading(level) => self.heading(level),
            TagEnd::Paragraph => self.text(),
            TagEnd::Item => {
                self.text();
                self.is_item = false;
            }
            TagEnd::TableCell => self.cells.push(std::mem::take(&mut self.inlines)),
            TagEnd::TableHead => {
                self.head = self.cells.drain(..).map(|cell| plain(&cell)).collect()
            }
            TagEnd::TableRow => self.row(),
            _ => {}
        }
    }

    fn text(&mut self) {
        if !self.inlines.is_empty() {
            self.page.text(std::mem::take(&mut self.inlines));
        }
    }

    fn heading(&mut self, level: HeadingLevel) {
        let name = plain(&std::mem::take(&mut self.inlines));
        self.is_headed = true;
        match level {
            HeadingLevel::H1 => self.page.control("SH", [self.first]),
            HeadingLevel::H2 => self.page.control("SH", [name.to_uppercase().as_str()]),
            _ => self.page.control("SS", [name.as_str()]),
        };
    }

    /// The last column explains the first one; the name of a column between them goes before its
    /// value.
    fn row(&mut self) {
        let mut cells = std::mem::take(&mut self.cells);
        let last = cells.pop().unwrap_or_default();
        self.is_headed = false;
        self.page.control("TP", []);
        let mut columns = cells.into_iter().zip(&self.head);
        if let Some((tag, _)) = columns.next() {
            self.page.text(tag);
        }
        self.page.text(last);
        for (cell, name) in columns.filter(|(cell, _)| !cell.is_empty()) {
            self.page.control("br", []);
            let name = [roman(format!("{name}: "))];
            self.page
                .text(name.into_iter().chain(cell).collect::<Vec<_>>());
        }
    }
}

fn plain(inlines: &[Inline]) -> String {
    let text = |inline: &Inline| match inline {
        Inline::Roman(text) | Inline::Italic(text) | Inline::Bold(text) => text.clone(),
        Inline::LineBreak => " ".to_owned(),
    };
    inlines.iter().map(text).collect()
}
