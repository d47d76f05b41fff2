// SPDX-License-Identifier: GPL-2.0-only

//! The I/O scheduler `ioem`: a first-in, first-out queue in which injections hold requests back, or their completions.
//!
//! State is per hardware queue, under a lock that no interrupt takes: the timer only queues work. `has_work` reads one word.

use crate::{
    config::{self, Config},
    elevator::{
        atomic::{AtomicBool, AtomicU32, AtomicU64, Relaxed},
        now_ns, Bio, Elevator, Fifo, HwQueue, Parked, Parking, Queue, Request,
    },
    hold::{Held, Hold, NotParked, Park, NEVER},
    memory::Allowance,
    plan::Plan,
    policy::operations::name_of,
    text::Lines,
};
use kernel::{
    new_spinlock,
    page::PAGE_SIZE,
    prelude::*,
    seq_file::{seq_print, SeqFile},
    sync::{
        lock::{spinlock::SpinLockBackend, Guard},
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
    /// When the first of the requests may go, for who may not lock: a copy of [`Hold::next_ns`]. Written under the lock.
    next_ns: AtomicU64,
    /// When the first of the completions may go, in the same way.
    parked_ns: AtomicU64,
    /// The operations that some rule of the plan may be about, as [`Plan::operations`]. Written under the lock.
    operations: AtomicU32,
    /// Whether the plan asks for PID namespaces. Written under the lock.
    asks_for_pid_namespace: AtomicBool,
}

/// How many completions are ended at a time, before others get their turn.
const BATCH: usize = 64;

/// What is protected by the lock of a hardware queue.
struct Inner {
    requests: Hold<Request>,
    completions: Hold<Parked>,
    /// The memory that completions take, those included that have not arrived yet.
    allowance: Allowance,
    /// When the timer was last asked to wake.
    alarm_ns: u64,
}

/// Has completions of a hardware queue's requests held.
struct Parker<'a> {
    hw_queue: &'a HwQueue<Ioem>,
    allowance: &'a mut Allowance,
}

impl Park for Parker<'_> {
    fn park(&mut self, request: &mut Request, order: &Parking) -> Result<(), NotParked> {
        if !self.allowance.has_room() {
            return Err(NotParked::Full);
        }
        let parked = self.hw_queue.park(request, order);
        self.allowance.take(parked.ok_or(NotParked::NoMemory)?);
        Ok(())
    }
}

impl Inner {
    /// Makes known when the next request may go. Everything that changes which requests are held ends with this.
    ///
    /// `runs` tells that the hardware queue is run after this anyway, so that what may go already needs no timer.
    #[inline]
    fn publish(&mut self, hw_queue: &HwQueue<Ioem>, runs: bool) {
        match self.requests.settled_next_ns() {
            // Of what is held, the timer and others know.
            Some(next_ns) if next_ns == 0 || next_ns == NEVER || next_ns == self.alarm_ns => {
                hw_queue.data().next_ns.store(next_ns, Relaxed);
            }
            _ => self.publish_all(hw_queue, runs),
        }
    }

    /// The same after a change of what is followed, or of which completions are held.
    fn publish_all(&mut self, hw_queue: &HwQueue<Ioem>, runs: bool) {
        // Relaxed: who runs the queue after an insertion does so in the same task, and `blk_mq_run_hw_queue` looks again
        // under `queue_lock`, which orders it with all other runs.
        let state = hw_queue.data();
        let next_ns = self.requests.next_ns();
        let parked_ns = self.completions.next_ns();
        state.next_ns.store(next_ns, Relaxed);
        state.parked_ns.store(parked_ns, Relaxed);
        self.requests.settle();
        self.completions.settle();
        self.set_alarm(hw_queue, next_ns, parked_ns, runs);
    }

    /// [`Inner::publish`] when no request is held, and none was: then no time is waited for.
    #[inline]
    fn publish_ready(&self, hw_queue: &HwQueue<Ioem>) {
        let next_ns = if self.requests.has_ready() { 0 } else { NEVER };
        hw_queue.data().next_ns.store(next_ns, Relaxed);
    }

