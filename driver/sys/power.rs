// SPDX-License-Identifier: GPL-2.0-only

//! Suspend and hibernation: when the machine begins to write its data out in order to sleep, and
//! when it is awake again.
//!
//! In between, tasks that are to be frozen, the sync, and the image of hibernation wait for I/O.
//!
//! For hibernation, the kernel calls the notifier before all of that. For suspend, the sync comes
//! before the notifier (`enter_state()`). Therefore a probe listens to the tracepoint of its start,
//! which comes with `system_transition_mutex` held. A task that takes that mutex then knows that
//! the machine is awake, or that it did not go to sleep.
//!
//! C header: [`include/linux/suspend.h`](srctree/include/linux/suspend.h)

use core::marker::PhantomData;
use kernel::{
    bindings,
    error::to_result,
    ffi, impl_has_work, new_mutex, new_work,
    prelude::*,
    str::CStrExt,
    sync::{Arc, ArcBorrow, Mutex},
    types::Opaque,
    workqueue::{self, Work, WorkItem},
};

// Lock classes and lockdep maps have no members unless a kernel is built to debug locks.
#[allow(improper_ctypes)]
extern "C" {
    /// Exported by `EXPORT_TRACEPOINT_SYMBOL_GPL(suspend_resume)`.
    static mut __tracepoint_suspend_resume: bindings::tracepoint;
}

/// A module's part that has to know when the machine sleeps.
pub(crate) trait Sleeper: 'static {
    /// The machine is about to sleep, or it is awake again. Process context, may sleep;
    /// `system_transition_mutex` may be held by a task that waits for this.
    fn set_asleep(is_asleep: bool);
}

/// Tells `T` when the machine sleeps, for as long as this lives.
///
/// # Invariants
///
/// The notifier of what it has is registered, and the rest of that is the data of a probe of the
/// tracepoint.
pub(crate) struct PowerWatch<T: Sleeper>(Arc<Watched<T>>);

/// What is known of the machine's sleep.
#[pin_data]
struct Watched<T: Sleeper> {
    #[pin]
    notifier: Opaque<bindings::notifier_block>,
    #[pin]
    reasons: Mutex<Reasons>,
    #[pin]
    work: Work<Self>,
    /// The module that this is of.
    module: &'static ThisModule,
    _sleeper: PhantomData<T>,
}

/// Why nobody may wait.
#[derive(Clone, Copy, Default)]
struct Reasons {
    /// The machine writes its data out, to sleep after that.
    syncs: bool,
    /// It is on its way to sleep, asleep, or on its way back.
    sleeps: bool,
}

// SAFETY: The notifier is the kernel's once it is registered, and any task may register and
// unregister it.
unsafe impl<T: Sleeper> Send for Watched<T> {}
// SAFETY: As above; the rest is `Sync`.
unsafe impl<T: Sleeper> Sync for Watched<T> {}

impl<T: Sleeper> Watched<T> {
    /// Changes the reasons, and tells the scheduler if there is one now and was none, or the other
    /// way round. May sleep.
    fn change(&self, change: impl FnOnce(&mut Reasons)) {
        let mut reasons = self.reasons.lock();
        let sleeps = |reasons: &Reasons| reasons.syncs || reasons.sleeps;
        let before = sleeps(&reasons);
        change(&mut reasons);
        let now = sleeps(&reasons);
        if now != before {
            T::set_asleep(now);
        }
    }
}

impl<T: Sleeper> WorkItem for Watched<T> {
    type Pointer = Arc<Self>;

    fn run(this: Arc<Self>) {
        this.change(|reasons| reasons.syncs = true);
        // SAFETY: A worker that cannot be frozen may wait for the mutex, which is free when the
        // machine is awake again. It is held since before this work was queued, so that this does
        // not keep the machine from going to sleep.
        unsafe { bindings::unlock_system_sleep(bindings::lock_system_sleep()) };
        this.change(|reasons| reasons.syncs = false);
        // SAFETY: The reference is of `traced`. After it, the module may be unloaded, which waits
        // for the end of this work.
        unsafe { bindings::module_put(this.module.as_ptr()) };
    }
}

impl_has_work! {
    impl{T: Sleeper} HasWork<Self> for Watched<T> { self.work }
}

