// SPDX-License-Identifier: GPL-2.0-only

//! The windows of limits, which requests and completions share, and the turns of both.

use super::{Held, Reference, Set, Side};
use crate::waiting::LAST;

impl Reference {
    /// The rules of some limits, and the period and the quota of each.
    pub(super) fn limiting(&self, limits: Set) -> impl Iterator<Item = (usize, u64, u32)> + '_ {
        let rules = self.rules().iter();
        let rules = rules.filter(move |rule| limits & 1 << rule.injection != 0);
        rules.filter_map(|rule| {
            let (period_ns, quota) = rule.limit?;
            Some((rule.injection, period_ns, quota))
        })
    }

    /// When all of these limits may admit one more I/O, by their present windows.
    pub(super) fn open_ns(&self, limits: Set) -> u64 {
        let times = self
            .limiting(limits)
            .filter_map(|(injection, period_ns, quota)| {
                let window = self.now_ns / period_ns;
                let (last, used) = *self.used.get(&injection)?;
                // It is more than the quota if that was lowered meanwhile.
                (last == window && used >= quota).then_some((window + 1) * period_ns)
            });
        times.max().unwrap_or(self.now_ns)
    }

    /// For how many more I/Os all of these limits have room, if each limit has admitted one in the
    /// window of this time.
    pub(super) fn room(&self, limits: Set) -> Option<u32> {
        let rooms = self.limiting(limits).map(|(injection, period_ns, quota)| {
            let (last, used) = *self.used.get(&injection)?;
            (last == self.now_ns / period_ns).then_some(quota.saturating_sub(used))
        });
        rooms.min().flatten()
    }

    /// Prepares a release of a side: its due entries may give way to entries of the other side that
    /// wait for the same limits, until the middle of a window that has no room for all.
    pub(crate) fn give_way(&mut self, side: Side) {
        let heads = self.heads(side);
        // Whether a window has room at all is checked later.
        let heads = heads
            .iter()
            .filter(|(limits, head)| **limits != 0 && head.due_ns <= self.now_ns);
        let mut ways = Vec::new();
        for (limits, _) in heads {
            let others = self.held.iter().filter(|held| {
                held.side != side && self.limits(held.by) == *limits && held.due_ns <= self.now_ns
            });
            let others = others.count() as u32;
            let middles = self
                .limiting(*limits)
                .filter_map(|(injection, period_ns, quota)| {
                    let window = self.now_ns / period_ns;
                    let used = self.used.get(&injection);
                    let used = used.filter(|(last, _)| *last == window);
                    let room = quota.saturating_sub(used.map_or(0, |(_, used)| *used));
                    let middle_ns = window * period_ns + period_ns / 2;
                    (others > 0 && others >= room && middle_ns > self.now_ns).then_some(middle_ns)
                });
            ways.extend(middles.max().map(|middle_ns| ((side, *limits), middle_ns)));
        }
        self.gives_way_ns.extend(ways);
    }

    /// When an entry that these injections hold is due.
    pub(super) fn due_ns(&self, arrival_ns: u64, by: Set) -> u64 {
        arrival_ns.saturating_add(self.delay_ns(by)).min(LAST)
    }

    /// The latest time at which the first entry of a side that waits for these limits may go.
    pub(super) fn latest_ns(&self, side: Side, limits: Set, head: &Held) -> u64 {
        let way_ns = self.gives_way_ns.get(&(side, limits));
        let open_ns = head.due_ns.max(self.open_ns(limits));
        open_ns.max(way_ns.copied().unwrap_or(0))
    }

    pub(super) fn charge(&mut self, limits: Set) {
        let periods: Vec<_> = self.limiting(limits).collect();
        for (injection, period_ns, _) in periods {
            let window = self.now_ns / period_ns;
            let used = self.used.entry(injection).or_default();
            *used = (window, if used.0 == window { used.1 + 1 } else { 1 });
        }
    }
}
