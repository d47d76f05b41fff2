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
    time::{delay::fsleep, Delta},
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
    /// The operations that some rule of the plan may be about, as [`Plan::operations`]. Written under the lock.
    operations: AtomicU32,
    /// Whether the plan asks for PID namespaces. Written under the lock.
    asks_for_pid_namespace: AtomicBool,
}

/// How many completions are ended at a time, before others get their turn.
const BATCH: usize = 64;

/// For how long the timer of completions sleeps at most. A freeze has the queue run, and so lets completions go; but not while
/// the queue is quiesced, or the disk keeps what was dispatched.
const LOOK_AGAIN_NS: u64 = 100_000_000;

/// The value of `next_ns` when no request may go at any time, and completions are held.
const ONLY_COMPLETIONS: u64 = NEVER - 1;

// One processor's lock does not know that the task has it that a soft interrupt has stopped (see `Ioem::release`).
#[cfg(not(CONFIG_SMP))]
compile_error!("ioem needs a kernel for several processors");

/// What is protected by the lock of a hardware queue.
struct Inner {
    requests: Hold<Request>,
    completions: Hold<Parked>,
    /// The memory that completions take, those included that have not arrived yet.
    allowance: Allowance,
    /// When the timer was last asked to run the queue.
    alarm_ns: u64,
}

/// Has completions of a hardware queue's requests held.
struct Parker<'a> {
    hw_queue: &'a HwQueue<Ioem>,
    allowance: &'a mut Allowance,
}

impl Park for Parker<'_> {
    fn can_park(&self, request: &Request) -> bool {
        self.hw_queue.can_park(request)
    }

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
                self.publish_next(hw_queue, next_ns);
            }
            _ => self.publish_all(hw_queue, runs),
        }
    }

    /// The same after a change of what is followed, too.
    fn publish_all(&mut self, hw_queue: &HwQueue<Ioem>, runs: bool) {
        let next_ns = self.requests.next_ns();
        // Relaxed: who runs the queue after an insertion does so in the same task, and `blk_mq_run_hw_queue` looks again
        // under `queue_lock`, which orders it with all other runs.
        self.publish_next(hw_queue, next_ns);
        self.requests.settle();
        let is_new = next_ns != 0 && next_ns != NEVER && next_ns != self.alarm_ns;
        if is_new && (!runs || next_ns > now_ns()) {
            self.alarm_ns = next_ns;
            hw_queue.wake_at(next_ns);
        }
    }

    /// Asks the timer to release the first completion that may go. Everything that changes which are held ends with this.
    ///
    /// True if some may go already, the caller has to ask when it has given up the lock: the timer's soft interrupt would find it taken.
    #[must_use = "completions that may go now are to be released now"]
    fn set_release(&mut self, hw_queue: &HwQueue<Ioem>) -> bool {
        self.completions.settle();
        self.publish_next(hw_queue, self.requests.next_ns());
        if hw_queue.has_departures() {
            return true;
        }
        if self.completions.is_empty() {
            return false;
        }
        let (next_ns, now_ns) = (self.completions.next_ns(), now_ns());
        if next_ns <= now_ns || hw_queue.is_freezing() {
            return true;
        }
        let next_ns = next_ns.min(now_ns.saturating_add(LOOK_AGAIN_NS));
        // Also if it was asked before: who came in between may have had it wake earlier, and found nothing that may go.
        hw_queue.release_at(next_ns);
        false
    }

    /// Makes known when the next request may go.
    #[inline]
    fn publish_next(&self, hw_queue: &HwQueue<Ioem>, next_ns: u64) {
        let only_completions = next_ns == NEVER && self.completions.held() > 0;
        let next_ns = if only_completions {
            ONLY_COMPLETIONS
        } else {
            next_ns
        };
        hw_queue.data().next_ns.store(next_ns, Relaxed);
    }

    /// [`Inner::publish`] when no request is held, and none was: then no time is waited for.
    #[inline]
    fn publish_ready(&self, hw_queue: &HwQueue<Ioem>) {
        let next_ns = if self.requests.has_ready() { 0 } else { NEVER };
        self.publish_next(hw_queue, next_ns);
    }

    /// The next request that may go, or any if the queue has to drain, by the rules that are followed.
    fn pop(&mut self, hw_queue: &HwQueue<Ioem>) -> Option<Request> {
        if hw_queue.must_drain() {
            self.requests.pop_any()
        } else {
            self.requests.pop()
        }
    }

    /// Takes in completions that have arrived, and judges all again if a rule has ended.
    fn take_arrivals(&mut self, hw_queue: &HwQueue<Ioem>) {
        hw_queue.take_arrivals(|parked| self.completions.arrive(parked));
        let now_ns = now_ns();
        if self.completions.has_expired(now_ns) {
            self.completions.judge_again(now_ns);
        }
    }

    /// Takes completions that may go at this time, some at a time. While the queue is frozen or about to be, all may: nobody waits for them
    /// then but their submitters, who may be what the one waits for who freezes it, as when the disk is gone.
    fn pop_completions(&mut self, hw_queue: &HwQueue<Ioem>, now_ns: u64) -> Fifo<Parked> {
        let mut done = Fifo::new();
        for _ in 0..BATCH {
            let popped = if hw_queue.is_freezing() {
                self.completions.pop_any()
            } else {
                self.completions.pop_at(now_ns)
            };
            let Some(parked) = popped else { break };
            self.leave(&parked, now_ns);
            done.push_back(parked);
        }
        done
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
        let plan = self.requests.plan();
        self.requests
            .look_at_held(|request| lines.add("request", request, plan));
        let plan = self.completions.plan();
        self.completions
            .look_at_held(|parked| lines.add("completion", parked, plan));
        let held = self.requests.held().saturating_add(self.completions.held());
        let left_out = held.saturating_sub(lines.shown);
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
    /// Adds one; whether there is room for more.
    fn add(&mut self, kind: &str, held: &impl Held, plan: Option<&Plan>) -> bool {
        if self.shown >= MOST_LISTED {
            return false;
        }
        self.shown = self.shown.saturating_add(1);
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
        true
    }
}

