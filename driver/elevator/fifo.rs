// SPDX-License-Identifier: GPL-2.0-only

//! A first-in, first-out list of requests or completions, linked through these themselves.

use super::{
    entry::{look, Entry},
    Bio, Request,
};
use core::{mem::ManuallyDrop, ptr::NonNull};
use kernel::{bindings, warn_on};

/// Entries in the order they came; the list needs no memory and can be moved.
///
/// # Invariants
///
/// From `ends`' first entry, following `next`, come the list nodes of exactly the entries that this list owns, up to its
/// last's, whose `next` means nothing; and from the last, following `prev`, the same, up to the first's, whose `prev` means
/// nothing.
pub(crate) struct Fifo<E: Entry> {
    ends: Option<Ends<E>>,
}

// SAFETY: The list owns its entries, which are `Send`.
unsafe impl<E: Entry> Send for Fifo<E> {}

/// The first and the last entry of a list.
type Ends<E> = (NonNull<<E as Entry>::Raw>, NonNull<<E as Entry>::Raw>);

/// Links two entries, so that one follows the other.
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
        // INVARIANT: What followed each other still does, and the other's first follows our last.
        self.ends = match self.ends {
            None => Some((others_first, others_last)),
            Some((first, last)) => {
                // SAFETY: By the invariants `last` is ours, and so is what the other list owned.
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
            // SAFETY: By the invariants `first` is ours, and since it is not the last, its link is the node of an entry of ours.
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
        // SAFETY: Nothing is changed, no handle either.
        unsafe {
            self.visit(|entry| {
                look(entry);
                true
            });
        }
    }

    /// Replaces the set of each entry.
    #[inline]
    pub(crate) fn put_sets(&mut self, mut set_of: impl FnMut(&E) -> u64) {
        // SAFETY: The list is borrowed mutably, and each handle stays what it is.
        unsafe {
            self.visit(|entry| {
                entry.put_set(set_of(entry));
                true
            });
        }
    }

    /// Looks at each entry, as long as `look` wants to see more; whether it still does.
    pub(crate) fn look_at_all(&self, look: &mut impl FnMut(&E) -> bool) -> bool {
        // SAFETY: Nothing is changed, no handle either.
        unsafe { self.visit(|entry| look(entry)) }
    }

    /// Visits each entry, first to last, as long as `visit` wants to see more; whether it still does.
    ///
    /// # Safety
    ///
    /// `visit` must not replace the handle, and may only change an entry if the caller has borrowed the list mutably.
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

    /// When the first entry is due.
    #[inline]
    pub(crate) fn first_due_ns(&self) -> Option<u64> {
        self.first(E::due_ns)
    }

    /// When the last entry is due.
    #[inline]
    pub(crate) fn last_due_ns(&self) -> Option<u64> {
        // SAFETY: By the invariants the entry is ours.
        self.ends.map(|(_, last)| unsafe { look(last, E::due_ns) })
    }

    /// What `what` tells of the first entry.
    #[inline]
    pub(crate) fn first<T>(&self, what: impl FnOnce(&E) -> T) -> Option<T> {
        // SAFETY: By the invariants the entry is ours.
        self.ends.map(|(first, _)| unsafe { look(first, what) })
    }
}

impl Fifo<Request> {
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
                ends: Some((Request::of_list_node(first), Request::of_list_node(last))),
            }
        }
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
                next: Request::list_node(first),
                prev: Request::list_node(last),
            };
            let list = &raw mut list;
            (*Request::list_node(first)).prev = list;
            bio.merge_into(list)
        }
    }

    /// Whether the first request went to the driver before, which gave it back.
    #[inline]
    pub(crate) fn first_was_released(&self) -> bool {
        self.first(Request::was_released).unwrap_or(false)
    }
}

impl<E: Entry> Drop for Fifo<E> {
    fn drop(&mut self) {
        // The block layer takes a scheduler away only when no request is left.
        warn_on!(!self.is_empty());
    }
}
