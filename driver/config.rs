// SPDX-License-Identifier: GPL-2.0-only

//! All injections, all disks that are on the scheduler, and how a change of the first reaches the second.
//!
//! Everything here is under one mutex; its place in the lock order is told in [`crate::elevator`].

use crate::{
    elevator::{NoIo, Queue},
    plan::Plan,
    policy::settings::{Attribute, Settings},
    scheduler::{HwState, Ioem},
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

/// Names an injection for as long as the module is loaded.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct InjectionId(u64);

/// One injection.
pub(crate) struct Injection {
    pub(crate) id: InjectionId,
    pub(crate) settings: Settings,
}

/// A disk that is on the scheduler.
struct Disk {
    queue: Arc<Queue<Ioem>>,
    plan: Option<Arc<Plan>>,
}

/// What is configured, and for whom.
pub(crate) struct Config {
    /// Whether any injection does anything.
    enabled: bool,
    next_id: u64,
    injections: KVec<Injection>,
    disks: KVec<Disk>,
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
    /// ENOMEM, and nothing has changed.
    pub(crate) fn set_enabled(&mut self, enabled: bool) -> Result {
        let before = core::mem::replace(&mut self.enabled, enabled);
        if !enabled {
            self.release_all();
            return Ok(());
        }
        self.apply().inspect_err(|_| self.enabled = before)
    }

    /// Makes an injection, which does nothing yet.
    ///
    /// # Errors
    ///
    /// ENOMEM.
    pub(crate) fn add_injection(&mut self) -> Result<InjectionId> {
        let id = InjectionId(self.next_id);
        self.injections.push(
            Injection {
                id,
                settings: Settings::new(),
            },
            GFP_KERNEL,
        )?;
        self.next_id = self.next_id.wrapping_add(1);
        Ok(id)
    }

    /// Ends an injection. What it holds is judged again without it, at once; this cannot fail.
    pub(crate) fn end_injection(&mut self, id: InjectionId) {
        if let Some(place) = self.place_of(id) {
            // The place was just found.
            let _ = self.injections.remove(place);
        }
        for disk in self.disks.iter() {
            if let Some(plan) = &disk.plan {
                plan.end(id);
            }
        }
        if self.apply().is_err() {
            // No memory for plans without it: the old ones know that it has ended.
            for disk in self.disks.iter() {
                disk.queue.for_each_hw_queue(HwState::judge_again);
            }
        }
    }

    /// The settings of an injection.
    pub(crate) fn settings(&self, id: InjectionId) -> Result<Settings> {
        let place = self.place_of(id).ok_or(ENODEV)?;
        Ok(self.injections[place].settings)
    }

    /// Sets one setting of an injection to what `text` says. It works for all I/O from now on, and what is held is judged
    /// again.
    ///
    /// # Errors
    ///
    /// EINVAL, ERANGE or ENOMEM, and nothing has changed.
    pub(crate) fn set(&mut self, id: InjectionId, attribute: Attribute, text: &[u8]) -> Result {
        let place = self.place_of(id).ok_or(ENODEV)?;
        let before = self.injections[place].settings;
        self.injections[place].settings = before.with(attribute, text)?;
        self.apply()
            .inspect_err(|_| self.injections[place].settings = before)
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
    /// ENOMEM.
    pub(crate) fn attach(&mut self, queue: ArcBorrow<'_, Queue<Ioem>>) -> Result {
        let disk = Disk {
            queue: queue.into(),
            plan: Plan::new(self.active(), None)?,
        };
        self.disks.push(disk, GFP_KERNEL)?;
        Ok(())
    }

    /// A disk leaves the scheduler.
    pub(crate) fn detach(&mut self, queue: &Queue<Ioem>) {
        self.disks
            .retain(|disk| !core::ptr::eq(&*disk.queue, queue));
    }

    /// The plan of a disk.
    pub(crate) fn plan_of(&self, queue: &Queue<Ioem>) -> Option<Arc<Plan>> {
        let disk = self
            .disks
            .iter()
            .find(|disk| core::ptr::eq(&*disk.queue, queue))?;
        disk.plan.clone()
    }

    /// The injections that may do something.
    fn active(&self) -> &[Injection] {
        if self.enabled {
            &self.injections
        } else {
            &[]
        }
    }

    /// Brings the plans of all disks up to date: all of them, or on an error none.
    fn apply(&mut self) -> Result {
        let mut plans = KVec::with_capacity(self.disks.len(), GFP_KERNEL)?;
        for disk in self.disks.iter() {
            plans.push(Plan::new(self.active(), disk.plan.as_deref())?, GFP_KERNEL)?;
        }
        // From here on nothing fails.
        for (disk, plan) in self.disks.iter_mut().zip(plans) {
            if !Plan::same(plan.as_deref(), disk.plan.as_deref()) {
                disk.follow(plan);
            }
        }
        Ok(())
    }

    fn release_all(&mut self) {
        for disk in self.disks.iter_mut() {
            disk.follow(None);
        }
    }
}

impl Disk {
    /// Has all hardware queues follow another plan. One that is added just now takes it when it gets the lock.
    fn follow(&mut self, plan: Option<Arc<Plan>>) {
        self.plan = plan;
        self.queue
            .for_each_hw_queue(|hw_queue| HwState::follow(hw_queue, self.plan.clone()));
    }
}