    /// Asks the timer to wake for the first request or completion, whichever that is.
    fn set_alarm(&mut self, hw_queue: &HwQueue<Ioem>, next_ns: u64, parked_ns: u64, runs: bool) {
        let wanted = |ns: u64| ns != 0 && ns != NEVER;
        if !wanted(next_ns) && !wanted(parked_ns) {
            return;
        }
        let mut alarm_ns = NEVER;
        let now_ns = now_ns();
        if wanted(next_ns) && !(runs && next_ns <= now_ns) {
            alarm_ns = next_ns;
        }
        if wanted(parked_ns) {
            alarm_ns = alarm_ns.min(parked_ns);
        }
        if alarm_ns != NEVER && alarm_ns != self.alarm_ns {
            self.alarm_ns = alarm_ns;
            hw_queue.wake_at(alarm_ns);
        }
    }

    /// The next request that may go, or any if the queue has to drain, by the rules that are followed.
    fn pop(&mut self, hw_queue: &HwQueue<Ioem>) -> Option<Request> {
        if hw_queue.must_drain() {
            self.requests.pop_any()
        } else {
            self.requests.pop()
        }
    }

    /// Takes completions that may go now, some at a time, and whether more may.
    fn pop_completions(&mut self, hw_queue: &HwQueue<Ioem>) -> (Fifo<Parked>, bool) {
        hw_queue.take_arrivals(|parked| self.completions.arrive(parked));
        let mut done = Fifo::new();
        let now_ns = now_ns();
        for _ in 0..BATCH {
            let Some(parked) = self.completions.pop() else {
                return (done, false);
            };
            self.leave(&parked, now_ns);
            done.push_back(parked);
        }
        (done, true)
    }

    /// Counts a completion that goes.
    fn leave(&mut self, parked: &Parked, now_ns: u64) {
        self.allowance.give_back(parked.size());
        // No task is moved to another processor while it has this lock.
        parked.count_time(now_ns);
    }
}

impl Inner {
    /// Writes a line for each request and completion that is held; not for all, if there are many, since this has the lock.
    fn show(&self, number: usize, config: &Config, out: &SeqFile) {
        seq_print!(
            out,
            "hardware queue {number}: op sector bytes due_us injections\n"
        );
        let mut lines = Listed {
            now_ns: now_ns(),
            shown: 0,
            config,
            out,
        };
        self.requests
            .for_each(|request| lines.add("request", request, self.requests.plan()));
        let plan = self.completions.plan();
        self.completions
            .for_each(|parked| lines.add("completion", parked, plan));
        let left_out = lines.shown.saturating_sub(MOST_LISTED);
        if left_out > 0 {
            seq_print!(out, "... {left_out} more\n");
        }
    }
}

/// How many held I/Os of a hardware queue are listed at most.
const MOST_LISTED: u32 = 256;

/// A list of held I/Os.
struct Listed<'a> {
    now_ns: u64,
    shown: u32,
    config: &'a Config,
    out: &'a SeqFile,
}

impl Listed<'_> {
    fn add(&mut self, kind: &str, held: &impl Held, plan: Option<&Plan>) {
        self.shown = self.shown.saturating_add(1);
        if self.shown > MOST_LISTED {
            return;
        }
        let (sector, bytes) = (held.first_sector(), held.bytes());
        let due_us = held.due_ns().saturating_sub(self.now_ns) / 1_000;
        let operation = name_of(held.operation()).unwrap_or("other");
        seq_print!(self.out, "{kind} {operation} {sector} {bytes} {due_us}");
        for id in plan
            .into_iter()
            .flat_map(|plan| plan.injections_of(held.set()))
        {
            seq_print!(self.out, " {}", self.config.name_of(id));
        }
        seq_print!(self.out, "\n");
    }
}

/// Tells the submitters. Without locks.
fn complete(mut done: Fifo<Parked>) {
    while let Some(parked) = done.pop_front() {
        parked.complete();
    }
}

impl HwState {
    /// Follows another plan, and judges all that is held again.
    pub(crate) fn follow(hw_queue: &HwQueue<Ioem>, plan: Option<Arc<Plan>>) {
        let state = hw_queue.data();
        let mut inner = state.inner.lock();
        let (requests, completions) = inner.follow(hw_queue, plan);
        inner.publish_all(hw_queue, true);
        drop(inner);
        // They may be the last references: memory is freed better without the lock.
        drop((requests, completions));
        hw_queue.kick();
        hw_queue.run();
    }

    /// Judges all that is held again by the plan that is followed, after one of its rules has ended or got another end.
    pub(crate) fn judge_again(hw_queue: &HwQueue<Ioem>) {
        let state = hw_queue.data();
        let mut inner = state.inner.lock();
        let now_ns = now_ns();
        inner.requests.judge_again(now_ns);
        inner.completions.judge_again(now_ns);
        inner.publish_all(hw_queue, true);
        drop(inner);
        hw_queue.kick();
        hw_queue.run();
    }

