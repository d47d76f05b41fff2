// SPDX-License-Identifier: GPL-2.0-only

//! The block layer's private structures, as the target kernel lays them out.
//!
//! No header that a distribution installs has them. `make` generates them from the kernel's own
//! type information (BTF). It first compares every field and function that `layouts.contract` names
//! with the kernel's; a difference stops the build. Only this folder uses them.
//!
//! C header: `block/elevator.h`.

#![allow(dead_code)]

include!("layouts/generated.rs");
