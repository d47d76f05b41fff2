// SPDX-License-Identifier: GPL-2.0-only

//! Sleep.
//!
//! C header: [`include/linux/delay.h`](srctree/include/linux/delay.h)

use super::Delta;
use crate::{bindings, ffi::c_ulong};

/// Sleeps for at least this time, which must not be negative nor above half an hour. Only for tasks
/// that may sleep.
pub fn fsleep(time: Delta) {
    const MOST: i64 = i32::MAX as i64;
    let micros = time.as_micros_ceil();
    let micros = if (0..=MOST).contains(&micros) {
        micros
    } else {
        MOST
    };
    // SAFETY: The function may be called with any time.
    unsafe { bindings::chaos_fsleep(micros as c_ulong) };
}
