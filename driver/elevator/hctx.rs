// SPDX-License-Identifier: GPL-2.0-only

//! A hardware queue of a disk, as the scheduler sees it.
//!
//! C header: [`include/linux/blk-mq.h`](srctree/include/linux/blk-mq.h)

use super::{cpus::CpuSet, layouts, parked::Batch, Elevator};
use crate::sys::atomic::{AtomicBool, Relaxed};
use core::ptr::NonNull;
use kernel::{
    bindings, new_work,
    prelude::*,
    sync::{Arc, ArcBorrow},
    time::{
        hrtimer::{
            AbsoluteMode, HasHrTimer, HrTimer, HrTimerCallback, HrTimerCallbackContext,
            HrTimerRestart,
        },
        Monotonic,
    },
    types::Opaque,
    workqueue::Work,
};

/// One hardware queue of a disk.
///
/// # Invariants
///
/// `hctx` is valid while a [`Queue`] lists this object, and while the block layer calls the
/// scheduler for it. References to this object are only given out in these times, and while its
/// timer runs, which ends before `hctx` does.
#[pin_data]
pub(crate) struct Hctx<E: Elevator> {
    hctx: NonNull<bindings::blk_mq_hw_ctx>,
    /// The processors whose I/O comes here.
    pub(super) cpus: CpuSet,
    #[pin]
    timer: HrTimer<Self>,
    /// Wakes for completions, in a soft interrupt: they may end there, which saves the switch to
    /// another task.
    #[pin]
    pub(super) release_timer: Opaque<bindings::hrtimer>,
    /// Completions that have arrived, and that the scheduler has not taken yet.
    pub(super) arrivals: Batch<E::CompletionData>,
    /// Completions that `release_timer` is to end.
    pub(super) departures: Batch<E::CompletionData>,
    #[pin]
    pub(super) work: Work<Self>,
    /// Whether its last processor is going offline.
    is_leaving: AtomicBool,
    /// Whether nothing may ask for a call any more.
    pub(super) is_over: AtomicBool,
    #[pin]
    data: E::HctxData,
}

// SAFETY: Any CPU may call the block layer's functions on `hctx`, and `data` is `Send`.
unsafe impl<E: Elevator> Send for Hctx<E> {}
// SAFETY: As above, and several CPUs may do so at once; `data` is `Sync`.
unsafe impl<E: Elevator> Sync for Hctx<E> {}

impl<E: Elevator> Hctx<E> {
    /// # Safety
    ///
    /// The type's invariants must hold for `hctx`.
    pub(super) unsafe fn new(
        hctx: NonNull<bindings::blk_mq_hw_ctx>,
        cpus: CpuSet,
    ) -> impl PinInit<Self, Error> {
        // INVARIANT: By this function's requirements.
        try_pin_init!(Self {
            hctx: hctx,
            cpus: cpus,
            timer <- HrTimer::new(),
            release_timer <- Self::new_release_timer(),
            arrivals: Batch::new(),
            departures: Batch::new(),
            work <- new_work!("elevator_release"),
            is_leaving: AtomicBool::new(false),
            is_over: AtomicBool::new(false),
            data <- E::new_hctx(),
        })
    }

    /// The scheduler's own data.
    #[inline]
    pub(crate) fn data(&self) -> &E::HctxData {
        &self.data
    }

    /// The block layer's hardware queue.
    pub(super) fn as_raw(&self) -> *mut bindings::blk_mq_hw_ctx {
        self.hctx.as_ptr()
    }

    /// Cancels the timer of `wake_at`, and waits for its callback.
    pub(super) fn cancel_wake(&self) {
        // SAFETY: The timer is initialized, and may be waited for, as this may sleep and holds no
        // lock that its callback wants.
        unsafe { bindings::hrtimer_cancel(Self::c_timer_ptr(self).cast_mut()) };
    }

    /// Whether this is the block layer's hardware queue at this address.
    pub(super) fn is(&self, hctx: *const bindings::blk_mq_hw_ctx) -> bool {
        core::ptr::eq(self.hctx.as_ptr(), hctx)
    }

    /// Whether this is a hardware queue of the block layer's queue at this address.
    #[inline]
    pub(super) fn is_of(&self, queue: *const bindings::request_queue) -> bool {
        // SAFETY: By the invariants `hctx` is valid; it keeps its queue.
        core::ptr::eq(unsafe { (*self.hctx.as_ptr()).queue }, queue)
    }

    /// Its number among the disk's hardware queues.
    pub(crate) fn number(&self) -> usize {
        // SAFETY: By the invariants `hctx` is valid; it keeps its number.
        unsafe { (*self.hctx.as_ptr()).queue_num as usize }
    }

