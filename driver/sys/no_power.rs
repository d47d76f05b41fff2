// SPDX-License-Identifier: GPL-2.0-only

//! Takes the place of `power.rs` in a kernel whose machine never sleeps.

use core::marker::PhantomData;
use kernel::prelude::*;

/// As in `power.rs`; nothing ever calls it.
pub(crate) trait Sleeper: 'static {
    /// As in `power.rs`.
    #[expect(dead_code)]
    fn set_asleep(is_asleep: bool);
}

/// Has nothing to report.
pub(crate) struct PowerWatch<T: Sleeper>(PhantomData<T>);

impl<T: Sleeper> PowerWatch<T> {
    /// Begins to report nothing.
    #[expect(clippy::unnecessary_wraps, reason = "the other one can fail")]
    pub(crate) fn new(_: &'static ThisModule) -> Result<Self> {
        Ok(Self(PhantomData))
    }
}
