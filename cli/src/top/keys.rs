// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The keys of a terminal.

use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use std::{io, time::Duration};

/// A key that the view knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Up,
    Down,
    Enter,
    Escape,
    /// Deletes a letter.
    Back,
    /// Deletes a line.
    Clear,
    /// Draws all anew, if another program has written to the terminal.
    Redraw,
    /// Ends the view, whatever it asks.
    Interrupt,
    Letter(char),
}

impl Key {
    /// The key of an event; `None` for one that means nothing here.
    fn of(event: KeyEvent) -> Option<Self> {
        if event.kind == KeyEventKind::Release {
            return None;
        }
        let control = event.modifiers.contains(KeyModifiers::CONTROL);
        Some(match event.code {
            KeyCode::Char('c') if control => Self::Interrupt,
            KeyCode::Char('h') if control => Self::Back,
            KeyCode::Char('l') if control => Self::Redraw,
            KeyCode::Char('u') if control => Self::Clear,
            KeyCode::Char('j') if control => Self::Enter,
            KeyCode::Char(letter) if !control => Self::Letter(letter),
            KeyCode::Up => Self::Up,
            KeyCode::Down => Self::Down,
            KeyCode::Enter => Self::Enter,
            KeyCode::Esc => Self::Escape,
            KeyCode::Backspace => Self::Back,
            _ => return None,
        })
    }
}

/// The keys that were pressed since the last call.
///
/// # Errors
///
/// If the terminal has gone.
pub(super) fn pressed() -> io::Result<Vec<Key>> {
    let mut keys = Vec::new();
    while event::poll(Duration::ZERO)? {
        if let Event::Key(event) = event::read()? {
            keys.extend(Key::of(event));
        }
    }
    Ok(keys)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_with_control_is_not_that_letter() {
        let key = |code, modifiers| Key::of(KeyEvent::new(code, modifiers));
        let (none, control) = (KeyModifiers::NONE, KeyModifiers::CONTROL);
        assert_eq!(key(KeyCode::Char('r'), none), Some(Key::Letter('r')));
        assert_eq!(
            key(KeyCode::Char('R'), KeyModifiers::SHIFT),
            Some(Key::Letter('R'))
        );
        assert_eq!(key(KeyCode::Char('r'), control), None);
        assert_eq!(key(KeyCode::Char('c'), control), Some(Key::Interrupt));
        assert_eq!(key(KeyCode::F(1), none), None);
        let released = KeyEvent::new_with_kind(KeyCode::Enter, none, KeyEventKind::Release);
        assert_eq!(Key::of(released), None);
    }
}