    /// Whether it takes only I/O for whose completion the submitter polls.
    pub(super) fn is_polled(&self) -> bool {
        // SAFETY: By the invariants `hctx` is valid; it keeps its type.
        let kind = unsafe { (*self.hctx.as_ptr()).type_ };
        u32::from(kind) == bindings::hctx_type_HCTX_TYPE_POLL
    }

    /// Has the block layer ask the scheduler for requests, soon and in another context. May be
    /// called in any context.
    pub(crate) fn run(&self) {
        // SAFETY: By the invariants `hctx` is valid. When run asynchronously, the function only
        // queues work; it checks by itself whether the queue is quiesced.
        unsafe { bindings::blk_mq_run_hw_queue(self.hctx.as_ptr(), true) };
    }

    /// Whether the disk lately had no room for requests that the block layer dispatched. A
    /// scheduler that lets requests pass by then loses chances to merge them.
    #[inline]
    pub(crate) fn is_busy(&self) -> bool {
        // SAFETY: By the invariants `hctx` is valid. The block layer changes the word without a
        // lock (`blk_mq_update_dispatch_busy`); a single aligned load of it cannot tear.
        unsafe { (&raw const (*self.hctx.as_ptr()).dispatch_busy).read_volatile() != 0 }
    }

    /// Whether blk-iolatency counts the bios of the queue.
    pub(super) fn has_latency_control(&self) -> bool {
        // SAFETY: By the invariants `hctx` is valid, and it does not outlive its queue.
        unsafe { layouts::has_latency_control((*self.hctx.as_ptr()).queue) }
    }

    /// Sets whether its last processor is going offline.
    pub(super) fn set_leaving(&self, is_leaving: bool) {
        // Relaxed: the caller runs the queue afterwards, which orders this store as it orders a
        // freeze (see `is_freezing`).
        self.is_leaving.store(is_leaving, Relaxed);
    }

    /// Whether a task waits until this hardware queue has no request.
    #[inline]
    pub(crate) fn must_drain(&self) -> bool {
        self.is_freezing() || self.is_leaving.load(Relaxed)
    }

    /// Whether the queue is frozen or about to be: then a task waits until it has no request.
    ///
    /// The block layer counts up before it runs all hardware queues (`__blk_freeze_queue_start`),
    /// and runs a hardware queue after each insertion. `blk_mq_run_hw_queue` evaluates `has_work`
    /// under `queue_lock` before it decides that there is nothing to do, so the later of the two
    /// runs sees both the request and the freeze.
    #[inline]
    pub(crate) fn is_freezing(&self) -> bool {
        // SAFETY: By the invariants `hctx` is valid, and it does not outlive its queue. The block
        // layer writes the counter under a mutex that we do not hold; a single aligned load of it
        // cannot tear.
        unsafe {
            let queue = (*self.hctx.as_ptr()).queue;
            (&raw const (*queue).mq_freeze_depth).read_volatile() > 0
        }
    }

    /// Runs this hardware queue at `time_ns` of `CLOCK_MONOTONIC`; this replaces the time of an
    /// earlier call. May be called in any context but the timer's own.
    pub(crate) fn wake_at(&self, time_ns: u64) {
        if self.is_over.load(Relaxed) {
            return;
        }
        let time = i64::try_from(time_ns).unwrap_or(i64::MAX);
        // SAFETY: The timer is initialized, and may be started again whether or not it is pending.
        // It is cancelled before this object goes: see `end_calls`.
        unsafe {
            bindings::hrtimer_start_range_ns(
                Self::c_timer_ptr(self).cast_mut(),
                time,
                0,
                <AbsoluteMode<Monotonic> as kernel::time::hrtimer::HrTimerMode>::C_MODE,
            );
        }
    }
}

impl<E: Elevator> HrTimerCallback for Hctx<E> {
    type Pointer<'a> = Arc<Self>;

    fn run(
        this: ArcBorrow<'_, Self>,
        _context: HrTimerCallbackContext<'_, Self>,
    ) -> HrTimerRestart {
        // This runs in hard interrupt context, and only queues the run: it takes no lock, so that
        // schedulers need not disable interrupts to take theirs. In a real-time kernel it runs in a
        // thread, since the mode is not one of the hard ones. It has to: there,
        // `blk_mq_run_hw_queue` takes locks that sleep.
        Hctx::run(&this);
        HrTimerRestart::NoRestart
    }
}

kernel::impl_has_hr_timer! {
    impl{E: Elevator} HasHrTimer<Self> for Hctx<E> {
        mode: AbsoluteMode<Monotonic>, field: self.timer
    }
}
