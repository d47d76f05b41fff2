// SPDX-License-Identifier: GPL-2.0-only

//! All injections, all disks that are on the scheduler, and how a change of the first reaches the second.
//!
//! Everything here is under one mutex; its place in the lock order is told in [`crate::elevator`].

use crate::{
    elevator::{now_ns, DiskInfo, NoIo, Queue},
    injection::{Injection, InjectionId, Lease},
    plan::Plan,
    policy::{attributes::Attribute, settings::Settings},
    rule::RuleSpec,
    scheduler::{HctxData, Ioem},
    stats::{Stats, Totals},
};
use core::ops::{Deref, DerefMut};
use kernel::{
    prelude::*,
    sync::{Arc, ArcBorrow, GlobalGuard},
};

// The scheduler's callbacks and the root directory's (whose data the kernel crate cannot address unless it is zero-sized)
// have nowhere else to find it. A mutex in a static must be initialized at run time, which the kernel crate calls unsafe:
// this is the one place outside of `elevator/` that is.
kernel::sync::global_lock! {
    // SAFETY: `Lifetime::new` initializes it, before anything that locks it is registered.
    unsafe(uninit) static CONFIG: Mutex<Config> = Config::new();
}

/// A disk that is on the scheduler.
struct Disk {
    queue: Arc<Queue<Ioem>>,
    info: DiskInfo,
    plan: Option<Arc<Plan>>,
    stats: KVec<DiskStats>,
}

/// The counters of one injection on one disk.
struct DiskStats {
    injection: InjectionId,
    stats: Arc<Stats>,
    /// What was counted before counting began anew.
    base: Totals,
}

/// What is configured, and for whom.
pub(crate) struct Config {
    /// Whether any injection does anything.
    enabled: bool,
    /// Whether the machine sleeps, so that no disk follows its plan.
    is_asleep: bool,
    next_id: u64,
    injections: KVec<Injection>,
    disks: KVec<Disk>,
}

/// What people may know of what an injection did.
pub(crate) struct InjectionStats<'a> {
    pub(crate) active: bool,
    /// 0 if it has no end.
    pub(crate) remaining_ms: u64,
    pub(crate) errors: u64,
    pub(crate) totals: Totals,
    disks: &'a [Disk],
    injection: InjectionId,
}

/// The locked configuration. While this lives, allocations of the task cause no I/O.
pub(crate) struct Locked {
    // Unlocks before the scope of `NoIo` ends.
    config: GlobalGuard<CONFIG>,
    _no_io: NoIo,
}

/// Locks the configuration. Process context.
pub(crate) fn lock() -> Locked {
    let no_io = NoIo::new();
    Locked {
        config: CONFIG.lock(),
        _no_io: no_io,
    }
}

impl Deref for Locked {
    type Target = Config;

    fn deref(&self) -> &Config {
        &self.config
    }
}

impl DerefMut for Locked {
    fn deref_mut(&mut self) -> &mut Config {
        &mut self.config
    }
}

/// The configuration can be locked while this lives; its memory goes with it.
pub(crate) struct Lifetime(());

impl Lifetime {
    /// Makes the configuration usable. Called once, by the module's initialization.
    pub(crate) fn new() -> Self {
        // SAFETY: The module's initialization runs once, and nothing has locked it yet.
        unsafe { CONFIG.init() };
        Self(())
    }
}

impl Drop for Lifetime {
    fn drop(&mut self) {
        // A static is not dropped when a module goes, but its lists have memory even when they are empty.
        *lock() = Config::new();
    }
}

impl Config {
    const fn new() -> Self {
        Self {
            enabled: true,
            is_asleep: false,
            next_id: 0,
            injections: KVec::new(),
            disks: KVec::new(),
        }
    }

    /// Whether any injection does anything.
    pub(crate) fn enabled(&self) -> bool {
        self.enabled
    }

    /// Lets all injections work, or none: then everything that is held goes at once, which needs no memory and cannot fail.
    ///
    /// # Errors
    ///
    /// ENOMEM or ENOSPC, and nothing has changed.
    pub(crate) fn set_enabled(&mut self, enabled: bool) -> Result {
        let before = core::mem::replace(&mut self.enabled, enabled);
        if !enabled {
            self.release_all();
            return Ok(());
        }
        self.apply().inspect_err(|_| self.enabled = before)
    }

