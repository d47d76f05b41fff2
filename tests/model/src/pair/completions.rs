// SPDX-License-Identifier: GPL-2.0-only

//! The way of dispatched requests: the device serves them, and their completions may be held.

use super::{Memory, Pair};
use crate::{
    elevator::{bios::Late, hctx::Hctx, Status},
    held_entry::{HeldEntry, Parked, Parking, Request},
    parking::{NotParked, Park},
    policy::io::Io,
    reference::{Outcome, Side},
    shim::{alloc::without_memory, bio::take_verified},
};
use std::{cell::RefCell, collections::VecDeque};

/// Has completions held, as the scheduler's `Parker`.
pub(super) struct Parker<'a> {
    pub(super) hctx: &'a Hctx,
    pub(super) memory: &'a mut VecDeque<Memory>,
    pub(super) used: &'a mut usize,
    pub(super) asked: RefCell<Asked>,
}

/// The requests whose completion was to be held, in the order in which the driver asked, and the
/// outcome; `None` if the driver did not try to hold it.
pub(super) type Asked = Vec<(u64, Option<Outcome>)>;

impl Park for Parker<'_> {
    fn end(&mut self, _request: Request, _status: Status) -> Result<(), Request> {
        unreachable!("no rule of the model ends I/O")
    }

    fn can_park(&self, request: &Request) -> bool {
        let number = request.first_sector();
        let mut asked = self.asked.borrow_mut();
        // The driver asks about a held request twice in a row.
        if asked.last().is_none_or(|(last, _)| *last != number) {
            asked.push((number, None));
        }
        request.can_be_parked()
    }

    fn park(&mut self, request: &mut Request, order: &Parking) -> Result<(), NotParked> {
        assert!(request.can_be_parked());
        let memory = self.memory.pop_front().unwrap_or(Memory::Some);
        let (outcome, result) = match memory {
            Memory::Full => (Outcome::Full, Err(NotParked::Full)),
            Memory::None => {
                assert!(without_memory(|| self.hctx.park(request, order)).is_none());
                (Outcome::NoMemory, Err(NotParked::NoMemory))
            }
            Memory::Some => {
                *self.used += self.hctx.park(request, order).unwrap();
                (Outcome::Parked(order.delay_ns), Ok(()))
            }
        };
        let asked = self.asked.get_mut().last_mut().unwrap();
        assert_eq!(*asked, (request.first_sector(), None), "asked twice");
        asked.1 = Some(outcome);
        result
    }
}

impl Pair {
    pub(super) fn serve(&mut self, place: usize) -> Result<(), String> {
        if self.at_device.is_empty() {
            return Ok(());
        }
        let request = self.at_device.swap_remove(place % self.at_device.len());
        self.served += 1;
        let number = request.number();
        let shape = self.shapes[number as usize];
        // If only the flush sequence has a count on the bio, the completion arrives at the
        // sequence's end.
        let is_alone = !self.late.iter().any(|late| late.number() == number);
        let is_told = shape.is_flush() && !shape.is_stolen() && is_alone;
        let late = request.finish(shape, &self.hctx);
        self.late.extend(late);
        let arrived = self.arrive()?;
        let is_parked = self.reference.is_parked(number);
        if arrived != (is_parked && !is_told) {
            return Err(format!("{number} of {shape:?} arrives: {arrived}"));
        }
        self.compare_ends(number)
    }

    /// Reports arrived completions to the reference, and returns whether there were any.
    pub(super) fn arrive(&mut self) -> Result<bool, String> {
        self.late.extend(take_verified().into_iter().map(Late::of));
        let arrived = self.hctx.take_arrived();
        let any = !arrived.is_empty();
        for number in arrived {
            let is_over = self.shapes[number as usize].is_stolen();
            self.reference.arrive(number, is_over)?;
        }
        Ok(any)
    }

    pub(super) fn end_late(&mut self, place: usize) -> Result<(), String> {
        if self.late.is_empty() {
            return Ok(());
        }
        let late = self.late.swap_remove(place % self.late.len());
        let number = late.number();
        late.happen();
        self.arrive()?;
        self.compare_ends(number)
    }

    /// Checks that the bios of a request have ended, unless their completion is held or they wait
    /// for other ends.
    pub(super) fn compare_ends(&self, number: u64) -> Result<(), String> {
        self.ends.check()?;
        let shape = self.shapes[number as usize];
        let ended = self.ends.of(number);
        let at_device = self.at_device.iter().any(|owned| owned.number() == number);
        let is_before = at_device || self.reference.is_before_the_device(number);
        let late = self.late.iter().filter(|late| late.number() == number);
        let late = late.count() as u32;
        let is_parked = self.reference.is_parked(number) && !shape.is_stolen();
        let all = if is_parked || is_before {
            0
        } else {
            shape.bios().saturating_sub(late)
        };
        // `late` may have two ends of one bio, hence `saturating_sub`.
        if ended != all {
            return Err(format!(
                "{ended} bios of {number} have ended, and not {all}"
            ));
        }
        Ok(())
    }

    /// As `Completions::release` of the driver.
    pub(super) fn release(&mut self, most: usize) -> Result<(), String> {
        self.take_arrivals()?;
        // All due completions get tickets: the model has fewer than 256.
        assert!(self.completions.queue_all_up(self.reference.now_ns, 256));
        let mut done = Vec::new();
        for _ in 0..most {
            self.reference.give_way(Side::Completions);
            let popped = self.completions.pop_at(self.reference.now_ns);
            self.reference.expire(Side::Completions);
            let Some(parked) = popped else {
                self.nothing_goes(Side::Completions, self.completions.next_ns())?;
                break;
            };
            done.push(self.leave(parked, true)?);
        }
        self.complete(done)
    }

    pub(super) fn release_any(&mut self) -> Result<(), String> {
        self.take_arrivals()?;
        match self.completions.pop_any() {
            Some(parked) => {
                let parked = self.leave(parked, false)?;
                self.complete(vec![parked])
            }
            None if self.reference.next_ns(Side::Completions).is_none() => Ok(()),
            None => Err("some completion is left, and none went".into()),
        }
    }

    /// As `Completions::pop` of the driver, for one completion.
    pub(super) fn leave(&mut self, parked: Parked, is_due: bool) -> Result<Parked, String> {
        let number = parked.first_sector();
        let now_ns = self.reference.now_ns;
        self.used -= parked.size();
        let is_over = parked.is_over();
        self.held_ns += if is_over {
            0
        } else {
            now_ns - parked.arrival_ns()
        };
        parked.count_time(now_ns.saturating_sub(parked.arrival_ns()));
        if !is_over && self.ends.of(number) > 0 {
            return Err(format!("a bio of {number} has ended early"));
        }
        if let Err(error) = self.reference.take(Side::Completions, number, is_due) {
            std::mem::forget(parked);
            return Err(error);
        }
        Ok(parked)
    }

    pub(super) fn complete(&mut self, done: Vec<Parked>) -> Result<(), String> {
        for parked in done {
            let number = parked.first_sector();
            parked.complete();
            self.arrive()?;
            self.compare_ends(number)?;
        }
        Ok(())
    }

    pub(super) fn take_arrivals(&mut self) -> Result<(), String> {
        let completions = &mut self.completions;
        self.hctx.take_arrivals(|parked| completions.arrive(parked));
        self.reference.take_arrivals()
    }
}
