// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! One window of a limit, in one word that hardware queues share.

/// A window and its use, in one word: the window's number modulo 2^32 in the upper half, the count
/// in the lower half.
///
/// A number repeats after 2^32 windows, over an hour at the shortest period. A word that no queue
/// has touched for exactly that long passes for the present window, which costs the quota of one
/// window and nothing after it.
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

    /// The window of this number, which has admitted `used` I/Os.
    pub(super) const fn new(number: u64, used: u32) -> Self {
        Self((number << 32) | used as u64)
    }

    /// The window as a word.
    pub const fn to_word(self) -> u64 {
        self.0
    }

    /// The window of a word from [`Window::to_word`].
    pub const fn from_word(word: u64) -> Self {
        Self(word)
    }

    /// Whether this is the window of this number.
    pub(super) const fn same_number(self, number: u64) -> bool {
        (self.0 >> 32) as u32 == number as u32
    }

    /// How many I/Os it has admitted.
    pub(super) const fn used(self) -> u32 {
        self.0 as u32
    }

    /// This window with one I/O more, which must fit in the count.
    pub(super) const fn with_one_more(self) -> Self {
        Self(self.0.wrapping_add(1))
    }

    /// This window with one I/O less, if it is the window that has admitted the I/O, which was
    /// `charged`. `None` if it is another window by now.
    pub const fn give_back(self, charged: Self) -> Option<Self> {
        if self.0 >> 32 != charged.0 >> 32 || self.used() == 0 {
            None
        } else {
            Some(Self(self.0.saturating_sub(1)))
        }
    }

    /// Takes one I/O back that this window has counted. If another window has begun since, there is
    /// nothing to take back.
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
