// SPDX-License-Identifier: GPL-2.0-only

//! What one hardware queue holds of one kind, requests or completions, and which of them may go.
//!
//! An entry waits for its delays in the order of time, then for every limit that matches it to admit it. What no rule
//! touches waits for nothing, and no entry waits for a limit that is not its own.
//!
//! Most limits admit most requests at once. As long as no entry waits for a limit, a request that has no delay goes among those
//! that may go now, and its limits are asked when it is its turn: it is held only when one of them refuses.

use crate::{
    elevator::{now_ns, Bio, Clock, Entry, Fifo, Parked, Parking, Request, TimeQueue},
    lines::Lines,
    plan::{Closed, Plan, Verdict},
    policy::io::Io,
    stats::Count,
};
use kernel::sync::Arc;

/// What can be held.
pub(crate) trait Held: Entry + Io {
    /// Whether it is a completion.
    const IS_COMPLETION: bool;
}

impl Held for Request {
    const IS_COMPLETION: bool = false;
}

impl Held for Parked {
    const IS_COMPLETION: bool = true;
}

/// Why the completion of a request is not held.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotParked {
    /// There is no memory at once.
    NoMemory,
    /// Held completions have all the memory that they may take.
    Full,
}

/// Has completions held.
pub(crate) trait Park {
    /// Whether the completion of a request can be held.
    fn can_park(&self, request: &Request) -> bool;

    /// Has the completion of a request held that can be.
    fn park(&mut self, request: &mut Request, order: &Parking) -> Result<(), NotParked>;
}

/// The time of [`Hold::next_ns`] when nothing is held.
pub(crate) const NEVER: u64 = u64::MAX;

/// What others know of those that are held: what was so when [`Hold::settle`] was last called, and has not changed since.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Settled {
    /// Nothing.
    No,
    /// Some are held.
    Held,
    /// None is.
    Quiet,
    /// None is, all that is done to any is to ask limits, and no line is known to be closed.
    Asking,
}

/// All requests of a hardware queue that were inserted and not yet dispatched; or all completions that have arrived and did not go
/// yet.
///
/// # Invariants
///
/// While some request asks limits, no other waits in a line, no line is known to be closed, and none of its rules has an end.
///
/// While there is a plan, the set of a request that is ready is empty unless it asks limits.
pub(crate) struct Hold<E: Held> {
    /// What is done to them; `None` is nothing.
    plan: Option<Arc<Plan>>,
    /// The hardware queue's number, for what is counted.
    hw_queue: usize,
    /// May go now: no rule touches them, or the driver gave them back, or they only have to ask limits.
    ready: Fifo<E>,
    /// How many of those have to ask limits: those whose set is not empty. There are not as many requests as this can count.
    asking: u32,
    /// The plan's [`Plan::endless`].
    endless: u64,
    /// The plan's [`Plan::limit_all`].
    limit_all: u64,
    /// Whether these are all of the plan's rules.
    only_limits: bool,
    /// Wait for their delays, and no limit matches them.
    delayed: TimeQueue<E>,
    /// Wait for their delays and then for limits.
    lines: Lines<E>,
    /// How many entries wait for anything.
    held: u32,
    /// What is known of them: which wait, and for what.
    settled: Settled,
    /// When the first of them might go then; [`NEVER`] if none waited.
    settled_ns: u64,
    /// When the next rule of the plan ends. While nothing is held, it may be one that has ended already.
    next_end_ns: u64,
}

impl<E: Held> Hold<E> {
    /// Holds nothing, and follows no rule.
    pub(crate) const fn new() -> Self {
        Self {
            plan: None,
            hw_queue: 0,
            ready: Fifo::new(),
            asking: 0,
            endless: 0,
            limit_all: 0,
            only_limits: false,
            delayed: TimeQueue::new(),
            lines: Lines::new(),
            held: 0,
            settled: Settled::No,
            settled_ns: NEVER,
            next_end_ns: NEVER,
        }
    }

