// SPDX-License-Identifier: GPL-2.0-only

//! The completions that a hardware queue holds, and their release.

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

/// How many completions end at a time, before other work gets its turn.
const BATCH: usize = 64;

/// How many completions an interrupt has queue up for each set of limits at most. The worker has no
/// bound.
const MOST_QUEUED_UP: usize = 256;

/// For how long the timer of completions sleeps at most. A freeze runs the queue, and `has_work`
/// then has completions go; but the block layer does not call that while the queue is quiesced, or
/// while requests are on its own dispatch list.
const LOOK_AGAIN_NS: u64 = 100_000_000;

// On a kernel for one processor, `try_lock` succeeds even if a soft interrupt has stopped the task
// that holds the lock (see `Completions::release`).
#[cfg(not(CONFIG_SMP))]
compile_error!("ioem needs a kernel for several processors");

/// The held completions of one hardware queue, under a lock of their own: there may be very many,
/// and submitters must not wait while all of them are judged again.
#[pin_data]
pub(crate) struct Completions {
    #[pin]
    held: SpinLock<Held<Parked>>,
    /// The memory that the completions take, including completions that have not arrived yet.
    pub(crate) allowance: Allowance,
    /// Whether any completion waits, for readers that must not lock. Written under the lock.
    any_waits: AtomicBool,
}

/// The locked completions.
type Locked<'a> = Guard<'a, Held<Parked>, SpinLockBackend>;

impl Completions {
    /// No completion.
    pub(crate) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            held <- new_spinlock!(Held::new(), "ioem_completions"),
            allowance: Allowance::new(),
            any_waits: AtomicBool::new(false),
        })
    }

    /// Locks the completions, for a look at them.
    pub(crate) fn lock(&self) -> Locked<'_> {
        self.held.lock()
    }

    /// Whether any completion waits. May be called in any context.
    #[inline]
    pub(crate) fn any_waits(&self) -> bool {
        // Relaxed: a reader that sees a change late acts as if it had come before it.
        self.any_waits.load(Relaxed)
    }

    /// Follows another plan, judges all completions again, and returns the old plan.
    pub(crate) fn follow(&self, hctx: &Hctx<Ioem>, plan: Option<Arc<Plan>>) -> Option<Arc<Plan>> {
        let mut held = self.held.lock();
        let old = held.follow(plan);
        self.unlock(held, hctx);
        old
    }

    /// Judges all completions again, after a rule has ended or its end has changed.
    pub(crate) fn judge_again(&self, hctx: &Hctx<Ioem>) {
        let mut held = self.held.lock();
        held.judge_again(now_ns());
        self.unlock(held, hctx);
    }

    /// Lets all completions go, and waits until they have. The queue is frozen.
    pub(crate) fn stop(&self, hctx: &Hctx<Ioem>) {
        let mut held = self.held.lock();
        take_arrivals(&mut held, hctx);
        let old = held.follow(None);
        self.unlock(held, hctx);
        drop(old);
        // They end where they always do, in the timer's soft interrupt. Some `bi_end_io` do more
        // when they run in a task, and could then wait for the queue that this task has frozen.
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
            // The timer ends departed completions without the lock, which it might find taken again
            // and again.
            if !hctx.has_departures() {
                hctx.depart(self.pop(&mut held, hctx, now_ns()));
            }
            return self.unlock(held, hctx);
        }
        hctx.take_departures(Parked::complete);
        // Another processor may hold the lock, or the interrupted task.
        let Some(mut held) = self.held.try_lock() else {
            return hctx.kick();
        };
        // An interrupt has no time to judge many completions again, or to have very many queue up.
        let now_ns = now_ns();
        if held.has_expired(now_ns) || !held.queue_all_up(now_ns, MOST_QUEUED_UP) {
            drop(held);
            return hctx.kick();
        }
        let mut done = self.pop(&mut held, hctx, now_ns);
        let releases = self.set_release(&mut held, hctx);
        drop(held);
        // Completions that have departed since come before these.
        hctx.take_departures(Parked::complete);
        while let Some(parked) = done.pop_front() {
            parked.complete();
        }
        release_now(hctx, releases);
    }

    /// Takes a batch of completions that may go at this time. While the queue is frozen or about to
    /// be, all may go: the task that freezes the queue may itself wait for the submitters of these
    /// completions, as when the disk is removed.
    fn pop(&self, held: &mut Held<Parked>, hctx: &Hctx<Ioem>, now_ns: u64) -> Fifo<Parked> {
        let mut done = Fifo::new();
        for _ in 0..BATCH {
            let popped = if hctx.is_freezing() {
                held.pop_any()
            } else {
                held.pop_at(now_ns)
            };
            let Some(mut parked) = popped else { break };
            held.fail(&mut parked);
            self.allowance.give_back(parked.size());
            // The kernel moves no task to another processor while the task holds the lock.
            parked.count_time(now_ns.saturating_sub(parked.arrival_ns()));
            done.push_back(parked);
        }
        done
    }

    /// Unlocks after a change, and sees to the release of the first completion at its time.
    fn unlock(&self, mut held: Locked<'_>, hctx: &Hctx<Ioem>) {
        // The same timer ends requests, and this may have put it off.
        let releases = self.set_release(&mut held, hctx) || hctx.data().ends.any();
        drop(held);
        release_now(hctx, releases);
    }

    /// Has the timer release the first completion at its time. Returns true if some may go already:
    /// then the caller has to call [`release_now`] after it has unlocked, or the timer's soft
    /// interrupt would find the lock taken.
    #[must_use = "completions that may go now are to be released now"]
    fn set_release(&self, held: &mut Held<Parked>, hctx: &Hctx<Ioem>) -> bool {
        held.set_published();
        self.any_waits.store(held.count() > 0, Relaxed);
        // A run that a freeze causes reads that word after the freeze has begun, and this function
        // looks for a freeze after it has written the word: one of the two sees the other.
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
        // Even if it was set to this time before: it may since have woken earlier for another
        // completion, and found none that may go.
        hctx.release_at(next_ns);
        false
    }
}

/// Takes completions that have arrived, and judges all completions again if a rule has ended.
fn take_arrivals(held: &mut Held<Parked>, hctx: &Hctx<Ioem>) {
    hctx.take_arrivals(|parked| held.arrive(parked));
    let now_ns = now_ns();
    if held.has_expired(now_ns) {
        held.judge_again(now_ns);
    }
}

/// Has the timer release completions now, if `releases`. To call without the lock, see
/// [`Completions::set_release`].
fn release_now(hctx: &Hctx<Ioem>, releases: bool) {
    if releases {
        hctx.release_at(now_ns());
    }
}
