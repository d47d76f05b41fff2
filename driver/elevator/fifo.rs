// SPDX-License-Identifier: GPL-2.0-only

//! A first-in, first-out list of requests, linked through the requests themselves.

use super::{Bio, Request};
use core::{mem::ManuallyDrop, ptr::NonNull};
use kernel::{bindings, warn_on};

/// Requests in the order they came; it needs no memory and can be moved.
///
/// # Invariants
///
/// From `ends`' first request, following `queuelist.next`, come exactly the requests that this list owns, up to its last,
/// whose `queuelist.next` means nothing. From the last, following `queuelist.prev`, come their `queuelist`s, up to the first's,
/// whose `queuelist.prev` means nothing.
pub(crate) struct Fifo {
    ends: Option<(NonNull<bindings::request>, NonNull<bindings::request>)>,
}

// SAFETY: The list owns its requests, which are `Send`.
unsafe impl Send for Fifo {}

/// The node by which a list links `request`: its `next` is the next request, which costs no conversion, and its `prev` is the
/// node before, as C's lists have it.
///
/// # Safety
///
/// `request` must be valid and owned by a list.
unsafe fn node(request: NonNull<bindings::request>) -> *mut bindings::list_head {
    // SAFETY: By this function's requirements.
    unsafe { &raw mut (*request.as_ptr()).__bindgen_anon_1.queuelist }
}

impl Fifo {
    /// An empty list.
    pub(crate) const fn new() -> Self {
        // INVARIANT: It owns nothing.
        Self { ends: None }
    }

    /// Whether there is no request.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.ends.is_none()
    }

    /// Appends a request.
    #[inline]
    pub(crate) fn push_back(&mut self, request: Request) {
        let new = request.into_raw();
        // INVARIANT: The request is linked behind the last and becomes the last.
        self.ends = match self.ends {
            None => Some((new, new)),
            Some((first, last)) => {
                // SAFETY: By the invariants `last` is ours, and `new` is since `into_raw`.
                unsafe {
                    (*node(last)).next = new.as_ptr().cast();
                    (*node(new)).prev = node(last);
                }
                Some((first, new))
            }
        };
    }

    /// Puts a request before all others.
    pub(crate) fn push_front(&mut self, request: Request) {
        let new = request.into_raw();
        // INVARIANT: The request is linked to the first and becomes the first.
        self.ends = match self.ends {
            None => Some((new, new)),
            Some((first, last)) => {
                // SAFETY: By the invariants `first` is ours, and `new` is since `into_raw`.
                unsafe {
                    (*node(new)).next = first.as_ptr().cast();
                    (*node(first)).prev = node(new);
                }
                Some((new, last))
            }
        };
    }

    /// Takes the first request.
    #[inline]
    pub(crate) fn pop_front(&mut self) -> Option<Request> {
        let (first, last) = self.ends?;
        // INVARIANT: The list begins at the second request, if there is one.
        self.ends = if first == last {
            None
        } else {
            // SAFETY: By the invariants `first` is ours, and since it is not the last, its link is a request of ours.
            let second = unsafe { NonNull::new_unchecked((*node(first)).next.cast()) };
            Some((second, last))
        };
        // SAFETY: By the invariants the request was ours, and no other handle of it exists.
        Some(unsafe { Request::from_raw(first) })
    }

    /// Has one of the last requests take a bio that borders on it, if one may; true if one has.
    pub(crate) fn merge(&mut self, bio: Bio<'_>) -> bool {
        let Some((first, last)) = self.ends else {
            return false;
        };
        // SAFETY: By the invariants both are ours, and `prev` leads from the last to the first, and now to `list`. Nobody else
        // uses requests of a list that is borrowed mutably. What `next` is does not matter, nor `prev` of the first, once the
        // block layer has looked.
        unsafe {
            let mut list = bindings::list_head {
                next: node(first),
                prev: node(last),
            };
            let list = &raw mut list;
            (*node(first)).prev = list;
            bio.merge_into(list)
        }
    }

    /// When the first request is due.
    #[inline]
    pub(crate) fn first_due_ns(&self) -> Option<u64> {
        self.ends.map(|(first, _)| due_ns(first))
    }

    /// The set of the first request.
    #[inline]
    pub(crate) fn first_set(&self) -> Option<u64> {
        let (first, _) = self.ends?;
        // SAFETY: By the invariants the request is ours; the handle only looks.
        let first = ManuallyDrop::new(unsafe { Request::from_raw(first) });
        Some(first.set())
    }

    /// When the last request is due.
    #[inline]
    pub(crate) fn last_due_ns(&self) -> Option<u64> {
        self.ends.map(|(_, last)| due_ns(last))
    }
}

/// When a request of a list is due. Only for requests of the caller's list.
fn due_ns(request: NonNull<bindings::request>) -> u64 {
    // SAFETY: The caller's list owns the request, so that looking at it is its right; the handle is not dropped.
    ManuallyDrop::new(unsafe { Request::from_raw(request) }).due_ns()
}

impl Drop for Fifo {
    fn drop(&mut self) {
        // The block layer takes a scheduler away only when no request is left.
        warn_on!(!self.is_empty());
    }
}
