// SPDX-License-Identifier: GPL-2.0-only

//! The registration of a scheduler, which makes it available to disks for as long as it lives.

use super::{
    cpus::CpuWatch,
    layouts::{elv_register, elv_unregister, ElevatorType},
    vtable::VTable,
    Elevator,
};
use kernel::{prelude::*, types::Opaque};

/// A registered scheduler.
///
/// A disk may be switched to it as soon as this exists, so everything that the scheduler uses must
/// exist before. While a disk is on it, the block layer holds a reference of the module. So a
/// module that keeps the registration until it is unloaded drops it when no disk uses it. It must
/// not drop it earlier: nothing in the module's initialization that comes after it may fail.
///
/// # Invariants
///
/// `elevator_type` is in the block layer's list of schedulers.
#[pin_data(PinnedDrop)]
pub(crate) struct Registration<E: Elevator> {
    #[pin]
    elevator_type: Opaque<ElevatorType>,
    // Dropped after `drop` has unregistered the scheduler.
    _cpus: CpuWatch<E>,
}

// SAFETY: A shared reference to a registration allows nothing.
unsafe impl<E: Elevator> Sync for Registration<E> {}
// SAFETY: A scheduler may be unregistered by any task.
unsafe impl<E: Elevator> Send for Registration<E> {}

impl<E: Elevator> Registration<E> {
    /// Registers the scheduler.
    ///
    /// # Errors
    ///
    /// EBUSY if there is a scheduler of this name already; ENOSPC and ENOMEM.
    pub(crate) fn new(module: &'static ThisModule) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            _cpus: CpuWatch::new()?,
            elevator_type <- Opaque::try_ffi_init(move |slot: *mut ElevatorType| {
                // SAFETY: The slot is valid for writing.
                unsafe { slot.write(VTable::<E>::elevator_type(module)) };
                // SAFETY: The structure is complete, pinned, and unregistered before it goes.
                // INVARIANT: It is registered if this succeeds, and otherwise there is no object.
                kernel::error::to_result(unsafe { elv_register(slot) })
            }),
        })
    }
}

#[pinned_drop]
impl<E: Elevator> PinnedDrop for Registration<E> {
    fn drop(self: Pin<&mut Self>) {
        // SAFETY: By the invariants it is registered. No disk uses it: see the type's
        // documentation.
        unsafe { elv_unregister(self.elevator_type.get()) };
    }
}
