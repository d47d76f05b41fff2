// SPDX-License-Identifier: GPL-2.0-only

//! The requests of one hardware queue, or its completions: which wait by the plan, and which may
//! go.
//!
//! An entry waits for its delays in the order of time, then for every limit that matches it to
//! admit it. An entry that no rule touches waits for nothing, and none waits for a limit that is
//! not its own.
//!
//! Most limits admit most requests at once. As long as no entry waits for a limit, a request that
//! has no delay goes among those that may go now, and asks its limits when it is its turn: it is
//! held only when one of them refuses.

mod again;
mod insert;
mod release;

use crate::{
    elevator::Fifo,
    held_entry::HeldEntry,
    plan::Plan,
    published::{Published, State},
    rule_set::RuleSet,
    stats::Count,
    waiting::{Waiting, NEVER},
};
use kernel::sync::Arc;

/// All requests of a hardware queue that were inserted and not yet dispatched; or all completions
/// that have arrived and did not go yet.
///
/// # Invariants
///
/// While some request asks limits, no other waits in a limit queue, no limit queue is known to be
/// closed, and none of its rules has an end.
///
/// While there is a plan, a ready request has no rules unless it asks limits.
pub(crate) struct Held<E: HeldEntry> {
    /// The plan that is followed; `None` does nothing.
    plan: Option<Arc<Plan>>,
    /// The hardware queue's number, for its counters.
    hctx: usize,
    /// Entries that may go now: no rule touches them, or the driver gave them back, or they only
    /// have to ask limits.
    ready: Fifo<E>,
    /// How many ready entries have to ask limits: those that have rules. There are not as many
    /// requests as this can count.
    asking: u32,
    /// The plan's [`Plan::endless`].
    endless: RuleSet,
    /// The plan's [`Plan::limit_all`].
    limit_all: RuleSet,
    /// Whether these are all of the plan's rules.
    only_limits: bool,
    /// Entries that wait for anything.
    waiting: Waiting<E>,
    published: Published,
    /// When the next rule of the plan ends. While no entry waits, it may be one that has ended
    /// already.
    next_end_ns: u64,
}

/// What there is to dispatch, as far as that is found at once.
pub(crate) enum Next<E> {
    /// This entry.
    Entry(E),
    /// Nothing.
    Nothing,
    /// [`Held::pop`] has to look at more.
    Unknown,
}

