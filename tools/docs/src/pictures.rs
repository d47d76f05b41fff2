// SPDX-License-Identifier: GPL-2.0-only

//! Draws the effect of the driver's rules on I/O, by the rules themselves: the files of
//! `driver/policy/`, of which the module is built. One picture is of a measurement.

use anyhow::{Context, Result};
use bench::svg::{Anchor, Drawing, Panel, Scale};
use chaos_policy::policy::{
    delay::Delay, distribution::Shape, lanes, limit::Limit, window::Shared,
};
use std::{cell::Cell, fs, path::Path};

/// The folder of the pictures.
const FOLDER: &str = "tools/docs/pictures";

/// The output of `others` in that folder.
const OTHERS: &str = include_str!("../pictures/others.txt");

const NS_PER_MS: f64 = 1e6;

/// Draws all pictures into the checkout in this folder.
///
/// # Errors
///
/// If a file cannot be written.
pub fn write(top: &Path) -> Result<()> {
    for (name, picture) in all() {
        let path = top.join(FOLDER).join(name);
        fs::write(&path, picture).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

/// Each picture with the name of its file.
fn all() -> [(&'static str, String); 5] {
    [
        ("distributions.svg", distributions()),
        ("lanes.svg", in_lanes()),
        ("windows.svg", limited("A limit of 5 I/Os in 10 ms", 0)),
        (
            "burst.svg",
            limited("The same limit with a burst of 10", 10),
        ),
        ("others.svg", others()),
    ]
}

/// A word that this thread alone uses.
struct Word(Cell<u64>);

impl Word {
    fn new(word: u64) -> Self {
        Self(Cell::new(word))
    }
}

impl Shared for Word {
    fn load(&self) -> u64 {
        self.0.get()
    }

    fn exchange(&self, old: u64, new: u64) -> bool {
        let is_same = self.0.get() == old;
        if is_same {
            self.0.set(new);
        }
        is_same
    }
}

/// A panel over the whole width of a drawing of 900 points, from 0 to this time.
fn panel(top: f64, height: f64, time: f64, y: Scale) -> Panel {
    Panel {
        left: 80.0,
        top,
        width: 790.0,
        height,
        x: Scale::Linear(0.0, time),
        y,
    }
}

/// Marks below a panel, from 0 to this time.
fn marks(drawing: &mut Drawing, panel: &Panel, step: usize, end: usize) {
    let bottom = panel.top + panel.height;
    for time in (0..=end).step_by(step) {
        let x = panel.x(time as f64);
        drawing.line((x, panel.top), (x, bottom), "grid");
        drawing.text(x, bottom + 18.0, Anchor::Middle, "", &time.to_string());
    }
}

/// The delays of each distribution, from the least to the greatest.
fn distributions() -> String {
    const STEPS: u64 = 400;
    let mut drawing = Drawing::new(900.0, 400.0, "A delay of 10 ms with a jitter of 2 ms");
    let names = Shape::NAMES.map(|(name, _)| name);
    drawing.legend(&names, 48.0);
    let panel = panel(70.0, 270.0, 20.0, Scale::Linear(0.0, 100.0));
    let ticks = [0.0, 25.0, 50.0, 75.0, 100.0].map(|share| (share, format!("{share} %")));
    let label = "milliseconds that an I/O is delayed";
    drawing.frame(&panel, &ticks, label, "so many at most");
    marks(&mut drawing, &panel, 2, 20);
    for (name, shape) in Shape::NAMES {
        let delay = Delay::new(shape, 10_000, 2_000, 0);
        let points = (0..=STEPS).map(|step| {
            let uniform = u64::MAX / STEPS * step;
            let delayed = delay.at(uniform) as f64 / NS_PER_MS;
            (
                panel.x(delayed),
                panel.y(step as f64 * 100.0 / STEPS as f64),
            )
        });
        drawing.path(&points.collect::<Vec<_>>(), name);
    }
    drawing.finish()
}

/// An I/O, in nanoseconds from the left of a picture.
struct Io {
    arrives: u64,
    goes: u64,
}

/// A row for each I/O: a line while the I/O waits, and a dot where it goes.
fn rows(drawing: &mut Drawing, panel: &Panel, ios: &[Io]) {
    for (row, io) in ios.iter().enumerate() {
        let y = panel.y(ios.len() as f64 - row as f64 - 0.5);
        let x = |time: u64| panel.x(time as f64 / NS_PER_MS);
        drawing.thick_line((x(io.arrives), y), (x(io.goes), y), 1.5, "waiting");
        drawing.dot((x(io.goes), y), 3.5, "ioem");
    }
}

/// Eight I/Os that arrive together, with a delay of 10 ms: without lanes, and with two.
fn in_lanes() -> String {
    const DELAY: u64 = 10_000_000;
    let mut drawing = Drawing::new(
        900.0,
        380.0,
        "A delay of 10 ms, of eight I/Os that arrive together",
    );
    let parts = [("any number at a time", 0), ("lanes of 2", 2)];
    for (place, (title, count)) in parts.into_iter().enumerate() {
        let lanes: Vec<Word> = (0..count).map(|_| Word::new(0)).collect();
        let io = |_| Io {
            arrives: 0,
            goes: lanes::book(&lanes, 0, DELAY),
        };
        let ios: Vec<Io> = (0..8).map(io).collect();
        let panel = panel(
            60.0 + 160.0 * place as f64,
            100.0,
            50.0,
            Scale::Linear(0.0, 8.0),
        );
        drawing.text(panel.left, panel.top - 8.0, Anchor::Start, "strong", title);
        let label = if place == 0 { "" } else { "milliseconds" };
        drawing.frame(&panel, &[], label, "I/Os");
        marks(&mut drawing, &panel, 10, 50);
        rows(&mut drawing, &panel, &ios);
    }
    drawing.finish()
}

/// When the I/Os of a load go by a limit of 5 in 10 ms that saves so many: 12 come after 13 ms, one
/// each millisecond from 41 ms on.
fn limited(title: &str, burst: u32) -> String {
    const PERIOD_US: u32 = 10_000;
    const QUOTA: u32 = 5;
    const MS: u64 = 1_000_000;
    /// Before the left edge, the disk was idle for this time, and each burst is saved.
    const BEFORE: u64 = 1_000 * MS;
    let Some(limit) = Limit::new(PERIOD_US, QUOTA, burst) else {
        unreachable!("neither number is 0");
    };
    let word = Word::new(limit.fresh(BEFORE).to_word());
    let together = std::iter::repeat_n(13 * MS, 12);
    let arrivals = together.chain((41..53).map(|time| time * MS));
    // I/Os go in their order: none asks before the one ahead of it has gone.
    let mut now = BEFORE;
    let mut ios = Vec::new();
    for arrives in arrivals {
        now = now.max(BEFORE + arrives);
        while let Err(refused) = limit.charge(&word, 1, &mut now.clone(), || now) {
            now = refused.until_ns;
        }
        let goes = now - BEFORE;
        ios.push(Io { arrives, goes });
    }
    let mut drawing = Drawing::new(900.0, 380.0, title);
    let panel = panel(50.0, 270.0, 80.0, Scale::Linear(0.0, ios.len() as f64));
    let label = "milliseconds; each line begins a window";
    drawing.frame(&panel, &[], label, "I/Os, in their order");
    marks(&mut drawing, &panel, 10, 80);
    rows(&mut drawing, &panel, &ios);
    drawing.finish()
}

/// The figures of the measurement whose lines begin with a word.
fn measured(word: &str) -> impl Iterator<Item = Vec<f64>> {
    let lines = OTHERS
        .lines()
        .filter_map(move |line| line.strip_prefix(word));
    lines.map(|line| {
        line.split_whitespace()
            .filter_map(|figure| figure.parse().ok())
            .collect()
    })
}

/// How long a reader waits while the reads of another cgroup are held in one way, then the other.
fn others() -> String {
    let title = "A reader of the disk, while reads of another cgroup are held for 100 ms";
    let mut drawing = Drawing::new(900.0, 400.0, title);
    let panel = panel(70.0, 270.0, 9.0, Scale::Logarithmic(0.1, 100.0));
    let ticks = [0.1, 1.0, 10.0, 100.0].map(|ms| (ms, format!("{ms} ms")));
    drawing.frame(&panel, &ticks, "seconds", "a read takes");
    marks(&mut drawing, &panel, 1, 9);
    let ends = measured("none");
    for ((hold, colour), end) in [("completion", "normal"), ("request", "paretonormal")]
        .into_iter()
        .zip(ends)
    {
        let begin = measured(hold).next().unwrap_or_default();
        let (Some(begin), Some(end)) = (begin.first(), end.first()) else {
            continue;
        };
        let (left, right) = (panel.x(*begin), panel.x(*end));
        drawing.thick_line((left, 62.0), (right, 62.0), 5.0, colour);
        let text = format!("hold={hold}");
        drawing.text((left + right) / 2.0, 52.0, Anchor::Middle, "strong", &text);
    }
    let points = measured("read").filter_map(|figures| match figures[..] {
        [second, ms] => Some((panel.x(second), panel.y(ms))),
        _ => None,
    });
    drawing.path(&points.collect::<Vec<_>>(), "ioem");
    drawing.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_measurement_has_all_that_is_drawn() {
        assert!(measured("read").count() > 60);
        assert!(measured("read").all(|figures| figures.len() == 2));
        for (word, count) in [("completion", 1), ("request", 1), ("none", 2)] {
            let marks: Vec<Vec<f64>> = measured(word).collect();
            assert_eq!(marks.len(), count, "{word}");
            assert!(marks.iter().all(|figures| figures.len() == 1), "{word}");
        }
    }

    #[test]
    fn pictures_are_as_they_are_drawn() {
        let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        for (name, picture) in all() {
            let path = top.join(FOLDER).join(name);
            let file = fs::read_to_string(&path).unwrap_or_default();
            assert!(
                file == picture,
                "{} is another picture: cargo run --package manual -- pictures",
                path.display()
            );
        }
    }
}
