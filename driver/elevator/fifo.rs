// SPDX-License-Identifier: GPL-2.0-only

//! A first-in, first-out list of requests, linked through the requests themselves.

use super::{Bio, Request};
use core::{mem::ManuallyDrop, ptr::NonNull};
use kernel::{bindings, warn_on};

/// Requests in the order they came; it needs no memory and can be moved.
///
/// # Invariants
///
/// From `ends`' first request, following `queuelist.next`, come the `queuelist`s of exactly the requests that this list owns, up to
/// its last's, whose `next` means nothing; and from the last, following `prev`, the same, up to the first's, whose `prev` means
/// nothing.
pub(crate) struct Fifo {
    ends: Option<(NonNull<bindings::request>, NonNull<bindings::request>)>,
}

// SAFETY: The list owns its requests, which are `Send`.
unsafe impl Send for Fifo {}

/// The node by which a list links `request`.
///
/// # Safety
///
/// `request` must be valid and owned by a list.
unsafe fn node(request: NonNull<bindings::request>) -> *mut bindings::list_head {
    // SAFETY: By this function's requirements.
    unsafe { &raw mut (*request.as_ptr()).__bindgen_anon_1.queuelist }
}

/// The request that a list links by `node`.
///
/// # Safety
///
/// `node` must be the `queuelist` of a valid request.
unsafe fn request_of(node: *mut bindings::list_head) -> NonNull<bindings::request> {
    // SAFETY: By this function's requirements, the node lies in a request.
    unsafe {
        NonNull::new_unchecked(kernel::container_of!(
            node,
            bindings::request,
            __bindgen_anon_1.queuelist
        ))
    }
}

/// Links two requests, so that one follows the other.
///
/// # Safety
///
/// Both must be valid and owned by a list.
#[inline]
unsafe fn link(before: NonNull<bindings::request>, after: NonNull<bindings::request>) {
    // SAFETY: By this function's requirements.
    unsafe {
        (*node(before)).next = node(after);
        (*node(after)).prev = node(before);
    }
}

impl Fifo {
    /// An empty list.
    pub(crate) const fn new() -> Self {
        // INVARIANT: It owns nothing.
        Self { ends: None }
    }

    /// Takes all requests of one of C's lists, and leaves that empty.
    ///
    /// # Safety
    ///
    /// `list` must be valid, and its entries the `queuelist` of requests for which the invariants of [`Request`] hold from now on, with
    /// this list as their only handle.
    #[inline]
    pub(super) unsafe fn take(list: NonNull<bindings::list_head>) -> Self {
        let list = list.as_ptr();
        // SAFETY: By this function's requirements. INVARIANT: C's lists are linked in this way.
        unsafe {
            let (first, last) = ((*list).next, (*list).prev);
            if first == list {
                return Self::new();
            }
            // As `INIT_LIST_HEAD`.
            (*list).next = list;
            (*list).prev = list;
            Self {
                ends: Some((request_of(first), request_of(last))),
            }
        }
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
                unsafe { link(last, new) };
                Some((first, new))
            }
        };
    }

    /// Appends all requests of another list.
    #[inline]
    pub(crate) fn append(&mut self, mut other: Self) {
        let Some((others_first, others_last)) = other.ends.take() else {
            return;
        };
        // INVARIANT: What followed each other still does, and the other's first follows our last.
        self.ends = match self.ends {
            None => Some((others_first, others_last)),
            Some((first, last)) => {
                // SAFETY: By the invariants `last` is ours, and so is what the other list owned.
                unsafe { link(last, others_first) };
                Some((first, others_last))
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
                unsafe { link(new, first) };
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
            // SAFETY: By the invariants `first` is ours, and since it is not the last, its link is the node of a request of ours.
            Some((unsafe { request_of((*node(first)).next) }, last))
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

    /// Looks at each request.
    pub(super) fn for_each(&self, mut look: impl FnMut(&Request)) {
        // SAFETY: Nothing is changed, no handle either.
        unsafe { self.visit(|request| look(request)) };
    }

    /// Replaces the set of each request.
    #[inline]
    pub(crate) fn put_sets(&mut self, mut set_of: impl FnMut(&Request) -> u64) {
        // SAFETY: The list is borrowed mutably, and each handle stays what it is.
        unsafe { self.visit(|request| request.put_set(set_of(request))) };
    }

    /// Visits each request, first to last.
    ///
    /// # Safety
    ///
    /// `visit` must not replace the handle, and may only change a request if the caller has borrowed the list mutably.
    #[inline]
    unsafe fn visit(&self, mut visit: impl FnMut(&mut Request)) {
        let Some((mut request, last)) = self.ends else {
            return;
        };
        loop {
            // SAFETY: By the invariants the request is ours; the handle is not dropped.
            visit(&mut ManuallyDrop::new(unsafe {
                Request::from_raw(request)
            }));
            if request == last {
                return;
            }
            // SAFETY: As in `pop_front`.
            request = unsafe { request_of((*node(request)).next) };
        }
    }

    /// Whether the first request went to the driver before, which gave it back.
    #[inline]
    pub(crate) fn first_was_released(&self) -> bool {
        // SAFETY: By the invariants the request is ours; the handle only looks.
        self.ends.is_some_and(|(first, _)| unsafe {
            ManuallyDrop::new(Request::from_raw(first)).was_released()
        })
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
