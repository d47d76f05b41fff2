// SPDX-License-Identifier: GPL-2.0-only

//! The way in which a rule ends I/O otherwise than the disk does, in the words of this kernel.

use crate::{
    elevator::Status,
    policy::{self, failure::Failure},
    stats::Count,
};
use kernel::prelude::*;

/// How an I/O ends.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// With this status, in place of the disk.
    InPlace(Status),
    /// With this status, and the disk gets a part of the data.
    Torn(Status),
    /// So many bits are flipped of the data that the disk has read.
    Corrupted(u8),
}

impl Ending {
    /// The ending that settings ask for.
    ///
    /// # Errors
    ///
    /// As [`status`].
    pub(crate) fn of(ending: policy::ending::Ending) -> Result<Self> {
        use policy::ending::Ending as Asked;
        Ok(match ending {
            Asked::Failed(failure) => Self::InPlace(status(failure)?),
            Asked::Lost => Self::InPlace(Status::DONE),
            Asked::Torn(None) => Self::Torn(Status::DONE),
            Asked::Torn(Some(failure)) => Self::Torn(status(failure)?),
            Asked::Corrupted(flips) => Self::Corrupted(flips),
        })
    }

    /// The counter of I/Os that have ended in this way.
    pub(crate) fn counted_as(self) -> Count {
        match self {
            Self::InPlace(Status::DONE) => Count::Dropped,
            Self::InPlace(_) => Count::Failed,
            Self::Torn(_) => Count::Torn,
            Self::Corrupted(_) => Count::Corrupted,
        }
    }
}

/// The status of an error.
///
/// # Errors
///
/// As [`Status::of_error`].
pub(crate) fn status(failure: Failure) -> Result<Status> {
    Status::of_error(failure.name())
}
