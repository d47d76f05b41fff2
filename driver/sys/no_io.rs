// SPDX-License-Identifier: GPL-2.0-only

//! Scopes in which allocations of this task wait for no I/O, or take nothing from the reserves.

use core::marker::PhantomData;
use kernel::bindings;

/// While this lives, allocations of the current task do not start or wait for I/O, whatever flags
/// the caller gives them.
///
/// The holder of a lock needs this if a task that has frozen a disk may wait for the lock: the
/// holder's memory reclaim might write to the frozen disk, and so wait for that task. As
/// `memalloc_noio_save()` and `memalloc_noio_restore()`, which are inline functions in C.
///
/// # Invariants
///
/// `PF_MEMALLOC_NOIO` is set in the flags of the task that made this, and `saved` says whether it
/// was set before.
pub(crate) struct NoIo {
    saved: u32,
    /// The scope must end in the task in which it began, whose flags it has changed.
    _not_send: PhantomData<*mut ()>,
}

impl NoIo {
    /// Begins the scope.
    pub(crate) fn new() -> Self {
        // SAFETY: `get_current` is the running task. It lives while it runs, and no other task
        // writes its `flags`.
        let flags = unsafe { &raw mut (*bindings::get_current()).flags };
        // SAFETY: As above.
        let before = unsafe { flags.read() };
        // SAFETY: As above.
        unsafe { flags.write(before | bindings::PF_MEMALLOC_NOIO) };
        // INVARIANT: The flag was just set, and `saved` is its value before.
        Self {
            saved: before & bindings::PF_MEMALLOC_NOIO,
            _not_send: PhantomData,
        }
    }
}

impl Drop for NoIo {
    fn drop(&mut self) {
        // SAFETY: `get_current` is the running task, which is the task of `new`, since this object
        // is not `Send`. No other task writes its `flags`.
        let flags = unsafe { &raw mut (*bindings::get_current()).flags };
        // SAFETY: As above.
        unsafe { flags.write((flags.read() & !bindings::PF_MEMALLOC_NOIO) | self.saved) };
    }
}

/// Runs an allocation that takes nothing from the reserves of memory, even if the current task may
/// use them since it frees memory (`PF_MEMALLOC`). The allocation must not reclaim memory itself:
/// without the flag, the kernel would let it start another reclaim within the task's own.
///
/// As `__GFP_NOMEMALLOC`, which the kernel crate does not have.
pub(crate) fn without_reserves<T>(allocate: impl FnOnce() -> T) -> T {
    // SAFETY: `get_current` is the running task, which lives while it runs, and no other task
    // writes its `flags`; an interrupt that comes in between leaves them as they were.
    let flags = unsafe { &raw mut (*bindings::get_current()).flags };
    // SAFETY: As above.
    let before = unsafe { flags.read() };
    // SAFETY: As above.
    unsafe { flags.write(before & !bindings::PF_MEMALLOC) };
    let result = allocate();
    // SAFETY: As above.
    unsafe { flags.write(flags.read() | before & bindings::PF_MEMALLOC) };
    result
}
