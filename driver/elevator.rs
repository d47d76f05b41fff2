// SPDX-License-Identifier: GPL-2.0-only

//! A safe abstraction of the block layer's I/O schedulers ("elevators").
//!
//! A scheduler implements [`Elevator`]; a [`Registration`] makes it available to every blk-mq disk.
//! The block layer then makes one [`Queue`] for each disk that is switched to it, and in it one
//! [`Hctx`] for each of the disk's hardware queues. Requests come and go as owned [`Request`]s.
//!
//! Not supported: merging requests with each other, per-task data (`icq`), writable sysfs
//! attributes.
//!
//! # Contexts
//!
//! | function | context |
//! |---|---|
//! | `start_queue`, `new_hctx`, `start_hctx` | process; the queue is frozen, `elevator_lock` held |
//! | `stop_hctx`, `stop_queue` | the same |
//! | `bio_merge` | the submitter, holding its reference of the queue; takes little time |
//! | `prepare_request` | the submitter; takes little time |
//! | `flush_comes` | the submitter, perhaps without preemption; takes little time |
//! | `completion_arrives` | any, even hard interrupts; takes no lock and little time |
//! | `release` | a worker of the block layer, or a soft interrupt |
//! | [`ShowQueue::show`] | process; `eq->sysfs_lock` is held |
//! | [`ShowHctxs::show`] | process; the disk may have left the scheduler |
//! | `for_each_queue` | process; `cpus_write_lock` is held |
//! | `insert_requests` | process or kblockd, even in `schedule()`; does not sleep |
//! | `dispatch_request` | process or kblockd, several CPUs at once; does not sleep (RCU) |
//! | `has_work` | any, even hard interrupts; takes no lock and little time |
//!
//! A function without a type is one of [`Elevator`]. Where the table only says "process", the
//! function may sleep. The callers of `bio_merge`, `prepare_request` and `release` hold no locks.
//!
//! # Lock order
//!
//! `update_nr_hwq_lock` → queue freeze → `q->elevator_lock` → `eq->sysfs_lock` → the
//! scheduler's own configuration lock → [`Queue`]'s list of hardware queues → the scheduler's
//! locks of a hardware queue. `cpus_write_lock`, too, comes before the scheduler's own
//! configuration lock. The lock of [`FlushWatch`]es comes before the kernel's lock of tracepoints
//! and `cpus_read_lock`, and a task that takes it holds none of the others. The disk's
//! `rqos_state_mutex` comes after `q->elevator_lock`, and nothing after it.
//!
//! A task may want any lock from the third on while a disk is frozen. The holder of such a lock
//! must therefore not wait for I/O: allocate under it only within
//! [`NoIo`](crate::sys::no_io::NoIo).
//!
//! C header: `block/elevator.h`, which no distribution installs (see [`layouts`]).

mod bio;
mod bio_end;
mod cpus;
mod entry;
mod failing;
mod fifo;
mod files;
mod flags;
mod flips;
mod flush;
mod hctx;
mod layouts;
mod parked;
mod queue;
mod record;
mod registration;
mod releases;
mod request;
mod sorted_queue;
mod status;
mod tearing;
mod trace;
mod vtable;

pub(crate) use self::{
    bio::Bio,
    entry::Sorted,
    failing::{Failable, Failing},
    fifo::Fifo,
    files::{Asked, DebugFile, QueueFile, ShowHctxs, ShowQueue},
    flags::OpFlags,
    flush::{Flush, FlushLifetime, FlushWatch},
    hctx::Hctx,
    parked::Parked,
    queue::{DiskInfo, Queue},
    record::Parking,
    registration::Registration,
    request::{Prepared, Request, RequestData, REQUEST_WORDS},
    sorted_queue::SortedQueue,
    status::Status,
};

use kernel::{prelude::*, sync::ArcBorrow};