impl<T: Sleeper> PowerWatch<T> {
    /// Begins to tell. May sleep.
    ///
    /// # Errors
    ///
    /// ENOMEM.
    pub(crate) fn new(module: &'static ThisModule) -> Result<Self> {
        let watched = Arc::pin_init(
            pin_init!(Watched {
                notifier <- Opaque::ffi_init(|slot: *mut bindings::notifier_block| {
                    // SAFETY: The slot is valid for writing; zero is a value of each field.
                    unsafe {
                        slot.write(core::mem::zeroed());
                        (*slot).notifier_call = Some(Self::notified);
                    }
                }),
                reasons <- new_mutex!(Reasons::default(), "power_watch"),
                work <- new_work!("power_watch"),
                module: module,
                _sleeper: PhantomData,
            }),
            GFP_KERNEL,
        )?;
        let notifier = watched.notifier.get();
        // SAFETY: The notifier is complete, and stays where it is until `drop` has unregistered it.
        to_result(unsafe { bindings::register_pm_notifier(notifier) })?;
        // SAFETY: The probe has the arguments of the tracepoint, and its data stay until `drop` has
        // unregistered it.
        let probed = to_result(unsafe {
            bindings::tracepoint_probe_register(
                &raw mut __tracepoint_suspend_resume,
                Self::traced as *mut ffi::c_void,
                Arc::as_ptr(&watched).cast_mut().cast(),
            )
        });
        if let Err(error) = probed {
            // SAFETY: It was just registered.
            unsafe { bindings::unregister_pm_notifier(notifier) };
            return Err(error);
        }
        // INVARIANT: Both are registered.
        Ok(Self(watched))
    }

    /// # Safety
    ///
    /// Called by the kernel's power management only, for the registered notifier: in process
    /// context, may sleep.
    unsafe extern "C" fn notified(
        notifier: *mut bindings::notifier_block,
        event: ffi::c_ulong,
        _data: *mut ffi::c_void,
    ) -> ffi::c_int {
        let sleeps = match event as u32 {
            bindings::PM_HIBERNATION_PREPARE
            | bindings::PM_SUSPEND_PREPARE
            | bindings::PM_RESTORE_PREPARE => true,
            bindings::PM_POST_HIBERNATION
            | bindings::PM_POST_SUSPEND
            | bindings::PM_POST_RESTORE => false,
            // `NOTIFY_DONE`: nothing that is known here.
            _ => return 0,
        };
        // SAFETY: By this function's requirements the notifier is a field of what this has, which
        // lives meanwhile.
        let watched =
            unsafe { &*kernel::container_of!(Opaque::cast_from(notifier), Watched<T>, notifier) };
        watched.change(|reasons| reasons.sleeps = sleeps);
        0
    }

    /// # Safety
    ///
    /// Called by the tracepoint only, with its arguments, and the data that it was registered with.
    unsafe extern "C" fn traced(
        watched: *mut ffi::c_void,
        action: *const ffi::c_char,
        _value: ffi::c_int,
        start: bool,
    ) {
        // SAFETY: By this function's requirements the text ends in NUL, and stays while this runs.
        let action = unsafe { CStr::from_char_ptr(action) };
        if start && action.to_bytes() == b"sync_filesystems" {
            // SAFETY: By this function's requirements the data are of an `Arc` that lives
            // meanwhile.
            let watched = unsafe { ArcBorrow::from_raw(watched.cast_const().cast::<Watched<T>>()) };
            // Without it, who unloads the module would wait until the machine is awake, and could
            // not be frozen.
            let module = watched.module.as_ptr();
            // SAFETY: This module is valid while a probe of it runs.
            if !unsafe { bindings::try_module_get(module) } {
                return;
            }
            // If it was queued before, that is as good.
            if workqueue::system_unbound()
                .enqueue(Arc::from(watched))
                .is_err()
            {
                // SAFETY: The reference was just taken; the queued work has another one.
                unsafe { bindings::module_put(module) };
            }
        }
    }
}

impl<T: Sleeper> Drop for PowerWatch<T> {
    fn drop(&mut self) {
        // SAFETY: By the invariants both are registered. After the grace period no probe runs: it
        // waits for those that are running, as `tracepoint_synchronize_unregister()` does. Then no
        // work is queued any more. All of these may sleep.
        unsafe {
            bindings::unregister_pm_notifier(self.0.notifier.get());
            bindings::tracepoint_probe_unregister(
                &raw mut __tracepoint_suspend_resume,
                Self::traced as *mut ffi::c_void,
                Arc::as_ptr(&self.0).cast_mut().cast(),
            );
            bindings::synchronize_srcu(&raw mut bindings::tracepoint_srcu);
            bindings::synchronize_rcu();
            if bindings::cancel_work_sync(Work::raw_get(&raw const self.0.work)) {
                // The work that does not run any more had a reference.
                drop(Arc::from_raw(Arc::as_ptr(&self.0)));
            }
        }
    }
}
