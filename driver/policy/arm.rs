// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The arm of a hard disk: how long its heads take to the place of an I/O, which I/O it serves
//! next, and how long its platters pass under the heads.
//!
//! A seek takes a tenth of the mean time to settle, as data sheets give it for the next track, and
//! the rest grows with the root of the distance: an arm takes so long that speeds up and slows
//! down evenly (Ruemmler and Wilkes, "An introduction to disk drive modeling", IEEE Computer
//! 1994). Between two random places of the disk, the mean root of the distance is 8/15 of that of
//! the whole disk, so that the mean time comes out.
//!
//! The disk serves the I/Os that it has in the order that is best for it, as disks with a queue of
//! commands do. The arm serves each arriving I/O after the I/O, of those in service, from which
//! the heads are soonest at its place. All I/Os behind that one should get later; instead of this,
//! the new I/O ends last, later than the present last end by the time that it adds to the work. So
//! as many I/Os end, and no I/O needs to be looked at twice.

use super::{profile::Phase, window::Shared};
use core::array;

/// The bytes of a track. At 7200 turns a minute, that makes 252 MB/s.
pub const TRACK_BYTES: u64 = 2 << 20;

const TRACK_SECTORS: u64 = TRACK_BYTES / 512;

/// Of how many of the last I/Os an arm knows the places: as many as commands that SATA disks queue.
const PLACES: usize = 32;

/// The mechanics of a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mechanics {
    /// The mean time of a seek between two random places, in nanoseconds.
    pub seek_ns: u64,
    /// The time of a turn, in nanoseconds.
    pub turn_ns: u64,
    /// The size of the disk, in sectors of 512 bytes.
    pub sectors: u64,
}

/// The words that I/Os of an arm share.
pub struct Arm<W> {
    /// When it has served all I/Os.
    free_ns: W,
    /// How many I/Os have ended at it, of which the last ones are in `places`.
    count: W,
    places: [Place<W>; PLACES],
}

/// The place where an I/O ends.
struct Place<W> {
    /// The first sector behind it.
    sector: W,
    end_ns: W,
}

/// An I/O that comes to an arm.
#[derive(Clone, Copy, Debug)]
pub struct Transfer {
    /// When it comes.
    pub arrival_ns: u64,
    /// Its first sector.
    pub sector: u64,
    /// How many bytes pass under the heads.
    pub bytes: u32,
    /// Whether the disk may read it ahead.
    pub is_read: bool,
}

impl Mechanics {
    /// Whether there is an arm at all.
    pub fn is_none(&self) -> bool {
        self.seek_ns == 0 && self.turn_ns == 0
    }

    /// The mechanics by the strength of a phase.
    // The host has no users.
    #[allow(dead_code)]
    pub fn in_phase(&self, phase: Phase) -> Self {
        Self {
            seek_ns: phase.scaled(self.seek_ns),
            turn_ns: phase.scaled(self.turn_ns),
            sectors: self.sectors,
        }
    }

    /// The time of a seek over so many sectors.
    fn seek_over(&self, sectors: u64) -> u64 {
        if sectors == 0 {
            return 0;
        }
        let settle_ns = self.seek_ns / 10;
        // The root of the share of the disk, with 16 bits behind the point. Both numbers get at
        // most 32 bits, as the kernel has no division of more than 64.
        let shift = u64::BITS.saturating_sub(self.sectors.leading_zeros());
        let shift = shift.saturating_sub(32);
        let share = (sectors.min(self.sectors) >> shift) << 32;
        let share = share.checked_div(self.sectors >> shift).unwrap_or(0);
        let root = share.isqrt();
        let moving_ns = self.seek_ns.saturating_sub(settle_ns);
        // No overflow of 128 bits; the result is at most twice the mean.
        let product = u128::from(moving_ns).saturating_mul(u128::from(root).saturating_mul(15));
        settle_ns.saturating_add((product >> 19) as u64)
    }

    /// How long the start of a sector takes to come under the heads, from this time on.
    fn turn_until(&self, sector: u64, now_ns: u64) -> u64 {
        let angle = u128::from(sector % TRACK_SECTORS).saturating_mul(self.turn_ns.into());
        let angle_ns = (angle / u128::from(TRACK_SECTORS)) as u64;
        let now_ns = now_ns.checked_rem(self.turn_ns).unwrap_or(0);
        match angle_ns.checked_sub(now_ns) {
            Some(wait_ns) => wait_ns,
            None => self.turn_ns.saturating_sub(now_ns.saturating_sub(angle_ns)),
        }
    }

    /// How long so many bytes pass under the heads.
    fn pass(&self, bytes: u32) -> u64 {
        let passed = u128::from(bytes).saturating_mul(self.turn_ns.into());
        u64::try_from(passed / u128::from(TRACK_BYTES)).unwrap_or(u64::MAX)
    }
}

