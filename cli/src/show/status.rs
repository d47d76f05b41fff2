// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Shows the work of injections, for `kchaos status`: counts, rates, held I/O, and hold times.

use super::{
    SCHEMA,
    columns::{printable, wrapped},
    describe::Described,
    picture::picture,
};
use crate::{
    interface::{
        self, Name, attribute,
        attributes::ENABLED,
        ceiling::Effect,
        ending::Ending,
        existing::{all, is_there, unknown},
        frozen,
        listed::{self, Listed},
        snapshot::{Snapshot, State},
        stats::{self, GROWING, NOT_FAILED, Queue, SAVED, SELDOM},
        units,
    },
    system::{Roots, attached::attached_names},
};
use anyhow::Result;
use serde_json::{Map, Value, json};
use std::{
    ffi::OsString,
    fmt::Write as _,
    io::{self, IsTerminal, Write},
    thread::sleep,
    time::{Duration, Instant},
};

/// Clears a terminal.
const CLEAR: &str = "\x1b[H\x1b[2J";

/// The options of `kchaos status`.
pub(crate) struct Options<'a> {
    /// The names of the injections; if there are none, all are shown.
    pub(crate) names: &'a [OsString],
    /// The time after which they are shown again.
    pub(crate) watch: Option<Duration>,
    /// Whether to print JSON.
    pub(crate) json: bool,
}

/// Everything at one time.
pub(crate) struct Sample {
    pub(crate) time: Instant,
    /// Whether injections are switched on as a whole.
    pub(crate) enabled: bool,
    pub(crate) injections: Vec<Snapshot>,
    pub(crate) devices: Vec<(String, Listed<Queue>)>,
}

impl Sample {
    /// Looks at the injections with these names, or all if there are none, and at all devices.
    ///
    /// # Errors
    ///
    /// If there is no interface, or no such injection.
    pub(crate) fn take(roots: &Roots, names: &[OsString]) -> Result<Self> {
        if let Some(name) = names.iter().find(|name| !is_there(roots, name)) {
            return Err(unknown(roots, name));
        }
        let enabled = roots.enabled()?;
        let mut injections = Vec::new();
        for name in &all(roots)? {
            injections.extend(Snapshot::read(roots, name, enabled)?);
        }
        frozen::find(roots, &mut injections);
        let devices = attached_names(roots).into_iter().map(|device| {
            let mut queues = stats::queues(roots, &device);
            if let Some(end_us) = holds_end_us(&injections, &device) {
                queues
                    .items
                    .iter_mut()
                    .for_each(|queue| queue.end_by(end_us));
            }
            (device, queues)
        });
        let devices: Vec<_> = devices.collect();
        // The others have told when the held I/O goes.
        injections.retain(|seen| {
            names.is_empty() || names.iter().any(|name| name.to_string_lossy() == seen.name)
        });
        Ok(Self {
            time: Instant::now(),
            enabled,
            injections,
            devices,
        })
    }

    /// The growth of an injection's count in each second since `before`; `None` if it was not there
    /// or was reset.
    fn rate(&self, before: Option<&Self>, name: &str, key: &str) -> Option<f64> {
        let before = before?;
        let of = |sample: &Self| {
            let found = sample.injections.iter().find(|seen| seen.name == name);
            found.map(|seen| seen.stats.get(key))
        };
        let grown = of(self)?.checked_sub(of(before)?)?;
        let seconds = self.time.duration_since(before.time).as_secs_f64();
        (seconds > 0.0).then(|| grown as f64 / seconds)
    }

