// SPDX-License-Identifier: GPL-2.0-only

//! The parts that the targets share: a bound of memory, and the attributes that kchaos and the
//! driver read alike.

use chaos_policy::policy::attributes::Attribute;
use std::{
    alloc::{GlobalAlloc, Layout, System},
    process::abort,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

/// Whether kchaos writes an attribute as the user gives it, instead of looking it up before.
pub fn is_written_as_told(name: Attribute) -> bool {
    !matches!(
        name,
        Attribute::Device | Attribute::Cgroup | Attribute::PidNs
    )
}

/// The most memory for an input: a few kilobytes never need so much.
const MOST_BYTES: usize = 256 << 20;

/// The system's allocator up to a bound. libFuzzer's own bounds of memory and time come by signals,
/// and their handler waits for ever if the signal interrupts the allocator.
struct Bounded;

static USED: AtomicUsize = AtomicUsize::new(0);

// SAFETY: The system's allocator does all of it.
unsafe impl GlobalAlloc for Bounded {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let used = USED.fetch_add(layout.size(), Relaxed);
        if used.saturating_add(layout.size()) > MOST_BYTES {
            // Only once, as the message may need some memory.
            USED.store(0, Relaxed);
            eprintln!("panicked at an allocation: more than {MOST_BYTES} bytes are used");
            abort();
        }
        // SAFETY: By this function's requirements.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        USED.fetch_sub(layout.size(), Relaxed);
        // SAFETY: By this function's requirements.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Bounded = Bounded;