impl<W: Shared> Arm<W> {
    /// An arm that rests at the start of the disk; `word` makes a word of this value.
    // The host has no users but tests.
    #[allow(dead_code)]
    pub fn new(word: impl Fn(u64) -> W) -> Self {
        Self {
            free_ns: word(0),
            count: word(0),
            places: array::from_fn(|_| Place {
                sector: word(0),
                end_ns: word(0),
            }),
        }
    }

    /// When it has served all I/Os.
    pub fn free_ns(&self) -> u64 {
        self.free_ns.load()
    }

    /// Lets go of all I/Os: the arm is free.
    pub fn clear(&self) {
        if self.free_ns() == 0 {
            return;
        }
        set(&self.free_ns, 0);
        for place in &self.places {
            set(&place.end_ns, 0);
        }
    }

    /// Books the arm for an I/O, and returns how long it takes from its arrival.
    ///
    /// I/Os of several CPUs may come at once. Then one may go by a place of which only a part is
    /// new. That costs some exactness, and no time is lost: each adds its time to the same word.
    pub fn book(&self, mechanics: &Mechanics, transfer: Transfer) -> u64 {
        let (goes_on, way_ns) = self.way(mechanics, transfer);
        let service_ns = way_ns.saturating_add(mechanics.pass(transfer.bytes));
        // The disk has read ahead, while nobody asked for it.
        let ahead_ns = if goes_on && transfer.is_read {
            mechanics.turn_ns
        } else {
            0
        };
        let earliest_ns = transfer.arrival_ns.saturating_sub(ahead_ns);
        let end_ns = loop {
            let free_ns = self.free_ns.load();
            let end_ns = free_ns.max(earliest_ns).saturating_add(service_ns);
            if self.free_ns.exchange(free_ns, end_ns) {
                break end_ns;
            }
        };
        let number = add_one(&self.count);
        let place = &self.places[number as usize % PLACES];
        let sectors = u64::from(transfer.bytes.div_ceil(512));
        set(&place.sector, transfer.sector.saturating_add(sectors));
        set(&place.end_ns, end_ns);
        end_ns.saturating_sub(transfer.arrival_ns)
    }

    /// Whether an I/O goes on where another one ended, and how long the way of the heads to it
    /// takes, from the I/O in service that is best for it, or from the last one.
    fn way(&self, mechanics: &Mechanics, transfer: Transfer) -> (bool, u64) {
        let last = self.count.load().wrapping_sub(1) as usize % PLACES;
        let mut best_ns = u64::MAX;
        for (number, place) in self.places.iter().enumerate() {
            let (sector, end_ns) = (place.sector.load(), place.end_ns.load());
            let is_in_service = end_ns > transfer.arrival_ns;
            if !is_in_service && number != last {
                continue;
            }
            if sector == transfer.sector && (transfer.is_read || is_in_service) {
                return (true, 0);
            }
            let start_ns = end_ns.max(transfer.arrival_ns);
            let seek_ns = mechanics.seek_over(sector.abs_diff(transfer.sector));
            let there_ns = start_ns.saturating_add(seek_ns);
            let turn_ns = mechanics.turn_until(transfer.sector, there_ns);
            best_ns = best_ns.min(seek_ns.saturating_add(turn_ns));
        }
        (false, best_ns)
    }
}

/// Sets a word, whatever it was.
fn set(word: &impl Shared, value: u64) {
    while !word.exchange(word.load(), value) {}
}

