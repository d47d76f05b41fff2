// SPDX-License-Identifier: GPL-2.0-only

//! A substitute for the results of I/O: the kernel has only one error.

use crate::{bindings::blk_status_t, prelude::*};

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Status(blk_status_t);

impl Status {
    pub(crate) const DONE: Self = Self(0);

    #[expect(
        clippy::unnecessary_wraps,
        reason = "the driver's lacks some errors on some kernels"
    )]
    pub(crate) fn of_error(_name: &str) -> Result<Self> {
        Ok(Self(10))
    }

    pub(super) fn number(self) -> blk_status_t {
        self.0
    }
}
