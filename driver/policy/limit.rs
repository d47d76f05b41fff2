// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Limits: how many I/Os, or how many bytes, a window of time has room for.
//!
//! A window starts at a multiple of the period, and has room for the quota, of all hardware queues
//! together. It admits an I/O while any room is left. An I/O that needs more takes the rest from
//! the windows after it, so that in the long run no more than the quota goes in a period. Room that
//! a window leaves is saved for later ones, up to the burst: that is a token bucket (J. Turner,
//! "New directions in communications", 1986), which gets its tokens at the start of each window.
//!
//! The state is one word, so that hardware queues can share it by compare-and-exchange alone; the
//! caller brings the atomic word ([`Shared`]).

use super::{
    units::NS_PER_US,
    window::{Shared, Window},
};
use core::num::NonZero;

/// For how long I/O may still go by the limit before, after a change.
const CHANGE_NS: u64 = 1_000_000_000;

/// A limit: each window of a period has room for a quota. Room, use and costs are numbers of one
/// unit, such as I/Os or sectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    period_ns: NonZero<u64>,
    quota: NonZero<u32>,
    burst: u32,
    /// The number of the first window that is surely by this quota alone. No later window makes up
    /// for the use of an earlier one.
    since: u64,
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

/// The record of an I/O that one limit has counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Charge {
    /// Before this time the limit admits no other I/O; 0 if it may admit one at once.
    pub until_ns: u64,
    /// The window in which it was counted.
    pub window: Window,
}

impl Limit {
    /// Room for `quota` in each window of `period_us`, of which `burst` can be saved; `None` if the
    /// period or the quota is zero.
    pub const fn new(period_us: u32, quota: u32, burst: u32) -> Option<Self> {
        match (
            NonZero::new((period_us as u64).saturating_mul(NS_PER_US)),
            NonZero::new(quota),
        ) {
            (Some(period_ns), Some(quota)) => Some(Self {
                period_ns,
                quota,
                burst,
                since: 0,
            }),
            _ => None,
        }
    }

    /// The limit that takes the place of `before` at this time, and goes on with its windows if it
    /// can.
    #[must_use]
    pub fn in_place_of(mut self, before: &Self, now_ns: u64) -> Self {
        self.since = if self.same(before) {
            before.since
        } else {
            self.number(now_ns.saturating_add(CHANGE_NS))
                .saturating_add(1)
        };
        self
    }

    /// Whether room is saved at all.
    pub const fn saves(&self) -> bool {
        self.burst > 0
    }

    /// Whether both limits admit the same I/Os, but for the time since when they do.
    pub const fn same(&self, other: &Self) -> bool {
        self.period_ns.get() == other.period_ns.get()
            && self.quota.get() == other.quota.get()
            && self.burst == other.burst
    }

    /// Whether windows of both limits begin and end at the same times, so that the use of one is
    /// right for the other.
    pub fn same_windows(&self, other: &Self) -> bool {
        self.period_ns == other.period_ns
    }

    /// Forgets room that a limit with a larger burst and the same windows has saved.
    pub fn forget_saved(&self, shared: &impl Shared) {
        let least = -i64::from(self.burst);
        loop {
            let window = Window::from_word(shared.load());
            if window.used() >= least
                || shared.exchange(window.to_word(), window.with_use(least).to_word())
            {
                return;
            }
        }
    }

    /// The unused window of this time, with all room saved that can be.
    pub const fn fresh(&self, now_ns: u64) -> Window {
        Window::new(self.number(now_ns), -(self.burst as i64))
    }

    /// Answers one I/O in the window of this number. The number must be that of `window`, or that
    /// of a time read after `window`.
    pub const fn answer(&self, window: Window, number: u64, cost: u32) -> Answer {
        let used = self.used(window, number);
        if used < self.quota.get() as i64 {
            Answer::Admit(Window::new(number, used.saturating_add(cost as i64)))
        } else {
            Answer::Wait(self.end_ns(used, number))
        }
    }

    /// The use of the window of this number, if no window was touched after `window`.
    const fn used(&self, window: Window, number: u64) -> i64 {
        let windows = window.windows_until(number);
        if windows == 0 {
            return window.used();
        }
        let used = self.charged(window.used(), number.saturating_sub(windows));
        let room = (self.quota.get() as i64).saturating_mul(windows as i64);
        let (used, least) = (used.saturating_sub(room), -(self.burst as i64));
        if used < least {
            least
        } else {
            used
        }
    }

    /// The part of a use that later windows make up for, of the window of this number.
    const fn charged(&self, used: i64, number: u64) -> i64 {
        let quota = self.quota.get() as i64;
        if number < self.since && used > quota {
            quota
        } else {
            used
        }
    }

    /// How many more I/Os of this cost the window of this time admits.
    pub fn room(&self, shared: &impl Shared, now_ns: u64, cost: u32) -> u32 {
        let used = self.used(Window::from_word(shared.load()), self.number(now_ns));
        let room = i64::from(self.quota.get()).saturating_sub(used).max(0);
        let ios = room.unsigned_abs().div_ceil(cost.max(1).into());
        u32::try_from(ios).unwrap_or(u32::MAX)
    }

