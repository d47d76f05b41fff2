// SPDX-License-Identifier: GPL-2.0-only

//! As much of the driver's elevator as holding requests takes: its own files, and what they want to know of others.

pub(crate) mod atomic;
#[path = "../../../driver/elevator/bio.rs"]
mod bio;
pub(crate) mod bios;
pub(crate) mod block_layer;
#[path = "../../../driver/elevator/clock.rs"]
mod clock;
#[path = "../../../driver/elevator/entry.rs"]
mod entry;
#[path = "../../../driver/elevator/fifo.rs"]
#[expect(dead_code, reason = "tracepoints, which are not here, use all of it")]
mod fifo;
pub(crate) mod hw_queue;
pub(crate) mod layouts;
mod owner;
#[path = "../../../driver/elevator/parked.rs"]
mod parked;
#[path = "../../../driver/elevator/request.rs"]
#[expect(dead_code, reason = "tracepoints, which are not here, use all of it")]
mod request;
#[path = "../../../driver/elevator/time_queue.rs"]
mod time_queue;

/// As the driver's; there are no reserves here.
fn without_reserves<T>(allocate: impl FnOnce() -> T) -> T {
    allocate()
}

pub(crate) use self::{
    bio::Bio,
    clock::{now_ns, random_seed, Clock},
    entry::Entry,
    fifo::Fifo,
    owner::{cgroup_id, pid_namespace_id},
    parked::{Parked, Parking},
    request::Request,
    time_queue::TimeQueue,
};
