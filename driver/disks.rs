// SPDX-License-Identifier: GPL-2.0-only

//! The disks that are on the scheduler: the plan that each follows, and the counters of injections
//! on it.

use crate::{
    elevator::{DiskInfo, Queue},
    ending::Ending,
    injection::{Draft, InjectionId},
    ioem::Ioem,
    lanes::LanesSpec,
    plan::{mean::Means, Plan},
    policy::{device, limits::Saved},
    rule::RuleSpec,
    scheduler::HctxData,
    stats::{Added, Stats, Totals},
    sys::clock::now_ns,
};
use kernel::{
    prelude::*,
    sync::{Arc, ArcBorrow},
};

/// All disks that are on the scheduler.
pub(crate) struct Disks(KVec<Disk>);

struct Disk {
    queue: Arc<Queue<Ioem>>,
    info: DiskInfo,
    plan: Option<Arc<Plan>>,
    stats: KVec<DiskStats>,
}

/// The counters of one injection on one disk.
pub(crate) struct DiskStats {
    injection: InjectionId,
    stats: Arc<Stats>,
    /// The counts at the last reset, to subtract.
    base: Totals,
    base_added: Added,
}

/// A plan for each disk, in the order of the disks.
pub(crate) struct Plans(KVec<Option<Arc<Plan>>>);

impl Disks {
    /// No disk.
    pub(crate) const fn new() -> Self {
        Self(KVec::new())
    }

