// SPDX-License-Identifier: GPL-2.0-only

//! The I/O scheduler `ioem`: a first-in, first-out queue in which injections hold requests back, or
//! their completions.
//!
//! State is per hardware queue, under three locks, and no task holds two of them at once. Requests
//! are under a lock that no interrupt takes, as their timer only queues work. Completions, and
//! requests that are about to end, are under locks that an interrupt only tries to take. `has_work`
//! takes no lock, and reads two words.

use crate::{
    completions::Completions,
    config,
    elevator::{
        Bio, DebugFile, Elevator, Fifo, Flush, Hctx, OpFlags, Prepared, Queue, QueueFile, Status,
    },
    ends::Ends,
    failing::Failing,
    flush,
    held::{Held, Next},
    held_entry::{operation, CompletionData, Parked, Parking, Request, RequestData},
    ioem::Ioem,
    listing,
    parking::{NotParked, Park},
    plan::Plan,
    policy::operations::FLUSH,
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
    /// The operations that some rule of the plan may match, as [`Plan::operations`]; and
    /// [`FAILING`] bits further up, [`Plan::failing_operations`]. Written under the lock of
    /// `requests`.
    operations: AtomicU32,
    /// Whether requests are to end, for the worker. Written under the lock of `requests`.
    any_fails: AtomicBool,
    #[pin]
    pub(crate) ends: Ends,
    /// Whether the plan asks for PID namespaces. Written under the lock of `requests`.
    asks_for_pid_namespace: AtomicBool,
}

/// The place of the second half of [`HctxData::operations`].
const FAILING: u32 = u32::BITS / 2;

/// How many requests a dispatch finds to end at most, since it holds the lock meanwhile; and how
/// many the worker gives to the timer at a time.
const MOST_FAILING: usize = 64;

/// After this time the timer looks again for requests to end, where the worker had the list.
const AGAIN_NS: u64 = 50_000;

/// The data under a hardware queue's lock of its requests.
struct Requests {
    held: Held<Request>,
    /// Requests that end soon, in place of their dispatch.
    failing: Failing,
    /// The time at which the timer was last set to run the queue.
    alarm_ns: u64,
}

/// Has completions held of requests of this hardware queue, and requests end.
struct Parker<'a> {
    hctx: &'a Hctx<Ioem>,
    failing: &'a mut Failing,
}

impl Park for Parker<'_> {
    fn end(&mut self, request: Request, status: Status) -> Result<(), Request> {
        self.failing.push(request, status)
    }

    fn can_park(&self, request: &Request) -> bool {
        self.hctx.can_park(request)
    }

    fn park(&mut self, request: &mut Request, order: &Parking) -> Result<(), NotParked> {
        let allowance = &self.hctx.data().completions.allowance;
        if !allowance.has_room() {
            return Err(NotParked::Full);
        }
        let parked = self.hctx.park(request, order.of(request));
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

    /// Sees to the end of the requests that are to end. To call after each change of these.
    #[inline]
    fn end_failing(&self, hctx: &Hctx<Ioem>) {
        if !self.failing.is_empty() {
            // Relaxed: the worker that this queues, or that is about to run, sees it.
            hctx.data().any_fails.store(true, Relaxed);
            hctx.kick();
        }
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
    /// Gives a batch of requests that are to end to the timer. For the worker, which may wait for
    /// the lock of the requests: an interrupt may find it taken again and again.
    fn move_failing(&self) {
        if !self.any_fails.load(Relaxed) {
            return;
        }
        let mut requests = self.requests.lock();
        let failing = requests.failing.take(MOST_FAILING);
        self.any_fails.store(!requests.failing.is_empty(), Relaxed);
        drop(requests);
        self.ends.add(failing);
    }

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
        let operations = plan.as_ref().map_or(0, |plan| {
            plan.operations() | plan.failing_operations() << FAILING
        });
        state.operations.store(operations, Relaxed);
        let old = requests.held.follow(plan);
        let Requests { held, failing, .. } = &mut *requests;
        held.park_waiting(&mut Parker { hctx, failing });
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
                    failing: Failing::new(),
                    alarm_ns: 0,
                }),
                "ioem_requests"
            ),
            completions <- Completions::new(),
            next_ns: AtomicU64::new(NEVER),
            operations: AtomicU32::new(0),
            any_fails: AtomicBool::new(false),
            ends <- Ends::new(),
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
        let operations = state.operations.load(Relaxed);
        let concerned = operations.checked_shr(operation(flags)).unwrap_or(1);
        // Each bio fails by itself. Where a request is prepared before its bio is known, the bio
        // may have another operation.
        prepared.is_alone = if Self::PREPARES_FOR_BIO {
            concerned & 1 << FAILING != 0
        } else {
            operations >> FAILING != 0
        };
        prepared.passes_by =
            concerned & 1 == 0 && state.next_ns.load(Relaxed) != 0 && !hctx.is_busy();
        prepared
    }

    fn flush_comes(hctx: &Hctx<Self>, flush: Flush<'_>) {
        let state = hctx.data();
        // Relaxed: a submitter that sees a change late acts as if it had come before it.
        if state.operations.load(Relaxed) & 1 << FLUSH != 0 {
            flush::park(hctx, &state.requests.lock().held, flush);
        }
    }

    fn completion_arrives(parked: &mut Parked) {
        parked.begin_to_wait();
    }

    fn for_each_queue(visit: impl FnMut(&Queue<Self>)) {
        config::lock().disks().for_each_queue(visit);
    }

    #[inline]
    fn insert_requests(hctx: &Hctx<Self>, requests: Fifo<Request>) {
        let mut locked = hctx.data().requests.lock();
        let Requests { held, failing, .. } = &mut *locked;
        held.insert(requests, &mut Parker { hctx, failing });
        if held.plan().is_none() || held.is_quiet() {
            locked.publish_ready(hctx);
        } else {
            locked.publish(hctx, true);
            locked.end_failing(hctx);
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
        let state = hctx.data();
        if in_interrupt {
            state.ends.end_all();
            state.completions.release(hctx, true);
            if state.ends.any() {
                // The worker has the list, or had it. It needs time to give the list back.
                hctx.release_at(now_ns().saturating_add(AGAIN_NS));
            }
        } else {
            state.move_failing();
            state.completions.release(hctx, false);
            // Last, as there is one timer for both.
            if state.ends.any() {
                hctx.release_at(now_ns());
            }
            if state.any_fails.load(Relaxed) {
                hctx.kick();
            }
        }
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

/// The next request, where requests wait, have limits to ask or may have to fail; not inlined, so
/// that it costs nothing elsewhere.
#[inline(never)]
fn dispatch_held(
    hctx: &Hctx<Ioem>,
    mut requests: Guard<'_, Requests, SpinLockBackend>,
) -> Option<Request> {
    let mut request = None;
    let mut looks = 0;
    while request.is_none() && looks < MOST_FAILING {
        let Some(popped) = requests.pop(hctx) else {
            break;
        };
        looks += 1;
        let Requests { held, failing, .. } = &mut *requests;
        request = held.fail(popped, &mut Parker { hctx, failing });
    }
    // If this returns a request, the block layer asks for the next one. If it returns none, the
    // block layer waits for 3 ms, even if a request has become due since the clock was read; so
    // then the timer has to run the queue.
    requests.publish(hctx, request.is_some());
    requests.end_failing(hctx);
    if looks == MOST_FAILING {
        // There may be more.
        hctx.run();
    }
    request
}

impl Sleeper for Ioem {
    fn set_asleep(is_asleep: bool) {
        config::lock().set_asleep(is_asleep);
    }
}
