// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! One window of a limit as one word, which hardware queues share.

/// A window and how much of it is used, in one word: the window's number modulo 2^32 above, the
/// count below.
///
/// A number repeats after 2^32 windows, over an hour at the shortest period. A word left untouched
/// for exactly that long is taken for the present window, which costs a quota in one window and
/// nothing after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window(u64);

/// The word of a [`Window`] that hardware queues share.
pub trait Shared {
    /// Acquire: a clock that is read after this shows no time before the one for which the word was
    /// written.
    fn load(&self) -> u64;

    /// Puts `new` in the place of `old`, unless another word is there. Release: the clock was read
    /// before the word is written.
    fn exchange(&self, old: u64, new: u64) -> bool;
}

impl Window {
    /// Stands for a window where there is no limit.
    pub const NONE: Self = Self(0);

    /// The window of this number, of which so much is used.
    pub(super) const fn new(number: u64, used: u32) -> Self {
        Self((number << 32) | used as u64)
    }

    /// The word as it is kept in memory.
    pub const fn to_word(self) -> u64 {
        self.0
    }

    /// The window that was kept as this word.
    pub const fn from_word(word: u64) -> Self {
        Self(word)
    }

    /// Whether it is the window of this number.
    pub(super) const fn same_number(self, number: u64) -> bool {
        (self.0 >> 32) as u32 == number as u32
    }

    /// How many I/Os it has admitted.
    pub(super) const fn used(self) -> u32 {
        self.0 as u32
    }

    /// This window with one I/O more. It has admitted fewer than fit in the count.
    pub(super) const fn with_one_more(self) -> Self {
        Self(self.0.wrapping_add(1))
    }

    /// This window with one I/O less, for one that it admitted when it was `charged` and that
    /// another limit refused. `None` if it is another window by now.
    pub const fn give_back(self, charged: Self) -> Option<Self> {
        if self.0 >> 32 != charged.0 >> 32 || self.used() == 0 {
            None
        } else {
            Some(Self(self.0.saturating_sub(1)))
        }
    }

    /// Takes back one I/O that was counted, when this was the word. If another window has begun
    /// since, nothing is left to take back.
    pub fn give_back_to(self, shared: &impl Shared) {
        loop {
            let window = Self::from_word(shared.load());
            match window.give_back(self) {
                Some(less) if !shared.exchange(window.to_word(), less.to_word()) => {}
                _ => return,
            }
        }
    }
}
