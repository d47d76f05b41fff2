// SPDX-License-Identifier: GPL-2.0-only

//! The substitute for `power.rs` in a kernel that cannot suspend or hibernate.

use core::marker::PhantomData;
use kernel::prelude::*;

/// As in `power.rs`; no code calls it.
pub(crate) trait Sleeper: 'static {
    /// As in `power.rs`.
    #[expect(dead_code)]
    fn set_asleep(is_asleep: bool);
}

/// As in `power.rs`; it reports nothing.
pub(crate) struct PowerWatch<T: Sleeper>(PhantomData<T>);

impl<T: Sleeper> PowerWatch<T> {
    /// As in `power.rs`.
    #[expect(clippy::unnecessary_wraps, reason = "the other one can fail")]
    pub(crate) fn new(_: &'static ThisModule) -> Result<Self> {
        Ok(Self(PhantomData))
    }
}