    /// Tells which hardware queue this belongs to. Before the first request.
    pub(crate) fn set_hw_queue(&mut self, number: usize) {
        self.hw_queue = number;
    }

    /// What is done to requests.
    #[inline]
    pub(crate) fn plan(&self) -> Option<&Plan> {
        self.plan.as_deref()
    }

    /// How many entries wait for their time.
    #[inline]
    pub(crate) fn held(&self) -> u32 {
        self.held
    }

    /// Whether nothing is held, and nothing was when [`Hold::settle`] was last called.
    #[inline]
    pub(crate) fn is_quiet(&self) -> bool {
        self.settled >= Settled::Quiet
    }

    /// The earliest time at which [`Hold::pop`] may give a request, as [`Hold::next_ns`], if nothing about those that are held has
    /// changed since [`Hold::settle`].
    #[inline]
    pub(crate) fn settled_next_ns(&self) -> Option<u64> {
        let next_ns = if self.ready.is_empty() {
            self.settled_ns
        } else {
            0
        };
        (self.settled != Settled::No).then_some(next_ns)
    }

    /// Remembers what others have been told about those that are held.
    pub(crate) fn settle(&mut self) {
        self.settled_ns = self.held_next_ns();
        self.settled = if self.held > 0 {
            Settled::Held
        } else if self.only_limits && self.lines.are_clear() {
            Settled::Asking
        } else {
            Settled::Quiet
        };
    }

    /// Whether what is known of those that are held is so.
    #[cfg(test)]
    pub(crate) fn is_known_rightly(&self) -> bool {
        match self.settled {
            Settled::No => true,
            Settled::Held => self.held > 0,
            Settled::Quiet => self.held == 0,
            Settled::Asking => self.held == 0 && self.only_limits && self.lines.are_clear(),
        }
    }

    /// How many requests will ask limits when it is their turn.
    #[cfg(test)]
    pub(crate) fn asking(&self) -> u32 {
        self.asking
    }

    /// When the first and the last of the held requests may go.
    pub(crate) fn first_and_last_ns(&self) -> Option<(u64, u64)> {
        let last = self.delayed.last_due_ns().max(self.lines.last_ns())?;
        Some((self.first_ns(), last))
    }

    /// Looks at each entry that waits, as long as `look` wants to see more.
    pub(crate) fn look_at_held(&self, mut look: impl FnMut(&E) -> bool) {
        let _ = self.delayed.look_at_all(&mut look) && self.lines.look_at_all(&mut look);
    }
}

impl Hold<Request> {
    /// Has a request that waits for the disk take I/O that borders on it; true if one has.
    ///
    /// Not when rules are followed: they are asked about each request, and once.
    pub(crate) fn merge(&mut self, bio: Bio<'_>) -> bool {
        self.plan.is_none() && self.ready.merge(bio)
    }

    /// Takes requests that arrive now. If the driver gave one back, it is alone, and neither delayed nor charged twice. What comes at
    /// the head for the first time, the data of a flush, is as any other.
    #[inline]
    pub(crate) fn insert(&mut self, requests: Fifo<Request>, park: &mut impl Park) {
        if requests.first_was_released() {
            return self.insert_again(requests);
        }
        if self.plan.is_none() {
            return self.ready.append(requests);
        }
        // Those that wait on other hardware queues came before these.
        if self.settled == Settled::Asking && !self.others_wait() {
            return self.ask_in_turn(requests);
        }
        self.judge_all(requests, park);
    }

    /// Whether any I/O waits for a limit, on whatever hardware queue.
    #[inline]
    fn others_wait(&self) -> bool {
        let plan = self.plan.as_ref();
        plan.is_some_and(|plan| plan.turns().any_waits())
    }

    /// [`Hold::insert`] where rules have to be asked; not inlined, so that it costs nothing where none have.
    #[inline(never)]
    fn judge_all(&mut self, mut requests: Fifo<Request>, park: &mut impl Park) {
        while let Some(request) = requests.pop_front() {
            self.judge(request, park);
        }
    }

