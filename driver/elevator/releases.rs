// SPDX-License-Identifier: GPL-2.0-only

//! How held completions of a hardware queue come to the scheduler, and how it gets to end them.

use super::{record::Record, request::End, Elevator, Fifo, Hctx, Parked, Parking, Request};
use core::ptr::NonNull;
use kernel::{
    bindings, impl_has_work,
    prelude::*,
    sync::{Arc, ArcBorrow},
    time::hrtimer::HrTimerRestart,
    types::Opaque,
    workqueue::{RawWorkItem, Work, WorkItem},
};

impl<E: Elevator> Hctx<E> {
    /// The timer for completions.
    pub(super) fn new_release_timer() -> impl PinInit<Opaque<bindings::hrtimer>> {
        Opaque::ffi_init(|slot: *mut bindings::hrtimer| {
            // SAFETY: The slot is valid, and pinned from now on.
            unsafe {
                bindings::hrtimer_setup(
                    slot,
                    Some(Self::release_time),
                    bindings::CLOCK_MONOTONIC as bindings::clockid_t,
                    bindings::hrtimer_mode_HRTIMER_MODE_ABS_SOFT,
                );
            }
        })
    }

    /// Whether completions of a request of this hardware queue can be held.
    ///
    /// Not while blk-iolatency is at work, which counts bios that are under way and is told of
    /// their end by `bio_endio()`: parts that were split off, and what waits for them, would be
    /// under way for as long as they are held. It alone sets the flag
    /// (`blkiolatency_enable_work_fn`).
    pub(crate) fn can_park(&self, request: &Request<E::RequestData>) -> bool {
        !self.has_flag(bindings::QUEUE_FLAG_BIO_ISSUE_TIME) && request.can_be_parked()
    }

    /// Has the completion of a request of this hardware queue held; how many bytes of memory that
    /// takes, or `None` if it [cannot be held](Self::can_park) or there is no memory.
    pub(crate) fn park(
        &self,
        request: &Request<E::RequestData>,
        parking: Parking<E::CompletionData, impl Iterator<Item = u64>>,
    ) -> Option<usize> {
        if !self.can_park(request) {
            return None;
        }
        // SAFETY: It can be parked. This lives until `exit_hctx`, before which all requests are
        // freed, and takes records with these data.
        unsafe { request.park(core::ptr::from_ref(self).cast(), parking) }
    }

    /// The block layer has finished a request of this hardware queue. Any context.
    ///
    /// # Safety
    ///
    /// `request` must be valid, prepared, and about to be finished.
    #[inline]
    pub(super) unsafe fn finish(&self, request: *mut bindings::request) {
        // SAFETY: By this function's requirements.
        let taken = unsafe { Request::<E::RequestData>::take_record(request) };
        if let Some((record, end)) = taken {
            // SAFETY: The record was the request's, which ends so. `park` made it, with these data.
            unsafe { self.finish_record(record.cast(), end) };
        }
    }

    /// Not inlined, so that it costs nothing where no completion is held.
    ///
    /// # Safety
    ///
    /// `record` must be of a request of this hardware queue that does not have it any more, and
    /// that ends as `end` says.
    #[inline(never)]
    unsafe fn finish_record(&self, record: NonNull<Record<E::CompletionData>>, end: End) {
        // SAFETY: By this function's requirements. The record is nobody's after `finish`, unless
        // that says that a flush sequence has it.
        unsafe {
            if Record::finish(record, end, Self::flushed) {
                self.arrive(Parked::from_record(record));
            }
        }
    }

    /// # Safety
    ///
    /// Called by the block layer only, at the end of a flush sequence, as [`Record::finish`] has
    /// asked for.
    unsafe extern "C" fn flushed(bio: *mut bindings::bio) {
        // SAFETY: By this function's requirements. The record has the address of the hardware queue
        // of `park`, which lives as long as the bio's request, which is freed after this.
        unsafe {
            let (hw_queue, record) = Record::flushed(bio);
            (*hw_queue.cast::<Self>()).arrive(Parked::from_record(record));
        }
    }

