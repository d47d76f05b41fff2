// SPDX-License-Identifier: GPL-2.0-only

//! A scheduler's files: in a disk's `queue/iosched` in sysfs, and in the directories `sched` of the
//! disk's queue and of each of its hardware queues in debugfs.

use super::{
    layouts::{BlkMqDebugfsAttr, ElevatorQueue, ElvFsEntry},
    Elevator, Hctx, Queue,
};
use core::marker::PhantomData;
use kernel::{bindings, ffi, page::PAGE_SIZE, prelude::*, seq_file::SeqFile};

/// How many files a scheduler can have in one directory.
const MOST_FILES: usize = 8;

/// A file that a disk has in sysfs.
pub(crate) trait ShowQueue<E: Elevator> {
    /// The file's name.
    const NAME: &'static CStr;

    /// Writes the file's text, and returns its length in bytes. Process context, may sleep;
    /// `eq->sysfs_lock` is held.
    fn show(queue: &Queue<E>, page: &mut [u8; PAGE_SIZE]) -> usize;
}

/// A file that a disk and each of its hardware queues have in debugfs.
pub(crate) trait ShowHctxs<E: Elevator> {
    /// The file's name.
    const NAME: &'static CStr;

    /// Writes the file's text about these hardware queues. Process context, may sleep. The disk may
    /// have left the scheduler, so a scheduler looks for the hardware queues among its own.
    fn show(hw_queues: &Asked<E>, out: &SeqFile);
}

/// The hardware queues that a reader of debugfs asks about.
pub(crate) struct Asked<E: Elevator> {
    of: Of,
    _elevator: PhantomData<E>,
}

// Only for comparison: the file stays for some time after `exit_sched` (`elevator_change_done()`),
// and the pointers may be dangling then.
enum Of {
    Queue(*const bindings::request_queue),
    Hctx(*const bindings::blk_mq_hw_ctx),
}

impl<E: Elevator> Asked<E> {
    /// Whether the reader asks about this hardware queue.
    pub(crate) fn includes(&self, hw_queue: &Hctx<E>) -> bool {
        match self.of {
            Of::Queue(queue) => hw_queue.is_of(queue),
            Of::Hctx(hctx) => hw_queue.is(hctx),
        }
    }
}

/// A file of a disk in sysfs, for [`Elevator::QUEUE_FILES`].
pub(crate) struct QueueFile<E: Elevator> {
    name: &'static CStr,
    show: unsafe extern "C" fn(*mut ElevatorQueue, *mut ffi::c_char) -> i64,
    _elevator: PhantomData<E>,
}

impl<E: Elevator> QueueFile<E> {
    /// The file that `S` shows.
    pub(crate) const fn of<S: ShowQueue<E>>() -> Self {
        Self {
            name: S::NAME,
            show: Self::show::<S>,
            _elevator: PhantomData,
        }
    }

    /// # Safety
    ///
    /// * `eq` must be valid, with data from `alloc_sched_data` of `E`'s vtable.
    /// * `eq->sysfs_lock` must be held, which keeps `exit_sched` from being called meanwhile.
    /// * `page` must be the address of a page that this function may write.
    unsafe extern "C" fn show<S: ShowQueue<E>>(
        eq: *mut ElevatorQueue,
        page: *mut ffi::c_char,
    ) -> i64 {
        // SAFETY: By this function's requirements the data are a `Queue` that does not stop
        // meanwhile.
        let queue = unsafe { &*(*eq).elevator_data.cast::<Queue<E>>() };
        // SAFETY: By this function's requirements; any bytes are a value of the array.
        let page = unsafe { &mut *page.cast::<[u8; PAGE_SIZE]>() };
        i64::try_from(S::show(queue, page)).unwrap_or(0)
    }
}

/// A file of hardware queues in debugfs, for [`Elevator::DEBUG_FILES`].
pub(crate) struct DebugFile<E: Elevator> {
    name: &'static CStr,
    show_queue: ShowDebug,
    show_hctx: ShowDebug,
    _elevator: PhantomData<E>,
}

