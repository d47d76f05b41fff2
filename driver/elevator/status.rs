// SPDX-License-Identifier: GPL-2.0-only

//! The results of I/O, as the block layer knows them.
//!
//! C header: [`include/linux/blk_types.h`](srctree/include/linux/blk_types.h)

use core::ffi::c_int;
use kernel::{bindings, prelude::*};

/// The status of an I/O that has ended: `blk_status_t`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Status(bindings::blk_status_t);

impl Status {
    /// The status of an I/O without an error, which is 0 wherever C asks for one.
    pub(crate) const DONE: Self = Self(0);

    /// The status that programs see as the error of this name.
    ///
    /// # Errors
    ///
    /// EOPNOTSUPP if this kernel has none.
    pub(crate) fn of_error(name: &str) -> Result<Self> {
        let unknown = || Error::from_errno((bindings::EOPNOTSUPP as c_int).saturating_neg());
        let errno = match name {
            "EIO" => bindings::EIO,
            "ENODATA" => bindings::ENODATA,
            "ETIMEDOUT" => bindings::ETIMEDOUT,
            "ENOSPC" => bindings::ENOSPC,
            "ENOLINK" => bindings::ENOLINK,
            "EREMOTEIO" => bindings::EREMOTEIO,
            "ENODEV" => bindings::ENODEV,
            "EILSEQ" => bindings::EILSEQ,
            "EBADE" => bindings::EBADE,
            "EOPNOTSUPP" => bindings::EOPNOTSUPP,
            "EINVAL" => bindings::EINVAL,
            "EBUSY" => bindings::EBUSY,
            "ENOMEM" => bindings::ENOMEM,
            "ETIME" => bindings::ETIME,
            "ETOOMANYREFS" => bindings::ETOOMANYREFS,
            "EOVERFLOW" => bindings::EOVERFLOW,
            _ => return Err(unknown()),
        };
        let errno = (errno as c_int).saturating_neg();
        // SAFETY: Both functions only look into a table of constants, in any context. A kernel
        // without such a status gives that of EIO, which stands for another error.
        let (status, back) = unsafe {
            let status = bindings::errno_to_blk_status(errno);
            (status, bindings::blk_status_to_errno(status))
        };
        (back == errno).then_some(Self(status)).ok_or_else(unknown)
    }

    /// The number of the status.
    #[inline]
    pub(super) fn number(self) -> bindings::blk_status_t {
        self.0
    }
}
