// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The binary pages of a trace: `events/header_page` and `include/linux/ring_buffer.h` describe
//! them, and `events/*/format` the events in them.

use super::event::{Event, Operation, Step};

/// The bits of a page's second word that are the length of its data.
const LENGTH: u64 = 0xf_ffff;

/// The bit there that says that events before this page were lost.
const MISSED: u64 = 1 << 31;

/// The places of a tracepoint's fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Format {
    id: u16,
    step: Step,
    sector: usize,
    sectors: usize,
    letters: [usize; 2],
}

impl Format {
    /// Reads a file `format`.
    ///
    /// # Errors
    ///
    /// A sentence about the missing field.
    pub(super) fn read(step: Step, text: &str) -> Result<Self, String> {
        let missing = |what: &str| format!("the tracepoint {} has no {what}", step.name());
        let id = text.lines().find_map(|line| line.strip_prefix("ID: "));
        let id = id.and_then(|id| id.trim().parse().ok());
        let place = |name: &str, least: usize| {
            let [offset, size] = field(text, name).ok_or_else(|| missing(name))?;
            match size >= least {
                true => Ok([offset, size]),
                false => Err(missing(name)),
            }
        };
        Ok(Self {
            id: id.ok_or_else(|| missing("ID"))?,
            step,
            sector: place("sector", 8)?[0],
            sectors: place("nr_sector", 4)?[0],
            letters: place("rwbs", 2)?,
        })
    }

    fn event(&self, data: &[u8], at_ns: u64) -> Option<Event> {
        let sectors = word(data, self.sectors)?;
        let [start, length] = self.letters;
        let letters = data.get(start..start + length)?;
        let operation = Operation::of_letters(letters, sectors)?;
        let sector = match operation {
            // A flush has no place; the tracepoints differ in what they tell instead.
            Operation::Flush => 0,
            _ => long(data, self.sector)?,
        };
        Some(Event {
            at_ns,
            step: self.step,
            operation,
            sector,
            sectors,
        })
    }
}

/// The offset and the size of a field, from a line such as
/// `field:sector_t sector; offset:16; size:8; signed:0;`.
fn field(format: &str, name: &str) -> Option<[usize; 2]> {
    let of_line = |line: &str| {
        let mut parts = line.trim().split(';').map(str::trim);
        let declared = parts.next()?.strip_prefix("field:")?;
        let declared = declared.split_whitespace().next_back()?;
        if declared.split('[').next() != Some(name) {
            return None;
        }
        let mut number = |key: &str| {
            let value = parts.next()?.strip_prefix(key)?;
            value.parse().ok()
        };
        Some([number("offset:")?, number("size:")?])
    };
    format.lines().find_map(of_line)
}

/// The events of a page.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Read {
    /// The time of the page's first event, if events of its processor before it were lost.
    pub(super) gap_ns: Option<u64>,
    /// Whether the page makes no sense to this program from some place on.
    pub(super) broken: bool,
}

/// The reader of pages.
#[derive(Debug)]
pub(super) struct Pages {
    formats: Vec<Format>,
    /// The place of a page's first event.
    start: usize,
    /// The bytes of a page.
    pub(super) size: usize,
}

impl Pages {
    /// A reader of pages as the file `header_page` describes them.
    ///
    /// # Errors
    ///
    /// A sentence, if that is not a description of pages.
    pub(super) fn new(header: &str, formats: Vec<Format>) -> Result<Self, String> {
        let data = field(header, "data");
        let [start, length] = data.ok_or("the trace's header_page has no data".to_owned())?;
        // Two words of 64 bits, where this program knows the format.
        match start {
            16 => Ok(Self {
                formats,
                start,
                size: start + length,
            }),
            _ => Err(format!(
                "the pages of a trace begin with {start} bytes, and kchaos knows those with 16, of \
                 kernels of 64 bits"
            )),
        }
    }

    /// Adds the events of a page, and returns what else it tells.
    pub(super) fn read(&self, page: &[u8], events: &mut Vec<Event>) -> Read {
        let mut read = Read::default();
        let (Some(mut at_ns), Some(length)) = (long(page, 0), long(page, 8)) else {
            read.broken = true;
            return read;
        };
        read.gap_ns = (length & MISSED != 0).then_some(at_ns);
        let end = self.start + (length & LENGTH) as usize;
        let Some(page) = page.get(..end) else {
            read.broken = true;
            return read;
        };
        read.broken = self.walk(page, &mut at_ns, events).is_none();
        read
    }

    /// Walks over the entries of a page. None, if one of them reaches beyond the page.
    fn walk(&self, page: &[u8], at_ns: &mut u64, events: &mut Vec<Event>) -> Option<()> {
        /// Padding, to the end of the page or over an event that was discarded.
        const PADDING: u32 = 29;
        /// More of a long time since the entry before.
        const EXTEND: u32 = 30;
        /// A whole time, of which the upper bits are those before.
        const STAMP: u32 = 31;
        let mut at = self.start;
        while at < page.len() {
            let header = word(page, at)?;
            let (kind, delta) = (header & 31, u64::from(header >> 5));
            at += 4;
            let more = |at| Some((u64::from(word(page, at)?) << 27) + delta);
            match kind {
                PADDING if delta == 0 => return Some(()),
                PADDING => {
                    *at_ns = at_ns.wrapping_add(delta);
                    at += word(page, at)? as usize;
                }
                EXTEND => {
                    *at_ns = at_ns.wrapping_add(more(at)?);
                    at += 4;
                }
                STAMP => {
                    *at_ns = (*at_ns & !((1 << 59) - 1)) | more(at)?;
                    at += 4;
                }
                _ => {
                    *at_ns = at_ns.wrapping_add(delta);
                    let (start, length) = match kind {
                        0 => (at + 4, (word(page, at)? as usize).checked_sub(4)?),
                        words => (at, words as usize * 4),
                    };
                    at = start + length;
                    let data = page.get(start..at)?;
                    let id = u16::from_ne_bytes([*data.first()?, *data.get(1)?]);
                    let format = self.formats.iter().find(|format| format.id == id);
                    events.extend(format.and_then(|format| format.event(data, *at_ns)));
                }
            }
        }
        Some(())
    }
}

fn word(data: &[u8], at: usize) -> Option<u32> {
    let bytes = data.get(at..at.checked_add(4)?)?;
    Some(u32::from_ne_bytes(bytes.try_into().ok()?))
}

fn long(data: &[u8], at: usize) -> Option<u64> {
    let bytes = data.get(at..at.checked_add(8)?)?;
    Some(u64::from_ne_bytes(bytes.try_into().ok()?))
}

#[cfg(test)]
mod tests;
