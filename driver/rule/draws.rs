// SPDX-License-Identifier: GPL-2.0-only

//! The random numbers of a rule.

use super::Rule;
use crate::{
    policy::{
        delay::Delay,
        random::{Draw, STEP},
    },
    sys::atomic::Relaxed,
};

impl Rule {
    pub(super) fn passes_sampler(&self) -> bool {
        if self.sampler.counts() {
            // Relaxed: only the number counts.
            let number = self.state.matched.fetch_add(1, Relaxed).wrapping_add(1);
            if !self.sampler.passes_count(number) {
                return false;
            }
        }
        if self.sampler.draws() {
            let draw = Draw::at(self.state.sampler_draws.fetch_add(STEP, Relaxed));
            if !self.sampler.passes_draw(draw) {
                return false;
            }
        }
        true
    }

    /// The random number for the damage to the data of one I/O.
    pub(crate) fn draw_damage(&self) -> Draw {
        Draw::at(self.state.damage_draws.fetch_add(STEP, Relaxed))
    }

    pub(super) fn draw(&self, delay: &Delay) -> u64 {
        if let Some(constant_ns) = delay.constant_ns() {
            return constant_ns;
        }
        let draw = Draw::at(self.state.draws.fetch_add(STEP, Relaxed));
        if !delay.correlated() {
            return delay.at(draw.value());
        }
        if !delay.repeats(draw) {
            self.state.last.store(draw.value(), Relaxed);
        }
        delay.at(self.state.last.load(Relaxed))
    }
}
