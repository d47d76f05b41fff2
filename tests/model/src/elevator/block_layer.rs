// SPDX-License-Identifier: GPL-2.0-only

//! The block layer's part: makes requests, hands them over and takes them back.

use super::{Bio, Fifo};
use crate::{
    bindings,
    held_entry::{Request, RequestData},
};
use std::{
    ffi::c_void,
    ptr::{dangling_mut, null_mut, NonNull},
};

/// The only queue; nothing follows the pointer.
const QUEUE: *mut bindings::request_queue = dangling_mut();

/// An address that another user has left in a field of a request.
const STALE: *mut c_void = std::ptr::without_provenance_mut(0xffff_8880_1234_5690);

/// A request that the scheduler does not have, or not any more.
///
/// It has memory of its own, so that the address sanitizer notices a use of a request that was
/// dispatched and has ended.
pub(crate) struct Owned(NonNull<bindings::request>);

impl Owned {
    /// A request of this number and operation, with stale values of an earlier request in its
    /// fields.
    pub(crate) fn new(number: u64, flags: u32) -> Self {
        let request = Self::unprepared(number, flags);
        // SAFETY: The request is valid, cleared as it has to be, and ours alone.
        unsafe {
            let request = request.0.as_ptr();
            Request::prepare(request, RequestData::of_submitter(1));
            (*request).rq_flags |= 1 << bindings::rqf_flags___RQF_USE_SCHED;
        }
        request
    }

    /// A request that no scheduler has prepared, with such values.
    pub(crate) fn unprepared(number: u64, flags: u32) -> Self {
        let stale: *mut c_void = STALE;
        let memory = Box::new(bindings::request {
            q: QUEUE,
            mq_hctx: null_mut(),
            cmd_flags: flags,
            rq_flags: 0,
            part: null_mut(),
            end_io: None,
            __data_len: 4096,
            __sector: number,
            bio: null_mut(),
            biotail: null_mut(),
            __bindgen_anon_1: bindings::request__bindgen_ty_1 {
                queuelist: bindings::list_head {
                    next: stale.cast(),
                    prev: stale.cast(),
                },
            },
            // The block layer clears these two for each request (`blk_mq_rq_late_init`).
            __bindgen_anon_2: bindings::request__bindgen_ty_2 {
                hash: bindings::hlist_node {
                    next: null_mut(),
                    pprev: null_mut(),
                },
            },
            __bindgen_anon_3: bindings::request__bindgen_ty_3 {
                rb_node: cleared_node(),
            },
            elv: bindings::request__bindgen_ty_4 { priv_: [stale; 2] },
            fifo_time: u64::MAX,
        });
        let request = NonNull::from(Box::leak(memory));
        // SAFETY: The request is valid, cleared as it has to be, and ours alone.
        unsafe {
            let node = &raw mut (*request.as_ptr()).__bindgen_anon_3.rb_node;
            (*node).__rb_parent_color = node.addr();
        }
        Self(request)
    }

    /// Takes a request from the scheduler, and checks that it is in the state that the block layer
    /// wants.
    pub(crate) fn dispatched(request: Request) -> Self {
        let request = NonNull::new(request.into_dispatched()).unwrap();
        // SAFETY: The scheduler has given the request away.
        unsafe {
            let list = &raw mut (*request.as_ptr()).__bindgen_anon_1.queuelist;
            assert!((*list).next == list && (*list).prev == list);
            let node = &raw mut (*request.as_ptr()).__bindgen_anon_3.rb_node;
            assert_eq!((*node).__rb_parent_color, node.addr());
            let hash = (*request.as_ptr()).__bindgen_anon_2.hash;
            assert!(hash.next.is_null() && hash.pprev.is_null());
        }
        Self(request)
    }

    /// The number with which it was made.
    pub(crate) fn number(&self) -> u64 {
        // SAFETY: The request is valid, and ours.
        unsafe { self.0.as_ref().__sector }
    }

    /// Writes the value that a completion on another processor leaves in a request that the driver
    /// then requeues (`blk_mq_raise_softirq`).
    pub(crate) fn complete_elsewhere(&mut self) {
        // SAFETY: The request is valid, and ours.
        unsafe { (*self.0.as_ptr()).__bindgen_anon_2.hash.next = STALE.cast() };
    }

    pub(super) fn as_raw(&self) -> NonNull<bindings::request> {
        self.0
    }

    fn queuelist(&self) -> *mut bindings::list_head {
        // SAFETY: The request is valid.
        unsafe { &raw mut (*self.0.as_ptr()).__bindgen_anon_1.queuelist }
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        // SAFETY: `new` has made the request, and it is ours.
        drop(unsafe { Box::from_raw(self.0.as_ptr()) });
    }
}

fn cleared_node() -> bindings::rb_node {
    bindings::rb_node {
        __rb_parent_color: 0,
        parent: null_mut(),
        rb_right: null_mut(),
        rb_left: null_mut(),
    }
}

/// Hands requests over, in a list like the block layer's.
pub(crate) fn insert(requests: impl IntoIterator<Item = Owned>, take: impl FnOnce(Fifo<Request>)) {
    let mut head = bindings::list_head {
        next: null_mut(),
        prev: null_mut(),
    };
    let head = &raw mut head;
    // SAFETY: The list's head outlives this function's use of it. Each request is valid, and this
    // function gives it away.
    unsafe {
        (*head).next = head;
        (*head).prev = head;
        for request in requests {
            let node = request.queuelist();
            let last = (*head).prev;
            *node = bindings::list_head {
                next: head,
                prev: last,
            };
            (*last).next = node;
            (*head).prev = node;
            std::mem::forget(request);
        }
        take(Fifo::take(NonNull::new_unchecked(head)));
        assert!((*head).next == head && (*head).prev == head);
    }
}

/// Submits a bio for the sector before the request of this number, and returns the result of
/// `merge`.
pub(crate) fn submit_before(number: u64, merge: impl FnOnce(Bio<'_>) -> bool) -> bool {
    let mut bio = bindings::bio {
        bi_iter: bindings::bvec_iter {
            bi_sector: number.wrapping_sub(1),
            bi_size: 0,
            bi_idx: 0,
            bi_bvec_done: 0,
        },
        bi_io_vec: null_mut(),
        bi_bdev: null_mut(),
        bi_next: null_mut(),
        bi_opf: 0,
        bi_flags: 0,
        __bi_remaining: bindings::atomic_t { counter: 1 },
        bi_end_io: None,
        bi_private: null_mut(),
        bi_pool: null_mut(),
        bi_status: 0,
    };
    let queue = NonNull::new(QUEUE).unwrap();
    // SAFETY: The bio outlives its use, and `merge` uses no field of the queue.
    merge(unsafe { Bio::from_raw(queue, NonNull::from(&mut bio), 1) })
}

/// Hands one request over.
pub(crate) fn hand_over(request: Owned) -> Request {
    let mut taken = None;
    insert([request], |mut requests| taken = requests.pop_front());
    taken.unwrap()
}
