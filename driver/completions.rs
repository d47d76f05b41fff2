// SPDX-License-Identifier: GPL-2.0-only

//! The completions that a hardware queue holds: when they go, and where they end.

use crate::{
    elevator::{Fifo, Hctx},
    held::Held,
    held_entry::{HeldEntry, Parked},
    ioem::Ioem,
    memory::Allowance,
    plan::Plan,
    sys::{
        atomic::{fence, AtomicBool, Relaxed, SeqCst},
        clock::now_ns,
    },
};
use kernel::{
    new_spinlock,
    prelude::*,
    sync::{
        lock::{spinlock::SpinLockBackend, Guard},
        Arc, SpinLock,
    },
    time::{delay::fsleep, Delta},
};

/// How many completions are ended at a time, before other work gets its turn.
const BATCH: usize = 64;

/// How many completions queue up for each set of limits in an interrupt. The worker has no bound.
const MOST_QUEUED_UP: usize = 256;

/// For how long the timer of completions sleeps at most. A freeze has the queue run, and so lets
/// completions go; but not while the queue is quiesced, or the disk keeps dispatched requests.
const LOOK_AGAIN_NS: u64 = 100_000_000;

// On one processor, a lock does not know that the task has it that a soft interrupt has stopped
// (see `Completions::release`).
#[cfg(not(CONFIG_SMP))]
compile_error!("ioem needs a kernel for several processors");

/// The completions of one hardware queue that are held, under a lock of their own: there may be
/// very many, and submitters do not wait while all of them are judged again.
#[pin_data]
pub(crate) struct Completions {
    #[pin]
    held: SpinLock<Held<Parked>>,
    /// The memory that they take, those included that have not arrived yet.
    pub(crate) allowance: Allowance,
    /// Whether any waits, for readers that may not lock. Written under the lock.
    any_waits: AtomicBool,
}

/// The lock is held.
type Locked<'a> = Guard<'a, Held<Parked>, SpinLockBackend>;

