// SPDX-License-Identifier: GPL-2.0-only

//! What submitters and the timer were told about the entries of a hardware queue, and whether that
//! is still so.

use crate::waiting::NEVER;

/// The state of held entries as it was last published.
pub(crate) struct Published {
    state: State,
    /// When the first waiting entry might go then; [`NEVER`] if none waited.
    next_ns: u64,
}

/// The last three were so when they were published, and are so still.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum State {
    /// It has changed, or nothing was published yet.
    Stale,
    /// Entries wait.
    Held,
    /// No entry waits.
    Quiet,
    /// No entry waits, all that the plan does to any is to have it ask limits, and no limit queue
    /// is known to be closed.
    Asking,
}

impl Published {
    /// Nothing was published yet.
    pub(crate) const fn new() -> Self {
        Self {
            state: State::Stale,
            next_ns: NEVER,
        }
    }

    /// Remembers what was just published.
    pub(crate) fn renew(&mut self, state: State, next_ns: u64) {
        *self = Self { state, next_ns };
    }

    /// The published state is not so any more.
    #[inline]
    pub(crate) fn outdate(&mut self) {
        self.state = State::Stale;
    }

    /// The state, if that is still so.
    #[inline]
    pub(crate) fn state(&self) -> State {
        self.state
    }

    /// When the first waiting entry may go, if that is still so.
    #[inline]
    pub(crate) fn next_ns(&self) -> Option<u64> {
        (self.state != State::Stale).then_some(self.next_ns)
    }
}
