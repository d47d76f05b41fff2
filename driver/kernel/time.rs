// SPDX-License-Identifier: GPL-2.0-only

//! Times and clocks.
//!
//! C header: [`include/linux/ktime.h`](srctree/include/linux/ktime.h)

pub mod delay;
pub mod hrtimer;

use crate::bindings;
use core::{marker::PhantomData, ops::Add};

/// `CLOCK_MONOTONIC`.
pub struct Monotonic;

/// A span of time, in nanoseconds.
#[derive(Clone, Copy)]
pub struct Delta(i64);

impl Delta {
    /// A span of microseconds.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros.saturating_mul(1_000))
    }

    /// A span of seconds.
    pub const fn from_secs(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1_000_000_000))
    }

    /// The span in microseconds, rounded up.
    pub const fn as_micros_ceil(self) -> i64 {
        self.0.saturating_add(999) / 1_000
    }
}

/// A time of a clock, in nanoseconds.
pub struct Instant<C> {
    ns: i64,
    _clock: PhantomData<C>,
}

impl Instant<Monotonic> {
    /// The present time.
    pub fn now() -> Self {
        Self {
            // SAFETY: May be called in any context.
            ns: unsafe { bindings::ktime_get() },
            _clock: PhantomData,
        }
    }

    pub(crate) fn as_nanos(&self) -> i64 {
        self.ns
    }
}

impl<C> Add<Delta> for Instant<C> {
    type Output = Self;

    fn add(self, delta: Delta) -> Self {
        Self {
            ns: self.ns.saturating_add(delta.0),
            _clock: PhantomData,
        }
    }
}
