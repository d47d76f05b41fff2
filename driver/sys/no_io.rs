// SPDX-License-Identifier: GPL-2.0-only

//! Scopes in which allocations of this task wait for no I/O, or take nothing of the reserves.

use core::marker::PhantomData;
use kernel::bindings;

/// While this lives, allocations of the current task do not start or wait for I/O, whatever flags
/// they are given.
///
/// Needed where a lock is held that somebody may want while a disk is frozen: memory reclaim that
/// writes to the frozen disk would wait for the one who waits for the lock. The same as
/// `memalloc_noio_save()` and `memalloc_noio_restore()`, which are inline functions in C.
///
/// # Invariants
///
/// `PF_MEMALLOC_NOIO` is set in the flags of the task that made this, and `saved` says whether it
/// was before.
pub(crate) struct NoIo {
    saved: u32,
    /// A task's flags are its own: the scope ends where it began.
    _not_send: PhantomData<*mut ()>,
}

impl NoIo {
    /// Begins the scope.
    pub(crate) fn new() -> Self {
        // SAFETY: `get_current` is the running task, which lives while it runs, and whose `flags`
        // only itself writes.
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
        // SAFETY: `get_current` is the running task, the one of `new` since this is not `Send`;
        // only itself writes `flags`.
        let flags = unsafe { &raw mut (*bindings::get_current()).flags };
        // SAFETY: As above.
        unsafe { flags.write((flags.read() & !bindings::PF_MEMALLOC_NOIO) | self.saved) };
    }
}

/// Allocates something for which no reserve of memory is meant, even if the current task may use
/// them, since it frees memory (`PF_MEMALLOC`). The allocation must not begin to free memory
/// itself: it would end up here again.
///
/// As `__GFP_NOMEMALLOC` has it, which the kernel crate does not know.
pub(crate) fn without_reserves<T>(allocate: impl FnOnce() -> T) -> T {
    // SAFETY: `get_current` is the running task, which lives while it runs, and whose `flags` only
    // itself writes; an interrupt that comes in between leaves them as they were.
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
