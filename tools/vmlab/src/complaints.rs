// SPDX-License-Identifier: GPL-2.0-only

//! Judges a kernel's log: which of its lines are complaints, and why each of them is one.

use crate::races::without_known_races;

/// A kind of complaint.
pub(crate) struct Complaint {
    /// A line with these words, in this order, is one.
    words: &'static [&'static str],
    /// Why such a line fails a run: its meaning.
    pub(crate) reason: &'static str,
}

const fn complaint(words: &'static [&'static str], reason: &'static str) -> Complaint {
    Complaint { words, reason }
}

const COMPLAINTS: [Complaint; 29] = [
    complaint(
        &["WARNING:"],
        "a WARN_ON of the kernel, or a report of lockdep",
    ),
    complaint(
        &["BUG:"],
        "a bad page fault, a sleep in atomic context, or a sanitizer's report",
    ),
    complaint(&["BUG "], "SLUB has found an object that was overwritten"),
    complaint(&["Oops"], "the kernel has used an invalid address"),
    complaint(
        &["Call Trace"],
        "the stack of a report, perhaps of a kind that the lab does not know",
    ),
    complaint(
        &["general protection"],
        "the kernel has used an address that no memory can have",
    ),
    complaint(
        &["possible ", " deadlock"],
        "lockdep: locks are taken in orders that can deadlock",
    ),
    complaint(
        &["possible recursive locking"],
        "lockdep: a task takes a lock that it already holds",
    ),
    complaint(
        &["suspicious RCU"],
        "lockdep: the kernel has used RCU data outside of a reader's section",
    ),
    complaint(
        &["blocked for more than"],
        "a task waits for minutes, for example for I/O that never ends",
    ),
    complaint(
        &["soft lockup"],
        "a processor has run nothing but the kernel for long",
    ),
    complaint(
        &["hard LOCKUP"],
        "a processor has taken no interrupt for long",
    ),
    complaint(
        &["chaos_driver", "enqueued on deprecated"],
        "the module uses a queue of work that the kernel is about to lose",
    ),
    complaint(&["rcu", "stall"], "a reader's section of RCU does not end"),
    complaint(
        &["rcu", "detected"],
        "a reader's section of RCU does not end",
    ),
    complaint(
        &["KASAN"],
        "the kernel has used memory that is free, or beyond its object",
    ),
    complaint(&["KCSAN"], "a data race"),
    complaint(
        &["UBSAN"],
        "behaviour that C leaves undefined, such as a shift that is too wide",
    ),
    complaint(
        &["refcount_t"],
        "a reference count has overflowed or underflowed",
    ),
    complaint(
        &["use-after-free"],
        "the kernel has used memory that is free",
    ),
    complaint(&["kernel panic"], "the kernel has given up"),
    complaint(&["Kernel panic"], "the kernel has given up"),
    complaint(
        &["list_add corruption"],
        "an entry is added to a list twice",
    ),
    complaint(
        &["list_del corruption"],
        "an entry is removed from a list twice",
    ),
    complaint(
        &["sysfs: cannot"],
        "a name is made twice: its first owner was not removed",
    ),
    complaint(
        &["leaked"],
        "the kernel has lost a resource, such as a tag or a reference",
    ),
    complaint(
        &["Invalid"],
        "a driver has given the kernel an impossible value",
    ),
    complaint(
        &["scheduling while atomic"],
        "a task sleeps while it holds a spinlock",
    ),
    complaint(
        &[FAILED_IO],
        "a disk or a file system has failed an I/O, and no test asks for failures; a run whose \
         command asks for them needs --io-errors",
    ),
];

/// Tests whose names begin so ask for failures: [`FAILED_IO`] is no complaint in their time.
const FAILING_TEST: &str = "] chaos-tests: error_";

/// The words by which a program of tests tells its present test.
const TEST: &str = "] chaos-tests: ";

/// The words of a kernel that has failed an I/O.
const FAILED_IO: &str = "I/O error";

/// At boot, kernels list the checks that they have.
const HARMLESS: [&str; 2] = ["debug is enabled.", "kcsan: "];

impl Complaint {
    fn is(&self, line: &str) -> bool {
        let mut rest = Some(line);
        for words in self.words {
            rest = rest.and_then(|rest| Some(rest.split_once(words)?.1));
        }
        rest.is_some()
    }
}

