// SPDX-License-Identifier: GPL-2.0-only

//! Processors that go offline: the block layer waits for all requests of a hardware queue when its
//! last processor goes offline.
//!
//! It holds the lock of processor hotplug meanwhile (`blk_mq_hctx_notify_offline()`). It freezes
//! nothing, so without this watch it would wait for requests that a scheduler holds. By the order
//! of hotplug states, the kernel calls the block layer's callback after the ones that are
//! registered here.
//!
//! C header: [`include/linux/cpuhotplug.h`](srctree/include/linux/cpuhotplug.h)

use super::Elevator;
use core::marker::PhantomData;
use kernel::{bindings, error::to_result, ffi, prelude::*};

/// Keeps the hardware queues of the scheduler `E` informed of processors that come and go, for as
/// long as it lives.
///
/// # Invariants
///
/// `state` is registered with the callbacks of this type.
pub(super) struct CpuWatch<E: Elevator> {
    state: bindings::cpuhp_state,
    _elevator: PhantomData<E>,
}

impl<E: Elevator> CpuWatch<E> {
    /// Registers the callbacks. May sleep.
    ///
    /// # Errors
    ///
    /// ENOSPC if the kernel has no state left, and ENOMEM.
    pub(super) fn new() -> Result<Self> {
        // SAFETY: The name is static, and the callbacks exist until `drop` has unregistered them.
        // The function does not call them for processors that are online now, as no disk is on the
        // scheduler yet.
        let state = unsafe {
            bindings::__cpuhp_setup_state(
                bindings::cpuhp_state_CPUHP_AP_ONLINE_DYN,
                E::NAME.as_char_ptr(),
                false,
                Some(Self::comes),
                Some(Self::goes),
                false,
            )
        };
        // A number that is not negative is the state that the kernel has chosen.
        to_result(state.min(0))?;
        // INVARIANT: The state was just registered.
        Ok(Self {
            state: state as bindings::cpuhp_state,
            _elevator: PhantomData,
        })
    }

    /// # Safety
    ///
    /// Called by processor hotplug only: in process context, holding `cpus_write_lock`.
    unsafe extern "C" fn comes(cpu: ffi::c_uint) -> ffi::c_int {
        E::for_each_queue(|queue| {
            queue.for_each_hctx(|hw_queue| {
                if hw_queue.serves(cpu) {
                    hw_queue.set_leaving(false);
                }
            });
        });
        0
    }

    /// # Safety
    ///
    /// As for `comes`.
    unsafe extern "C" fn goes(cpu: ffi::c_uint) -> ffi::c_int {
        E::for_each_queue(|queue| {
            queue.for_each_hctx(|hw_queue| {
                if hw_queue.serves(cpu) && !hw_queue.serves_another(cpu) {
                    hw_queue.set_leaving(true);
                    hw_queue.run();
                }
            });
        });
        0
    }
}

impl<E: Elevator> Drop for CpuWatch<E> {
    fn drop(&mut self) {
        // SAFETY: By the invariants the state is registered. The function waits for callbacks that
        // are running, and calls none itself.
        unsafe { bindings::__cpuhp_remove_state(self.state, false) };
    }
}
