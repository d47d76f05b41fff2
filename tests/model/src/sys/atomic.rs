// SPDX-License-Identifier: GPL-2.0-only

//! Words that threads share, as the driver's `sys/atomic.rs`; loom has types of its own.

#[cfg(loom)]
pub(crate) use loom::sync::atomic::{AtomicU32, AtomicU64};
pub(crate) use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};
#[cfg(not(loom))]
pub(crate) use std::sync::atomic::{AtomicU32, AtomicU64};
