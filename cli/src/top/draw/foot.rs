// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The last lines: sentences about verbs, the question to answer, or the keys.

use super::{Palette, canvas::Canvas};
use crate::{
    show::columns::{printable, wrapped_to},
    top::app::{App, Mode},
};
use ratatui::{layout::Position, style::Style};

/// The most lines of sentences.
const MOST: usize = 6;

/// The last lines.
pub(super) struct Foot<'a> {
    /// The sentences; the first lines are cut if there is too little room.
    said: Vec<String>,
    last: String,
    style: Style,
    palette: &'a Palette,
    /// The column of the cursor.
    cursor: Option<usize>,
}

impl<'a> Foot<'a> {
    pub(super) fn new(app: &App, palette: &'a Palette, width: u16) -> Self {
        let mut said = app.said.clone();
        if let Some(act) = &app.running {
            said.push(format!("`{}` is at work", act.command()));
        }
        let mut foot = Self {
            said: Vec::new(),
            last: keys(app),
            style: palette.head,
            palette,
            cursor: None,
        };
        match &app.mode {
            Mode::Confirm { question, .. } => {
                foot.last.clone_from(question);
                foot.style = palette.title;
            }
            Mode::Change { name, line } => {
                said.push("options of kchaos change, such as --delay 5ms; Esc leaves".to_owned());
                let prompt = format!("change {}: ", printable(name));
                foot.last = end_of(&format!("{prompt}{line}"), usize::from(width) - 1);
                foot.cursor = Some(foot.last.chars().count());
                foot.style = palette.title;
            }
            Mode::Look | Mode::Help => {}
        }
        let lines = said.iter();
        let lines = lines.flat_map(|line| wrapped_to(usize::from(width), &printable(line)));
        foot.said = lines.collect();
        foot.said.truncate(MOST);
        foot
    }

    /// Leaves lines out until no more than so many are there.
    pub(super) fn shorten(&mut self, most: u16) {
        let most = usize::from(most).saturating_sub(1);
        let more = self.said.len().saturating_sub(most);
        self.said.drain(..more);
    }

    pub(super) fn height(&self) -> u16 {
        u16::try_from(self.said.len() + 1).unwrap_or(u16::MAX)
    }

    /// Draws the lines. Returns the place of the cursor.
    pub(super) fn draw(&self, canvas: &mut Canvas<'_>) -> Option<Position> {
        for line in &self.said {
            canvas.line(line, self.palette.plain);
        }
        let row = canvas.go_to_last(1);
        canvas.line(&self.last, self.style);
        let column = u16::try_from(self.cursor?).unwrap_or(u16::MAX);
        Some(Position::new(column, row))
    }
}

/// The keys and what they do.
fn keys(app: &App) -> String {
    let is_off = app.selection().is_some_and(|selected| !selected.is_enabled);
    let switch = if is_off { "p resume" } else { "p pause" };
    format!("j/k select  {switch}  c change  r recover  R recover all  ? help  q quit")
}

/// The last letters of a text, so that the typed ones are seen.
fn end_of(text: &str, most: usize) -> String {
    let more = text.chars().count().saturating_sub(most);
    text.chars().skip(more).collect()
}
