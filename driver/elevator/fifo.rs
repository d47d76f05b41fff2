// SPDX-License-Identifier: GPL-2.0-only

//! A first-in, first-out list of requests or completions, linked through nodes in the entries.

use super::{
    entry::{look, Entry},
    Bio, Request, RequestData,
};
use core::{mem::ManuallyDrop, ptr::NonNull};
use kernel::{bindings, warn_on};

/// How many requests of a list, from the last on, the block layer is offered to merge a bio into.
/// It looks at as many (`blk_bio_list_merge()`), or at fewer.
const OFFERED: u32 = 8;

/// Entries in the order in which they came; the list needs no memory and can be moved.
///
/// # Invariants
///
/// `ends` has the first and the last entry. From the list node of the first, `next` leads through
/// the list nodes of exactly the entries that this list owns, to the node of the last, whose `next`
/// means nothing. From there, `prev` leads through the same nodes back to the node of the first,
/// whose `prev` means nothing.
pub(crate) struct Fifo<E: Entry> {
    ends: Option<Ends<E>>,
}

// SAFETY: The list owns its entries, which are `Send`.
unsafe impl<E: Entry> Send for Fifo<E> {}

/// The first and the last entry of a list.
type Ends<E> = (NonNull<<E as Entry>::Raw>, NonNull<<E as Entry>::Raw>);

/// Links two entries, so that `after` follows `before`.
///
/// # Safety
///
/// Both must be valid and owned by a list.
#[inline]
unsafe fn link<E: Entry>(before: NonNull<E::Raw>, after: NonNull<E::Raw>) {
    // SAFETY: By this function's requirements.
    unsafe {
        (*E::list_node(before)).next = E::list_node(after);
        (*E::list_node(after)).prev = E::list_node(before);
    }
}

impl<E: Entry> Fifo<E> {
    /// An empty list.
    pub(crate) const fn new() -> Self {
        // INVARIANT: It owns nothing.
        Self { ends: None }
    }

    /// Whether there is no entry.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.ends.is_none()
    }

    /// Appends an entry.
    #[inline]
    pub(crate) fn push_back(&mut self, entry: E) {
        let new = entry.into_raw();
        // INVARIANT: The entry is linked behind the last and becomes the last.
        self.ends = match self.ends {
            None => Some((new, new)),
            Some((first, last)) => {
                // SAFETY: By the invariants `last` is ours, and `new` is since `into_raw`.
                unsafe { link::<E>(last, new) };
                Some((first, new))
            }
        };
    }

    /// Appends all entries of another list.
    #[inline]
    pub(crate) fn append(&mut self, mut other: Self) {
        let Some((others_first, others_last)) = other.ends.take() else {
            return;
        };
        // INVARIANT: The links within both lists stay, and the other list's first entry follows our
        // last.
        self.ends = match self.ends {
            None => Some((others_first, others_last)),
            Some((first, last)) => {
                // SAFETY: By the invariants `last` is ours, and so are the entries that the other
                // list owned.
                unsafe { link::<E>(last, others_first) };
                Some((first, others_last))
            }
        };
    }

    /// Puts an entry before all others.
    pub(crate) fn push_front(&mut self, entry: E) {
        let new = entry.into_raw();
        // INVARIANT: The entry is linked to the first and becomes the first.
        self.ends = match self.ends {
            None => Some((new, new)),
            Some((first, last)) => {
                // SAFETY: By the invariants `first` is ours, and `new` is since `into_raw`.
                unsafe { link::<E>(new, first) };
                Some((new, last))
            }
        };
    }

    /// Takes the first entry.
    #[inline]
    pub(crate) fn pop_front(&mut self) -> Option<E> {
        let (first, last) = self.ends?;
        // INVARIANT: The list begins at the second entry, if there is one.
        self.ends = if first == last {
            None
        } else {
            // SAFETY: By the invariants `first` is ours, and since it is not the last, its link is
            // the node of an entry of ours.
            Some((
                unsafe { E::of_list_node((*E::list_node(first)).next) },
                last,
            ))
        };
        // SAFETY: By the invariants the entry was ours, and no other handle of it exists.
        Some(unsafe { E::from_raw(first) })
    }

    /// Looks at each entry.
    pub(crate) fn for_each(&self, mut look: impl FnMut(&E)) {
        // SAFETY: The closure changes neither an entry nor its handle.
        unsafe {
            self.visit(|entry| {
                look(entry);
                true
            });
        }
    }

    /// Looks at each entry, as long as `look` returns true, and returns whether it always did.
    pub(crate) fn look_at_all(&self, look: &mut impl FnMut(&E) -> bool) -> bool {
        // SAFETY: The closure changes neither an entry nor its handle.
        unsafe { self.visit(|entry| look(entry)) }
    }

    /// Visits each entry, from the first to the last, as long as `visit` returns true, and returns
    /// whether it always did.
    ///
    /// # Safety
    ///
    /// `visit` must not replace the handle, and may only change an entry if the caller has borrowed
    /// the list mutably.
    #[inline]
    unsafe fn visit(&self, mut visit: impl FnMut(&mut E) -> bool) -> bool {
        let Some((mut entry, last)) = self.ends else {
            return true;
        };
        loop {
            // SAFETY: By the invariants the entry is ours; the handle is not dropped.
            if !visit(&mut ManuallyDrop::new(unsafe { E::from_raw(entry) })) {
                return false;
            }
            if entry == last {
                return true;
            }
            // SAFETY: As in `pop_front`.
            entry = unsafe { E::of_list_node((*E::list_node(entry)).next) };
        }
    }

    /// The result of `what` for the first entry.
    #[inline]
    pub(crate) fn first<T>(&self, what: impl FnOnce(&E) -> T) -> Option<T> {
        // SAFETY: By the invariants the entry is ours.
        self.ends.map(|(first, _)| unsafe { look(first, what) })
    }

    /// The result of `what` for the last entry.
    #[inline]
    pub(crate) fn last<T>(&self, what: impl FnOnce(&E) -> T) -> Option<T> {
        // SAFETY: By the invariants the entry is ours.
        self.ends.map(|(_, last)| unsafe { look(last, what) })
    }
}

