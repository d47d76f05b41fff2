// SPDX-License-Identifier: GPL-2.0-only

//! Reads any text as a contract.

#![no_main]

use chaos_fuzz as _;
use layouts::Contract;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Err(error) = Contract::parse(text) {
        assert!(!error.to_string().is_empty());
    }
});
