// SPDX-License-Identifier: GPL-2.0-only

//! `lib/rbtree.c` by its contract: a search tree of any shape, linked through its nodes.
//!
//! A red-black tree rotates to balance. This tree instead rotates nodes with higher hashes of their
//! addresses towards the root (a treap), so nodes get other parents and children as in the kernel.
//! It has raw pointers like the original, so that the sanitizer sees each access of the original.

#![allow(non_camel_case_types, reason = "the names are those of C")]

use std::ptr::null_mut;

/// A node, without the kernel's bits in its lowest word.
#[derive(Clone, Copy)]
pub(crate) struct rb_node {
    pub(crate) __rb_parent_color: usize,
    /// The address as a pointer, as Miri does not follow an address.
    pub(crate) parent: *mut rb_node,
    pub(crate) rb_right: *mut rb_node,
    pub(crate) rb_left: *mut rb_node,
}

pub(crate) struct rb_root {
    pub(crate) rb_node: *mut rb_node,
}

/// The node of a greater rank is nearer to the root.
fn rank(node: *mut rb_node) -> usize {
    node.addr().wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32
}

unsafe fn parent(node: *mut rb_node) -> *mut rb_node {
    // SAFETY: By the caller, `node` is in a tree.
    unsafe {
        assert_eq!((*node).__rb_parent_color, (*node).parent.addr());
        (*node).parent
    }
}

unsafe fn set_parent(node: *mut rb_node, parent: *mut rb_node) {
    // SAFETY: By the caller, `node` is in a tree.
    unsafe {
        (*node).__rb_parent_color = parent.addr();
        (*node).parent = parent;
    }
}

/// Replaces `old` by `new` below `parent`, or as the root.
unsafe fn change_child(
    old: *mut rb_node,
    new: *mut rb_node,
    parent: *mut rb_node,
    root: *mut rb_root,
) {
    // SAFETY: By the caller, all of them are of one tree, or null.
    unsafe {
        if parent.is_null() {
            (*root).rb_node = new;
        } else if (*parent).rb_left == old {
            (*parent).rb_left = new;
        } else {
            (*parent).rb_right = new;
        }
        if !new.is_null() {
            set_parent(new, parent);
        }
    }
}

/// Makes `child` the parent of its parent.
unsafe fn rotate_up(child: *mut rb_node, root: *mut rb_root) {
    // SAFETY: By the caller, `child` is in the tree and not its root.
    unsafe {
        let down = parent(child);
        change_child(down, child, parent(down), root);
        let moved = if (*down).rb_left == child {
            let moved = (*child).rb_right;
            (*down).rb_left = moved;
            (*child).rb_right = down;
            moved
        } else {
            let moved = (*child).rb_left;
            (*down).rb_right = moved;
            (*child).rb_left = down;
            moved
        };
        set_parent(down, child);
        if !moved.is_null() {
            set_parent(moved, down);
        }
    }
}

pub(crate) unsafe fn rb_link_node(
    node: *mut rb_node,
    parent: *mut rb_node,
    link: *mut *mut rb_node,
) {
    // SAFETY: As in C, the caller has found `link` below `parent`.
    unsafe {
        *node = rb_node {
            __rb_parent_color: parent.addr(),
            parent,
            rb_right: null_mut(),
            rb_left: null_mut(),
        };
        *link = node;
    }
}

pub(crate) unsafe fn rb_insert_color(node: *mut rb_node, root: *mut rb_root) {
    // SAFETY: As in C, the caller has linked `node`.
    unsafe {
        while !parent(node).is_null() && rank(parent(node)) < rank(node) {
            rotate_up(node, root);
        }
    }
}

pub(crate) unsafe fn rb_erase(node: *mut rb_node, root: *mut rb_root) {
    // SAFETY: As in C, `node` is in the tree.
    unsafe {
        loop {
            let (left, right) = ((*node).rb_left, (*node).rb_right);
            if left.is_null() || right.is_null() {
                let child = if left.is_null() { right } else { left };
                return change_child(node, child, parent(node), root);
            }
            rotate_up(
                if rank(left) < rank(right) {
                    right
                } else {
                    left
                },
                root,
            );
        }
    }
}

pub(crate) unsafe fn rb_next(mut node: *mut rb_node) -> *mut rb_node {
    // SAFETY: As in C, `node` is in a tree.
    unsafe {
        if !(*node).rb_right.is_null() {
            node = (*node).rb_right;
            while !(*node).rb_left.is_null() {
                node = (*node).rb_left;
            }
            return node;
        }
        let mut above = parent(node);
        while !above.is_null() && (*above).rb_right == node {
            node = above;
            above = parent(node);
        }
        above
    }
}
