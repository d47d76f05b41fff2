// SPDX-License-Identifier: GPL-2.0-only

//! One injection: its settings, whose I/O it is about, and how long it lasts.

use crate::{
    lease::Lease,
    policy::{
        parse::{line, number},
        settings::{Owner, Settings},
    },
    stats::Totals,
    sys::{cgroup::cgroup_id, clock::now_ns, pid_namespace::pid_namespace_id},
};
use kernel::{prelude::*, sync::Arc};

/// The greatest number of a process (`PID_MAX_LIMIT`).
const MOST_PID: u32 = 4_194_304;

/// Where the hierarchy of cgroups is mounted on nearly all systems.
const MOUNT_POINT: &str = "/sys/fs/cgroup";

/// Names an injection for as long as the module is loaded.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct InjectionId(pub(crate) u64);

/// One injection.
pub(crate) struct Injection {
    pub(crate) id: InjectionId,
    /// The name of its directory.
    pub(crate) name: KVec<u8>,
    pub(crate) settings: Settings,
    pub(crate) owner: OwnerFiles,
    /// Grows when the sequence of draws begins anew.
    pub(crate) sequence: u64,
    pub(crate) lease: Arc<Lease>,
    /// What was counted on disks that have left the scheduler.
    pub(crate) past: Totals,
    /// How many changes have found no memory.
    pub(crate) errors: u64,
}

impl Injection {
    /// An injection that does nothing yet. It is large, and nothing here can fail, so that the
    /// compiler makes it where it is kept.
    pub(crate) fn new(id: InjectionId, name: KVec<u8>, lease: Arc<Lease>) -> Self {
        Self {
            id,
            name,
            settings: Settings::new(),
            owner: OwnerFiles::default(),
            sequence: 0,
            lease,
            past: Totals::ZERO,
            errors: 0,
        }
    }

    /// The name of its directory, as far as it is text.
    pub(crate) fn name(&self) -> &str {
        core::str::from_utf8(&self.name).unwrap_or("?")
    }

    /// Whether it may do anything now.
    pub(crate) fn is_active(&self) -> bool {
        self.settings.enabled() && self.lease.is_open(now_ns()) && !self.lease.is_used_up()
    }

    /// What plans are made of, as it is.
    pub(crate) fn draft(&self) -> Draft<'_> {
        Draft {
            injection: self.id,
            settings: &self.settings,
            owner: self.owner.owner,
            sequence: self.sequence,
            lease: &self.lease,
            end_ns: self.lease.end_ns(),
        }
    }

    /// Counts a change that has failed, if it has found no memory.
    pub(crate) fn count_error(&mut self, error: Error) {
        if error == ENOMEM {
            self.errors = self.errors.saturating_add(1);
        }
    }
}

/// What plans are made of: an injection as it is, or as it is about to be if there can be plans.
#[derive(Clone, Copy)]
pub(crate) struct Draft<'a> {
    pub(crate) injection: InjectionId,
    pub(crate) settings: &'a Settings,
    pub(crate) owner: Owner,
    pub(crate) sequence: u64,
    pub(crate) lease: &'a Arc<Lease>,
    /// When the lease ends, or will.
    pub(crate) end_ns: u64,
}

/// The files that say whose I/O is meant, and the ids that they meant when they were written.
#[derive(Default)]
pub(crate) struct OwnerFiles {
    /// Empty if any.
    cgroup_path: KVec<u8>,
    /// 0 if any.
    pid: u32,
    pub(crate) owner: Owner,
}

impl OwnerFiles {
    /// The path and the id that the text of `cgroup` says: a path in the hierarchy, as in
    /// `/proc/PID/cgroup`, or where that is mounted.
    ///
    /// # Errors
    ///
    /// As [`cgroup_id`].
    pub(crate) fn parse_cgroup(text: &[u8]) -> Result<(KVec<u8>, u64)> {
        let text = line(text);
        let mut path = KVec::new();
        if text.is_empty() {
            return Ok((path, 0));
        }
        // A cgroup's path begins with a slash, and a control character could not be shown in one
        // line.
        if text.iter().any(u8::is_ascii_control) || text.first() != Some(&b'/') {
            return Err(EINVAL);
        }
        path.extend_from_slice(text, GFP_KERNEL)?;
        let text = core::str::from_utf8(text).map_err(|_| EINVAL)?;
        let below = text.strip_prefix(MOUNT_POINT);
        let below = below.filter(|below| below.is_empty() || below.starts_with('/'));
        Ok((path, cgroup_id(below.unwrap_or(text))?))
    }

    /// The process and the id that the text of `pid_ns` says.
    ///
    /// # Errors
    ///
    /// As [`pid_namespace_id`], and EINVAL and ERANGE.
    pub(crate) fn parse_pid(text: &[u8]) -> Result<(u32, u64)> {
        let text = line(text);
        if text.is_empty() {
            return Ok((0, 0));
        }
        let pid = number(text, 1, MOST_PID)?;
        Ok((pid, pid_namespace_id(pid as i32)?))
    }

    /// Sets the cgroup of this id, and the path that was written for it.
    pub(crate) fn set_cgroup(&mut self, path: KVec<u8>, id: u64) {
        self.cgroup_path = path;
        self.owner.cgroup = id;
    }

    /// Sets the PID namespace of this id, and the process that was written for it.
    pub(crate) fn set_pid_namespace(&mut self, pid: u32, id: u64) {
        self.pid = pid;
        self.owner.pid_namespace = id;
    }

    /// The path of the cgroup, as it was written.
    pub(crate) fn cgroup_path(&self) -> &str {
        core::str::from_utf8(&self.cgroup_path).unwrap_or("")
    }

    /// The process whose namespace is meant, as it was written.
    pub(crate) fn pid(&self) -> Option<u32> {
        (self.pid != 0).then_some(self.pid)
    }
}
