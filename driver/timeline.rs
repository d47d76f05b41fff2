// SPDX-License-Identifier: GPL-2.0-only

//! A profile of strengths, and when it began.

use crate::policy::profile::{Phase, Profile};

/// A profile from its beginning on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Timeline {
    profile: Profile,
    /// When its first step began.
    start_ns: u64,
}

impl Timeline {
    /// A profile that began then; `None` if it has no steps.
    pub(crate) fn new(profile: &Profile, start_ns: u64) -> Option<Self> {
        let timeline = Self {
            profile: *profile,
            start_ns,
        };
        (!profile.is_none()).then_some(timeline)
    }

    /// Whether a timeline is that of a profile that began then.
    pub(crate) fn is(timeline: &Option<Self>, profile: &Profile, start_ns: u64) -> bool {
        match timeline {
            None => profile.is_none(),
            Some(timeline) => timeline.profile == *profile && timeline.start_ns == start_ns,
        }
    }

    /// The phase at this time; not inlined, so that it costs nothing where there is no profile.
    #[inline(never)]
    pub(crate) fn at(&self, now_ns: u64) -> Phase {
        self.profile.at(now_ns.saturating_sub(self.start_ns))
    }

    /// When the next step of no strength begins after this time; `u64::MAX` if none does.
    pub(crate) fn next_off_ns(&self, now_ns: u64) -> u64 {
        let off_in_ns = self.profile.off_in_ns(now_ns.saturating_sub(self.start_ns));
        now_ns.saturating_add(off_in_ns)
    }
}
