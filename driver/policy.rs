// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The rules of Chaos Driver, without the kernel: what settings mean, and what they do to one I/O.
//!
//! Nothing here allocates, locks, reads a clock or panics: callers bring time and memory, so that
//! the very same files are compiled into the module and tested on the host. All arithmetic
//! saturates, since the kernel may be built to panic on overflow.

pub mod attributes;
pub mod bounds;
pub mod delay;
pub mod device;
pub mod distribution;
pub mod filter;
pub mod histogram;
pub mod io;
pub mod limit;
pub mod operations;
pub mod parse;
pub mod random;
pub mod sampler;
pub mod sectors;
pub mod settings;
pub mod units;
pub mod way;
pub mod window;