type ShowDebug = unsafe extern "C" fn(*mut ffi::c_void, *mut bindings::seq_file) -> ffi::c_int;

impl<E: Elevator> DebugFile<E> {
    /// The file that `S` shows.
    pub(crate) const fn of<S: ShowHctxs<E>>() -> Self {
        Self {
            name: S::NAME,
            show_queue: Self::show_queue::<S>,
            show_hctx: Self::show_hctx::<S>,
            _elevator: PhantomData,
        }
    }

    /// # Safety
    ///
    /// `out` must be valid, and this call its only user. `queue` need not be valid.
    unsafe extern "C" fn show_queue<S: ShowHctxs<E>>(
        queue: *mut ffi::c_void,
        out: *mut bindings::seq_file,
    ) -> ffi::c_int {
        // SAFETY: By this function's requirements.
        unsafe { Self::show::<S>(Of::Queue(queue.cast()), out) }
    }

    /// # Safety
    ///
    /// As for `show_queue`, with a `blk_mq_hw_ctx`.
    unsafe extern "C" fn show_hctx<S: ShowHctxs<E>>(
        hctx: *mut ffi::c_void,
        out: *mut bindings::seq_file,
    ) -> ffi::c_int {
        // SAFETY: By this function's requirements.
        unsafe { Self::show::<S>(Of::Hctx(hctx.cast()), out) }
    }

    /// # Safety
    ///
    /// As for `show_queue`.
    unsafe fn show<S: ShowHctxs<E>>(of: Of, out: *mut bindings::seq_file) -> ffi::c_int {
        let asked = Asked {
            of,
            _elevator: PhantomData,
        };
        // SAFETY: By this function's requirements.
        S::show(&asked, unsafe { SeqFile::from_raw(out) });
        0
    }
}

/// The files of a scheduler, in the form of the block layer's lists, each of which an empty entry
/// ends.
pub(super) struct Files<E: Elevator>(PhantomData<E>);

impl<E: Elevator> Files<E> {
    /// In sysfs.
    pub(super) const QUEUE: &'static [ElvFsEntry; MOST_FILES + 1] = &{
        // SAFETY: The array consists of integers, pointers and optional functions, and zero is a
        // value of each.
        let mut files: [ElvFsEntry; MOST_FILES + 1] = unsafe { core::mem::zeroed() };
        let mut place = 0;
        while place < E::QUEUE_FILES.len() {
            let file = &E::QUEUE_FILES[place];
            files[place].attr.name = file.name.to_bytes_with_nul().as_ptr().cast();
            files[place].attr.mode = 0o444;
            files[place].show = Some(file.show);
            place += 1;
        }
        assert!(place <= MOST_FILES);
        files
    };

    /// In debugfs, for a disk's queue.
    pub(super) const DEBUG_QUEUE: &'static [BlkMqDebugfsAttr; MOST_FILES + 1] =
        &Self::debug_files(true);

    /// In debugfs, for each hardware queue.
    pub(super) const DEBUG_HCTX: &'static [BlkMqDebugfsAttr; MOST_FILES + 1] =
        &Self::debug_files(false);

    const fn debug_files(of_queue: bool) -> [BlkMqDebugfsAttr; MOST_FILES + 1] {
        // SAFETY: As for `QUEUE`.
        let mut files: [BlkMqDebugfsAttr; MOST_FILES + 1] = unsafe { core::mem::zeroed() };
        let mut place = 0;
        while place < E::DEBUG_FILES.len() {
            let file = &E::DEBUG_FILES[place];
            files[place].name = file.name.to_bytes_with_nul().as_ptr().cast();
            files[place].mode = 0o400;
            files[place].show = Some(if of_queue {
                file.show_queue
            } else {
                file.show_hctx
            });
            place += 1;
        }
        assert!(place <= MOST_FILES);
        files
    }
}
