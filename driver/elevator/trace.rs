// SPDX-License-Identifier: GPL-2.0-only

//! The tracepoint that each scheduler emits itself, so that tools such as blktrace see when a
//! request was inserted.
//!
//! C header: [`include/trace/events/block.h`](srctree/include/trace/events/block.h)

use super::{layouts, Fifo, Request, RequestData};
use kernel::sync::rcu;

/// Emits `block_rq_insert` for each request; costs a load and a branch while no probe is attached.
#[inline]
pub(super) fn insert<D: RequestData>(requests: &Fifo<Request<D>>) {
    if layouts::traces_insertions() {
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
    // SAFETY: The tracepoint's probes stay valid while the guard lives; the request is valid.
    unsafe { layouts::trace_insertion(request.as_raw().as_ptr()) };
}
