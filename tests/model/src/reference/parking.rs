// SPDX-License-Identifier: GPL-2.0-only

//! The completions that rules hold, and the requests in their place where a completion cannot be
//! held.

use super::{Held, Kind, Outcome, Parked, Ready, Reference, Rule, Set, Side};

impl Reference {
    /// The completion of a request arrives, which the block layer has finished. It may be over
    /// already, if another path ends the bios.
    pub(crate) fn arrive(&mut self, number: u64, is_over: bool) -> Result<(), String> {
        if self.arrived.iter().any(|(other, ..)| *other == number) {
            return Err(format!("{number} arrives twice"));
        }
        self.arrived.push((number, self.now_ns, is_over));
        Ok(())
    }

    /// Takes the completions that have arrived.
    pub(crate) fn take_arrivals(&mut self) -> Result<(), String> {
        for (number, arrival_ns, is_over) in std::mem::take(&mut self.arrived) {
            let Some(Parked { kind, by, plan }) = self.parked.remove(&number) else {
                return Err(format!("the completion of {number} was not to be held"));
            };
            let side = Side::Completions;
            let rank = self.next_rank();
            let by = self.judge_since(plan, kind, side, by, self.now_ns);
            if by == 0 || is_over {
                self.ready.push(Ready { number, side, rank });
                continue;
            }
            self.count(by, |counts| counts.entered += 1);
            let due_ns = self.due_ns(arrival_ns, by);
            self.held.push(Held {
                number,
                side,
                kind,
                arrival_ns,
                taken_ns: self.now_ns,
                due_ns,
                by,
                asks: false,
                is_queued: self.limits(by) != 0 && due_ns <= arrival_ns,
                rank,
            });
        }
        Ok(())
    }

    /// Checks whether the driver was right to hold the completion of a request, or not to.
    /// `outcome` is the result, if the driver has tried. Returns the injections that hold the
    /// request instead.
    pub(super) fn park(
        &mut self,
        (number, kind): (u64, Kind),
        parked: Set,
        can_be_parked: bool,
        outcome: Option<Outcome>,
    ) -> Result<Set, String> {
        let delay_ns = self.delay_ns(parked);
        let limits = self.limits(parked);
        if parked == 0 || !can_be_parked {
            return match outcome {
                None => Ok(parked),
                Some(_) => Err(format!("the completion of {number} was to be held")),
            };
        }
        let waits = |held: &&Held| self.limits(held.by) & limits != 0 && held.due_ns <= self.now_ns;
        if outcome.is_some() {
            // The driver does not give the last place of a window away at once, so that the I/O
            // that takes it closes the window.
            let is_free = delay_ns == 0 && self.room(limits).is_some_and(|room| room > 1);
            if is_free && !self.held.iter().any(|held| waits(&held)) {
                return Err(format!("there was room, and {number} was held"));
            }
        }
        match outcome {
            None => {
                let others = self.held.iter().filter(waits);
                if let Some(other) = others.clone().find(|held| held.is_queued) {
                    return Err(format!("{number} goes at once before {other:?}"));
                }
                if delay_ns > 0 || self.open_ns(limits) > self.now_ns {
                    return Err(format!("{number} goes at once"));
                }
                self.charge(limits);
            }
            Some(Outcome::Parked(for_ns)) if for_ns == delay_ns => {
                let plan = self.plans.len() - 1;
                let by = parked;
                self.parked.insert(number, Parked { kind, by, plan });
            }
            Some(Outcome::Parked(for_ns)) => {
                return Err(format!("{number} is held for {for_ns}, and not {delay_ns}"));
            }
            Some(Outcome::NoMemory) => self.count(parked, |counts| counts.no_memory += 1),
            Some(Outcome::Full) => {
                self.count(parked, |counts| counts.over_memory += 1);
                return Ok(parked);
            }
        }
        Ok(0)
    }

    /// Has new rules hold the completions of held requests, except for completions that are to be
    /// held already. The driver may ask about the requests in any order, which decides which
    /// completions need not be held if a limit has no room for all.
    pub(super) fn park_held(
        &mut self,
        asked: &[(u64, Option<Outcome>)],
        cannot: impl Fn(u64, Kind) -> bool,
    ) -> Result<(), String> {
        let plan = self.plans.len() - 1;
        let is_new = |rule: &&Rule| {
            let before = self.rule_in(plan - 1, rule.injection);
            rule.holds() == Side::Completions && !before.is_some_and(|old| old.same_choice(rule))
        };
        let new = self.rules().iter().filter(is_new);
        let new = new.fold(0, |set, rule| set | 1 << rule.injection);
        let is_held = |held: &&Held| held.side == Side::Requests;
        let mut requests: Vec<Held> = self.held.iter().filter(is_held).cloned().collect();
        let place_of = |number| asked.iter().position(|(other, _)| *other == number);
        requests.sort_by_key(|held| place_of(held.number));
        for held in requests.iter_mut().filter(|_| new != 0) {
            let number = held.number;
            let can_be_parked = !cannot(number, held.kind) && !self.parked.contains_key(&number);
            if !can_be_parked {
                continue;
            }
            let parked = self.judge(held.kind, Side::Completions) & new & !held.by;
            let outcome = place_of(number).and_then(|place| asked[place].1);
            let instead = self.park((number, held.kind), parked, true, outcome)?;
            self.count(instead, |counts| counts.entered += 1);
            held.by |= instead;
            held.due_ns = self.due_ns(held.arrival_ns, held.by);
        }
        self.held.retain(|held| held.side != Side::Requests);
        self.held.append(&mut requests);
        Ok(())
    }

    /// Whether the completion of a request is to be held, and has not ended yet.
    pub(crate) fn is_parked(&self, number: u64) -> bool {
        let has = |side, other| side == Side::Completions && other == number;
        self.parked.contains_key(&number)
            || self.held.iter().any(|held| has(held.side, held.number))
            || self.ready.iter().any(|ready| has(ready.side, ready.number))
    }
}
