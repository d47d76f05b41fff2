// SPDX-License-Identifier: GPL-2.0-only

//! The plainest I/O scheduler on the driver's own abstraction: a list under a lock for each
//! hardware queue. `fifo.c` is the same in C. `build` puts the driver's two modules beside this
//! file.

#[allow(dead_code, unused_imports)]
mod elevator;
#[allow(dead_code, unused_imports)]
mod sys;

use elevator::{Elevator, Fifo, HwQueue, Registration, Request};
use kernel::{new_spinlock, prelude::*, sync::SpinLock};
use sys::atomic::{AtomicBool, Relaxed};

module! {
    type: FifoModule,
    name: "fifo_rust",
    authors: ["The Chaos Driver authors"],
    description: "The plainest I/O scheduler, in Rust",
    license: "GPL",
}

enum PlainFifo {}

#[pin_data]
struct Waiting {
    #[pin]
    requests: SpinLock<Fifo<Request<()>>>,
    /// Whether there are any. Written under the lock.
    any: AtomicBool,
}

impl Elevator for PlainFifo {
    const NAME: &'static CStr = c"fifo-rust";

    type HwQueue = Waiting;
    type RequestData = ();
    type CompletionData = ();

    fn new_hw_queue() -> impl PinInit<Waiting, Error> {
        try_pin_init!(Waiting {
            requests <- new_spinlock!(Fifo::new()),
            any: AtomicBool::new(false),
        })
    }

    fn insert_requests(hw_queue: &HwQueue<Self>, mut new: Fifo<Request<()>>) {
        let mut requests = hw_queue.data().requests.lock();
        if new.first(Request::was_released) == Some(true) {
            // The driver gave it back: it was first before.
            new.append(core::mem::replace(&mut *requests, Fifo::new()));
        }
        requests.append(new);
        hw_queue.data().any.store(true, Relaxed);
    }

    fn dispatch_request(hw_queue: &HwQueue<Self>) -> Option<Request<()>> {
        let mut requests = hw_queue.data().requests.lock();
        let request = requests.pop_front();
        hw_queue.data().any.store(!requests.is_empty(), Relaxed);
        request
    }

    fn has_work(hw_queue: &HwQueue<Self>) -> bool {
        hw_queue.data().any.load(Relaxed)
    }
}

#[pin_data]
struct FifoModule {
    #[pin]
    scheduler: Registration<PlainFifo>,
}

impl kernel::InPlaceModule for FifoModule {
    fn init(module: &'static ThisModule) -> impl PinInit<Self, Error> {
        try_pin_init!(Self { scheduler <- Registration::new(module) })
    }
}