    pub(crate) fn json(&self, before: Option<&Self>) -> Value {
        let injections = self.injections.iter().map(|seen| {
            let mut object = seen.stats.json();
            let enabled = seen.values.get(Name::Enabled);
            let enabled = enabled.map_or(json!(1), |value| attribute(Name::Enabled).json(value));
            object.insert("name".to_owned(), json!(seen.name));
            object.insert(ENABLED.to_owned(), enabled);
            object.insert("state".to_owned(), json!(seen.state.word()));
            object.insert("active".to_owned(), json!(seen.state == State::On));
            let seldom = SELDOM.map(|(key, _)| key);
            for key in GROWING.into_iter().chain(seldom) {
                if let Some(rate) = self.rate(before, &seen.name, key) {
                    object.insert(format!("{key}_per_second"), json!(rate));
                }
            }
            let ceilings: Map<String, Value> = seen
                .ceilings
                .items
                .iter()
                .map(|ceiling| (ceiling.disk.clone(), json!(ceiling.iops)))
                .collect();
            object.insert("ceiling_iops".to_owned(), Value::Object(ceilings));
            let left_out = json!(seen.ceilings.left_out);
            object.insert("ceilings_left_out".to_owned(), left_out);
            object.insert("problems".to_owned(), json!(seen.problems));
            Value::Object(object)
        });
        let devices = self.devices.iter().map(|(name, queues)| {
            let (held, left_out) = (stats::held(&queues.items), queues.left_out);
            let queues = queues.items.iter().map(|queue| {
                json!({"queue": queue.number, "held": queue.held,
                       "first_us": queue.first_us, "last_us": queue.last_us})
            });
            json!({"name": name, "held": held, "queues": queues.collect::<Vec<_>>(),
                   "queues_left_out": left_out})
        });
        json!({
            "schema": SCHEMA,
            "enabled": u8::from(self.enabled),
            "injections": injections.collect::<Vec<_>>(),
            "devices": devices.collect::<Vec<_>>(),
        })
    }

    pub(crate) fn text(&self, before: Option<&Self>, all_off: &str) -> String {
        let mut lines = Vec::new();
        if self.injections.is_empty() {
            lines.extend(["no injections".to_owned(), String::new()]);
        }
        for seen in &self.injections {
            lines.extend(self.injection_lines(before, seen));
            lines.push(String::new());
        }
        if self.devices.is_empty() {
            lines.push("no device uses ioem".to_owned());
        }
        for (name, queues) in &self.devices {
            lines.push(device_line(name, queues));
        }
        if !self.enabled {
            lines.extend([String::new(), all_off.to_owned()]);
        }
        let mut text = String::new();
        for line in lines {
            for line in wrapped(&line) {
                text.push_str(&line);
                text.push('\n');
            }
        }
        text
    }

    fn injection_lines(&self, before: Option<&Self>, seen: &Snapshot) -> Vec<String> {
        let stats = &seen.stats;
        let mut state = vec![seen.state.word().to_owned()];
        if let Some(ms @ 1..) = seen.ends_in_ms() {
            let left = units::show_microseconds(ms.saturating_mul(1_000));
            state.push(format!("{left} left"));
        }
        if let (State::On, held) | (_, held @ 1..) = (seen.state, stats.get("held")) {
            state.push(format!("holds {held} now"));
        }
        let mut counts = String::new();
        for key in GROWING {
            let _ = write!(counts, "{} {}", key.replace('_', " "), stats.get(key));
            if let Some(rate) = self.rate(before, &seen.name, key) {
                let _ = write!(counts, " ({rate:.0}/s)");
            }
            counts.push_str("  ");
        }
        let mut lines = vec![
            format!("{}: {}", printable(&seen.name), state.join(", ")),
            format!("  {}", Described::seen(seen).words_in_full()),
        ];
        let problems = seen.problems.iter();
        lines.extend(problems.map(|problem| format!("  {problem}")));
        lines.push(format!("  {}", counts.trim_end()));
        let ending = seen.values.ending();
        for (key, words) in SELDOM {
            let missed = ending.filter(|_| key == NOT_FAILED);
            let words = missed.map_or(words, Ending::missed);
            if stats.get(key) > 0 {
                lines.push(format!("  {words}: {}", stats.get(key)));
            }
        }
        let missed = ending.filter(|_| stats.get(NOT_FAILED) > 0);
        lines.extend(missed.map(|ending| format!("  {}", ending.why_missed())));
        let saved = SAVED.into_iter().filter_map(|(key, burst)| {
            let saved = attribute(burst).show(&interface::Value::Number(stats.find(key)?));
            Some(match burst {
                Name::Burst => format!("{saved} I/Os"),
                _ => saved,
            })
        });
        let saved: Vec<String> = saved.collect();
        if !saved.is_empty() {
            lines.push(format!("  saved for bursts: {}", saved.join(" and ")));
        }
        if stats.get("errors") > 0 {
            lines.push(format!(
                "  changes that found no memory: {}",
                stats.get("errors")
            ));
        }
        let and = |more: Option<String>| more.map(|more| format!("  and {more}"));
        let lease_us = seen.ends_in_ms().map(|ms| ms.saturating_mul(1_000));
        for ceiling in &seen.ceilings.items {
            lines.push(match ceiling.effect(&seen.values, lease_us) {
                Effect::Holds(sentence) => format!("  {sentence}"),
                Effect::Rate(rate) => {
                    format!("  with its delay, {} does at most {rate}", ceiling.disk)
                }
            });
        }
        lines.extend(and(seen.ceilings.more("disks")));
        for (device, numbers) in &stats.devices {
            // The last device may lack some numbers, which the kernel has left out.
            let number = |(words, key)| Some(format!("{words} {}", numbers.get(key)?));
            let numbers = [("matched", "matched"), ("holds", "held")].map(number);
            let numbers: Vec<String> = numbers.into_iter().flatten().collect();
            lines.push(format!("  {device}: {}", numbers.join(", ")));
        }
        lines.extend(and(listed::more(stats.left_out, "numbers")));
        lines.extend(picture("added", &stats.added_us));
        lines
    }
}

