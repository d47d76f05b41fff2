// SPDX-License-Identifier: GPL-2.0-only

//! The configuration: all injections, all disks that are on the scheduler, and the way of a change
//! from the former to the latter.
//!
//! All of it is under one mutex; [`crate::elevator`] has the mutex's place in the lock order.

use crate::{
    disks::{Disks, Plans},
    elevator::Queue,
    injection::{Draft, Injection, InjectionId, OwnerFiles},
    ioem::Ioem,
    lease::end_ns_after,
    plan::Plan,
    policy::{
        attributes::Attribute,
        parse::ParseError,
        settings::{Owner, Settings},
    },
    stats::{Added, Totals},
    sys::{cgroup::Cgroup, clock::now_ns, no_io::NoIo, pid_namespace::Process},
};
use core::ops::{Deref, DerefMut};
use kernel::{
    prelude::*,
    sync::{Arc, ArcBorrow, GlobalGuard},
};

// The configuration is a static because the callbacks of the scheduler have no other way to it, nor
// have the callbacks of the root directory (the kernel crate cannot address the root's data unless
// they are zero-sized). A mutex in a static must be initialized at run time, which the kernel crate
// calls unsafe: this is the only unsafe code outside of `elevator/`, `sys/` and `kernel/`.
kernel::sync::global_lock! {
    // SAFETY: `Lifetime::new` initializes it, before the module registers any code that locks it.
    unsafe(uninit) static CONFIG: Mutex<Config> = Config::new();
}

/// The configured injections, and the disks that they may act on.
pub(crate) struct Config {
    /// Whether injections act at all.
    enabled: bool,
    /// Whether the machine sleeps; then no disk follows its plan.
    is_asleep: bool,
    next_id: u64,
    injections: KVec<Injection>,
    disks: Disks,
}

/// The counts of an injection, for people.
pub(crate) struct InjectionStats<'a> {
    pub(crate) active: bool,
    /// 0 if it has no end.
    pub(crate) remaining_ms: u64,
    /// Whether its PID namespace has no process any more.
    pub(crate) is_pid_namespace_gone: bool,
    pub(crate) errors: u64,
    pub(crate) totals: Totals,
    /// The histogram.
    pub(crate) added: Added,
    /// The name of each disk that is on the scheduler, and the counts there.
    pub(crate) by_disk: KVec<(&'a [u8], Totals)>,
}

/// The locked configuration. While it lives, allocations of the task cause no I/O.
pub(crate) struct Locked {
    // Declared first, so that it unlocks before the scope of `NoIo` ends.
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

/// The lifetime of the configuration: tasks may lock it meanwhile, and its memory goes with this.
pub(crate) struct Lifetime(());

impl Lifetime {
    /// Makes the configuration usable. Only the module's initialization may call this, once.
    pub(crate) fn new() -> Self {
        // SAFETY: The module's initialization runs once, and no code has locked the mutex yet.
        unsafe { CONFIG.init() };
        Self(())
    }
}

impl Drop for Lifetime {
    fn drop(&mut self) {
        // Unloading a module does not drop its statics, and the lists may have memory.
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
            disks: Disks::new(),
        }
    }

    /// Whether injections act at all.
    pub(crate) fn enabled(&self) -> bool {
        self.enabled
    }

    /// Lets all injections act, or none. In the latter case all held I/O goes at once, which needs
    /// no memory and cannot fail.
    ///
    /// # Errors
    ///
    /// ENOMEM or ENOSPC; then nothing has changed.
    pub(crate) fn set_enabled(&mut self, enabled: bool) -> Result {
        if enabled {
            let plans = self.disks.prepare(drafts(true, &self.injections, None))?;
            self.disks.follow(plans, self.is_asleep);
        } else {
            self.disks.follow_nothing(self.is_asleep);
        }
        self.enabled = enabled;
        Ok(())
    }

    /// Has all disks hold nothing while the machine sleeps, and follow their plans again when it is
    /// awake. Needs no memory.
    pub(crate) fn set_asleep(&mut self, is_asleep: bool) {
        self.is_asleep = is_asleep;
        self.disks.tell(is_asleep);
    }

    /// Makes an injection, which has no effect yet.
    ///
    /// # Errors
    ///
    /// ENOMEM.
    pub(crate) fn add_injection(&mut self, name: &CStr) -> Result<InjectionId> {
        let id = InjectionId(self.next_id);
        let mut bytes = KVec::new();
        bytes.extend_from_slice(name.to_bytes(), GFP_KERNEL)?;
        self.injections
            .push(Injection::new(id, bytes)?, GFP_KERNEL)?;
        self.next_id = self.next_id.wrapping_add(1);
        Ok(id)
    }

