// SPDX-License-Identifier: GPL-2.0-only

//! Processors that go offline: the block layer waits for all requests of a hardware queue when its
//! last processor goes.
//!
//! It holds the lock of processor hotplug meanwhile (`blk_mq_hctx_notify_offline()`), and freezes
//! nothing, so that what a scheduler holds would be waited for. Its callback comes after those that
//! are registered here, in the order of states.
//!
//! C header: [`include/linux/cpuhotplug.h`](srctree/include/linux/cpuhotplug.h)

use super::Elevator;
use core::marker::PhantomData;
use kernel::{bindings, error::to_result, ffi, prelude::*};

/// Tells the hardware queues of the scheduler `E` of processors that come and go, for as long as
/// this lives.
///
/// # Invariants
///
/// `state` is registered with the callbacks of this type.
pub(super) struct CpuWatch<E: Elevator> {
    state: bindings::cpuhp_state,
    _elevator: PhantomData<E>,
}

impl<E: Elevator> CpuWatch<E> {
    /// Begins to tell. May sleep.
    ///
    /// # Errors
    ///
    /// ENOSPC if the kernel has no state left, and ENOMEM.
    pub(super) fn new() -> Result<Self> {
        // SAFETY: The name is static, and the callbacks are there until `drop` has unregistered
        // them. They are not called now, as no disk is on the scheduler yet.
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
        // What is not negative is the state that was found.
        to_result(state.min(0))?;
        // INVARIANT: It was registered.
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
        // SAFETY: By the invariants the state is registered. This waits for callbacks that are
        // running; none is called for it.
        unsafe { bindings::__cpuhp_remove_state(self.state, false) };
    }
}
