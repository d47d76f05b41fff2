// SPDX-License-Identifier: GPL-2.0-only

//! PID namespaces, by ids that the kernel never gives twice.
//!
//! An id needs no reference: once the namespace is gone, its id names nothing.
//!
//! C header: [`include/linux/pid_namespace.h`](srctree/include/linux/pid_namespace.h)

use super::layouts::NsCommon;
use core::ptr::NonNull;
use kernel::{bindings, prelude::*};

/// The id of a PID namespace.
///
/// # Safety
///
/// `namespace` must be valid.
unsafe fn namespace_id(namespace: NonNull<bindings::pid_namespace>) -> u64 {
    // SAFETY: By this function's requirements. The crate `bindings` does not have the member, since
    // it lies in an anonymous structure of a named type; the layout comes from the kernel's own
    // type information. Older kernels have a shorter number, of which they may give one again.
    #[allow(clippy::useless_conversion)]
    unsafe {
        u64::from((*(&raw const (*namespace.as_ptr()).ns).cast::<NsCommon>()).ns_id)
    }
}

/// The id of the PID namespace of the process that has this number for the current task.
///
/// # Errors
///
/// ESRCH if there is no such process.
pub(crate) fn pid_namespace_id(pid: i32) -> Result<u64> {
    // SAFETY: A task may call this; it returns a reference or null.
    let pid = NonNull::new(unsafe { bindings::find_get_pid(pid) }).ok_or(ESRCH)?;
    // SAFETY: The reference is ours. The structure has `level + 1` numbers, and holds the
    // namespaces of all of them; the last one is the process's own (`ns_of_pid`).
    let id = unsafe {
        let last = (*pid.as_ptr())
            .numbers
            .as_ptr()
            .add((*pid.as_ptr()).level as usize);
        NonNull::new((*last).ns).map(|namespace| namespace_id(namespace))
    };
    // SAFETY: The reference was ours.
    unsafe { bindings::put_pid(pid.as_ptr()) };
    id.ok_or(ESRCH)
}

/// The id of the PID namespace of the current task; 0 if the task has already left it to exit.
pub(crate) fn current_pid_namespace_id() -> u64 {
    // SAFETY: The function may be called for the current task, which keeps its namespace while it
    // runs.
    unsafe {
        let namespace = bindings::task_active_pid_ns(bindings::get_current());
        NonNull::new(namespace).map_or(0, |namespace| namespace_id(namespace))
    }
}
