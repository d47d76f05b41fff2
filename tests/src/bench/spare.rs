// SPDX-License-Identifier: GPL-2.0-only

//! The instructions that a load leaves to others: a loop on each processor takes all the rest.
//!
//! On the icount clock a nanosecond is an instruction, of any processor. Instructions that are not
//! the loops' are the cost of the load, in tasks, interrupts and threads of the kernel, even if it
//! mostly waits.

use super::cpus::Cpus;
use crate::sys;
use anyhow::Result;
use std::{
    hint::black_box,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    thread::{self, JoinHandle, sleep},
    time::Duration,
};

/// Loops that run whenever no other task does, until dropped.
pub(super) struct Spare {
    turns: Vec<Arc<AtomicU64>>,
    ends: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
    /// Instructions of one turn.
    each: f64,
}

impl Spare {
    /// Starts them, and measures a turn; nothing else may run.
    pub(super) fn start(cpus: &Cpus) -> Result<Self> {
        let mut spare = Self {
            turns: Vec::new(),
            ends: Arc::new(AtomicBool::new(false)),
            threads: Vec::new(),
            each: 0.0,
        };
        for cpu in cpus.numbers() {
            spare.start_on(*cpu)?;
        }
        sleep(Duration::from_millis(50));
        let before = spare.now();
        sleep(Duration::from_millis(100));
        let after = spare.now();
        spare.each = (after.0 - before.0) as f64 / (after.1 - before.1) as f64;
        Ok(spare)
    }

    fn start_on(&mut self, cpu: u32) -> Result<()> {
        let turns = Arc::new(AtomicU64::new(0));
        let (mine, ends) = (turns.clone(), self.ends.clone());
        let (sender, receiver) = std::sync::mpsc::channel();
        self.threads.push(thread::spawn(move || {
            let _ = sender.send(rustix::thread::gettid());
            let mut turn = 0u64;
            while !ends.load(Relaxed) {
                for step in 0..100 {
                    black_box(step);
                }
                turn += 1;
                mine.store(turn, Relaxed);
            }
        }));
        self.turns.push(turns);
        let thread = receiver.recv()?.as_raw_nonzero().to_string();
        sys::run(&["taskset", "-p", &format!("{:x}", 1u64 << cpu), &thread])?;
        // The idle class gives way to any other task at once.
        sys::run(&["chrt", "-i", "-p", "0", &thread])?;
        Ok(())
    }

    /// The time, and the turns that all loops have made.
    fn now(&self) -> (u64, u64) {
        let turns = self.turns.iter().map(|turns| turns.load(Relaxed)).sum();
        (sys::monotonic_ns(), turns)
    }

    /// Instructions since some moment that were not the loops'; call it again with the same `since`
    /// later.
    pub(super) fn used(&self, since: (u64, u64)) -> f64 {
        let (now_ns, turns) = self.now();
        (now_ns - since.0) as f64 - (turns - since.1) as f64 * self.each
    }

    /// A moment for [`Spare::used`].
    pub(super) fn mark(&self) -> (u64, u64) {
        self.now()
    }
}

impl Drop for Spare {
    fn drop(&mut self) {
        self.ends.store(true, Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}
