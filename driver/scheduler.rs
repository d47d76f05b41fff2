// SPDX-License-Identifier: GPL-2.0-only

//! The I/O scheduler `ioem`: a first-in, first-out queue in which injections hold requests back, or
//! their completions.
//!
//! State is per hardware queue, under two locks, and no task holds both at once. Requests are under
//! a lock that no interrupt takes, as their timer only queues work. Completions are under a lock
//! that an interrupt only tries to take. `has_work` takes no lock, and reads two words.

use crate::{
    completions::Completions,
    config,
    elevator::{Bio, DebugFile, Elevator, Fifo, Hctx, OpFlags, Prepared, Queue, QueueFile},
    held::{Held, Next},
    held_entry::{operation, CompletionData, Parked, Parking, Request, RequestData},
    ioem::Ioem,
    listing,
    parking::{NotParked, Park},
    plan::Plan,
    sys::{
        atomic::{AtomicBool, AtomicU32, AtomicU64, Relaxed},
        clock::now_ns,
        pid_namespace::current_pid_namespace_id,
        power::Sleeper,
    },
    waiting::NEVER,
};
use core::ops::Deref;
use kernel::{
    new_spinlock,
    prelude::*,
    sync::{
        lock::{spinlock::SpinLockBackend, Guard},
        Arc, ArcBorrow, SpinLock,
    },
};

/// The scheduler's data for one hardware queue.
#[pin_data]
pub(crate) struct HctxData {
    #[pin]
    requests: SpinLock<Requests>,
    #[pin]
    pub(crate) completions: Completions,
    /// When the first request may go, for readers that must not lock: a copy of [`Held::next_ns`].
    /// Written under the lock of `requests`.
    next_ns: AtomicU64,
    /// The operations that some rule of the plan may match, as [`Plan::operations`]. Written under
    /// the lock of `requests`.
    operations: AtomicU32,
    /// Whether the plan asks for PID namespaces. Written under the lock of `requests`.
    asks_for_pid_namespace: AtomicBool,
}

/// The data under a hardware queue's lock of its requests.
struct Requests {
    held: Held<Request>,
    /// The time at which the timer was last set to run the queue.
    alarm_ns: u64,
}

/// Has completions held of requests of this hardware queue.
struct Parker<'a>(&'a Hctx<Ioem>);

impl Park for Parker<'_> {
    fn can_park(&self, request: &Request) -> bool {
        self.0.can_park(request)
    }

    fn park(&mut self, request: &mut Request, order: &Parking) -> Result<(), NotParked> {
        let allowance = &self.0.data().completions.allowance;
        if !allowance.has_room() {
            return Err(NotParked::Full);
        }
        let parked = self.0.park(request, order.of(request));
        allowance.take(parked.ok_or(NotParked::NoMemory)?);
        Ok(())
    }
}

impl Requests {
    /// Publishes when the next request may go. To call after each change of the held requests.
    ///
    /// `runs` says that the hardware queue runs after this anyway, so that a request that may go
    /// already needs no timer.
    #[inline]
    fn publish(&mut self, hctx: &Hctx<Ioem>, runs: bool) {
        match self.held.published_next_ns() {
            // The state of the waiting requests is published already, and the timer is set.
            Some(next_ns) if next_ns == 0 || next_ns == NEVER || next_ns == self.alarm_ns => {
                publish_next(hctx, next_ns);
            }
            _ => self.publish_all(hctx, runs),
        }
    }

    /// [`Requests::publish`] after a change of the waiting requests.
    fn publish_all(&mut self, hctx: &Hctx<Ioem>, runs: bool) {
        let next_ns = self.held.next_ns();
        // Relaxed: the task that inserts a request also runs the queue after it, and
        // `blk_mq_run_hw_queue` looks again under `queue_lock`, which orders it with all other
        // runs.
        publish_next(hctx, next_ns);
        self.held.set_published();
        let is_new = next_ns != 0 && next_ns != NEVER && next_ns != self.alarm_ns;
        if is_new && (!runs || next_ns > now_ns()) {
            self.alarm_ns = next_ns;
            hctx.wake_at(next_ns);
        }
    }

