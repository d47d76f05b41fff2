// SPDX-License-Identifier: GPL-2.0-only

//! The steps of a history of a hardware queue.

use crate::{
    elevator::bios::Shape,
    reference::{Kind, Rule},
};

#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// Requests come, as from a plug.
    Insert(Batch),
    /// The device's driver requeues the last request.
    InsertAgain,
    Wait(u64),
    /// Time passes until the hardware queue says that an entry may go.
    WaitForNext,
    Pop,
    /// A request goes whether or not it may, as when the queue has to drain.
    PopAny,
    /// The device has served one of the requests that it has.
    Serve(usize),
    /// One of the ends happens for which bios still wait.
    EndLate(usize),
    /// The worker takes the completions that have arrived, and ends at most so many that may go.
    Release(usize),
    /// A completion ends whether or not it may go, as when the scheduler leaves the disk.
    ReleaseAny,
    /// The results of the next requests for memory.
    Memory(Vec<Memory>),
    Follow(Vec<Rule>),
    /// An injection ends after this time.
    EndAfter(usize, u64),
    /// An injection ends now, and there is no memory for a plan without it.
    End(usize),
}

/// Requests that come together.
#[derive(Clone, Debug)]
pub(crate) struct Batch {
    /// The kind of all requests but the second.
    pub(crate) kind: Kind,
    pub(crate) second: Kind,
    pub(crate) count: u64,
    /// Whether a driver had the requests before without this scheduler, as with dm-multipath.
    pub(crate) is_used: bool,
    pub(crate) shape: Shape,
}

/// The result of a request for memory for a completion.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Memory {
    Some,
    /// There is no memory at once.
    None,
    /// Held completions have all the memory that they may take.
    Full,
}

/// A step that inserts one request.
pub(crate) fn one(kind: Kind) -> Step {
    Step::Insert(Batch {
        kind,
        second: kind,
        count: 1,
        is_used: false,
        shape: Shape::Plain(1),
    })
}
