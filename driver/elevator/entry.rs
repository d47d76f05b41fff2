// SPDX-License-Identifier: GPL-2.0-only

//! Entries of lists and sorted queues: objects with the links in them.

use core::{mem::ManuallyDrop, ptr::NonNull};
use kernel::bindings;

/// An owned handle of an object that a [`Fifo`](super::Fifo) or a
/// [`SortedQueue`](super::SortedQueue) links.
///
/// # Safety
///
/// `into_raw` gives up the handle, and `from_raw` makes it again. `list_node` and `tree_node` give
/// the places of two nodes in the object that only its owner uses, and `of_list_node` and
/// `of_tree_node` find the object by them.
pub(crate) unsafe trait Entry: Sized + Send {
    /// The object.
    type Raw;

    /// Gives up ownership.
    fn into_raw(self) -> NonNull<Self::Raw>;

    /// Takes ownership.
    ///
    /// # Safety
    ///
    /// `raw` must be valid, and this its only handle from now on.
    unsafe fn from_raw(raw: NonNull<Self::Raw>) -> Self;

    /// The node for lists.
    ///
    /// # Safety
    ///
    /// `raw` must be valid.
    unsafe fn list_node(raw: NonNull<Self::Raw>) -> *mut bindings::list_head;

    /// The object whose node for lists this is.
    ///
    /// # Safety
    ///
    /// `node` must be the node for lists of a valid object.
    unsafe fn of_list_node(node: *mut bindings::list_head) -> NonNull<Self::Raw>;

    /// The node for trees.
    ///
    /// # Safety
    ///
    /// `raw` must be valid.
    unsafe fn tree_node(raw: NonNull<Self::Raw>) -> *mut bindings::rb_node;

    /// The object whose node for trees this is.
    ///
    /// # Safety
    ///
    /// `node` must be the node for trees of a valid object.
    unsafe fn of_tree_node(node: *mut bindings::rb_node) -> NonNull<Self::Raw>;

    /// A word of the scheduler's that the entry keeps while no [`SortedQueue`](super::SortedQueue)
    /// takes it.
    fn spare(&self) -> usize {
        // SAFETY: The handle's object is valid, and its node for trees is the owner's.
        unsafe { (*Self::tree_node(self.raw())).rb_left.addr() }
    }

    /// Sets that word.
    fn set_spare(&mut self, spare: usize) {
        // SAFETY: As in `spare`. No tree has the node, as the caller has the handle: nothing ever
        // follows the pointer.
        unsafe {
            (*Self::tree_node(self.raw())).rb_left = core::ptr::without_provenance_mut(spare);
        }
    }

    /// The object, which stays this handle's.
    fn raw(&self) -> NonNull<Self::Raw>;
}

/// An entry that a [`SortedQueue`](super::SortedQueue) sorts.
pub(crate) trait Sorted: Entry {
    /// By which it is sorted.
    type Key: Copy + Ord;

    /// The entry's own, which stays while a queue has the entry.
    fn key(&self) -> Self::Key;
}

/// Looks at an object that somebody else's handle owns.
///
/// # Safety
///
/// `raw` must be valid, and its owner's handle borrowed by the caller.
#[inline]
pub(super) unsafe fn look<E: Entry, T>(raw: NonNull<E::Raw>, look: impl FnOnce(&E) -> T) -> T {
    // SAFETY: By this function's requirements; the handle only looks, and is not dropped.
    look(&ManuallyDrop::new(unsafe { E::from_raw(raw) }))
}
