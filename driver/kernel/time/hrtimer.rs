// SPDX-License-Identifier: GPL-2.0-only

//! Timers with the exactness of the clock.
//!
//! C header: [`include/linux/hrtimer.h`](srctree/include/linux/hrtimer.h)

use super::{Instant, Monotonic};
use crate::{
    bindings,
    init::{pin_init_from_closure, PinInit},
    sync::{Arc, ArcBorrow},
    types::Opaque,
};
use core::marker::PhantomData;

/// A timer of a `T` that is in an [`Arc`].
#[repr(transparent)]
pub struct HrTimer<T> {
    timer: Opaque<bindings::hrtimer>,
    _of: PhantomData<T>,
}

// SAFETY: Any task may use a timer, and several may at once.
unsafe impl<T> Send for HrTimer<T> {}
// SAFETY: As above.
unsafe impl<T> Sync for HrTimer<T> {}

impl<T: HasHrTimer<T> + HrTimerCallback> HrTimer<T> {
    /// A timer that is not started.
    #[allow(clippy::new_ret_no_self)]
    pub fn new() -> impl PinInit<Self> {
        // SAFETY: The slot is valid and pinned, and C initializes all of it.
        unsafe {
            pin_init_from_closure(|slot: *mut Self| {
                bindings::hrtimer_setup(
                    slot.cast(),
                    Some(run::<T>),
                    bindings::CLOCK_MONOTONIC as bindings::clockid_t,
                    T::Mode::C_MODE,
                );
                Ok(())
            })
        }
    }
}

/// Whether a timer starts again after its callback.
#[repr(u32)]
pub enum HrTimerRestart {
    /// It does not.
    NoRestart = bindings::hrtimer_restart_HRTIMER_NORESTART,
    /// It does.
    Restart = bindings::hrtimer_restart_HRTIMER_RESTART,
}

/// The timer of a callback; the driver does nothing with it.
pub struct HrTimerCallbackContext<'a, T>(PhantomData<&'a T>);

/// The callback of a timer.
pub trait HrTimerCallback: Sized {
    /// The kind of pointer by which the timer has the object: [`Arc`].
    type Pointer<'a>;

    /// Called when the time has come.
    fn run(this: ArcBorrow<'_, Self>, context: HrTimerCallbackContext<'_, Self>) -> HrTimerRestart;
}

/// How a timer takes its time.
pub trait HrTimerMode {
    /// The mode in C.
    const C_MODE: bindings::hrtimer_mode;
    /// The clock.
    type Clock;
}

/// The time is one of a clock.
pub struct AbsoluteMode<C>(PhantomData<C>);

impl<C> HrTimerMode for AbsoluteMode<C> {
    const C_MODE: bindings::hrtimer_mode = bindings::hrtimer_mode_HRTIMER_MODE_ABS;
    type Clock = C;
}

/// An object with a timer.
///
/// # Safety
///
/// `OFFSET` must be the offset of a field of the type `HrTimer<T>`.
pub unsafe trait HasHrTimer<T> {
    /// The timer's offset.
    const OFFSET: usize;
    /// How it takes its time.
    type Mode: HrTimerMode;

    /// The timer of C.
    ///
    /// # Safety
    ///
    /// `this` must be valid.
    unsafe fn c_timer_ptr(this: *const Self) -> *const bindings::hrtimer
    where
        Self: Sized,
    {
        // SAFETY: By this function's requirements the field is in the same object.
        unsafe { this.byte_add(Self::OFFSET).cast() }
    }
}

/// # Safety
///
/// Only a started timer may call this.
unsafe extern "C" fn run<T: HasHrTimer<T> + HrTimerCallback>(
    timer: *mut bindings::hrtimer,
) -> bindings::hrtimer_restart {
    // SAFETY: The timer is a field of an object in an `Arc`, of which a handle keeps a reference
    // until the timer is cancelled.
    let this = unsafe { ArcBorrow::from_raw(timer.byte_sub(T::OFFSET).cast::<T>().cast_const()) };
    T::run(this, HrTimerCallbackContext(PhantomData)) as bindings::hrtimer_restart
}

/// A pointer of an object with a timer.
pub trait HrTimerPointer: Sized {
    /// The handle of the started timer.
    type TimerHandle;

    /// Starts the timer.
    fn start(self, time: Instant<Monotonic>) -> Self::TimerHandle;
}

/// A timer that was started. Its drop cancels it, and waits for its callback.
///
/// # Invariants
///
/// The timer is initialized.
pub struct ArcHrTimerHandle<T: HasHrTimer<T>>(Arc<T>);

impl<T: HasHrTimer<T> + Send + Sync + 'static> HrTimerPointer for Arc<T> {
    type TimerHandle = ArcHrTimerHandle<T>;

    fn start(self, time: Instant<Monotonic>) -> ArcHrTimerHandle<T> {
        // SAFETY: The object is valid, and its timer was initialized with it. The handle cancels
        // it before it gives the reference back.
        unsafe {
            let timer = T::c_timer_ptr(Arc::as_ptr(&self)).cast_mut();
            bindings::hrtimer_start_range_ns(timer, time.as_nanos(), 0, T::Mode::C_MODE);
        }
        ArcHrTimerHandle(self)
    }
}

impl<T: HasHrTimer<T>> Drop for ArcHrTimerHandle<T> {
    fn drop(&mut self) {
        // SAFETY: By the invariants.
        unsafe { bindings::hrtimer_cancel(T::c_timer_ptr(Arc::as_ptr(&self.0)).cast_mut()) };
    }
}

/// Says which field of a type is its timer.
#[macro_export]
macro_rules! impl_has_hr_timer {
    (
        impl{$($generics:tt)*} HasHrTimer<$of:ty> for $type:ty {
            mode: $mode:ty, field: self.$field:ident $(,)?
        }
    ) => {
        // SAFETY: The compiler checks the type of the field.
        unsafe impl<$($generics)*> $crate::time::hrtimer::HasHrTimer<$of> for $type {
            const OFFSET: usize = {
                const fn is_timer<T>(_: *const $crate::time::hrtimer::HrTimer<T>) {}
                let object = ::core::mem::MaybeUninit::<Self>::uninit();
                // SAFETY: The place is in the object; it is not read.
                is_timer::<$of>(unsafe { &raw const (*object.as_ptr()).$field });
                ::core::mem::forget(object);
                ::core::mem::offset_of!(Self, $field)
            };
            type Mode = $mode;
        }
    };
}
