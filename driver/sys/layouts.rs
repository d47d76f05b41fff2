// SPDX-License-Identifier: GPL-2.0-only

//! Structures of cgroups and namespaces, as the kernel that is built for lays them out.
//!
//! `make` generates them from the kernel's own type information (BTF), after comparing every field
//! that is used with `layouts.contract`; a kernel that differs stops the build.

#![allow(dead_code)]
// The generated file imports names that other contracts need.
#![allow(unused_imports)]

include!("layouts/generated.rs");
