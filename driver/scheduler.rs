// SPDX-License-Identifier: GPL-2.0-only

//! The I/O scheduler `ioem`: a first-in, first-out queue in which injections hold requests back.
//!
//! State is per hardware queue, under a lock that no interrupt takes: the timer only has the queue run. `has_work` reads one
//! word.

use crate::{
    config,
    elevator::{now_ns, Elevator, HwQueue, Queue, Request, Requests},
    hold::{Hold, NEVER},
    plan::Plan,
};
use kernel::{
    new_spinlock,
    prelude::*,
    sync::{
        atomic::{Atomic, Relaxed},
        Arc, ArcBorrow, SpinLock,
    },
};

/// The scheduler.
pub(crate) enum Ioem {}

/// What the scheduler knows of one hardware queue.
#[pin_data]
pub(crate) struct HwState {
    #[pin]
    inner: SpinLock<Inner>,
    /// A copy of [`Hold::next_ns`], for who may not lock. Written under the lock.
    next_ns: Atomic<u64>,
}

/// What is protected by the lock of a hardware queue.
struct Inner {
    hold: Hold,
    /// When the timer was last asked to run the queue.
    alarm_ns: u64,
}

impl Inner {
    /// Makes known when the next request may go. Everything that changes what is held ends with this.
    ///
    /// `runs` tells that the hardware queue is run after this anyway, so that what may go already needs no timer.
    #[inline]
    fn publish(&mut self, hw_queue: &HwQueue<Ioem>, runs: bool) {
        let next_ns = self.hold.next_ns();
        // Relaxed: who runs the queue after an insertion does so in the same task, and `blk_mq_run_hw_queue` looks again
        // under `queue_lock`, which orders it with all other runs.
        hw_queue.data().next_ns.store(next_ns, Relaxed);
        if next_ns != 0 && next_ns != NEVER && next_ns != self.alarm_ns {
            self.set_alarm(hw_queue, next_ns, runs);
        }
    }

    fn set_alarm(&mut self, hw_queue: &HwQueue<Ioem>, next_ns: u64, runs: bool) {
        if !runs || next_ns > now_ns() {
            self.alarm_ns = next_ns;
            hw_queue.wake_at(next_ns);
        }
    }
}

impl HwState {
    /// Follows another plan, and judges all that is held again.
    pub(crate) fn follow(hw_queue: &HwQueue<Ioem>, plan: Option<Arc<Plan>>) {
        let mut inner = hw_queue.data().inner.lock();
        let old = inner.hold.follow(plan);
        inner.publish(hw_queue, true);
        drop(inner);
        // It may be the last reference: memory is freed better without the lock.
        drop(old);
        hw_queue.run();
    }

    /// Judges all that is held again by the plan that is followed, after one of its rules has ended.
    pub(crate) fn judge_again(hw_queue: &HwQueue<Ioem>) {
        let mut inner = hw_queue.data().inner.lock();
        inner.hold.judge_again();
        inner.publish(hw_queue, true);
        drop(inner);
        hw_queue.run();
    }
}

impl Elevator for Ioem {
    const NAME: &'static CStr = c"ioem";
    const ALIAS: &'static CStr = c"ioem-mq";

    type HwQueue = HwState;

    fn new_hw_queue() -> impl PinInit<HwState, Error> {
        try_pin_init!(HwState {
            inner <- new_spinlock!(
                Inner {
                    hold: Hold::new(),
                    alarm_ns: 0,
                },
                "ioem_hw_queue"
            ),
            next_ns: Atomic::new(NEVER),
        })
    }

    fn start_queue(queue: ArcBorrow<'_, Queue<Self>>) -> Result {
        config::lock().attach(queue)
    }

    fn start_hw_queue(queue: &Queue<Self>, hw_queue: &HwQueue<Self>) {
        let config = config::lock();
        HwState::follow(hw_queue, config.plan_of(queue));
    }

    fn stop_queue(queue: &Queue<Self>) {
        config::lock().detach(queue);
    }

    #[inline]
    fn insert_requests(hw_queue: &HwQueue<Self>, requests: Requests<'_>) {
        let mut inner = hw_queue.data().inner.lock();
        if inner.hold.judges() {
            for request in requests {
                // Neither delayed nor charged twice. What comes at the head for the first time, the data of a flush, is.
                if request.was_released() {
                    inner.hold.push_again(request);
                } else {
                    inner.hold.judge(request, now_ns());
                }
            }
        } else {
            for request in requests {
                if request.was_released() {
                    inner.hold.push_again(request);
                } else {
                    inner.hold.push_ready(request);
                }
            }
        }
        inner.publish(hw_queue, true);
    }

    #[inline]
    fn dispatch_request(hw_queue: &HwQueue<Self>) -> Option<Request> {
        let mut inner = hw_queue.data().inner.lock();
        let request = if inner.hold.all_ready() || !hw_queue.is_freezing() {
            inner.hold.pop()
        } else {
            inner.hold.pop_any()
        };
        // After a request, the block layer asks for the next. After none, it would wait for 3 ms, also if the next request
        // became due since the clock was read.
        inner.publish(hw_queue, request.is_some());
        drop(inner);
        request.map(|mut request| {
            request.set_released();
            request
        })
    }

    #[inline]
    fn has_work(hw_queue: &HwQueue<Self>) -> bool {
        match hw_queue.data().next_ns.load(Relaxed) {
            0 => true,
            NEVER => false,
            next_ns => next_ns <= now_ns() || hw_queue.is_freezing(),
        }
    }
}
