// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The styles of the view. Each says something that a word says as well, so none is needed.

use crate::interface::snapshot::State;
use ratatui::style::{Color, Modifier, Style};
use std::env;

/// The styles.
pub(in crate::top) struct Palette {
    pub(super) plain: Style,
    pub(super) title: Style,
    pub(super) head: Style,
    pub(super) selected: Style,
    pub(super) trouble: Style,
    pub(super) bar: Style,
    is_coloured: bool,
}

impl Palette {
    /// The styles of a terminal: without colour if `NO_COLOR` is set and not empty.
    pub(in crate::top) fn of_environment() -> Self {
        let is_set = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self::new(!is_set)
    }

    /// Styles without colour.
    pub(in crate::top) fn plain() -> Self {
        Self::new(false)
    }

    pub(super) fn new(is_coloured: bool) -> Self {
        let plain = Style::new();
        let colour = |colour| if is_coloured { plain.fg(colour) } else { plain };
        Self {
            plain,
            title: plain.add_modifier(Modifier::BOLD),
            head: colour(Color::Cyan).add_modifier(Modifier::BOLD),
            selected: plain.add_modifier(Modifier::REVERSED),
            trouble: colour(Color::Red),
            bar: colour(Color::Cyan),
            is_coloured,
        }
    }

    /// The style of the word for a state.
    pub(super) fn state(&self, state: State) -> Style {
        match state {
            State::On if self.is_coloured => self.plain.fg(Color::Green),
            State::Off if self.is_coloured => self.plain.fg(Color::Yellow),
            _ => self.plain,
        }
    }
}
