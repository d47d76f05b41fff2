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
}

impl Verdict {
    /// No rule holds anything.
    pub(crate) const NONE: Self = Self {
        held_by: RuleSet::EMPTY,
        delay_ns: 0,
        parked_by: RuleSet::EMPTY,
        parked_ns: 0,
    };
}
