// SPDX-License-Identifier: GPL-2.0-only

//! A disk's queue, and its hardware queues, as the scheduler sees them.
//!
//! C header: [`include/linux/blk-mq.h`](srctree/include/linux/blk-mq.h)

use super::{
    atomic::{AtomicBool, Relaxed},
    parked::{self, Batch},
    Elevator, Fifo, NoIo, Parked, Parking, Request,
};
use crate::policy::device::Disk;
use core::ptr::NonNull;
use kernel::{
    bindings, impl_has_work, new_mutex, new_work,
    prelude::*,
    sync::{Arc, ArcBorrow, Mutex},
    time::{
        hrtimer::{
            AbsoluteMode, ArcHrTimerHandle, HasHrTimer, HrTimer, HrTimerCallback,
            HrTimerCallbackContext, HrTimerPointer, HrTimerRestart,
        },
        Delta, Instant, Monotonic,
    },
    types::Opaque,
    workqueue::{RawWorkItem, Work, WorkItem},
};

/// A disk that is on the scheduler `E`, or is about to be.
///
/// # Invariants
///
/// `queue` is valid from [`Elevator::start_queue`] to [`Elevator::stop_queue`], and references to this are only given out in
/// between.
#[pin_data]
pub(crate) struct Queue<E: Elevator> {
    queue: NonNull<bindings::request_queue>,
    #[pin]
    hw_queues: Mutex<KVec<Member<E>>>,
}

/// A hardware queue in the list of its queue.
struct Member<E: Elevator> {
    hw_queue: Arc<Hctx<E>>,
    /// Cancels the timer when dropped, and waits for its callback.
    _timer: ArcHrTimerHandle<Hctx<E>>,
}

// SAFETY: Of `queue` only fields are read, which any CPU may.
unsafe impl<E: Elevator> Send for Queue<E> {}
// SAFETY: As above, and several at once.
unsafe impl<E: Elevator> Sync for Queue<E> {}

/// What a disk is called, and how it is built.
#[derive(Clone, Copy)]
pub(crate) struct DiskInfo {
    name: [u8; 32],
    major: u32,
    first_minor: u32,
    minors: u32,
    /// How many hardware queues it has.
    pub(crate) hw_queues: u32,
}

impl DiskInfo {
    /// Its name.
    pub(crate) fn name(&self) -> &[u8] {
        self.name
            .split(|&byte| byte == 0)
            .next()
            .unwrap_or_default()
    }

    /// The same for the policy.
    pub(crate) fn as_disk(&self) -> Disk<'_> {
        Disk {
            name: self.name(),
            major: self.major,
            first_minor: self.first_minor,
            minors: self.minors,
        }
    }
}

impl<E: Elevator> Queue<E> {
    /// # Safety
    ///
    /// The type's invariants must hold for `queue`.
    pub(super) unsafe fn new(queue: NonNull<bindings::request_queue>) -> impl PinInit<Self, Error> {
        // INVARIANT: By this function's requirements.
        try_pin_init!(Self {
            queue: queue,
            hw_queues <- new_mutex!(KVec::new(), "elevator_hw_queues"),
        })
    }

    /// What the disk is called. It keeps these while it is registered, and a disk that is not has no scheduler.
    pub(crate) fn disk_info(&self) -> DiskInfo {
        // SAFETY: By the invariants the queue is valid, and whoever has a scheduler has a disk (`elevator_change` is reached
        // by a disk's attribute, and `del_gendisk` takes the scheduler away). `nr_hw_queues` changes without scheduler only.
        unsafe {
            let disk = (*self.queue.as_ptr()).disk;
            DiskInfo {
                name: (*disk).disk_name,
                major: (*disk).major as u32,
                first_minor: (*disk).first_minor as u32,
                minors: (*disk).minors as u32,
                hw_queues: (*self.queue.as_ptr()).nr_hw_queues,
            }
        }
    }

    /// How many requests all of the disk's hardware queues have together, but for those that are polled.
    pub(crate) fn tags(&self) -> u64 {
        // SAFETY: By the invariants the queue is valid. A single aligned load cannot tear; whether tags are shared does not
        // change while there is a scheduler.
        let (each, shared) = unsafe {
            let queue = self.queue.as_ptr();
            let each = (&raw const (*queue).nr_requests).read_volatile();
            (u64::from(each), !(*queue).sched_shared_tags.is_null())
        };
        let mut sets = 0u64;
        self.for_each_hw_queue(|hw_queue| {
            if !hw_queue.is_polled() {
                sets = sets.saturating_add(1);
            }
        });
        each.saturating_mul(if shared { 1 } else { sets })
    }

