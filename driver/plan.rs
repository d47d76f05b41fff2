// SPDX-License-Identifier: GPL-2.0-only

//! What the injections do to the I/O of one disk, worked out when a setting changes and not for each I/O.

use crate::{
    config::{Injection, InjectionId},
    elevator::{now_ns, random_seed},
    policy::{
        delay::Delay,
        limit::{Answer, Limit, Window},
        random::{Draw, STEP},
    },
};
use kernel::{
    prelude::*,
    sync::{
        atomic::{Acquire, Atomic, Full, Relaxed},
        Arc,
    },
};

/// The rules for one disk, in the order in which they apply. Immutable, but for the [`State`] of each rule.
pub(crate) struct Plan {
    rules: KVec<Rule>,
    /// Places in `rules` of those that limit.
    limits: KVec<usize>,
}

/// What one injection does to the I/O of one disk.
struct Rule {
    injection: InjectionId,
    delay: Option<Delay>,
    limit: Option<Limit>,
    state: Arc<State>,
}

/// What a rule remembers from one I/O to the next. All hardware queues of the disk share it, without a lock.
struct State {
    /// Counter of the sequence of random numbers.
    sequence: Atomic<u64>,
    /// The random number of the last delay, which a correlated one may repeat.
    last: Atomic<u64>,
    /// The limit's [`Window`].
    window: Atomic<u64>,
    /// Set when the injection has ended and there was no memory for a plan without it.
    ended: Atomic<bool>,
}

impl Plan {
    /// The plan that these injections make for a disk whose plan was `old`; `None` if they do nothing.
    pub(crate) fn new(injections: &[Injection], old: Option<&Self>) -> Result<Option<Arc<Self>>> {
        let mut plan = Self {
            rules: KVec::new(),
            limits: KVec::new(),
        };
        for injection in injections {
            let (delay, limit) = (injection.settings.delay(), injection.settings.limit());
            if delay.is_none() && limit.is_none() {
                continue;
            }
            if limit.is_some() {
                plan.limits.push(plan.rules.len(), GFP_KERNEL)?;
            }
            let state = match old.and_then(|old| old.state_to_keep(injection.id, limit.as_ref())) {
                Some(state) => state,
                None => State::new(limit.as_ref())?,
            };
            let rule = Rule {
                injection: injection.id,
                delay,
                limit,
                state,
            };
            plan.rules.push(rule, GFP_KERNEL)?;
        }
        if plan.rules.is_empty() {
            return Ok(None);
        }
        Ok(Some(Arc::new(plan, GFP_KERNEL)?))
    }

    /// The state of this injection's rule, unless its count is one of other windows.
    fn state_to_keep(&self, injection: InjectionId, limit: Option<&Limit>) -> Option<Arc<State>> {
        let rule = self.rules.iter().find(|rule| rule.injection == injection)?;
        let keeps = match (&rule.limit, limit) {
            (_, None) => true,
            (Some(old), Some(new)) => old.same_windows(new),
            (None, Some(_)) => false,
        };
        (keeps && !rule.has_ended()).then(|| rule.state.clone())
    }

    /// Whether both do the same to every I/O.
    pub(crate) fn same(one: Option<&Self>, other: Option<&Self>) -> bool {
        match (one, other) {
            (None, None) => true,
            (Some(one), Some(other)) => {
                one.rules.len() == other.rules.len()
                    && one.rules.iter().zip(&other.rules).all(|(one, other)| {
                        one.injection == other.injection
                            && one.delay == other.delay
                            && one.limit == other.limit
                            && Arc::ptr_eq(&one.state, &other.state)
                            && one.has_ended() == other.has_ended()
                    })
            }
            _ => false,
        }
    }

