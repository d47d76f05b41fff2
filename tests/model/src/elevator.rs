// SPDX-License-Identifier: GPL-2.0-only

//! The part of the driver's elevator that holds requests: its own files, and substitutes for the
//! files on which these depend.

#[path = "../../../driver/elevator/bio.rs"]
mod bio;
#[path = "../../../driver/elevator/bio_end.rs"]
mod bio_end;
pub(crate) mod bios;
pub(crate) mod block_layer;
#[path = "../../../driver/elevator/entry.rs"]
mod entry;
#[path = "../../../driver/elevator/failing.rs"]
#[expect(dead_code, reason = "the scheduler, which is not here, uses all of it")]
mod failing;
#[path = "../../../driver/elevator/fifo.rs"]
#[expect(dead_code, reason = "tracepoints, which are not here, use all of it")]
mod fifo;
#[path = "../../../driver/elevator/flags.rs"]
#[expect(dead_code, reason = "the vtable, which is not here, uses all of it")]
mod flags;
#[path = "../../../driver/elevator/flips.rs"]
mod flips;
pub(crate) mod hctx;
pub(crate) mod layouts;
#[path = "../../../driver/elevator/parked.rs"]
mod parked;
#[path = "../../../driver/elevator/record.rs"]
#[expect(dead_code, reason = "flushes, which are not here, use all of it")]
mod record;
#[path = "../../../driver/elevator/request.rs"]
#[expect(dead_code, reason = "the vtable, which is not here, uses all of it")]
mod request;
#[path = "../../../driver/elevator/sorted_queue.rs"]
mod sorted_queue;
mod status;
#[path = "../../../driver/elevator/tearing.rs"]
mod tearing;

pub(crate) use self::{
    bio::Bio,
    entry::Sorted,
    failing::{Failable, Failing},
    fifo::Fifo,
    flags::OpFlags,
    parked::Parked,
    record::Parking,
    request::{Request, RequestData, REQUEST_WORDS},
    sorted_queue::SortedQueue,
    status::Status,
};
