// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The limits of one injection: one counts I/Os, the other one bytes. Both must admit an I/O.

use super::{
    io::Io,
    limit::{Limit, Refused},
    operations::place,
    window::{Shared, Window},
};

/// How many limits an injection has at most.
pub const MOST_LIMITS: usize = 2;

/// A limit of bytes counts sectors of so many.
pub const SECTOR_BYTES: u32 = 512;

/// The limits of one injection, which may be none. Both have the same windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// A limit of I/Os, and one of sectors.
    parts: [Option<Limit>; MOST_LIMITS],
    /// How many bytes count as one I/O; 0 is any number.
    ios_of_bytes: u32,
}

/// How many I/Os and how many bytes limits have saved; `None` where no limit saves any.
pub type Saved = [Option<u64>; MOST_LIMITS];

/// The record of an I/O that all limits have counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Charge {
    /// Before this time the limits admit no other I/O; 0 if they may admit one at once.
    pub until_ns: u64,
    /// The numbers of the windows in which it was counted, as [`Window::number`].
    pub numbers: [u32; MOST_LIMITS],
}

impl Charge {
    /// A placeholder for a charge where there is no limit.
    pub const NONE: Self = Self {
        until_ns: 0,
        numbers: [0; MOST_LIMITS],
    };
}

impl Limits {
    /// No limit.
    pub const NONE: Self = Self {
        parts: [None; MOST_LIMITS],
        ios_of_bytes: 0,
    };

    /// A limit of I/Os, of which each begun `ios_of_bytes` count as one, and one of sectors.
    pub const fn new(ios: Option<Limit>, sectors: Option<Limit>, ios_of_bytes: u32) -> Self {
        Self {
            parts: [ios, sectors],
            ios_of_bytes,
        }
    }

    /// Whether the size of an I/O matters to them.
    pub const fn ask_for_bytes(&self) -> bool {
        self.parts[1].is_some() || (self.parts[0].is_some() && self.ios_of_bytes > 0)
    }

    /// Whether there is no limit.
    #[inline]
    pub const fn is_none(&self) -> bool {
        matches!(self.parts, [None, None])
    }

    /// The limits that take the place of `before` at this time.
    #[must_use]
    pub fn in_place_of(mut self, before: &Self, now_ns: u64) -> Self {
        for (part, before) in self.parts.iter_mut().zip(&before.parts) {
            if let (Some(limit), Some(before)) = (part, before) {
                *limit = limit.in_place_of(before, now_ns);
            }
        }
        self
    }

    /// Whether both admit the same I/Os, but for the time since when they do.
    pub fn same(&self, other: &Self) -> bool {
        let mut parts = self.parts.iter().zip(&other.parts);
        self.ios_of_bytes == other.ios_of_bytes
            && parts.all(|parts| match parts {
                (Some(one), Some(other)) => one.same(other),
                (None, None) => true,
                _ => false,
            })
    }

    /// Whether the windows of `before` are right for these limits, too.
    pub fn keep_windows_of(&self, before: &Self) -> bool {
        let mut parts = self.parts.iter().zip(&before.parts);
        parts.all(|parts| match parts {
            (Some(one), Some(before)) => one.same_windows(before),
            (None, _) => true,
            (Some(_), None) => false,
        })
    }

    /// The windows of these limits at this time, which go on with those of `before` where they can.
    pub fn windows(
        &self,
        before: Option<(&Self, &[impl Shared; MOST_LIMITS])>,
        now_ns: u64,
    ) -> [Window; MOST_LIMITS] {
        core::array::from_fn(|place| {
            let Some(limit) = &self.parts[place] else {
                return Window::NONE;
            };
            let before = before.and_then(|(before, windows)| {
                let old = before.parts[place].as_ref()?;
                old.same_windows(limit)
                    .then(|| Window::from_word(windows[place].load()))
            });
            before.unwrap_or_else(|| limit.fresh(now_ns))
        })
    }

    /// Forgets room that limits with larger bursts have saved in these windows. Not inlined, as its
    /// caller takes much of the stack.
    #[inline(never)]
    pub fn forget_saved(&self, windows: &[impl Shared; MOST_LIMITS]) {
        for (limit, window) in self.parts.iter().zip(windows) {
            if let Some(limit) = limit {
                limit.forget_saved(window);
            }
        }
    }

    /// The cost of an I/O of so many bytes.
    #[inline]
    const fn costs(&self, bytes: u32) -> [u32; MOST_LIMITS] {
        let ios = if self.ios_of_bytes == 0 {
            1
        } else {
            at_least_one(bytes.div_ceil(self.ios_of_bytes))
        };
        [ios, at_least_one(bytes.div_ceil(SECTOR_BYTES))]
    }

