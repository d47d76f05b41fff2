// SPDX-License-Identifier: GPL-2.0-only

//! Requests in the order of the times they are due.
//!
//! Times mostly come in order, and then a list is all it takes; those that do not go into a red-black tree. The same idea
//! as the `tfifo` of netem (`net/sched/sch_netem.c`).

use super::{Fifo, Request};
use core::{mem::ManuallyDrop, ptr::NonNull};
use kernel::{bindings, warn_on};

/// Requests, of which the one that is due first comes out first. Insertion and removal take O(log n) at worst.
///
/// # Invariants
///
/// `tail` is ordered by due time. The nodes of `tree` are the `rb_node` of requests that this queue owns, ordered by due time
/// from left to right, and `first` is the leftmost of them, or null.
pub(crate) struct TimeQueue {
    tail: Fifo,
    tree: bindings::rb_root,
    first: *mut bindings::rb_node,
}

// SAFETY: The queue owns its requests, which are `Send`.
unsafe impl Send for TimeQueue {}

/// The request that a tree links by `node`.
///
/// # Safety
///
/// `node` must be the `rb_node` of a valid request.
unsafe fn request_of(node: *mut bindings::rb_node) -> NonNull<bindings::request> {
    // SAFETY: By this function's requirements, the node lies in a request.
    unsafe {
        NonNull::new_unchecked(kernel::container_of!(
            node,
            bindings::request,
            __bindgen_anon_3.rb_node
        ))
    }
}

/// When the request that a tree links by `node` is due.
///
/// # Safety
///
/// `node` must be the `rb_node` of a request that the caller's queue owns.
unsafe fn due_ns(node: *mut bindings::rb_node) -> u64 {
    // SAFETY: By this function's requirements; the handle only looks and is not dropped.
    ManuallyDrop::new(unsafe { Request::from_raw(request_of(node)) }).due_ns()
}

impl TimeQueue {
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

    /// Whether there is no request.
    pub(crate) fn is_empty(&self) -> bool {
        self.tail.is_empty() && self.first.is_null()
    }

    /// Adds a request whose due time is set. Behind all that are due at the same time.
    pub(crate) fn push(&mut self, request: Request) {
        if self
            .tail
            .last_due_ns()
            .is_none_or(|last| last <= request.due_ns())
        {
            // INVARIANT: It is due no earlier than the last.
            self.tail.push_back(request);
        } else {
            self.push_tree(request);
        }
    }

    fn push_tree(&mut self, request: Request) {
        let due = request.due_ns();
        let raw = request.into_raw().as_ptr();
        // SAFETY: The request is ours since `into_raw`, its `rb_node` included.
        let new = unsafe { &raw mut (*raw).__bindgen_anon_3.rb_node };
        let mut parent = core::ptr::null_mut();
        let mut link = &raw mut self.tree.rb_node;
        let mut leftmost = true;
        // SAFETY: By the invariants each link is null or a node of a request of ours.
        unsafe {
            while !(*link).is_null() {
                parent = *link;
                if due < due_ns(parent) {
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

    /// When the first request is due.
    #[inline]
    pub(crate) fn first_due_ns(&self) -> Option<u64> {
        match (self.tail.first_due_ns(), self.tree_due_ns()) {
            (Some(tail), Some(tree)) => Some(tail.min(tree)),
            (tail, tree) => tail.or(tree),
        }
    }

    /// The set of the first request.
    pub(crate) fn first_set(&self) -> Option<u64> {
        match (self.tail.first_due_ns(), self.tree_due_ns()) {
            (Some(tail), Some(tree)) if tail <= tree => self.tail.first_set(),
            (_, Some(_)) => {
                // SAFETY: By the invariants `first` is the node of a request of ours; the handle only looks.
                let first = unsafe { ManuallyDrop::new(Request::from_raw(request_of(self.first))) };
                Some(first.set())
            }
            (_, None) => self.tail.first_set(),
        }
    }

    /// When the last request is due.
    pub(crate) fn last_due_ns(&self) -> Option<u64> {
        // SAFETY: The nodes from the root on are of requests of ours, by the invariants; each way ends in null.
        let tree = unsafe {
            let mut last = self.tree.rb_node;
            while !last.is_null() && !(*last).rb_right.is_null() {
                last = (*last).rb_right;
            }
            NonNull::new(last).map(|last| due_ns(last.as_ptr()))
        };
        tree.max(self.tail.last_due_ns())
    }

    #[inline]
    fn tree_due_ns(&self) -> Option<u64> {
        if self.first.is_null() {
            return None;
        }
        // SAFETY: By the invariants `first` is the node of a request of ours.
        Some(unsafe { due_ns(self.first) })
    }

    /// Takes the first request.
    pub(crate) fn pop(&mut self) -> Option<Request> {
        match (self.tail.first_due_ns(), self.tree_due_ns()) {
            (Some(tail), Some(tree)) if tail <= tree => self.tail.pop_front(),
            (_, Some(_)) => Some(self.pop_tree()),
            (_, None) => self.tail.pop_front(),
        }
    }

    /// Takes the first request of the tree, which must not be empty.
    fn pop_tree(&mut self) -> Request {
        let node = self.first;
        // SAFETY: By the invariants `node` is the leftmost node of our tree. INVARIANT: The next one is leftmost after it.
        unsafe {
            self.first = bindings::rb_next(node);
            bindings::rb_erase(node, &mut self.tree);
            // The state in which the block layer keeps nodes outside of trees: `RB_CLEAR_NODE`.
            (*node).__rb_parent_color = node.addr();
        }
        // SAFETY: The request was ours, and left the tree, so that this is its only handle.
        unsafe { Request::from_raw(request_of(node)) }
    }
}

impl Drop for TimeQueue {
    fn drop(&mut self) {
        // As for `Fifo`, which speaks for `tail`.
        warn_on!(!self.first.is_null());
    }
}
