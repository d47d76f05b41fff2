// SPDX-License-Identifier: GPL-2.0-only

//! What the targets share: a bound of memory, and the driver's attributes by the names that kchaos has for them.

use chaos_policy::policy::attributes::Attribute;
use std::{
    alloc::{GlobalAlloc, Layout, System},
    process::abort,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

/// The driver's attribute of this name; none for those that kchaos looks up before it writes them.
pub fn driver_attribute(name: &str) -> Option<Attribute> {
    let found = Attribute::ALL
        .into_iter()
        .find(|other| other.file() == name);
    let attribute = found.unwrap_or_else(|| panic!("the driver has no {name}"));
    let is_looked_up = matches!(
        attribute,
        Attribute::Device | Attribute::Cgroup | Attribute::PidNs
    );
    (!is_looked_up).then_some(attribute)
}

/// What an input may take: a few kilobytes never need so much.
const MOST_BYTES: usize = 256 << 20;

/// The system's allocator up to a bound. libFuzzer's own bounds of memory and time come by signals, in which it waits for ever
/// if they meet the allocator at work.
struct Bounded;

static USED: AtomicUsize = AtomicUsize::new(0);

// SAFETY: All is left to the system's allocator.
unsafe impl GlobalAlloc for Bounded {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let used = USED.fetch_add(layout.size(), Relaxed);
        if used.saturating_add(layout.size()) > MOST_BYTES {
            // Once: telling it may need some memory.
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
