// SPDX-License-Identifier: GPL-2.0-only

//! The name of the scheduler for types: what the block layer's queues are generic over.

/// The scheduler `ioem`.
pub(crate) enum Ioem {}