    /// Ends an injection, and has the entries that it holds judged again without it at once. This
    /// cannot fail.
    pub(crate) fn end_injection(&mut self, id: InjectionId) {
        if let Ok(place) = self.place_of(id) {
            self.injections[place].lease.end();
            // The place was just found.
            let _ = self.injections.remove(place);
        }
        let drafts = drafts(self.enabled, &self.injections, None);
        match self.disks.prepare(drafts) {
            Ok(plans) => self.disks.follow(plans, self.is_asleep),
            // There is no memory for plans without the injection, but its lease in the old plans
            // has ended.
            Err(_) => self.disks.judge_again(id),
        }
        self.disks.forget(id);
    }

    /// The injection of this id.
    pub(crate) fn injection(&self, id: InjectionId) -> Result<&Injection> {
        Ok(&self.injections[self.place_of(id)?])
    }

    /// The name of an injection's directory.
    pub(crate) fn name_of(&self, id: InjectionId) -> &str {
        self.injection(id).map_or("?", Injection::name)
    }

    /// Sets one setting of an injection as `set` does. The setting counts for all I/O from now on,
    /// and held entries are judged again.
    ///
    /// # Errors
    ///
    /// EINVAL, ERANGE, ENOSPC or ENOMEM; then nothing has changed.
    pub(crate) fn set(
        &mut self,
        id: InjectionId,
        attribute: Attribute,
        set: &dyn Fn(&mut Settings) -> Result<(), ParseError>,
    ) -> Result {
        let place = self.place_of(id)?;
        let injection = &self.injections[place];
        let mut settings = *injection.settings;
        set(&mut settings)?;
        let is_new_sequence = attribute == Attribute::Seed;
        let sequence = injection.sequence.wrapping_add(is_new_sequence.into());
        // The new end goes into the draft: an old end that has come would keep the rule out of the
        // new plans.
        let starts = !injection.settings.enabled() && settings.enabled();
        let end_ns = if attribute == Attribute::DurationMs || starts {
            end_ns_after(settings.duration_ns())
        } else {
            injection.lease.end_ns()
        };
        let profile_start_ns = if attribute == Attribute::Profile || starts {
            now_ns()
        } else {
            injection.profile_start_ns
        };
        let draft = Draft {
            settings: &settings,
            sequence,
            end_ns,
            profile_start_ns,
            ..injection.draft()
        };
        let drafts = drafts(self.enabled, &self.injections, Some(draft));
        let prepared = self.disks.prepare(drafts);

        let injection = &mut self.injections[place];
        let plans = prepared.inspect_err(|error| injection.count_error(*error))?;
        // No step from here on can fail.
        *injection.settings = settings;
        injection.sequence = sequence;
        injection.lease.set_end_ns(end_ns);
        injection.profile_start_ns = profile_start_ns;
        self.disks.follow(plans, self.is_asleep);
        if attribute == Attribute::Times {
            let injection = &self.injections[place];
            injection.lease.set_times(injection.settings.times());
        }
        // Plans only refer to the lease: a change of it makes no new plan.
        if starts || matches!(attribute, Attribute::DurationMs | Attribute::Times) {
            self.disks.judge_again(id);
        }
        Ok(())
    }

    /// Has an injection affect only the I/O of this cgroup, for which a user wrote this path.
    ///
    /// # Errors
    ///
    /// ENOSPC or ENOMEM; then nothing has changed.
    pub(crate) fn set_cgroup(
        &mut self,
        id: InjectionId,
        path: KVec<u8>,
        cgroup: Option<Arc<Cgroup>>,
    ) -> Result {
        let place = self.place_of(id)?;
        let cgroup = cgroup.map(|cgroup| self.known_or(cgroup));
        let draft = self.injections[place].draft();
        let owner = Owner {
            cgroup: cgroup.as_ref().map_or(0, |cgroup| cgroup.number()),
            ..draft.owner
        };
        let draft = Draft {
            owner,
            cgroup: cgroup.as_ref(),
            ..draft
        };
        let drafts = drafts(self.enabled, &self.injections, Some(draft));
        let prepared = self.disks.prepare(drafts);
        self.set_owner(place, prepared, |owner| owner.set_cgroup(path, cgroup))
    }

    /// The object that injections already have for the place of this cgroup, else this one. So two
    /// filters of the same place are equal, whatever cgroup was there when a user wrote them. The
    /// known object learns which cgroup is there now: held completions are compared by ids alone.
    fn known_or(&self, cgroup: Arc<Cgroup>) -> Arc<Cgroup> {
        let mut known = self.injections.iter().filter_map(|one| one.owner.cgroup());
        match known.find(|known| known.is_same_place(&cgroup)) {
            Some(known) => {
                known.follow(&cgroup);
                known.clone()
            }
            None => cgroup,
        }
    }

