// SPDX-License-Identifier: GPL-2.0-only

//! The lease of an injection: for how long it acts, and on how many I/Os.

use crate::sys::{
    atomic::{AtomicU32, AtomicU64, Relaxed},
    clock::{now_ns, Clock},
};
use kernel::{prelude::*, sync::Arc};

/// The time of an end that never comes.
const NEVER: u64 = u64::MAX;

/// The time and the number of I/Os after which an injection is over. The I/O path reads them
/// without a lock.
pub(crate) struct Lease {
    end_ns: AtomicU64,
    /// How many I/Os the injection may affect; 0 is no end.
    times: AtomicU32,
    /// How many I/Os it has affected, if `times` is not 0. It goes on growing past `times`.
    affected: AtomicU64,
}

/// The end of a lease of this duration that begins now.
pub(crate) fn end_ns_after(duration_ns: Option<u64>) -> u64 {
    duration_ns.map_or(NEVER, |duration_ns| now_ns().saturating_add(duration_ns))
}

impl Lease {
    /// A lease without an end.
    ///
    /// # Errors
    ///
    /// ENOMEM.
    pub(crate) fn new() -> Result<Arc<Self>> {
        let lease = Self {
            end_ns: AtomicU64::new(NEVER),
            times: AtomicU32::new(0),
            affected: AtomicU64::new(0),
        };
        Ok(Arc::new(lease, GFP_KERNEL)?)
    }

    /// When the injection ends.
    #[inline]
    pub(crate) fn end_ns(&self) -> u64 {
        // Relaxed: after each change, all hardware queues judge their entries again.
        self.end_ns.load(Relaxed)
    }

    /// Changes when the injection ends.
    pub(crate) fn set_end_ns(&self, end_ns: u64) {
        self.end_ns.store(end_ns, Relaxed);
    }

    /// Whether the injection has not ended by this time.
    #[inline]
    pub(crate) fn is_open(&self, now_ns: u64) -> bool {
        now_ns < self.end_ns()
    }

    /// As [`Lease::is_open`] at the time of a clock, which it only reads if there is an end.
    #[inline]
    pub(crate) fn is_open_by(&self, clock: &mut Clock) -> bool {
        let end_ns = self.end_ns();
        end_ns == NEVER || clock.now_ns() < end_ns
    }

    /// Ends the injection. Needs no memory.
    pub(crate) fn end(&self) {
        self.set_end_ns(0);
    }

    /// How long the injection still lasts, in nanoseconds, if it has an end.
    pub(crate) fn remaining_ns(&self, now_ns: u64) -> Option<u64> {
        let end_ns = self.end_ns();
        (end_ns != NEVER).then(|| end_ns.saturating_sub(now_ns))
    }

    /// Whether the number of affected I/Os has an end, so that they are counted.
    pub(crate) fn counts(&self) -> bool {
        self.times.load(Relaxed) > 0
    }

    /// Sets how many I/Os the injection may affect from now on; 0 is no end.
    pub(crate) fn set_times(&self, times: u32) {
        self.affected.store(0, Relaxed);
        self.times.store(times, Relaxed);
    }

    /// Whether the injection has affected as many I/Os as it may.
    pub(crate) fn is_used_up(&self) -> bool {
        let times = u64::from(self.times.load(Relaxed));
        times > 0 && self.affected.load(Relaxed) >= times
    }

    /// Counts one more I/O, and returns whether the injection may affect it.
    #[inline]
    pub(crate) fn take_one(&self) -> bool {
        let times = u64::from(self.times.load(Relaxed));
        times == 0 || self.affected.fetch_add(1, Relaxed) < times
    }
}