impl Completions {
    /// None.
    pub(crate) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            held <- new_spinlock!(Held::new(), "ioem_completions"),
            allowance: Allowance::new(),
            any_waits: AtomicBool::new(false),
        })
    }

    /// Locks them, to look at them.
    pub(crate) fn lock(&self) -> Locked<'_> {
        self.held.lock()
    }

    /// Whether any waits. Any context.
    #[inline]
    pub(crate) fn any_waits(&self) -> bool {
        // Relaxed: a reader that sees a change late is as good as one that came before it.
        self.any_waits.load(Relaxed)
    }

    /// Follows another plan, and judges all again. Gives back the old plan.
    pub(crate) fn follow(&self, hctx: &Hctx<Ioem>, plan: Option<Arc<Plan>>) -> Option<Arc<Plan>> {
        let mut held = self.held.lock();
        let old = held.follow(plan);
        self.unlock(held, hctx);
        old
    }

    /// Judges all again, after a rule has ended or got another end.
    pub(crate) fn judge_again(&self, hctx: &Hctx<Ioem>) {
        let mut held = self.held.lock();
        held.judge_again(now_ns());
        self.unlock(held, hctx);
    }

    /// Lets all go, and waits until they have. The queue is frozen.
    pub(crate) fn stop(&self, hctx: &Hctx<Ioem>) {
        let mut held = self.held.lock();
        take_arrivals(&mut held, hctx);
        let old = held.follow(None);
        self.unlock(held, hctx);
        drop(old);
        // They end where completions always do. Here, the disk's own code that is called at the end
        // of some would do more than it may.
        while !self.held.lock().is_empty() || hctx.has_departures() {
            fsleep(Delta::from_micros(20));
        }
    }

    /// As [`Elevator::release`](crate::elevator::Elevator::release).
    pub(crate) fn release(&self, hctx: &Hctx<Ioem>, in_interrupt: bool) {
        if !in_interrupt {
            let mut held = self.held.lock();
            take_arrivals(&mut held, hctx);
            let _ = held.queue_all_up(now_ns(), usize::MAX);
            // The timer ends these without the lock, which it might find taken again and again.
            if !hctx.has_departures() {
                hctx.depart(self.pop(&mut held, hctx, now_ns()));
            }
            return self.unlock(held, hctx);
        }
        hctx.take_departures(Parked::complete);
        // Another processor may have it, or the task that was interrupted.
        let Some(mut held) = self.held.try_lock() else {
            return hctx.kick();
        };
        // An interrupt has no time to judge many again, or to have very many queue up.
        let now_ns = now_ns();
        if held.has_expired(now_ns) || !held.queue_all_up(now_ns, MOST_QUEUED_UP) {
            drop(held);
            return hctx.kick();
        }
        let mut done = self.pop(&mut held, hctx, now_ns);
        let releases = self.set_release(&mut held, hctx);
        drop(held);
        // Completions that the worker has taken out since come before these.
        hctx.take_departures(Parked::complete);
        while let Some(parked) = done.pop_front() {
            parked.complete();
        }
        release_now(hctx, releases);
    }

    /// Takes completions that may go at this time, some at a time. While the queue is frozen or
    /// about to be, all may: only their submitters wait for them then, and whoever freezes the
    /// queue may wait for these, as when the disk is gone.
    fn pop(&self, held: &mut Held<Parked>, hctx: &Hctx<Ioem>, now_ns: u64) -> Fifo<Parked> {
        let mut done = Fifo::new();
        for _ in 0..BATCH {
            let popped = if hctx.is_freezing() {
                held.pop_any()
            } else {
                held.pop_at(now_ns)
            };
            let Some(parked) = popped else { break };
            self.allowance.give_back(parked.size());
            // No task is moved to another processor while it has the lock.
            parked.count_time(now_ns.saturating_sub(parked.arrival_ns()));
            done.push_back(parked);
        }
        done
    }

    /// Unlocks after a change, so that the first completion that may go is released at its time.
    fn unlock(&self, mut held: Locked<'_>, hctx: &Hctx<Ioem>) {
        let releases = self.set_release(&mut held, hctx);
        drop(held);
        release_now(hctx, releases);
    }

    /// Asks the timer to release the first completion that may go. True if some may go already:
    /// then the caller asks when it has given up the lock, which the timer's soft interrupt would
    /// find taken.
    #[must_use = "completions that may go now are to be released now"]
    fn set_release(&self, held: &mut Held<Parked>, hctx: &Hctx<Ioem>) -> bool {
        held.set_published();
        self.any_waits.store(held.count() > 0, Relaxed);
        // A freeze looks at that word after it has begun, and this looks whether one has after
        // that: one of both sees the other.
        fence(SeqCst);
        if hctx.has_departures() {
            return true;
        }
        if held.is_empty() {
            return false;
        }
        let (next_ns, now_ns) = (held.next_ns(), now_ns());
        if next_ns <= now_ns || hctx.is_freezing() {
            return true;
        }
        let next_ns = next_ns.min(now_ns.saturating_add(LOOK_AGAIN_NS));
        // Also if it was asked before: it may have woken earlier for another completion, and found
        // nothing that may go.
        hctx.release_at(next_ns);
        false
    }
}

/// Takes completions that have arrived, and judges all again if a rule has ended.
fn take_arrivals(held: &mut Held<Parked>, hctx: &Hctx<Ioem>) {
    hctx.take_arrivals(|parked| held.arrive(parked));
    let now_ns = now_ns();
    if held.has_expired(now_ns) {
        held.judge_again(now_ns);
    }
}

/// Has completions released that may go now, if there are any. Without the lock: see
/// [`Completions::set_release`].
fn release_now(hctx: &Hctx<Ioem>, releases: bool) {
    if releases {
        hctx.release_at(now_ns());
    }
}
