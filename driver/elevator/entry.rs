// SPDX-License-Identifier: GPL-2.0-only

//! Entries of lists and queues by time: objects with two links in them and some words for the
//! scheduler.

use core::{mem::ManuallyDrop, ptr::NonNull};
use kernel::bindings;

/// An owned handle of an object that lists and queues by time link.
///
/// # Safety
///
/// `into_raw` gives up the handle, and `from_raw` makes it again. `list_node` and `tree_node` give the places of two nodes
/// in the object that only its owner uses, and `of_list_node` and `of_tree_node` find the object by them.
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

    /// When it arrived, in nanoseconds of [`super::now_ns`].
    fn arrival_ns(&self) -> u64;

    /// Sets when it arrived.
    fn set_arrival_ns(&mut self, arrival_ns: u64);

    /// When it is due, in nanoseconds of [`super::now_ns`].
    fn due_ns(&self) -> u64;

    /// Sets when it is due. Not while a queue has it.
    fn set_due_ns(&mut self, due_ns: u64);

    /// A set of numbers below 64 that the scheduler keeps with it.
    fn set(&self) -> u64;

    /// Replaces the set.
    fn put_set(&mut self, set: u64);

    /// A number that the scheduler keeps with it while it is in a list and in no queue by time.
    fn ticket(&self) -> u32 {
        // SAFETY: The handle's object is valid, and its node for trees is the owner's.
        unsafe { (*Self::tree_node(self.raw())).rb_left.addr() as u32 }
    }

    /// Sets that number. A tree that takes the object forgets it.
    fn set_ticket(&mut self, ticket: u32) {
        // SAFETY: As in `ticket`. The pointer is never followed, since no tree has the node.
        unsafe {
            (*Self::tree_node(self.raw())).rb_left =
                core::ptr::without_provenance_mut(ticket as usize);
        }
    }

    /// The object, which stays this handle's.
    fn raw(&self) -> NonNull<Self::Raw>;
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
