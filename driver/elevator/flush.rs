// SPDX-License-Identifier: GPL-2.0-only

//! Flushes without data, which the block layer gives to no scheduler (`blk_insert_flush`).
//!
//! While any [`FlushWatch`] lives, a probe sees each of them when the block layer has made its
//! request (`block_getrq`). The scheduler may then have its completion held: the flush runs its
//! course, and the bio, when the block layer ends it, comes to the scheduler.
//!
//! C header: [`include/trace/events/block.h`](srctree/include/trace/events/block.h)

use super::{
    flags::OpFlags,
    layouts,
    record::{Record, Recorded},
    vtable::{hctx_for, VTable},
    Elevator, Hctx, Parking,
};
use crate::sys::{
    cgroup::Lineage,
    tracepoint::{wait_for_probes, Probe},
};
use core::{
    marker::PhantomData,
    ptr::{null_mut, NonNull},
    sync::atomic::{AtomicUsize, Ordering},
};
use kernel::{
    bindings, ffi, impl_has_work, new_work,
    prelude::*,
    str::CStrExt,
    sync::Arc,
    time::{delay::fsleep, Delta},
    workqueue::{self, Work, WorkItem},
};

/// A flush without data that is being submitted.
///
/// # Invariants
///
/// `bio` is valid, has no data, and is being submitted to a queue on the scheduler. Its submitter
/// holds a reference of the queue, which the bio's request takes over, and waits for no other bio
/// by a count on this one. This handle is the bio's only user.
pub(crate) struct Flush<'a> {
    bio: NonNull<bindings::bio>,
    _borrow: PhantomData<&'a mut bindings::bio>,
}

impl Flush<'_> {
    /// Its operation and flags.
    pub(crate) fn flags(&self) -> OpFlags {
        // SAFETY: By the type's invariants.
        OpFlags::from_raw(unsafe { (*self.bio.as_ptr()).bi_opf }).of_flush()
    }

    /// The number of the partition to which it was submitted; 0 for the whole disk.
    pub(crate) fn partition(&self) -> u8 {
        // SAFETY: By the type's invariants.
        unsafe { layouts::partition_number_of(self.bio.as_ptr()) }
    }

    /// The `dev_t` of the device to which it was submitted; 0 for none.
    pub(crate) fn device(&self) -> u32 {
        // SAFETY: By the type's invariants.
        unsafe { layouts::device_number_of(self.bio.as_ptr()) }
    }

    /// The cgroups to which the kernel accounts it.
    pub(crate) fn cgroups(&self) -> Lineage<'_> {
        // SAFETY: By the type's invariants.
        unsafe { Lineage::of(self.bio.as_ptr()) }
    }
}

impl<E: Elevator> Hctx<E> {
    /// Has the completion of a flush without data held. Returns how many bytes of memory that
    /// takes, or `None` if it cannot be held or there is no memory.
    pub(crate) fn park_flush(
        &self,
        flush: &Flush<'_>,
        parking: Parking<
            E::CompletionData,
            impl Iterator<Item = u64>,
            impl ExactSizeIterator<Item = u64>,
        >,
    ) -> Option<usize> {
        let bio = flush.bio.as_ptr();
        // SAFETY: By the invariants of the flush.
        let is_ours = self.is_of(unsafe { layouts::queue_of(bio) });
        if !is_ours {
            return None;
        }
        let of = Recorded {
            first_bio: bio,
            flags: flush.flags(),
            // The kernel counts the disk's flushes, and not whose flush a bio waits for.
            counted: null_mut(),
        };
        let queue = core::ptr::from_ref(self).cast();
        // SAFETY: By the invariants of the flush: the block layer ends its bio before it frees the
        // request, which has a reference of this hardware queue's queue. No bio is chained to it.
        unsafe {
            let record = Record::begin_flush(&of, queue, parking, Self::flushed)?;
            Some(Record::size(record))
        }
    }
}

/// How many watches there are.
static WATCHES: AtomicUsize = AtomicUsize::new(0);

kernel::sync::global_lock! {
    // SAFETY: `FlushLifetime::new` initializes it, before the module registers any code that makes
    // a watch.
    unsafe(uninit) static WATCHED: Mutex<Watched> = Watched { probe: None, unwatch: None };
}

/// The probe, while there are watches and for a while after.
struct Watched {
    probe: Option<Probe>,
    /// There is one in the time of a [`FlushLifetime`].
    unwatch: Option<Arc<Unwatch>>,
}

/// Ends the probe some time after the last watch. A user may have a watch come and go in a loop,
/// and each change of the probe interrupts all processors. And a task that gives up a watch, by
/// `rmdir` for one, must not wait for the kernel's lock of tracepoints.
#[pin_data]
struct Unwatch {
    #[pin]
    work: Work<Self>,
}

impl WorkItem for Unwatch {
    type Pointer = Arc<Self>;

    fn run(_this: Arc<Self>) {
        fsleep(Delta::from_secs(1));
        let mut watched = WATCHED.lock();
        // A watch that is counted from now on waits for the lock, and finds no probe.
        if WATCHES.load(Ordering::Acquire) == 0 {
            watched.probe = None;
        }
    }
}

