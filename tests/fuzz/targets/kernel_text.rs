// SPDX-License-Identifier: GPL-2.0-only

//! Reads any text as each of the kernel's files that kchaos reads, and shows the result.

#![no_main]

use chaos_fuzz as _;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| kchaos::fuzzing::read(data));
