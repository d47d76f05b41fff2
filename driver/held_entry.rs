// SPDX-License-Identifier: GPL-2.0-only

//! The entries that ioem can hold, requests and completions: ioem's data in each, and their answers
//! to filters.

use crate::{
    elevator::{self, OpFlags, Sorted, REQUEST_WORDS},
    policy::{
        ending::Flips,
        io::Io,
        operations::{Conditions, OPERATIONS, OTHER},
    },
    rule_set::RuleSet,
    sys::{
        cgroup::{Cgroup, Lineage},
        clock::now_ns,
    },
};

/// ioem's data in a request. Until its insertion, only `pid_namespace` is set.
#[derive(Clone, Copy)]
pub(crate) struct RequestData {
    /// When it arrived, in nanoseconds of [`now_ns`].
    arrival_ns: u64,
    /// When it is due, on the same clock.
    due_ns: u64,
    /// The rules that hold it.
    pub(crate) rules: RuleSet,
    /// The id of its submitter's PID namespace; 0 if no filter asks for it.
    pid_namespace: u64,
}

impl RequestData {
    /// The data of a new request whose submitter is in this PID namespace.
    pub(crate) fn of_submitter(pid_namespace: u64) -> Self {
        Self {
            arrival_ns: 0,
            due_ns: 0,
            rules: RuleSet::EMPTY,
            pid_namespace,
        }
    }
}

impl elevator::RequestData for RequestData {
    #[inline]
    fn from_words([due_ns, arrival_ns, rules, pid_namespace]: [u64; REQUEST_WORDS]) -> Self {
        Self {
            arrival_ns,
            due_ns,
            rules: RuleSet::from_bits(rules),
            pid_namespace,
        }
    }

    #[inline]
    fn into_words(self) -> [u64; REQUEST_WORDS] {
        [
            self.due_ns,
            self.arrival_ns,
            self.rules.bits(),
            self.pid_namespace,
        ]
    }
}

impl Default for RequestData {
    fn default() -> Self {
        Self::of_submitter(0)
    }
}

/// A request that ioem owns.
pub(crate) type Request = elevator::Request<RequestData>;

impl Request {
    /// Whether no rule is about it.
    ///
    /// As in blk-throttle, swap I/O is never held: tasks that need memory wait for it. A command of
    /// the driver's own is not for schedulers, but before Linux 6.5 it comes to them from a plug
    /// (`blk_mq_dispatch_plug_list`).
    #[inline]
    pub(crate) fn is_exempt(&self) -> bool {
        self.flags().is_passthrough() || self.is_swap()
    }
}

/// ioem's data of a held completion. The ids of its cgroups are the words behind it.
#[derive(Clone, Copy)]
pub(crate) struct CompletionData {
    /// When the block layer finished the request, in nanoseconds of [`now_ns`].
    arrival_ns: u64,
    /// When it is due; until it arrives, its delay.
    due_ns: u64,
    /// The rules that hold it.
    rules: RuleSet,
    /// The number of the plan that judged it.
    epoch: u64,
    // The answers to filters, kept because the request is gone when a rule changes.
    pid_namespace: u64,
    first_sector: u64,
    flags: OpFlags,
    bytes: u32,
    device: u32,
    partition: u8,
    /// Whether one of the rules that hold it has a part in its end.
    fails: bool,
}

/// A held completion.
pub(crate) type Parked = elevator::Parked<CompletionData>;

/// How a completion is to be held.
pub(crate) struct Parking {
    /// The rules that hold it.
    pub(crate) rules: RuleSet,
    /// Its delay, from the time when the block layer finishes the request.
    pub(crate) delay_ns: u64,
    /// The number of the plan that judged the request.
    pub(crate) epoch: u64,
    /// Whether one of these rules has a part in its end, although the disk has served it.
    pub(crate) fails: bool,
    /// The bits that this rule flips.
    pub(crate) flips: Flips,
}

impl Parking {
    /// The same in the form of the elevator, with the request's answers to filters.
    pub(crate) fn of<'a>(
        &self,
        request: &'a Request,
    ) -> elevator::Parking<CompletionData, impl Iterator<Item = u64> + 'a, Flips> {
        self.with(request, request.flags(), request.cgroups())
    }

    /// The same for an I/O with these flags, of these cgroups.
    pub(crate) fn with<'a>(
        &self,
        io: &dyn Io,
        flags: OpFlags,
        cgroups: Lineage<'a>,
    ) -> elevator::Parking<CompletionData, impl Iterator<Item = u64> + 'a, Flips> {
        let word_count = cgroups.len();
        elevator::Parking {
            data: CompletionData {
                arrival_ns: 0,
                due_ns: self.delay_ns,
                rules: self.rules,
                epoch: self.epoch,
                pid_namespace: io.pid_namespace(),
                first_sector: io.first_sector(),
                flags,
                bytes: io.bytes(),
                device: io.device(),
                partition: io.partition(),
                fails: self.fails,
            },
            word_count,
            words: cgroups.ids(),
            flips: self.flips,
        }
    }
}

impl Parked {
    /// The number of the plan that judged it.
    pub(crate) fn epoch(&self) -> u64 {
        self.data().epoch
    }

    /// Whether one of the rules that hold it has a part in its end.
    pub(crate) fn fails(&self) -> bool {
        self.data().fails
    }

    /// Sets its arrival to now, when the block layer finishes its request, and its due time.
    pub(crate) fn begin_to_wait(&mut self) {
        let data = self.data_mut();
        data.arrival_ns = now_ns();
        data.due_ns = data.arrival_ns.saturating_add(data.due_ns);
    }
}

