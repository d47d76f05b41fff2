// SPDX-License-Identifier: GPL-2.0-only

//! Requests that end with an error of the scheduler, without the driver having had them.
//!
//! The block layer itself ends requests in this way: `blk_mq_end_request()` for a request that has
//! no driver tag, and has not started, gives back the scheduler's tag, and skips the parts of an
//! end that belong to a start.
//!
//! C header: [`include/linux/blk-mq.h`](srctree/include/linux/blk-mq.h)

use super::{layouts, Fifo, Parked, Request, RequestData, Status};
use kernel::bindings;

/// How a request can end with an error of the scheduler.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failable {
    /// The scheduler can end it in place of a dispatch.
    AtDispatch,
    /// It is part of a flush sequence, which takes the request for one that the driver has
    /// (`mq_flush_data_end_io`). The driver has to serve it; its held completion can fail.
    AtCompletion,
    /// It has several bios, which were merged before [`super::Prepared::is_alone`] was asked for.
    /// Or it writes to a zone, and is to end as if the driver had done that: the block layer would
    /// take the zone for further written than it is (`blk_zone_wplug_prepare_bio`).
    Not,
}

impl<D: RequestData> Request<D> {
    /// How it can end with this status.
    pub(crate) fn failable(&self, status: Status) -> Failable {
        const ZONE: u16 = 1 << bindings::BIO_ZONE_WRITE_PLUGGING;
        const FLUSH_SEQUENCE: u32 = 1 << bindings::rqf_flags___RQF_FLUSH_SEQ;
        // SAFETY: By the type's invariants; a request's bios are valid until it ends.
        let (flags, has_several, is_of_zone) = unsafe {
            let bio = self.bio();
            let has_several = !bio.is_null() && !(*bio).bi_next.is_null();
            let is_of_zone = !bio.is_null() && (*bio).bi_flags & ZONE != 0;
            ((*self.as_raw().as_ptr()).rq_flags, has_several, is_of_zone)
        };
        if flags & FLUSH_SEQUENCE != 0 {
            Failable::AtCompletion
        } else if has_several || (is_of_zone && status == Status::DONE) {
            Failable::Not
        } else {
            Failable::AtDispatch
        }
    }
}

/// Requests that are about to end by the scheduler.
///
/// # Invariants
///
/// Each of them is [`Failable::AtDispatch`], and `elv.priv[1]` is its status.
pub(crate) struct Failing<D: RequestData>(Fifo<Request<D>>);

impl<D: RequestData> Failing<D> {
    /// No request.
    pub(crate) const fn new() -> Self {
        // INVARIANT: There is none.
        Self(Fifo::new())
    }

    /// Whether there is no request.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds a request that is to end with this status. Gives it back if it has to be dispatched.
    pub(crate) fn push(&mut self, request: Request<D>, status: Status) -> Result<(), Request<D>> {
        if request.failable(status) != Failable::AtDispatch {
            return Err(request);
        }
        // SAFETY: By the invariants of the request the field is ours, and so is its only bio.
        // INVARIANT: This is its status, and nothing reads the data any more, of which it is a
        // part.
        unsafe {
            if !request.bio().is_null() {
                layouts::clear_polled(request.bio());
            }
            (*request.as_raw().as_ptr()).elv.priv_[1] =
                core::ptr::without_provenance_mut(status.number().into());
        }
        self.0.push_back(request);
        Ok(())
    }

    /// Adds all requests of another list.
    pub(crate) fn append(&mut self, other: Self) {
        // INVARIANT: They come from a list like this one.
        self.0.append(other.0);
    }

    /// Takes the first ones, at most so many.
    pub(crate) fn take(&mut self, most: usize) -> Self {
        let mut first = Self::new();
        for _ in 0..most {
            let Some(request) = self.0.pop_front() else {
                break;
            };
            // INVARIANT: It comes from a list like this one.
            first.0.push_back(request);
        }
        first
    }

    /// Ends them. To call in [`super::Elevator::release`] in a soft interrupt, where drivers end
    /// I/O, too: some `bi_end_io` do more when they run in a task, and may sleep. No lock may be
    /// held, as this calls the submitters' `bi_end_io`, and the scheduler for each finished
    /// request. The hardware queue stays meanwhile, even if the last of its requests ends:
    /// `exit_hctx` waits for the timer.
    pub(crate) fn end_all(mut self) {
        while let Some(request) = self.0.pop_front() {
            let request = request.into_dispatched();
            // SAFETY: The request is valid, was inserted, and was not dispatched; nobody else has
            // it, and the scheduler has given it up. By the type's invariants it is in no flush
            // sequence, and the field is its status, which fits.
            unsafe {
                let status = (*request).elv.priv_[1].addr() as bindings::blk_status_t;
                bindings::blk_mq_end_request(request, status);
            }
        }
    }
}

impl<C: Copy + Send> Parked<C> {
    /// Has its bios end with this status, unless they have failed already.
    pub(crate) fn fail(&mut self, status: Status) {
        if self.is_over() {
            return;
        }
        self.for_each_bio(|bio| {
            // SAFETY: Each bio has a count that belongs to the record, so it has not ended. The
            // device and the flush sequence are done with it. A part that was split off it may
            // still write an error of its own here, as `bio_chain_endio()` does: one of the two
            // errors stays.
            unsafe {
                if (*bio).bi_status == 0 {
                    (*bio).bi_status = status.number();
                }
            }
        });
    }
}
