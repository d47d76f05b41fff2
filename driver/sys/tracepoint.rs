// SPDX-License-Identifier: GPL-2.0-only

//! A probe of a tracepoint that the kernel does not export, found by its name.
//!
//! C header: [`include/linux/tracepoint.h`](srctree/include/linux/tracepoint.h)

use super::{layouts::tracepoint_synchronize_unregister, no_io::NoIo};
use core::ptr::{null_mut, NonNull};
use kernel::{bindings, error::to_result, ffi, prelude::*, str::CStrExt};

/// A registered probe, whose data are null.
///
/// # Invariants
///
/// The function is registered as a probe of the tracepoint.
pub(crate) struct Probe {
    tracepoint: NonNull<bindings::tracepoint>,
    function: *mut ffi::c_void,
}

// SAFETY: A tracepoint is there for as long as the kernel, and any task may unregister a probe.
unsafe impl Send for Probe {}

/// A tracepoint that is looked for.
struct Search<'a> {
    name: &'a CStr,
    found: *mut bindings::tracepoint,
}

impl Probe {
    /// Registers a probe of the tracepoint of this name, if the kernel has it. May sleep, and takes
    /// `cpus_read_lock`: the caller must hold no lock for which a task may wait that has frozen a
    /// queue.
    ///
    /// # Errors
    ///
    /// ENOMEM.
    ///
    /// # Safety
    ///
    /// `function` must be a function with the arguments of the tracepoint, behind the address of
    /// the data. It may still run when the probe is dropped: before the module's code goes,
    /// [`wait_for_probes`] must have been called.
    pub(crate) unsafe fn new(name: &CStr, function: *mut ffi::c_void) -> Result<Option<Self>> {
        let Some(tracepoint) = NonNull::new(find(name)) else {
            return Ok(None);
        };
        // SAFETY: The tracepoint is in the kernel image and so always valid. By this function's
        // requirements the function fits it.
        to_result(unsafe {
            bindings::tracepoint_probe_register(tracepoint.as_ptr(), function, null_mut())
        })?;
        // INVARIANT: The call has registered the function.
        Ok(Some(Self {
            tracepoint,
            function,
        }))
    }
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
        // The kernel allocates memory under its lock of all tracepoints.
        let _no_io = NoIo::new();
        // SAFETY: By the invariants the function is registered. May sleep.
        unsafe {
            bindings::tracepoint_probe_unregister(
                self.tracepoint.as_ptr(),
                self.function,
                null_mut(),
            );
        }
    }
}

/// Waits for probes that were dropped, and still run. May sleep.
pub(crate) fn wait_for_probes() {
    // SAFETY: The caller may sleep.
    unsafe { tracepoint_synchronize_unregister() };
}