/// An I/O that a filter may choose.
pub(crate) trait Candidate: Io {
    /// Whether it belongs to this cgroup, or to a cgroup below that.
    fn is_in_cgroup(&self, cgroup: &Cgroup) -> bool;
}

/// An entry that ioem can hold.
pub(crate) trait HeldEntry: Sorted<Key = u64> + Candidate {
    /// Whether it is a completion.
    const IS_COMPLETION: bool;

    /// When it arrived, in nanoseconds of [`now_ns`].
    fn arrival_ns(&self) -> u64;

    /// Sets when it arrived.
    fn set_arrival_ns(&mut self, arrival_ns: u64);

    /// When it is due, in nanoseconds of [`now_ns`].
    fn due_ns(&self) -> u64;

    /// Sets when it is due.
    fn set_due_ns(&mut self, due_ns: u64);

    /// The rules that hold it.
    fn rules(&self) -> RuleSet;

    /// Replaces these rules.
    fn set_rules(&mut self, rules: RuleSet);

    /// Its ticket, once it has queued up for limits.
    fn ticket(&self) -> u32 {
        self.spare() as u32
    }

    /// Gives it a ticket. A queue sorted by time overwrites the ticket.
    fn set_ticket(&mut self, ticket: u32) {
        self.set_spare(ticket as usize);
    }
}

impl Sorted for Request {
    type Key = u64;

    #[inline]
    fn key(&self) -> u64 {
        self.due_ns()
    }
}

impl HeldEntry for Request {
    const IS_COMPLETION: bool = false;

    #[inline]
    fn arrival_ns(&self) -> u64 {
        self.data().arrival_ns
    }

    #[inline]
    fn set_arrival_ns(&mut self, arrival_ns: u64) {
        let data = self.data();
        self.set_data(RequestData { arrival_ns, ..data });
    }

    #[inline]
    fn due_ns(&self) -> u64 {
        self.data().due_ns
    }

    #[inline]
    fn set_due_ns(&mut self, due_ns: u64) {
        let data = self.data();
        self.set_data(RequestData { due_ns, ..data });
    }

    #[inline]
    fn rules(&self) -> RuleSet {
        self.data().rules
    }

    #[inline]
    fn set_rules(&mut self, rules: RuleSet) {
        let data = self.data();
        self.set_data(RequestData { rules, ..data });
    }
}

impl Candidate for Request {
    fn is_in_cgroup(&self, cgroup: &Cgroup) -> bool {
        self.cgroups().include(cgroup)
    }
}

impl Sorted for Parked {
    type Key = u64;

    fn key(&self) -> u64 {
        self.due_ns()
    }
}

impl HeldEntry for Parked {
    const IS_COMPLETION: bool = true;

    fn arrival_ns(&self) -> u64 {
        self.data().arrival_ns
    }

    fn set_arrival_ns(&mut self, arrival_ns: u64) {
        self.data_mut().arrival_ns = arrival_ns;
    }

    fn due_ns(&self) -> u64 {
        self.data().due_ns
    }

    fn set_due_ns(&mut self, due_ns: u64) {
        self.data_mut().due_ns = due_ns;
    }

    fn rules(&self) -> RuleSet {
        self.data().rules
    }

    fn set_rules(&mut self, rules: RuleSet) {
        self.data_mut().rules = rules;
    }
}

impl Candidate for Parked {
    fn is_in_cgroup(&self, cgroup: &Cgroup) -> bool {
        self.words().contains(&cgroup.id())
    }
}

/// For each number of an operation in this kernel, the number that filters know it by.
const NUMBERS: [u8; OpFlags::OPERATIONS] = {
    let mut numbers = [OTHER as u8; OpFlags::OPERATIONS];
    let mut place = 0;
    while place < OPERATIONS.len() {
        match OpFlags::number_of(OPERATIONS[place]) {
            Some(here) => numbers[here as usize] = place as u8,
            None => panic!("the elevator knows each operation that a filter can choose"),
        }
        place += 1;
    }
    numbers
};

/// The number that filters know the operation of flags by.
#[inline]
pub(crate) fn operation(flags: OpFlags) -> u32 {
    NUMBERS[flags.operation() as usize].into()
}

/// The conditions that flags fulfil.
#[inline]
pub(crate) fn conditions(flags: OpFlags) -> Conditions {
    [
        (flags.is_sync(), Conditions::SYNC),
        (flags.is_fua(), Conditions::FUA),
        (flags.is_metadata(), Conditions::META),
    ]
    .into_iter()
    .filter(|(holds, _)| *holds)
    .fold(Conditions::NONE, |all, (_, one)| all.and(one))
}

impl Io for Request {
    #[inline]
    fn operation(&self) -> u32 {
        operation(self.flags())
    }

    #[inline]
    fn conditions(&self) -> Conditions {
        conditions(self.flags())
    }

    #[inline]
    fn first_sector(&self) -> u64 {
        self.first_sector()
    }

    #[inline]
    fn bytes(&self) -> u32 {
        self.bytes()
    }

    fn partition(&self) -> u8 {
        self.partition()
    }

    fn device(&self) -> u32 {
        self.device()
    }

    #[inline]
    fn pid_namespace(&self) -> u64 {
        self.data().pid_namespace
    }
}

impl Io for Parked {
    fn operation(&self) -> u32 {
        operation(self.data().flags)
    }

    fn conditions(&self) -> Conditions {
        conditions(self.data().flags)
    }

    fn first_sector(&self) -> u64 {
        self.data().first_sector
    }

    fn bytes(&self) -> u32 {
        self.data().bytes
    }

    fn partition(&self) -> u8 {
        self.data().partition
    }

    fn device(&self) -> u32 {
        self.data().device
    }

    fn pid_namespace(&self) -> u64 {
        self.data().pid_namespace
    }
}