    /// When the first of what is held may go, of requests and of completions; `None` if none is.
    fn first_ns(&self) -> [u64; 2] {
        [&self.next_ns, &self.parked_ns].map(|word| word.load(Relaxed))
    }
}

impl Inner {
    /// Has both kinds follow another plan; the old ones.
    fn follow(
        &mut self,
        hw_queue: &HwQueue<Ioem>,
        plan: Option<Arc<Plan>>,
    ) -> (Option<Arc<Plan>>, Option<Arc<Plan>>) {
        let state = hw_queue.data();
        let asks = plan
            .as_ref()
            .is_some_and(|plan| plan.asks_for_pid_namespace);
        state.asks_for_pid_namespace.store(asks, Relaxed);
        let operations = plan.as_ref().map_or(0, |plan| plan.operations());
        state.operations.store(operations, Relaxed);
        let completions = self.completions.follow(plan.clone());
        let requests = self.requests.follow(plan);
        let mut parker = Parker {
            hw_queue,
            allowance: &mut self.allowance,
        };
        self.requests.park_held(&mut parker);
        (requests, completions)
    }
}

impl Elevator for Ioem {
    const NAME: &'static CStr = c"ioem";
    const ALIAS: &'static CStr = c"ioem-mq";

    type HwQueue = HwState;

    fn new_hw_queue() -> impl PinInit<HwState, Error> {
        try_pin_init!(HwState {
            inner <- new_spinlock!(
                // Made where it stays: it is large for a stack.
                init!(Inner {
                    requests: Hold::new(),
                    completions: Hold::new(),
                    allowance: Allowance::new(),
                    alarm_ns: 0,
                }),
                "ioem_hw_queue"
            ),
            next_ns: AtomicU64::new(NEVER),
            parked_ns: AtomicU64::new(NEVER),
            operations: AtomicU32::new(0),
            asks_for_pid_namespace: AtomicBool::new(false),
        })
    }

    fn start_queue(queue: ArcBorrow<'_, Queue<Self>>) -> Result {
        config::lock().attach(queue)
    }

    fn start_hw_queue(queue: &Queue<Self>, hw_queue: &HwQueue<Self>) {
        let number = hw_queue.number();
        let mut inner = hw_queue.data().inner.lock();
        inner.requests.set_hw_queue(number);
        inner.completions.set_hw_queue(number);
        drop(inner);
        let config = config::lock();
        HwState::follow(hw_queue, config.plan_of(queue));
    }

    fn stop_hw_queue(hw_queue: &HwQueue<Self>) {
        let mut done = Fifo::new();
        let mut inner = hw_queue.data().inner.lock();
        hw_queue.take_arrivals(|parked| inner.completions.arrive(parked));
        let now_ns = now_ns();
        while let Some(parked) = inner.completions.pop_any() {
            inner.leave(&parked, now_ns);
            done.push_back(parked);
        }
        drop(inner);
        complete(done);
    }

    fn stop_queue(queue: &Queue<Self>) {
        config::lock().detach(queue);
    }

    #[inline]
    fn bio_merge(hw_queue: &HwQueue<Self>, bio: Bio<'_>) -> bool {
        let state = hw_queue.data();
        // Relaxed: who sees a change late merges less. Mostly nothing waits, which has to cost nothing.
        state.next_ns.load(Relaxed) == 0 && state.inner.lock().requests.merge(bio)
    }

    #[inline]
    fn passes_by(hw_queue: &HwQueue<Self>, operation: u32) -> bool {
        let state = hw_queue.data();
        // Relaxed: who sees a change late is as good as one who came before. While requests wait for the disk, it comes behind
        // them, and may become part of one.
        let concerned = state.operations.load(Relaxed).checked_shr(operation);
        concerned.is_some_and(|bits| bits & 1 == 0) && state.next_ns.load(Relaxed) != 0
    }

    #[inline]
    fn asks_for_pid_namespace(hw_queue: &HwQueue<Self>) -> bool {
        // Relaxed: as above.
        hw_queue.data().asks_for_pid_namespace.load(Relaxed)
    }

