// SPDX-License-Identifier: GPL-2.0-only

//! Which virtual machines run now, and which wait for one of them to end.

use crate::command::number_of;
use anyhow::{Result, ensure};
use std::{
    collections::VecDeque,
    sync::{Arc, Condvar, Mutex, MutexGuard},
};

/// So many run at once, unless `VMS` says another number. Each takes a processor of this machine or
/// two, and some have 4 GB of memory.
const MOST: usize = 2;

/// How many run at once; an error if `VMS` is no number above 0.
pub(crate) fn most() -> Result<usize> {
    let most = number_of("VMS", MOST)?;
    ensure!(most > 0, "VMS is 0, and no test in a VM would ever run");
    Ok(most)
}

/// The place of a guest in the queue.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// After all that wait already.
    Last,
    /// Before all that wait already: for guests that take long, or that a test waits for.
    Next,
}

#[derive(Debug, PartialEq, Eq)]
struct Entry {
    id: usize,
    name: &'static str,
}

#[derive(Debug)]
struct Places {
    most: usize,
    given: usize,
    waiting: VecDeque<Entry>,
    running: Vec<Entry>,
}

impl Default for Places {
    fn default() -> Self {
        Self {
            most: most().unwrap_or(MOST),
            given: 0,
            waiting: VecDeque::new(),
            running: Vec::new(),
        }
    }
}

impl Places {
    fn add(&mut self, name: &'static str, turn: Turn) -> usize {
        self.given += 1;
        let entry = Entry {
            id: self.given,
            name,
        };
        match turn {
            Turn::Last => self.waiting.push_back(entry),
            Turn::Next => self.waiting.push_front(entry),
        }
        self.fill();
        self.given
    }

    fn remove(&mut self, id: usize) {
        self.running.retain(|entry| entry.id != id);
        self.fill();
    }

    fn runs(&self, id: usize) -> bool {
        self.running.iter().any(|entry| entry.id == id)
    }

    /// The first that waits may run, unless one of its name does.
    fn fill(&mut self) {
        while self.running.len() < self.most {
            let is_alone =
                |entry: &Entry| !self.running.iter().any(|other| other.name == entry.name);
            if !self.waiting.front().is_some_and(is_alone) {
                return;
            }
            self.running.extend(self.waiting.pop_front());
        }
    }
}

/// The places of a run's virtual machines.
#[derive(Default)]
pub(crate) struct Slots {
    places: Mutex<Places>,
    changed: Condvar,
}

impl Slots {
    /// Asks for a place, which is there once the slot says so.
    pub(crate) fn ask(self: &Arc<Self>, name: &'static str, turn: Turn) -> Slot {
        let id = self.lock().add(name, turn);
        Slot {
            slots: Arc::clone(self),
            id,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Places> {
        self.places
            .lock()
            .expect("no one panics with the lock held")
    }
}

/// A place, or a turn to get one; others have it when this is dropped.
pub(crate) struct Slot {
    slots: Arc<Slots>,
    id: usize,
}

impl Slot {
    /// Waits until the place is there.
    pub(crate) fn wait(&self) {
        let places = self.slots.lock();
        let waits = |places: &mut Places| !places.runs(self.id);
        drop(self.slots.changed.wait_while(places, waits));
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut places = self.slots.lock();
        places.waiting.retain(|entry| entry.id != self.id);
        places.remove(self.id);
        drop(places);
        self.slots.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn running(places: &Places) -> Vec<&str> {
        places.running.iter().map(|entry| entry.name).collect()
    }

    #[test]
    fn two_run_and_others_follow_in_their_order() {
        let mut places = Places::default();
        let one = places.add("one", Turn::Last);
        let two = places.add("two", Turn::Last);
        places.add("three", Turn::Last);
        places.add("four", Turn::Last);
        assert_eq!(running(&places), ["one", "two"]);
        places.remove(two);
        assert_eq!(running(&places), ["one", "three"]);
        places.remove(one);
        assert_eq!(running(&places), ["three", "four"]);
    }

    #[test]
    fn what_is_next_overtakes_those_that_wait_and_not_those_that_run() {
        let mut places = Places::default();
        let one = places.add("one", Turn::Last);
        places.add("two", Turn::Last);
        places.add("three", Turn::Last);
        places.add("urgent", Turn::Next);
        assert_eq!(running(&places), ["one", "two"]);
        places.remove(one);
        assert_eq!(running(&places), ["two", "urgent"]);
    }

    /// As from checks that start VMs to the guest on this machine's clock.
    #[test]
    fn a_place_goes_to_what_is_next_although_others_wait_longer() {
        let mut places = Places::default();
        places.add("two", Turn::Last);
        let one = places.add("one", Turn::Last);
        places.add("short", Turn::Last);
        let checks = places.add("checks", Turn::Next);
        places.remove(one);
        places.add("threads", Turn::Next);
        assert_eq!(running(&places), ["two", "checks"]);
        places.remove(checks);
        assert_eq!(running(&places), ["two", "threads"]);
    }

    /// A step that is given twice runs twice, one time after the other.
    #[test]
    fn two_of_one_name_run_one_after_another() {
        let mut places = Places::default();
        let first = places.add("torture", Turn::Last);
        places.add("torture", Turn::Last);
        places.add("traps", Turn::Last);
        assert_eq!(running(&places), ["torture"]);
        places.remove(first);
        assert_eq!(running(&places), ["torture", "traps"]);
    }

    #[test]
    fn a_place_is_free_again_when_its_slot_is_dropped() {
        let slots = Arc::new(Slots::default());
        let one = slots.ask("one", Turn::Last);
        let two = slots.ask("two", Turn::Last);
        let three = slots.ask("three", Turn::Last);
        one.wait();
        two.wait();
        let waiter = std::thread::spawn(move || three.wait());
        drop(one);
        waiter.join().unwrap();
        assert_eq!(running(&slots.lock()), ["two"]);
    }
}
