// SPDX-License-Identifier: GPL-2.0-only

//! The last published state of a hardware queue's entries, which submitters and the timer go by,
//! and whether it is still right.

use crate::waiting::NEVER;

/// The last published state of waiting entries.
pub(crate) struct Published {
    state: State,
    /// When the first waiting entry may go by that state; [`NEVER`] if none waited.
    next_ns: u64,
}

/// The state of waiting entries; all but `Stale` are still right.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum State {
    /// The entries have changed since, or no state was published yet.
    Stale,
    /// Entries wait.
    Held,
    /// No entry waits, but the plan ends some with an error.
    Failing,
    /// No entry waits.
    Quiet,
    /// No entry waits, the plan only has each entry ask limits, and no limit queue is known to be
    /// closed.
    Asking,
}

impl Published {
    /// No state was published yet.
    pub(crate) const fn new() -> Self {
        Self {
            state: State::Stale,
            next_ns: NEVER,
        }
    }

    /// Remembers the state that the caller publishes.
    pub(crate) fn renew(&mut self, state: State, next_ns: u64) {
        *self = Self { state, next_ns };
    }

    /// Remembers that the published state is not right any more.
    #[inline]
    pub(crate) fn outdate(&mut self) {
        self.state = State::Stale;
    }

    /// The published state, or [`State::Stale`].
    #[inline]
    pub(crate) fn state(&self) -> State {
        self.state
    }

    /// When the first waiting entry may go, if the state is not stale.
    #[inline]
    pub(crate) fn next_ns(&self) -> Option<u64> {
        (self.state != State::Stale).then_some(self.next_ns)
    }
}
