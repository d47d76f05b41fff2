// SPDX-License-Identifier: GPL-2.0-only

//! The time, and chance.

use kernel::bindings;

/// The time of `CLOCK_MONOTONIC` in nanoseconds; what [`super::Hctx::wake_at`] understands.
#[inline]
pub(crate) fn now_ns() -> u64 {
    // SAFETY: `ktime_get` may be called in any context.
    let now = unsafe { bindings::ktime_get() };
    // Never negative: the clock starts at zero when the machine boots and lasts for 292 years.
    now as u64
}

/// The time, read when it is asked for the first time.
pub(crate) struct Clock(Option<u64>);

impl Clock {
    /// A clock that nobody has asked.
    pub(crate) const fn new() -> Self {
        Self(None)
    }

    /// As [`now_ns`], when this was first called.
    #[inline]
    pub(crate) fn now_ns(&mut self) -> u64 {
        *self.0.get_or_insert_with(now_ns)
    }
}

impl From<u64> for Clock {
    /// A clock that was read already.
    fn from(now_ns: u64) -> Self {
        Self(Some(now_ns))
    }
}

/// A random number that is different on every machine and boot; usable in any context.
pub(crate) fn random_seed() -> u64 {
    // SAFETY: `get_random_u64` may be called in any context.
    unsafe { bindings::get_random_u64() }
}
