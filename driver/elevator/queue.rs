// SPDX-License-Identifier: GPL-2.0-only

//! A disk's queue, as the scheduler sees it.
//!
//! C header: [`include/linux/blk-mq.h`](srctree/include/linux/blk-mq.h)

use super::{Elevator, Hctx};
use crate::sys::no_io::NoIo;
use core::ptr::NonNull;
use kernel::{
    bindings, new_mutex,
    prelude::*,
    sync::{Arc, ArcBorrow, Mutex},
    time::{
        hrtimer::{ArcHrTimerHandle, HrTimerPointer},
        Delta, Instant, Monotonic,
    },
};

/// A disk that is on the scheduler `E`, or is about to be.
///
/// # Invariants
///
/// `queue` is valid from [`Elevator::start_queue`] to [`Elevator::stop_queue`], and references to
/// this are only given out in between.
#[pin_data]
pub(crate) struct Queue<E: Elevator> {
    queue: NonNull<bindings::request_queue>,
    #[pin]
    hw_queues: Mutex<KVec<Member<E>>>,
}

/// A hardware queue in the list of its queue.
struct Member<E: Elevator> {
    hw_queue: Arc<Hctx<E>>,
    /// Cancels the timer when dropped, and waits for its callback.
    _timer: ArcHrTimerHandle<Hctx<E>>,
}

// SAFETY: Of `queue` only fields are read, which any CPU may.
unsafe impl<E: Elevator> Send for Queue<E> {}
// SAFETY: As above, and several at once.
unsafe impl<E: Elevator> Sync for Queue<E> {}

/// What a disk is called, and how it is built.
#[derive(Clone, Copy)]
pub(crate) struct DiskInfo {
    name: [u8; 32],
    /// The major number of its devices.
    pub(crate) major: u32,
    /// The minor number of the whole disk; its partitions follow.
    pub(crate) first_minor: u32,
    /// How many minor numbers it has.
    pub(crate) minors: u32,
    /// How many hardware queues it has.
    pub(crate) hw_queues: u32,
}

impl DiskInfo {
    /// Its name.
    pub(crate) fn name(&self) -> &[u8] {
        self.name
            .split(|&byte| byte == 0)
            .next()
            .unwrap_or_default()
    }
}

impl<E: Elevator> Queue<E> {
    /// # Safety
    ///
    /// The type's invariants must hold for `queue`.
    pub(super) unsafe fn new(queue: NonNull<bindings::request_queue>) -> impl PinInit<Self, Error> {
        // INVARIANT: By this function's requirements.
        try_pin_init!(Self {
            queue: queue,
            hw_queues <- new_mutex!(KVec::new(), "elevator_hw_queues"),
        })
    }

    /// What the disk is called. It keeps these while it is registered, and a disk that is not has
    /// no scheduler.
    pub(crate) fn disk_info(&self) -> DiskInfo {
        // SAFETY: By the invariants the queue is valid, and whoever has a scheduler has a disk
        // (`elevator_change` is reached by a disk's attribute, and `del_gendisk` takes the
        // scheduler away). `nr_hw_queues` changes without scheduler only.
        unsafe {
            let disk = (*self.queue.as_ptr()).disk;
            DiskInfo {
                name: (*disk).disk_name,
                major: (*disk).major as u32,
                first_minor: (*disk).first_minor as u32,
                minors: (*disk).minors as u32,
                hw_queues: (*self.queue.as_ptr()).nr_hw_queues,
            }
        }
    }

    /// How many requests all of the disk's hardware queues have together, but for those that are
    /// polled.
    pub(crate) fn tags(&self) -> u64 {
        // SAFETY: By the invariants the queue is valid. A single aligned load cannot tear; whether
        // tags are shared does not change while there is a scheduler.
        let (each, shared) = unsafe {
            let queue = self.queue.as_ptr();
            let each = (&raw const (*queue).nr_requests).read_volatile();
            (u64::from(each), !(*queue).sched_shared_tags.is_null())
        };
        let mut sets = 0u64;
        self.for_each_hctx(|hw_queue| {
            if !hw_queue.is_polled() {
                sets = sets.saturating_add(1);
            }
        });
        each.saturating_mul(if shared { 1 } else { sets })
    }

    /// Visits all hardware queues. Process context.
    pub(crate) fn for_each_hctx(&self, mut visit: impl FnMut(&Hctx<E>)) {
        let members = self.hw_queues.lock();
        members.iter().for_each(|member| visit(&member.hw_queue));
    }

    /// Adds a hardware queue, whose context is `init_hctx`.
    pub(super) fn add(&self, hw_queue: ArcBorrow<'_, Hctx<E>>) -> Result {
        let _no_io = NoIo::new();
        // The handle of a timer exists from its first start on. An hour is as good as never:
        // `wake_at` replaces it.
        let timer =
            Arc::from(hw_queue).start(Instant::<Monotonic>::now() + Delta::from_secs(3_600));
        self.hw_queues.lock().push(
            Member {
                hw_queue: hw_queue.into(),
                _timer: timer,
            },
            GFP_KERNEL,
        )?;
        Ok(())
    }

    /// Removes a hardware queue; after that, its timer does not run and nobody visits it.
    pub(super) fn remove(&self, hw_queue: &Hctx<E>) {
        let mut members = self.hw_queues.lock();
        let index = members
            .iter()
            .position(|member| core::ptr::eq(&*member.hw_queue, hw_queue));
        let member = index.and_then(|index| members.remove(index).ok());
        // Waiting for the timer's callback needs no lock.
        drop(members);
        drop(member);
    }
}
