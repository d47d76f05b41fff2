// SPDX-License-Identifier: GPL-2.0-only

//! Entries in the order of the times they are due.
//!
//! Times mostly come in order, and then a list is all it takes; those that do not go into a red-black tree. The same idea
//! as the `tfifo` of netem (`net/sched/sch_netem.c`).

use super::{
    entry::{look, Entry},
    Fifo,
};
use core::ptr::NonNull;
use kernel::{bindings, warn_on};

/// Entries, of which the one that is due first comes out first. Insertion and removal take O(log n) at worst.
///
/// # Invariants
///
/// `tail` is ordered by due time. The nodes of `tree` are the tree nodes of entries that this queue owns, ordered by due time
/// from left to right, and `first` is the leftmost of them, or null.
pub(crate) struct TimeQueue<E: Entry> {
    tail: Fifo<E>,
    tree: bindings::rb_root,
    first: *mut bindings::rb_node,
}

// SAFETY: The queue owns its entries, which are `Send`.
unsafe impl<E: Entry> Send for TimeQueue<E> {}

/// When the entry that a tree links by `node` is due.
///
/// # Safety
///
/// `node` must be the tree node of an entry that the caller's queue owns.
unsafe fn due_ns<E: Entry>(node: *mut bindings::rb_node) -> u64 {
    // SAFETY: By this function's requirements.
    unsafe { look(E::of_tree_node(node), E::due_ns) }
}

impl<E: Entry> TimeQueue<E> {
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

    /// Adds an entry whose due time is set. Behind all that are due at the same time.
    pub(crate) fn push(&mut self, entry: E) {
        if self
            .tail
            .last_due_ns()
            .is_none_or(|last| last <= entry.due_ns())
        {
            // INVARIANT: It is due no earlier than the last.
            self.tail.push_back(entry);
        } else {
            self.push_tree(entry);
        }
    }

    fn push_tree(&mut self, entry: E) {
        let due = entry.due_ns();
        // SAFETY: The entry is ours since `into_raw`, its nodes included.
        let new = unsafe { E::tree_node(entry.into_raw()) };
        let mut parent = core::ptr::null_mut();
        let mut link = &raw mut self.tree.rb_node;
        let mut leftmost = true;
        // SAFETY: By the invariants each link is null or a node of an entry of ours.
        unsafe {
            while !(*link).is_null() {
                parent = *link;
                if due < due_ns::<E>(parent) {
                    link = &raw mut (*parent).rb_left;
                } else {
                    link = &raw mut (*parent).rb_right;
                    leftmost = false;
                }
            }
        }
        // SAFETY: `link` is the empty place below `parent` that keeps the order, and `new` is in no tree.
        unsafe {
            bindings::rb_link_node(new, parent, link);
            bindings::rb_insert_color(new, &mut self.tree);
        }
        if leftmost {
            // INVARIANT: The way to it only went left.
            self.first = new;
        }
    }

    /// When the first entry is due.
    #[inline]
    pub(crate) fn first_due_ns(&self) -> Option<u64> {
        match (self.tail.first_due_ns(), self.tree_due_ns()) {
            (Some(tail), Some(tree)) => Some(tail.min(tree)),
            (tail, tree) => tail.or(tree),
        }
    }

    /// When the last entry is due.
    pub(crate) fn last_due_ns(&self) -> Option<u64> {
        // SAFETY: The nodes from the root on are of entries of ours, by the invariants; each way ends in null.
        let tree = unsafe {
            let mut last = self.tree.rb_node;
            while !last.is_null() && !(*last).rb_right.is_null() {
                last = (*last).rb_right;
            }
            NonNull::new(last).map(|last| due_ns::<E>(last.as_ptr()))
        };
        tree.max(self.tail.last_due_ns())
    }

    /// Looks at each entry, as long as `look` wants to see more; whether it still does.
    pub(crate) fn look_at_all(&self, mut look_at: &mut impl FnMut(&E) -> bool) -> bool {
        if !self.tail.look_at_all(look_at) {
            return false;
        }
        let mut node = self.first;
        while !node.is_null() {
            // SAFETY: By the invariants the node is one of an entry of ours, and so is the next, if any.
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
    fn tree_due_ns(&self) -> Option<u64> {
        if self.first.is_null() {
            return None;
        }
        // SAFETY: By the invariants `first` is the node of an entry of ours.
        Some(unsafe { due_ns::<E>(self.first) })
    }

    /// Takes the first entry.
    pub(crate) fn pop(&mut self) -> Option<E> {
        match (self.tail.first_due_ns(), self.tree_due_ns()) {
            (Some(tail), Some(tree)) if tail <= tree => self.tail.pop_front(),
            (_, Some(_)) => Some(self.pop_tree()),
            (_, None) => self.tail.pop_front(),
        }
    }

    /// Takes the first entry of the tree, which must not be empty.
    fn pop_tree(&mut self) -> E {
        let node = self.first;
        // SAFETY: By the invariants `node` is the leftmost node of our tree. INVARIANT: The next one is leftmost after it.
        unsafe {
            self.first = bindings::rb_next(node);
            bindings::rb_erase(node, &mut self.tree);
            // The state in which the block layer keeps nodes outside of trees: `RB_CLEAR_NODE`.
            (*node).__rb_parent_color = node.addr();
        }
        // SAFETY: The entry was ours, and left the tree, so that this is its only handle.
        unsafe { E::from_raw(E::of_tree_node(node)) }
    }
}

impl<E: Entry> Drop for TimeQueue<E> {
    fn drop(&mut self) {
        // As for `Fifo`, which speaks for `tail`.
        warn_on!(!self.first.is_null());
    }
}
