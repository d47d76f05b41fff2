// SPDX-License-Identifier: GPL-2.0-only

//! One injection: its settings, the owner of the I/O that it affects, and its lease.

use crate::{
    lease::Lease,
    policy::{
        parse::{line, number},
        settings::{Owner, Settings},
    },
    stats::{Added, Totals},
    sys::{cgroup::Cgroup, clock::now_ns, pid_namespace::Process},
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
    /// When the first step of the profile began.
    pub(crate) profile_start_ns: u64,
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
            profile_start_ns: 0,
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
            cgroup: self.owner.cgroup(),
            sequence: self.sequence,
            lease: &self.lease,
            end_ns: self.lease.end_ns(),
            profile_start_ns: self.profile_start_ns,
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
    /// The cgroup of `owner`.
    pub(crate) cgroup: Option<&'a Arc<Cgroup>>,
    pub(crate) sequence: u64,
    pub(crate) lease: &'a Arc<Lease>,
    /// When the lease ends, after the change.
    pub(crate) end_ns: u64,
    /// When the first step of the profile began, after the change.
    pub(crate) profile_start_ns: u64,
}

/// The cgroup of the file `cgroup`, the process of the file `pid_ns`, the number of that cgroup's
/// place, and the id of that process's namespace.
#[derive(Default)]
pub(crate) struct OwnerFiles {
    /// As a user wrote it; empty for any cgroup.
    cgroup_path: KVec<u8>,
    cgroup: Option<Arc<Cgroup>>,
    /// `None` for any process.
    process: Option<Process>,
    pub(crate) owner: Owner,
}

impl OwnerFiles {
    /// Reads the text of `cgroup`, and looks the cgroup up. The text is a path in the hierarchy, as
    /// in `/proc/PID/cgroup`, or one below the mount point.
    ///
    /// # Errors
    ///
    /// As [`Cgroup::at`].
    pub(crate) fn parse_cgroup(text: &[u8]) -> Result<(KVec<u8>, Option<Arc<Cgroup>>)> {
        let text = line(text);
        let mut path = KVec::new();
        if text.is_empty() {
            return Ok((path, None));
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
        Ok((path, Some(Cgroup::at(below.unwrap_or(text))?)))
    }

    /// Reads the text of `pid_ns`, and looks the process up.
    ///
    /// # Errors
    ///
    /// As [`Process::numbered`], and EINVAL and ERANGE.
    pub(crate) fn parse_pid(text: &[u8]) -> Result<Option<Process>> {
        let text = line(text);
        if text.is_empty() {
            return Ok(None);
        }
        let number = number(text, 1, MOST_PID)?;
        Process::numbered(number as i32).map(Some)
    }

    /// Sets the cgroup, and the path that a user wrote for it.
    pub(crate) fn set_cgroup(&mut self, path: KVec<u8>, cgroup: Option<Arc<Cgroup>>) {
        self.cgroup_path = path;
        self.owner.cgroup = cgroup.as_ref().map_or(0, |cgroup| cgroup.number());
        self.cgroup = cgroup;
    }

    /// Sets the process that a user wrote for its PID namespace.
    pub(crate) fn set_process(&mut self, process: Option<Process>) {
        self.owner.pid_namespace = process.as_ref().map_or(0, Process::namespace_id);
        self.process = process;
    }

    /// The cgroup.
    pub(crate) fn cgroup(&self) -> Option<&Arc<Cgroup>> {
        self.cgroup.as_ref()
    }

    /// The path of the cgroup, as a user wrote it.
    pub(crate) fn cgroup_path(&self) -> &str {
        core::str::from_utf8(&self.cgroup_path).unwrap_or("")
    }

    /// The process that stands for its namespace.
    pub(crate) fn process(&self) -> Option<&Process> {
        self.process.as_ref()
    }

    /// Whether it is of a PID namespace in which no process is left.
    pub(crate) fn is_pid_namespace_gone(&self) -> bool {
        self.process().is_some_and(Process::is_namespace_gone)
    }
}
