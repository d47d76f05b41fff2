// SPDX-License-Identifier: GPL-2.0-only

//! Entries in the order of a key, such as a time.
//!
//! Times mostly come in order, and then a list is enough. Entries out of order go into a red-black
//! tree, as in the `tfifo` of netem (`net/sched/sch_netem.c`).

use super::{
    entry::{look, Sorted},
    Fifo,
};
use core::ptr::NonNull;
use kernel::{bindings, warn_on};

/// A queue from which the entry with the smallest key comes out first. Insertion and removal take
/// O(log n) at worst.
///
/// # Invariants
///
/// `tail` is ordered by key. The nodes of `tree` are the tree nodes of entries that this queue
/// owns, ordered by key from left to right, and `first` is the leftmost of them, or null.
pub(crate) struct SortedQueue<E: Sorted> {
    tail: Fifo<E>,
    tree: bindings::rb_root,
    first: *mut bindings::rb_node,
}

// SAFETY: The queue owns its entries, which are `Send`.
unsafe impl<E: Sorted> Send for SortedQueue<E> {}

/// The key of the entry that a tree links by `node`.
///
/// # Safety
///
/// `node` must be the tree node of an entry that the caller's queue owns.
unsafe fn key<E: Sorted>(node: *mut bindings::rb_node) -> E::Key {
    // SAFETY: By this function's requirements.
    unsafe { look(E::of_tree_node(node), E::key) }
}

impl<E: Sorted> SortedQueue<E> {
    /// An empty queue.
    pub(crate) const fn new() -> Self {
        // INVARIANT: It owns nothing.
        Self {
            tail: Fifo::new(),
            tree: bindings::rb_root {
                rb_node: core::ptr::null_mut(),
            },
            first: core::ptr::null_mut(),
        }
    }

    /// Whether there is no entry.
    pub(crate) fn is_empty(&self) -> bool {
        self.tail.is_empty() && self.first.is_null()
    }

    /// Adds an entry, behind all entries of the same key.
    pub(crate) fn push(&mut self, entry: E) {
        let last = self.tail.last(E::key);
        if last.is_none_or(|last| last <= entry.key()) {
            // INVARIANT: Its key is not below the last.
            self.tail.push_back(entry);
        } else {
            self.push_tree(entry);
        }
    }

    fn push_tree(&mut self, entry: E) {
        let new_key = entry.key();
        // SAFETY: The entry is ours since `into_raw`, its nodes included.
        let new = unsafe { E::tree_node(entry.into_raw()) };
        let mut parent = core::ptr::null_mut();
        let mut link = &raw mut self.tree.rb_node;
        let mut leftmost = true;
        // SAFETY: By the invariants each link is null or a node of an entry of ours.
        unsafe {
            while !(*link).is_null() {
                parent = *link;
                if new_key < key::<E>(parent) {
                    link = &raw mut (*parent).rb_left;
                } else {
                    link = &raw mut (*parent).rb_right;
                    leftmost = false;
                }
            }
        }
        // SAFETY: `link` is the empty place below `parent` that keeps the order, and `new` is in no
        // tree.
        unsafe {
            bindings::rb_link_node(new, parent, link);
            bindings::rb_insert_color(new, &mut self.tree);
        }
        if leftmost {
            // INVARIANT: The way to the new node only went left.
            self.first = new;
        }
    }

    /// The key of the first entry.
    #[inline]
    pub(crate) fn first_key(&self) -> Option<E::Key> {
        match (self.tail.first(E::key), self.tree_first_key()) {
            (Some(tail), Some(tree)) => Some(tail.min(tree)),
            (tail, tree) => tail.or(tree),
        }
    }

    /// The key of the last entry.
    pub(crate) fn last_key(&self) -> Option<E::Key> {
        // SAFETY: By the invariants, the nodes from the root on are nodes of our entries; each way
        // ends in null.
        let tree = unsafe {
            let mut last = self.tree.rb_node;
            while !last.is_null() && !(*last).rb_right.is_null() {
                last = (*last).rb_right;
            }
            NonNull::new(last).map(|last| key::<E>(last.as_ptr()))
        };
        tree.max(self.tail.last(E::key))
    }

    /// Looks at each entry, as long as `look_at` returns true, and returns whether it always did.
    pub(crate) fn look_at_all(&self, mut look_at: &mut impl FnMut(&E) -> bool) -> bool {
        if !self.tail.look_at_all(look_at) {
            return false;
        }
        let mut node = self.first;
        while !node.is_null() {
            // SAFETY: By the invariants the node is in an entry of ours, and so is the next, if
            // any.
            unsafe {
                if !look(E::of_tree_node(node), &mut look_at) {
                    return false;
                }
                node = bindings::rb_next(node);
            }
        }
        true
    }

    #[inline]
    fn tree_first_key(&self) -> Option<E::Key> {
        if self.first.is_null() {
            return None;
        }
        // SAFETY: By the invariants `first` is the node of an entry of ours.
        Some(unsafe { key::<E>(self.first) })
    }

    /// Takes the first entry.
    pub(crate) fn pop(&mut self) -> Option<E> {
        match (self.tail.first(E::key), self.tree_first_key()) {
            (Some(tail), Some(tree)) if tail <= tree => self.tail.pop_front(),
            (_, Some(_)) => Some(self.pop_tree()),
            (_, None) => self.tail.pop_front(),
        }
    }

    /// Takes the first entry of the tree, which must not be empty.
    fn pop_tree(&mut self) -> E {
        let node = self.first;
        // SAFETY: By the invariants `node` is the leftmost node of our tree. INVARIANT: The next
        // node is leftmost after it.
        unsafe {
            self.first = bindings::rb_next(node);
            bindings::rb_erase(node, &mut self.tree);
            // The state of nodes outside of trees in the block layer: `RB_CLEAR_NODE`.
            (*node).__rb_parent_color = node.addr();
        }
        // SAFETY: The entry was ours and has left the tree, so this is its only handle.
        unsafe { E::from_raw(E::of_tree_node(node)) }
    }
}

impl<E: Sorted> Drop for SortedQueue<E> {
    fn drop(&mut self) {
        // As for `Fifo`, whose own `drop` checks `tail`.
        warn_on!(!self.first.is_null());
    }
}
