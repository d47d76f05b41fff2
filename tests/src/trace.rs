// SPDX-License-Identifier: GPL-2.0-only

//! The kernel's block tracepoints, in nanoseconds of `CLOCK_MONOTONIC`.
//!
//! The text of a trace has microseconds; its binary pages have nanoseconds. The kernel's
//! `events/header_page` and `include/linux/ring_buffer.h` describe their format.

use crate::sys;
use anyhow::{Context, Result, ensure};
use std::{
    collections::{HashMap, VecDeque},
    fs,
    io::Read,
};

const TRACING: &str = "/sys/kernel/tracing";

/// A step of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// A bio's submission.
    Queue,
    Insert,
    Issue,
    Complete,
}

impl Step {
    const ALL: &[Self] = &[Self::Insert, Self::Issue, Self::Complete];

    /// The name of the tracepoint.
    fn event(self) -> &'static str {
        match self {
            Self::Queue => "block_bio_queue",
            Self::Insert => "block_rq_insert",
            Self::Issue => "block_rq_issue",
            Self::Complete => "block_rq_complete",
        }
    }
}

/// One event of a trace.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Event {
    pub(crate) time_ns: u64,
    pub(crate) step: Step,
    pub(crate) sector: u64,
    pub(crate) sectors: u32,
    /// The letters of `rwbs`, such as `R` or `FWS`.
    pub(crate) rwbs: [u8; 8],
}

impl Event {
    /// Whether `rwbs` has this letter.
    pub(crate) fn is(&self, letter: u8) -> bool {
        self.rwbs.contains(&letter)
    }
}

/// A running trace.
pub(crate) struct Trace {
    /// Each traced step, and the number of its disk.
    watched: Vec<(Step, u32)>,
}

/// The places of an event type's fields.
struct Format {
    step: Step,
    /// The traced disk.
    watched: u32,
    device: usize,
    sector: usize,
    sectors: usize,
    rwbs: usize,
}

impl Trace {
    /// Begins to trace all steps on the disk with this number.
    pub(crate) fn start(device: u32) -> Result<Self> {
        Self::start_steps(device, Step::ALL)
    }

    /// Begins to trace these steps only; each takes about a microsecond of the guest's time.
    pub(crate) fn start_steps(device: u32, steps: &[Step]) -> Result<Self> {
        Self::start_watching(steps.iter().map(|step| (*step, device)).collect())
    }

    /// Begins to trace each of these steps of a disk of its own.
    pub(crate) fn start_watching(watched: Vec<(Step, u32)>) -> Result<Self> {
        sys::write(format!("{TRACING}/tracing_on"), "0")?;
        // Truncating the file empties the trace.
        fs::write(format!("{TRACING}/trace"), "")?;
        sys::write(format!("{TRACING}/trace_clock"), "mono")?;
        sys::write(format!("{TRACING}/buffer_size_kb"), "98304")?;
        for (step, device) in &watched {
            let events = format!("{TRACING}/events/block/{}", step.event());
            sys::write(format!("{events}/filter"), format!("dev == {device}"))?;
            sys::write(format!("{events}/enable"), "1")?;
        }
        sys::write(format!("{TRACING}/tracing_on"), "1")?;
        Ok(Self { watched })
    }

    /// Ends the trace; its events in the order of time.
    pub(crate) fn stop(self) -> Result<Vec<Event>> {
        sys::write(format!("{TRACING}/tracing_on"), "0")?;
        let mut formats = HashMap::new();
        for (step, watched) in &self.watched {
            let text = sys::read(format!("{TRACING}/events/block/{}/format", step.event()))?;
            formats.insert(
                id(&text)?,
                Format {
                    step: *step,
                    watched: *watched,
                    device: offset(&text, "dev")?,
                    sector: offset(&text, "sector")?,
                    sectors: offset(&text, "nr_sector")?,
                    rwbs: offset(&text, "rwbs")?,
                },
            );
        }
        let mut events = Vec::new();
        for entry in fs::read_dir(format!("{TRACING}/per_cpu"))? {
            let cpu = entry?.path();
            let stats = sys::read(cpu.join("stats"))?;
            ensure!(
                stats.lines().any(|line| line == "overrun: 0"),
                "the trace buffer was too small"
            );
            self.read_cpu(&cpu.join("trace_pipe_raw"), &formats, &mut events)?;
        }
        events.sort_by_key(|event| event.time_ns);
        Ok(events)
    }

