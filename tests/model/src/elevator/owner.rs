// SPDX-License-Identifier: GPL-2.0-only

//! Who submits I/O: one process, in no cgroup.

use crate::{bindings, prelude::*};

pub(crate) struct Lineage;

impl Lineage {
    pub(crate) unsafe fn of(_: *mut bindings::bio) -> Self {
        Self
    }

    pub(crate) fn len(&self) -> u32 {
        0
    }

    pub(crate) fn ids(&self) -> impl Iterator<Item = u64> {
        std::iter::empty()
    }
}

pub(crate) unsafe fn is_split_off(_: *mut bindings::bio) -> bool {
    false
}

pub(crate) unsafe fn bio_is_in_cgroup(_: *mut bindings::bio, _: u64) -> bool {
    false
}

pub(crate) fn cgroup_id(_: &str) -> Result<u64> {
    Err(EINVAL)
}

pub(crate) fn pid_namespace_id(_: i32) -> Result<u64> {
    Err(EINVAL)
}
