// SPDX-License-Identifier: GPL-2.0-only

//! The kernel crate's counted references.

use super::prelude::{AllocError, Flags};
use std::ops::Deref;

/// A counted reference whose making returns an error when there is no memory.
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