    /// [`Requests::publish`] when no request waits, and none did: then the timer has nothing to do.
    #[inline]
    fn publish_ready(&self, hctx: &Hctx<Ioem>) {
        publish_next(hctx, if self.held.has_ready() { 0 } else { NEVER });
    }

    /// The next request that may go, or any request if the queue has to drain.
    fn pop(&mut self, hctx: &Hctx<Ioem>) -> Option<Request> {
        if hctx.must_drain() {
            self.held.pop_any()
        } else {
            self.held.pop()
        }
    }
}

/// Publishes when the next request may go.
#[inline]
fn publish_next(hctx: &Hctx<Ioem>, next_ns: u64) {
    hctx.data().next_ns.store(next_ns, Relaxed);
}

/// The locked requests, for a look at them.
struct Looked<'a>(Guard<'a, Requests, SpinLockBackend>);

impl Deref for Looked<'_> {
    type Target = Held<Request>;

    fn deref(&self) -> &Self::Target {
        &self.0.held
    }
}

impl HctxData {
    /// Locks the requests, for a look at them.
    pub(crate) fn requests(&self) -> impl Deref<Target = Held<Request>> + '_ {
        Looked(self.requests.lock())
    }

    /// Follows another plan, and judges all held requests and completions again.
    pub(crate) fn follow(hctx: &Hctx<Ioem>, plan: Option<Arc<Plan>>) {
        let state = hctx.data();
        // Completions come first: a completion that the new plan parks must meet that plan when it
        // arrives.
        let completions = state.completions.follow(hctx, plan.clone());
        let mut requests = state.requests.lock();
        let asks = plan
            .as_ref()
            .is_some_and(|plan| plan.asks_for_pid_namespace);
        state.asks_for_pid_namespace.store(asks, Relaxed);
        let operations = plan.as_ref().map_or(0, |plan| plan.operations());
        state.operations.store(operations, Relaxed);
        let old = requests.held.follow(plan);
        requests.held.park_waiting(&mut Parker(hctx));
        requests.publish_all(hctx, true);
        drop(requests);
        // These may be the last references to a plan, and freeing it takes too long for a lock.
        drop((old, completions));
        hctx.run();
    }

    /// Judges all held requests and completions again by the same plan, after one of its rules has
    /// ended or its end has changed.
    pub(crate) fn judge_again(hctx: &Hctx<Ioem>) {
        let state = hctx.data();
        state.completions.judge_again(hctx);
        let mut requests = state.requests.lock();
        requests.held.judge_again(now_ns());
        requests.publish_all(hctx, true);
        drop(requests);
        hctx.run();
    }
}

impl Elevator for Ioem {
    const NAME: &'static CStr = c"ioem";
    const ALIAS: &'static CStr = c"ioem-mq";
    const QUEUE_FILES: &'static [QueueFile<Self>] = &[QueueFile::of::<listing::Summary>()];
    const DEBUG_FILES: &'static [DebugFile<Self>] = &[DebugFile::of::<listing::List>()];

    type HctxData = HctxData;
    type RequestData = RequestData;
    type CompletionData = CompletionData;

    fn new_hctx() -> impl PinInit<HctxData, Error> {
        try_pin_init!(HctxData {
            requests <- new_spinlock!(
                // Initialized in place: it is large for a stack.
                init!(Requests {
                    held: Held::new(),
                    alarm_ns: 0,
                }),
                "ioem_requests"
            ),
            completions <- Completions::new(),
            next_ns: AtomicU64::new(NEVER),
            operations: AtomicU32::new(0),
            asks_for_pid_namespace: AtomicBool::new(false),
        })
    }

    fn start_queue(queue: ArcBorrow<'_, Queue<Self>>) -> Result {
        config::lock().attach(queue)
    }

    fn start_hctx(queue: &Queue<Self>, hctx: &Hctx<Self>) {
        let (state, number) = (hctx.data(), hctx.number());
        state.requests.lock().held.set_hctx(number);
        state.completions.lock().set_hctx(number);
        let config = config::lock();
        HctxData::follow(hctx, config.plan_of(queue));
    }

