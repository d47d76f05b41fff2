// SPDX-License-Identifier: GPL-2.0-only

//! The text about held I/O in sysfs and debugfs.

use crate::{
    config::{self, Config},
    elevator::{Asked, Queue, ShowHctxs, ShowQueue},
    held_entry::HeldEntry,
    ioem::Ioem,
    plan::Plan,
    policy::{operations::name_of, text::Lines},
    scheduler::HctxData,
    sys::clock::now_ns,
    waiting::LAST,
};
use kernel::{
    page::PAGE_SIZE,
    prelude::*,
    seq_file::{seq_print, SeqFile},
};

/// How many held I/Os of a hardware queue the list has at most, since it is made under the lock.
const MOST_LISTED: u32 = 256;

/// The time from one moment to another in microseconds; that of an entry without an end is always
/// the same, and longer than any other.
fn us_until(time_ns: u64, now_ns: u64) -> u64 {
    match time_ns {
        LAST.. => LAST / 1_000,
        _ => time_ns.saturating_sub(now_ns) / 1_000,
    }
}

/// A list of held I/Os.
struct Listed<'a> {
    now_ns: u64,
    shown: u32,
    config: &'a Config,
    out: &'a SeqFile,
}

impl Listed<'_> {
    /// Adds an I/O, if there is room, and returns whether there was.
    fn add(&mut self, kind: &str, held: &impl HeldEntry, plan: Option<&Plan>) -> bool {
        if self.shown >= MOST_LISTED {
            return false;
        }
        self.shown = self.shown.saturating_add(1);
        let (sector, bytes) = (held.first_sector(), held.bytes());
        let due_us = us_until(held.due_ns(), self.now_ns);
        let operation = name_of(held.operation()).unwrap_or("other");
        seq_print!(self.out, "{kind} {operation} {sector} {bytes} {due_us}");
        for id in plan
            .into_iter()
            .flat_map(|plan| plan.injections_of(held.rules()))
        {
            seq_print!(self.out, " {}", self.config.name_of(id));
        }
        seq_print!(self.out, "\n");
        true
    }
}

/// The file `held` of a disk in sysfs.
pub(crate) struct Summary;

impl ShowQueue<Ioem> for Summary {
    const NAME: &'static CStr = c"held";

    fn show(queue: &Queue<Ioem>, page: &mut [u8; PAGE_SIZE]) -> usize {
        summarize(queue, page)
    }
}

/// The file `held` of hardware queues in debugfs.
pub(crate) struct List;

impl ShowHctxs<Ioem> for List {
    const NAME: &'static CStr = c"held";

    fn show(asked: &Asked<Ioem>, out: &SeqFile) {
        let config = config::lock();
        config.disks().for_each_queue(|queue| {
            queue.for_each_hctx(|hctx| {
                if asked.includes(hctx) {
                    list(hctx.data(), hctx.number(), &config, out);
                }
            });
        });
    }
}

/// Writes a line for each request and completion that the hardware queue of this number holds, up
/// to [`MOST_LISTED`], and how many it has left out.
fn list(state: &HctxData, number: usize, config: &Config, out: &SeqFile) {
    seq_print!(
        out,
        "hardware queue {number}: held op sector bytes due_us injections\n"
    );
    let mut lines = Listed {
        now_ns: now_ns(),
        shown: 0,
        config,
        out,
    };
    let requests = state.requests();
    let mut held = requests.count();
    let plan = requests.plan();
    requests.look_at_waiting(|request| lines.add("request", request, plan));
    drop(requests);
    let completions = state.completions.lock();
    held = held.saturating_add(completions.count());
    let plan = completions.plan();
    completions.look_at_waiting(|parked| lines.add("completion", parked, plan));
    drop(completions);
    let left_out = held.saturating_sub(lines.shown);
    if left_out > 0 {
        seq_print!(out, "... {left_out} more\n");
    }
}

/// Writes a line for each hardware queue: its number, how many I/Os it holds, and when the first
/// and the last of these may go.
fn summarize(queue: &Queue<Ioem>, page: &mut [u8; PAGE_SIZE]) -> usize {
    let mut lines = Lines::new(page);
    queue.for_each_hctx(|hctx| {
        let state = hctx.data();
        let requests = state.requests();
        let (mut held, of_requests) = (requests.count(), requests.first_and_last_ns());
        drop(requests);
        let completions = state.completions.lock();
        held = held.saturating_add(completions.count());
        let times = [of_requests, completions.first_and_last_ns()];
        drop(completions);
        let times = times.iter().flatten();
        let first_ns = times.clone().map(|(first_ns, _)| *first_ns).min();
        let last_ns = times.map(|(_, last_ns)| *last_ns).max();
        let now_ns = now_ns();
        let in_us = |time_ns: Option<u64>| us_until(time_ns.unwrap_or(0), now_ns);
        let (first, last) = (in_us(first_ns), in_us(last_ns));
        let number = hctx.number();
        lines.add(core::format_args!("{number} {held} {first} {last}"));
    });
    lines.finish()
}
