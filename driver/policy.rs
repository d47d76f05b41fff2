// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The rules of Chaos Driver without the kernel: the meaning of settings, and their effect on one
//! I/O.
//!
//! No code here allocates, locks, reads a clock or panics. Callers bring time and memory, so that
//! the module and the host's tests compile the very same files. All arithmetic saturates, since a
//! kernel may be built to panic on overflow.

pub mod arm;
pub mod attributes;
pub mod bounds;
pub mod delay;
pub mod device;
pub mod distribution;
pub mod ending;
pub mod extents;
pub mod failure;
pub mod filter;
pub mod histogram;
pub mod io;
pub mod lanes;
pub mod limit;
pub mod limits;
pub mod operations;
pub mod parse;
pub mod profile;
pub mod random;
pub mod sampler;
pub mod sectors;
pub mod settings;
pub mod text;
pub mod units;
pub mod way;
pub mod window;
