// SPDX-License-Identifier: GPL-2.0-only

//! The type that stands for the scheduler `ioem`, for the types of `elevator` that are generic over
//! it.

/// The scheduler `ioem`.
pub(crate) enum Ioem {}
