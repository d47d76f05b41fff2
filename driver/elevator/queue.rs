// SPDX-License-Identifier: GPL-2.0-only

//! A disk's queue, and its hardware queues, as the scheduler sees them.
//!
//! C header: [`include/linux/blk-mq.h`](srctree/include/linux/blk-mq.h)

use super::{Elevator, NoIo};
use core::ptr::NonNull;
use kernel::{
    bindings, new_mutex,
    prelude::*,
    sync::{Arc, ArcBorrow, Mutex},
    time::{
        hrtimer::{
            AbsoluteMode, ArcHrTimerHandle, HasHrTimer, HrTimer, HrTimerCallback,
            HrTimerCallbackContext, HrTimerPointer, HrTimerRestart,
        },
        Delta, Instant, Monotonic,
    },
};

/// A disk that is on the scheduler `E`, or is about to be.
#[pin_data]
pub(crate) struct Queue<E: Elevator> {
    #[pin]
    hw_queues: Mutex<KVec<Member<E>>>,
}

/// A hardware queue in the list of its queue.
struct Member<E: Elevator> {
    hw_queue: Arc<HwQueue<E>>,
    /// Cancels the timer when dropped, and waits for its callback.
    _timer: ArcHrTimerHandle<HwQueue<E>>,
}

impl<E: Elevator> Queue<E> {
    pub(super) fn new() -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            hw_queues <- new_mutex!(KVec::new(), "elevator_hw_queues"),
        })
    }

    /// Visits all hardware queues. Process context.
    pub(crate) fn for_each_hw_queue(&self, mut visit: impl FnMut(&HwQueue<E>)) {
        let members = self.hw_queues.lock();
        members.iter().for_each(|member| visit(&member.hw_queue));
    }

    /// Adds a hardware queue, whose context is `init_hctx`.
    pub(super) fn add(&self, hw_queue: ArcBorrow<'_, HwQueue<E>>) -> Result {
        let _no_io = NoIo::new();
        // The handle of a timer exists from its first start on. An hour is as good as never: `wake_at` replaces it.
        let timer =
            Arc::from(hw_queue).start(Instant::<Monotonic>::now() + Delta::from_secs(3_600));
        self.hw_queues.lock().push(
            Member {
                hw_queue: hw_queue.into(),
                _timer: timer,
            },
            GFP_KERNEL,
        )?;
        Ok(())
    }

    /// Removes a hardware queue; after that, its timer does not run and nobody visits it.
    pub(super) fn remove(&self, hw_queue: &HwQueue<E>) {
        let mut members = self.hw_queues.lock();
        let index = members
            .iter()
            .position(|member| core::ptr::eq(&*member.hw_queue, hw_queue));
        let member = index.and_then(|index| members.remove(index).ok());
        // Waiting for the timer's callback needs no lock.
        drop(members);
        drop(member);
    }
}

/// One hardware queue of a disk.
///
/// # Invariants
///
/// `hctx` is valid while a [`Queue`] lists this, and while the block layer calls the scheduler for it. References to this are
/// only given out in these times, and while its timer runs, which ends before `hctx` does.
#[pin_data]
pub(crate) struct HwQueue<E: Elevator> {
    hctx: NonNull<bindings::blk_mq_hw_ctx>,
    #[pin]
    timer: HrTimer<Self>,
    #[pin]
    data: E::HwQueue,
}

// SAFETY: The block layer's functions that are called on `hctx` may be called by any CPU, and `data` is `Send`.
unsafe impl<E: Elevator> Send for HwQueue<E> {}
// SAFETY: As above, and several at once; `data` is `Sync`.
unsafe impl<E: Elevator> Sync for HwQueue<E> {}

impl<E: Elevator> HwQueue<E> {
    /// # Safety
    ///
    /// The type's invariants must hold for `hctx`.
    pub(super) unsafe fn new(hctx: NonNull<bindings::blk_mq_hw_ctx>) -> impl PinInit<Self, Error> {
        // INVARIANT: By this function's requirements.
        try_pin_init!(Self {
            hctx: hctx,
            timer <- HrTimer::new(),
            data <- E::new_hw_queue(),
        })
    }

    /// The scheduler's own data.
    #[inline]
    pub(crate) fn data(&self) -> &E::HwQueue {
        &self.data
    }

    /// Has the block layer ask the scheduler for requests, soon and in another context. Any context.
    pub(crate) fn run(&self) {
        // SAFETY: By the invariants `hctx` is valid. When run asynchronously, the function only queues work; it checks by
        // itself whether the queue is quiesced.
        unsafe { bindings::blk_mq_run_hw_queue(self.hctx.as_ptr(), true) };
    }

    /// Whether the queue is frozen or about to be: then somebody waits until no request is left.
    ///
    /// The block layer counts up before it runs all hardware queues (`__blk_freeze_queue_start`), and runs a hardware queue
    /// after each insertion. `blk_mq_run_hw_queue` evaluates `has_work` under `queue_lock` before it decides that there is
    /// nothing to do, so that the later of the two runs sees both the request and the freeze.
    #[inline]
    pub(crate) fn is_freezing(&self) -> bool {
        // SAFETY: By the invariants `hctx` is valid, and it does not outlive its queue. The counter is written under a
        // mutex that is not ours; a single aligned load of it cannot tear.
        unsafe {
            let queue = (*self.hctx.as_ptr()).queue;
            (&raw const (*queue).mq_freeze_depth).read_volatile() > 0
        }
    }

    /// Runs this hardware queue at `time_ns` of [`super::now_ns`], instead of at the time asked for before. Any context but
    /// the timer's own.
    pub(crate) fn wake_at(&self, time_ns: u64) {
        let time = i64::try_from(time_ns).unwrap_or(i64::MAX);
        // SAFETY: The timer is initialized, and may be started again whether or not it is pending. It is cancelled before
        // this object goes: references are only given out while a `Member` lives, whose handle cancels when dropped.
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

impl<E: Elevator> HrTimerCallback for HwQueue<E> {
    type Pointer<'a> = Arc<Self>;

    fn run(
        this: ArcBorrow<'_, Self>,
        _context: HrTimerCallbackContext<'_, Self>,
    ) -> HrTimerRestart {
        // Hard interrupt context: only the run is queued. No lock is taken here, so that schedulers may use plain ones.
        HwQueue::run(&this);
        HrTimerRestart::NoRestart
    }
}

kernel::impl_has_hr_timer! {
    impl{E: Elevator} HasHrTimer<Self> for HwQueue<E> {
        mode: AbsoluteMode<Monotonic>, field: self.timer
    }
}
