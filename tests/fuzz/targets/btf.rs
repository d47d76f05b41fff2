// SPDX-License-Identifier: GPL-2.0-only

//! Takes any bytes for a kernel's type information, and generates the driver's structures from it.

#![no_main]

use chaos_fuzz as _;
use layouts::{Contract, Kernel, generate};
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

/// The driver's contract, and one for kernels of a few types, whose variations are seldom refused
/// early.
static CONTRACTS: LazyLock<[Contract; 2]> = LazyLock::new(|| {
    [
        include_str!("../../../driver/elevator/layouts.contract"),
        include_str!("../small.contract"),
    ]
    .map(|text| Contract::parse(text).expect("it is well-formed"))
});

fuzz_target!(|data: &[u8]| {
    let Ok(kernel) = Kernel::from_bytes(data) else {
        return;
    };
    for contract in &*CONTRACTS {
        match generate(contract, &kernel) {
            Ok(text) => assert!(text.contains("use kernel::")),
            Err(differences) => assert!(!differences.is_empty()),
        }
    }
});
