// SPDX-License-Identifier: GPL-2.0-only

//! Entries of lists and sorted queues: objects that contain the nodes that link them.

use core::{mem::ManuallyDrop, ptr::NonNull};
use kernel::bindings;

/// An owned handle of an object that a [`Fifo`](super::Fifo) or a
/// [`SortedQueue`](super::SortedQueue) links.
///
/// # Safety
///
/// `into_raw` must give up the handle, and `from_raw` make it again. `list_node` and `tree_node`
/// must return the addresses of two nodes in the object that only its owner uses, and
/// `of_list_node` and `of_tree_node` must find the object by these addresses.
pub(crate) unsafe trait Entry: Sized + Send {
    /// The object.
    type Raw;

    /// Gives up ownership.
    fn into_raw(self) -> NonNull<Self::Raw>;

    /// Takes ownership.
    ///
    /// # Safety
    ///
    /// `raw` must be valid, and the result must be its only handle from now on.
    unsafe fn from_raw(raw: NonNull<Self::Raw>) -> Self;

    /// The node for lists.
    ///
    /// # Safety
    ///
    /// `raw` must be valid.
    unsafe fn list_node(raw: NonNull<Self::Raw>) -> *mut bindings::list_head;

    /// The object that contains a node for lists.
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

    /// The object that contains a node for trees.
    ///
    /// # Safety
    ///
    /// `node` must be the node for trees of a valid object.
    unsafe fn of_tree_node(node: *mut bindings::rb_node) -> NonNull<Self::Raw>;

    /// A word of the scheduler that the entry keeps until a [`SortedQueue`](super::SortedQueue)
    /// takes the entry.
    fn spare(&self) -> usize {
        // SAFETY: The handle's object is valid, and its node for trees belongs to the handle's
        // owner.
        unsafe { (*Self::tree_node(self.raw())).rb_left.addr() }
    }

    /// Sets that word.
    fn set_spare(&mut self, spare: usize) {
        // SAFETY: As in `spare`. The node is in no tree, as the caller has the handle, so no code
        // follows the pointer.
        unsafe {
            (*Self::tree_node(self.raw())).rb_left = core::ptr::without_provenance_mut(spare);
        }
    }

    /// The object, which this handle goes on owning.
    fn raw(&self) -> NonNull<Self::Raw>;
}

/// An entry that a [`SortedQueue`](super::SortedQueue) sorts.
pub(crate) trait Sorted: Entry {
    /// The type of its key.
    type Key: Copy + Ord;

    /// The entry's key, which must not change while a queue has the entry.
    fn key(&self) -> Self::Key;
}

/// Looks at an object that another handle owns.
///
/// # Safety
///
/// `raw` must be valid, and the caller must have borrowed the handle that owns it.
#[inline]
pub(super) unsafe fn look<E: Entry, T>(raw: NonNull<E::Raw>, look: impl FnOnce(&E) -> T) -> T {
    // SAFETY: By this function's requirements; the temporary handle is only looked at, and not
    // dropped.
    look(&ManuallyDrop::new(unsafe { E::from_raw(raw) }))
}