    fn read_cpu(
        &self,
        path: &std::path::Path,
        formats: &HashMap<u16, Format>,
        events: &mut Vec<Event>,
    ) -> Result<()> {
        use std::os::unix::fs::OpenOptionsExt;
        const O_NONBLOCK: i32 = 0o4000;
        let mut file = fs::OpenOptions::new()
            .read(true)
            .custom_flags(O_NONBLOCK)
            .open(path)?;
        let mut page = [0u8; 4096];
        loop {
            match file.read(&mut page) {
                Ok(0) => return Ok(()),
                Ok(_) => self.read_page(&page, formats, events)?,
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error).context("reading a trace"),
            }
        }
    }

    fn read_page(
        &self,
        page: &[u8],
        formats: &HashMap<u16, Format>,
        events: &mut Vec<Event>,
    ) -> Result<()> {
        let mut time_ns = long(page, 0);
        // The upper bits count lost events.
        let end = 16 + (long(page, 8) & 0xf_ffff) as usize;
        ensure!(end <= page.len(), "a trace page longer than a page");
        let mut at = 16;
        while at + 4 <= end {
            let header = word(page, at);
            let (kind, delta) = (header & 31, u64::from(header >> 5));
            at += 4;
            match kind {
                29 => {
                    // Padding: to the end of the page, or over a discarded event.
                    if delta == 0 {
                        break;
                    }
                    at += word(page, at) as usize;
                    time_ns += delta;
                }
                30 => {
                    time_ns += (u64::from(word(page, at)) << 27) + delta;
                    at += 4;
                }
                31 => {
                    let low = (u64::from(word(page, at)) << 27) + delta;
                    time_ns = (time_ns & !((1 << 59) - 1)) | low;
                    at += 4;
                }
                _ => {
                    time_ns += delta;
                    let (start, length) = if kind == 0 {
                        (at + 4, word(page, at) as usize - 4)
                    } else {
                        (at, kind as usize * 4)
                    };
                    if let Some(event) = self.event(&page[start..start + length], time_ns, formats)
                    {
                        events.push(event);
                    }
                    at = start + length;
                }
            }
        }
        Ok(())
    }

    fn event(&self, data: &[u8], time_ns: u64, formats: &HashMap<u16, Format>) -> Option<Event> {
        let format = formats.get(&u16::from_ne_bytes([data[0], data[1]]))?;
        if word(data, format.device) != format.watched {
            return None;
        }
        let mut rwbs = [0u8; 8];
        for (to, from) in rwbs.iter_mut().zip(&data[format.rwbs..]) {
            if *from == 0 {
                break;
            }
            *to = *from;
        }
        Some(Event {
            time_ns,
            step: format.step,
            sector: long(data, format.sector),
            sectors: word(data, format.sectors),
            rwbs,
        })
    }
}

impl Drop for Trace {
    fn drop(&mut self) {
        for (step, _) in &self.watched {
            let _ = sys::write(
                format!("{TRACING}/events/block/{}/enable", step.event()),
                "0",
            );
        }
    }
}

fn word(data: &[u8], at: usize) -> u32 {
    u32::from_ne_bytes(data[at..at + 4].try_into().unwrap_or_default())
}

fn long(data: &[u8], at: usize) -> u64 {
    u64::from_ne_bytes(data[at..at + 8].try_into().unwrap_or_default())
}

fn id(format: &str) -> Result<u16> {
    let line = format
        .lines()
        .find_map(|line| line.strip_prefix("ID: "))
        .context("an event without ID")?;
    Ok(line.parse()?)
}

/// The offset of a field from a line such as `field:sector_t sector; offset:16; size:8; signed:0;`.
fn offset(format: &str, field: &str) -> Result<usize> {
    let line = format
        .lines()
        .find(|line| {
            let declaration = line.split(';').next().unwrap_or_default();
            declaration
                .split_whitespace()
                .next_back()
                .is_some_and(|name| name.split('[').next() == Some(field))
        })
        .with_context(|| format!("an event without {field}"))?;
    let text = line
        .split("offset:")
        .nth(1)
        .and_then(|rest| rest.split(';').next())
        .context("a field without offset")?;
    Ok(text.parse()?)
}

/// The time between insertion and issue of each request that had both within the trace, in
/// nanoseconds, in the order of issue.
pub(crate) fn waits(events: &[Event]) -> Vec<u64> {
    times_between(events, Step::Insert, Step::Issue)
}

/// The number of requests that were issued in each window of `period_ns`, from `start_ns` for
/// `length_ns`; both whole windows.
pub(crate) fn issued_by_window(
    events: &[Event],
    start_ns: u64,
    length_ns: u64,
    period_ns: u64,
) -> Vec<u64> {
    let first = start_ns.div_ceil(period_ns);
    let mut counts = vec![0u64; (length_ns / period_ns) as usize];
    for event in events.iter().filter(|event| event.step == Step::Issue) {
        let window = event.time_ns / period_ns;
        if let Some(count) = window
            .checked_sub(first)
            .and_then(|window| counts.get_mut(window as usize))
        {
            *count += 1;
        }
    }
    counts
}

/// The times from one step to another of the same sector, in nanoseconds.
pub(crate) fn times_between(events: &[Event], from: Step, to: Step) -> Vec<u64> {
    let mut begun: HashMap<u64, VecDeque<u64>> = HashMap::new();
    let mut times = Vec::new();
    for event in events {
        if event.step == from {
            begun
                .entry(event.sector)
                .or_default()
                .push_back(event.time_ns);
        } else if event.step == to {
            let start_ns = begun.get_mut(&event.sector).and_then(VecDeque::pop_front);
            times.extend(start_ns.map(|start_ns| event.time_ns - start_ns));
        }
    }
    times
}
