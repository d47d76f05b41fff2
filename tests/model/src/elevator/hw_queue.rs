// SPDX-License-Identifier: GPL-2.0-only

//! A hardware queue's work on completions: a few lines of the driver's `elevator/releases.rs`.

use super::{parked::Batch, record::Record};
use crate::{
    bindings,
    io::{CompletionData, Parked, Parking, Request},
    policy::filter::Io,
};
use std::cell::RefCell;

/// A hardware queue. Records have its address, so it does not move.
pub(crate) struct HwQueue {
    arrivals: Batch<CompletionData>,
    /// The numbers of completions that have arrived since the test last asked.
    arrived: RefCell<Vec<u64>>,
}

impl HwQueue {
    pub(crate) fn new() -> Box<Self> {
        Box::new(Self {
            arrivals: Batch::new(),
            arrived: RefCell::default(),
        })
    }

    /// As the driver's.
    pub(crate) fn park(&self, request: &Request, parking: &Parking) -> Option<usize> {
        // SAFETY: This outlives all requests. The caller has seen that the request can be parked.
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
            // SAFETY: The record was the request's, and is nobody's after this.
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
        // The test releases when it wants to, so nothing kicks the queue.
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
