// SPDX-License-Identifier: GPL-2.0-only

//! A safe abstraction of the block layer's I/O schedulers ("elevators").
//!
//! A scheduler implements [`Elevator`]; a [`Registration`] makes it available to every blk-mq disk. The block layer then
//! makes one [`Queue`] for each disk that is switched to it, and in it one [`Hctx`] for each of the disk's hardware
//! queues. Requests come and go as owned [`Request`]s.
//!
//! What is not supported: merging of requests with each other, per-task data (`icq`), writable sysfs attributes.
//!
//! # Contexts
//!
//! | function | context |
//! |---|---|
//! | [`Elevator::start_queue`], [`Elevator::new_hw_queue`], [`Elevator::start_hw_queue`], [`Elevator::stop_hw_queue`], [`Elevator::stop_queue`] | process, may sleep; the queue is frozen, quiesced and its `elevator_lock` held; allocations cause no I/O |
//! | [`Elevator::bio_merge`] | the submitter, no locks, its reference of the queue held; it must not take long |
//! | [`Elevator::passes_by`], [`Elevator::asks_for_pid_namespace`] | the submitter, no locks; it must not take long |
//! | [`Elevator::release`] | a worker of the block layer, or a soft interrupt; no locks |
//! | [`Elevator::show_held`] | process, may sleep; `eq->sysfs_lock` is held |
//! | [`Elevator::show_debug`] | process, may sleep; the disk may have left the scheduler |
//! | [`Elevator::set_asleep`] | process, may sleep; `system_transition_mutex` may be held by somebody who waits for this |
//! | [`Elevator::for_each_queue`] | process, may sleep; `cpus_write_lock` is held |
//! | [`Elevator::insert_requests`] | process or kblockd, must not sleep: it may run from `schedule()` |
//! | [`Elevator::dispatch_request`] | process or kblockd under `rcu_read_lock()`, must not sleep; several CPUs at once |
//! | [`Elevator::has_work`] | any, hard interrupts included: it must neither lock nor take long |
//!
//! # Lock order
//!
//! `update_nr_hwq_lock` → queue freeze → `q->elevator_lock` → `eq->sysfs_lock` → the scheduler's own configuration lock →
//! [`Queue`]'s list of hardware queues → what a scheduler locks per hardware queue. `cpus_write_lock`, too, comes before the
//! scheduler's own configuration lock. The disk's `rqos_state_mutex` comes after `q->elevator_lock`, and nothing after it.
//!
//! Locks from the third on may be wanted while a disk is frozen. Whoever holds one must therefore not wait for I/O: allocate
//! under them only within [`NoIo`].
//!
//! C header: `block/elevator.h`, which no distribution installs: see [`layouts`].

use kernel::{prelude::*, seq_file::SeqFile};

pub(crate) mod atomic;
mod bio;
mod clock;
mod cpus;
mod entry;
mod fifo;
mod layouts;
mod no_io;
mod owner;
mod parked;
mod queue;
mod registration;
mod request;
#[cfg_attr(not(CONFIG_PM_SLEEP), path = "elevator/no_sleep.rs")]
mod sleep;
mod time_queue;
mod trace;
mod vtable;

pub(crate) use self::{
    bio::Bio,
    clock::{now_ns, random_seed, Clock},
    entry::Entry,
    fifo::Fifo,
    no_io::NoIo,
    owner::{cgroup_id, pid_namespace_id},
    parked::{Parked, Parking},
    queue::{DiskInfo, Hctx, Queue},
    registration::Registration,
    request::Request,
    time_queue::TimeQueue,
};

use no_io::without_reserves;

/// An I/O scheduler.
pub(crate) trait Elevator: Sized + 'static {
    /// What is written into a disk's `queue/scheduler`; below 16 bytes.
    const NAME: &'static CStr;
    /// Another name that is accepted there.
    const ALIAS: &'static CStr;

    /// The scheduler's data for one hardware queue.
    type HctxData: Send + Sync;

    /// Makes the data of a hardware queue; [`Elevator::start_hw_queue`] follows.
    fn new_hw_queue() -> impl PinInit<Self::HctxData, Error>;

    /// The disk is on this scheduler from now on. Its hardware queues follow one by one.
    ///
    /// # Errors
    ///
    /// The switch fails with this error, and the queue is dropped.
    fn start_queue(queue: kernel::sync::ArcBorrow<'_, Queue<Self>>) -> Result;

    /// Called before the first request comes to this hardware queue, which [`Queue::for_each_hw_queue`] already visits.
    fn start_hw_queue(queue: &Queue<Self>, hw_queue: &Hctx<Self>);

    /// The disk leaves this scheduler. No request is left, and the hardware queues are gone.
    fn stop_queue(queue: &Queue<Self>);

    /// The disk leaves this scheduler, or changes its hardware queues: no request is left, none will come, and nothing else is
    /// called for this one. All completions that are held have to go.
    fn stop_hw_queue(hw_queue: &Hctx<Self>);

    /// Puts I/O that is being submitted into a request that this hardware queue has, if it can; true if it has. Then there is no
    /// request of its own for it.
    fn bio_merge(hw_queue: &Hctx<Self>, bio: Bio<'_>) -> bool;

    /// Whether a request of this operation that is made now may pass the scheduler by, as if there were none.
    fn passes_by(hw_queue: &Hctx<Self>, operation: u32) -> bool;

    /// Whether a request that is made now has to remember the PID namespace of its submitter.
    fn asks_for_pid_namespace(hw_queue: &Hctx<Self>) -> bool;

    /// Takes completions that have arrived ([`Hctx::take_arrivals`]) and ends those that are due: after the first that arrives,
    /// when [`Hctx::kick`] asks for it, and at the time of [`Hctx::release_at`]. In a soft interrupt it must not wait for a
    /// lock that others hold without keeping interrupts away.
    fn release(hw_queue: &Hctx<Self>, in_interrupt: bool);

    /// Writes text about what is held; how many bytes.
    fn show_held(queue: &Queue<Self>, page: &mut [u8; kernel::page::PAGE_SIZE]) -> usize;

    /// Writes text about each I/O that is held, of those hardware queues that are meant.
    fn show_debug(is_meant: impl Fn(&Hctx<Self>) -> bool, out: &SeqFile);

    /// The machine is about to sleep, and until it is awake again, nobody may wait for anything that is held: nothing may be. Or it
    /// is awake.
    #[cfg_attr(not(CONFIG_PM_SLEEP), expect(dead_code))]
    fn set_asleep(is_asleep: bool);

    /// Visits all disks that are on this scheduler, from [`Elevator::start_queue`] to [`Elevator::stop_queue`].
    fn for_each_queue(visit: impl FnMut(&Queue<Self>));

    /// Takes requests that are ready for the driver as far as the block layer is concerned, in the order in which they came.
    ///
    /// One that the driver gave back comes alone (`blk_mq_requeue_work`): several together were plugged, and are new
    /// (`blk_mq_dispatch_list`).
    fn insert_requests(hw_queue: &Hctx<Self>, requests: Fifo<Request>);

    /// Gives the next request for the driver, if one may go now.
    fn dispatch_request(hw_queue: &Hctx<Self>) -> Option<Request>;

    /// Whether [`Elevator::dispatch_request`] would give a request now.
    ///
    /// After a wrong "yes" the block layer asks again every 3 ms; after a wrong "no" only when something else runs the queue.
    fn has_work(hw_queue: &Hctx<Self>) -> bool;
}
