// SPDX-License-Identifier: GPL-2.0-only

//! Structures of cgroups and namespaces, as the target kernel lays them out, and functions that are
//! inline in C.
//!
//! `make` generates them from the kernel's own type information (BTF). It first compares every
//! field that `layouts.contract` names with the kernel's; a difference stops the build.

#![allow(dead_code)]
// The generated file imports names that other contracts need.
#![allow(unused_imports)]

#[cfg(not(own_kernel_crate))]
include!("layouts/generated.rs");

/// The ancestor of a cgroup at a level, which may be its own.
///
/// # Safety
///
/// `cgroup` must be valid, and `level` not above its own.
#[cfg(not(own_kernel_crate))]
pub(super) unsafe fn cgroup_ancestor(
    cgroup: *mut bindings::cgroup,
    level: i32,
) -> *mut bindings::cgroup {
    // SAFETY: By this function's requirements. `ancestors`, for which the headers' crate has no
    // name, has an entry for each level up to the cgroup's own.
    unsafe {
        let ancestors = (&raw const (*cgroup).__bindgen_anon_1.__bindgen_anon_1)
            .cast::<*mut bindings::cgroup>();
        ancestors.add(level as usize).read()
    }
}

/// Waits for probes of tracepoints that are running, of which some may not be registered any more.
///
/// # Safety
///
/// The caller may sleep.
#[cfg(not(own_kernel_crate))]
pub(super) unsafe fn tracepoint_synchronize_unregister() {
    // SAFETY: By this function's requirements. As the inline function of C, which also waits for
    // probes of system calls; this module has none.
    unsafe {
        bindings::synchronize_srcu(&raw mut bindings::tracepoint_srcu);
        bindings::synchronize_rcu();
    }
}

#[cfg(own_kernel_crate)]
pub(super) use kernel::bindings::{
    bio_blkcg_css, cgroup_ancestor, tracepoint_synchronize_unregister, CgroupNamespace, NsCommon,
    PidNamespace,
};
