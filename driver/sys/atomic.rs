// SPDX-License-Identifier: GPL-2.0-only

//! Words that several CPUs use where I/O passes.
//!
//! They are those of `core`: the kernel crate's call a C function for each load, ten instructions
//! where one does. No C code uses these words. Where one has to be ordered with something else,
//! that is said there.

pub(crate) use core::sync::atomic::{
    fence, AtomicBool, AtomicU32, AtomicU64,
    Ordering::{AcqRel, Acquire, Relaxed, SeqCst},
};