    /// Adds a disk, with a plan of these injections.
    ///
    /// # Errors
    ///
    /// ENOMEM, and ENOSPC if too many injections would act on it.
    pub(crate) fn add<'a>(
        &mut self,
        queue: ArcBorrow<'_, Queue<Ioem>>,
        drafts: impl Iterator<Item = Draft<'a>> + Clone,
    ) -> Result {
        let mut disk = Disk {
            queue: queue.into(),
            info: queue.disk_info()?,
            plan: None,
            stats: KVec::new(),
        };
        disk.plan = disk.plan_for(drafts)?;
        Ok(self.0.push(disk, GFP_KERNEL)?)
    }

    /// Forgets a disk.
    pub(crate) fn remove(&mut self, queue: &Queue<Ioem>) {
        self.0.retain(|disk| !disk.is(queue));
    }

    /// Makes the plans of all disks for these injections; the disks do not follow them yet.
    ///
    /// # Errors
    ///
    /// ENOMEM, and ENOSPC if too many injections would act on a disk; then nothing has changed.
    pub(crate) fn prepare<'a>(
        &mut self,
        drafts: impl Iterator<Item = Draft<'a>> + Clone,
    ) -> Result<Plans> {
        let mut known = KVec::with_capacity(self.0.len(), GFP_KERNEL)?;
        for disk in &self.0 {
            known.push(disk.stats.len(), GFP_KERNEL)?;
        }
        self.plans_for(drafts).inspect_err(|_| {
            // No plan will use the new counters.
            for (disk, known) in self.0.iter_mut().zip(known) {
                disk.stats.truncate(known);
            }
        })
    }

    fn plans_for<'a>(&mut self, drafts: impl Iterator<Item = Draft<'a>> + Clone) -> Result<Plans> {
        let mut plans = KVec::with_capacity(self.0.len(), GFP_KERNEL)?;
        for disk in self.0.iter_mut() {
            plans.push(disk.plan_for(drafts.clone())?, GFP_KERNEL)?;
        }
        Ok(Plans(plans))
    }

    /// Has all disks follow prepared plans.
    pub(crate) fn follow(&mut self, plans: Plans, is_asleep: bool) {
        for (disk, plan) in self.0.iter_mut().zip(plans.0) {
            if !Plan::same(plan.as_deref(), disk.plan.as_deref()) {
                disk.plan = plan;
                disk.tell(is_asleep);
            }
        }
    }

    /// Has all disks follow no plan. Needs no memory.
    pub(crate) fn follow_nothing(&mut self, is_asleep: bool) {
        for disk in self.0.iter_mut() {
            disk.plan = None;
            disk.tell(is_asleep);
        }
    }

    /// Has the hardware queues of all disks follow the disk's plan, or none while the machine
    /// sleeps.
    pub(crate) fn tell(&self, is_asleep: bool) {
        self.0.iter().for_each(|disk| disk.tell(is_asleep));
    }

    /// Has all entries that an injection may hold judged again, since its end has changed.
    pub(crate) fn judge_again(&self, id: InjectionId) {
        for disk in &self.0 {
            if disk.plan.as_ref().is_some_and(|plan| plan.has(id)) {
                disk.queue.for_each_hctx(HctxData::judge_again);
            }
        }
    }

    /// Forgets the counters of an injection.
    pub(crate) fn forget(&mut self, id: InjectionId) {
        for disk in self.0.iter_mut() {
            disk.stats.retain(|stats| stats.injection != id);
        }
    }

    /// Sets the counts of an injection to 0.
    pub(crate) fn reset_stats(&mut self, id: InjectionId) {
        let all = self.0.iter_mut().flat_map(|disk| disk.stats.iter_mut());
        for stats in all.filter(|stats| stats.injection == id) {
            stats.base = stats.stats.totals().base();
            stats.base_added.clear();
            stats.stats.add_to(&mut stats.base_added);
        }
    }

    /// The name of each disk, and an injection's counters on it.
    pub(crate) fn stats_of(&self, id: InjectionId) -> impl Iterator<Item = (&[u8], &DiskStats)> {
        self.0.iter().filter_map(move |disk| {
            let stats = disk.stats_of(id)?;
            Some((disk.info.name(), stats))
        })
    }

    /// How much the limits of an injection have saved on each disk, which may be nothing.
    pub(crate) fn saved_by(&self, id: InjectionId) -> impl Iterator<Item = (&[u8], Saved)> {
        let now_ns = now_ns();
        self.0.iter().filter_map(move |disk| {
            let rule = disk.plan.as_deref()?.rule_of(id)?;
            Some((disk.info.name(), rule.saved(now_ns)))
        })
    }

    /// An injection's counters on one disk.
    pub(crate) fn stats_on(&self, queue: &Queue<Ioem>, id: InjectionId) -> Option<&DiskStats> {
        self.disk_of(queue)?.stats_of(id)
    }

    /// For each disk whose requests an injection delays, how many matching I/Os a second the disk's
    /// tags and all delays there allow at most: by Little's law, its tags by the mean time for
    /// which an I/O has one. It is 0 if some requests wait without an end, as these soon have all
    /// tags.
    pub(crate) fn ceilings(&self, id: InjectionId) -> impl Iterator<Item = (&[u8], u64)> {
        let mut means = Means::at(now_ns());
        self.0.iter().filter_map(move |disk| {
            let plan = disk.plan.as_deref()?;
            let hold_ns = plan.mean_hold_ns(id, &mut means)?;
            let iops = match hold_ns {
                u64::MAX => 0,
                _ => {
                    let a_second = |slots: u64, ns: u64| {
                        slots.saturating_mul(1_000_000_000).div_ceil(ns.max(1))
                    };
                    let by_tags = a_second(disk.queue.tags(), hold_ns);
                    let lanes = plan.lanes_of(id, &mut means);
                    lanes.map_or(by_tags, |(lanes, ns)| by_tags.min(a_second(lanes, ns)))
                }
            };
            Some((disk.info.name(), iops))
        })
    }

    /// Visits all disks.
    pub(crate) fn for_each_queue(&self, mut visit: impl FnMut(&Queue<Ioem>)) {
        self.0.iter().for_each(|disk| visit(&disk.queue));
    }

    /// Some disk.
    pub(crate) fn any(&self) -> Option<DiskInfo> {
        self.0.first().map(|disk| disk.info)
    }

    /// The plan of a disk.
    pub(crate) fn plan_of(&self, queue: &Queue<Ioem>) -> Option<Arc<Plan>> {
        self.disk_of(queue)?.plan.clone()
    }

    fn disk_of(&self, queue: &Queue<Ioem>) -> Option<&Disk> {
        self.0.iter().find(|disk| disk.is(queue))
    }
}

