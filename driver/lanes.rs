// SPDX-License-Identifier: GPL-2.0-only

//! The lanes of a rule, or the arms of a hard disk, which all hardware queues of its disk book
//! without a lock.

use crate::{
    policy::{
        arm::{Arm, Mechanics, Transfer},
        lanes::book,
        profile::Phase,
        window::Shared,
    },
    sys::atomic::{AcqRel, Acquire, AtomicU64, Relaxed},
};
use kernel::{prelude::*, sync::Arc};

/// A word that I/Os change without a lock, as windows and lanes are.
pub(crate) struct SharedWord(pub(crate) AtomicU64);

impl SharedWord {
    fn new(value: u64) -> Self {
        Self(AtomicU64::new(value))
    }
}

impl Shared for SharedWord {
    #[inline]
    fn load(&self) -> u64 {
        self.0.load(Acquire)
    }

    #[inline]
    fn exchange(&self, old: u64, new: u64) -> bool {
        self.0.compare_exchange(old, new, AcqRel, Relaxed).is_ok()
    }
}

/// The lanes that settings ask for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct LanesSpec {
    /// How many there are; 0 is any number, or one arm.
    pub(crate) count: usize,
    /// If each is an arm, how it moves.
    pub(crate) mechanics: Mechanics,
}

/// The lanes.
pub(crate) struct Lanes {
    spec: LanesSpec,
    servers: Servers,
}

enum Servers {
    /// When each lane becomes free.
    Lanes(KVec<SharedWord>),
    Arms(KVec<Arm<SharedWord>>),
}

impl Lanes {
    /// Free lanes.
    ///
    /// # Errors
    ///
    /// ENOMEM.
    #[inline(never)]
    fn new(spec: LanesSpec) -> Result<Arc<Self>> {
        let servers = if spec.mechanics.is_none() {
            let mut lanes = KVec::with_capacity(spec.count, GFP_KERNEL)?;
            for _ in 0..spec.count {
                lanes.push(SharedWord::new(0), GFP_KERNEL)?;
            }
            Servers::Lanes(lanes)
        } else {
            let mut arms = KVec::with_capacity(spec.count.max(1), GFP_KERNEL)?;
            for _ in 0..spec.count.max(1) {
                push_arm(&mut arms)?;
            }
            Servers::Arms(arms)
        };
        Ok(Arc::new(Self { spec, servers }, GFP_KERNEL)?)
    }

    /// The lanes of a spec: the known ones, if they are the same; `None` if it asks for none.
    ///
    /// # Errors
    ///
    /// ENOMEM.
    pub(crate) fn of(spec: LanesSpec, known: Option<&Arc<Self>>) -> Result<Option<Arc<Self>>> {
        match known.filter(|lanes| lanes.spec == spec) {
            Some(lanes) => Ok(Some(lanes.clone())),
            None if spec.count == 0 && spec.mechanics.is_none() => Ok(None),
            None => Self::new(spec).map(Some),
        }
    }

    /// How many they are, if each serves an I/O for its delay alone.
    pub(crate) fn count(&self) -> Option<usize> {
        match &self.servers {
            Servers::Lanes(lanes) => Some(lanes.len()),
            Servers::Arms(_) => None,
        }
    }

    /// Whether an I/O without a delay takes time, too.
    pub(crate) fn delay_all(&self) -> bool {
        matches!(self.servers, Servers::Arms(_))
    }

    /// Books a lane for an I/O with this delay, and returns how long it takes from its arrival. An
    /// arm moves by the strength of the phase.
    pub(crate) fn book(&self, transfer: Transfer, delay_ns: u64, phase: Phase) -> u64 {
        match &self.servers {
            Servers::Lanes(_) if delay_ns == 0 => 0,
            Servers::Lanes(lanes) => book(lanes, transfer.arrival_ns, delay_ns),
            Servers::Arms(arms) => {
                let first_free = arms.iter().min_by_key(|arm| arm.free_ns());
                let mechanics = self.spec.mechanics.in_phase(phase);
                let served_ns = first_free.map_or(0, |arm| arm.book(&mechanics, transfer));
                // Commands take their time while the arm moves for others.
                served_ns.saturating_add(delay_ns)
            }
        }
    }

    /// Makes all lanes free, when the I/O that has booked them goes without its time.
    pub(crate) fn clear(&self) {
        match &self.servers {
            Servers::Lanes(lanes) => lanes.iter().for_each(|lane| lane.0.store(0, Relaxed)),
            Servers::Arms(arms) => arms.iter().for_each(Arm::clear),
        }
    }
}

/// Not inlined, as an arm takes much of the stack.
#[inline(never)]
fn push_arm(arms: &mut KVec<Arm<SharedWord>>) -> Result {
    Ok(arms.push(Arm::new(SharedWord::new), GFP_KERNEL)?)
}

/// Whether both are the same lanes, or none.
pub(crate) fn same_lanes(one: &Option<Arc<Lanes>>, other: &Option<Arc<Lanes>>) -> bool {
    match (one, other) {
        (None, None) => true,
        (Some(one), Some(other)) => Arc::ptr_eq(one, other),
        _ => false,
    }
}
