// SPDX-License-Identifier: GPL-2.0-only

//! Who submits I/O: one process, in no cgroup.

use crate::{bindings, prelude::*};

/// As the driver's.
#[expect(dead_code, reason = "the requests here remember their process")]
pub(crate) enum Remember {
    Nothing,
    Process,
    ProcessAndNamespace,
}

pub(crate) fn current_process() -> usize {
    1
}

pub(crate) fn current_pid_namespace_id() -> u64 {
    1
}

pub(crate) fn current_is_in_cgroup(_: u64) -> Option<bool> {
    Some(false)
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