    /// The limits, each with its window and the cost of an I/O.
    #[inline]
    fn each<'a, S: Shared>(
        &'a self,
        windows: &'a [S; MOST_LIMITS],
        bytes: u32,
    ) -> impl Iterator<Item = (&'a Limit, &'a S, u32)> {
        let costs = self.costs(bytes);
        let all = self.parts.iter().zip(windows).zip(costs);
        all.filter_map(|((limit, window), cost)| Some((limit.as_ref()?, window, cost)))
    }

    /// How many more I/Os of this size the windows of this time admit.
    pub fn room(&self, windows: &[impl Shared; MOST_LIMITS], bytes: u32, now_ns: u64) -> u32 {
        let all = self.each(windows, bytes);
        let rooms = all.map(|(limit, window, cost)| limit.room(window, now_ns, cost));
        rooms.min().unwrap_or(u32::MAX)
    }

    /// How many I/Os and how many bytes are saved at this time; `None` where no limit saves any.
    pub fn saved(&self, windows: &[impl Shared; MOST_LIMITS], now_ns: u64) -> Saved {
        core::array::from_fn(|place| {
            let limit = self.parts[place].as_ref().filter(|limit| limit.saves())?;
            let unit = [1, SECTOR_BYTES][place];
            let saved = limit.saved(&windows[place], now_ns);
            Some(saved.saturating_mul(unit.into()))
        })
    }

    /// The middle of the window of this time.
    pub fn middle_ns(&self, now_ns: u64) -> Option<u64> {
        let first = self.parts.iter().flatten().next()?;
        Some(first.middle_ns(now_ns))
    }

    /// Whether the limits would admit one I/O now, as [`Limit::ask`].
    #[inline]
    pub fn ask(
        &self,
        windows: &[impl Shared; MOST_LIMITS],
        now_ns: &mut u64,
        read_clock: impl Fn() -> u64,
    ) -> Result<(), Refused> {
        let mut all = self.each(windows, 0);
        all.try_for_each(|(limit, window, _)| {
            let asked = limit.ask(window, now_ns, &read_clock);
            asked.map_err(|refused| limit.refused_soon(refused, *now_ns))
        })
    }

    /// Counts one I/O as [`Limit::charge_quickly`], if all limits do; false if there is none.
    #[inline]
    pub fn charge_quickly(
        &self,
        windows: &[impl Shared; MOST_LIMITS],
        bytes: u32,
        now_ns: u64,
    ) -> bool {
        match &self.parts {
            // Most often there is one limit, and this path is the cost of one that is not reached.
            [Some(ios), None] if self.ios_of_bytes == 0 => {
                ios.charge_quickly(&windows[0], 1, now_ns)
            }
            [None, None] => false,
            _ => self.charge_each_quickly(windows, bytes, now_ns),
        }
    }

    /// [`Limits::charge_quickly`] of any limits; not inlined, so that it costs nothing where there
    /// is the usual one.
    #[inline(never)]
    fn charge_each_quickly(
        &self,
        windows: &[impl Shared; MOST_LIMITS],
        bytes: u32,
        now_ns: u64,
    ) -> bool {
        let mut all = self.each(windows, bytes);
        let refusing =
            all.position(|(limit, window, cost)| !limit.charge_quickly(window, cost, now_ns));
        let Some(refusing) = refusing else {
            return true;
        };
        for (limit, window, cost) in self.each(windows, bytes).take(refusing) {
            limit.give_back(window, cost, limit.number(now_ns));
        }
        false
    }

    /// Takes the I/O back that [`Limits::charge_quickly`] has counted at this time.
    pub fn give_back_quickly(&self, windows: &[impl Shared; MOST_LIMITS], bytes: u32, now_ns: u64) {
        for (limit, window, cost) in self.each(windows, bytes) {
            limit.give_back(window, cost, limit.number(now_ns));
        }
    }

    /// Counts one I/O, if all limits admit it now. The clock is as for [`Limit::ask`].
    #[inline]
    pub fn charge(
        &self,
        windows: &[impl Shared; MOST_LIMITS],
        bytes: u32,
        now_ns: &mut u64,
        read_clock: impl Fn() -> u64,
    ) -> Result<Charge, Refused> {
        if self.parts[0].is_some() && self.parts[1].is_some() {
            // Most refusals then need no taking back, which others might see before.
            self.ask(windows, now_ns, &read_clock)?;
        }
        let costs = self.costs(bytes);
        let mut charge = Charge::NONE;
        for (place, part) in self.parts.iter().enumerate() {
            let Some(limit) = part else { continue };
            match limit.charge(&windows[place], costs[place], now_ns, &read_clock) {
                Ok(one) => {
                    let until_ns = limit.soon(one.until_ns, *now_ns);
                    charge.until_ns = charge.until_ns.max(until_ns);
                    // 28 bits.
                    charge.numbers[place] = one.window.number() as u32;
                }
                Err(refused) => {
                    self.give_back_first(place, windows, bytes, &charge.numbers);
                    return Err(limit.refused_soon(refused, *now_ns));
                }
            }
        }
        Ok(charge)
    }

    /// Takes an I/O back that [`Limits::charge`] has counted in these windows.
    pub fn give_back(
        &self,
        windows: &[impl Shared; MOST_LIMITS],
        bytes: u32,
        charged: &[u32; MOST_LIMITS],
    ) {
        self.give_back_first(MOST_LIMITS, windows, bytes, charged);
    }

    /// The same for the limits in the first places.
    fn give_back_first(
        &self,
        places: usize,
        windows: &[impl Shared; MOST_LIMITS],
        bytes: u32,
        charged: &[u32; MOST_LIMITS],
    ) {
        let costs = self.costs(bytes);
        for (place, part) in self.parts.iter().enumerate().take(places) {
            if let Some(limit) = part {
                limit.give_back(&windows[place], costs[place], charged[place].into());
            }
        }
    }
}

/// How many bytes an I/O moves. As in blk-throttle (`throtl_bio_data_size`), an operation that only
/// names a range moves one sector.
#[inline]
pub fn transferred(io: &impl Io) -> u32 {
    const MOVING: u32 = 1 << place("read") | 1 << place("write") | 1 << place("zone_append");
    if MOVING & 1 << io.operation() != 0 {
        io.bytes()
    } else {
        SECTOR_BYTES
    }
}

const fn at_least_one(cost: u32) -> u32 {
    if cost == 0 {
        1
    } else {
        cost
    }
}
