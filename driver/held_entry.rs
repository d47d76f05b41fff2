// SPDX-License-Identifier: GPL-2.0-only

//! The two kinds of entries that can be held: requests and completions.

use crate::{
    elevator::{Entry, Parked, Request},
    policy::io::Io,
    rule_set::RuleSet,
};

/// An entry that can be held.
pub(crate) trait HeldEntry: Entry + Io {
    /// Whether it is a completion.
    const IS_COMPLETION: bool;

    /// The rules that hold it.
    #[inline]
    fn rules(&self) -> RuleSet {
        RuleSet::from_bits(self.set())
    }

    /// Replaces the rules that hold it.
    #[inline]
    fn set_rules(&mut self, rules: RuleSet) {
        self.put_set(rules.bits());
    }
}

impl HeldEntry for Request {
    const IS_COMPLETION: bool = false;
}

impl HeldEntry for Parked {
    const IS_COMPLETION: bool = true;
}
