// SPDX-License-Identifier: GPL-2.0-only

//! A rule of the reference: the effect of an injection, and the I/O that it affects.

use crate::policy::way::Way;

/// How many injections there may be.
pub(crate) const INJECTIONS: usize = 4;

/// The kind of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Read,
    Write,
    /// A write of memory pages, which no rule may hold.
    Swap,
    /// A command of the driver's own, which no rule is about.
    Command,
}

/// The two kinds of entries that are held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Side {
    Requests,
    Completions,
}

/// The effect of an injection, in nanoseconds.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    pub(crate) injection: usize,
    /// Only reads or writes; `None` is both.
    pub(crate) kind: Option<Kind>,
    pub(crate) way: Way,
    pub(crate) delay_ns: u64,
    /// The period and the quota.
    pub(crate) limit: Option<(u64, u32)>,
    /// The sequence of draws; a change of it makes the rule choose again.
    pub(crate) sequence: u64,
}

impl Rule {
    /// The entries that it holds.
    pub(super) fn holds(&self) -> Side {
        match (self.way, self.kind) {
            (Way::Request, _) | (Way::Auto, None) => Side::Requests,
            (Way::Completion, _) | (Way::Auto, Some(_)) => Side::Completions,
        }
    }

    /// Whether both rules choose the same I/O.
    pub(super) fn same_choice(&self, other: &Self) -> bool {
        self.kind == other.kind && self.sequence == other.sequence
    }

    /// Whether I/O of this kind matches.
    pub(super) fn matches(&self, kind: Kind) -> bool {
        let is_exempt = matches!(kind, Kind::Swap | Kind::Command);
        !is_exempt && self.kind.is_none_or(|wanted| wanted == kind)
    }
}

/// A set of injections, a bit for each.
pub(crate) type Set = u64;

/// The injections of a set.
pub(super) fn members(set: Set) -> impl Iterator<Item = usize> {
    (0..INJECTIONS).filter(move |injection| set & 1 << injection != 0)
}

/// The injections of a set that limit.
pub(super) fn limits(rules: &[Rule], by: Set) -> Set {
    let limiting = rules
        .iter()
        .filter(|rule| rule.limit.is_some() && by & 1 << rule.injection != 0);
    limiting.fold(0, |set, rule| set | 1 << rule.injection)
}