    /// Takes what the driver gave back. It went before, so it is first; and it asks no limits.
    #[cold]
    fn insert_again(&mut self, mut requests: Fifo<Request>) {
        while let Some(mut request) = requests.pop_front() {
            request.put_set(0);
            self.ready.push_front(request);
        }
    }

    /// Takes a request that arrives now.
    #[inline]
    fn judge(&mut self, mut request: Request, park: &mut impl Park) {
        let mut clock = Clock::new();
        let Some(plan) = &self.plan else {
            return self.ready.push_back(request);
        };
        let mut verdict = plan.judge(&request, &mut clock, self.hw_queue, self.limit_all);
        if verdict.parked_by != 0 {
            park_or_hold(plan, &mut request, &mut verdict, self.hw_queue, park);
        }
        request.put_set(verdict.held_by);
        if verdict.held_by == 0 {
            return self.ready.push_back(request);
        }
        let is_limited = plan.limits_of(verdict.held_by) != 0;
        let may_ask = verdict.delay_ns == 0 && verdict.held_by & !self.endless == 0;
        if may_ask && !plan.turns().any_waits() && self.lines.are_open(&mut clock) {
            if self.only_limits {
                // Those that come next need not be judged.
                self.settled = Settled::No;
            }
            self.asking = self.asking.wrapping_add(1);
            return self.ready.push_back(request);
        }
        let now_ns = clock.now_ns();
        if is_limited {
            // INVARIANT: Nobody asks when an entry waits in a line, or it might go before those that came earlier.
            self.hold_asking(now_ns);
        }
        self.enter(request, verdict.delay_ns, now_ns);
    }

    /// Takes requests that arrive now, when all that is done to any is to ask limits, and no request waits for one.
    #[inline]
    fn ask_in_turn(&mut self, mut requests: Fifo<Request>) {
        requests.put_sets(|request| {
            if request.is_swap() {
                return 0;
            }
            self.asking = self.asking.wrapping_add(1);
            self.limit_all
        });
        self.ready.append(requests);
    }

    /// Has the completions of held requests held, too, where a new rule of the plan says so. Of those whose completion is held
    /// already, this is found out when they arrive.
    pub(crate) fn park_held(&mut self, park: &mut impl Park) {
        let Some(plan) = self.plan.clone() else {
            return;
        };
        if plan.parks_nothing_new() {
            return;
        }
        let mut held = Fifo::new();
        // None has a ticket: all were just judged again.
        while let Some((request, _)) = self.pop_held() {
            held.push_back(request);
        }
        while let Some(mut request) = held.pop_front() {
            if park.can_park(&request) {
                let mut verdict = plan.judge_new(&request, self.hw_queue);
                if verdict.parked_by != 0 {
                    park_or_hold(&plan, &mut request, &mut verdict, self.hw_queue, park);
                    if verdict.held_by != 0 {
                        let due_ns = request.due_ns().saturating_add(verdict.delay_ns);
                        request.set_due_ns(due_ns);
                        request.put_set(request.set() | verdict.held_by);
                        plan.count(verdict.held_by, self.hw_queue, Count::Entered);
                    }
                }
            }
            let _ = self.hold(request);
        }
    }
}

/// Has the completion of a request held by the rules that say so. If that cannot be, they hold the request; but without memory, it
/// goes.
fn park_or_hold(
    plan: &Plan,
    request: &mut Request,
    verdict: &mut Verdict,
    hw_queue: usize,
    park: &mut impl Park,
) {
    let set = verdict.parked_by;
    let why = if !park.can_park(request) {
        NotParked::Full
    } else if verdict.parked_ns == 0
        && !plan.turns().any_waits_for(set)
        && plan.admit_at_once(set, 0, hw_queue, now_ns())
    {
        // All that they do is to limit, and there is room: its completion need not be held.
        return;
    } else {
        let order = Parking {
            set,
            delay_ns: verdict.parked_ns,
            epoch: plan.epoch(),
        };
        match park.park(request, &order) {
            Ok(()) => return,
            Err(why) => {
                plan.count(set, hw_queue, why.counted_as());
                why
            }
        }
    };
    if why == NotParked::Full {
        verdict.held_by |= set;
        verdict.delay_ns = verdict.delay_ns.saturating_add(verdict.parked_ns);
    }
}