    fn arrive(&self, mut parked: Parked<E::CompletionData>) {
        E::completion_arrives(&mut parked);
        if self.arrivals.push(parked) {
            self.kick();
        }
    }

    /// Takes the completions that have arrived, in their order.
    pub(crate) fn take_arrivals(&self, each: impl FnMut(Parked<E::CompletionData>)) {
        self.arrivals.take(each);
    }

    /// Has these completions wait for [`Hctx::take_departures`].
    pub(crate) fn depart(&self, mut done: Fifo<Parked<E::CompletionData>>) {
        while let Some(parked) = done.pop_front() {
            self.departures.push(parked);
        }
    }

    /// Whether any completion waits for [`Hctx::take_departures`]. Any context.
    pub(crate) fn has_departures(&self) -> bool {
        !self.departures.is_empty()
    }

    /// Takes the completions that [`Hctx::depart`] has got, in their order.
    pub(crate) fn take_departures(&self, each: impl FnMut(Parked<E::CompletionData>)) {
        self.departures.take(each);
    }

    /// Has [`Elevator::release`] called, soon and in another context. Any context.
    ///
    /// By the block layer's own workers, which have a thread left when there is no memory for
    /// another one: those who free memory may wait for what is released.
    pub(crate) fn kick(&self) {
        // SAFETY: Every `Hctx` is in an `Arc`, and whoever has a reference of it keeps it.
        let this = Arc::from(unsafe { ArcBorrow::from_raw(core::ptr::from_ref(self)) });
        // SAFETY: The closure gets the initialized work of this object, and queues it as it has to;
        // what is queued already is not queued again.
        let queued = unsafe { this.__enqueue(|work| bindings::kblockd_schedule_work(work) != 0) };
        // If it was queued already, the reference comes back.
        drop(queued);
    }

    /// Has [`Elevator::release`] called at `time_ns` of [`super::now_ns`], instead of at the time
    /// asked for before. Any context.
    pub(crate) fn release_at(&self, time_ns: u64) {
        let time = i64::try_from(time_ns).unwrap_or(i64::MAX);
        // SAFETY: The timer is initialized, and may be started again whether or not it is pending,
        // by its own callback, too. It is cancelled before this object goes: see `end_releases`.
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
        // SAFETY: By this function's requirements the timer is a field of a hardware queue, which
        // lives until `exit_hctx` has waited for this.
        let this =
            unsafe { &*kernel::container_of!(Opaque::cast_from(timer), Self, release_timer) };
        E::release(this, true);
        #[allow(clippy::useless_transmute)]
        // SAFETY: The kernel crate's enumeration has C's values, whose type is a number, or from
        // Linux 7.3 on one in a structure.
        unsafe {
            core::mem::transmute::<u32, bindings::hrtimer_restart>(HrTimerRestart::NoRestart as u32)
        }
    }

    /// Waits until nobody is in [`Elevator::release`], nor will be. For `exit_hctx`, when no
    /// completion is left: who comes then finds nothing, and asks for nothing.
    pub(super) fn end_releases(&self) {
        // Whoever was in it before may still ask for the timer once, whose callback may still ask
        // for the work, which then finds nothing.
        self.cancel_work();
        // SAFETY: The timer is initialized, and may be waited for, as this may sleep and holds no
        // lock that its callback wants.
        unsafe { bindings::hrtimer_cancel(self.release_timer.get()) };
        self.cancel_work();
    }

    /// Waits for the work, or takes it back.
    fn cancel_work(&self) {
        // SAFETY: The work is initialized, and may be waited for, as this may sleep and holds no
        // lock that it wants.
        unsafe {
            if bindings::cancel_work_sync(Work::raw_get(&raw const self.work)) {
                // The work that does not run any more had a reference.
                drop(Arc::from_raw(core::ptr::from_ref(self)));
            }
        }
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
