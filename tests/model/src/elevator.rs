// SPDX-License-Identifier: GPL-2.0-only

//! As much of the driver's elevator as holding requests takes: its own files, and what they want to know of others.

#[path = "../../../driver/elevator/allocation.rs"]
#[expect(dead_code, reason = "the scheduler, which is not here, uses all of it")]
mod allocation;
pub(crate) mod atomic;
#[path = "../../../driver/elevator/bio.rs"]
mod bio;
pub(crate) mod block_layer;
#[path = "../../../driver/elevator/clock.rs"]
mod clock;
#[path = "../../../driver/elevator/fifo.rs"]
#[expect(dead_code, reason = "tracepoints, which are not here, use all of it")]
mod fifo;
mod layouts;
mod owner;
#[path = "../../../driver/elevator/request.rs"]
#[expect(dead_code, reason = "tracepoints, which are not here, use all of it")]
mod request;
#[path = "../../../driver/elevator/time_queue.rs"]
mod time_queue;

pub(crate) use self::{
    allocation::Allocation,
    bio::Bio,
    clock::{now_ns, random_seed, Clock},
    fifo::Fifo,
    owner::{cgroup_id, pid_namespace_id, Remember},
    request::Request,
    time_queue::TimeQueue,
};
