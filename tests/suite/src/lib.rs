// SPDX-License-Identifier: GPL-2.0-only

//! Which tests run in which guest, also for the tests that look whether each has one.

pub mod guests;
