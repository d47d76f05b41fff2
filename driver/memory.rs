// SPDX-License-Identifier: GPL-2.0-only

//! The memory that held completions may take, and the memory that they do take.

use crate::sys::atomic::{AtomicU64, Relaxed};

/// How many bytes a hardware queue sets aside at a time, so that hardware queues seldom contend for
/// `TAKEN`.
const STEP: u64 = 16 << 10;

/// How many KiB held completions may take by default: enough for some 300,000.
pub(crate) const DEFAULT_KIB: u32 = 64 << 10;

static MOST: AtomicU64 = AtomicU64::new((DEFAULT_KIB as u64) << 10);
static TAKEN: AtomicU64 = AtomicU64::new(0);

/// How many KiB held completions may take.
pub(crate) fn most_kib() -> u32 {
    u32::try_from(MOST.load(Relaxed) >> 10).unwrap_or(u32::MAX)
}

/// Changes how many KiB held completions may take. Completions that are held already stay.
pub(crate) fn set_most_kib(kib: u32) {
    // Relaxed: a reader that sees a change late acts as if it had come before it.
    MOST.store(u64::from(kib) << 10, Relaxed);
}

/// The part of the memory that one hardware queue has. It grows under the lock of the hardware
/// queue's requests, and shrinks under the lock of its completions.
///
/// # Invariants
///
/// [`TAKEN`] includes `set_aside`. `used` may exceed `set_aside` by the size of the last
/// completion, or by one step if the holders of both locks have raced; the next step makes up for
/// it.
pub(crate) struct Allowance {
    set_aside: AtomicU64,
    used: AtomicU64,
}

// Relaxed, everywhere: only the numbers count.
impl Allowance {
    /// No memory.
    pub(crate) const fn new() -> Self {
        Self {
            set_aside: AtomicU64::new(0),
            used: AtomicU64::new(0),
        }
    }

    /// Whether there is memory for one more completion.
    pub(crate) fn has_room(&self) -> bool {
        self.used.load(Relaxed) < self.set_aside.load(Relaxed) || self.set_aside_more()
    }

    fn set_aside_more(&self) -> bool {
        let more = TAKEN.fetch_add(STEP, Relaxed).saturating_add(STEP);
        if more > MOST.load(Relaxed) {
            TAKEN.fetch_sub(STEP, Relaxed);
            return false;
        }
        // INVARIANT: `TAKEN` has just grown by the step.
        self.set_aside.fetch_add(STEP, Relaxed);
        true
    }

    /// Counts the memory of one completion, for which there was room.
    pub(crate) fn take(&self, bytes: usize) {
        // INVARIANT: The completion may take more than was left, and the holder of the other lock
        // may just have given a step back.
        self.used.fetch_add(bytes as u64, Relaxed);
    }

    /// Counts the memory of one completion that has gone.
    pub(crate) fn give_back(&self, bytes: usize) {
        self.used.fetch_sub(bytes as u64, Relaxed);
        while self.has_a_step_too_many() {
            // INVARIANT: The step was unused, and leaves `TAKEN` and `set_aside`.
            TAKEN.fetch_sub(STEP, Relaxed);
            self.set_aside.fetch_sub(STEP, Relaxed);
        }
    }
}

impl Allowance {
    /// Whether a step can go: one unused step stays for the next completion, unless no memory is
    /// used.
    fn has_a_step_too_many(&self) -> bool {
        let used = self.used.load(Relaxed);
        let keep = if used == 0 { 0 } else { STEP };
        self.set_aside.load(Relaxed).saturating_sub(used) >= STEP.saturating_add(keep)
    }
}

impl Drop for Allowance {
    fn drop(&mut self) {
        // A step may be left that was set aside for a completion that then found no memory.
        TAKEN.fetch_sub(self.set_aside.load(Relaxed), Relaxed);
    }
}
