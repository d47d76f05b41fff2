// SPDX-License-Identifier: GPL-2.0-only

//! Structures of cgroups and namespaces, as the target kernel lays them out.
//!
//! `make` generates them from the kernel's own type information (BTF). It first compares every
//! field that `layouts.contract` names with the kernel's; a difference stops the build.

#![allow(dead_code)]
// The generated file imports names that other contracts need.
#![allow(unused_imports)]

#[cfg(not(own_kernel_crate))]
include!("layouts/generated.rs");

#[cfg(own_kernel_crate)]
pub(super) use kernel::bindings::{bio_blkcg_css, CgroupNamespace, NsCommon, PidNamespace};
