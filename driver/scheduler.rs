// SPDX-License-Identifier: GPL-2.0-only

//! The I/O scheduler `ioem`: a first-in, first-out queue in which injections hold requests back.
//!
//! State is per hardware queue, under a lock that no interrupt takes: the timer only has the queue run. `has_work` reads one
//! word.

use crate::{
    config,
    elevator::{
        atomic::{AtomicBool, AtomicU32, AtomicU64, Relaxed},
        now_ns, Allocation, Bio, Elevator, Fifo, HwQueue, Queue, Remember, Request,
    },
    hold::{Hold, NEVER},
    plan::{Plan, Share},
    policy::filter::Forecast,
};
use kernel::{
    fmt::Write,
    new_condvar, new_spinlock,
    page::PAGE_SIZE,
    prelude::*,
    str::Formatter,
    sync::{
        lock::{spinlock::SpinLockBackend, Guard},
        Arc, ArcBorrow, CondVar, SpinLock,
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
    next_ns: AtomicU64,
    /// What the plan asks of who submits: [`SOME`] and what follows. Written under the lock.
    asks: AtomicU32,
    /// Whether so much is held that those whose I/O would be, too, have to leave tags to others. Written under the lock.
    is_full: AtomicBool,
    /// Here wait submitters whose I/O would be held, while as much is held as may be.
    #[pin]
    room: CondVar,
}

/// Those whose I/O is held leave tags to others.
const SOME: u32 = 1;
/// Everybody's I/O is held, and leaves some tags.
const ALL: u32 = 2;
/// The plan asks for PID namespaces.
const PID_NAMESPACE: u32 = 4;

/// What is protected by the lock of a hardware queue.
struct Inner {
    hold: Hold,
    /// When the timer was last asked to run the queue.
    alarm_ns: u64,
    /// How many wait at `room`.
    waiting: u32,
}

/// How many of a hardware queue's tags may be held, so that others find some: half. If everybody's I/O is held, all but a few,
/// for what is never held: swap, and commands to the disk that the scheduler does not see but that need a tag.
///
/// Who finds that many held waits here and not for a tag: the block layer wakes one who waits for a tag whenever one gets
/// free, also for a tag that he may not have, and those whose I/O nobody holds would pay for that with each of their I/Os.
pub(crate) const fn tags_to_hold(tags: u32, share: Share) -> u32 {
    let of_others = match share {
        Share::Nothing => 0,
        Share::Some => tags.div_ceil(2),
        Share::All => tags.div_ceil(16),
    };
    at_least_one(tags.saturating_sub(of_others))
}

/// How many tags those have whose I/O will be held: some more than can be held, as a request is held only some time after it
/// has got its tag, and many may be on their way.
const fn tags_to_take(tags: u32, share: Share) -> u32 {
    let of_others = tags.saturating_sub(tags_to_hold(tags, share)).div_ceil(2);
    at_least_one(tags.saturating_sub(of_others))
}

const fn at_least_one(tags: u32) -> u32 {
    if tags == 0 {
        1
    } else {
        tags
    }
}

impl Inner {
    /// Makes known when the next request may go. Everything that changes what is held ends with this.
    ///
    /// `runs` tells that the hardware queue is run after this anyway, so that what may go already needs no timer.
    #[inline]
    fn publish(&mut self, hw_queue: &HwQueue<Ioem>, runs: bool) {
        match self.hold.settled_next_ns() {
            // Of what is held, the timer and others know.
            Some(next_ns) if next_ns == 0 || next_ns == NEVER || next_ns == self.alarm_ns => {
                hw_queue.data().next_ns.store(next_ns, Relaxed);
            }
            _ => self.publish_all(hw_queue, runs),
        }
    }

    /// The same after a change of what is followed, too.
    fn publish_all(&mut self, hw_queue: &HwQueue<Ioem>, runs: bool) {
        let next_ns = self.hold.next_ns();
        // Relaxed: who runs the queue after an insertion does so in the same task, and `blk_mq_run_hw_queue` looks again
        // under `queue_lock`, which orders it with all other runs.
        let state = hw_queue.data();
        state.next_ns.store(next_ns, Relaxed);
        let is_full = self.hold.held() > 0 && self.is_full(hw_queue);
        // As for `publish_asks`.
        if is_full != state.is_full.load(Relaxed) {
            state.is_full.store(is_full, Relaxed);
        }
        self.publish_asks(state);
        self.hold.settle();
        // Of those who wait, some may not be held any more, whether or not there is room for the others.
        if self.hold.take_changed() && self.waiting > 0 {
            state.room.notify_all();
        }
        if next_ns != 0 && next_ns != NEVER && next_ns != self.alarm_ns {
            self.set_alarm(hw_queue, next_ns, runs);
        }
    }

    /// The same when nothing is held, and nothing was: then no time is waited for, and what is asked of who submits is known.
    #[inline]
    fn publish_ready(&self, hw_queue: &HwQueue<Ioem>) {
        let next_ns = if self.hold.has_ready() { 0 } else { NEVER };
        hw_queue.data().next_ns.store(next_ns, Relaxed);
    }

    /// The next request that may go, or any if the queue has to drain, by the rules that are followed.
    fn pop(&mut self, hw_queue: &HwQueue<Ioem>) -> Option<Request> {
        if hw_queue.must_drain() {
            self.hold.pop_any()
        } else {
            self.hold.pop()
        }
    }

    /// Whether as much is held as may be while others need tags.
    fn is_full(&self, hw_queue: &HwQueue<Ioem>) -> bool {
        self.hold.held() >= tags_to_hold(hw_queue.tags(), self.hold.share())
    }

    /// Whether so many tags are in use that who is held would wait for one, in the queue of those whose I/O is not: plugged
    /// requests, or those on their way here, may be many, and nobody has counted them as held yet.
    ///
    /// Not when nothing is held: who waits at `room` goes on when something is dispatched that was.
    fn is_crowded(&self, hw_queue: &HwQueue<Ioem>) -> bool {
        if self.hold.held() == 0 {
            return false;
        }
        let (tags, share) = (hw_queue.tags(), self.hold.share());
        // Of what other hardware queues hold, only the tags are known here.
        let most = if hw_queue.shares_tags() {
            tags_to_hold(tags, share)
        } else {
            tags_to_take(tags, share)
        };
        hw_queue.tags_in_use() >= most
    }

    /// Makes known what the plan asks of who submits.
    #[inline]
    fn publish_asks(&self, state: &HwState) {
        let asks = self.asks();
        // The line is shared with who submits: written only when it changes.
        if asks != state.asks.load(Relaxed) {
            state.asks.store(asks, Relaxed);
        }
    }

    /// What the plan asks of who submits.
    fn asks(&self) -> u32 {
        let Some(plan) = self.hold.plan() else {
            return 0;
        };
        // Limits that let everything through take no tags.
        let of_tags = match self.hold.share() {
            Share::Nothing => 0,
            _ if self.hold.held() == 0 && !plan.delays() => 0,
            Share::Some => SOME,
            Share::All => ALL,
        };
        of_tags
            | if plan.asks_for_pid_namespace {
                PID_NAMESPACE
            } else {
                0
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
        let state = hw_queue.data();
        let mut inner = state.inner.lock();
        let old = inner.hold.follow(plan);
        inner.publish_all(hw_queue, true);
        drop(inner);
        // It may be the last reference: memory is freed better without the lock.
        drop(old);
        hw_queue.run();
    }

    /// Judges all that is held again by the plan that is followed, after one of its rules has ended or got another end.
    pub(crate) fn judge_again(hw_queue: &HwQueue<Ioem>) {
        let state = hw_queue.data();
        let mut inner = state.inner.lock();
        inner.hold.judge_again(now_ns());
        inner.publish_all(hw_queue, true);
        drop(inner);
        hw_queue.run();
    }
}

impl Inner {
    /// Whether a request that is about to be made would most likely be held.
    fn will_hold(&self, allocation: &Allocation<'_>) -> bool {
        let Some(plan) = self.hold.plan() else {
            return false;
        };
        match plan.forecast(allocation) {
            Forecast::No => false,
            Forecast::Yes => true,
            // Not what it is about, but who submits it is known, and that some of his I/O is held.
            Forecast::Perhaps => self.hold.holds_of(allocation.submitter()),
        }
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
                    waiting: 0,
                },
                "ioem_hw_queue"
            ),
            next_ns: AtomicU64::new(NEVER),
            asks: AtomicU32::new(0),
            is_full: AtomicBool::new(false),
            room <- new_condvar!("ioem_room"),
        })
    }

    fn start_queue(queue: ArcBorrow<'_, Queue<Self>>) -> Result {
        config::lock().attach(queue)
    }

    fn start_hw_queue(queue: &Queue<Self>, hw_queue: &HwQueue<Self>) {
        let number = hw_queue.number();
        hw_queue.data().inner.lock().hold.set_hw_queue(number);
        let config = config::lock();
        HwState::follow(hw_queue, config.plan_of(queue));
    }

    fn stop_queue(queue: &Queue<Self>) {
        config::lock().detach(queue);
    }

    fn least_tags(tags: u32) -> u32 {
        // The block layer wakes who waits for a tag when an eighth of this number got free, or 8 tags. If everybody's I/O is
        // held, that many have to be left to what is not, or it would wait for a tag while some are free.
        let left = tags.saturating_sub(tags_to_take(tags, Share::All));
        at_least_one(tags_to_hold(tags, Share::Some).min(left.saturating_mul(8)))
    }

    #[inline]
    fn bio_merge(hw_queue: &HwQueue<Self>, bio: Bio<'_>) -> bool {
        let state = hw_queue.data();
        // Relaxed: who sees a change late merges less. Mostly nothing waits, which has to cost nothing.
        state.next_ns.load(Relaxed) == 0 && state.inner.lock().hold.merge(bio)
    }

    #[inline]
    fn limit_depth(hw_queue: &HwQueue<Self>, allocation: &mut Allocation<'_>) {
        let state = hw_queue.data();
        // Relaxed: who sees a change late is as good as one who came before.
        let asks = state.asks.load(Relaxed);
        if asks & (SOME | ALL) == 0 {
            return;
        }
        if asks & ALL == 0 || state.is_full.load(Relaxed) {
            find_room(hw_queue, allocation);
        } else if !allocation.swaps_out() {
            allocation.limit_to(tags_to_take(hw_queue.tags(), Share::All));
        }
    }

    #[inline]
    fn remember(hw_queue: &HwQueue<Self>) -> Remember {
        match hw_queue.data().asks.load(Relaxed) {
            0 => Remember::Nothing,
            asks if asks & PID_NAMESPACE != 0 => Remember::ProcessAndNamespace,
            _ => Remember::Process,
        }
    }

    fn for_each_queue(visit: impl FnMut(&Queue<Self>)) {
        config::lock().for_each_queue(visit);
    }

    fn show_held(queue: &Queue<Self>, page: &mut [u8; PAGE_SIZE]) -> usize {
        let mut text = Formatter::new(page);
        let mut length = 0;
        queue.for_each_hw_queue(|hw_queue| {
            let inner = hw_queue.data().inner.lock();
            let (held, times) = (inner.hold.held(), inner.hold.first_and_last_ns());
            drop(inner);
            let now_ns = now_ns();
            let in_us = |time_ns: u64| time_ns.saturating_sub(now_ns) / 1_000;
            let (first, last) = times.unwrap_or((0, 0));
            let (first, last) = (in_us(first), in_us(last));
            let number = hw_queue.number();
            // What does not fit is left out, line by line.
            if writeln!(text, "{number} {held} {first} {last}").is_ok() {
                length = text.bytes_written();
            }
        });
        length
    }

    #[inline]
    fn insert_requests(hw_queue: &HwQueue<Self>, requests: Fifo) {
        let mut inner = hw_queue.data().inner.lock();
        inner.hold.insert(requests);
        if inner.hold.plan().is_none() || inner.hold.is_quiet() {
            inner.publish_ready(hw_queue);
        } else {
            inner.publish(hw_queue, true);
        }
    }

    #[inline]
    fn dispatch_request(hw_queue: &HwQueue<Self>) -> Option<Request> {
        let mut inner = hw_queue.data().inner.lock();
        let Some(request) = inner.hold.pop_quickly() else {
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
    let wakes = inner.waiting > 0 && !inner.is_full(hw_queue);
    // After a request, the block layer asks for the next. After none, it would wait for 3 ms, also if the next request became due
    // since the clock was read.
    inner.publish(hw_queue, request.is_some());
    drop(inner);
    if wakes {
        hw_queue.data().room.notify_one();
    }
    request.map(released)
}

/// Remembers that a request goes to the driver.
#[inline]
fn released(mut request: Request) -> Request {
    request.set_released();
    request
}

/// Keeps the submitter of a request that would be held from taking a tag that another one needs.
fn find_room(hw_queue: &HwQueue<Ioem>, allocation: &mut Allocation<'_>) {
    let state = hw_queue.data();
    let mut inner = state.inner.lock();
    let mut has_waited = false;
    while inner.will_hold(allocation) {
        let (tags, share) = (hw_queue.tags(), inner.hold.share());
        allocation.limit_to(tags_to_take(tags, share));
        // When the queue has to drain, all that is held goes, and this must not be what is waited for.
        if hw_queue.must_drain() || !(inner.is_full(hw_queue) || inner.is_crowded(hw_queue)) {
            break;
        }
        if !allocation.may_wait() {
            allocation.limit_to(tags_to_hold(tags, share));
            break;
        }
        has_waited = true;
        inner.waiting = inner.waiting.saturating_add(1);
        state.room.wait(&mut inner);
        inner.waiting = inner.waiting.saturating_sub(1);
    }
    // While nothing is held, no dispatch looks whether rules have ended.
    inner.hold.find_share();
    inner.publish(hw_queue, false);
    // Of those who wait, each dispatch wakes one: if there is room for more, that one wakes the next.
    let wakes = has_waited && inner.waiting > 0 && !inner.is_full(hw_queue);
    drop(inner);
    if wakes {
        state.room.notify_one();
    }
}
