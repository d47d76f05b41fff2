// SPDX-License-Identifier: GPL-2.0-only

//! A disk's queue, as the scheduler sees it.
//!
//! C header: [`include/linux/blk-mq.h`](srctree/include/linux/blk-mq.h)

use super::{layouts, Elevator, Hctx};
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
/// While `hw_queues` has a list, `queue` is valid: from [`Elevator::start_queue`] until after
/// [`Elevator::stop_queue`]. A reference that a scheduler keeps longer finds nothing.
#[pin_data]
pub(crate) struct Queue<E: Elevator> {
    queue: NonNull<bindings::request_queue>,
    #[pin]
    hw_queues: Mutex<Option<KVec<Member<E>>>>,
}

/// A hardware queue in the list of its queue.
struct Member<E: Elevator> {
    hw_queue: Arc<Hctx<E>>,
    /// Cancels the timer when dropped, and waits for its callback.
    _timer: ArcHrTimerHandle<Hctx<E>>,
}

// SAFETY: This only reads fields of `queue`, which any CPU may.
unsafe impl<E: Elevator> Send for Queue<E> {}
// SAFETY: As above, and several CPUs may do so at once.
unsafe impl<E: Elevator> Sync for Queue<E> {}

/// A disk's name, its numbers, and how many hardware queues it has.
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
    /// Its size when it came to the scheduler, in sectors of 512 bytes.
    pub(crate) sectors: u64,
    class: DiskClass,
}

/// The class of all disks and partitions.
///
/// # Invariants
///
/// The pointer is valid: the kernel keeps this class forever.
#[derive(Clone, Copy)]
struct DiskClass(*const bindings::class);

// SAFETY: The kernel's look for a device of a class may run on any CPU.
unsafe impl Send for DiskClass {}
// SAFETY: As above, and on several at once.
unsafe impl Sync for DiskClass {}

impl DiskInfo {
    /// Its name.
    pub(crate) fn name(&self) -> &[u8] {
        self.name
            .split(|&byte| byte == 0)
            .next()
            .unwrap_or_default()
    }

    /// The number of the disk that has the device of this number now, both as `dev_t`. It may be
    /// any disk: this one only leads to the list of all. Process context, may sleep, and takes long
    /// with many devices: the caller must hold no lock of the scheduler's.
    pub(crate) fn disk_of_device(&self, device: u32) -> Option<u32> {
        let number = core::ptr::from_ref(&device).cast();
        // SAFETY: By the invariants of the class. The function `device_match_devt` takes the
        // address of a number. The found device has a reference of ours.
        let found = NonNull::new(unsafe {
            let matches: bindings::device_match_t = Some(bindings::device_match_devt);
            bindings::class_find_device(self.class.0, core::ptr::null(), number, matches)
        })?;
        // SAFETY: The device is of the class of disks and partitions. The reference is ours.
        unsafe {
            let number = layouts::disk_number(found.as_ptr());
            bindings::put_device(found.as_ptr());
            Some(number)
        }
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
            hw_queues <- new_mutex!(Some(KVec::new()), "elevator_hw_queues"),
        })
    }

    /// The disk's name and numbers, which it keeps as long as it is on the scheduler. Only
    /// [`Elevator::start_queue`] may call this.
    ///
    /// # Errors
    ///
    /// ENODEV if the disk is being removed.
    pub(crate) fn disk_info(&self) -> Result<DiskInfo> {
        let hw_queues = self.hw_queues.lock();
        hw_queues.as_ref().ok_or(ENODEV)?;
        // SAFETY: By the invariants the queue is valid while the lock is held. A queue that gets a
        // scheduler has a disk (only a disk's attribute leads to `elevator_change`).
        // `nr_hw_queues` only changes while the queue has no scheduler.
        unsafe {
            let disk = NonNull::new(layouts::disk_of(self.queue.as_ptr())).ok_or(ENODEV)?;
            let disk = disk.as_ptr();
            Ok(DiskInfo {
                name: (*disk).disk_name,
                major: (*disk).major as u32,
                first_minor: (*disk).first_minor as u32,
                minors: (*disk).minors as u32,
                hw_queues: (*self.queue.as_ptr()).nr_hw_queues,
                sectors: layouts::capacity(disk),
                // INVARIANT: A registered disk's device has this class.
                class: DiskClass(layouts::class_of(disk)),
            })
        }
    }

    /// The number of requests that the disk's hardware queues have together, without the polled
    /// queues; 0 once the disk has left the scheduler.
    pub(crate) fn tags(&self) -> u64 {
        let hw_queues = self.hw_queues.lock();
        let Some(members) = &*hw_queues else {
            return 0;
        };
        // SAFETY: By the invariants the queue is valid while the lock is held. A single aligned
        // load cannot tear; whether hardware queues share tags does not change while the queue has
        // a scheduler.
        let (each, shared) = unsafe {
            let queue = self.queue.as_ptr();
            (layouts::request_count(queue), layouts::shares_tags(queue))
        };
        let polled = members.iter().filter(|member| member.hw_queue.is_polled());
        let sets = members.len().saturating_sub(polled.count()) as u64;
        each.saturating_mul(if shared { 1 } else { sets })
    }

    /// Visits all hardware queues. Process context.
    pub(crate) fn for_each_hctx(&self, mut visit: impl FnMut(&Hctx<E>)) {
        let hw_queues = self.hw_queues.lock();
        let members = hw_queues.iter().flatten();
        members.for_each(|member| visit(&member.hw_queue));
    }

    /// Adds a hardware queue. `init_hctx` calls this.
    pub(super) fn add(&self, hw_queue: ArcBorrow<'_, Hctx<E>>) -> Result {
        let _no_io = NoIo::new();
        // Only a start gives the handle of a timer. The time hardly matters, as `wake_at` replaces
        // it: an hour from now, the timer runs the queue once for nothing.
        let timer =
            Arc::from(hw_queue).start(Instant::<Monotonic>::now() + Delta::from_secs(3_600));
        let member = Member {
            hw_queue: hw_queue.into(),
            _timer: timer,
        };
        let mut hw_queues = self.hw_queues.lock();
        let members = Option::as_mut(&mut hw_queues).ok_or(ENODEV)?;
        Ok(members.push(member, GFP_KERNEL)?)
    }

    /// Removes a hardware queue. After that its timer does not run, and the list does not lead to
    /// it.
    pub(super) fn remove(&self, hw_queue: &Hctx<E>) {
        let mut hw_queues = self.hw_queues.lock();
        let member = Option::as_mut(&mut hw_queues).and_then(|members| {
            let is_meant = |member: &Member<E>| core::ptr::eq(&*member.hw_queue, hw_queue);
            let index = members.iter().position(is_meant)?;
            members.remove(index).ok()
        });
        // Dropping the member waits for the timer's callback, which needs no lock.
        drop(hw_queues);
        drop(member);
    }

    /// The disk leaves the scheduler, or never got to it: references that a scheduler keeps find
    /// nothing from now on.
    pub(super) fn end(&self) {
        // INVARIANT: There is no list any more.
        let members = self.hw_queues.lock().take();
        drop(members);
    }
}