    /// How much room earlier windows have saved for the window of this time.
    pub fn saved(&self, shared: &impl Shared, now_ns: u64) -> u64 {
        let used = self.used(Window::from_word(shared.load()), self.number(now_ns));
        used.min(0).unsigned_abs()
    }

    /// The middle of the window of this time.
    pub const fn middle_ns(&self, now_ns: u64) -> u64 {
        let start_ns = self.number(now_ns).saturating_mul(self.period_ns.get());
        start_ns.saturating_add(self.period_ns.get() / 2)
    }

    /// The start of the next window with room, after a window of this number and this use, which
    /// has none.
    const fn end_ns(&self, used: i64, number: u64) -> u64 {
        let used = self.charged(used, number).unsigned_abs();
        let windows = used / self.quota.get() as u64;
        number
            .saturating_add(if windows == 0 { 1 } else { windows })
            .saturating_mul(self.period_ns.get())
    }

    /// The number of the window of this time.
    pub const fn number(&self, now_ns: u64) -> u64 {
        now_ns / self.period_ns.get()
    }

    /// The time until which a limit is to be taken for closed, if it is so until `until_ns`.
    ///
    /// Another limit may refuse an I/O that this one has counted, and the count goes back. So after
    /// a while it is to be asked again, however large that I/O was.
    pub fn soon(&self, until_ns: u64, now_ns: u64) -> u64 {
        const AGAIN_NS: u64 = 10_000_000;
        let next_ns = self
            .number(now_ns)
            .saturating_add(1)
            .saturating_mul(self.period_ns.get());
        until_ns.min(next_ns.max(now_ns.saturating_add(AGAIN_NS)))
    }

    /// A refusal until then.
    pub(super) fn refused_soon(&self, refused: Refused, now_ns: u64) -> Refused {
        Refused {
            until_ns: self.soon(refused.until_ns, now_ns),
        }
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
        // The cost decides nothing.
        self.look(shared, 0, now_ns, &read_clock).map(|_| ())
    }

    /// Counts one I/O, and returns true, if the word is of the window of this time and has room for
    /// the I/O and more. Otherwise this counts nothing, and the caller goes on to
    /// [`Limit::charge`].
    #[inline]
    pub fn charge_quickly(&self, shared: &impl Shared, cost: u32, now_ns: u64) -> bool {
        let number = self.number(now_ns);
        loop {
            let window = Window::from_word(shared.load());
            let least_room = u64::from(self.quota.get()).wrapping_sub(cost.into());
            if !window.has_less(number, least_room) {
                return false;
            }
            // The use is below the quota, so it fits.
            let charged = window.with(cost);
            if shared.exchange(window.to_word(), charged.to_word()) {
                return true;
            }
        }
    }

    /// Takes an I/O back that was counted in the window of this number.
    ///
    /// A later window may have begun since. It has the I/O's use as well, unless there was room for
    /// all of it before; only an I/O of cost 1 always had that room.
    pub fn give_back(&self, shared: &impl Shared, cost: u32, number: u64) {
        loop {
            let window = Window::from_word(shared.load());
            if window.windows_until(number) != 0 && cost == 1 {
                return;
            }
            let used = window.used().saturating_sub(cost.into());
            let less = window.with_use(used.max(-i64::from(self.burst)));
            if shared.exchange(window.to_word(), less.to_word()) {
                return;
            }
        }
    }

    /// Counts one I/O, if the limit admits it now. The clock is as for [`Limit::ask`].
    #[inline]
    pub fn charge(
        &self,
        shared: &impl Shared,
        cost: u32,
        now_ns: &mut u64,
        read_clock: impl Fn() -> u64,
    ) -> Result<Charge, Refused> {
        loop {
            let (old, window, number) = self.look(shared, cost, now_ns, &read_clock)?;
            if shared.exchange(old.to_word(), window.to_word()) {
                let is_full = window.used() >= self.quota.get().into();
                let until_ns = if is_full {
                    self.end_ns(window.used(), number)
                } else {
                    0
                };
                return Ok(Charge { until_ns, window });
            }
        }
    }

    /// The present word, the window after an admission, and the number of that window.
    #[inline]
    fn look(
        &self,
        shared: &impl Shared,
        cost: u32,
        now_ns: &mut u64,
        read_clock: impl Fn() -> u64,
    ) -> Result<(Window, Window, u64), Refused> {
        let window = Window::from_word(shared.load());
        let mut number = self.number(*now_ns);
        if window.windows_until(number) != 0 {
            // Not below `now_ns`: time must not run back for this task.
            *now_ns = read_clock().max(*now_ns);
            number = self.number(*now_ns);
        }
        // A word may be newer than the caller's time, but a time read after the word is never in a
        // window before the word's.
        match self.answer(window, number, cost) {
            Answer::Admit(next) => Ok((window, next, number)),
            Answer::Wait(until_ns) => Err(Refused { until_ns }),
        }
    }
}

#[cfg(test)]
mod tests;