    /// Has all disks hold nothing while the machine sleeps, and follow their plans again afterwards.
    /// Needs no memory.
    pub(crate) fn set_asleep(&mut self, is_asleep: bool) {
        self.is_asleep = is_asleep;
        for disk in &self.disks {
            disk.tell(is_asleep);
        }
    }

    /// Makes an injection, which does nothing yet.
    ///
    /// # Errors
    ///
    /// ENOMEM.
    pub(crate) fn add_injection(&mut self, name: &CStr) -> Result<InjectionId> {
        let id = InjectionId(self.next_id);
        let mut bytes = KVec::new();
        bytes.extend_from_slice(name.to_bytes(), GFP_KERNEL)?;
        let injection = Injection::new(id, bytes, Lease::new()?);
        self.injections.push(injection, GFP_KERNEL)?;
        self.next_id = self.next_id.wrapping_add(1);
        Ok(id)
    }

    /// Ends an injection. What it holds is judged again without it, at once; this cannot fail.
    pub(crate) fn end_injection(&mut self, id: InjectionId) {
        if let Some(place) = self.place_of(id) {
            self.injections[place].lease.end();
            // The place was just found.
            let _ = self.injections.remove(place);
        }
        if self.apply().is_err() {
            // No memory for plans without it: the old ones know that it has ended.
            self.judge_again(id);
        }
        for disk in self.disks.iter_mut() {
            disk.stats.retain(|counters| counters.injection != id);
        }
    }

    /// The injection of this id.
    pub(crate) fn injection(&self, id: InjectionId) -> Result<&Injection> {
        let place = self.place_of(id).ok_or(ENODEV)?;
        Ok(&self.injections[place])
    }

    /// The name of an injection's directory.
    pub(crate) fn name_of(&self, id: InjectionId) -> &str {
        self.injection(id).map_or("?", Injection::name)
    }

    /// Sets one setting of an injection to what `text` says. It works for all I/O from now on, and what is held is judged
    /// again.
    ///
    /// # Errors
    ///
    /// EINVAL, ERANGE, ENOSPC or ENOMEM, and nothing has changed.
    pub(crate) fn set(&mut self, id: InjectionId, attribute: Attribute, text: &[u8]) -> Result {
        let place = self.place_of(id).ok_or(ENODEV)?;
        let injection = &mut self.injections[place];
        let before = injection.settings;
        injection.settings.set(attribute, text)?;
        let sequence = injection.sequence;
        if attribute == Attribute::Seed {
            injection.sequence = sequence.wrapping_add(1);
        }
        // An end that has come must not keep the new plans from having the rule.
        let starts = !before.enabled() && injection.settings.enabled();
        let end_ns = injection.lease.end_ns();
        if attribute == Attribute::DurationMs || starts {
            injection.renew();
        }
        if let Err(error) = self.apply() {
            let injection = &mut self.injections[place];
            injection.settings = before;
            injection.sequence = sequence;
            let renewed = injection.lease.end_ns() != end_ns;
            injection.lease.set_end_ns(end_ns);
            self.count_error(place, error);
            if renewed {
                // Those who have already seen the other end.
                self.judge_again(id);
            }
            return Err(error);
        }
        if attribute == Attribute::Times {
            let injection = &self.injections[place];
            injection.lease.set_times(injection.settings.times());
        }
        // What has changed there is in no plan, but followed by all.
        if starts || matches!(attribute, Attribute::DurationMs | Attribute::Times) {
            self.judge_again(id);
        }
        Ok(())
    }

    /// Sets whose I/O an injection is about: the cgroup of this id, and the path that was written for it.
    ///
    /// # Errors
    ///
    /// ENOSPC or ENOMEM, and nothing has changed.
    pub(crate) fn set_cgroup(&mut self, id: InjectionId, path: KVec<u8>, cgroup: u64) -> Result {
        let place = self.place_of(id).ok_or(ENODEV)?;
        let (path, cgroup) = self.injections[place].owner.swap_cgroup(path, cgroup);
        self.apply().inspect_err(|error| {
            let _ = self.injections[place].owner.swap_cgroup(path, cgroup);
            self.count_error(place, *error);
        })
    }

