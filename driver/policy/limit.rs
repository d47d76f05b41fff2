// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Limits: how many I/Os a window of time admits.
//!
//! A window starts at a multiple of the period, and admits exactly the quota, from all hardware
//! queues together. Its state is one word, so that hardware queues can share it by
//! compare-and-exchange alone; the caller brings the atomic word ([`Shared`]).

use super::{
    units::NS_PER_US,
    window::{Shared, Window},
};
use core::num::NonZero;

/// A limit: at most a quota of I/Os in each window of a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    period_ns: NonZero<u64>,
    quota: NonZero<u32>,
}

/// The answer of a limit to one I/O.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It may go, if the caller can replace the judged word by this one.
    Admit(Window),
    /// It may not go before this time in nanoseconds.
    Wait(u64),
}

/// The refusal of a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    /// When to ask again, in nanoseconds.
    pub until_ns: u64,
}

/// The record of an I/O that a limit has counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Charge {
    /// Before this time the limit admits no other I/O; 0 if it may admit one at once.
    pub until_ns: u64,
    /// The window in which it was counted.
    pub window: Window,
}

impl Charge {
    /// A placeholder for a charge where there is no limit.
    pub const NONE: Self = Self {
        until_ns: 0,
        window: Window::NONE,
    };
}

impl Limit {
    /// `quota` I/Os in each window of `period_us`; `None` if either is zero.
    pub const fn new(period_us: u32, quota: u32) -> Option<Self> {
        match (
            NonZero::new((period_us as u64).saturating_mul(NS_PER_US)),
            NonZero::new(quota),
        ) {
            (Some(period_ns), Some(quota)) => Some(Self { period_ns, quota }),
            _ => None,
        }
    }

    /// Whether windows of both limits begin and end at the same times, so that the count of one is
    /// right for the other.
    pub fn same_windows(&self, other: &Self) -> bool {
        self.period_ns == other.period_ns
    }

    /// The unused window of this time.
    pub const fn fresh(&self, now_ns: u64) -> Window {
        Window::new(self.number(now_ns), 0)
    }

    /// Answers one I/O in the window of this number. The number must be that of `window`, or that
    /// of a time read after `window`.
    pub const fn answer(&self, window: Window, number: u64) -> Answer {
        if !window.same_number(number) {
            return Answer::Admit(Window::new(number, 1));
        }
        if window.used() < self.quota.get() {
            return Answer::Admit(Window::new(number, window.used().saturating_add(1)));
        }
        Answer::Wait(self.end_ns(number))
    }

    /// How many more I/Os the window of this time admits.
    pub fn room(&self, shared: &impl Shared, now_ns: u64) -> u32 {
        let window = Window::from_word(shared.load());
        if window.same_number(self.number(now_ns)) {
            self.quota.get().saturating_sub(window.used())
        } else {
            self.quota.get()
        }
    }

    /// The middle of the window of this time.
    pub const fn middle_ns(&self, now_ns: u64) -> u64 {
        let start_ns = self.number(now_ns).saturating_mul(self.period_ns.get());
        start_ns.saturating_add(self.period_ns.get() / 2)
    }

    /// The end of the window of this number.
    const fn end_ns(&self, number: u64) -> u64 {
        number
            .saturating_add(1)
            .saturating_mul(self.period_ns.get())
    }

    const fn number(&self, now_ns: u64) -> u64 {
        now_ns / self.period_ns.get()
    }

    /// Whether the limit would admit one I/O now.
    ///
    /// This updates `now_ns` by `read_clock` where the word may be newer.
    #[inline]
    pub fn ask(
        &self,
        shared: &impl Shared,
        now_ns: &mut u64,
        read_clock: impl Fn() -> u64,
    ) -> Result<(), Refused> {
        self.look(shared, now_ns, &read_clock).map(|_| ())
    }

    /// Counts one I/O, and returns true, if the word is of the window of this time and has room for
    /// more than one I/O. Otherwise this counts nothing, and the caller goes on to
    /// [`Limit::charge`].
    #[inline]
    pub fn charge_quickly(&self, shared: &impl Shared, now_ns: u64) -> bool {
        let number = self.number(now_ns);
        loop {
            let window = Window::from_word(shared.load());
            // A quota is at least 1.
            let has_room = window.used() < self.quota.get().wrapping_sub(1);
            if !window.same_number(number) || !has_room {
                return false;
            }
            // The count is below the quota, so it does not overflow into the number.
            let charged = window.with_one_more();
            if shared.exchange(window.to_word(), charged.to_word()) {
                return true;
            }
        }
    }