/// An I/O scheduler.
pub(crate) trait Elevator: Sized + 'static {
    /// The name that selects the scheduler in a disk's `queue/scheduler`; below 16 bytes.
    const NAME: &'static CStr;
    /// Another name that selects it there.
    const ALIAS: &'static CStr = Self::NAME;
    /// Its files in a disk's `queue/iosched`.
    const QUEUE_FILES: &'static [QueueFile<Self>] = &[];
    /// Its files in debugfs.
    const DEBUG_FILES: &'static [DebugFile<Self>] = &[];

    /// The scheduler's data for one hardware queue.
    type HctxData: Send + Sync;
    /// The scheduler's data in a request.
    type RequestData: RequestData;
    /// The scheduler's data of a completion that it holds.
    type CompletionData: Copy + Send;

    /// Makes the data of a hardware queue, before [`Elevator::start_hctx`].
    fn new_hctx() -> impl PinInit<Self::HctxData, Error>;

    /// Called when a disk comes to this scheduler, before its hardware queues start one by one.
    ///
    /// # Errors
    ///
    /// The block layer reports the error to the task that switches, and drops the queue.
    fn start_queue(_queue: ArcBorrow<'_, Queue<Self>>) -> Result {
        Ok(())
    }

    /// Called before the first request comes to this hardware queue, which
    /// [`Queue::for_each_hctx`] already visits.
    fn start_hctx(_queue: &Queue<Self>, _hw_queue: &Hctx<Self>) {}

    /// Called when a disk leaves this scheduler: it has no request, and its hardware queues are
    /// gone.
    fn stop_queue(_queue: &Queue<Self>) {}

    /// Called when a disk leaves this scheduler or changes its hardware queues. The hardware queue
    /// has no request and gets none, and the block layer calls no other function for it. The
    /// scheduler has to end all completions that it holds.
    fn stop_hctx(_hw_queue: &Hctx<Self>) {}

    /// Merges a bio that is being submitted into a request of this hardware queue, if it can, and
    /// returns whether it has. Then the block layer makes no request for the bio.
    fn bio_merge(_hw_queue: &Hctx<Self>, _bio: Bio<'_>) -> bool {
        false
    }

    /// Whether the flags that [`Elevator::prepare_request`] gets are those of the bio for which the
    /// request is made. Older kernels may make several requests for one bio of a plug, and give
    /// them to later bios with other flags.
    const PREPARES_FOR_BIO: bool = layouts::PREPARES_AT_SUBMISSION;

    /// Decides what becomes of a new request with these flags.
    #[inline]
    fn prepare_request(_hw_queue: &Hctx<Self>, _flags: OpFlags) -> Prepared<Self::RequestData> {
        Prepared::default()
    }

    /// Called when a flush without data is submitted, while a [`FlushWatch`] lives. The scheduler
    /// never gets its request, but may have its completion held ([`Hctx::park_flush`]).
    fn flush_comes(_hw_queue: &Hctx<Self>, _flush: Flush<'_>) {}

    /// Called when a completion that the scheduler holds arrives: the device has served the
    /// request.
    fn completion_arrives(_parked: &mut Parked<Self::CompletionData>) {}

    /// Takes completions that have arrived ([`Hctx::take_arrivals`]) and ends the due ones.
    ///
    /// It is called after the first completion of a batch arrives, when [`Hctx::kick`] asks for it,
    /// and at the time of [`Hctx::release_at`]. In a soft interrupt it must not wait for a lock
    /// that a task may hold with soft interrupts enabled. It is never called for a scheduler that
    /// does none of these.
    fn release(_hw_queue: &Hctx<Self>, _in_interrupt: bool) {}

    /// Visits all disks that are on this scheduler, from [`Elevator::start_queue`] to
    /// [`Elevator::stop_queue`], so that [`Hctx::must_drain`] becomes true where a processor goes
    /// offline. A scheduler that holds no request back need not visit any disk.
    fn for_each_queue(_visit: impl FnMut(&Queue<Self>)) {}

    /// Takes requests that the block layer would give to the driver now, in the order in which they
    /// came.
    ///
    /// A requeued request comes alone (`blk_mq_requeue_work`). Requests that come together are new,
    /// from a task's plug (`blk_mq_dispatch_list`).
    fn insert_requests(hw_queue: &Hctx<Self>, requests: Fifo<Request<Self::RequestData>>);

    /// Returns the next request for the driver, if one may go now.
    fn dispatch_request(hw_queue: &Hctx<Self>) -> Option<Request<Self::RequestData>>;

    /// Whether [`Elevator::dispatch_request`] would return a request now.
    ///
    /// After a wrong "yes" the block layer asks again every 3 ms; after a wrong "no" it asks again
    /// only when something else runs the queue.
    fn has_work(hw_queue: &Hctx<Self>) -> bool;
}
