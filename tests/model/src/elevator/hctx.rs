// SPDX-License-Identifier: GPL-2.0-only

//! The completions of a hardware queue: a few lines of the driver's `elevator/releases.rs`.

use super::{parked::Batch, record::Record};
use crate::{
    bindings,
    held_entry::{CompletionData, Parked, Parking, Request},
    policy::io::Io,
};
use std::cell::RefCell;

/// A hardware queue. It must not move, since records have its address.
pub(crate) struct Hctx {
    arrivals: Batch<CompletionData>,
    /// The numbers of completions that have arrived since the last [`Hctx::take_arrived`].
    arrived: RefCell<Vec<u64>>,
}

impl Hctx {
    pub(crate) fn new() -> Box<Self> {
        Box::new(Self {
            arrivals: Batch::new(),
            arrived: RefCell::default(),
        })
    }

    /// As the driver's.
    pub(crate) fn park(&self, request: &Request, parking: &Parking) -> Option<usize> {
        // SAFETY: This object outlives all requests. The caller has seen that the request can be
        // parked.
        unsafe { request.park(std::ptr::from_ref(self).cast(), parking.of(request)) }
    }

    /// As the driver's.
    ///
    /// # Safety
    ///
    /// As for the driver's.
    pub(super) unsafe fn finish(&self, request: *mut bindings::request) {
        // SAFETY: By this function's requirements.
        if let Some((record, end)) = unsafe { Request::take_record(request) } {
            let record = record.cast();
            // SAFETY: `park` made the record, it was taken from the request, and after `finish` it
            // is ours.
            unsafe {
                if Record::finish(record, end, Self::flushed) {
                    self.arrive(Parked::from_record(record));
                }
            }
        }
    }

    /// # Safety
    ///
    /// As for the driver's.
    unsafe extern "C" fn flushed(bio: *mut bindings::bio) {
        // SAFETY: By this function's requirements.
        unsafe {
            let (queue, record) = Record::flushed(bio);
            (*queue.cast::<Self>()).arrive(Parked::from_record(record));
        }
    }

    fn arrive(&self, mut parked: Parked) {
        parked.begin_to_wait();
        self.arrived.borrow_mut().push(parked.first_sector());
        // There is no kick: the test decides when to release.
        self.arrivals.push(parked);
    }

    /// As the driver's.
    pub(crate) fn take_arrivals(&self, each: impl FnMut(Parked)) {
        self.arrivals.take(each);
    }

    /// The numbers of completions that have arrived since the last call.
    pub(crate) fn take_arrived(&self) -> Vec<u64> {
        self.arrived.take()
    }
}
