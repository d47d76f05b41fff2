// SPDX-License-Identifier: GPL-2.0-only

//! Warnings and panics (`bug.rs` and `print.rs` of the kernel's crate).

use crate::bindings;
use core::panic::PanicInfo;

/// Warns with a stack trace if the condition holds, and returns whether it does.
#[macro_export]
macro_rules! warn_on {
    ($condition:expr) => {{
        let holds = $condition;
        if holds {
            $crate::warn(::core::file!(), ::core::line!());
        }
        holds
    }};
}

/// Warns with a stack trace, and says where in the code.
#[cold]
pub fn warn(file: &str, line: u32) {
    // SAFETY: The text is valid for its length.
    unsafe { bindings::chaos_warn(file.as_ptr(), file.len() as i32, line) };
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    let (file, line) = info
        .location()
        .map_or(("?", 0), |place| (place.file(), place.line()));
    // SAFETY: The text is valid for its length.
    unsafe { bindings::chaos_bug(file.as_ptr(), file.len() as i32, line) };
    // The function does not return (`BUG`), but objtool may not know that.
    // SAFETY: The instruction is not reached, and would trap.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        core::arch::asm!("ud2", options(noreturn))
    }
    // SAFETY: As above.
    #[cfg(target_arch = "aarch64")]
    unsafe {
        core::arch::asm!("brk #0", options(noreturn))
    }
}
