// SPDX-License-Identifier: GPL-2.0-only

//! The way of a hardware queue's held completions to the scheduler, and its chances to end them.

use super::{record::Record, request::End, Elevator, Fifo, Hctx, Parked, Parking, Request};
use crate::sys::atomic::Relaxed;
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
    /// They cannot while blk-iolatency is at work. It counts the bios that are under way, and
    /// learns of their end from `bio_endio()`, so it would count split-off parts, and the bios that
    /// wait for them, as under way for as long as they are held.
    pub(crate) fn can_park(&self, request: &Request<E::RequestData>) -> bool {
        request.is_of(self.as_raw()) && !self.has_latency_control() && request.can_be_parked()
    }

    /// Has the completion of a request of this hardware queue held. Returns how many bytes of
    /// memory that takes, or `None` if it [cannot be held](Self::can_park) or there is no memory.
    pub(crate) fn park(
        &self,
        request: &Request<E::RequestData>,
        parking: Parking<
            E::CompletionData,
            impl Iterator<Item = u64>,
            impl ExactSizeIterator<Item = u64>,
        >,
    ) -> Option<usize> {
        if !self.can_park(request) {
            return None;
        }
        // SAFETY: It can be parked. This object lives until `exit_hctx`, before which all requests
        // are freed, and takes records with these data.
        unsafe { request.park(core::ptr::from_ref(self).cast(), parking) }
    }

    /// Takes the completion of a request of this hardware queue that the block layer finishes, if
    /// it is held. May be called in any context.
    ///
    /// # Safety
    ///
    /// `request` must be valid, prepared, and about to be finished.
    #[inline]
    pub(super) unsafe fn finish(&self, request: *mut bindings::request) {
        // SAFETY: By this function's requirements.
        let taken = unsafe { Request::<E::RequestData>::take_record(request) };
        if let Some((record, end)) = taken {
            // SAFETY: The record was taken from the request, which ends as `end` says. `park` made
            // the record, with these data.
            unsafe { self.finish_record(record.cast(), end) };
        }
    }

    /// Not inlined, so that it costs nothing where the scheduler holds no completion.
    ///
    /// # Safety
    ///
    /// `record` must have been taken from a request of this hardware queue, and the request must
    /// end as `end` says.
    #[inline(never)]
    unsafe fn finish_record(&self, record: NonNull<Record<E::CompletionData>>, end: End) {
        // SAFETY: By this function's requirements. After `finish` the record is ours, unless it
        // returns false: then a flush sequence has it.
        unsafe {
            if Record::finish(record, end, Self::flushed) {
                self.arrive(Parked::from_record(record));
            }
        }
    }

    /// # Safety
    ///
    /// Only the block layer may call this, at the end of a flush, as the `bi_end_io` that
    /// [`Record::finish`] or [`Record::begin_flush`] has put into the bio.
    pub(super) unsafe extern "C" fn flushed(bio: *mut bindings::bio) {
        // SAFETY: By this function's requirements. The record has the address of the hardware queue
        // of `park`. That lives as long as the bio's request, and the request is freed after this
        // call.
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

    /// Takes the completions that have arrived, in the order of their arrival.
    pub(crate) fn take_arrivals(&self, each: impl FnMut(Parked<E::CompletionData>)) {
        self.arrivals.take(each);
    }

    /// Has these completions wait for [`Hctx::take_departures`].
    pub(crate) fn depart(&self, mut done: Fifo<Parked<E::CompletionData>>) {
        while let Some(parked) = done.pop_front() {
            self.departures.push(parked);
        }
    }

    /// Whether any completion waits for [`Hctx::take_departures`]. May be called in any context.
    pub(crate) fn has_departures(&self) -> bool {
        !self.departures.is_empty()
    }

    /// Takes the completions that were given to [`Hctx::depart`], in the same order.
    pub(crate) fn take_departures(&self, each: impl FnMut(Parked<E::CompletionData>)) {
        self.departures.take(each);
    }

    /// Has [`Elevator::release`] called, soon and in another context. May be called in any context.
    ///
    /// The block layer's own workqueue calls it, which has a thread left when there is no memory
    /// for another one: a task that frees memory may wait for a held completion.
    pub(crate) fn kick(&self) {
        if self.is_over.load(Relaxed) {
            return;
        }
        // SAFETY: Every `Hctx` is in an `Arc`, and a reference to the `Hctx` keeps that.
        let this = Arc::from(unsafe { ArcBorrow::from_raw(core::ptr::from_ref(self)) });
        // SAFETY: The closure gets the initialized work of this object, and queues it as it has to;
        // the function does not queue a work that is queued already.
        let queued = unsafe { this.__enqueue(|work| bindings::kblockd_schedule_work(work) != 0) };
        // If the work was queued already, this is the reference.
        drop(queued);
    }

    /// Has [`Elevator::release`] called at `time_ns` of `CLOCK_MONOTONIC`; this replaces the time
    /// of an earlier call. May be called in any context.
    pub(crate) fn release_at(&self, time_ns: u64) {
        if self.is_over.load(Relaxed) {
            return;
        }
        let time = i64::try_from(time_ns).unwrap_or(i64::MAX);
        // SAFETY: The timer is initialized, and may be started again whether or not it is pending,
        // even by its own callback. It is cancelled before this object goes: see `end_calls`.
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
    /// Only the timer may call this: in a soft interrupt, or in a thread of a real-time kernel.
    unsafe extern "C" fn release_time(timer: *mut bindings::hrtimer) -> bindings::hrtimer_restart {
        // SAFETY: By this function's requirements the timer is a field of a hardware queue, which
        // lives until `exit_hctx` has waited for this.
        let this =
            unsafe { &*kernel::container_of!(Opaque::cast_from(timer), Self, release_timer) };
        E::release(this, true);
        #[allow(clippy::useless_transmute)]
        // SAFETY: The kernel crate's enumeration has C's values. The type of C's values is a
        // number, or, from Linux 7.3 on, a structure of one number.
        unsafe {
            core::mem::transmute::<u32, bindings::hrtimer_restart>(HrTimerRestart::NoRestart as u32)
        }
    }

    /// Waits until no timer and no work of this object runs, and none will. `exit_hctx` calls this
    /// last.
    pub(super) fn end_calls(&self) {
        // Relaxed: a callback that begins after one of the waits below sees this, as each wait and
        // each start of a callback take the same lock (of the timer's base, of the work's pool).
        self.is_over.store(true, Relaxed);
        // A callback that has read the flag before may start both timers and queue the work once
        // more. So this first waits for the work, which may have started timers. Then it cancels
        // the timers, one of which may have queued the work. Then it waits for that, which asks for
        // nothing.
        self.cancel_work();
        // SAFETY: The timer is initialized, and may be waited for, as this may sleep and holds no
        // lock that its callback wants.
        unsafe { bindings::hrtimer_cancel(self.release_timer.get()) };
        self.cancel_wake();
        self.cancel_work();
    }

    /// Waits for the work, or cancels it.
    fn cancel_work(&self) {
        // SAFETY: The work is initialized, and this may wait for it, as it may sleep and holds no
        // lock that the work wants.
        unsafe {
            if bindings::cancel_work_sync(Work::raw_get(&raw const self.work)) {
                // The cancelled work had a reference.
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