    /// Has an injection affect only the I/O of this process's PID namespace.
    ///
    /// # Errors
    ///
    /// ENOSPC or ENOMEM; then nothing has changed.
    pub(crate) fn set_process(&mut self, id: InjectionId, process: Option<Process>) -> Result {
        let place = self.place_of(id)?;
        let draft = self.injections[place].draft();
        let owner = Owner {
            pid_namespace: process.as_ref().map_or(0, Process::namespace_id),
            ..draft.owner
        };
        let draft = Draft { owner, ..draft };
        let drafts = drafts(self.enabled, &self.injections, Some(draft));
        let prepared = self.disks.prepare(drafts);
        self.set_owner(place, prepared, |owner| owner.set_process(process))
    }

    /// Changes the owner of the injection at this place, for which these plans were prepared.
    fn set_owner(
        &mut self,
        place: usize,
        prepared: Result<Plans>,
        set: impl FnOnce(&mut OwnerFiles),
    ) -> Result {
        let injection = &mut self.injections[place];
        let plans = prepared.inspect_err(|error| injection.count_error(*error))?;
        set(&mut injection.owner);
        self.disks.follow(plans, self.is_asleep);
        Ok(())
    }

    /// The counts of an injection.
    ///
    /// # Errors
    ///
    /// ENOMEM.
    pub(crate) fn stats(&self, id: InjectionId) -> Result<InjectionStats<'_>> {
        let injection = self.injection(id)?;
        let mut totals = injection.past;
        let mut added = Added::new()?;
        added += &injection.past_added;
        let mut by_disk = KVec::new();
        for (disk, stats) in self.disks.stats_of(id) {
            let here = stats.totals();
            totals += &here;
            stats.add_to(&mut added);
            by_disk.push((disk, here), GFP_KERNEL)?;
        }
        let remaining_ns = injection.lease.remaining_ns(now_ns()).unwrap_or(0);
        Ok(InjectionStats {
            active: self.enabled && injection.is_active(),
            remaining_ms: remaining_ns.div_ceil(1_000_000),
            is_pid_namespace_gone: injection.owner.is_pid_namespace_gone(),
            errors: injection.errors,
            totals,
            added,
            by_disk,
        })
    }

    /// Sets the counts of an injection to 0.
    pub(crate) fn reset_stats(&mut self, id: InjectionId) -> Result {
        let place = self.place_of(id)?;
        self.injections[place].past = Totals::ZERO;
        self.injections[place].past_added.clear();
        self.injections[place].errors = 0;
        self.disks.reset_stats(id);
        Ok(())
    }

    fn place_of(&self, id: InjectionId) -> Result<usize> {
        let mut injections = self.injections.iter();
        let place = injections.position(|injection| injection.id == id);
        place.ok_or(ENODEV)
    }

    /// Adds a disk that is switched to the scheduler.
    ///
    /// # Errors
    ///
    /// ENOMEM, and ENOSPC if too many injections would act on it.
    pub(crate) fn attach(&mut self, queue: ArcBorrow<'_, Queue<Ioem>>) -> Result {
        let drafts = drafts(self.enabled, &self.injections, None);
        self.disks.add(queue, drafts)
    }

    /// Removes a disk that leaves the scheduler, and keeps the counts of injections on it.
    pub(crate) fn detach(&mut self, queue: &Queue<Ioem>) {
        for injection in self.injections.iter_mut() {
            if let Some(stats) = self.disks.stats_on(queue, injection.id) {
                injection.past += &stats.totals();
                stats.add_to(&mut injection.past_added);
            }
        }
        self.disks.remove(queue);
    }

    /// The disks that are on the scheduler.
    pub(crate) fn disks(&self) -> &Disks {
        &self.disks
    }

    /// The plan that a disk follows.
    pub(crate) fn plan_of(&self, queue: &Queue<Ioem>) -> Option<Arc<Plan>> {
        self.disks.plan_of(queue).filter(|_| !self.is_asleep)
    }
}

/// The drafts to make plans of: one of each injection, but `changed` in the place of its
/// injection's own; no draft if injections are not enabled.
fn drafts<'a>(
    enabled: bool,
    injections: &'a [Injection],
    changed: Option<Draft<'a>>,
) -> impl Iterator<Item = Draft<'a>> + Clone {
    let active = if enabled { injections } else { &[] };
    active.iter().map(move |injection| {
        let changed = changed.filter(|draft| draft.injection == injection.id);
        changed.unwrap_or_else(|| injection.draft())
    })
}
