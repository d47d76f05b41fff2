// SPDX-License-Identifier: GPL-2.0-only

//! Vectors that ask for memory, and may not get it (`alloc/kvec.rs` of the kernel's crate).

use super::{room, AllocError, Allocator, Flags, KVmalloc, Kmalloc};
use core::{
    marker::PhantomData,
    mem::ManuallyDrop,
    ops::{Deref, DerefMut},
    ptr::NonNull,
};

/// A vector.
///
/// # Invariants
///
/// `values` is memory of `A` for `capacity` values, of which the first `len` are initialized. If
/// `capacity` is 0, there is no memory.
pub struct Vec<T, A: Allocator> {
    values: NonNull<T>,
    len: usize,
    capacity: usize,
    _owns: PhantomData<(T, A)>,
}

/// A vector in contiguous memory.
pub type KVec<T> = Vec<T, Kmalloc>;
/// A vector in memory that may consist of several pages.
pub type KVVec<T> = Vec<T, KVmalloc>;

/// There is no value at the index.
#[derive(Debug)]
pub struct RemoveError;

// SAFETY: The vector owns its values.
unsafe impl<T: Send, A: Allocator> Send for Vec<T, A> {}
// SAFETY: A shared reference gives shared references to the values.
unsafe impl<T: Sync, A: Allocator> Sync for Vec<T, A> {}

impl<T, A: Allocator> Vec<T, A> {
    /// A vector without values.
    pub const fn new() -> Self {
        assert!(
            size_of::<T>() > 0,
            "values without a size are not supported"
        );
        // INVARIANT: There is no memory.
        Self {
            values: NonNull::dangling(),
            len: 0,
            capacity: 0,
            _owns: PhantomData,
        }
    }

    /// A vector without values, and memory for this many.
    ///
    /// # Errors
    ///
    /// There is no memory.
    pub fn with_capacity(capacity: usize, flags: Flags) -> Result<Self, AllocError> {
        let mut vec = Self::new();
        if capacity > 0 {
            vec.grow(capacity, flags)?;
        }
        Ok(vec)
    }

    /// Makes a vector of its parts.
    ///
    /// # Safety
    ///
    /// The invariants of the type must hold.
    pub const unsafe fn from_raw_parts(values: *mut T, len: usize, capacity: usize) -> Self {
        // INVARIANT: By this function's requirements.
        Self {
            // SAFETY: By this function's requirements it is not null.
            values: unsafe { NonNull::new_unchecked(values) },
            len,
            capacity,
            _owns: PhantomData,
        }
    }

    /// The address of the values, their number, and for how many there is memory.
    pub fn into_raw_parts(self) -> (*mut T, usize, usize) {
        let this = ManuallyDrop::new(self);
        (this.values.as_ptr(), this.len, this.capacity)
    }

    /// Moves the values into memory for this many, which must be more than there is.
    fn grow(&mut self, capacity: usize, flags: Flags) -> Result<(), AllocError> {
        let size = capacity.checked_mul(size_of::<T>()).ok_or(AllocError)?;
        let new = room::<T, A>(size, flags)?;
        // SAFETY: Both are valid for `len` values, and the new memory is ours alone. By the
        // invariants the old memory comes from `A`.
        unsafe {
            new.copy_from_nonoverlapping(self.values, self.len);
            if self.capacity > 0 {
                A::free(self.values.as_ptr().cast());
            }
        }
        // INVARIANT: The values have moved.
        self.values = new;
        self.capacity = capacity;
        Ok(())
    }

    /// Sees to it that there is memory for more values.
    ///
    /// # Errors
    ///
    /// There is no memory.
    pub fn reserve(&mut self, additional: usize, flags: Flags) -> Result<(), AllocError> {
        let needed = self.len.checked_add(additional).ok_or(AllocError)?;
        if needed <= self.capacity {
            return Ok(());
        }
        self.grow(needed.max(self.capacity.saturating_mul(2)), flags)
    }

    /// Appends a value.
    ///
    /// # Errors
    ///
    /// There is no memory.
    pub fn push(&mut self, value: T, flags: Flags) -> Result<(), AllocError> {
        self.reserve(1, flags)?;
        // SAFETY: There is memory for another value. INVARIANT: It becomes initialized.
        unsafe { self.values.add(self.len).write(value) };
        self.len += 1;
        Ok(())
    }

    /// Appends copies of values.
    ///
    /// # Errors
    ///
    /// There is no memory.
    pub fn extend_from_slice(&mut self, values: &[T], flags: Flags) -> Result<(), AllocError>
    where
        T: Clone,
    {
        self.reserve(values.len(), flags)?;
        for value in values {
            // SAFETY: As in `push`.
            unsafe { self.values.add(self.len).write(value.clone()) };
            self.len += 1;
        }
        Ok(())
    }

