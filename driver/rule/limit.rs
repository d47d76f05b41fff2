// SPDX-License-Identifier: GPL-2.0-only

//! The admission of I/Os by the limits of a rule.

use super::Rule;
use crate::{
    admission::Closed,
    policy::{
        limit::Refused,
        limits::{Charge, Saved, MOST_LIMITS},
    },
    rule_set::RuleSet,
    stats::Lane,
    sys::clock,
};

impl Rule {
    /// Until when the limit refuses an I/O because `before` I/Os have their turns before it.
    ///
    /// In the first half of a window, an I/O has its turn if fewer I/Os wait before it than the
    /// window has room for. In the second half every I/O has its turn, or the window would end with
    /// room that an idle hardware queue has not used.
    pub(crate) fn refuses_turn(&self, before: u32, bytes: u32, now_ns: u64) -> Option<Closed> {
        let middle_ns = self.limits.middle_ns(now_ns)?;
        let room = self.limits.room(&self.state.windows, bytes, now_ns);
        if before < room || now_ns >= middle_ns {
            None
        } else {
            Some(self.closed(middle_ns))
        }
    }

    /// As [`Limits::saved`].
    pub(crate) fn saved(&self, now_ns: u64) -> Saved {
        self.limits.saved(&self.state.windows, now_ns)
    }

    /// Until when the limit refuses an I/O, if it would refuse one now.
    pub(crate) fn refuses(&self, now_ns: &mut u64) -> Option<Closed> {
        let asked = self.limits.ask(&self.state.windows, now_ns, clock::now_ns);
        asked.err().map(|refused| self.closed(refused.until_ns))
    }

    /// As [`Limits::charge_quickly`].
    #[inline]
    pub(crate) fn charge_quickly(&self, bytes: u32, now_ns: u64) -> bool {
        self.limits
            .charge_quickly(&self.state.windows, bytes, now_ns)
    }

    /// Admits one I/O as [`Plan::admit_at_once`](crate::plan::Plan::admit_at_once), for this rule
    /// alone.
    #[inline]
    pub(crate) fn admits_at_once(
        &self,
        bytes: u32,
        uncounted: RuleSet,
        lane: Lane,
        now_ns: u64,
    ) -> bool {
        let admits = self.charge_quickly(bytes, now_ns);
        if admits {
            self.stats
                .count_at_once(lane, !uncounted.contains(self.bit));
        }
        admits
    }

    /// As [`Limits::give_back_quickly`].
    pub(crate) fn give_back_quickly(&self, bytes: u32, now_ns: u64) {
        self.limits
            .give_back_quickly(&self.state.windows, bytes, now_ns);
    }

    /// Has the limits count one I/O, if all admit it. Without a limit, this admits it uncounted.
    #[inline]
    pub(crate) fn charge(&self, bytes: u32, now_ns: &mut u64) -> Result<Charge, Refused> {
        self.limits
            .charge(&self.state.windows, bytes, now_ns, clock::now_ns)
    }

    /// The report that this rule's limit admits nothing before a time.
    #[inline]
    pub(crate) fn closed(&self, until_ns: u64) -> Closed {
        Closed {
            until_ns,
            by: self.bit.first(),
        }
    }

    /// Takes back an I/O that [`Rule::charge`] has counted in these windows.
    pub(crate) fn give_back(&self, bytes: u32, charged: &[u32; MOST_LIMITS]) {
        self.limits.give_back(&self.state.windows, bytes, charged);
    }
}
