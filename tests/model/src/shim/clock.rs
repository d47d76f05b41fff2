// SPDX-License-Identifier: GPL-2.0-only

//! A clock that stands still until a test moves it on, and constant random numbers.

use crate::sys::atomic::{AtomicU64, Relaxed};

#[cfg(loom)]
loom::lazy_static! {
    static ref NOW_NS: AtomicU64 = AtomicU64::new(0);
}
#[cfg(not(loom))]
thread_local! {
    /// Each test has its own.
    static NOW_NS: AtomicU64 = const { AtomicU64::new(0) };
}

fn with_clock<T>(look: impl FnOnce(&AtomicU64) -> T) -> T {
    #[cfg(loom)]
    return look(&NOW_NS);
    #[cfg(not(loom))]
    NOW_NS.with(look)
}

/// Moves the time on to `now_ns`.
pub(crate) fn set_now_ns(now_ns: u64) {
    // Relaxed: a clock orders only its own reads.
    with_clock(|clock| clock.store(now_ns, Relaxed));
}

pub(crate) unsafe fn ktime_get() -> i64 {
    with_clock(|clock| clock.load(Relaxed)) as i64
}

/// Always the same, so that a failure can be repeated.
pub(crate) unsafe fn get_random_u64() -> u64 {
    42
}