    fn stop_hctx(hctx: &Hctx<Self>) {
        hctx.data().completions.stop(hctx);
    }

    fn stop_queue(queue: &Queue<Self>) {
        config::lock().detach(queue);
    }

    #[inline]
    fn bio_merge(hctx: &Hctx<Self>, bio: Bio<'_>) -> bool {
        let state = hctx.data();
        // Relaxed: a submitter that sees a change late merges less. Mostly no request is ready, and
        // then this must cost next to nothing.
        state.next_ns.load(Relaxed) == 0 && state.requests.lock().held.merge(bio)
    }

    #[inline]
    fn prepare_request(hctx: &Hctx<Self>, flags: OpFlags) -> Prepared<RequestData> {
        let state = hctx.data();
        let mut prepared = Prepared::default();
        // Relaxed: a submitter that sees a change late acts as if it had come before it.
        if state.asks_for_pid_namespace.load(Relaxed) {
            prepared.data = RequestData::of_submitter(current_pid_namespace_id());
        }
        // Relaxed: as above. While requests are ready (`next_ns` is 0), the new one does not bypass
        // them: it comes behind them, and may take bios that would else be requests of their own.
        // On a busy disk it might have to wait anyway, where it could take such bios, too.
        let concerned = state.operations.load(Relaxed).checked_shr(operation(flags));
        prepared.passes_by = concerned.is_some_and(|bits| bits & 1 == 0)
            && state.next_ns.load(Relaxed) != 0
            && !hctx.is_busy();
        prepared
    }

    fn completion_arrives(parked: &mut Parked) {
        parked.begin_to_wait();
    }

    fn for_each_queue(visit: impl FnMut(&Queue<Self>)) {
        config::lock().disks().for_each_queue(visit);
    }

    #[inline]
    fn insert_requests(hctx: &Hctx<Self>, requests: Fifo<Request>) {
        let mut held = hctx.data().requests.lock();
        held.held.insert(requests, &mut Parker(hctx));
        if held.held.plan().is_none() || held.held.is_quiet() {
            held.publish_ready(hctx);
        } else {
            held.publish(hctx, true);
        }
    }

    #[inline]
    fn dispatch_request(hctx: &Hctx<Self>) -> Option<Request> {
        let mut requests = hctx.data().requests.lock();
        let request = match requests.held.pop_quickly() {
            Next::Entry(request) => Some(request),
            Next::Nothing => None,
            Next::Unknown => return dispatch_held(hctx, requests),
        };
        requests.publish_ready(hctx);
        request
    }

    #[inline]
    fn has_work(hctx: &Hctx<Self>) -> bool {
        let state = hctx.data();
        match state.next_ns.load(Relaxed) {
            0 => true,
            NEVER if !state.completions.any_waits() => false,
            next_ns => is_due(hctx, next_ns),
        }
    }

    fn release(hctx: &Hctx<Self>, in_interrupt: bool) {
        hctx.data().completions.release(hctx, in_interrupt);
    }
}

/// Whether requests that wait until this time may go; not inlined, so that it costs nothing where
/// no request waits.
#[inline(never)]
fn is_due(hctx: &Hctx<Ioem>, next_ns: u64) -> bool {
    if hctx.is_freezing() && hctx.data().completions.any_waits() {
        // All completions go.
        hctx.kick();
    }
    next_ns != NEVER && (next_ns <= now_ns() || hctx.must_drain())
}

/// The next request, where requests wait or have limits to ask; not inlined, so that it costs
/// nothing elsewhere.
#[inline(never)]
fn dispatch_held(
    hctx: &Hctx<Ioem>,
    mut requests: Guard<'_, Requests, SpinLockBackend>,
) -> Option<Request> {
    let request = requests.pop(hctx);
    // If this returns a request, the block layer asks for the next one. If it returns none, the
    // block layer waits for 3 ms, even if a request has become due since the clock was read; so
    // then the timer has to run the queue.
    requests.publish(hctx, request.is_some());
    request
}

impl Sleeper for Ioem {
    fn set_asleep(is_asleep: bool) {
        config::lock().set_asleep(is_asleep);
    }
}