/// Gives tickets to those that wait for limits of a plan.
fn draw(plan: Option<&Plan>) -> impl FnMut(u64) -> u32 + '_ {
    move |set| plan.map_or(0, |plan| plan.turns().draw(plan.limits_of(set)))
}

impl NotParked {
    fn counted_as(self) -> Count {
        match self {
            Self::NoMemory => Count::NoMemory,
            Self::Full => Count::OverMemory,
        }
    }
}

impl Hold<Parked> {
    /// Takes a completion that has arrived, and was judged when its request was inserted.
    pub(crate) fn arrive(&mut self, mut parked: Parked) {
        let plan = self.plan.as_ref().filter(|_| !parked.is_over());
        let Some(plan) = plan else {
            return self.ready.push_back(parked);
        };
        let may_end = parked.set() & !self.endless;
        // It may have arrived some time ago, and a rule have ended since.
        let is_stale = parked.epoch() != plan.epoch();
        let now_ns = if may_end != 0 || is_stale {
            now_ns()
        } else {
            0
        };
        if is_stale || plan.has_ended(may_end, now_ns) {
            plan.judge_arrival(&mut parked, now_ns, self.hw_queue);
        }
        if parked.set() == 0 {
            return self.ready.push_back(parked);
        }
        self.enter_judged(parked);
    }

    /// The next completion that may go at this time. Unless [`Hold::has_expired`] at this time, none is judged
    /// again.
    pub(crate) fn pop_at(&mut self, now_ns: u64) -> Option<Parked> {
        let due = if self.held > 0 {
            self.pop_due(now_ns)
        } else {
            None
        };
        due.or_else(|| self.ready.pop_front())
    }
}

impl<E: Held> Hold<E> {
    /// Takes an entry that its set of rules holds from now on.
    fn enter(&mut self, mut entry: E, delay_ns: u64, now_ns: u64) {
        if let Some(plan) = &self.plan {
            plan.count(entry.set() & self.limit_all, self.hw_queue, Count::Matched);
        }
        entry.set_arrival_ns(now_ns);
        entry.set_due_ns(now_ns.saturating_add(delay_ns));
        self.enter_judged(entry);
    }

    /// The same of one whose arrival and due time are known.
    fn enter_judged(&mut self, entry: E) {
        if let Some(plan) = &self.plan {
            // While nothing is held, no dispatch looks whether a rule has ended.
            if self.held == 0 && entry.arrival_ns() >= self.next_end_ns {
                self.next_end_ns = plan.next_end_ns(entry.arrival_ns());
            }
            plan.count(entry.set(), self.hw_queue, Count::Entered);
        }
        let (arrival_ns, is_due) = (entry.arrival_ns(), entry.due_ns() <= entry.arrival_ns());
        if let Some(place) = self.hold(entry).filter(|_| is_due) {
            // Those that came before on any hardware queue go first.
            self.queue_up(place, arrival_ns);
        }
    }

    /// Takes an entry that is judged, and held by some rule; the line, if it waits in one.
    fn hold(&mut self, mut entry: E) -> Option<usize> {
        // Below what would mean that nothing is held, or only completions.
        entry.set_due_ns(entry.due_ns().min(NEVER - 2));
        self.held = self.held.saturating_add(1);
        self.settled = Settled::No;
        let plan = self.plan.as_ref();
        let limits = plan.map_or(0, |plan| plan.limits_of(entry.set()));
        if limits != 0 {
            return Some(self.lines.push(entry, limits));
        }
        self.delayed.push(entry);
        None
    }

