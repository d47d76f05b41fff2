// SPDX-License-Identifier: GPL-2.0-only

//! The kernel crate's prelude.

use crate::policy::parse::ParseError;
use std::ops::{Deref, DerefMut};

/// An error number of the kernel.
#[derive(Debug, PartialEq)]
pub(crate) struct Error(&'static str);

pub(crate) const EINVAL: Error = Error("EINVAL");
pub(crate) const ENOMEM: Error = Error("ENOMEM");
pub(crate) const ENOSPC: Error = Error("ENOSPC");
pub(crate) const EPERM: Error = Error("EPERM");
pub(crate) const ERANGE: Error = Error("ERANGE");

impl From<ParseError> for Error {
    fn from(error: ParseError) -> Self {
        match error {
            ParseError::Invalid => EINVAL,
            ParseError::OutOfRange => ERANGE,
            ParseError::NotAllowed => EPERM,
        }
    }
}

/// There is no memory, because a test says so.
#[derive(Debug)]
pub(crate) struct AllocError;

impl From<AllocError> for Error {
    fn from(_: AllocError) -> Self {
        ENOMEM
    }
}

pub(crate) type Result<T = (), E = Error> = core::result::Result<T, E>;

/// The flags of an allocation.
#[derive(Clone, Copy)]
pub(crate) struct Flags;

impl std::ops::BitOr for Flags {
    type Output = Self;

    fn bitor(self, _: Self) -> Self {
        self
    }
}

pub(crate) const GFP_KERNEL: Flags = Flags;

/// A vector whose allocations can fail.
#[derive(Default)]
pub(crate) struct KVec<T>(Vec<T>);

/// A box whose allocation can fail.
pub(crate) struct KBox<T>(Box<T>);

impl<T> KBox<T> {
    pub(crate) fn new(value: T, _: Flags) -> Result<Self, AllocError> {
        let has_memory = super::alloc::has_memory();
        has_memory.then(|| Self(Box::new(value))).ok_or(AllocError)
    }
}

impl<T> Deref for KBox<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

/// The kernel's vector whose memory need not be in one piece.
pub(crate) type KVVec<T> = KVec<T>;

impl<T> KVec<T> {
    pub(crate) const fn new() -> Self {
        Self(Vec::new())
    }

    pub(crate) fn with_capacity(capacity: usize, _: Flags) -> Result<Self, AllocError> {
        let has_memory = super::alloc::has_memory();
        has_memory
            .then(|| Self(Vec::with_capacity(capacity)))
            .ok_or(AllocError)
    }

    pub(crate) fn push(&mut self, value: T, _: Flags) -> Result<(), AllocError> {
        self.0.push(value);
        Ok(())
    }

    pub(crate) fn into_raw_parts(self) -> (*mut T, usize, usize) {
        let mut vector = std::mem::ManuallyDrop::new(self.0);
        (vector.as_mut_ptr(), vector.len(), vector.capacity())
    }

    /// # Safety
    ///
    /// As for the standard library's own.
    pub(crate) unsafe fn from_raw_parts(pointer: *mut T, length: usize, capacity: usize) -> Self {
        // SAFETY: By this function's requirements.
        Self(unsafe { Vec::from_raw_parts(pointer, length, capacity) })
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.0.iter_mut()
    }
}

impl<T: Clone> KVec<T> {
    pub(crate) fn extend_from_slice(&mut self, values: &[T], _: Flags) -> Result<(), AllocError> {
        self.0.extend_from_slice(values);
        Ok(())
    }
}

impl<T> Deref for KVec<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T> DerefMut for KVec<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.0
    }
}

impl<'a, T> IntoIterator for &'a KVec<T> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}