/// The complaints of a kernel: each line, and its first kind of complaint. Before the first test,
/// [`FAILED_IO`] is none if the run's command asks for errors.
pub(crate) fn complaints<'a>(
    log: &'a str,
    races: &str,
    io_errors: bool,
) -> Vec<(&'a str, &'static Complaint)> {
    let mut in_failing_test = io_errors;
    let mut is_harmless = |line: &str| {
        if line.contains(TEST) {
            in_failing_test = line.contains(FAILING_TEST);
        }
        HARMLESS.iter().any(|words| line.contains(words))
            || in_failing_test && line.contains(FAILED_IO)
    };
    let judged = without_known_races(log, races)
        .into_iter()
        .filter(|line| !is_harmless(line));
    let kind = |line| {
        COMPLAINTS
            .iter()
            .find(|kind| kind.is(line))
            .map(|kind| (line, kind))
    };
    judged.filter_map(kind).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines as kernels write them, at least one for each kind of complaint.
    const BAD: &str = "\
[    5.1] WARNING: CPU: 0 PID: 1 at block/elevator.c:42 elv_register+0x1/0x2
[    5.1] WARNING: possible circular locking dependency detected
[    5.1] BUG: kernel NULL pointer dereference, address: 0000000000000008
[    5.1] BUG: sleeping function called from invalid context at kernel/locking/mutex.c:283
[    5.1] BUG kmalloc-64 (Tainted: G    B      O      ): Right Redzone overwritten
[    5.1] Oops: 0000 [#1] SMP
[    5.1] Call Trace:
[    5.1] general protection fault, probably for non-canonical address 0xdead000000000100
[    5.1] systemd: possible irq lock inversion deadlock
[    5.1] x: possible recursive locking detected
[    5.1] x: suspicious RCU usage
[   42.0] INFO: task dd:77 blocked for more than 30 seconds.
[   42.0] watchdog: soft lockup - CPU#1 stuck for 26s! [fio:123]
[   42.0] Watchdog detected hard LOCKUP on cpu 0
[   42.0] rcu: INFO: rcu_preempt self-detected stall on CPU
[   42.0] rcu: INFO: rcu_sched detected expedited hangs
[   42.0] The buggy address is in KASAN's shadow
[   42.0] KCSAN is here
[   42.0] UBSAN: shift-out-of-bounds in block/blk-mq.c:12:3
[   42.0] refcount_t: underflow; use-after-free.
[   42.0] a use-after-free
[   42.0] end kernel panic
[   42.0] Kernel panic - not syncing: Attempted to kill init!
[   42.0] list_add corruption. prev->next should be next
[   42.0] list_del corruption, ffff8 is NULL
[   42.0] sysfs: cannot create duplicate filename '/devices/iosched'
[   42.0] null_blk: 3 tags leaked
[   42.0] workqueue: work func run [chaos_driver] enqueued on deprecated workqueue.
[   42.0] blk_update_request: Invalid request
[   42.0] scheduling while atomic: fio/123/0x00000002
[   42.0] Buffer I/O error on dev vda, logical block 0, async page read";

    const GOOD: &str = "\
[    0.0] Linux version 7.2.12+deb14-cloud-amd64 (debian-kernel@lists.debian.org)
[    0.0] Command line: console=ttyS0 panic=-1 loglevel=7
[    0.1] rcu: Hierarchical RCU implementation.
[    0.1] rcu: \tRCU lockdep checking is on
[    0.1] Kernel/User page tables isolation: page allocation debug is enabled. BUG:
[    0.1] kcsan: enabled early, KCSAN
[    0.1] a deadlock is possible
[    0.1] a stall of rcu
[    0.1] this is a BUG
[    0.1] invalid
[    1.0] chaos_driver: loading out-of-tree module taints kernel.
[    1.0] virtio_blk virtio1: [vda] 131072 512-byte logical blocks (67.1 MB/64.0 MiB)
[    9.9] reboot: Power down";

    #[test]
    fn complaints_are_told() {
        for line in BAD.lines() {
            assert_eq!(complaints(line, "", false).len(), 1, "{line}");
        }
        let told: Vec<&str> = complaints(BAD, "", false)
            .iter()
            .map(|(line, _)| *line)
            .collect();
        assert_eq!(told, BAD.lines().collect::<Vec<_>>());
    }

    #[test]
    fn failures_are_none_where_a_test_asks_for_them() {
        let error = "[ 1.1] Buffer I/O error on dev t0, logical block 0\n";
        let told = |before: &str, after: &str| {
            let log = format!("{before}{error}{after}");
            complaints(&log, "", false).len()
        };
        let (failing, other) = (
            "[ 1.0] chaos-tests: error_one\n",
            "[ 1.0] chaos-tests: one\n",
        );
        assert_eq!(told(failing, ""), 0);
        assert_eq!(told(failing, "[ 1.2] Oops: 0\n"), 1);
        assert_eq!(told(other, failing), 1);
        assert_eq!(told(&format!("{failing}{other}"), ""), 1);
    }

    #[test]
    fn other_lines_are_not() {
        let told: Vec<&str> = complaints(GOOD, "", false)
            .iter()
            .map(|(line, _)| *line)
            .collect();
        assert_eq!(told, [""; 0]);
    }

    #[test]
    fn each_kind_is_that_of_a_line() {
        for kind in &COMPLAINTS {
            assert!(BAD.lines().any(|line| kind.is(line)), "{:?}", kind.words);
            assert!(!kind.reason.is_empty());
        }
    }

    #[test]
    fn words_are_one_after_another() {
        let kind = complaint(&["possible ", " deadlock"], "");
        assert!(kind.is("a possible circular deadlock"));
        assert!(!kind.is("a deadlock is possible "));
        assert!(!kind.is("possible deadlock"));
    }
}
