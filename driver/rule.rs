// SPDX-License-Identifier: GPL-2.0-only

//! A rule of a plan: the effect of one injection on the I/O of one disk.

use crate::{
    admission::Closed,
    held_entry::{HeldEntry, Request},
    injection::InjectionId,
    lease::Lease,
    policy::{
        bounds::Bounds,
        delay::Delay,
        filter::Filter,
        limit::Refused,
        limits::{Charge, Limits, MOST_LIMITS},
        random::{Draw, STEP},
        sampler::Sampler,
        way::Way,
        window::Shared,
    },
    rule_set::RuleSet,
    stats::{Count, Lane, Stats},
    sys::{
        atomic::{AcqRel, Acquire, AtomicU64, Relaxed},
        cgroup::Cgroup,
        clock::{self, random_seed, Clock},
    },
    verdict::Verdict,
};
use kernel::{prelude::*, sync::Arc};

/// Turns the seed of delays into the seed of the sampler's draws.
const SAMPLER_SEED: u64 = 0xa076_1d64_78bd_642f;

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
    /// Where the sequence of draws begins.
    pub(crate) seed: Option<u64>,
    /// The number of the sequence, which grows when the sequence has to begin again.
    pub(crate) sequence: u64,
    pub(crate) lease: &'a Arc<Lease>,
    pub(crate) stats: &'a Arc<Stats>,
}