    /// Sets whose I/O an injection is about: the PID namespace of this id, and the process that was written for it.
    ///
    /// # Errors
    ///
    /// ENOSPC or ENOMEM, and nothing has changed.
    pub(crate) fn set_pid_namespace(&mut self, id: InjectionId, pid: u32, ns: u64) -> Result {
        let place = self.place_of(id).ok_or(ENODEV)?;
        let (pid, ns) = self.injections[place].owner.swap_pid(pid, ns);
        self.apply().inspect_err(|error| {
            self.injections[place].owner.swap_pid(pid, ns);
            self.count_error(place, *error);
        })
    }

    fn count_error(&mut self, place: usize, error: Error) {
        if error == ENOMEM {
            let errors = &mut self.injections[place].errors;
            *errors = errors.saturating_add(1);
        }
    }

    /// Counts what an injection did.
    pub(crate) fn stats(&self, id: InjectionId) -> Result<InjectionStats<'_>> {
        let injection = self.injection(id)?;
        let mut totals = injection.past;
        for counters in self.disks.iter().filter_map(|disk| disk.stats_of(id)) {
            totals += &counters.totals();
        }
        let remaining_ns = injection.lease.remaining_ns(now_ns()).unwrap_or(0);
        Ok(InjectionStats {
            active: self.enabled && injection.is_active(),
            remaining_ms: remaining_ns.div_ceil(1_000_000),
            errors: injection.errors,
            totals,
            disks: &self.disks,
            injection: id,
        })
    }

    /// Begins to count anew.
    pub(crate) fn reset_stats(&mut self, id: InjectionId) -> Result {
        let place = self.place_of(id).ok_or(ENODEV)?;
        self.injections[place].past = Totals::ZERO;
        self.injections[place].errors = 0;
        for disk in self.disks.iter_mut() {
            for counters in disk
                .stats
                .iter_mut()
                .filter(|counters| counters.injection == id)
            {
                counters.base = counters.stats.totals().base();
            }
        }
        Ok(())
    }

    /// For each disk whose requests an injection delays, how many I/Os a second its tags and the mean
    /// delay allow at most.
    pub(crate) fn ceilings(&self, id: InjectionId) -> impl Iterator<Item = (&[u8], u64)> {
        self.disks.iter().filter_map(move |disk| {
            let plan = disk.plan.as_deref()?;
            let delay_ns = plan.mean_delay_ns(id).filter(|delay_ns| *delay_ns > 0)?;
            let iops = disk.queue.tags().saturating_mul(1_000_000_000) / delay_ns;
            plan.holds_requests_of(id)
                .then_some((disk.info.name(), iops))
        })
    }

    fn place_of(&self, id: InjectionId) -> Option<usize> {
        self.injections
            .iter()
            .position(|injection| injection.id == id)
    }

    /// A disk was switched to the scheduler.
    ///
    /// # Errors
    ///
    /// ENOMEM, and ENOSPC if too many injections would act on it.
    pub(crate) fn attach(&mut self, queue: ArcBorrow<'_, Queue<Ioem>>) -> Result {
        let mut disk = Disk {
            queue: queue.into(),
            info: queue.disk_info(),
            plan: None,
            stats: KVec::new(),
        };
        disk.plan = disk.plan_for(if self.enabled { &self.injections } else { &[] })?;
        self.disks.push(disk, GFP_KERNEL)?;
        Ok(())
    }

    /// A disk leaves the scheduler.
    pub(crate) fn detach(&mut self, queue: &Queue<Ioem>) {
        let left = |disk: &Disk| core::ptr::eq(&*disk.queue, queue);
        for disk in self.disks.iter().filter(|disk| left(disk)) {
            for injection in self.injections.iter_mut() {
                if let Some(counters) = disk.stats_of(injection.id) {
                    injection.past += &counters.totals();
                }
            }
        }
        self.disks.retain(|disk| !left(disk));
    }

    /// Visits all disks that are on the scheduler.
    pub(crate) fn for_each_queue(&self, mut visit: impl FnMut(&Queue<Ioem>)) {
        self.disks.iter().for_each(|disk| visit(&disk.queue));
    }

    /// The plan that a disk follows.
    pub(crate) fn plan_of(&self, queue: &Queue<Ioem>) -> Option<Arc<Plan>> {
        let disk = self
            .disks
            .iter()
            .find(|disk| core::ptr::eq(&*disk.queue, queue))?;
        disk.plan.clone().filter(|_| !self.is_asleep)
    }

    /// Brings the plans of all disks up to date: all of them, or on an error none.
    fn apply(&mut self) -> Result {
        let mut plans = KVec::with_capacity(self.disks.len(), GFP_KERNEL)?;
        let Self {
            enabled,
            injections,
            disks,
            ..
        } = self;
        let active: &[Injection] = if *enabled { injections } else { &[] };
        for disk in disks.iter_mut() {
            plans.push(disk.plan_for(active)?, GFP_KERNEL)?;
        }
        // From here on nothing fails.
        for (disk, plan) in self.disks.iter_mut().zip(plans) {
            if !Plan::same(plan.as_deref(), disk.plan.as_deref()) {
                disk.plan = plan;
                disk.tell(self.is_asleep);
            }
        }
        Ok(())
    }

    /// Has everything judged again that an injection may hold, since its end has changed.
    fn judge_again(&self, id: InjectionId) {
        for disk in &self.disks {
            if disk.plan.as_ref().is_some_and(|plan| plan.has(id)) {
                disk.queue.for_each_hw_queue(HctxData::judge_again);
            }
        }
    }

    fn release_all(&mut self) {
        for disk in self.disks.iter_mut() {
            disk.plan = None;
            disk.tell(self.is_asleep);
        }
    }
}

