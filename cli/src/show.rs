// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Shows injections and disks, for people in 80 columns and for programs as JSON.

mod columns;
pub(crate) mod describe;
pub(crate) mod list;
mod picture;
pub(crate) mod status;
