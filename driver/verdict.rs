// SPDX-License-Identifier: GPL-2.0-only

//! The verdict of a plan on one request.

use crate::rule_set::RuleSet;

/// The rules that hold a request or its completion, and for how long.
pub(crate) struct Verdict {
    /// The rules that hold the request.
    pub(crate) held_by: RuleSet,
    /// Their delays together, in nanoseconds.
    pub(crate) delay_ns: u64,
    /// The rules that hold the completion.
    pub(crate) parked_by: RuleSet,
    /// Their delays together, in nanoseconds.
    pub(crate) parked_ns: u64,
    /// The rules that end the I/O with an error. Each of them also holds it, in one of the ways.
    pub(crate) failed_by: RuleSet,
}

impl Verdict {
    /// No rule holds anything.
    pub(crate) const NONE: Self = Self {
        held_by: RuleSet::EMPTY,
        delay_ns: 0,
        parked_by: RuleSet::EMPTY,
        parked_ns: 0,
        failed_by: RuleSet::EMPTY,
    };

    /// Has the request held by all rules, and its completion by none.
    pub(crate) fn hold_request(&mut self) {
        self.held_by |= self.parked_by;
        self.delay_ns = self.delay_ns.saturating_add(self.parked_ns);
        (self.parked_by, self.parked_ns) = (RuleSet::EMPTY, 0);
    }

    /// Has the completion held by all rules, and the request by none.
    pub(crate) fn hold_completion(&mut self) {
        self.parked_by |= self.held_by;
        self.parked_ns = self.parked_ns.saturating_add(self.delay_ns);
        (self.held_by, self.delay_ns) = (RuleSet::EMPTY, 0);
    }
}