impl Disk {
    /// Has all hardware queues follow the plan, or none while the machine sleeps. One that is added
    /// just now takes it when it gets the lock.
    fn tell(&self, is_asleep: bool) {
        self.queue.for_each_hw_queue(|hw_queue| {
            HctxData::follow(hw_queue, self.plan.clone().filter(|_| !is_asleep));
        });
    }

    /// The plan that these injections make for this disk; where they count is made ready, too.
    fn plan_for(&mut self, injections: &[Injection]) -> Result<Option<Arc<Plan>>> {
        let now_ns = now_ns();
        for injection in injections {
            if self.is_reached_by(injection, now_ns) && self.stats_of(injection.id).is_none() {
                let counters = DiskStats {
                    injection: injection.id,
                    stats: Stats::new(self.info.hw_queues)?,
                    base: Totals::ZERO,
                };
                self.stats.push(counters, GFP_KERNEL)?;
            }
        }
        let specs = injections
            .iter()
            .filter(|injection| self.is_reached_by(injection, now_ns))
            .filter_map(|injection| self.spec(injection));
        Plan::new(specs, self.plan.as_deref())
    }

    /// Whether an injection can do something to this disk.
    fn is_reached_by(&self, injection: &Injection, now_ns: u64) -> bool {
        let settings = &injection.settings;
        (settings.delay().is_some() || settings.limit().is_some())
            && injection.lease.is_open(now_ns)
            && settings.reaches(&self.info.as_disk())
    }

    fn spec<'a>(&'a self, injection: &'a Injection) -> Option<RuleSpec<'a>> {
        let settings: &Settings = &injection.settings;
        let filter = settings.filter(&self.info.as_disk(), injection.owner.owner)?;
        Some(RuleSpec {
            injection: injection.id,
            filter,
            sampler: settings.sampler(),
            way: settings.way(),
            delay: settings.delay(),
            limit: settings.limit(),
            seed: settings.seed(),
            sequence: injection.sequence,
            lease: &injection.lease,
            stats: &self.stats_of(injection.id)?.stats,
        })
    }

    fn stats_of(&self, id: InjectionId) -> Option<&DiskStats> {
        self.stats.iter().find(|counters| counters.injection == id)
    }
}

impl DiskStats {
    /// What was counted since counting began.
    fn totals(&self) -> Totals {
        let mut totals = self.stats.totals();
        totals -= &self.base;
        totals
    }
}

impl InjectionStats<'_> {
    /// What was counted on each disk that is on the scheduler.
    pub(crate) fn by_disk(&self) -> impl Iterator<Item = (&[u8], Totals)> {
        self.disks.iter().filter_map(|disk| {
            let counters = disk.stats_of(self.injection)?;
            Some((disk.info.name(), counters.totals()))
        })
    }
}