impl<D: RequestData> Fifo<Request<D>> {
    /// Takes all requests of a list of C, and leaves it empty.
    ///
    /// # Safety
    ///
    /// `list` must be valid, and its entries the `queuelist` of requests for which the invariants
    /// of [`Request`] hold from now on, with this list as their only handle.
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
                ends: Some((
                    Request::<D>::of_list_node(first),
                    Request::<D>::of_list_node(last),
                )),
            }
        }
    }

    /// Merges a bio into one of the last requests, if it borders on one that may take it, and
    /// returns whether it has.
    pub(crate) fn merge(&mut self, bio: Bio<'_>) -> bool {
        let Some((first, last)) = self.ends else {
            return false;
        };
        let (mut oldest, mut offered) = (last, 1);
        loop {
            // SAFETY: By the invariants the request is ours.
            let queue = unsafe { look(oldest, Request::<D>::queue) };
            if !bio.is_of(queue) {
                // A list for several disks: the bio could come to the wrong one.
                return false;
            }
            if oldest == first || offered == OFFERED {
                break;
            }
            offered += 1;
            // SAFETY: By the invariants the request is ours, and since it is not the first, `prev`
            // is the node of a request of ours.
            oldest = unsafe { Request::<D>::of_list_node((*Request::<D>::list_node(oldest)).prev) };
        }
        // SAFETY: By the invariants all of these are ours, and they are of the bio's queue. This
        // list is borrowed mutably, so it is the only user of its requests. For the time of the
        // call, `prev` leads from the last to `oldest`, and from there to `list`; `next` does not
        // matter.
        unsafe {
            let mut list = bindings::list_head {
                next: Request::<D>::list_node(oldest),
                prev: Request::<D>::list_node(last),
            };
            let list = &raw mut list;
            let before = (*Request::<D>::list_node(oldest)).prev;
            (*Request::<D>::list_node(oldest)).prev = list;
            let is_merged = bio.merge_into(list);
            (*Request::<D>::list_node(oldest)).prev = before;
            is_merged
        }
    }

    /// Changes the scheduler's data of each request by the result of `decide` for it.
    ///
    /// It takes two functions so that the compiler sees that `change` leaves most words as they
    /// are.
    #[inline]
    pub(crate) fn update_all<T>(
        &mut self,
        mut decide: impl FnMut(&Request<D>) -> T,
        change: impl Fn(&mut D, T),
    ) {
        // SAFETY: The list is borrowed mutably, and the closure replaces no handle.
        unsafe {
            self.visit(|request| {
                let decision = decide(request);
                let mut data = request.data();
                change(&mut data, decision);
                request.set_data(data);
                true
            });
        }
    }
}

impl<E: Entry> Drop for Fifo<E> {
    fn drop(&mut self) {
        // The block layer takes a scheduler away only when no request is left.
        warn_on!(!self.is_empty());
    }
}