/// Adds one to a word, and returns what it was.
fn add_one(word: &impl Shared) -> u64 {
    loop {
        let old = word.load();
        if word.exchange(old, old.wrapping_add(1)) {
            return old;
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use crate::policy::{
        random::{Draw, STEP},
        window::Word,
    };
    use proptest::prelude::*;
    use std::{cell::Cell, cmp::Reverse, collections::BinaryHeap, println};

    fn arm() -> Arm<Word> {
        Arm::new(|value| Word(Cell::new(value)))
    }

    /// A disk of 16 TB.
    const DISK: Mechanics = Mechanics {
        seek_ns: 8_500_000,
        turn_ns: 8_333_333,
        sectors: 31_250_000_000,
    };

    /// I/Os a second of a random load that keeps so many I/Os in service.
    fn random_iops(depth: usize) -> f64 {
        const COUNT: u64 = 20_000;
        let arm = arm();
        let mut ends: BinaryHeap<_> = (0..depth).map(|_| Reverse(0)).collect();
        for number in 0..COUNT {
            let Reverse(arrival_ns) = ends.pop().unwrap();
            let draw = Draw::at(number.wrapping_mul(STEP)).value();
            let transfer = Transfer {
                arrival_ns,
                sector: draw % (DISK.sectors / 8) * 8,
                bytes: 4096,
                is_read: true,
            };
            ends.push(Reverse(arrival_ns + arm.book(&DISK, transfer)));
        }
        COUNT as f64 * 1e9 / arm.free_ns() as f64
    }

    #[test]
    fn random_ios_are_as_fast_as_a_data_sheet_says() {
        // One at a time: the seek and half a turn. 16 at a time: Seagate's data sheet of the Exos
        // X16 (DS2011) gives 170.
        let alone = 1e9 / (DISK.seek_ns + DISK.turn_ns / 2 + DISK.pass(4096)) as f64;
        for (depth, asked) in [(1, alone), (16, 170.0)] {
            let measured = random_iops(depth);
            println!("depth {depth}: asked {asked:.1} within 10 %, measured {measured:.1}");
            assert!((measured / asked - 1.0).abs() < 0.1);
        }
        let mut before = 0.0;
        for depth in [2, 4, 8, 16, 32] {
            let measured = random_iops(depth);
            println!("depth {depth}: measured {measured:.1}");
            assert!(measured > before, "depth {depth}: {measured}");
            before = measured;
        }
    }

    #[test]
    fn what_follows_comes_at_the_speed_of_the_platters() {
        let arm = arm();
        let mut now_ns = 1 << 40;
        let first_ns = now_ns;
        for number in 0..1000u64 {
            let transfer = Transfer {
                arrival_ns: now_ns,
                sector: number * 256,
                bytes: 128 << 10,
                is_read: true,
            };
            // The host takes a while for each, which the disk uses to read ahead.
            now_ns += arm.book(&DISK, transfer) + 20_000;
        }
        let rate = (1000u64 * (128 << 10)) as f64 / (now_ns - first_ns) as f64 * 1e9;
        let asked = TRACK_BYTES as f64 / DISK.turn_ns as f64 * 1e9;
        assert!((rate / asked - 1.0).abs() < 0.03, "{rate} {asked}");
    }

    #[test]
    fn a_write_that_comes_too_late_waits_for_a_turn() {
        let arm = arm();
        let mut now_ns = 1 << 40;
        let first_ns = now_ns;
        for number in 0..100u64 {
            let transfer = Transfer {
                arrival_ns: now_ns,
                sector: number * 8,
                bytes: 4096,
                is_read: false,
            };
            now_ns += arm.book(&DISK, transfer) + 20_000;
        }
        // The heads have passed the place when the next write comes.
        let each_ns = (now_ns - first_ns) / 100;
        assert!(
            each_ns.abs_diff(DISK.turn_ns) < DISK.turn_ns / 20,
            "{each_ns}"
        );
    }

    #[test]
    fn the_mean_seek_is_the_mean() {
        let mut sum = 0u64;
        const COUNT: u64 = 100_000;
        for number in 0..COUNT {
            let place = |number: u64| Draw::at(number.wrapping_mul(STEP)).value() % DISK.sectors;
            sum += DISK.seek_over(place(2 * number).abs_diff(place(2 * number + 1)));
        }
        let mean = sum as f64 / COUNT as f64;
        assert!((mean / DISK.seek_ns as f64 - 1.0).abs() < 0.01, "{mean}");
    }

    #[test]
    fn a_seek_is_longer_the_farther_it_goes() {
        let times = [0, 1, 1000, 1 << 20, 1 << 30, DISK.sectors, u64::MAX];
        let times = times.map(|sectors| DISK.seek_over(sectors));
        assert_eq!(times[0], 0);
        assert!(times.windows(2).all(|pair| pair[0] <= pair[1]), "{times:?}");
        assert!(times[6] < 2 * DISK.seek_ns, "{times:?}");
    }

    #[test]
    fn an_arm_that_lets_go_is_free() {
        let arm = arm();
        let far = |arrival_ns| Transfer {
            arrival_ns,
            sector: 1 << 30,
            bytes: 4096,
            is_read: true,
        };
        for _ in 0..100 {
            arm.book(&DISK, far(5));
        }
        assert!(arm.free_ns() > 5);
        arm.clear();
        assert_eq!(arm.free_ns(), 0);
    }

    proptest! {
        #[test]
        fn nothing_overflows_and_ends_come_in_order(
            seek_ns: u64, turn_ns: u64, sectors: u64,
            ios in prop::collection::vec((any::<u64>(), any::<u64>(), any::<u32>()), 1..100),
        ) {
            let mechanics = Mechanics { seek_ns, turn_ns, sectors };
            let arm = arm();
            let mut before_ns = 0;
            for (arrival_ns, sector, bytes) in ios {
                let transfer = Transfer { arrival_ns, sector, bytes, is_read: sector % 2 == 0 };
                arm.book(&mechanics, transfer);
                prop_assert!(arm.free_ns() >= before_ns);
                before_ns = arm.free_ns();
            }
        }
    }
}
