// SPDX-License-Identifier: GPL-2.0-only

//! The block layer's private structures, as the target kernel lays them out, and the things in
//! which kernels differ.
//!
//! No header that a distribution installs has the structures. `make` generates them from the
//! kernel's own type information (BTF). It first compares every field and function that
//! `layouts.contract` names with the kernel's; a difference stops the build. Only this folder uses
//! them.
//!
//! With the crate of `driver/kernel`, they are in that crate, which presents all kernels as the
//! newest one.
//!
//! C header: `block/elevator.h`.

#![allow(dead_code)]

#[cfg(not(own_kernel_crate))]
mod newest;
#[cfg(not(own_kernel_crate))]
pub(super) use newest::*;

#[cfg(own_kernel_crate)]
pub(super) use kernel::elevator::*;
