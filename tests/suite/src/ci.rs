// SPDX-License-Identifier: GPL-2.0-only

//! Continuous integration, in a fresh clone: all tests on the distribution's kernel; some on a
//! kernel without Rust; tests that judge no time, and a short torture, on a kernel that looks for
//! mistakes.

use crate::{
    checks::Checks,
    command::lab,
    debug,
    slots::Turn,
    test::{self, build_kernel},
    vm::Guests,
};
use std::path::Path;
use suite::guests;

/// The stock kernel of Debian 13, which has no Rust.
const WITHOUT_RUST: &str = "trixie";

/// The guests of all kernels are in one queue, so that two run until nearly the end. Another guest
/// beside it changes no figure of a guest: on the clock of instructions it cannot, and on this
/// machine's no time is judged. A compiler runs only beside guests on the clock of instructions.
pub(crate) fn ci() -> bool {
    let (mut checks, mut guests) = (Checks::default(), Guests::default());
    // Once guests run, the lab would wait for all of them to change a chroot.
    for target in [WITHOUT_RUST, debug::SHORT] {
        let name = format!("the chroot of {target} is ready");
        checks.check_command(&name, lab(&["prepare", "--chroot", target]));
    }
    let kernel = test::start_timed(&mut checks, &mut guests);
    drop(test::check_vms(kernel.as_ref(), &mut checks, &mut guests));
    if let Some(kernel) = &kernel {
        start_without_rust(&kernel.programs, &mut checks, &mut guests);
    }
    let short = debug::build_short(&mut checks);
    let short = checks.part("the kernel with a sanitizer is built", short);
    test::start_untimed(kernel.as_ref(), &mut guests);
    if let Some(short) = short.flatten() {
        let started = short.start(&mut guests);
        checks.part("the tests with a sanitizer have started", started);
    }
    guests.finish(&mut checks);
    checks.summary()
}

/// Starts the guest of the kernel without Rust.
fn start_without_rust(programs: &Path, checks: &mut Checks, guests: &mut Guests) {
    if let Some(kernel) = build_kernel(WITHOUT_RUST, programs, checks) {
        guests.start(&kernel, &guests::main_timed(), Turn::Last);
    }
}