    /// Visits all hardware queues. Process context.
    pub(crate) fn for_each_hw_queue(&self, mut visit: impl FnMut(&Hctx<E>)) {
        let members = self.hw_queues.lock();
        members.iter().for_each(|member| visit(&member.hw_queue));
    }

    /// Adds a hardware queue, whose context is `init_hctx`.
    pub(super) fn add(&self, hw_queue: ArcBorrow<'_, Hctx<E>>) -> Result {
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
    pub(super) fn remove(&self, hw_queue: &Hctx<E>) {
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
pub(crate) struct Hctx<E: Elevator> {
    hctx: NonNull<bindings::blk_mq_hw_ctx>,
    #[pin]
    timer: HrTimer<Self>,
    /// Wakes for completions, in a soft interrupt: there they may be ended, which spares them the way to another task.
    #[pin]
    release_timer: Opaque<bindings::hrtimer>,
    /// Completions that are to be held from now on.
    arrivals: Batch,
    /// Completions that `release_timer` is to end.
    departures: Batch,
    #[pin]
    work: Work<Self>,
    /// Whether its last processor is going offline.
    is_leaving: AtomicBool,
    #[pin]
    data: E::HctxData,
}

// SAFETY: The block layer's functions that are called on `hctx` may be called by any CPU, and `data` is `Send`.
unsafe impl<E: Elevator> Send for Hctx<E> {}
// SAFETY: As above, and several at once; `data` is `Sync`.
unsafe impl<E: Elevator> Sync for Hctx<E> {}

impl<E: Elevator> Hctx<E> {
    /// # Safety
    ///
    /// The type's invariants must hold for `hctx`.
    pub(super) unsafe fn new(hctx: NonNull<bindings::blk_mq_hw_ctx>) -> impl PinInit<Self, Error> {
        // INVARIANT: By this function's requirements.
        try_pin_init!(Self {
            hctx: hctx,
            timer <- HrTimer::new(),
            release_timer <- Opaque::ffi_init(|slot: *mut bindings::hrtimer| {
                // SAFETY: The slot is valid, and pinned from now on.
                unsafe {
                    bindings::hrtimer_setup(
                        slot,
                        Some(Self::release_time),
                        bindings::CLOCK_MONOTONIC as bindings::clockid_t,
                        bindings::hrtimer_mode_HRTIMER_MODE_ABS_SOFT,
                    );
                }
            }),
            arrivals: Batch::new(),
            departures: Batch::new(),
            work <- new_work!("elevator_release"),
            is_leaving: AtomicBool::new(false),
            data <- E::new_hw_queue(),
        })
    }

    /// The scheduler's own data.
    #[inline]
    pub(crate) fn data(&self) -> &E::HctxData {
        &self.data
    }

    /// Whether it is the block layer's hardware queue of this address.
    pub(super) fn is(&self, hctx: *const bindings::blk_mq_hw_ctx) -> bool {
        core::ptr::eq(self.hctx.as_ptr(), hctx)
    }

    /// Whether it is one of the block layer's queue of this address.
    pub(super) fn is_of(&self, queue: *const bindings::request_queue) -> bool {
        // SAFETY: By the invariants `hctx` is valid; it keeps its queue.
        core::ptr::eq(unsafe { (*self.hctx.as_ptr()).queue }, queue)
    }

    /// Its number among the disk's hardware queues.
    pub(crate) fn number(&self) -> usize {
        // SAFETY: By the invariants `hctx` is valid; it keeps its number.
        unsafe { (*self.hctx.as_ptr()).queue_num as usize }
    }

    /// Whether it only takes I/O whose submitters poll for its completion.
    fn is_polled(&self) -> bool {
        // SAFETY: By the invariants `hctx` is valid; it keeps its type.
        let kind = unsafe { (*self.hctx.as_ptr()).type_ };
        u32::from(kind) == bindings::hctx_type_HCTX_TYPE_POLL
    }

    /// Has the block layer ask the scheduler for requests, soon and in another context. Any context.
    pub(crate) fn run(&self) {
        // SAFETY: By the invariants `hctx` is valid. When run asynchronously, the function only queues work; it checks by
        // itself whether the queue is quiesced.
        unsafe { bindings::blk_mq_run_hw_queue(self.hctx.as_ptr(), true) };
    }

    /// Whether completions of a request of this hardware queue can be held.
    ///
    /// Not while blk-iolatency is at work, which counts bios that are under way and is told of their end by `bio_endio()`: parts that
    /// were split off, and what waits for them, would be under way for as long as they are held. It alone sets the flag
    /// (`blkiolatency_enable_work_fn`).
    pub(crate) fn can_park(&self, request: &Request) -> bool {
        !self.has_flag(bindings::QUEUE_FLAG_BIO_ISSUE_TIME) && request.can_be_parked()
    }

    /// Has the completion of a request of this hardware queue held; how many bytes of memory that takes, or `None` if it
    /// [cannot be held](Self::can_park) or there is no memory.
    pub(crate) fn park(&self, request: &mut Request, order: &Parking) -> Option<usize> {
        if !self.can_park(request) {
            return None;
        }
        // SAFETY: It can be parked. This lives until `exit_hctx`, before which all requests are freed.
        unsafe { request.park(core::ptr::from_ref(self).cast(), order) }
    }

    /// Whether the queue has a flag.
    fn has_flag(&self, flag: u32) -> bool {
        // SAFETY: By the invariants `hctx` is valid, and it does not outlive its queue. The flags change one by one, atomically; a
        // single aligned load cannot tear.
        let flags = unsafe {
            let queue = (*self.hctx.as_ptr()).queue;
            (&raw const (*queue).queue_flags).read_volatile()
        };
        flags & (1 << flag) != 0
    }

    /// The block layer has finished a request of this hardware queue. Any context.
    ///
    /// # Safety
    ///
    /// `request` must be valid, prepared, and about to be finished.
    #[inline]
    pub(super) unsafe fn finish(&self, request: *mut bindings::request) {
        // SAFETY: By this function's requirements.
        if let Some((record, end)) = unsafe { Request::take_record(request) } {
            // SAFETY: The record was the request's.
            let parked = unsafe { parked::finish(record, end, Self::flushed) };
            parked.into_iter().for_each(|parked| self.arrive(parked));
        }
    }

    /// # Safety
    ///
    /// Called by the block layer only, at the end of a flush sequence, as [`parked::finish`] has asked for.
    unsafe extern "C" fn flushed(bio: *mut bindings::bio) {
        // SAFETY: By this function's requirements. The record has the address of this hardware queue, which lives as long as the
        // bio's request, which is freed after this.
        unsafe {
            let (queue, parked) = parked::flushed(bio);
            (*queue.cast::<Self>()).arrive(parked);
        }
    }

    fn arrive(&self, parked: Parked) {
        if self.arrivals.push(parked) {
            self.kick();
        }
    }

    /// Takes the completions that have arrived, in their order.
    pub(crate) fn take_arrivals(&self, each: impl FnMut(Parked)) {
        self.arrivals.take(each);
    }

    /// Has these completions wait for [`Hctx::take_departures`].
    pub(crate) fn depart(&self, mut done: Fifo<Parked>) {
        while let Some(parked) = done.pop_front() {
            self.departures.push(parked);
        }
    }

    /// Whether any completion waits for [`Hctx::take_departures`]. Any context.
    pub(crate) fn has_departures(&self) -> bool {
        !self.departures.is_empty()
    }

    /// Takes the completions that [`Hctx::depart`] has got, in their order.
    pub(crate) fn take_departures(&self, each: impl FnMut(Parked)) {
        self.departures.take(each);
    }

    /// Has [`Elevator::release`] called, soon and in another context. Any context.
    ///
    /// By the block layer's own workers, which have a thread left when there is no memory for another one: those who free memory
    /// may wait for what is released.
    pub(crate) fn kick(&self) {
        // SAFETY: Every `Hctx` is in an `Arc`, and whoever has a reference of it keeps it.
        let this = Arc::from(unsafe { ArcBorrow::from_raw(core::ptr::from_ref(self)) });
        // SAFETY: The closure gets the initialized work of this object, and queues it as it has to; what is queued already
        // is not queued again.
        let queued = unsafe { this.__enqueue(|work| bindings::kblockd_schedule_work(work) != 0) };
        // If it was queued already, the reference comes back.
        drop(queued);
    }

    /// Has [`Elevator::release`] called at `time_ns` of [`super::now_ns`], instead of at the time asked for before. Any context.
    pub(crate) fn release_at(&self, time_ns: u64) {
        let time = i64::try_from(time_ns).unwrap_or(i64::MAX);
        // SAFETY: The timer is initialized, and may be started again whether or not it is pending, by its own callback, too. It
        // is cancelled before this object goes: see `end_releases`.
        unsafe {
            bindings::hrtimer_start_range_ns(
                self.release_timer.get(),
                time,
                0,
                bindings::hrtimer_mode_HRTIMER_MODE_ABS_SOFT,
            );
        }
    }

    /// # Safety
    ///
    /// Called by the timer only: in a soft interrupt, or in a thread of a real-time kernel.
    unsafe extern "C" fn release_time(timer: *mut bindings::hrtimer) -> bindings::hrtimer_restart {
        // SAFETY: By this function's requirements the timer is a field of a hardware queue, which lives until `exit_hctx` has
        // waited for this.
        let this =
            unsafe { &*kernel::container_of!(Opaque::cast_from(timer), Self, release_timer) };
        E::release(this, true);
        #[allow(clippy::useless_transmute)]
        // SAFETY: The kernel crate's enumeration has C's values, whose type is a number, or from Linux 7.3 on one in a structure.
        unsafe {
            core::mem::transmute::<u32, bindings::hrtimer_restart>(HrTimerRestart::NoRestart as u32)
        }
    }

    /// Waits until nobody is in [`Elevator::release`], nor will be. For `exit_hctx`, when no completion is left: who comes then finds
    /// nothing, and asks for nothing.
    pub(super) fn end_releases(&self) {
        // Whoever was in it before may still ask for the timer once, whose callback may still ask for the work, which then finds
        // nothing.
        self.cancel_work();
        // SAFETY: The timer is initialized, and may be waited for, as this may sleep and holds no lock that its callback wants.
        unsafe { bindings::hrtimer_cancel(self.release_timer.get()) };
        self.cancel_work();
    }

    /// Waits for the work, or takes it back.
    fn cancel_work(&self) {
        // SAFETY: The work is initialized, and may be waited for, as this may sleep and holds no lock that it wants.
        unsafe {
            if bindings::cancel_work_sync(Work::raw_get(&raw const self.work)) {
                // The work that does not run any more had a reference.
                drop(Arc::from_raw(core::ptr::from_ref(self)));
            }
        }
    }

    /// Whether what the processor `cpu` submits comes to this hardware queue.
    ///
    /// By the map, as the block layer decides for which processors it has to wait (`blk_mq_hctx_has_online_cpu`). The hardware
    /// queue's own mask lacks isolated processors, whose tasks submit I/O all the same.
    pub(super) fn serves(&self, cpu: u32) -> bool {
        // SAFETY: By the invariants `hctx` is valid, and keeps its number. While it has a scheduler, its type has a map, with an
        // entry for each possible processor, which changes at most to 0 (`blk_mq_map_swqueue`, for another disk of the set).
        unsafe {
            let hctx = self.hctx.as_ptr();
            let set = (*(*hctx).queue).tag_set;
            let map = &(*set).map[usize::from((*hctx).type_)];
            map.mq_map.add(cpu as usize).read_volatile() == (*hctx).queue_num
        }
    }

    /// Whether it serves another processor than `cpu` that is online. With processor hotplug excluded.
    pub(super) fn serves_another(&self, cpu: u32) -> bool {
        let mut online = 0u32;
        loop {
            // SAFETY: The mask has `nr_cpu_ids` bits at least; that number does not change any more.
            let next = unsafe {
                let all = bindings::nr_cpu_ids;
                let mask = &raw const bindings::__cpu_online_mask.bits;
                let next = bindings::_find_next_bit(mask.cast(), all as usize, online as usize);
                u32::try_from(next).ok().filter(|next| *next < all)
            };
            let Some(next) = next else { return false };
            if next != cpu && self.serves(next) {
                return true;
            }
            online = next.saturating_add(1);
        }
    }

    /// Tells whether its last processor is going offline.
    pub(super) fn set_leaving(&self, is_leaving: bool) {
        // Relaxed: the queue is run afterwards, which orders this as it does a freeze.
        self.is_leaving.store(is_leaving, Relaxed);
    }

    /// Whether somebody waits until this hardware queue has no request any more.
    #[inline]
    pub(crate) fn must_drain(&self) -> bool {
        self.is_freezing() || self.is_leaving.load(Relaxed)
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

impl<E: Elevator> HrTimerCallback for Hctx<E> {
    type Pointer<'a> = Arc<Self>;

    fn run(
        this: ArcBorrow<'_, Self>,
        _context: HrTimerCallbackContext<'_, Self>,
    ) -> HrTimerRestart {
        // Hard interrupt context: only the run is queued. No lock is taken here, so that schedulers may use plain ones. In a
        // real-time kernel it is a thread, since the mode is not one of the hard ones, and must be: there, running takes locks
        // that sleep.
        Hctx::run(&this);
        HrTimerRestart::NoRestart
    }
}

impl<E: Elevator> WorkItem for Hctx<E> {
    type Pointer = Arc<Self>;

    fn run(this: Arc<Self>) {
        E::release(&this, false);
    }
}

impl_has_work! {
    impl{E: Elevator} HasWork<Self> for Hctx<E> { self.work }
}

kernel::impl_has_hr_timer! {
    impl{E: Elevator} HasHrTimer<Self> for Hctx<E> {
        mode: AbsoluteMode<Monotonic>, field: self.timer
    }
}