impl_has_work! {
    impl HasWork<Self> for Unwatch { self.work }
}

/// The time in which watches may be made. A module drops it after all of them.
pub(crate) struct FlushLifetime(Arc<Unwatch>);

impl FlushLifetime {
    /// Makes watches possible. Only the module's initialization may call this, once.
    ///
    /// # Errors
    ///
    /// ENOMEM.
    pub(crate) fn new() -> Result<Self> {
        // SAFETY: The module's initialization runs once, and no code has locked the mutex yet.
        unsafe { WATCHED.init() };
        let unwatch = pin_init!(Unwatch { work <- new_work!("flush_unwatch") });
        let unwatch = Arc::pin_init(unwatch, GFP_KERNEL)?;
        WATCHED.lock().unwatch = Some(unwatch.clone());
        Ok(Self(unwatch))
    }
}

impl Drop for FlushLifetime {
    fn drop(&mut self) {
        // SAFETY: The work is initialized, and this may sleep. A cancelled work had a reference,
        // which is dropped here.
        unsafe {
            if bindings::cancel_work_sync(Work::raw_get(&raw const self.0.work)) {
                drop(Arc::from_raw(Arc::as_ptr(&self.0)));
            }
        }
        *WATCHED.lock() = Watched {
            probe: None,
            unwatch: None,
        };
        wait_for_probes();
    }
}

/// Has the module's scheduler see the flushes without data of its disks, for as long as it lives.
///
/// While there is any, each bio that gets a request costs a call of the probe, whichever disk it is
/// for.
pub(crate) struct FlushWatch(Arc<Unwatch>);

impl FlushWatch {
    /// Begins to watch. May sleep; the caller must hold no lock of the scheduler's.
    ///
    /// # Errors
    ///
    /// EOPNOTSUPP if this kernel does not show flushes; ENOMEM.
    pub(crate) fn new<E: Elevator>() -> Result<Self> {
        let mut watched = WATCHED.lock();
        let unwatch = watched.unwatch.clone().ok_or(ENODEV)?;
        if watched.probe.is_none() {
            let function = submitted::<E> as *mut ffi::c_void;
            let probe = match layouts::SHOWS_FLUSHES {
                // SAFETY: The tracepoint calls a probe with the bio, and with the data before it.
                // The lifetime waits for the function.
                true => unsafe { Probe::new(c"block_getrq", function) }?,
                false => None,
            };
            let unsupported = || Error::from_errno(-(bindings::EOPNOTSUPP as ffi::c_int));
            watched.probe = Some(probe.ok_or_else(unsupported)?);
        }
        // Under the lock, so that the probe does not end between.
        WATCHES.fetch_add(1, Ordering::AcqRel);
        Ok(Self(unwatch))
    }
}

impl Drop for FlushWatch {
    fn drop(&mut self) {
        if WATCHES.fetch_sub(1, Ordering::AcqRel) == 1 {
            // A work that is queued already serves as well.
            let _ = workqueue::system_long().enqueue(self.0.clone());
        }
    }
}

/// A bio is being submitted, and has got a request.
///
/// # Safety
///
/// Only the tracepoint `block_getrq` may call this: in the context of the submitter, which holds a
/// reference of the bio's queue (`q_usage_counter`).
unsafe extern "C" fn submitted<E: Elevator>(_data: *mut ffi::c_void, bio: *mut bindings::bio) {
    // SAFETY: By this function's requirements the bio is valid, if there is one.
    let is_empty_flush = unsafe {
        !bio.is_null()
            && OpFlags::from_raw((*bio).bi_opf).flushes_before()
            && (*bio).bi_iter.bi_size == 0
    };
    if is_empty_flush {
        // SAFETY: By this function's requirements, and as just seen.
        unsafe { flush_submitted::<E>(NonNull::new_unchecked(bio)) };
    }
}

/// Not inlined, so that other bios cost next to nothing.
///
/// # Safety
///
/// As for [`submitted`]; `bio` must flush the disk's cache, and have no data.
#[inline(never)]
unsafe fn flush_submitted<E: Elevator>(bio: NonNull<bindings::bio>) {
    let raw = bio.as_ptr();
    // SAFETY: By this function's requirements the bio and its queue are valid. The reference of the
    // queue keeps its scheduler, and all of its hardware queues started.
    unsafe {
        let queue = layouts::queue_of(raw);
        if queue.is_null() || (*queue).elevator.is_null() {
            return;
        }
        let eq: *const layouts::ElevatorQueue = (*queue).elevator.cast();
        // No two schedulers have the same name (`elv_register`).
        if CStr::from_char_ptr(layouts::name_of(eq)).to_bytes() != E::NAME.to_bytes() {
            return;
        }
        // Where a bio is chained to this one, this one may end after its request, when the hardware
        // queue may be gone.
        if (*raw).bi_flags & 1 << bindings::BIO_CHAIN != 0 {
            return;
        }
        let hw_queue = VTable::<E>::hw_queue_of(hctx_for(queue, raw));
        // INVARIANT: As just seen, and by this function's requirements.
        let flush = Flush {
            bio,
            _borrow: PhantomData,
        };
        E::flush_comes(hw_queue, flush);
    }
}
