// SPDX-License-Identifier: GPL-2.0-only

//! The steps of a hardware queue's history.

use crate::{
    elevator::bios::Shape,
    reference::{Kind, Rule},
};

#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// Inserts plugged requests.
    Insert(Batch),
    /// The driver gives the last request back.
    InsertAgain,
    Wait(u64),
    /// Waits until the time at which the driver says that something may go.
    WaitForNext,
    Pop,
    /// Pops a request whether or not it may go, as when the queue has to drain.
    PopAny,
    /// The device serves one of its requests.
    Serve(usize),
    /// One of the ends happens that bios still wait for.
    EndLate(usize),
    /// The worker takes the arrivals, and ends so many completions that may go.
    Release(usize),
    /// A completion ends whether or not it may go, as when the scheduler leaves the disk.
    ReleaseAny,
    /// The answers of the memory for the next completions.
    Memory(Vec<Memory>),
    Follow(Vec<Rule>),
    /// An injection ends after so long.
    EndAfter(usize, u64),
    /// An injection ends now, and there is no memory for a plan without it.
    End(usize),
}

/// Requests that come together.
#[derive(Clone, Debug)]
pub(crate) struct Batch {
    /// The kind of all of them, but the one after the first.
    pub(crate) kind: Kind,
    pub(crate) second: Kind,
    pub(crate) count: u64,
    /// Whether the driver had them before without this hardware queue, as with dm-multipath.
    pub(crate) is_used: bool,
    pub(crate) shape: Shape,
}

/// An answer of the memory for a completion.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Memory {
    Some,
    /// There is none at once.
    None,
    /// Completions have all the memory that they may take.
    Full,
}

/// One request.
pub(crate) fn one(kind: Kind) -> Step {
    Step::Insert(Batch {
        kind,
        second: kind,
        count: 1,
        is_used: false,
        shape: Shape::Plain(1),
    })
}
