// SPDX-License-Identifier: GPL-2.0-only

//! The requests of one hardware queue, or its completions: entries that wait by the plan, and
//! entries that may go.
//!
//! An entry waits for its delays in the order of time, and then until every limit that matches it
//! admits it. An entry that no rule touches waits for nothing, and no entry waits for a limit that
//! does not match it.
//!
//! Most limits admit most requests at once. So while no entry waits for a limit, a request without
//! a delay goes to the ready entries, and asks its limits when its turn comes: it is held only if
//! one of them refuses.

mod again;
mod insert;
mod release;

use crate::{
    elevator::Fifo,
    held_entry::HeldEntry,
    plan::Plan,
    published::{Published, State},
    rule_set::RuleSet,
    stats::{Count, Lane},
    waiting::{Waiting, NEVER},
};
use kernel::sync::Arc;

/// All requests of a hardware queue that were inserted and not yet dispatched; or all held
/// completions that have arrived and not yet ended.
///
/// # Invariants
///
/// While a ready request has limits to ask, no request waits in a limit queue, no limit queue is
/// known to be closed, and none of the ready request's rules has an end.
///
/// While there is a plan, a ready request has no rules unless it asks limits.
pub(crate) struct Held<E: HeldEntry> {
    /// The plan that the hardware queue follows; with `None` it holds nothing.
    plan: Option<Arc<Plan>>,
    /// The counters that the holder of this one's lock writes.
    lane: Lane,
    /// Entries that may go now: no rule touches them, or they were requeued, or they only have to
    /// ask limits.
    ready: Fifo<E>,
    /// How many ready entries have to ask limits, that is, have rules. It cannot overflow: a
    /// hardware queue has fewer requests.
    asking: u32,
    /// The plan's [`Plan::endless`].
    endless: RuleSet,
    /// The plan's [`Plan::limit_all`].
    limit_all: RuleSet,
    /// Whether `limit_all` has all of the plan's rules.
    only_limits: bool,
    /// Entries that wait for delays or limits.
    waiting: Waiting<E>,
    published: Published,
    /// When the next rule of the plan ends. While no entry waits, that rule may have ended already.
    next_end_ns: u64,
}

/// The answer of [`Held::pop_quickly`].
pub(crate) enum Next<E> {
    /// This entry is next.
    Entry(E),
    /// No entry may go.
    Nothing,
    /// Only [`Held::pop`] can tell.
    Unknown,
}

impl<E: HeldEntry> Held<E> {
    /// No entry, and no plan.
    pub(crate) const fn new() -> Self {
        Self {
            plan: None,
            lane: Lane::of(0, E::IS_COMPLETION),
            ready: Fifo::new(),
            asking: 0,
            endless: RuleSet::EMPTY,
            limit_all: RuleSet::EMPTY,
            only_limits: false,
            waiting: Waiting::new(),
            published: Published::new(),
            next_end_ns: NEVER,
        }
    }

    /// Sets the number of the hardware queue. To call before the first entry comes.
    pub(crate) fn set_hctx(&mut self, number: usize) {
        self.lane = Lane::of(number, E::IS_COMPLETION);
    }

    /// The counters that the holder of this one's lock writes.
    pub(crate) fn lane(&self) -> Lane {
        self.lane
    }

    /// The plan that the hardware queue follows.
    #[inline]
    pub(crate) fn plan(&self) -> Option<&Plan> {
        self.plan.as_deref()
    }

    /// How many entries wait.
    #[inline]
    pub(crate) fn count(&self) -> u32 {
        self.waiting.count()
    }

