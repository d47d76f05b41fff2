// SPDX-License-Identifier: GPL-2.0-only

//! The part of the driver's elevator that holding requests needs: its own files, and stand-ins for
//! the others.

#[path = "../../../driver/elevator/bio.rs"]
mod bio;
pub(crate) mod bios;
pub(crate) mod block_layer;
#[path = "../../../driver/elevator/entry.rs"]
mod entry;
#[path = "../../../driver/elevator/fifo.rs"]
#[expect(dead_code, reason = "tracepoints, which are not here, use all of it")]
mod fifo;
#[path = "../../../driver/elevator/flags.rs"]
#[expect(dead_code, reason = "the vtable, which is not here, uses all of it")]
mod flags;
pub(crate) mod hw_queue;
pub(crate) mod layouts;
#[path = "../../../driver/elevator/parked.rs"]
mod parked;
#[path = "../../../driver/elevator/record.rs"]
mod record;
#[path = "../../../driver/elevator/request.rs"]
#[expect(dead_code, reason = "the vtable, which is not here, uses all of it")]
mod request;
#[path = "../../../driver/elevator/sorted_queue.rs"]
mod sorted_queue;

pub(crate) use self::{
    bio::Bio,
    entry::Sorted,
    fifo::Fifo,
    flags::OpFlags,
    parked::Parked,
    record::Parking,
    request::{Request, RequestData, REQUEST_WORDS},
    sorted_queue::SortedQueue,
};