/// The state that a rule keeps from one I/O to the next. All hardware queues of the disk share it,
/// without a lock.
struct State {
    /// As in [`RuleSpec`].
    sequence: u64,
    /// Counter of the random numbers for delays.
    draws: AtomicU64,
    /// The random number of the last delay, which a correlated delay may repeat.
    last: AtomicU64,
    /// Counter of the random numbers for the sampler.
    sampler_draws: AtomicU64,
    /// How many I/Os have matched, if the sampler counts.
    matched: AtomicU64,
    /// The limits' [windows](crate::policy::window::Window).
    windows: [SharedWindow; MOST_LIMITS],
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
            None => State::new(&spec, before)?,
        };
        let mut rule = Self {
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
            state,
            lease: spec.lease.clone(),
            stats: spec.stats.clone(),
        };
        if let Some(before) = before.filter(|before| rule.same_choice(before)) {
            rule.choice_since = before.choice_since;
            if rule.delay == before.delay {
                rule.delay_since = before.delay_since;
            }
        }
        if let Some(before) = before {
            rule.limits = rule.limits.in_place_of(&before.limits, clock::now_ns());
        }
        Ok(rules.push(rule, GFP_KERNEL)?)
    }

    /// The state, unless the spec has other windows or another sequence.
    fn state_to_keep(&self, spec: &RuleSpec<'_>) -> Option<Arc<State>> {
        let keeps = spec.limits.keep_windows_of(&self.limits);
        (keeps && self.state.sequence == spec.sequence).then(|| self.state.clone())
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

    /// Whether it holds requests, and not completions.
    pub(crate) fn holds_requests(&self) -> bool {
        match self.way {
            Way::Auto => self.takes_all(),
            Way::Request => true,
            Way::Completion => false,
        }
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
    pub(crate) fn matches(&self, entry: &impl HeldEntry) -> bool {
        let cgroup = self.cgroup.as_ref();
        self.filter.matches(entry, || {
            cgroup.is_some_and(|cgroup| entry.is_in_cgroup(cgroup))
        })
    }

    /// Adds this rule to the verdict on a request that arrives now. It is counted in the lane, if
    /// there is one.
    #[inline]
    pub(crate) fn add_to(
        &self,
        verdict: &mut Verdict,
        request: &Request,
        clock: &mut Clock,
        lane: Option<Lane>,
    ) {
        if !self.matches(request) {
            return;
        }
        let Some(delay_ns) = self.judge(clock, lane, false) else {
            return;
        };
        let (set, sum_ns) = if self.holds_requests() {
            (&mut verdict.held_by, &mut verdict.delay_ns)
        } else {
            (&mut verdict.parked_by, &mut verdict.parked_ns)
        };
        *set |= self.bit;
        *sum_ns = sum_ns.saturating_add(delay_ns);
    }

    /// For how long this rule delays an I/O that matches; `None` if it does not hold the I/O. The
    /// delay may be 0 if there is a limit to ask. The I/O is counted in the lane, if there is one.
    /// If the rule has affected it before, the lease has counted it.
    pub(crate) fn judge(
        &self,
        clock: &mut Clock,
        lane: Option<Lane>,
        was_affected: bool,
    ) -> Option<u64> {
        if !self.lease.is_open_by(clock) {
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
        let delay_ns = self.hold_for();
        let delay_ns = delay_ns.filter(|_| was_affected || self.lease.take_one())?;
        if delay_ns > 0 {
            count(Count::Delayed);
        }
        Some(delay_ns)
    }

    fn passes_sampler(&self) -> bool {
        if self.sampler.counts() {
            // Relaxed: only the number counts.
            let number = self.state.matched.fetch_add(1, Relaxed).wrapping_add(1);
            if !self.sampler.passes_count(number) {
                return false;
            }
        }
        if self.sampler.draws() {
            let draw = Draw::at(self.state.sampler_draws.fetch_add(STEP, Relaxed));
            if !self.sampler.passes_draw(draw) {
                return false;
            }
        }
        true
    }

    /// Draws the delay; `None` if it is 0 and there is no limit, so that the I/O goes at once.
    #[inline]
    pub(crate) fn hold_for(&self) -> Option<u64> {
        let delay_ns = self.delay.as_ref().map_or(0, |delay| self.draw(delay));
        (delay_ns > 0 || !self.limits.is_none()).then_some(delay_ns)
    }

    /// The mean delay of I/Os that match; `u64::MAX` if some of them wait without an end. Another
    /// delay counts for no longer than the lease lasts. All rules of an injection have the same.
    pub(crate) fn mean_delay_ns(&self, now_ns: u64) -> u64 {
        let Some(delay) = self.delay.as_ref().filter(|_| !self.lease.is_used_up()) else {
            return 0;
        };
        if delay.is_endless() && self.lease.is_open(now_ns) && self.sampler.may_pass() {
            return u64::MAX;
        }
        let most_ns = self.lease.remaining_ns(now_ns).unwrap_or(u64::MAX);
        self.sampler.share_of(delay.mean_ns(most_ns))
    }

    /// Whether it matches each I/O that another rule of its disk matches.
    pub(crate) fn covers(&self, other: &Self) -> bool {
        self.filter.covers(&other.filter)
    }

    fn draw(&self, delay: &Delay) -> u64 {
        if let Some(constant_ns) = delay.constant_ns() {
            return constant_ns;
        }
        let draw = Draw::at(self.state.draws.fetch_add(STEP, Relaxed));
        if !delay.correlated() {
            return delay.at(draw.value());
        }
        if !delay.repeats(draw) {
            self.state.last.store(draw.value(), Relaxed);
        }
        delay.at(self.state.last.load(Relaxed))
    }

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

/// The word of a limit's window.
struct SharedWindow(AtomicU64);

impl Shared for SharedWindow {
    #[inline]
    fn load(&self) -> u64 {
        self.0.load(Acquire)
    }

    #[inline]
    fn exchange(&self, old: u64, new: u64) -> bool {
        self.0.compare_exchange(old, new, AcqRel, Relaxed).is_ok()
    }
}

impl State {
    fn new(spec: &RuleSpec<'_>, before: Option<&Rule>) -> Result<Arc<Self>> {
        // The new state goes on with the present windows, if the limits keep theirs.
        let old = before.map(|before| (&before.limits, &before.state.windows));
        let windows = spec.limits.windows(old, clock::now_ns());
        let seed = spec.seed.unwrap_or_else(random_seed);
        let state = Self {
            sequence: spec.sequence,
            draws: AtomicU64::new(seed),
            // The number that the first I/O repeats, if it repeats one.
            last: AtomicU64::new(Draw::at(seed.wrapping_sub(STEP)).value()),
            sampler_draws: AtomicU64::new(seed ^ SAMPLER_SEED),
            matched: AtomicU64::new(0),
            windows: windows.map(|window| SharedWindow(AtomicU64::new(window.to_word()))),
        };
        Ok(Arc::new(state, GFP_KERNEL)?)
    }
}
