// SPDX-License-Identifier: GPL-2.0-only

//! What happens to a hardware queue.

use crate::{
    elevator::bios::Shape,
    reference::{Kind, Rule},
};

#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// As requests that were plugged.
    Insert(Batch),
    /// The driver gives the last request back.
    InsertAgain,
    Wait(u64),
    /// Waits for as long as the driver says that nothing may go.
    WaitForNext,
    Pop,
    /// Whether or not it may go, as when the queue has to drain.
    PopAny,
    /// The device has served one of the requests that it has.
    Serve(usize),
    /// One of the ends happens that bios still wait for.
    EndLate(usize),
    /// The worker takes what has arrived, and ends so many that may go.
    Release(usize),
    /// A completion ends whether or not it may go, as when the scheduler leaves the disk.
    ReleaseAny,
    /// What comes of the memory for the next completions.
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
    /// What all of them are, but the one after the first.
    pub(crate) kind: Kind,
    pub(crate) second: Kind,
    pub(crate) count: u64,
    /// Whether they were at the driver before without having been here, as with dm-multipath.
    pub(crate) is_used: bool,
    pub(crate) shape: Shape,
}

/// What comes of memory for a completion.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Memory {
    Some,
    /// There is none at once.
    None,
    /// Completions have all that they may take.
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
