// SPDX-License-Identifier: GPL-2.0-only

//! The block layer's private structures, as the kernel that is built for lays them out.
//!
//! No header that a distribution installs has them. `make` generates them from the kernel's own
//! type information (BTF), after comparing every field that is used, function prototypes included,
//! with `layouts.contract`; a kernel that differs stops the build. Use them through the rest of
//! this folder only.
//!
//! C header: `block/elevator.h`.

#![allow(dead_code)]

include!("layouts/generated.rs");
