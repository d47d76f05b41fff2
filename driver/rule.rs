// SPDX-License-Identifier: GPL-2.0-only

//! A rule of a plan: the effect of one injection on the I/O of one disk.

use crate::{
    ending::Ending,
    held_entry::Candidate,
    injection::InjectionId,
    lanes::{same_lanes, Lanes, LanesSpec},
    lease::Lease,
    policy::{
        arm::Transfer,
        bounds::Bounds,
        delay::Delay,
        filter::Filter,
        io::Io,
        limits::{transferred, Limits},
        operations::{FLUSH, READ},
        profile::{Phase, Profile},
        sampler::Sampler,
        way::Way,
    },
    rule_set::RuleSet,
    stats::{Count, Lane, Stats},
    sys::{
        cgroup::Cgroup,
        clock::{self, Clock},
    },
    timeline::Timeline,
    verdict::Verdict,
};
use kernel::{prelude::*, sync::Arc};

mod draws;
mod end;
mod limit;
mod state;

use state::State;

/// The effect of one injection on the I/O of one disk.
pub(crate) struct Rule {
    pub(crate) injection: InjectionId,
    /// The set of this rule alone, by which requests remember that it holds them.
    pub(crate) bit: RuleSet,
    /// The number of the first plan since which all plans have had a rule of this injection.
    pub(crate) known_since: u64,
    /// The number of the first plan since which the rule has chosen the same I/O.
    pub(crate) choice_since: u64,
    /// The number of the first plan since which it has also delayed that I/O in the same way.
    pub(crate) delay_since: u64,
    filter: Filter,
    /// The filter's cgroup.
    cgroup: Option<Arc<Cgroup>>,
    sampler: Sampler,
    way: Way,
    pub(crate) delay: Option<Delay>,
    pub(crate) limits: Limits,
    /// How it ends I/O otherwise than the disk does.
    pub(crate) ending: Option<Ending>,
    timeline: Option<Timeline>,
    pub(crate) lanes: Option<Arc<Lanes>>,
    state: Arc<State>,
    pub(crate) lease: Arc<Lease>,
    pub(crate) stats: Arc<Stats>,
}

/// The specification of a rule, which also takes over state from the same injection's rule before.
pub(crate) struct RuleSpec<'a> {
    pub(crate) injection: InjectionId,
    pub(crate) filter: Filter,
    /// The filter's cgroup.
    pub(crate) cgroup: Option<&'a Arc<Cgroup>>,
    pub(crate) sampler: Sampler,
    pub(crate) way: Way,
    pub(crate) delay: Option<Delay>,
    pub(crate) limits: Limits,
    pub(crate) ending: Option<Ending>,
    pub(crate) lanes: LanesSpec,
    pub(crate) profile: &'a Profile,
    pub(crate) profile_start_ns: u64,
    /// Where the sequence of draws begins.
    pub(crate) seed: Option<u64>,
    /// The number of the sequence, which grows when the sequence has to begin again.
    pub(crate) sequence: u64,
    pub(crate) lease: &'a Arc<Lease>,
    pub(crate) stats: &'a Arc<Stats>,
}

impl Rule {
    /// Adds the rule of a spec to `rules` for the plan of this number; `before` is the same
    /// injection's rule in the plan before. Not inlined, as it takes much of the stack.
    ///
    /// # Errors
    ///
    /// ENOMEM.
    #[inline(never)]
    pub(crate) fn add(
        spec: RuleSpec<'_>,
        before: Option<&Self>,
        epoch: u64,
        rules: &mut KVec<Self>,
    ) -> Result {
        let state = match before.and_then(|before| before.state_to_keep(&spec)) {
            Some(state) => state,
            None => Self::new_state(&spec, before)?,
        };
        spec.limits.forget_saved(&state.windows);
        let (profile, start_ns, lanes) = (spec.profile, spec.profile_start_ns, spec.lanes);
        let known = before.filter(|before| before.delays_as(&spec));
        let rule = Self {
            injection: spec.injection,
            bit: RuleSet::EMPTY,
            known_since: before.map_or(epoch, |before| before.known_since),
            choice_since: epoch,
            delay_since: epoch,
            filter: spec.filter,
            cgroup: spec.cgroup.cloned(),
            sampler: spec.sampler,
            way: spec.way,
            delay: spec.delay,
            limits: spec.limits,
            ending: spec.ending,
            timeline: None,
            lanes: None,
            state,
            lease: spec.lease.clone(),
            stats: spec.stats.clone(),
        };
        rules.push(rule, GFP_KERNEL)?;
        // The rest in its place, as the rule is large for a stack.
        if let Some(rule) = rules.last_mut() {
            rule.set_times(profile, start_ns, lanes, known)?;
            rule.go_on(before, known.is_some());
        }
        Ok(())
    }

    /// A new state, which goes on with the present windows if the limits keep theirs.
    fn new_state(spec: &RuleSpec<'_>, before: Option<&Self>) -> Result<Arc<State>> {
        let old = before.map(|before| (&before.limits, &before.state.windows));
        let windows = spec.limits.windows(old, clock::now_ns());
        State::new(spec.sequence, spec.seed, windows)
    }

