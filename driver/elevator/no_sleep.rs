// SPDX-License-Identifier: GPL-2.0-only

//! Takes the place of `sleep.rs` in a kernel whose machine never sleeps.

use super::Elevator;
use core::marker::PhantomData;
use kernel::prelude::*;

/// Has nothing to tell.
pub(super) struct SleepWatch<E: Elevator>(PhantomData<E>);

impl<E: Elevator> SleepWatch<E> {
    /// Begins to tell nothing.
    #[expect(clippy::unnecessary_wraps, reason = "others can fail")]
    pub(super) fn new(_: &'static ThisModule) -> Result<Self> {
        Ok(Self(PhantomData))
    }
}