    /// Takes the I/O back that [`Limit::charge_quickly`] has counted at this time.
    pub fn give_back_quickly(&self, shared: &impl Shared, now_ns: u64) {
        self.fresh(now_ns).give_back_to(shared);
    }

    /// Counts one I/O, if the limit admits it now. The clock is as for [`Limit::ask`].
    #[inline]
    pub fn charge(
        &self,
        shared: &impl Shared,
        now_ns: &mut u64,
        read_clock: impl Fn() -> u64,
    ) -> Result<Charge, Refused> {
        loop {
            let (old, window, number) = self.look(shared, now_ns, &read_clock)?;
            if shared.exchange(old.to_word(), window.to_word()) {
                let is_full = window.used() >= self.quota.get();
                let until_ns = if is_full { self.end_ns(number) } else { 0 };
                return Ok(Charge { until_ns, window });
            }
        }
    }

    /// The present word, the window after an admission, and the number of that window.
    #[inline]
    fn look(
        &self,
        shared: &impl Shared,
        now_ns: &mut u64,
        read_clock: impl Fn() -> u64,
    ) -> Result<(Window, Window, u64), Refused> {
        let window = Window::from_word(shared.load());
        let mut number = self.number(*now_ns);
        if !window.same_number(number) {
            // Not below `now_ns`: time must not run back for this task.
            *now_ns = read_clock().max(*now_ns);
            number = self.number(*now_ns);
        }
        // A word may be newer than the caller's time, but a time read after the word is never in a
        // window before the word's.
        match self.answer(window, number) {
            Answer::Admit(next) => Ok((window, next, number)),
            Answer::Wait(until_ns) => Err(Refused { until_ns }),
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use proptest::prelude::*;
    use std::cell::Cell;
    use std::collections::BTreeMap;
    use std::vec::Vec;

    /// A word that only one thread uses.
    struct Word(Cell<u64>);

    impl Shared for Word {
        fn load(&self) -> u64 {
            self.0.get()
        }

        fn exchange(&self, old: u64, new: u64) -> bool {
            self.0.get() == old && {
                self.0.set(new);
                true
            }
        }
    }

    #[test]
    fn a_window_admits_its_quota_and_names_the_next() {
        let limit = Limit::new(1_000, 2).unwrap();
        let mut window = limit.fresh(5_300_000);
        for _ in 0..2 {
            match limit.answer(window, limit.number(5_300_000)) {
                Answer::Admit(next) => window = next,
                Answer::Wait(_) => panic!("refused within the quota"),
            }
        }
        assert_eq!(
            limit.answer(window, limit.number(5_999_999)),
            Answer::Wait(6_000_000)
        );
        assert!(matches!(
            limit.answer(window, limit.number(6_000_000)),
            Answer::Admit(_)
        ));
    }

    #[test]
    fn nothing_is_a_limit_of_zero() {
        assert_eq!(Limit::new(0, 1), None);
        assert_eq!(Limit::new(1, 0), None);
    }

    #[test]
    fn the_largest_quota_and_the_latest_time_do_not_overflow() {
        let limit = Limit::new(1, u32::MAX).unwrap();
        let full = Window::new(7, u32::MAX);
        assert_eq!(limit.answer(full, limit.number(7_500)), Answer::Wait(8_000));
        assert!(matches!(
            limit.answer(limit.fresh(u64::MAX), limit.number(u64::MAX)),
            Answer::Admit(_)
        ));
        let full = Window::new(limit.number(u64::MAX), u32::MAX);
        assert!(matches!(
            limit.answer(full, limit.number(u64::MAX)),
            Answer::Wait(_)
        ));
    }

    #[test]
    fn giving_back_makes_room_for_one() {
        let limit = Limit::new(10, 1).unwrap();
        let Answer::Admit(full) = limit.answer(limit.fresh(0), limit.number(0)) else {
            panic!()
        };
        assert!(matches!(
            limit.answer(full, limit.number(0)),
            Answer::Wait(_)
        ));
        let with_room = full.give_back(full).unwrap();
        assert!(matches!(
            limit.answer(with_room, limit.number(0)),
            Answer::Admit(_)
        ));
        assert_eq!(limit.fresh(0).give_back(full), None);
        // Another window has not counted this I/O, so it gives nothing back.
        let Answer::Admit(next) = limit.answer(full, limit.number(10_000)) else {
            panic!()
        };
        assert_eq!(next.give_back(full), None);
    }

    proptest! {
        /// Compares with a plain count of the I/Os of each window.
        #[test]
        fn same_as_counting(
            period_us in 1u32..50, quota in 1u32..5,
            steps in prop::collection::vec(0u64..20_000, 1..300),
        ) {
            let limit = Limit::new(period_us, quota).unwrap();
            let mut counts: BTreeMap<u64, u32> = BTreeMap::new();
            let mut window = limit.fresh(0);
            let mut now = 0;
            for step in steps {
                now += step;
                let number = now / (u64::from(period_us) * 1_000);
                let count = counts.entry(number).or_default();
                match limit.answer(window, limit.number(now)) {
                    Answer::Admit(next) => {
                        prop_assert!(*count < quota);
                        *count += 1;
                        window = next;
                    }
                    Answer::Wait(until) => {
                        prop_assert_eq!(*count, quota);
                        prop_assert_eq!(until, (number + 1) * u64::from(period_us) * 1_000);
                        prop_assert!(until > now);
                    }
                }
            }
        }

        /// [`Limit::charge_quickly`], with [`Limit::charge`] where it refuses, does the same as
        /// `charge` alone; and taking an I/O back leaves no trace.
        #[test]
        fn charging_quickly_is_charging(
            period_us in 1u32..50, quota in 1u32..6,
            steps in prop::collection::vec((0u64..20_000, any::<bool>()), 1..300),
        ) {
            let limit = Limit::new(period_us, quota).unwrap();
            let [plain, quick] = [0; 2].map(|_| Word(Cell::new(limit.fresh(0).to_word())));
            let mut now_ns = 0;
            for (step_ns, takes_back) in steps {
                now_ns += step_ns;
                let clock = || now_ns;
                let before = quick.load();
                let is_quick = limit.charge_quickly(&quick, now_ns);
                if is_quick && takes_back {
                    limit.give_back_quickly(&quick, now_ns);
                    prop_assert_eq!(quick.load(), before);
                    continue;
                }
                let charged = limit.charge(&plain, &mut { now_ns }, clock);
                if is_quick {
                    prop_assert_eq!(charged.map(|charge| charge.until_ns), Ok(0));
                } else {
                    prop_assert_eq!(limit.charge(&quick, &mut { now_ns }, clock), charged);
                }
                prop_assert_eq!(quick.load(), plain.load());
            }
        }

        /// Several queues share a word by compare-and-exchange, in any order of loads and
        /// exchanges.
        #[test]
        fn shared_windows_never_exceed_their_quota(
            quota in 1u32..4, schedule in prop::collection::vec((0usize..3, 0u8..4, 0u64..700), 1..400),
        ) {
            let limit = Limit::new(1, quota).unwrap();
            let mut shared = limit.fresh(0);
            let mut clock = 0u64;
            let mut pending: Vec<Option<(Window, Window, u64)>> = std::vec![None; 3];
            let mut counts: BTreeMap<u64, u32> = BTreeMap::new();
            // The time at which each queue has charged the I/O that it may take back.
            let mut quick: Vec<Option<u64>> = std::vec![None; 3];
            for (queue, action, step) in schedule {
                clock += step;
                match action {
                    0 => {
                        // A queue reads the word first, and the clock after it.
                        let old = shared;
                        if let Answer::Admit(new) = limit.answer(old, limit.number(clock)) {
                            pending[queue] = Some((old, new, clock / 1_000));
                        }
                    }
                    1 => {
                        if let Some((old, new, number)) = pending[queue].take() {
                            if shared == old {
                                shared = new;
                                *counts.entry(number).or_default() += 1;
                            }
                        }
                    }
                    2 => {
                        let word = Word(Cell::new(shared.to_word()));
                        // This queue has read the clock before the word.
                        let read = clock.saturating_sub(step);
                        if limit.charge_quickly(&word, read) {
                            *counts.entry(read / 1_000).or_default() += 1;
                            quick[queue] = Some(read);
                        }
                        shared = Window::from_word(word.load());
                    }
                    _ => {
                        if let Some(charged) = quick[queue].take() {
                            let word = Word(Cell::new(shared.to_word()));
                            let is_same = limit.fresh(charged).same_number(word.load() >> 32);
                            limit.give_back_quickly(&word, charged);
                            prop_assert_eq!(is_same, word.load() != shared.to_word());
                            shared = Window::from_word(word.load());
                            if is_same {
                                *counts.get_mut(&(charged / 1_000)).unwrap() -= 1;
                            }
                        }
                    }
                }
            }
            prop_assert!(counts.values().all(|count| *count <= quota));
        }
    }
}
