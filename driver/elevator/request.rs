// SPDX-License-Identifier: GPL-2.0-only

//! An I/O request that the scheduler owns.
//!
//! C header: [`include/linux/blk-mq.h`](srctree/include/linux/blk-mq.h)

use super::trace;
use core::{marker::PhantomData, mem::ManuallyDrop, ptr::NonNull};
use kernel::{bindings, warn_on};

// Times are kept in pointer-sized fields.
const _: () = assert!(usize::BITS == u64::BITS);

/// A request between its insertion and its dispatch.
///
/// It must end in [`super::Elevator::dispatch_request`]: there is no other way to end it, and dropping it loses somebody's
/// I/O, so the kernel warns.
///
/// # Invariants
///
/// The pointer is valid, the request was inserted and not yet dispatched, and this is the only handle of it. Then its
/// fields `queuelist`, `rb_node`, `hash`, `elv` and `fifo_time` are the scheduler's alone; `state`, `tag`, `ref` and
/// `deadline` are never its business.
///
/// `elv.priv[0]` is not null once the request was released for the first time; `fifo_time` is its arrival and `elv.priv[1]`
/// the time it is due, in nanoseconds of [`super::now_ns`], once they were set.
#[must_use = "a request that is dropped is somebody's lost I/O"]
pub(crate) struct Request(NonNull<bindings::request>);

// SAFETY: A request may be handled by any CPU, and by the invariants this handle is its only user.
unsafe impl Send for Request {}

impl Request {
    /// # Safety
    ///
    /// The invariants of the type must hold for `request`, from now on by this handle.
    pub(super) unsafe fn from_raw(request: NonNull<bindings::request>) -> Self {
        // INVARIANT: By this function's requirements.
        Self(request)
    }

    /// Gives up ownership.
    pub(super) fn into_raw(self) -> NonNull<bindings::request> {
        ManuallyDrop::new(self).0
    }

    pub(super) fn as_raw(&self) -> NonNull<bindings::request> {
        self.0
    }

    /// Gives the request to the block layer, with the list node in the state in which it came.
    pub(super) fn into_dispatched(self) -> *mut bindings::request {
        let request = self.into_raw().as_ptr();
        // SAFETY: By the invariants the request is valid and its list node ours until the caller has it.
        unsafe {
            let node = &raw mut (*request).__bindgen_anon_1.queuelist;
            (*node).next = node;
            (*node).prev = node;
        }
        request
    }

    /// Forgets what an earlier user of this request's memory left in the scheduler's fields.
    ///
    /// # Safety
    ///
    /// `request` must be valid and not yet inserted.
    pub(super) unsafe fn prepare(request: *mut bindings::request) {
        // SAFETY: By this function's requirements; the fields belong to the scheduler since the allocation.
        unsafe { (*request).elv.priv_[0] = core::ptr::null_mut() };
    }

    /// Whether the request went to the driver before, which gave it back.
    #[inline]
    pub(crate) fn was_released(&self) -> bool {
        // SAFETY: By the invariants the field is ours, and `prepare` has initialized it.
        unsafe { !(*self.0.as_ptr()).elv.priv_[0].is_null() }
    }

    /// Remembers that the request went to the driver.
    #[inline]
    pub(crate) fn set_released(&mut self) {
        // SAFETY: By the invariants the field is ours. The pointer is only compared with null.
        unsafe { (*self.0.as_ptr()).elv.priv_[0] = core::ptr::without_provenance_mut(1) };
    }

    /// When the request arrived.
    #[inline]
    pub(crate) fn arrival_ns(&self) -> u64 {
        // SAFETY: By the invariants the field is ours.
        unsafe { (*self.0.as_ptr()).fifo_time }
    }

    /// Sets when the request arrived.
    #[inline]
    pub(crate) fn set_arrival_ns(&mut self, arrival_ns: u64) {
        // SAFETY: By the invariants the field is ours.
        unsafe { (*self.0.as_ptr()).fifo_time = arrival_ns };
    }

    /// When the request's delays are over.
    #[inline]
    pub(crate) fn due_ns(&self) -> u64 {
        // SAFETY: By the invariants the field is ours.
        unsafe { (*self.0.as_ptr()).elv.priv_[1].addr() as u64 }
    }

    /// Sets when the request's delays are over.
    #[inline]
    pub(crate) fn set_due_ns(&mut self, due_ns: u64) {
        // SAFETY: By the invariants the field is ours. The pointer is never followed.
        unsafe {
            (*self.0.as_ptr()).elv.priv_[1] = core::ptr::without_provenance_mut(due_ns as usize)
        };
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        warn_on!(true);
    }
}

/// The requests of one insertion, first to last.
///
/// # Invariants
///
/// `list` is a valid list whose entries are the `queuelist` of requests that the block layer is handing over, and nobody
/// else uses it meanwhile.
pub(crate) struct Requests<'a> {
    list: NonNull<bindings::list_head>,
    _borrow: PhantomData<&'a mut bindings::list_head>,
}

impl Requests<'_> {
    /// # Safety
    ///
    /// The invariants of the type must hold for `list` while the result lives.
    pub(super) unsafe fn from_raw(list: NonNull<bindings::list_head>) -> Self {
        // INVARIANT: By this function's requirements.
        Self {
            list,
            _borrow: PhantomData,
        }
    }
}

impl Iterator for Requests<'_> {
    type Item = Request;

    fn next(&mut self) -> Option<Request> {
        let head = self.list.as_ptr();
        // SAFETY: By the invariants the list and its entries are valid and ours. The entry is unlinked as `list_del` does.
        let request = unsafe {
            let node = (*head).next;
            if node == head {
                return None;
            }
            let next = (*node).next;
            (*head).next = next;
            (*next).prev = head;
            kernel::container_of!(node, bindings::request, __bindgen_anon_1.queuelist)
        };
        // SAFETY: By the invariants the request is being handed over; it left the list, so that this is its only handle.
        let request = unsafe { Request::from_raw(NonNull::new_unchecked(request)) };
        trace::insert(&request);
        Some(request)
    }
}

impl Drop for Requests<'_> {
    fn drop(&mut self) {
        // The list's head is on the caller's stack: nothing may stay on it. Each of these warns as it is dropped.
        self.for_each(drop);
    }
}
