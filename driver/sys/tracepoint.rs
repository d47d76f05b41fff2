// SPDX-License-Identifier: GPL-2.0-only

//! Probes of tracepoints that the kernel does not export, which their names find.
//!
//! C header: [`include/linux/tracepoint.h`](srctree/include/linux/tracepoint.h)

use super::layouts::tracepoint_synchronize_unregister;
use core::ptr::{null_mut, NonNull};
use kernel::{bindings, error::to_result, ffi, prelude::*, str::CStrExt};

/// A registered probe. Its address tells it from other probes of the same function.
///
/// # Invariants
///
/// The probe is registered, with the address of `tracepoint` in its box as data.
pub(crate) struct Probe {
    tracepoint: KBox<NonNull<bindings::tracepoint>>,
    function: *mut ffi::c_void,
}

// SAFETY: A tracepoint is there for as long as the kernel, and any task may unregister a probe.
unsafe impl Send for Probe {}
// SAFETY: As above. A shared reference to a probe allows nothing.
unsafe impl Sync for Probe {}

/// A tracepoint that is looked for.
struct Search<'a> {
    name: &'a CStr,
    found: *mut bindings::tracepoint,
}

impl Probe {
    /// Registers a probe of the tracepoint of this name, if the kernel has it. May sleep, and takes `cpus_read_lock`: the
    /// caller must hold no lock for which a task may wait that has frozen a queue.
    ///
    /// # Errors
    ///
    /// ENOMEM.
    ///
    /// # Safety
    ///
    /// `function` must be a function with the arguments of the tracepoint, behind the address of
    /// the data, and may be called in its context until the probe is dropped.
    pub(crate) unsafe fn new(name: &CStr, function: *mut ffi::c_void) -> Result<Option<Self>> {
        let Some(tracepoint) = NonNull::new(find(name)) else {
            return Ok(None);
        };
        let tracepoint = KBox::new(tracepoint, GFP_KERNEL)?;
        // SAFETY: The tracepoint is in the kernel image and so always valid. By this function's
        // requirements the function fits it.
        to_result(unsafe {
            bindings::tracepoint_probe_register(tracepoint.as_ptr(), function, data_of(&tracepoint))
        })?;
        // INVARIANT: It is registered.
        Ok(Some(Self {
            tracepoint,
            function,
        }))
    }
}

/// The data of the probe whose tracepoint is in this box.
fn data_of(tracepoint: &KBox<NonNull<bindings::tracepoint>>) -> *mut ffi::c_void {
    core::ptr::from_ref(&**tracepoint).cast_mut().cast()
}

/// The tracepoint of this name; null if there is none.
fn find(name: &CStr) -> *mut bindings::tracepoint {
    let mut search = Search {
        name,
        found: null_mut(),
    };
    // SAFETY: The kernel calls the function for each of its tracepoints before this returns, with
    // this search.
    unsafe {
        bindings::for_each_kernel_tracepoint(Some(compare), (&raw mut search).cast());
    }
    search.found
}

/// # Safety
///
/// `tracepoint` must be valid, and `search` be a [`Search`] that nobody else uses.
unsafe extern "C" fn compare(tracepoint: *mut bindings::tracepoint, search: *mut ffi::c_void) {
    // SAFETY: By this function's requirements; a tracepoint has a name.
    unsafe {
        let search = &mut *search.cast::<Search<'_>>();
        if CStr::from_char_ptr((*tracepoint).name).to_bytes() == search.name.to_bytes() {
            search.found = tracepoint;
        }
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        // SAFETY: By the invariants it is registered. Afterwards no probe runs that has these data,
        // and so none of the module's code if this was the last one. May sleep.
        unsafe {
            bindings::tracepoint_probe_unregister(
                self.tracepoint.as_ptr(),
                self.function,
                data_of(&self.tracepoint),
            );
            tracepoint_synchronize_unregister();
        }
    }
}
