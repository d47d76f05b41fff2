// SPDX-License-Identifier: GPL-2.0-only

//! The tracepoint that each scheduler emits itself, so that tools such as blktrace see when a
//! request was inserted.
//!
//! C header: [`include/trace/events/block.h`](srctree/include/trace/events/block.h)

use super::{Fifo, Request, RequestData};
use kernel::{bindings, ffi, sync::rcu};

// Lock classes and lockdep maps have no members unless a kernel is built to debug locks.
#[allow(improper_ctypes)]
extern "C" {
    /// Exported by `EXPORT_TRACEPOINT_SYMBOL_GPL(block_rq_insert)`.
    static mut __tracepoint_block_rq_insert: bindings::tracepoint;
    fn __traceiter_block_rq_insert(
        data: *mut ffi::c_void,
        request: *mut bindings::request,
    ) -> ffi::c_int;
}

/// Emits `block_rq_insert` for each request; costs a load and a branch while no probe is attached.
#[inline]
pub(super) fn insert<D: RequestData>(requests: &Fifo<Request<D>>) {
    // SAFETY: The tracepoint is in the kernel image and so always valid. Its count is a word, so a
    // load of it cannot tear; it is negative while the tracepoint is being enabled.
    let enabled = unsafe {
        (&raw const __tracepoint_block_rq_insert.key.key.enabled.counter).read_volatile()
    };
    if enabled > 0 {
        emit_all(requests);
    }
}

#[cold]
fn emit_all<D: RequestData>(requests: &Fifo<Request<D>>) {
    requests.for_each(emit);
}

fn emit<D: RequestData>(request: &Request<D>) {
    // In C this is `guard(srcu_fast_notrace)(&tracepoint_srcu)`, which exists as inline functions
    // only. A list of probes is freed by `call_srcu()` on that structure, whose readers are of the
    // fast kind (`DEFINE_SRCU_FAST`). Its grace periods call `synchronize_rcu()` where the grace
    // periods of other kinds have a barrier (`srcu_readers_active_idx_check`), so they wait for
    // this reader of RCU too.
    let _guard = rcu::read_lock();
    // SAFETY: The function walks the tracepoint's probes, which stay valid while the guard lives;
    // the request is valid.
    unsafe { __traceiter_block_rq_insert(core::ptr::null_mut(), request.as_raw().as_ptr()) };
}
