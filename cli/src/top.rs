// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! A live view of injections with keys, for `kchaos top`. It only looks, until a key asks for more:
//! then it starts this program with the verb of that key.

mod act;
mod app;
mod draw;
mod keys;
mod sample;
mod terminal;
mod wake;

use crate::{
    error::{Exit, failure, note},
    inject::command::killed_by,
    system::Roots,
};
use act::Running;
use anyhow::Result;
use app::{App, Step};
use draw::palette::Palette;
use ratatui::{buffer::Buffer, layout::Rect};
use sample::Look;
use std::{
    env,
    io::{self, IsTerminal, Write},
    thread::sleep,
    time::{Duration, Instant},
};
use terminal::Screen;
use wake::Wake;

/// The lines and columns of a frame that is printed as text.
const FRAME: Rect = Rect::new(0, 0, 80, 24);

/// The options of `kchaos top`.
pub(crate) struct Options {
    /// The time between two looks.
    pub(crate) interval: Duration,
    /// How many frames to print as text, without a terminal.
    pub(crate) frames: Option<u64>,
}

/// Shows injections until a key or a signal ends it. Returns the exit code.
///
/// # Errors
///
/// If there is no interface or no terminal.
pub(crate) fn top(roots: &Roots, options: &Options, out: &mut dyn Write) -> Result<u8> {
    roots.require_known_version()?;
    match options.frames {
        Some(frames) => print(roots, options.interval, frames, out).map(|()| 0),
        None => show(roots, options.interval),
    }
}

/// Prints frames as text.
fn print(roots: &Roots, interval: Duration, frames: u64, out: &mut dyn Write) -> Result<()> {
    let mut app = App::new();
    for frame in 0..frames {
        if frame > 0 {
            sleep(interval);
            writeln!(out)?;
        }
        app.see(Look::take(roots)?);
        out.write_all(text(&app, FRAME).as_bytes())?;
        out.flush()?;
    }
    Ok(())
}

/// A frame as text.
fn text(app: &App, area: Rect) -> String {
    let mut buffer = Buffer::empty(area);
    draw::draw(app, &Palette::plain(), area, &mut buffer);
    let rows = buffer.content.chunks(usize::from(area.width.max(1)));
    let rows = rows.map(|row| {
        let row: String = row.iter().map(|cell| cell.symbol()).collect();
        format!("{}\n", row.trim_end())
    });
    rows.collect()
}

/// Shows injections on the terminal.
fn show(roots: &Roots, interval: Duration) -> Result<u8> {
    require_terminal()?;
    // From now on, no signal ends kchaos before the terminal is as it was.
    let wake = Wake::new()?;
    let mut app = App::new();
    app.see(Look::take(roots)?);
    let screen = Screen::enter(Palette::of_environment())?;
    let mut view = View {
        roots,
        interval,
        wake,
        app,
        screen,
        running: None,
        next: Instant::now() + interval,
    };
    let code = view.run();
    // The terminal is as it was before anything is told on it.
    let View { screen, app, .. } = view;
    drop(screen);
    if let Some(act) = app.running {
        note(&format!("`{}` is still at work", act.command()));
    }
    code
}

/// Checks that there are a screen and keys.
fn require_terminal() -> Result<()> {
    let instead = "for a text: kchaos status, kchaos status --watch, or kchaos top --frames 1";
    let lacks = |what| Err(failure(Exit::Usage, format!("{what}; {instead}")));
    if !io::stdout().is_terminal() {
        return lacks("top draws on a terminal, and standard output is none");
    }
    if !io::stdin().is_terminal() {
        return lacks("top reads keys from a terminal, and standard input is none");
    }
    match env::var("TERM").as_deref() {
        Ok("dumb") | Ok("") | Err(_) => {
            lacks("top draws on a terminal that can, and TERM names none")
        }
        Ok(_) => Ok(()),
    }
}

/// The view on a terminal.
struct View<'a> {
    roots: &'a Roots,
    interval: Duration,
    wake: Wake,
    app: App,
    screen: Screen,
    /// The verb that a key has started.
    running: Option<Running>,
    /// The time of the next look.
    next: Instant,
}

impl View<'_> {
    /// Draws, and handles signals, keys and ends of verbs, until one of them ends it all.
    fn run(&mut self) -> Result<u8> {
        loop {
            self.screen.draw(&self.app)?;
            self.wake.wait(self.next)?;
            if let Some(signal) = self.wake.signal() {
                return Ok(killed_by(signal));
            }
            if self.press()? {
                return Ok(0);
            }
            self.look();
        }
    }

    /// Handles the keys that were pressed. Returns whether one of them ends the view.
    fn press(&mut self) -> Result<bool> {
        for key in self.screen.keys()? {
            match self.app.press(key) {
                Step::Stay => {}
                Step::Quit => return Ok(true),
                Step::Redraw => self.screen.clear()?,
                Step::Act(act) => self.running = Some(Running::start(act, self.wake.waker()?)),
            }
        }
        Ok(false)
    }

    /// Looks again, if it is time or a verb has ended.
    fn look(&mut self) {
        let outcome = self.running.as_ref().and_then(Running::outcome);
        let has_ended = outcome.is_some();
        if let Some(outcome) = outcome {
            self.running = None;
            self.app.done(outcome);
        }
        if has_ended || Instant::now() >= self.next {
            match Look::take(self.roots) {
                Ok(look) if has_ended => self.app.see_change(look),
                Ok(look) => self.app.see(look),
                Err(error) => self.app.see_nothing(&format!("{error:#}")),
            }
            // A look soon after another one would see too little grow.
            self.next = Instant::now() + self.interval;
        }
    }
}

#[cfg(test)]
mod made;
#[cfg(test)]
mod session;
