// SPDX-License-Identifier: GPL-2.0-only

//! How much memory held completions may take, and how much they take.

use crate::sys::atomic::{AtomicU64, Relaxed};

/// What a hardware queue sets aside at a time, in bytes, so that hardware queues seldom meet at one
/// word.
const STEP: u64 = 16 << 10;

/// How many KiB may be taken before anybody has said so: some 300,000 held I/Os.
pub(crate) const DEFAULT_KIB: u32 = 64 << 10;

static MOST: AtomicU64 = AtomicU64::new((DEFAULT_KIB as u64) << 10);
static TAKEN: AtomicU64 = AtomicU64::new(0);

/// How many KiB may be taken.
pub(crate) fn most_kib() -> u32 {
    u32::try_from(MOST.load(Relaxed) >> 10).unwrap_or(u32::MAX)
}

/// Changes how many KiB may be taken. What is taken stays.
pub(crate) fn set_most_kib(kib: u32) {
    // Relaxed: a reader that sees it late is as good as one that came before it.
    MOST.store(u64::from(kib) << 10, Relaxed);
}

/// The part of the memory that one hardware queue has. It grows under the lock of its requests, and
/// shrinks under that of its completions.
///
/// # Invariants
///
/// `set_aside` is counted in [`TAKEN`]. What is `used` is more by what the last completion takes,
/// or by a step for which the holders of both locks met; the next step mends that.
pub(crate) struct Allowance {
    set_aside: AtomicU64,
    used: AtomicU64,
}

// Relaxed, everywhere: only the numbers count.
impl Allowance {
    /// Nothing.
    pub(crate) const fn new() -> Self {
        Self {
            set_aside: AtomicU64::new(0),
            used: AtomicU64::new(0),
        }
    }

    /// Whether there is memory for one more.
    pub(crate) fn has_room(&self) -> bool {
        self.used.load(Relaxed) < self.set_aside.load(Relaxed) || self.set_aside_more()
    }

    fn set_aside_more(&self) -> bool {
        let more = TAKEN.fetch_add(STEP, Relaxed).saturating_add(STEP);
        if more > MOST.load(Relaxed) {
            TAKEN.fetch_sub(STEP, Relaxed);
            return false;
        }
        // INVARIANT: It was just counted.
        self.set_aside.fetch_add(STEP, Relaxed);
        true
    }

    /// Counts the memory of one completion, for which there was room.
    pub(crate) fn take(&self, bytes: usize) {
        // INVARIANT: The last one may take more than there was, of which the other lock's holder
        // may just have given some back.
        self.used.fetch_add(bytes as u64, Relaxed);
    }

    /// Counts the memory of one completion that has gone.
    pub(crate) fn give_back(&self, bytes: usize) {
        self.used.fetch_sub(bytes as u64, Relaxed);
        while self.has_a_step_too_many() {
            // INVARIANT: This step was not used, and is not counted any more.
            TAKEN.fetch_sub(STEP, Relaxed);
            self.set_aside.fetch_sub(STEP, Relaxed);
        }
    }
}

impl Allowance {
    /// One step is kept for the next completion, unless nothing is used.
    fn has_a_step_too_many(&self) -> bool {
        let used = self.used.load(Relaxed);
        let keep = if used == 0 { 0 } else { STEP };
        self.set_aside.load(Relaxed).saturating_sub(used) >= STEP.saturating_add(keep)
    }
}

impl Drop for Allowance {
    fn drop(&mut self) {
        // What was set aside for one that then found no memory.
        TAKEN.fetch_sub(self.set_aside.load(Relaxed), Relaxed);
    }
}