    /// Has all of a line that are due queue up.
    fn queue_up(&mut self, place: usize, now_ns: u64) {
        let draw = draw(self.plan.as_deref());
        let _ = self.lines.queue_up(place, now_ns, usize::MAX, draw);
    }

    /// Has those that are due at this time queue up for their limits, at most so many of each line; whether these were all.
    pub(crate) fn queue_all_up(&mut self, now_ns: u64, most: usize) -> bool {
        let draw = draw(self.plan.as_deref());
        self.lines.queue_all_up(now_ns, most, draw)
    }

    /// Takes any entry that waits, and whether it has a ticket.
    fn pop_held(&mut self) -> Option<(E, bool)> {
        let delayed = self.delayed.pop().map(|entry| (entry, false));
        let popped = delayed.or_else(|| self.lines.pop_any())?;
        self.forget();
        Some(popped)
    }

    /// Forgets an entry that was just taken out of `delayed` or `lines`.
    fn forget(&mut self) {
        self.held = self.held.saturating_sub(1);
        self.settled = Settled::No;
    }

    /// Whether an entry is among those that may go now.
    #[inline]
    pub(crate) fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// The next request, if any, where that is found at once and tells nobody else anything: where nothing is held and nothing was
    /// ([`Hold::is_quiet`]); `None` if more is to be looked at.
    #[inline]
    pub(crate) fn pop_quickly(&mut self) -> Option<Option<E>> {
        if self.plan.is_some() {
            if !self.is_quiet() {
                return None;
            }
            if self.asking > 0 {
                return self.pop_admitted().map(Some);
            }
        }
        Some(self.ready.pop_front())
    }

    /// The first of those that are ready, if that has no limits to ask, or they clearly admit it; `None` if more is to be looked
    /// at. While nothing is held.
    #[inline]
    fn pop_admitted(&mut self) -> Option<E> {
        let set = self.ready.first_set()?;
        if set != 0 {
            let plan = self.plan.as_ref()?;
            if !plan.admit_at_once(set, self.limit_all, self.hw_queue, now_ns()) {
                return None;
            }
            self.asking = self.asking.wrapping_sub(1);
        }
        self.ready.pop_front()
    }

    /// The next request, if one may go now.
    #[inline]
    pub(crate) fn pop(&mut self) -> Option<E> {
        if self.held > 0 {
            // Those who waited are older than those who need not.
            if let Some(request) = self.pop_due(now_ns()) {
                return Some(request);
            }
        }
        if self.asking > 0 {
            return self.pop_asking();
        }
        self.ready.pop_front()
    }

    /// The next request that may go now, when some have to ask limits.
    #[inline]
    fn pop_asking(&mut self) -> Option<E> {
        let request = self.ready.pop_front()?;
        let Some(plan) = self.plan.as_ref().filter(|_| request.set() != 0) else {
            return Some(request);
        };
        self.asking = self.asking.wrapping_sub(1);
        let limits = plan.limits_of(request.set());
        let mut now_ns = now_ns();
        // Those that wait on other hardware queues came before it.
        let admitted = if plan.turns().any_waits_for(limits) {
            Err(Closed::NOT)
        } else {
            plan.charge(limits, &mut now_ns)
        };
        match admitted {
            Ok(closed) => {
                plan.count_at_once(request.set(), self.limit_all, self.hw_queue);
                if closed.until_ns > 0 {
                    self.close(limits, closed, now_ns);
                }
                Some(request)
            }
            Err(closed) => {
                self.enter(request, 0, now_ns);
                self.close(limits, closed, now_ns);
                // Nobody asks any more. Of those who did, some may ask other limits, and go, or be found to wait as well.
                self.pop_due(now_ns).or_else(|| self.ready.pop_front())
            }
        }
    }