    fn show_debug(is_meant: impl Fn(&HwQueue<Self>) -> bool, out: &SeqFile) {
        let config = config::lock();
        config.for_each_queue(|queue| {
            queue.for_each_hw_queue(|hw_queue| {
                if is_meant(hw_queue) {
                    hw_queue
                        .data()
                        .inner
                        .lock()
                        .show(hw_queue.number(), &config, out);
                }
            });
        });
    }

    fn set_asleep(is_asleep: bool) {
        config::lock().set_asleep(is_asleep);
    }

    fn for_each_queue(visit: impl FnMut(&Queue<Self>)) {
        config::lock().for_each_queue(visit);
    }

    fn show_held(queue: &Queue<Self>, page: &mut [u8; PAGE_SIZE]) -> usize {
        let mut lines = Lines::new(page);
        queue.for_each_hw_queue(|hw_queue| {
            let inner = hw_queue.data().inner.lock();
            let held = inner
                .requests
                .held()
                .saturating_add(inner.completions.held());
            let times = [
                inner.requests.first_and_last_ns(),
                inner.completions.first_and_last_ns(),
            ];
            drop(inner);
            let times = times.iter().flatten();
            let first_ns = times.clone().map(|(first_ns, _)| *first_ns).min();
            let last_ns = times.map(|(_, last_ns)| *last_ns).max();
            let now_ns = now_ns();
            let in_us = |time_ns: Option<u64>| time_ns.unwrap_or(0).saturating_sub(now_ns) / 1_000;
            let (first, last) = (in_us(first_ns), in_us(last_ns));
            let number = hw_queue.number();
            lines.add(core::format_args!("{number} {held} {first} {last}"));
        });
        lines.finish()
    }

    #[inline]
    fn insert_requests(hw_queue: &HwQueue<Self>, requests: Fifo<Request>) {
        let mut inner = hw_queue.data().inner.lock();
        let Inner {
            requests: held,
            allowance,
            ..
        } = &mut *inner;
        held.insert(
            requests,
            &mut Parker {
                hw_queue,
                allowance,
            },
        );
        if held.plan().is_none() || held.is_quiet() {
            inner.publish_ready(hw_queue);
        } else {
            inner.publish(hw_queue, true);
        }
    }

    #[inline]
    fn dispatch_request(hw_queue: &HwQueue<Self>) -> Option<Request> {
        let mut inner = hw_queue.data().inner.lock();
        let Some(request) = inner.requests.pop_quickly() else {
            return dispatch_held(hw_queue, inner);
        };
        inner.publish_ready(hw_queue);
        drop(inner);
        request.map(released)
    }

    #[inline]
    fn has_work(hw_queue: &HwQueue<Self>) -> bool {
        match hw_queue.data().next_ns.load(Relaxed) {
            0 => true,
            NEVER => false,
            next_ns => is_due(hw_queue, next_ns),
        }
    }

    fn alarm(hw_queue: &HwQueue<Self>) {
        let [next_ns, parked_ns] = hw_queue.data().first_ns();
        // Also if none is due yet: the alarm was for a request then, and the worker asks for the next.
        if parked_ns != NEVER {
            hw_queue.kick();
        }
        if next_ns <= now_ns() {
            hw_queue.run();
        }
    }

    fn release(hw_queue: &HwQueue<Self>) {
        let mut inner = hw_queue.data().inner.lock();
        let (done, has_more) = inner.pop_completions(hw_queue);
        // A request may have become due since the alarm looked: nobody runs the queue for it but another alarm.
        inner.publish_all(hw_queue, false);
        drop(inner);
        complete(done);
        if has_more {
            hw_queue.kick();
        }
    }
}

/// Whether what is held until this time may go; not inlined, so that it costs nothing where nothing is.
#[inline(never)]
fn is_due(hw_queue: &HwQueue<Ioem>, next_ns: u64) -> bool {
    next_ns <= now_ns() || hw_queue.must_drain()
}

/// The next request where something is held or asks limits; not inlined, so that it costs nothing where nothing is.
#[inline(never)]
fn dispatch_held(
    hw_queue: &HwQueue<Ioem>,
    mut inner: Guard<'_, Inner, SpinLockBackend>,
) -> Option<Request> {
    let request = inner.pop(hw_queue);
    // After a request, the block layer asks for the next. After none, it would wait for 3 ms, also if the next request became due
    // since the clock was read.
    inner.publish(hw_queue, request.is_some());
    drop(inner);
    request.map(released)
}

/// Remembers that a request goes to the driver.
#[inline]
fn released(mut request: Request) -> Request {
    request.set_released();
    request
}
