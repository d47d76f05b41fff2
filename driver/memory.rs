// SPDX-License-Identifier: GPL-2.0-only

//! How much memory held completions may take, and how much they take.

use crate::elevator::atomic::{AtomicU64, Relaxed};

/// What a hardware queue sets aside at a time, in bytes, so that hardware queues seldom meet at one word.
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
    // Relaxed: who sees it late is as good as one who came before.
    MOST.store(u64::from(kib) << 10, Relaxed);
}

/// What one hardware queue has of the memory.
///
/// # Invariants
///
/// `set_aside` is counted in [`TAKEN`]. What is `used` is more by less than one completion takes.
pub(crate) struct Allowance {
    set_aside: u64,
    used: u64,
}

impl Allowance {
    /// Nothing.
    pub(crate) const fn new() -> Self {
        Self {
            set_aside: 0,
            used: 0,
        }
    }

    /// Whether there is memory for one more.
    pub(crate) fn has_room(&mut self) -> bool {
        self.used < self.set_aside || self.set_aside_more()
    }

    fn set_aside_more(&mut self) -> bool {
        let more = TAKEN.fetch_add(STEP, Relaxed).saturating_add(STEP);
        if more > MOST.load(Relaxed) {
            TAKEN.fetch_sub(STEP, Relaxed);
            return false;
        }
        // INVARIANT: It was just counted.
        self.set_aside = self.set_aside.saturating_add(STEP);
        true
    }

    /// Counts what one takes, for which there was room.
    pub(crate) fn take(&mut self, bytes: usize) {
        // INVARIANT: The last one may take more than there was.
        self.used = self.used.saturating_add(bytes as u64);
    }

    /// Counts what one does not take any more.
    pub(crate) fn give_back(&mut self, bytes: usize) {
        self.used = self.used.saturating_sub(bytes as u64);
        // One step is kept, for the next.
        let keep = if self.used == 0 { 0 } else { STEP };
        while self.set_aside.saturating_sub(self.used) >= STEP.saturating_add(keep) {
            // INVARIANT: It is still more than what is used, and not counted any more.
            TAKEN.fetch_sub(STEP, Relaxed);
            self.set_aside = self.set_aside.saturating_sub(STEP);
        }
    }
}

impl Drop for Allowance {
    fn drop(&mut self) {
        // What was set aside for one that then found no memory.
        TAKEN.fetch_sub(self.set_aside, Relaxed);
    }
}
