// SPDX-License-Identifier: GPL-2.0-only

//! One injection: its settings, the owner of the I/O that it affects, and its lease.

use crate::{
    lease::Lease,
    policy::{
        parse::{line, number},
        settings::{Owner, Settings},
    },
    stats::{Added, Totals},
    sys::{cgroup::cgroup_id, clock::now_ns, pid_namespace::pid_namespace_id},
};
use kernel::{prelude::*, sync::Arc};

/// The upper bound of process numbers (`PID_MAX_LIMIT`).
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
    /// On the heap, as they are large.
    pub(crate) settings: KBox<Settings>,
    pub(crate) owner: OwnerFiles,
    /// Grows when the sequence of draws has to begin again.
    pub(crate) sequence: u64,
    pub(crate) lease: Arc<Lease>,
    /// The counts on disks that have left the scheduler.
    pub(crate) past: Totals,
    pub(crate) past_added: Added,
    /// How many changes have failed for lack of memory.
    pub(crate) errors: u64,
}

impl Injection {
    /// An injection that does nothing yet.
    ///
    /// # Errors
    ///
    /// ENOMEM.
    pub(crate) fn new(id: InjectionId, name: KVec<u8>) -> Result<Self> {
        Ok(Self {
            id,
            name,
            settings: default_settings()?,
            owner: OwnerFiles::default(),
            sequence: 0,
            lease: Lease::new()?,
            past: Totals::ZERO,
            past_added: Added::new()?,
            errors: 0,
        })
    }

    /// The name of its directory, as far as it is text.
    pub(crate) fn name(&self) -> &str {
        core::str::from_utf8(&self.name).unwrap_or("?")
    }

    /// Whether it may affect I/O now.
    pub(crate) fn is_active(&self) -> bool {
        self.settings.enabled() && self.lease.is_open(now_ns()) && !self.lease.is_used_up()
    }

    /// The draft of this injection, unchanged.
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

    /// Counts a change that has failed, if it failed for lack of memory.
    pub(crate) fn count_error(&mut self, error: Error) {
        if error == ENOMEM {
            self.errors = self.errors.saturating_add(1);
        }
    }
}

/// The settings of a new injection; not inlined, as they take much of the stack.
#[inline(never)]
fn default_settings() -> Result<KBox<Settings>> {
    Ok(KBox::new(Settings::new(), GFP_KERNEL)?)
}

/// The data of an injection from which plans are made: either its present data, or its new data if
/// the plans can be made.
#[derive(Clone, Copy)]
pub(crate) struct Draft<'a> {
    pub(crate) injection: InjectionId,
    pub(crate) settings: &'a Settings,
    pub(crate) owner: Owner,
    pub(crate) sequence: u64,
    pub(crate) lease: &'a Arc<Lease>,
    /// When the lease ends, after the change.
    pub(crate) end_ns: u64,
}

/// The texts of the files `cgroup` and `pid_ns`, and the ids that the kernel had for them when a
/// user wrote the files.
#[derive(Default)]
pub(crate) struct OwnerFiles {
    /// Empty for any cgroup.
    cgroup_path: KVec<u8>,
    /// 0 for any process.
    pid: u32,
    pub(crate) owner: Owner,
}

impl OwnerFiles {
    /// Reads the text of `cgroup`, and looks its id up. The text is a path in the hierarchy, as in
    /// `/proc/PID/cgroup`, or one below the mount point.
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
        // A cgroup's path begins with a slash, and a file cannot show a control character in one
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

    /// Reads the text of `pid_ns`, and looks the id of the process's namespace up.
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

    /// Sets the id of the cgroup, and the path that a user wrote for it.
    pub(crate) fn set_cgroup(&mut self, path: KVec<u8>, id: u64) {
        self.cgroup_path = path;
        self.owner.cgroup = id;
    }

    /// Sets the id of the PID namespace, and the process that a user wrote for it.
    pub(crate) fn set_pid_namespace(&mut self, pid: u32, id: u64) {
        self.pid = pid;
        self.owner.pid_namespace = id;
    }

    /// The path of the cgroup, as a user wrote it.
    pub(crate) fn cgroup_path(&self) -> &str {
        core::str::from_utf8(&self.cgroup_path).unwrap_or("")
    }

    /// The process that stands for its namespace, as a user wrote it.
    pub(crate) fn pid(&self) -> Option<u32> {
        (self.pid != 0).then_some(self.pid)
    }
}
