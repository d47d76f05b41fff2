// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The terminal: a screen of its own, which goes however the program ends.

use super::{
    app::App,
    draw::{self, palette::Palette},
    keys::{self, Key},
};
use anyhow::{Context, Result};
use ratatui::{
    Terminal,
    crossterm::{
        cursor::Show,
        execute,
        terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode},
    },
    prelude::CrosstermBackend,
};
use std::{
    io::{self, Stdout},
    panic,
};

/// The screen. When it is dropped, the terminal is as it was.
pub(super) struct Screen {
    terminal: Terminal<CrosstermBackend<Stdout>>,
    palette: Palette,
}

impl Screen {
    /// Takes the terminal.
    ///
    /// # Errors
    ///
    /// If the terminal refuses; then it is as it was.
    pub(super) fn enter(palette: Palette) -> Result<Self> {
        let default = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            // The message is to stand on the screen that stays.
            restore();
            default(info);
        }));
        enable_raw_mode().context("cannot read keys from the terminal")?;
        let entered = execute!(io::stdout(), EnterAlternateScreen)
            .and_then(|()| Terminal::new(CrosstermBackend::new(io::stdout())));
        match entered {
            Ok(terminal) => Ok(Self { terminal, palette }),
            Err(error) => {
                restore();
                Err(error).context("cannot draw on the terminal")
            }
        }
    }

    /// Draws a frame.
    ///
    /// # Errors
    ///
    /// If the terminal has gone.
    pub(super) fn draw(&mut self, app: &App) -> Result<()> {
        let drawn = self.terminal.draw(|frame| {
            let (area, palette) = (frame.area(), &self.palette);
            if let Some(cursor) = draw::draw(app, palette, area, frame.buffer_mut()) {
                frame.set_cursor_position(cursor);
            }
        });
        drawn.map(drop).context("cannot draw on the terminal")
    }

    /// Makes the next frame draw all anew.
    ///
    /// # Errors
    ///
    /// If the terminal has gone.
    pub(super) fn clear(&mut self) -> Result<()> {
        self.terminal.clear().context("cannot draw on the terminal")
    }

    /// The keys that were pressed since the last call.
    ///
    /// # Errors
    ///
    /// If the terminal has gone.
    pub(super) fn keys(&self) -> Result<Vec<Key>> {
        keys::pressed().context("cannot read keys from the terminal")
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        restore();
    }
}

/// Gives the terminal back. One that has gone needs nothing.
fn restore() {
    let _ = execute!(io::stdout(), LeaveAlternateScreen, Show);
    let _ = disable_raw_mode();
}

#[cfg(test)]
mod tests;
