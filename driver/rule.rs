// SPDX-License-Identifier: GPL-2.0-only

//! What one injection does to the I/O of one disk.

use crate::{
    admission::Closed,
    held_entry::Request,
    injection::InjectionId,
    lease::Lease,
    policy::{
        bounds::Bounds,
        delay::Delay,
        filter::Filter,
        io::Io,
        limit::{Charge, Limit, Refused},
        random::{Draw, STEP},
        sampler::Sampler,
        way::Way,
        window::{Shared, Window},
    },
    rule_set::RuleSet,
    stats::{Count, Stats},
    sys::{
        atomic::{AcqRel, Acquire, AtomicU64, Relaxed},
        clock::{self, random_seed, Clock},
    },
    verdict::Verdict,
};
use kernel::{prelude::*, sync::Arc};

/// Turns a sequence's seed into that of the sampler's draws.
const SAMPLER_SEED: u64 = 0xa076_1d64_78bd_642f;

/// What one injection does to the I/O of one disk.
pub(crate) struct Rule {
    pub(crate) injection: InjectionId,
    /// The set of this rule alone, by which requests remember that it holds them.
    pub(crate) bit: RuleSet,
    /// The first of the plans that have had a rule of this injection without a break.
    pub(crate) known_since: u64,
    /// The first of these plans whose rule has chosen the same I/O.
    pub(crate) choice_since: u64,
    /// The first of these plans whose rule has delayed it in the same way.
    pub(crate) delay_since: u64,
    filter: Filter,
    sampler: Sampler,
    way: Way,
    pub(crate) delay: Option<Delay>,
    pub(crate) limit: Option<Limit>,
    state: Arc<State>,
    pub(crate) lease: Arc<Lease>,
    pub(crate) stats: Arc<Stats>,
}

/// What a rule is made of, besides what it takes over from the same injection's rule before.
pub(crate) struct RuleSpec<'a> {
    pub(crate) injection: InjectionId,
    pub(crate) filter: Filter,
    pub(crate) sampler: Sampler,
    pub(crate) way: Way,
    pub(crate) delay: Option<Delay>,
    pub(crate) limit: Option<Limit>,
    /// Where the sequence of draws begins.
    pub(crate) seed: Option<u64>,
    /// Sequences with different ones have nothing to do with each other.
    pub(crate) sequence: u64,
    pub(crate) lease: &'a Arc<Lease>,
    pub(crate) stats: &'a Arc<Stats>,
}

/// The state of a rule from one I/O to the next. All hardware queues of the disk share it, without
/// a lock.
struct State {
    /// As in [`RuleSpec`].
    sequence: u64,
    /// Counter of the random numbers for delays.
    draws: AtomicU64,
    /// The random number of the last delay, which a correlated one may repeat.
    last: AtomicU64,
    /// Counter of the random numbers for the sampler.
    sampler_draws: AtomicU64,
    /// How many I/Os have matched, if the sampler counts.
    matched: AtomicU64,
    /// The limit's [`Window`].
    window: SharedWindow,
}