    /// Sets the profile and the lanes; `known` is a rule that delays I/O in the same way. Not
    /// inlined, as `add` takes much of the stack.
    ///
    /// # Errors
    ///
    /// ENOMEM.
    #[inline(never)]
    fn set_times(
        &mut self,
        profile: &Profile,
        start_ns: u64,
        lanes: LanesSpec,
        known: Option<&Self>,
    ) -> Result {
        self.timeline = Timeline::new(profile, start_ns);
        // I/O that other lanes hold books anew when it is judged again.
        let known = known.filter(|known| self.same_choice(known));
        self.lanes = Lanes::of(lanes, known.and_then(|known| known.lanes.as_ref()))?;
        Ok(())
    }

    /// Takes over from the same injection's rule before, which may delay I/O in the same way. Not
    /// inlined, as above.
    #[inline(never)]
    fn go_on(&mut self, before: Option<&Self>, delays_as_before: bool) {
        let Some(before) = before else { return };
        if self.same_choice(before) {
            self.choice_since = before.choice_since;
            if delays_as_before && same_lanes(&self.lanes, &before.lanes) {
                self.delay_since = before.delay_since;
            }
        }
        self.limits = self.limits.in_place_of(&before.limits, clock::now_ns());
    }

    /// The state, unless the spec has other windows or another sequence.
    fn state_to_keep(&self, spec: &RuleSpec<'_>) -> Option<Arc<State>> {
        let keeps = spec.limits.keep_windows_of(&self.limits);
        (keeps && self.state.sequence == spec.sequence).then(|| self.state.clone())
    }

    /// Whether it delays I/O as a rule of this spec does.
    fn delays_as(&self, spec: &RuleSpec<'_>) -> bool {
        self.delay == spec.delay
            && Timeline::is(&self.timeline, spec.profile, spec.profile_start_ns)
    }

    /// Whether it delays I/O.
    pub(crate) fn delays(&self) -> bool {
        let lanes = self.lanes.as_ref();
        self.delay.is_some() || lanes.is_some_and(|lanes| lanes.delay_all())
    }

    /// The number of the rule's bit.
    pub(crate) fn number(&self) -> usize {
        // Some bit is set, so the number is below `CAPACITY` anyway; the modulo tells the compiler.
        self.bit.first() as usize % RuleSet::CAPACITY
    }

    /// Whether both rules do the same to every I/O.
    pub(crate) fn same(&self, other: &Self) -> bool {
        self.same_choice(other)
            && self.way == other.way
            && self.delay == other.delay
            && self.limits.same(&other.limits)
            && self.ending == other.ending
            && self.timeline == other.timeline
            && same_lanes(&self.lanes, &other.lanes)
            && Arc::ptr_eq(&self.state, &other.state)
            && Arc::ptr_eq(&self.stats, &other.stats)
    }

    /// Whether both rules belong to the same injection and choose the same I/O.
    pub(crate) fn same_choice(&self, other: &Self) -> bool {
        self.injection == other.injection
            && self.filter == other.filter
            && self.sampler == other.sampler
            && self.state.sequence == other.state.sequence
    }

    /// Whether it holds requests, and not completions. The data that a disk has read are changed
    /// while their completion is held, and no scheduler gets the request of a flush.
    pub(crate) fn holds_requests(&self) -> bool {
        let is_late = matches!(self.ending, Some(Ending::Corrupted(_)));
        if is_late || self.is_about_flushes() {
            return false;
        }
        match self.way {
            Way::Auto => self.takes_all(),
            Way::Request => true,
            Way::Completion => false,
        }
    }

    /// Whether flushes without data are the only I/O that it may affect.
    pub(crate) fn is_about_flushes(&self) -> bool {
        self.filter.operations.are_flushes()
    }

    /// Whether it takes every I/O, except for the few that no rule can hold.
    pub(crate) fn takes_all(&self) -> bool {
        self.filter.matches_all() && !self.chooses_among_matching()
    }

    fn chooses_among_matching(&self) -> bool {
        self.sampler.counts() || self.sampler.draws() || self.lease.counts()
    }

    /// Whether it asks for the submitter's PID namespace.
    pub(crate) fn asks_for_pid_namespace(&self) -> bool {
        self.filter.pid_namespace != 0
    }

    /// Whether a request with the operation of this number, as filters know it, may match.
    pub(crate) fn may_match(&self, operation: u32) -> bool {
        self.filter.operations.may_match(operation)
    }

    /// The bounds of the I/O that may match.
    pub(crate) fn bounds(&self) -> Bounds {
        self.filter.bounds()
    }

    /// Whether the I/O matches.
    #[inline]
    pub(crate) fn matches(&self, io: &impl Candidate) -> bool {
        let cgroup = self.cgroup.as_ref();
        self.filter
            .matches(io, || cgroup.is_some_and(|cgroup| io.is_in_cgroup(cgroup)))
    }

