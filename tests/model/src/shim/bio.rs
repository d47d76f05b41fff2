// SPDX-License-Identifier: GPL-2.0-only

//! The end of a bio, as in `block/bio.c`: its count, the steps that happen once, and the calls of
//! others.

use super::bindings::{self, bio};
use std::cell::{Cell, RefCell};

thread_local! {
    /// The number of calls to rq_qos that it is done with a bio.
    static QOS_DONE: Cell<u64> = const { Cell::new(0) };
    /// Bios whose data a task verifies before they end.
    static VERIFIED: RefCell<Vec<*mut bio>> = const { RefCell::new(Vec::new()) };
}

/// The number of calls to rq_qos that it is done with a bio, since the last call of this.
pub(crate) fn take_qos_done() -> u64 {
    QOS_DONE.take()
}

/// Bios that [`bio_endio`] has left to the task that verifies their data, which calls it again.
pub(crate) fn take_verified() -> Vec<*mut bio> {
    VERIFIED.take()
}

/// As `bio_endio()`, in the same order.
///
/// # Safety
///
/// `bio` must be valid, and the caller have a count of it.
pub(crate) unsafe fn bio_endio(bio: *mut bio) {
    const INTEGRITY: u32 = 1 << bindings::req_flag_bits___REQ_INTEGRITY;
    const OPERATION: u32 = (1 << bindings::REQ_OP_BITS) - 1;
    const QOS: u16 = 1 << bindings::BIO_QOS_THROTTLED | 1 << bindings::BIO_QOS_MERGED;
    // SAFETY: By this function's requirements.
    unsafe {
        // `bio_remaining_done()`.
        if (*bio).bi_flags & 1 << bindings::BIO_CHAIN != 0 {
            let counter = &raw mut (*bio).__bi_remaining.counter;
            assert!(*counter > 0, "ended too often");
            *counter -= 1;
            if *counter > 0 {
                return;
            }
            (*bio).bi_flags &= !(1 << bindings::BIO_CHAIN);
        }
        // `bio_integrity_endio()`, and the steps of `bio_integrity_verify_fn()` before it calls
        // this again.
        if (*bio).bi_opf & INTEGRITY != 0
            && (*bio).bi_opf & OPERATION == bindings::req_op_REQ_OP_READ
        {
            (*bio).bi_opf &= !INTEGRITY;
            VERIFIED.with_borrow_mut(|verified| verified.push(bio));
            return;
        }
        // `rq_qos_done_bio()`, which leaves the flags.
        if (*bio).bi_flags & QOS != 0 {
            QOS_DONE.set(QOS_DONE.get() + 1);
        }
        if let Some(end_io) = (*bio).bi_end_io {
            end_io(bio);
        }
    }
}