    /// Some of these limits admit nothing for now, so that who asks them need not be asked for.
    fn close(&mut self, limits: u64, closed: Closed, now_ns: u64) {
        let place = self.lines.place_for(limits);
        self.lines.close(place, closed);
        self.settled = Settled::No;
        self.hold_asking(now_ns);
    }

    /// Holds those who ask limits: from now on they wait in lines.
    fn hold_asking(&mut self, now_ns: u64) {
        if self.asking == 0 {
            return;
        }
        self.asking = 0;
        let mut ready = core::mem::replace(&mut self.ready, Fifo::new());
        while let Some(request) = ready.pop_front() {
            if request.set() == 0 {
                self.ready.push_back(request);
            } else {
                self.enter(request, 0, now_ns);
            }
        }
    }

    /// The next request, whether or not it may go.
    pub(crate) fn pop_any(&mut self) -> Option<E> {
        let Some((request, has_ticket)) = self.pop_held() else {
            let request = self.ready.pop_front()?;
            if self.asking > 0 && request.set() != 0 {
                self.asking = self.asking.wrapping_sub(1);
                if let Some(plan) = &self.plan {
                    plan.count_at_once(request.set(), self.limit_all, self.hw_queue);
                }
            }
            return Some(request);
        };
        let now_ns = now_ns();
        let plan = self.plan.as_ref();
        let early = plan.is_some_and(|plan| plan.is_early(&request, now_ns));
        if has_ticket {
            plan.inspect(|plan| plan.turns().leave(plan.limits_of(request.set())));
        }
        Some(self.let_go(request, now_ns, early))
    }

    fn let_go(&mut self, request: E, now_ns: u64, early: bool) -> E {
        if let Some(plan) = &self.plan {
            let added_ns = now_ns.saturating_sub(request.arrival_ns());
            plan.count_left(request.set(), self.hw_queue, added_ns, early);
        }
        request
    }

    /// The next request whose delays are over, if the limits that match it admit it.
    fn pop_due(&mut self, mut now_ns: u64) -> Option<E> {
        if now_ns >= self.next_end_ns {
            self.judge_again(now_ns);
        }
        loop {
            let delayed_ns = self.delayed.first_due_ns().unwrap_or(NEVER);
            let line = self.lines.first();
            let line_ns = line.as_ref().map_or(NEVER, |(_, time_ns)| *time_ns);
            if delayed_ns.min(line_ns) > now_ns {
                return None;
            }
            if delayed_ns <= line_ns {
                let request = self.delayed.pop()?;
                self.forget();
                return Some(self.let_go(request, now_ns, false));
            }
            let (place, _) = line?;
            // Each refusal closes a line for some time, so this comes to an end.
            if let Some(request) = self.ask_line(place, &mut now_ns) {
                return Some(self.let_go(request, now_ns, false));
            }
        }
    }

    /// The first entry of a line, if it is its turn and the limits admit it.
    fn ask_line(&mut self, place: usize, now_ns: &mut u64) -> Option<E> {
        self.queue_up(place, *now_ns);
        let plan = self.plan.as_ref()?;
        let (set, ticket) = self.lines.first_queued(place)?;
        let limits = plan.limits_of(set);
        let was_closed = self.lines.closed(place);
        let admitted = plan.admit(limits, ticket, now_ns);
        let (Ok(closed) | Err(closed)) = admitted;
        self.lines.close(place, closed);
        self.settled = Settled::No;
        admitted.ok()?;
        let entry = self.lines.pop(place)?;
        plan.turns().leave(limits);
        // Whose delays were over before the limits let anybody through had to wait for them.
        if entry.due_ns() < was_closed.until_ns {
            plan.count_limited(was_closed.by, self.hw_queue);
        }
        self.forget();
        Some(entry)
    }

    /// Whether there is no entry, neither one that waits nor one that may go.
    pub(crate) fn is_empty(&self) -> bool {
        self.held == 0 && self.ready.is_empty()
    }