impl Rule {
    /// Adds the rule of a spec for the plan of this number; `before` is the same injection's rule
    /// in the plan before. Not inlined, as it takes much of the stack.
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
            sampler: spec.sampler,
            way: spec.way,
            delay: spec.delay,
            limit: spec.limit,
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
        Ok(rules.push(rule, GFP_KERNEL)?)
    }

    /// The state, unless its count is one of other windows, or its sequence another one.
    fn state_to_keep(&self, spec: &RuleSpec<'_>) -> Option<Arc<State>> {
        let keeps = match (&self.limit, &spec.limit) {
            (_, None) => true,
            (Some(old), Some(new)) => old.same_windows(new),
            (None, Some(_)) => false,
        };
        (keeps && self.state.sequence == spec.sequence).then(|| self.state.clone())
    }

    /// The number of the bit.
    pub(crate) fn number(&self) -> usize {
        // Below that in any case, since some bit is set; this tells the compiler.
        self.bit.first() as usize % RuleSet::CAPACITY
    }

    /// Whether both do the same to every I/O.
    pub(crate) fn same(&self, other: &Self) -> bool {
        self.same_choice(other)
            && self.way == other.way
            && self.delay == other.delay
            && self.limit == other.limit
            && Arc::ptr_eq(&self.state, &other.state)
            && Arc::ptr_eq(&self.stats, &other.stats)
    }

    /// Whether both are of the same injection and choose the same requests.
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

    /// Whether it is about every I/O, but for the few that none can hold.
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

    /// Whether a request may match whose operation has this number in `enum req_op`.
    pub(crate) fn may_match(&self, operation: u32) -> bool {
        self.filter.operations.may_match(operation)
    }

    /// What bounds the I/O that this rule is about.
    pub(crate) fn bounds(&self) -> Bounds {
        self.filter.bounds()
    }

    /// Whether this rule is about the I/O.
    #[inline]
    pub(crate) fn matches(&self, io: &impl Io) -> bool {
        self.filter.matches(io)
    }

    /// Adds this rule to the verdict on a request that arrives now. It is counted for a hardware
    /// queue, if one is given.
    #[inline]
    pub(crate) fn add_to(
        &self,
        verdict: &mut Verdict,
        request: &Request,
        clock: &mut Clock,
        hctx: Option<usize>,
    ) {
        if !self.matches(request) {
            return;
        }
        let Some(delay_ns) = self.judge(clock, hctx) else {
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

    /// For how long this holds an I/O that matches it; `None` if it does not. It may be for no
    /// time, until a limit has been asked. It is counted for a hardware queue, if one is given.
    pub(crate) fn judge(&self, clock: &mut Clock, hctx: Option<usize>) -> Option<u64> {
        if !self.lease.is_open_by(clock) {
            return None;
        }
        let count = |what| {
            if let Some(hctx) = hctx {
                self.stats.count(hctx, what);
            }
        };
        count(Count::Matched);
        if !self.passes_sampler() {
            return None;
        }
        let delay_ns = self.hold_for()?;
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
        self.lease.take_one()
    }

    /// Draws the delay; `None` if that and the lack of a limit let the request go at once.
    #[inline]
    pub(crate) fn hold_for(&self) -> Option<u64> {
        let delay_ns = self.delay.as_ref().map_or(0, |delay| self.draw(delay));
        (delay_ns > 0 || self.limit.is_some()).then_some(delay_ns)
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

    /// Until when the limit refuses an I/O before which so many others wait, since it is not its
    /// turn.
    ///
    /// In the first half of a window, an I/O has its turn if fewer wait before it than the window
    /// has room for. In the second half every I/O has, or room that a late hardware queue has left
    /// would be lost.
    pub(crate) fn refuses_turn(&self, before: u32, now_ns: u64) -> Option<Closed> {
        let limit = self.limit.as_ref()?;
        let middle_ns = limit.middle_ns(now_ns);
        if before < limit.room(&self.state.window, now_ns) || now_ns >= middle_ns {
            None
        } else {
            Some(self.closed(middle_ns))
        }
    }

    /// Until when the limit refuses an I/O, if it would now.
    pub(crate) fn refuses(&self, now_ns: &mut u64) -> Option<Closed> {
        let limit = self.limit.as_ref()?;
        let asked = limit.ask(&self.state.window, now_ns, clock::now_ns);
        asked.err().map(|refused| self.closed(refused.until_ns))
    }

    /// As [`Limit::charge_quickly`]. False if there is no limit.
    #[inline]
    pub(crate) fn charge_quickly(&self, now_ns: u64) -> bool {
        let limit = self.limit.as_ref();
        limit.is_some_and(|limit| limit.charge_quickly(&self.state.window, now_ns))
    }

    /// Admits one I/O as [`Plan::admit_at_once`](crate::plan::Plan::admit_at_once), for this rule
    /// alone.
    #[inline]
    pub(crate) fn admits_at_once(&self, uncounted: RuleSet, hctx: usize, now_ns: u64) -> bool {
        let admits = self.charge_quickly(now_ns);
        if admits {
            self.stats
                .count_at_once(hctx, !uncounted.contains(self.bit));
        }
        admits
    }

    /// As [`Limit::give_back_quickly`].
    pub(crate) fn give_back_quickly(&self, now_ns: u64) {
        if let Some(limit) = &self.limit {
            limit.give_back_quickly(&self.state.window, now_ns);
        }
    }

    /// Has the limit count one I/O, if it admits it. Without a limit nothing is counted.
    #[inline]
    pub(crate) fn charge(&self, now_ns: &mut u64) -> Result<Charge, Refused> {
        match &self.limit {
            Some(limit) => limit.charge(&self.state.window, now_ns, clock::now_ns),
            None => Ok(Charge::NONE),
        }
    }

    /// That this rule's limit admits nothing before a time.
    #[inline]
    pub(crate) fn closed(&self, until_ns: u64) -> Closed {
        Closed {
            until_ns,
            by: self.bit.first(),
        }
    }

    /// Takes back an I/O that [`Rule::charge`] has counted in this window.
    pub(crate) fn give_back(&self, charged: Window) {
        charged.give_back_to(&self.state.window);
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
        let window = spec.limit.as_ref();
        let window = window.map_or(0, |limit| {
            // What the present window has let through counts, whatever else is new.
            let old = before.filter(|before| {
                let old = before.limit.as_ref();
                old.is_some_and(|old| old.same_windows(limit))
            });
            old.map_or_else(
                || limit.fresh(clock::now_ns()).to_word(),
                |before| before.state.window.load(),
            )
        });
        let seed = spec.seed.unwrap_or_else(random_seed);
        let state = Self {
            sequence: spec.sequence,
            draws: AtomicU64::new(seed),
            // Drawn by the first I/O, if that repeats.
            last: AtomicU64::new(Draw::at(seed.wrapping_sub(STEP)).value()),
            sampler_draws: AtomicU64::new(seed ^ SAMPLER_SEED),
            matched: AtomicU64::new(0),
            window: SharedWindow(AtomicU64::new(window)),
        };
        Ok(Arc::new(state, GFP_KERNEL)?)
    }
}