    /// A vector of copies of a value.
    ///
    /// # Errors
    ///
    /// There is no memory.
    pub fn from_elem(value: T, count: usize, flags: Flags) -> Result<Self, AllocError>
    where
        T: Clone,
    {
        let mut vec = Self::with_capacity(count, flags)?;
        for _ in 0..count {
            vec.push(value.clone(), flags)?;
        }
        Ok(vec)
    }

    /// Drops all values but the first ones.
    pub fn truncate(&mut self, len: usize) {
        if let Some(last) = self.get_mut(len..) {
            let last = core::ptr::from_mut(last);
            // INVARIANT: The first ones stay initialized.
            self.len = len;
            // SAFETY: By the invariants these were initialized, and the vector has them no more.
            unsafe { last.drop_in_place() };
        }
    }

    /// Takes the value at an index out.
    ///
    /// # Errors
    ///
    /// There is none.
    pub fn remove(&mut self, index: usize) -> Result<T, RemoveError> {
        let behind = self
            .len
            .checked_sub(index.saturating_add(1))
            .ok_or(RemoveError)?;
        // SAFETY: By the invariants the value and those behind it are initialized. INVARIANT: These
        // take its place.
        unsafe {
            let place = self.values.add(index);
            let value = place.read();
            place.copy_from(place.add(1), behind);
            self.len -= 1;
            Ok(value)
        }
    }

    /// Drops all values for which `keep` returns false.
    pub fn retain(&mut self, mut keep: impl FnMut(&mut T) -> bool) {
        let (len, mut kept) = (self.len, 0);
        // INVARIANT: If `keep` or a `drop` panics, the values leak.
        self.len = 0;
        for index in 0..len {
            // SAFETY: The value is initialized. The kept values lie before it, in places of
            // values that were kept or dropped.
            unsafe {
                let value = self.values.add(index);
                if keep(&mut *value.as_ptr()) {
                    self.values.add(kept).copy_from(value, 1);
                    kept += 1;
                } else {
                    value.drop_in_place();
                }
            }
        }
        // INVARIANT: These were kept.
        self.len = kept;
    }
}

impl<T, A: Allocator> Default for Vec<T, A> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T, A: Allocator> Deref for Vec<T, A> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        // SAFETY: By the invariants.
        unsafe { core::slice::from_raw_parts(self.values.as_ptr(), self.len) }
    }
}

impl<T, A: Allocator> DerefMut for Vec<T, A> {
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: By the invariants.
        unsafe { core::slice::from_raw_parts_mut(self.values.as_ptr(), self.len) }
    }
}

impl<T: PartialEq, A: Allocator> PartialEq for Vec<T, A> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T, A: Allocator> Drop for Vec<T, A> {
    fn drop(&mut self) {
        // SAFETY: By the invariants the values are initialized, and the memory comes from `A`.
        unsafe {
            core::ptr::drop_in_place(&raw mut **self);
            if self.capacity > 0 {
                A::free(self.values.as_ptr().cast());
            }
        }
    }
}

impl<'a, T, A: Allocator> IntoIterator for &'a Vec<T, A> {
    type Item = &'a T;
    type IntoIter = core::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<'a, T, A: Allocator> IntoIterator for &'a mut Vec<T, A> {
    type Item = &'a mut T;
    type IntoIter = core::slice::IterMut<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter_mut()
    }
}

impl<T, A: Allocator> IntoIterator for Vec<T, A> {
    type Item = T;
    type IntoIter = IntoIter<T, A>;

    fn into_iter(self) -> IntoIter<T, A> {
        let (values, len, capacity) = self.into_raw_parts();
        // INVARIANT: No value was taken. The vector drops none, and frees the memory.
        IntoIter {
            // SAFETY: These were its parts.
            memory: unsafe { Vec::from_raw_parts(values, 0, capacity) },
            next: 0,
            len,
        }
    }
}

/// The values of a vector, one by one.
///
/// # Invariants
///
/// In the memory of `memory`, the values from `next` to `len` are initialized.
pub struct IntoIter<T, A: Allocator> {
    memory: Vec<T, A>,
    next: usize,
    len: usize,
}

impl<T, A: Allocator> Iterator for IntoIter<T, A> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        if self.next == self.len {
            return None;
        }
        // SAFETY: By the invariants. INVARIANT: It is taken.
        let value = unsafe { self.memory.values.add(self.next).read() };
        self.next += 1;
        Some(value)
    }
}

impl<T, A: Allocator> Drop for IntoIter<T, A> {
    fn drop(&mut self) {
        self.for_each(drop);
    }
}