impl HwState {
    /// Follows another plan, and judges all that is held again.
    pub(crate) fn follow(hw_queue: &HwQueue<Ioem>, plan: Option<Arc<Plan>>) {
        let state = hw_queue.data();
        let mut inner = state.inner.lock();
        let (requests, completions) = inner.follow(hw_queue, plan);
        inner.publish_all(hw_queue, true);
        let releases = inner.set_release(hw_queue);
        drop(inner);
        release_now(hw_queue, releases);
        // They may be the last references: memory is freed better without the lock.
        drop((requests, completions));
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
        let releases = inner.set_release(hw_queue);
        drop(inner);
        release_now(hw_queue, releases);
        hw_queue.run();
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
        let lock = &hw_queue.data().inner;
        let mut inner = lock.lock();
        inner.take_arrivals(hw_queue);
        let old = inner.completions.follow(None);
        let releases = inner.set_release(hw_queue);
        drop(inner);
        release_now(hw_queue, releases);
        drop(old);
        // They end where all others do, and not here, where some that are told of an end would do more than they may: the queue is
        // frozen.
        while !lock.lock().completions.is_empty() || hw_queue.has_departures() {
            fsleep(Delta::from_micros(20));
        }
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

    fn release(hw_queue: &HwQueue<Self>, in_interrupt: bool) {
        let lock = &hw_queue.data().inner;
        if !in_interrupt {
            let mut inner = lock.lock();
            inner.take_arrivals(hw_queue);
            // What the timer has to end, it gets without the lock, which it might find taken again and again.
            if !hw_queue.has_departures() {
                hw_queue.depart(inner.pop_completions(hw_queue, now_ns()));
            }
            let releases = inner.set_release(hw_queue);
            drop(inner);
            return release_now(hw_queue, releases);
        }
        hw_queue.take_departures(Parked::complete);
        // Another processor may have it, or the task that was interrupted.
        let Some(mut inner) = lock.try_lock() else {
            return hw_queue.kick();
        };
        // To judge many again takes too long for an interrupt.
        let now_ns = now_ns();
        if inner.completions.has_expired(now_ns) {
            drop(inner);
            return hw_queue.kick();
        }
        let mut done = inner.pop_completions(hw_queue, now_ns);
        let releases = inner.set_release(hw_queue);
        drop(inner);
        while let Some(parked) = done.pop_front() {
            parked.complete();
        }
        release_now(hw_queue, releases);
    }
}

/// Has completions released that may go now, if there are any. Without the lock: see [`Inner::set_release`].
fn release_now(hw_queue: &HwQueue<Ioem>, releases: bool) {
    if releases {
        hw_queue.release_at(now_ns());
    }
}

/// Whether what is held until this time may go; not inlined, so that it costs nothing where nothing is.
#[inline(never)]
fn is_due(hw_queue: &HwQueue<Ioem>, next_ns: u64) -> bool {
    if hw_queue.is_freezing() {
        // All completions go.
        hw_queue.kick();
    }
    next_ns != ONLY_COMPLETIONS && (next_ns <= now_ns() || hw_queue.must_drain())
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