    /// Whether a rule has ended at this time, so that all that is held has to be judged again.
    pub(crate) fn has_expired(&self, now_ns: u64) -> bool {
        self.held > 0 && now_ns >= self.next_end_ns
    }

    /// When the first of those that are held may go.
    fn first_ns(&self) -> u64 {
        let delayed_ns = self.delayed.first_due_ns().unwrap_or(NEVER);
        self.lines
            .first()
            .map_or(delayed_ns, |(_, time_ns)| time_ns.min(delayed_ns))
    }

    /// The earliest time at which [`Hold::pop`] may give a request: 0 is now, [`NEVER`] that nothing is held.
    ///
    /// It is exact as far as this hardware queue can know. Asking for a dispatch that then gives nothing is no small thing:
    /// the block layer plans to ask again after 3 ms, and where that meets a run that is asked for at the same moment, the
    /// latter is put off as well (`blk_mq_delay_run_hw_queues` looks for a pending run before it changes its time).
    #[inline]
    pub(crate) fn next_ns(&self) -> u64 {
        if self.ready.is_empty() {
            self.held_next_ns()
        } else {
            0
        }
    }

    /// The same of those that are held.
    fn held_next_ns(&self) -> u64 {
        if self.held == 0 {
            NEVER
        } else {
            self.first_ns().min(self.next_end_ns)
        }
    }

    /// Follows another plan, and judges all that is held again. Gives back the old plan.
    pub(crate) fn follow(&mut self, plan: Option<Arc<Plan>>) -> Option<Arc<Plan>> {
        let now_ns = now_ns();
        self.hold_asking(now_ns);
        if self.plan.is_none() {
            // INVARIANT: Without a plan, nobody has looked at what was in the field before.
            self.ready.put_sets(|_| 0);
        }
        let old = core::mem::replace(&mut self.plan, plan);
        self.judge_again_after(old.as_deref(), now_ns);
        old
    }

    /// Judges all that is held again, after a rule has ended or got another end.
    pub(crate) fn judge_again(&mut self, now_ns: u64) {
        self.hold_asking(now_ns);
        let plan = self.plan.clone();
        self.judge_again_after(plan.as_deref(), now_ns);
    }

    /// Judges all that is held again, from its own arrival, which of those that only asked limits is now; `old` has judged it before.
    fn judge_again_after(&mut self, old: Option<&Plan>, now_ns: u64) {
        let mut held = Fifo::new();
        while let Some((entry, has_ticket)) = self.pop_held() {
            if has_ticket {
                old.inspect(|old| old.turns().leave(old.limits_of(entry.set())));
            }
            held.push_back(entry);
        }
        // What was known of limits is not known of others.
        self.lines.reset();
        self.settled = Settled::No;
        let plan = self.plan.clone();
        let plan = plan.as_deref();
        self.next_end_ns = plan.map_or(NEVER, |plan| plan.next_end_ns(now_ns));
        self.endless = plan.map_or(0, Plan::endless);
        self.limit_all = plan.map_or(0, |plan| plan.limit_all(self.endless));
        self.only_limits = plan.is_some_and(|plan| plan.is_all(self.limit_all));
        let again = plan.zip(old);
        let again = again.map(|(plan, old)| plan.again(old, now_ns));
        while let Some(mut entry) = held.pop_front() {
            match (&again, old) {
                (Some(again), _) => again.judge(&mut entry, self.hw_queue),
                (None, Some(old)) => {
                    let added_ns = now_ns.saturating_sub(entry.arrival_ns());
                    let early = old.is_early(&entry, now_ns);
                    old.count_left(entry.set(), self.hw_queue, added_ns, early);
                    entry.put_set(0);
                }
                (None, None) => {}
            }
            if entry.set() == 0 {
                self.ready.push_back(entry);
            } else {
                let _ = self.hold(entry);
            }
        }
    }
}
