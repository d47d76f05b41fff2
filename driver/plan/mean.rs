// SPDX-License-Identifier: GPL-2.0-only

//! For how long a plan holds requests on average.

use super::Plan;
use crate::{injection::InjectionId, rule::Rule};
use kernel::prelude::*;

/// The mean delays of injections at one time. To find one takes a while, and all rules of an
/// injection have the same.
pub(crate) struct Means {
    now_ns: u64,
    known: KVec<(InjectionId, u64)>,
}

impl Means {
    /// The means at this time.
    pub(crate) fn at(now_ns: u64) -> Self {
        Self {
            now_ns,
            known: KVec::new(),
        }
    }

    /// For how long a rule holds a request that matches, on average; 0 if it holds no requests.
    fn hold_ns(&mut self, rule: &Rule) -> u64 {
        if !rule.holds_requests() {
            return 0;
        }
        let mut known = self.known.iter();
        if let Some((_, mean_ns)) = known.find(|(injection, _)| *injection == rule.injection) {
            return *mean_ns;
        }
        let mean_ns = rule.mean_delay_ns(self.now_ns);
        // Without memory for it, the next rule finds it again.
        let _ = self.known.push((rule.injection, mean_ns), GFP_KERNEL);
        mean_ns
    }
}

impl Plan {
    /// How many lanes an injection has, and for how long an I/O is in one of them on average;
    /// `None` if it has none, or arms.
    pub(crate) fn lanes_of(&self, injection: InjectionId, means: &mut Means) -> Option<(u64, u64)> {
        let rule = self.rule_of(injection)?;
        let lanes = rule.lanes.as_ref()?.count()? as u64;
        Some((lanes, means.hold_ns(rule)))
    }

    /// For how long a request that an injection delays is held on average, by this injection and by
    /// all others that hold whatever it matches; `None` if it delays no requests, and `u64::MAX` if
    /// some requests wait without an end.
    pub(crate) fn mean_hold_ns(&self, injection: InjectionId, means: &mut Means) -> Option<u64> {
        let rule = self.rule_of(injection)?;
        if means.hold_ns(rule) == 0 {
            return None;
        }
        let all = self.rules.iter().filter(|other| other.covers(rule));
        Some(all.fold(0, |sum: u64, other| {
            sum.saturating_add(means.hold_ns(other))
        }))
    }
}
