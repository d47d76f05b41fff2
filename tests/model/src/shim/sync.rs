// SPDX-License-Identifier: GPL-2.0-only

//! The kernel crate's shared memory: references that count, and atomic words.

use super::prelude::{AllocError, Flags};
use std::ops::Deref;

/// A counted reference, which says so when there is no memory.
pub(crate) struct Arc<T>(std::sync::Arc<T>);

impl<T> Arc<T> {
    pub(crate) fn new(value: T, _: Flags) -> Result<Self, AllocError> {
        Ok(Self(std::sync::Arc::new(value)))
    }

    pub(crate) fn ptr_eq(one: &Self, other: &Self) -> bool {
        std::sync::Arc::ptr_eq(&one.0, &other.0)
    }
}

impl<T> Clone for Arc<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> Deref for Arc<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

/// The kernel's atomic words and the orders of their accesses.
pub(crate) mod atomic {
    #[cfg(loom)]
    use loom::sync::atomic::{AtomicU32, AtomicU64};
    use std::sync::atomic::Ordering;
    #[cfg(not(loom))]
    use std::sync::atomic::{AtomicU32, AtomicU64};

    // What the kernel calls full is at least what Rust calls sequentially consistent.
    pub(crate) use Ordering::{Acquire, Relaxed, SeqCst as Full};

    /// What an atomic word can hold.
    pub(crate) trait Word: Copy {
        type Atomic;

        fn atomic(self) -> Self::Atomic;
        fn load(word: &Self::Atomic, order: Ordering) -> Self;
        fn store(word: &Self::Atomic, value: Self, order: Ordering);
        fn fetch_add(word: &Self::Atomic, more: Self, order: Ordering) -> Self;
        fn cmpxchg(
            word: &Self::Atomic,
            old: Self,
            new: Self,
            order: Ordering,
        ) -> Result<Self, Self>;
    }

    macro_rules! impl_word {
        ($word:ty, $atomic:ty) => {
            impl Word for $word {
                type Atomic = $atomic;

                fn atomic(self) -> $atomic {
                    <$atomic>::new(self)
                }

                fn load(word: &$atomic, order: Ordering) -> Self {
                    word.load(order)
                }

                fn store(word: &$atomic, value: Self, order: Ordering) {
                    word.store(value, order);
                }

                fn fetch_add(word: &$atomic, more: Self, order: Ordering) -> Self {
                    word.fetch_add(more, order)
                }

                fn cmpxchg(
                    word: &$atomic,
                    old: Self,
                    new: Self,
                    order: Ordering,
                ) -> Result<Self, Self> {
                    // As in the kernel, a failure orders nothing.
                    word.compare_exchange(old, new, order, Relaxed)
                }
            }
        };
    }
    impl_word!(u32, AtomicU32);
    impl_word!(u64, AtomicU64);

    /// An atomic word.
    pub(crate) struct Atomic<T: Word>(T::Atomic);

    impl<T: Word> Atomic<T> {
        pub(crate) fn new(value: T) -> Self {
            Self(value.atomic())
        }

        pub(crate) fn load(&self, order: Ordering) -> T {
            T::load(&self.0, order)
        }

        pub(crate) fn store(&self, value: T, order: Ordering) {
            T::store(&self.0, value, order);
        }

        pub(crate) fn fetch_add(&self, more: T, order: Ordering) -> T {
            T::fetch_add(&self.0, more, order)
        }

        pub(crate) fn cmpxchg(&self, old: T, new: T, order: Ordering) -> Result<T, T> {
            T::cmpxchg(&self.0, old, new, order)
        }
    }
}