    /// Whether any entry is ready.
    #[inline]
    pub(crate) fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Whether there is no entry, neither a waiting nor a ready one.
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.count() == 0 && self.ready.is_empty()
    }

    /// Whether no entry waits or may have to fail, and none did at the last call of
    /// [`Held::set_published`].
    #[inline]
    pub(crate) fn is_quiet(&self) -> bool {
        self.published.state() >= State::Quiet
    }

    /// As [`Held::next_ns`], unless the waiting entries have changed since they were published.
    #[inline]
    pub(crate) fn published_next_ns(&self) -> Option<u64> {
        let next_ns = self.published.next_ns();
        next_ns.map(|next_ns| if self.ready.is_empty() { next_ns } else { 0 })
    }

    /// Remembers that the caller publishes the state of the waiting entries to submitters and the
    /// timer.
    pub(crate) fn set_published(&mut self) {
        let state = if self.waiting.count() > 0 {
            State::Held
        } else if self.plan().is_some_and(Plan::fails_any) {
            State::Failing
        } else if self.only_limits && self.waiting.limit_queues().are_clear() {
            State::Asking
        } else {
            State::Quiet
        };
        self.published.renew(state, self.waiting_next_ns());
    }

    /// Whether the published state is right, or known to be stale.
    #[cfg(test)]
    pub(crate) fn is_published_rightly(&self) -> bool {
        let is_quiet = self.waiting.count() == 0;
        match self.published.state() {
            State::Stale => true,
            State::Held => !is_quiet,
            State::Failing => is_quiet,
            State::Quiet => is_quiet,
            State::Asking => {
                is_quiet && self.only_limits && self.waiting.limit_queues().are_clear()
            }
        }
    }

    /// How many requests will ask limits when it is their turn.
    #[cfg(test)]
    pub(crate) fn asking(&self) -> u32 {
        self.asking
    }

    /// When the first and when the last waiting entry may go.
    pub(crate) fn first_and_last_ns(&self) -> Option<(u64, u64)> {
        let last_ns = self.waiting.last_ns()?;
        Some((self.waiting.first_ns(), last_ns))
    }

    /// Looks at each waiting entry, as long as `look` returns true.
    pub(crate) fn look_at_waiting(&self, look: impl FnMut(&E) -> bool) {
        self.waiting.look_at_all(look);
    }

    /// The earliest time at which [`Held::pop`] may return an entry: 0 means now, [`NEVER`] that
    /// there is no entry.
    ///
    /// It is as exact as this hardware queue can know, since a dispatch that returns no request is
    /// costly. The block layer then asks again after 3 ms, and this can put off a run that another
    /// CPU asks for at the same moment (`blk_mq_delay_run_hw_queues` looks for a pending run before
    /// it changes its time).
    #[inline]
    pub(crate) fn next_ns(&self) -> u64 {
        if self.ready.is_empty() {
            self.waiting_next_ns()
        } else {
            0
        }
    }

    /// [`Held::next_ns`] of the waiting entries alone.
    fn waiting_next_ns(&self) -> u64 {
        if self.waiting.count() == 0 {
            NEVER
        } else {
            self.waiting.first_ns().min(self.next_end_ns)
        }
    }

    /// Whether a rule has ended by this time, so that all waiting entries have to be judged again.
    pub(crate) fn has_expired(&self, now_ns: u64) -> bool {
        self.waiting.count() > 0 && now_ns >= self.next_end_ns
    }

    /// Takes an entry that its rules begin to hold now.
    fn enter(&mut self, mut entry: E, delay_ns: u64, now_ns: u64) {
        if let Some(plan) = &self.plan {
            plan.count(entry.rules() & self.limit_all, self.lane, Count::Matched);
        }
        entry.set_arrival_ns(now_ns);
        entry.set_due_ns(now_ns.saturating_add(delay_ns));
        self.enter_judged(entry);
    }

    /// [`Held::enter`] for an entry whose arrival and due time are set.
    fn enter_judged(&mut self, entry: E) {
        if let Some(plan) = &self.plan {
            // While no entry waited, no dispatch looked whether a rule had ended.
            if self.waiting.count() == 0 && entry.arrival_ns() >= self.next_end_ns {
                self.next_end_ns = plan.next_end_ns(entry.arrival_ns());
            }
            plan.count(entry.rules(), self.lane, Count::Entered);
        }
        let (arrival_ns, is_due) = (entry.arrival_ns(), entry.due_ns() <= entry.arrival_ns());
        if let Some(place) = self.hold(entry).filter(|_| is_due) {
            // Entries that came before it on any hardware queue go first.
            self.queue_up(place, arrival_ns);
        }
    }

    /// Takes a judged entry that some rule holds, and returns the place of its limit queue if it
    /// waits in one.
    fn hold(&mut self, entry: E) -> Option<usize> {
        self.published.outdate();
        let plan = self.plan.as_ref();
        let limits = plan.map_or(RuleSet::EMPTY, |plan| plan.limits_of(entry.rules()));
        self.waiting.push(entry, limits)
    }

    /// Has all due entries of a limit queue queue up.
    fn queue_up(&mut self, place: usize, now_ns: u64) {
        let draw = draw(self.plan.as_deref());
        let queues = self.waiting.limit_queues_mut();
        let _ = queues.queue_up(place, now_ns, usize::MAX, draw);
    }

    /// Has entries that are due at this time queue up for their limits, at most `most` of each
    /// limit queue, and returns whether these were all.
    pub(crate) fn queue_all_up(&mut self, now_ns: u64, most: usize) -> bool {
        let draw = draw(self.plan.as_deref());
        let queues = self.waiting.limit_queues_mut();
        queues.queue_all_up(now_ns, most, draw)
    }

    /// Takes any waiting entry, and returns it and whether it has a ticket.
    fn pop_waiting(&mut self) -> Option<(E, bool)> {
        let popped = self.waiting.pop_any()?;
        self.published.outdate();
        Some(popped)
    }

    /// Has the ready entries that have limits to ask wait for these limits from now on.
    fn hold_asking(&mut self, now_ns: u64) {
        if self.asking == 0 {
            return;
        }
        self.asking = 0;
        let mut ready = core::mem::replace(&mut self.ready, Fifo::new());
        while let Some(entry) = ready.pop_front() {
            if entry.rules().is_empty() {
                self.ready.push_back(entry);
            } else {
                self.enter(entry, 0, now_ns);
            }
        }
    }
}

/// The function that gives tickets to entries that wait for limits of a plan.
fn draw(plan: Option<&Plan>) -> impl FnMut(RuleSet) -> u32 + '_ {
    move |rules| plan.map_or(0, |plan| plan.turns().draw(plan.limits_of(rules)))
}
