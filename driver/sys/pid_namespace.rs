// SPDX-License-Identifier: GPL-2.0-only

//! PID namespaces, by ids that the kernel never gives twice.
//!
//! An id needs no reference: once the namespace is gone, its id names nothing.
//!
//! C header: [`include/linux/pid_namespace.h`](srctree/include/linux/pid_namespace.h)

use super::layouts::{NsCommon, PidNamespace};
use core::ptr::NonNull;
use kernel::{bindings, prelude::*, sync::rcu};

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

/// A reference to a process and to its PID namespace, which may both be gone.
///
/// # Invariants
///
/// `pid` is valid, and this object owns one reference of it. `namespace` is the process's own
/// namespace, which the `pid` holds.
pub(crate) struct Process {
    pid: NonNull<bindings::pid>,
    namespace: NonNull<bindings::pid_namespace>,
}

// SAFETY: References belong to no task, and any task may use and put them.
unsafe impl Send for Process {}
// SAFETY: As above. No method changes the process or the namespace.
unsafe impl Sync for Process {}

impl Process {
    /// The process that has this number for the current task.
    ///
    /// # Errors
    ///
    /// ESRCH if there is no such process.
    pub(crate) fn numbered(number: i32) -> Result<Self> {
        // SAFETY: A task may call this; it returns a reference or null.
        let pid = NonNull::new(unsafe { bindings::find_get_pid(number) }).ok_or(ESRCH)?;
        // SAFETY: The reference is ours. The structure has `level + 1` numbers, and holds the
        // namespaces of all of them; the last one is the process's own (`ns_of_pid`).
        let namespace = unsafe {
            let numbers = (*pid.as_ptr()).numbers.as_ptr();
            (*numbers.add((*pid.as_ptr()).level as usize)).ns
        };
        // INVARIANT: As above; a process has a namespace.
        let namespace = NonNull::new(namespace).ok_or(ESRCH)?;
        Ok(Self { pid, namespace })
    }

    /// The id of its PID namespace.
    pub(crate) fn namespace_id(&self) -> u64 {
        // SAFETY: By the invariants.
        unsafe { namespace_id(self.namespace) }
    }

    /// Whether no process is left in its PID namespace, and none can come.
    pub(crate) fn is_namespace_gone(&self) -> bool {
        // SAFETY: By the invariants. The kernel counts the numbers in use, and has a bit in the
        // word for as long as new ones may come (`PIDNS_ADDING`). It writes the word under a lock
        // that we do not hold. A single aligned load of it cannot tear, and a caller that sees the
        // change late acts as if it had come before it.
        unsafe {
            let namespace = self.namespace.as_ptr().cast::<PidNamespace>();
            (&raw const (*namespace).pid_allocated).read_volatile() == 0
        }
    }

    /// A number by which the current task can name the namespace: that of this process while it
    /// lives, or a session or process group has its number, then that of the namespace's first
    /// process, which is the last one to go. `None` if the current task sees neither.
    pub(crate) fn number(&self) -> Option<i32> {
        // SAFETY: By the invariants.
        let own = unsafe { number_now(self.pid) };
        own.or_else(|| {
            let _guard = rcu::read_lock();
            // SAFETY: By the invariants the namespace is valid, and the guard keeps the process.
            unsafe {
                let first = bindings::find_pid_ns(1, self.namespace.as_ptr());
                number_now(NonNull::new(first)?)
            }
        })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // SAFETY: By the invariants the reference is ours.
        unsafe { bindings::put_pid(self.pid.as_ptr()) };
    }
}

/// The number of a process for the current task, unless the process, its session and its group are
/// gone, and the number may be another's.
///
/// # Safety
///
/// `pid` must be valid.
unsafe fn number_now(pid: NonNull<bindings::pid>) -> Option<i32> {
    // SAFETY: By this function's requirements. A `pid` keeps its numbers when the process is gone;
    // 0 stands for a process that the current task does not see.
    let number = unsafe { bindings::pid_vnr(pid.as_ptr()) };
    // SAFETY: A task may call this; it returns a reference or null, and `put_pid` takes either.
    let found = unsafe { bindings::find_get_pid(number) };
    // SAFETY: As above.
    unsafe { bindings::put_pid(found) };
    // Only for comparison.
    (number != 0 && core::ptr::eq(found, pid.as_ptr())).then_some(number)
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
