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
use core::{marker::PhantomData, ptr::NonNull};
use kernel::{bindings, error::to_result, ffi, prelude::*};

/// The processors whose I/O comes to a hardware queue.
///
/// It is a copy of the map of processors, at which the block layer looks to decide for which of
/// them it has to wait (`blk_mq_hctx_has_online_cpu`). The hardware queue's own mask lacks isolated
/// processors, but tasks on them submit I/O all the same.
///
/// The map itself may be gone: on Linux 5.10 a removed disk that is still open keeps its scheduler,
/// while its driver frees the set that has the map (`blk_mq_free_tag_set`). The copy stays right,
/// as disks leave their schedulers before the map changes (`blk_mq_update_nr_hw_queues`). Another
/// disk of the set that comes later changes only an entry of a hardware queue for which the set has
/// no tags (`blk_mq_map_swqueue`), and the set has tags for all hardware queues in use.
pub(super) struct CpuSet(KVec<u64>);

impl CpuSet {
    /// The processors of a hardware queue. May sleep.
    ///
    /// # Errors
    ///
    /// ENOMEM.
    ///
    /// # Safety
    ///
    /// `hctx` must be valid, and its queue belong to a disk that is getting a scheduler.
    pub(super) unsafe fn of(hctx: NonNull<bindings::blk_mq_hw_ctx>) -> Result<Self> {
        // SAFETY: The number does not change after boot.
        let count = unsafe { bindings::nr_cpu_ids };
        let mut words = KVec::from_elem(0, count.div_ceil(u64::BITS) as usize, GFP_KERNEL)?;
        // SAFETY: By this function's requirements the set of the disk is valid, and its type has a
        // map with an entry for each possible processor.
        let (map, number) = unsafe {
            let hctx = hctx.as_ptr();
            let set = (*(*hctx).queue).tag_set;
            let map = &(*set).map[usize::from((*hctx).type_)];
            (map.mq_map, (*hctx).queue_num)
        };
        for cpu in 0..count {
            // SAFETY: As above; the map has this entry.
            if unsafe { map.add(cpu as usize).read_volatile() } == number {
                words[(cpu / u64::BITS) as usize] |= 1 << (cpu % u64::BITS);
            }
        }
        Ok(Self(words))
    }

    /// Whether it has this processor.
    fn has(&self, cpu: u32) -> bool {
        let word = self.0.get((cpu / u64::BITS) as usize);
        word.is_some_and(|word| word & (1 << (cpu % u64::BITS)) != 0)
    }

    /// Whether it has another online processor than `cpu`. The caller excludes processor hotplug.
    fn has_another_online(&self, cpu: u32) -> bool {
        let online = (&raw const bindings::__cpu_online_mask).cast::<u64>();
        self.0.iter().enumerate().any(|(place, word)| {
            let is_place = place == (cpu / u64::BITS) as usize;
            let itself = u64::from(is_place) << (cpu % u64::BITS);
            // SAFETY: The mask is words, and has at least `nr_cpu_ids` bits, as this set has.
            word & !itself & unsafe { online.add(place).read_volatile() } != 0
        })
    }
}

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
                if hw_queue.cpus.has(cpu) {
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
                if hw_queue.cpus.has(cpu) && !hw_queue.cpus.has_another_online(cpu) {
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
