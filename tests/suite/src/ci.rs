// SPDX-License-Identifier: GPL-2.0-only

//! Continuous integration, in a fresh clone: all tests on the distribution's kernel; some on a
//! kernel without Rust; tests that judge no time, and a short torture, on a kernel that looks for
//! mistakes.

use crate::{checks::Checks, debug, test, vm::Guests};

/// The guests of all kernels are in one queue, so that two run until nearly the end. Another guest
/// beside it changes no figure of a guest: on the clock of instructions it cannot, and on this
/// machine's no time is judged. A compiler runs only beside guests on the clock of instructions.
pub(crate) fn ci() -> bool {
    let (mut checks, mut guests) = (Checks::default(), Guests::default());
    let kernel = test::start_timed(&mut checks, &mut guests);
    drop(test::check_vms(kernel.as_ref(), &mut checks, &mut guests));
    if let Some(kernel) = &kernel {
        test::start_without_rust(&kernel.programs, &mut checks, &mut guests);
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
