// SPDX-License-Identifier: GPL-2.0-only

//! The requests of a hardware queue that its timer ends, in place of their dispatch.

use crate::{
    failing::Failing,
    sys::atomic::{AtomicBool, Relaxed},
};
use kernel::{new_spinlock, prelude::*, sync::SpinLock};

/// Requests that end in the next soft interrupt of the timer. The worker and the timer have the
/// lock for a few instructions each, and no other lock with it.
#[pin_data]
pub(crate) struct Ends {
    #[pin]
    list: SpinLock<Failing>,
    /// Whether there are any. Written under the lock.
    any: AtomicBool,
}

impl Ends {
    /// No request.
    pub(crate) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            list <- new_spinlock!(Failing::new(), "ioem_ends"),
            any: AtomicBool::new(false),
        })
    }

    /// Whether there are any. May be called in any context.
    pub(crate) fn any(&self) -> bool {
        // Relaxed: the worker sets the timer after it has set this.
        self.any.load(Relaxed)
    }

    /// Adds requests. To call in the worker, which sets the timer after it.
    pub(crate) fn add(&self, failing: Failing) {
        let mut list = self.list.lock();
        list.append(failing);
        self.any.store(true, Relaxed);
    }

    /// Ends them. To call in the timer's soft interrupt, without locks. If the worker has the list,
    /// this leaves them there.
    pub(crate) fn end_all(&self) {
        if !self.any() {
            return;
        }
        let Some(mut list) = self.list.try_lock() else {
            return;
        };
        let failing = list.take(usize::MAX);
        self.any.store(false, Relaxed);
        drop(list);
        failing.end_all();
    }
}
