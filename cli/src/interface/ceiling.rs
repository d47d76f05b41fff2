// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Ceilings: a disk can have only so many requests at a time, so that a delay that holds requests
//! allows only so many I/Os a second.

use super::listed::Listed;
use crate::system::{Roots, files::try_read};
use std::ffi::OsStr;

/// Each disk that the injection delays by holding requests, and the most I/Os a second there. A
/// held completion leaves the disk its request, and so has no ceiling.
pub(crate) fn read(roots: &Roots, name: &OsStr) -> Listed<(String, u64)> {
    parse(&try_read(&roots.injection(name).join("ceiling")).unwrap_or_default())
}

/// Reads a disk and a number in each line.
pub(crate) fn parse(text: &str) -> Listed<(String, u64)> {
    Listed::parse(text, |line| {
        let (disk, iops) = line.split_once(' ')?;
        Some((disk.to_owned(), iops.parse().ok()?))
    })
}
