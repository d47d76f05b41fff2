// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The host's root of the driver: the policy alone, so that cargo can test it.
//!
//! `chaos_driver.rs` is the kernel's root of the same files.

#![no_std]
#![forbid(unsafe_code)]

pub mod policy;
