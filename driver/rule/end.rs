// SPDX-License-Identifier: GPL-2.0-only

//! When a rule lets go of the I/O that it holds: at the end of its lease, and at steps of its
//! profile.

use super::Rule;
use crate::policy::delay::Delay;

impl Rule {
    /// Whether it lets go of I/O when a step of no strength begins: a freeze and a limit have no
    /// other end, while a delay goes on as it was drawn.
    fn lets_go(&self) -> bool {
        let is_frozen = self.delay.as_ref().is_some_and(Delay::is_endless);
        self.timeline.is_some() && (is_frozen || !self.limits.is_none())
    }

    /// Whether it holds I/O at this time that it has begun to hold before.
    pub(crate) fn is_active(&self, now_ns: u64) -> bool {
        let is_off = self.lets_go() && self.is_off(&mut now_ns.into());
        self.lease.is_open(now_ns) && !is_off
    }

    /// When it next lets go of all I/O, after this time; `u64::MAX` if it never does.
    pub(crate) fn next_end_ns(&self, now_ns: u64) -> u64 {
        if !self.lease.is_open(now_ns) {
            return u64::MAX;
        }
        let end_ns = self.lease.end_ns();
        let timeline = self.timeline.as_ref().filter(|_| self.lets_go());
        timeline.map_or(end_ns, |timeline| end_ns.min(timeline.next_off_ns(now_ns)))
    }

    /// Whether it never lets go of all I/O.
    pub(crate) fn is_endless(&self) -> bool {
        self.lease.end_ns() == u64::MAX && !self.lets_go()
    }
}
