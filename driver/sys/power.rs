// SPDX-License-Identifier: GPL-2.0-only

//! Suspend and hibernation: when the kernel begins to sync in order to sleep, and when the machine
//! is awake again.
//!
//! In between, the kernel waits for I/O: for the sync, for tasks that it freezes, and for the image
//! of hibernation.
//!
//! For hibernation, the kernel calls the notifier before all of that. For suspend, the sync comes
//! before the notifier (`enter_state()`). Therefore a probe listens to the tracepoint at the sync's
//! start, which the kernel passes with `system_transition_mutex` held. A task that takes that mutex
//! later knows that the machine is awake again, or did not go to sleep.
//!
//! C header: [`include/linux/suspend.h`](srctree/include/linux/suspend.h)

use super::layouts::tracepoint_synchronize_unregister;
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

/// The part of a module that has to know when the machine sleeps.
pub(crate) trait Sleeper: 'static {
    /// Called when the machine is about to sleep, and when it is awake again. Process context, may
    /// sleep; a task that waits for this call may hold `system_transition_mutex`.
    fn set_asleep(is_asleep: bool);
}

/// Calls `T` when the machine is about to sleep or awake again, for as long as it lives.
///
/// # Invariants
///
/// The notifier of the [`Watched`] is registered, and the `Watched` is the data of a registered
/// probe of the tracepoint.
pub(crate) struct PowerWatch<T: Sleeper>(Arc<Watched<T>>);

/// The data of a [`PowerWatch`].
#[pin_data]
struct Watched<T: Sleeper> {
    #[pin]
    notifier: Opaque<bindings::notifier_block>,
    #[pin]
    reasons: Mutex<Reasons>,
    #[pin]
    work: Work<Self>,
    /// The module that owns this.
    module: &'static ThisModule,
    _sleeper: PhantomData<T>,
}

/// The reasons why no task may have to wait for held I/O.
#[derive(Clone, Copy, Default)]
struct Reasons {
    /// The kernel syncs, and will suspend after that.
    syncs: bool,
    /// The machine is on its way to sleep, asleep, or on its way back.
    sleeps: bool,
}

// SAFETY: The notifier belongs to the kernel once it is registered, and any task may register and
// unregister it.
unsafe impl<T: Sleeper> Send for Watched<T> {}
// SAFETY: As above; the other fields are `Sync`.
unsafe impl<T: Sleeper> Sync for Watched<T> {}

impl<T: Sleeper> Watched<T> {
    /// Changes the reasons, and calls `T` if there is a reason now and was none before, or the
    /// other way round. May sleep.
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
        // SAFETY: A worker that the kernel does not freeze may wait for the mutex, which is free
        // when the machine is awake again. The mutex was held before this work was queued, so the
        // worker does not keep the machine from going to sleep.
        unsafe { bindings::unlock_system_sleep(bindings::lock_system_sleep()) };
        this.change(|reasons| reasons.syncs = false);
        // SAFETY: `traced` took the reference. Without it, the module may be unloaded, which waits
        // for the end of this work.
        unsafe { bindings::module_put(this.module.as_ptr()) };
    }
}

impl_has_work! {
    impl{T: Sleeper} HasWork<Self> for Watched<T> { self.work }
}

impl<T: Sleeper> PowerWatch<T> {
    /// Registers the notifier and the probe. May sleep.
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
        // SAFETY: The notifier is complete, and does not move until `drop` has unregistered it.
        to_result(unsafe { bindings::register_pm_notifier(notifier) })?;
        // SAFETY: The probe has the arguments of the tracepoint, and its data stay valid until
        // `drop` has unregistered it.
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
    /// Only the kernel's power management may call this, for the registered notifier: in process
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
            // `NOTIFY_DONE`: another event.
            _ => return 0,
        };
        // SAFETY: By this function's requirements the notifier is a field of a `Watched`, which
        // lives as long as the notifier is registered.
        let watched =
            unsafe { &*kernel::container_of!(Opaque::cast_from(notifier), Watched<T>, notifier) };
        watched.change(|reasons| reasons.sleeps = sleeps);
        0
    }

    /// # Safety
    ///
    /// Only the tracepoint may call this, with its arguments, and the data with which the probe was
    /// registered.
    unsafe extern "C" fn traced(
        watched: *mut ffi::c_void,
        action: *const ffi::c_char,
        _value: ffi::c_int,
        start: bool,
    ) {
        // SAFETY: By this function's requirements the text ends in NUL, and stays valid while this
        // runs.
        let action = unsafe { CStr::from_char_ptr(action) };
        if start && action.to_bytes() == b"sync_filesystems" {
            // SAFETY: By this function's requirements the data are those of an `Arc` that lives
            // meanwhile.
            let watched = unsafe { ArcBorrow::from_raw(watched.cast_const().cast::<Watched<T>>()) };
            // Without the reference, a task that unloads the module would wait for the work until
            // the machine is awake, and so the kernel could not freeze the task.
            let module = watched.module.as_ptr();
            // SAFETY: This module is valid while a probe of it runs.
            if !unsafe { bindings::try_module_get(module) } {
                return;
            }
            // If the work is queued already, that serves as well.
            if workqueue::system_long()
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
        // SAFETY: By the invariants both are registered. After the probes that are running have
        // ended, no probe queues the work. All of these functions may sleep, and so may this one.
        unsafe {
            bindings::unregister_pm_notifier(self.0.notifier.get());
            bindings::tracepoint_probe_unregister(
                &raw mut __tracepoint_suspend_resume,
                Self::traced as *mut ffi::c_void,
                Arc::as_ptr(&self.0).cast_mut().cast(),
            );
            tracepoint_synchronize_unregister();
            if bindings::cancel_work_sync(Work::raw_get(&raw const self.0.work)) {
                // The cancelled work had a reference, and one of the module.
                drop(Arc::from_raw(Arc::as_ptr(&self.0)));
                bindings::module_put(self.0.module.as_ptr());
            }
        }
    }
}
