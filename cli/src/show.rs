// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Shows injections and disks, for people in 80 columns and for programs as JSON.

/// The version of the form of all JSON. It changes if a key goes or changes its meaning, and not if
/// one is added; `cli/schema` has the form.
pub(crate) const SCHEMA: u64 = 1;

pub(crate) mod columns;
pub(crate) mod describe;
pub(crate) mod list;
pub(crate) mod markup;
pub(crate) mod picture;
pub(crate) mod status;