impl<E: HeldEntry> Held<E> {
    /// No entry, and no plan.
    pub(crate) const fn new() -> Self {
        Self {
            plan: None,
            hctx: 0,
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

    /// Sets the number of the hardware queue that this belongs to. Before the first entry.
    pub(crate) fn set_hctx(&mut self, number: usize) {
        self.hctx = number;
    }

    /// The plan that is followed.
    #[inline]
    pub(crate) fn plan(&self) -> Option<&Plan> {
        self.plan.as_deref()
    }

    /// How many entries wait.
    #[inline]
    pub(crate) fn count(&self) -> u32 {
        self.waiting.count()
    }

    /// Whether an entry is among those that may go now.
    #[inline]
    pub(crate) fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Whether there is no entry, neither one that waits nor one that may go.
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.count() == 0 && self.ready.is_empty()
    }

    /// Whether no entry waits, and none did when [`Held::set_published`] was last called.
    #[inline]
    pub(crate) fn is_quiet(&self) -> bool {
        self.published.state() >= State::Quiet
    }

    /// As [`Held::next_ns`], if the entries that wait are as they were published.
    #[inline]
    pub(crate) fn published_next_ns(&self) -> Option<u64> {
        let next_ns = self.published.next_ns();
        next_ns.map(|next_ns| if self.ready.is_empty() { next_ns } else { 0 })
    }

    /// Remembers that submitters and the timer know about the entries that wait.
    pub(crate) fn set_published(&mut self) {
        let state = if self.waiting.count() > 0 {
            State::Held
        } else if self.only_limits && self.waiting.limit_queues().are_clear() {
            State::Asking
        } else {
            State::Quiet
        };
        self.published.renew(state, self.waiting_next_ns());
    }

    /// Whether the published state is so, unless it is known to be stale.
    #[cfg(test)]
    pub(crate) fn is_published_rightly(&self) -> bool {
        let is_quiet = self.waiting.count() == 0;
        match self.published.state() {
            State::Stale => true,
            State::Held => !is_quiet,
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

    /// When the first and the last of the waiting entries may go.
    pub(crate) fn first_and_last_ns(&self) -> Option<(u64, u64)> {
        let last_ns = self.waiting.last_ns()?;
        Some((self.waiting.first_ns(), last_ns))
    }

    /// Looks at each entry that waits, as long as `look` wants to see more.
    pub(crate) fn look_at_waiting(&self, look: impl FnMut(&E) -> bool) {
        self.waiting.look_at_all(look);
    }

    /// The earliest time at which [`Held::pop`] may give an entry: 0 is now, [`NEVER`] that none
    /// waits.
    ///
    /// It is exact as far as this hardware queue can know. A dispatch that is asked for and then
    /// gives nothing is no small thing: the block layer plans to ask again after 3 ms, and where
    /// that meets a run that is asked for at the same moment, the latter is put off as well
    /// (`blk_mq_delay_run_hw_queues` looks for a pending run before it changes its time).
    #[inline]
    pub(crate) fn next_ns(&self) -> u64 {
        if self.ready.is_empty() {
            self.waiting_next_ns()
        } else {
            0
        }
    }

    /// The same of the entries that wait.
    fn waiting_next_ns(&self) -> u64 {
        if self.waiting.count() == 0 {
            NEVER
        } else {
            self.waiting.first_ns().min(self.next_end_ns)
        }
    }

    /// Whether a rule has ended at this time, so that all waiting entries have to be judged again.
    pub(crate) fn has_expired(&self, now_ns: u64) -> bool {
        self.waiting.count() > 0 && now_ns >= self.next_end_ns
    }

    /// Takes an entry that its rules hold from now on.
    fn enter(&mut self, mut entry: E, delay_ns: u64, now_ns: u64) {
        if let Some(plan) = &self.plan {
            plan.count(entry.rules() & self.limit_all, self.hctx, Count::Matched);
        }
        entry.set_arrival_ns(now_ns);
        entry.set_due_ns(now_ns.saturating_add(delay_ns));
        self.enter_judged(entry);
    }

    /// The same of an entry whose arrival and due time are known.
    fn enter_judged(&mut self, entry: E) {
        if let Some(plan) = &self.plan {
            // While no entry waits, no dispatch looks whether a rule has ended.
            if self.waiting.count() == 0 && entry.arrival_ns() >= self.next_end_ns {
                self.next_end_ns = plan.next_end_ns(entry.arrival_ns());
            }
            plan.count(entry.rules(), self.hctx, Count::Entered);
        }
        let (arrival_ns, is_due) = (entry.arrival_ns(), entry.due_ns() <= entry.arrival_ns());
        if let Some(place) = self.hold(entry).filter(|_| is_due) {
            // Entries that came before it on any hardware queue go first.
            self.queue_up(place, arrival_ns);
        }
    }

    /// Takes an entry that is judged, and held by some rule, and returns the place of its limit
    /// queue if it waits in one.
    fn hold(&mut self, entry: E) -> Option<usize> {
        self.published.outdate();
        let plan = self.plan.as_ref();
        let limits = plan.map_or(RuleSet::EMPTY, |plan| plan.limits_of(entry.rules()));
        self.waiting.push(entry, limits)
    }

    /// Has all entries of a limit queue that are due queue up.
    fn queue_up(&mut self, place: usize, now_ns: u64) {
        let draw = draw(self.plan.as_deref());
        let queues = self.waiting.limit_queues_mut();
        let _ = queues.queue_up(place, now_ns, usize::MAX, draw);
    }

    /// Has entries that are due at this time queue up for their limits, at most so many of each
    /// limit queue, and returns whether these were all.
    pub(crate) fn queue_all_up(&mut self, now_ns: u64, most: usize) -> bool {
        let draw = draw(self.plan.as_deref());
        let queues = self.waiting.limit_queues_mut();
        queues.queue_all_up(now_ns, most, draw)
    }

    /// Takes any entry that waits, and whether it has a ticket.
    fn pop_waiting(&mut self) -> Option<(E, bool)> {
        let popped = self.waiting.pop_any()?;
        self.published.outdate();
        Some(popped)
    }

    /// Has the ready entries that ask limits wait for these from now on.
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

/// Gives tickets to entries that wait for limits of a plan.
fn draw(plan: Option<&Plan>) -> impl FnMut(RuleSet) -> u32 + '_ {
    move |rules| plan.map_or(0, |plan| plan.turns().draw(plan.limits_of(rules)))
}
