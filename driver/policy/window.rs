// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! One window of a limit, in one word that hardware queues share.

/// How many bits of a word have the use.
const USE_BITS: u32 = 36;
/// The use of a window is this much less than the bits say, so that they are never negative.
const NO_USE: u64 = 1 << (USE_BITS - 1);
/// The greatest use that fits.
const MOST_USE: i64 = NO_USE as i64 - 1;
const NUMBERS: u64 = u64::MAX >> USE_BITS;

/// A window and its use, in one word: the window's number modulo 2^28 in the upper bits, its use in
/// the lower bits.
///
/// The use is below zero while room of earlier windows is saved. It is above a quota while later
/// windows have to make up for it.
///
/// A number repeats after 2^28 windows, over four minutes at the shortest period. A word that no
/// queue has touched for longer passes for one that was touched as many windows later, so that room
/// is not saved, or later windows make up for a use once more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window(u64);

/// The word of a [`Window`] that hardware queues share.
pub trait Shared {
    /// Loads the word. Acquire: the time that a caller reads after this is not before the time for
    /// which the word was written.
    fn load(&self) -> u64;

    /// Replaces `old` by `new`, and returns true, unless the word is not `old`. Release: the caller
    /// has read the clock before this writes the word.
    fn exchange(&self, old: u64, new: u64) -> bool;
}

impl Window {
    /// A placeholder for a window where there is no limit.
    pub const NONE: Self = Self(0);

    /// The window of this number, with this use. A use that does not fit is as near as can be.
    pub(super) const fn new(number: u64, used: i64) -> Self {
        let used = if used > MOST_USE {
            MOST_USE
        } else if used < -MOST_USE {
            -MOST_USE
        } else {
            used
        };
        Self((number << USE_BITS) | NO_USE.wrapping_add_signed(used))
    }

    /// The window as a word.
    pub const fn to_word(self) -> u64 {
        self.0
    }

    /// The window of a word from [`Window::to_word`].
    pub const fn from_word(word: u64) -> Self {
        Self(word)
    }

    /// How many windows later the one of this number is.
    #[inline]
    pub(super) const fn windows_until(self, number: u64) -> u64 {
        number.wrapping_sub(self.0 >> USE_BITS) & NUMBERS
    }

    /// How much of it is used.
    #[inline]
    pub(super) const fn used(self) -> i64 {
        let bits = self.0 & (NO_USE | (NO_USE - 1));
        (bits as i64).wrapping_sub(NO_USE as i64)
    }

    /// Whether this is the window of this number, and has less use than that, which must fit.
    #[inline]
    pub(super) const fn has_less(self, number: u64, use_: u64) -> bool {
        // With another number, the difference is far greater, or below zero.
        self.0.wrapping_sub(number << USE_BITS) < NO_USE.wrapping_add(use_)
    }

    /// This window with more use, which must fit.
    #[inline]
    pub(super) const fn with(self, cost: u32) -> Self {
        Self(self.0.wrapping_add(cost as u64))
    }

    /// This window with another use.
    pub(super) const fn with_use(self, used: i64) -> Self {
        Self::new(self.number(), used)
    }

    /// Its number, modulo 2^28.
    pub const fn number(self) -> u64 {
        self.0 >> USE_BITS
    }
}

/// A word that only one thread uses.
#[cfg(test)]
pub(super) struct Word(pub(super) core::cell::Cell<u64>);

#[cfg(test)]
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

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_word_keeps_its_number_and_its_use(
            number in any::<u64>(), used in -MOST_USE..=MOST_USE, later in 0u64..=NUMBERS,
        ) {
            let window = Window::from_word(Window::new(number, used).to_word());
            prop_assert_eq!(window.used(), used);
            prop_assert_eq!(window.windows_until(number), 0);
            prop_assert_eq!(window.windows_until(number.wrapping_add(later)), later);
        }

        #[test]
        fn use_is_added_and_replaced(
            number in any::<u64>(), used in -1_000_000_000i64..1_000_000_000, cost in any::<u32>(),
        ) {
            let window = Window::new(number, used);
            let more = window.with(cost);
            prop_assert_eq!(more.used(), used + i64::from(cost));
            prop_assert_eq!(more.windows_until(number), 0);
            prop_assert_eq!(more.with_use(used), window);
            prop_assert_eq!(window.number(), number & NUMBERS);
        }
    }

    #[test]
    fn a_use_that_does_not_fit_is_as_near_as_can_be() {
        assert_eq!(Window::new(3, i64::MAX).used(), MOST_USE);
        assert_eq!(Window::new(3, i64::MIN).used(), -MOST_USE);
        assert_eq!(Window::new(3, i64::MIN).windows_until(3), 0);
    }
}
