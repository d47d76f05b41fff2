// SPDX-License-Identifier: GPL-2.0-only

//! The state of a rule.

use crate::{
    lanes::SharedWord,
    policy::{
        limits::MOST_LIMITS,
        random::{Draw, STEP},
        window::Window,
    },
    sys::{atomic::AtomicU64, clock::random_seed},
};
use kernel::{prelude::*, sync::Arc};

/// Turns the seed of delays into the seed of the sampler's draws.
const SAMPLER_SEED: u64 = 0xa076_1d64_78bd_642f;

/// The same for the draws of damage to data.
const DAMAGE_SEED: u64 = 0xe703_7ed1_a0b4_28db;

/// The state that a rule keeps from one I/O to the next. All hardware queues of the disk share it,
/// without a lock.
pub(super) struct State {
    /// As in [`RuleSpec`].
    pub(super) sequence: u64,
    /// Counter of the random numbers for delays.
    pub(super) draws: AtomicU64,
    /// The random number of the last delay, which a correlated delay may repeat.
    pub(super) last: AtomicU64,
    /// Counter of the random numbers for the sampler.
    pub(super) sampler_draws: AtomicU64,
    /// Counter of the random numbers for damage to data.
    pub(super) damage_draws: AtomicU64,
    /// How many I/Os have matched, if the sampler counts.
    pub(super) matched: AtomicU64,
    /// The limits' [windows](crate::policy::window::Window).
    pub(super) windows: [SharedWord; MOST_LIMITS],
}

impl State {
    /// The state at the start of the sequence of this number and this seed.
    ///
    /// # Errors
    ///
    /// ENOMEM.
    pub(super) fn new(
        sequence: u64,
        seed: Option<u64>,
        windows: [Window; MOST_LIMITS],
    ) -> Result<Arc<Self>> {
        let seed = seed.unwrap_or_else(random_seed);
        let state = Self {
            sequence,
            draws: AtomicU64::new(seed),
            // The number that the first I/O repeats, if it repeats one.
            last: AtomicU64::new(Draw::at(seed.wrapping_sub(STEP)).value()),
            sampler_draws: AtomicU64::new(seed ^ SAMPLER_SEED),
            damage_draws: AtomicU64::new(seed ^ DAMAGE_SEED),
            matched: AtomicU64::new(0),
            windows: windows.map(|window| SharedWord(AtomicU64::new(window.to_word()))),
        };
        Ok(Arc::new(state, GFP_KERNEL)?)
    }
}
