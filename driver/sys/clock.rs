// SPDX-License-Identifier: GPL-2.0-only

//! The monotonic clock, and random numbers.

use kernel::bindings;

/// The time of `CLOCK_MONOTONIC` in nanoseconds.
#[inline]
pub(crate) fn now_ns() -> u64 {
    // SAFETY: `ktime_get` may be called in any context.
    let now = unsafe { bindings::ktime_get() };
    // Never negative: the clock starts at zero when the machine boots and lasts for 292 years.
    now as u64
}

/// The time of one reading of the clock, which the first call of [`Clock::now_ns`] does.
pub(crate) struct Clock(Option<u64>);

impl Clock {
    /// A clock that was not read yet.
    pub(crate) const fn new() -> Self {
        Self(None)
    }

    /// The result of [`now_ns`] at the first call.
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
