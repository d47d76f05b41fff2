// SPDX-License-Identifier: GPL-2.0-only

//! The rights of the task that asks for something.

use core::ffi::c_int;
use kernel::bindings;

/// Whether the current task has CAP_SYS_ADMIN in the first user namespace.
pub(crate) fn is_administrator() -> bool {
    // SAFETY: Configuration is written by tasks, in which this may be asked at any time.
    unsafe { bindings::capable(bindings::CAP_SYS_ADMIN as c_int) }
}