    /// Adds this rule to the verdict on an I/O that arrives now. It is counted in the lane, if
    /// there is one.
    #[inline]
    pub(crate) fn add_to(
        &self,
        verdict: &mut Verdict,
        io: &impl Candidate,
        clock: &mut Clock,
        lane: Option<Lane>,
    ) {
        if !self.matches(io) {
            return;
        }
        let Some(delay_ns) = self.judge(io, clock, lane, false, 0) else {
            return;
        };
        let (set, sum_ns) = if self.holds_requests() {
            (&mut verdict.held_by, &mut verdict.delay_ns)
        } else {
            (&mut verdict.parked_by, &mut verdict.parked_ns)
        };
        *set |= self.bit;
        *sum_ns = sum_ns.saturating_add(delay_ns);
        verdict.failed_by |= self.bit.when(self.ending.is_some());
    }

    /// For how long this rule delays an I/O that matches; `None` if it does not hold the I/O. The
    /// delay may be 0 if there is a limit to ask, or an error to end with. The I/O is counted in
    /// the lane, if there is one. If the rule has affected it before, the lease has counted it. The
    /// delay counts from the I/O's arrival, which was so long ago.
    pub(crate) fn judge(
        &self,
        io: &impl Io,
        clock: &mut Clock,
        lane: Option<Lane>,
        was_affected: bool,
        since_ns: u64,
    ) -> Option<u64> {
        if !self.lease.is_open_by(clock) || self.is_off(clock) {
            return None;
        }
        let count = |what| {
            if let Some(lane) = lane {
                self.stats.count(lane, what);
            }
        };
        count(Count::Matched);
        // A lease that is used up draws nothing: the sequence of draws goes on where it ended.
        if !self.passes_sampler() || (!was_affected && self.lease.is_used_up()) {
            return None;
        }
        // An I/O that draws no delay is not affected, and does not use up the lease.
        let delay_ns = self.hold_for(io, clock, since_ns);
        let delay_ns = delay_ns.filter(|_| was_affected || self.lease.take_one())?;
        if delay_ns > 0 {
            count(Count::Delayed);
        }
        Some(delay_ns)
    }

    /// Draws the delay, from the I/O's arrival so long ago; `None` if it is 0, and there is neither
    /// a limit nor an error, so that the I/O goes at once.
    #[inline]
    pub(crate) fn hold_for(&self, io: &impl Io, clock: &mut Clock, since_ns: u64) -> Option<u64> {
        let mut delay_ns = self.delay.as_ref().map_or(0, |delay| self.draw(delay));
        let mut phase = Phase::FULL;
        if let Some(timeline) = &self.timeline {
            phase = timeline.at(clock.now_ns());
            if phase.is_off() {
                return None;
            }
            if delay_ns != u64::MAX {
                delay_ns = phase.scaled(delay_ns);
            }
        }
        // An arm does not move for a flush, which has no place.
        let lanes = self.lanes.as_ref();
        let lanes = lanes.filter(|lanes| io.operation() != FLUSH || !lanes.delay_all());
        let delay_ns = match lanes {
            Some(lanes) if delay_ns != u64::MAX => lanes.book(
                Transfer {
                    arrival_ns: clock.now_ns().saturating_sub(since_ns),
                    sector: io.first_sector(),
                    bytes: transferred(io),
                    is_read: io.operation() == READ,
                },
                delay_ns,
                phase,
            ),
            _ => delay_ns,
        };
        let affects = delay_ns > 0 || !self.limits.is_none() || self.ending.is_some();
        affects.then_some(delay_ns)
    }

    /// The delay of each I/O that it delays, if that is always the same and ends.
    pub(crate) fn constant_delay_ns(&self) -> Option<u64> {
        if self.timeline.is_some() || self.lanes.is_some() {
            return None;
        }
        match &self.delay {
            None => Some(0),
            Some(delay) => delay.constant_ns().filter(|delay_ns| *delay_ns != u64::MAX),
        }
    }

    /// Whether the profile is in a step in which the rule does nothing.
    #[inline]
    fn is_off(&self, clock: &mut Clock) -> bool {
        let timeline = self.timeline.as_ref();
        timeline.is_some_and(|timeline| timeline.at(clock.now_ns()).is_off())
    }

    /// The mean delay of I/Os that match; `u64::MAX` if some of them wait without an end. Another
    /// delay counts for no longer than the lease lasts. All rules of an injection have the same.
    pub(crate) fn mean_delay_ns(&self, now_ns: u64) -> u64 {
        let Some(delay) = self.delay.as_ref().filter(|_| !self.lease.is_used_up()) else {
            return 0;
        };
        let timeline = self.timeline.as_ref();
        let phase = timeline.map_or(Phase::FULL, |timeline| timeline.at(now_ns));
        if phase.is_off() {
            return 0;
        }
        if delay.is_endless() && self.lease.is_open(now_ns) && self.sampler.may_pass() {
            return u64::MAX;
        }
        let most_ns = self.lease.remaining_ns(now_ns).unwrap_or(u64::MAX);
        let mean_ns = delay.mean_ns(phase.unscaled(most_ns));
        self.sampler.share_of(phase.scaled(mean_ns))
    }

    /// Whether it matches each I/O that another rule of its disk matches.
    pub(crate) fn covers(&self, other: &Self) -> bool {
        self.filter.covers(&other.filter)
    }
}
