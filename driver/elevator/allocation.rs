// SPDX-License-Identifier: GPL-2.0-only

//! A request that is about to be made, when all that is known is the operation and who wants it.
//!
//! C header: `block/blk-mq.h`.

use super::{layouts::BlkMqAllocData, owner, request::conditions};
use crate::policy::{filter::Submission, operations::Conditions};
use core::{marker::PhantomData, ptr::NonNull};
use kernel::bindings;

/// `BLK_MQ_REQ_NOWAIT` of `include/linux/blk-mq.h`.
const NOWAIT: u32 = 1;

/// What [`super::Elevator::limit_depth`] decides upon.
///
/// # Invariants
///
/// The pointer is valid, and this is the only user of what it points to while `'a` lasts.
pub(crate) struct Allocation<'a> {
    data: NonNull<BlkMqAllocData>,
    _borrow: PhantomData<&'a mut BlkMqAllocData>,
}

impl Allocation<'_> {
    /// # Safety
    ///
    /// The invariants of the type must hold for `data` while the result lives.
    pub(super) unsafe fn from_raw(data: NonNull<BlkMqAllocData>) -> Self {
        // INVARIANT: By this function's requirements.
        Self {
            data,
            _borrow: PhantomData,
        }
    }

    /// Whether the submitter is ready to wait.
    pub(crate) fn may_wait(&self) -> bool {
        // SAFETY: By the invariants.
        unsafe { (*self.data.as_ptr()).flags & NOWAIT == 0 }
    }

    /// Lets the request have only such tags of which there are `tags`, so that the others stay for other requests. No fewer
    /// than [`super::Elevator::least_tags`].
    #[inline]
    pub(crate) fn limit_to(&mut self, tags: u32) {
        // SAFETY: By the invariants. The tags were told of the least number: `HwQueue::set_least_tags`.
        unsafe { (*self.data.as_ptr()).shallow_depth = tags };
    }

    /// As [`super::Request::submitter`] of the request that will be made.
    pub(crate) fn submitter(&self) -> usize {
        owner::current_process()
    }

    /// Whether the request will write memory pages to swap. Of one that reads them back, this is not known yet.
    pub(crate) fn swaps_out(&self) -> bool {
        super::request::swaps_out(self.operation_and_flags())
    }

    fn operation_and_flags(&self) -> u32 {
        // SAFETY: By the invariants.
        unsafe { (*self.data.as_ptr()).cmd_flags }
    }
}

impl Submission for Allocation<'_> {
    fn operation(&self) -> u32 {
        super::request::operation(self.operation_and_flags())
    }

    fn conditions(&self) -> Conditions {
        conditions(self.operation_and_flags())
    }

    fn may_be_empty(&self) -> bool {
        self.operation_and_flags() & (1 << bindings::req_flag_bits___REQ_PREFLUSH) != 0
    }

    fn is_in_cgroup(&self, id: u64) -> Option<bool> {
        owner::current_is_in_cgroup(id)
    }

    fn pid_namespace(&self) -> u64 {
        owner::current_pid_namespace_id()
    }
}