/// The time in microseconds after which all I/O that a disk holds goes at the latest, as the leases
/// of all injections that hold it are over; `None` if one of them has no end.
fn holds_end_us(injections: &[Snapshot], disk: &str) -> Option<u64> {
    let holds = |seen: &&Snapshot| {
        let devices = &seen.stats.devices;
        let of_disk = devices.get(disk).map(|numbers| numbers.get("held"));
        match of_disk {
            // The kernel may have had no room for the number.
            Some(held) => held.is_none_or(|held| *held > 0),
            // The numbers are of one disk alone, perhaps of this.
            None => devices.is_empty() && seen.stats.get("held") > 0,
        }
    };
    let mut holders = injections.iter().filter(holds).peekable();
    holders.peek()?;
    let ends = holders.map(Snapshot::ends_in_ms);
    let ends: Option<Vec<u64>> = ends.collect();
    Some(ends?.into_iter().max()?.saturating_mul(1_000))
}

/// A time from now on, in words.
fn when(us: u64) -> String {
    match us {
        stats::ENDLESS_US.. => "when its hang ends".to_owned(),
        _ => format!("in {}", units::show_microseconds(us)),
    }
}

fn device_line(name: &str, queues: &Listed<Queue>) -> String {
    let held = stats::held(&queues.items);
    let waiting = queues.items.iter().filter(|queue| queue.held > 0);
    let first = waiting.clone().map(|queue| queue.first_us).min();
    let last = waiting.map(|queue| queue.last_us).max();
    let mut line = match (first, last) {
        (Some(first), Some(last)) => format!(
            "{name} holds {held}; the first may go {}, the last {}",
            when(first),
            when(last)
        ),
        _ => format!("{name} holds nothing"),
    };
    if let Some(more) = queues.more("hardware queues") {
        let _ = write!(line, "; and {more}");
    }
    line
}

/// Prints the numbers of injections; again and again, with `watch`.
///
/// # Errors
///
/// If there is no interface, or no such injection.
pub(crate) fn status(roots: &Roots, options: &Options<'_>, out: &mut dyn Write) -> Result<()> {
    roots.require_known_version()?;
    let clears = options.watch.is_some() && !options.json && io::stdout().is_terminal();
    let mut before: Option<Sample> = None;
    loop {
        let sample = Sample::take(roots, options.names)?;
        if clears {
            out.write_all(CLEAR.as_bytes())?;
        }
        match (options.json, options.watch) {
            (true, Some(_)) => writeln!(out, "{}", sample.json(before.as_ref()))?,
            (true, None) => writeln!(out, "{:#}", sample.json(None))?,
            (false, _) => {
                out.write_all(sample.text(before.as_ref(), &roots.all_off()).as_bytes())?
            }
        }
        out.flush()?;
        let Some(interval) = options.watch else {
            return Ok(());
        };
        before = Some(sample);
        sleep(interval);
    }
}
