// SPDX-License-Identifier: GPL-2.0-only

//! Sets of a plan's rules, each in one word.

use core::ops::{BitAnd, BitOr, BitOrAssign, Sub};

/// A set of rules of one plan, with a bit for each. A request keeps its set from plan to plan,
/// since a rule keeps its bit.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(transparent)]
pub(crate) struct RuleSet(u64);

impl RuleSet {
    /// No rule.
    pub(crate) const EMPTY: Self = Self(0);

    /// How many rules a set can have.
    pub(crate) const CAPACITY: usize = u64::BITS as usize;

    /// The set of a word from [`RuleSet::bits`].
    #[inline]
    pub(crate) const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// The set as a word, for places that only keep words.
    #[inline]
    pub(crate) const fn bits(self) -> u64 {
        self.0
    }

    /// Whether it has no rule.
    #[inline]
    pub(crate) const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether it has exactly one rule.
    #[inline]
    pub(crate) const fn is_single(self) -> bool {
        self.0.is_power_of_two()
    }

    /// Whether it has a rule, given as the set of that rule alone.
    #[inline]
    pub(crate) const fn contains(self, rule: Self) -> bool {
        self.0 & rule.0 != 0
    }

    /// This set if `condition` holds, else the empty set.
    #[inline]
    pub(crate) const fn when(self, condition: bool) -> Self {
        if condition {
            self
        } else {
            Self::EMPTY
        }
    }

    /// The number of the first rule, from 0 on; [`RuleSet::CAPACITY`] if the set is empty.
    #[inline]
    pub(crate) const fn first(self) -> u32 {
        self.0.trailing_zeros()
    }

    /// The numbers of the rules, from 0 on.
    #[inline]
    pub(crate) fn iter(self) -> impl Iterator<Item = u32> {
        let mut rest = self.0;
        core::iter::from_fn(move || {
            (rest != 0).then(|| {
                let number = rest.trailing_zeros();
                rest &= rest.wrapping_sub(1);
                number
            })
        })
    }

    /// The set of one rule that is not in this set; empty if this set has all rules.
    pub(crate) fn unused(self) -> Self {
        Self(1u64.checked_shl(self.0.trailing_ones()).unwrap_or(0))
    }
}

impl BitOr for RuleSet {
    type Output = Self;

    #[inline]
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for RuleSet {
    #[inline]
    fn bitor_assign(&mut self, other: Self) {
        *self = *self | other;
    }
}

impl BitAnd for RuleSet {
    type Output = Self;

    #[inline]
    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

/// The rules that are in the first set and not in the second.
impl Sub for RuleSet {
    type Output = Self;

    #[inline]
    fn sub(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
}
