// SPDX-License-Identifier: GPL-2.0-only

//! One injection: its settings, whose I/O it is about, and how long it lasts.

use crate::{
    elevator::{
        atomic::{AtomicU32, AtomicU64, Relaxed},
        cgroup_id, now_ns, pid_namespace_id, Clock,
    },
    policy::{
        parse::{line, number},
        settings::{Owner, Settings},
    },
    stats::Totals,
};
use kernel::{prelude::*, sync::Arc};

/// The time of an end that never comes.
const NEVER: u64 = u64::MAX;

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
    /// Grows when the sequence of draws is to begin anew.
    pub(crate) sequence: u64,
    pub(crate) lease: Arc<Lease>,
    /// What was counted on disks that have left the scheduler.
    pub(crate) past: Totals,
    /// How many changes have found no memory.
    pub(crate) errors: u64,
}

impl Injection {
    /// An injection that does nothing yet. It is large, and nothing here can fail, so that it is
    /// made where it is kept.
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

    /// Begins its lease anew.
    pub(crate) fn renew(&self) {
        let end_ns = self.settings.duration_ns();
        let end_ns = end_ns.map_or(NEVER, |duration_ns| now_ns().saturating_add(duration_ns));
        self.lease.set_end_ns(end_ns);
    }
}

/// How long an injection does anything, and how often. The I/O path reads it without a lock.
pub(crate) struct Lease {
    end_ns: AtomicU64,
    /// How many I/Os are affected; 0 is no end.
    times: AtomicU32,
    /// How many were, if there is an end; some more than `times` once it has come.
    affected: AtomicU64,
}

impl Lease {
    /// A lease without an end.
    ///
    /// # Errors
    ///
    /// ENOMEM.
    pub(crate) fn new() -> Result<Arc<Self>> {
        let lease = Self {
            end_ns: AtomicU64::new(NEVER),
            times: AtomicU32::new(0),
            affected: AtomicU64::new(0),
        };
        Ok(Arc::new(lease, GFP_KERNEL)?)
    }

    /// When the injection ends.
    #[inline]
    pub(crate) fn end_ns(&self) -> u64 {
        // Relaxed: who changes it has all hardware queues judge again.
        self.end_ns.load(Relaxed)
    }

    /// Changes when the injection ends.
    pub(crate) fn set_end_ns(&self, end_ns: u64) {
        self.end_ns.store(end_ns, Relaxed);
    }

    /// Whether the injection has not ended at this time.
    #[inline]
    pub(crate) fn is_open(&self, now_ns: u64) -> bool {
        now_ns < self.end_ns()
    }

    /// As [`Lease::is_open`] at the time of a clock, which is only asked if there is an end.
    #[inline]
    pub(crate) fn is_open_by(&self, clock: &mut Clock) -> bool {
        let end_ns = self.end_ns();
        end_ns == NEVER || clock.now_ns() < end_ns
    }

    /// Ends the injection. Needs no memory.
    pub(crate) fn end(&self) {
        self.set_end_ns(0);
    }

    /// How long the injection lasts, in nanoseconds, if it has an end.
    pub(crate) fn remaining_ns(&self, now_ns: u64) -> Option<u64> {
        let end_ns = self.end_ns();
        (end_ns != NEVER).then(|| end_ns.saturating_sub(now_ns))
    }

    /// Whether the affected I/Os are counted.
    pub(crate) fn counts(&self) -> bool {
        self.times.load(Relaxed) > 0
    }

    /// Has so many I/Os affected from now on; 0 is no end.
    pub(crate) fn set_times(&self, times: u32) {
        self.affected.store(0, Relaxed);
        self.times.store(times, Relaxed);
    }

    fn is_used_up(&self) -> bool {
        let times = u64::from(self.times.load(Relaxed));
        times > 0 && self.affected.load(Relaxed) >= times
    }

    /// Whether one more I/O is affected; it is counted.
    #[inline]
    pub(crate) fn take_one(&self) -> bool {
        let times = u64::from(self.times.load(Relaxed));
        times == 0 || self.affected.fetch_add(1, Relaxed) < times
    }
}

/// The files that say whose I/O is meant, and what they meant when they were written.
#[derive(Default)]
pub(crate) struct OwnerFiles {
    /// Empty if any.
    cgroup_path: KVec<u8>,
    /// 0 if any.
    pid: u32,
    pub(crate) owner: Owner,
}

impl OwnerFiles {
    /// What the text of `cgroup` says: a path in the hierarchy, as in `/proc/PID/cgroup`, or where that is mounted.
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
        // What is no path cannot be one of a cgroup; nor what could not be shown as one line.
        if text.iter().any(u8::is_ascii_control) || text.first() != Some(&b'/') {
            return Err(EINVAL);
        }
        path.extend_from_slice(text, GFP_KERNEL)?;
        let text = core::str::from_utf8(text).map_err(|_| EINVAL)?;
        let below = text.strip_prefix(MOUNT_POINT);
        let below = below.filter(|below| below.is_empty() || below.starts_with('/'));
        Ok((path, cgroup_id(below.unwrap_or(text))?))
    }

    /// What the text of `pid_ns` says.
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

    /// Sets the cgroup; gives back what was set before.
    pub(crate) fn swap_cgroup(&mut self, path: KVec<u8>, id: u64) -> (KVec<u8>, u64) {
        (
            core::mem::replace(&mut self.cgroup_path, path),
            core::mem::replace(&mut self.owner.cgroup, id),
        )
    }

    /// Sets the PID namespace; gives back what was set before.
    pub(crate) fn swap_pid(&mut self, pid: u32, id: u64) -> (u32, u64) {
        (
            core::mem::replace(&mut self.pid, pid),
            core::mem::replace(&mut self.owner.pid_namespace, id),
        )
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