impl Disk {
    fn is(&self, queue: &Queue<Ioem>) -> bool {
        core::ptr::eq(&*self.queue, queue)
    }

    /// Has all hardware queues follow the plan, or no plan while the machine sleeps. A hardware
    /// queue that is being added takes the plan when it gets the lock of the configuration.
    fn tell(&self, is_asleep: bool) {
        self.queue.for_each_hctx(|hctx| {
            HctxData::follow(hctx, self.plan.clone().filter(|_| !is_asleep));
        });
    }

    /// Makes the plan of these injections for this disk, and the counters that the plan needs.
    fn plan_for<'a>(
        &mut self,
        drafts: impl Iterator<Item = Draft<'a>> + Clone,
    ) -> Result<Option<Arc<Plan>>> {
        let now_ns = now_ns();
        for draft in drafts.clone() {
            let id = draft.injection;
            if self.is_reached_by(&draft, now_ns) && self.stats_of(id).is_none() {
                let stats = DiskStats {
                    injection: id,
                    stats: Stats::new(self.info.hw_queues)?,
                    base: Totals::ZERO,
                    base_added: Added::new()?,
                };
                self.stats.push(stats, GFP_KERNEL)?;
            }
        }
        let specs = drafts
            .filter(|draft| self.is_reached_by(draft, now_ns))
            .filter_map(|draft| self.spec(&draft));
        Plan::new(specs, self.plan.as_deref())
    }

    /// The result of `look` at this disk in the form that filters take.
    fn in_policy<T>(&self, look: impl FnOnce(&device::Disk<'_>) -> T) -> T {
        look(&device::Disk {
            name: self.info.name(),
            major: self.info.major,
            first_minor: self.info.first_minor,
            minors: self.info.minors,
        })
    }

    /// Whether an injection has an effect and may act on this disk.
    fn is_reached_by(&self, draft: &Draft<'_>, now_ns: u64) -> bool {
        let settings = draft.settings;
        settings.has_effect()
            && now_ns < draft.end_ns
            && self.in_policy(|disk| settings.reaches(disk))
    }

    fn spec<'a>(&'a self, draft: &Draft<'a>) -> Option<RuleSpec<'a>> {
        let settings = draft.settings;
        Some(RuleSpec {
            injection: draft.injection,
            filter: self.in_policy(|disk| settings.filter(disk, draft.owner))?,
            cgroup: draft.cgroup,
            sampler: settings.sampler(),
            way: settings.way(),
            delay: settings.delay(),
            limits: settings.limits(),
            lanes: LanesSpec {
                count: settings.lanes(),
                mechanics: settings.mechanics(self.info.sectors),
            },
            profile: settings.profile(),
            profile_start_ns: draft.profile_start_ns,
            ending: settings.ending().and_then(|ending| Ending::of(ending).ok()),
            seed: settings.seed(),
            sequence: draft.sequence,
            lease: draft.lease,
            stats: &self.stats_of(draft.injection)?.stats,
        })
    }

    fn stats_of(&self, id: InjectionId) -> Option<&DiskStats> {
        self.stats.iter().find(|stats| stats.injection == id)
    }
}

impl DiskStats {
    /// The counts since the last reset.
    pub(crate) fn totals(&self) -> Totals {
        let mut totals = self.stats.totals();
        totals -= &self.base;
        totals
    }

    /// Adds the histogram since then to these sums.
    pub(crate) fn add_to(&self, sums: &mut Added) {
        self.stats.add_to(sums);
        *sums -= &self.base_added;
    }
}
