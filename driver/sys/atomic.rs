// SPDX-License-Identifier: GPL-2.0-only

//! Atomic words for the I/O path.
//!
//! These are the types of `core`: the kernel crate's types call a C function for each load, which
//! takes ten instructions instead of one. No C code uses the words. A use that needs an order says
//! so.

pub(crate) use core::sync::atomic::{
    fence, AtomicBool, AtomicU32, AtomicU64,
    Ordering::{AcqRel, Acquire, Relaxed, SeqCst},
};