    /// Whether both delay every I/O in the same way, so that a delay that was drawn for one is good for the other.
    pub(crate) fn same_delays(&self, other: &Self) -> bool {
        fn delays(plan: &Plan) -> impl Iterator<Item = (InjectionId, Delay)> + '_ {
            let active = plan.rules.iter().filter(|rule| !rule.has_ended());
            active.filter_map(|rule| Some((rule.injection, rule.delay?)))
        }
        delays(self).eq(delays(other))
    }

    /// Whether there is a limit.
    pub(crate) fn limits(&self) -> bool {
        !self.limits.is_empty()
    }

    /// Marks the rule of an injection that has ended; it does nothing any more. Needs no memory.
    pub(crate) fn end(&self, injection: InjectionId) {
        for rule in self.rules.iter().filter(|rule| rule.injection == injection) {
            rule.state.ended.store(true, Relaxed);
        }
    }

    /// Draws the sum of all delays for one I/O, in nanoseconds.
    pub(crate) fn delay_ns(&self) -> u64 {
        self.rules
            .iter()
            .fold(0, |sum: u64, rule| sum.saturating_add(rule.delay_ns()))
    }

    /// Asks every limit to admit one I/O at `now_ns`, which is brought up to date where a limit has seen a later time.
    ///
    /// All of them count it, or none does. Either way the answer tells before which time no other I/O is admitted, as far as
    /// was seen: after an admission, 0 if nothing is known.
    pub(crate) fn admit(&self, now_ns: &mut u64) -> Result<u64, u64> {
        if let [place] = self.limits[..] {
            return self.rules[place].charge(now_ns);
        }
        // Most refusals need no counting and taking back: ask before.
        for &place in self.limits.iter() {
            self.rules[place].ask(now_ns)?;
        }
        let mut open_ns = 0;
        for (number, &place) in self.limits.iter().enumerate() {
            match self.rules[place].charge(now_ns) {
                Ok(until_ns) => open_ns = until_ns.max(open_ns),
                Err(until_ns) => {
                    for &place in self.limits.iter().take(number) {
                        self.rules[place].give_back();
                    }
                    return Err(until_ns);
                }
            }
        }
        Ok(open_ns)
    }
}

impl Rule {
    fn has_ended(&self) -> bool {
        self.state.ended.load(Relaxed)
    }

    fn delay_ns(&self) -> u64 {
        let Some(delay) = self.delay.as_ref().filter(|_| !self.has_ended()) else {
            return 0;
        };
        if let Some(constant_ns) = delay.constant_ns() {
            return constant_ns;
        }
        let draw = self.state.draw();
        if !delay.correlated() {
            return delay.at(draw.value());
        }
        if !delay.repeats(draw) {
            self.state.last.store(draw.value(), Relaxed);
        }
        delay.at(self.state.last.load(Relaxed))
    }

    /// The rule's limit, while it is one.
    fn limit(&self) -> Option<&Limit> {
        self.limit.as_ref().filter(|_| !self.has_ended())
    }

    /// Whether the limit admits an I/O now; if not, until when.
    fn ask(&self, now_ns: &mut u64) -> Result<(), u64> {
        match self.limit() {
            Some(limit) => self.look(limit, now_ns).map(|_| ()),
            None => Ok(()),
        }
    }

    /// Counts one I/O, and tells before which time no other is admitted, or 0; or the same because this one is not.
    fn charge(&self, now_ns: &mut u64) -> Result<u64, u64> {
        let Some(limit) = self.limit() else {
            return Ok(0);
        };
        loop {
            let (window, next) = self.look(limit, now_ns)?;
            if self.exchange(window, next) {
                return Ok(match limit.answer(next, *now_ns) {
                    Answer::Admit(_) => 0,
                    Answer::Wait(until_ns) => until_ns,
                });
            }
        }
    }

    /// The present window and the one that an admission would leave; or until when none is admitted.
    fn look(&self, limit: &Limit, now_ns: &mut u64) -> Result<(Window, Window), u64> {
        // Acquire: a clock that is read after the word shows no time before the one for which the word was written.
        let window = Window::from_word(self.state.window.load(Acquire));
        if !limit.is_current(window, *now_ns) {
            *now_ns = now_ns_after(*now_ns);
        }
        match limit.answer(window, *now_ns) {
            Answer::Admit(next) => Ok((window, next)),
            Answer::Wait(until_ns) => Err(until_ns),
        }
    }

    /// Takes back a charge. If the window is over meanwhile, nothing is left to take back.
    fn give_back(&self) {
        loop {
            let window = Window::from_word(self.state.window.load(Relaxed));
            if self.exchange(window, window.give_back()) {
                return;
            }
        }
    }

    /// Full: the clock was read before the word is written.
    fn exchange(&self, old: Window, new: Window) -> bool {
        self.state
            .window
            .cmpxchg(old.to_word(), new.to_word(), Full)
            .is_ok()
    }
}

/// The time now; never before `earlier_ns`, which the same task has read.
fn now_ns_after(earlier_ns: u64) -> u64 {
    now_ns().max(earlier_ns)
}

impl State {
    fn new(limit: Option<&Limit>) -> Result<Arc<Self>> {
        let window = limit.map_or(0, |limit| limit.fresh(now_ns()).to_word());
        let state = Self {
            sequence: Atomic::new(random_seed()),
            last: Atomic::new(random_seed()),
            window: Atomic::new(window),
            ended: Atomic::new(false),
        };
        Ok(Arc::new(state, GFP_KERNEL)?)
    }

    fn draw(&self) -> Draw {
        Draw::at(self.sequence.fetch_add(STEP, Relaxed))
    }
}
