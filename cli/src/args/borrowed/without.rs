// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Flags of other programs for which kchaos has no flag, and what to do instead.

/// The flags, without hyphens in front, each with a sentence for verbs that inject.
pub(super) const WITHOUT: [(&[&str], &str); 11] = [
    (
        &[
            "up",
            "down",
            "up-interval",
            "down-interval",
            "off",
            "on-time",
            "off-time",
        ],
        "'--profile 10s:0,5s:100' is at work for 5 of each 15 seconds; 'kchaos change NAME \
         --enabled 0' pauses an injection, and '--enabled 1' goes on",
    ),
    (
        &[
            "schedule",
            "cron",
            "until",
            "after",
            "start-after",
            "start-time",
            "begin",
            "ramp",
            "ramp-time",
            "ramp-up",
            "chaos-interval",
        ],
        "an injection begins at once; sleep, at or a timer of systemd can begin it later",
    ),
    (
        &["exclude", "except", "not-device", "skip", "ignore"],
        "an injection is about the devices that '--device' names, and no others",
    ),
    (
        &[
            "user",
            "username",
            "gid",
            "comm",
            "process-name",
            "processname",
            "pname",
            "command",
            "cmd",
            "exe",
            "program",
            "task-filter",
        ],
        "'--pid PID' takes a process that runs (see pgrep), and '--own -- COMMAND' a new one",
    ),
    (
        &[
            "selector",
            "label-selector",
            "labels",
            "app-label",
            "applabel",
            "appns",
            "app-ns",
            "appkind",
            "app-kind",
            "pods",
            "pod-name",
            "target-pods",
            "pods-affected-perc",
            "target-container",
            "mode",
        ],
        "kchaos is about the machine that it runs on; '--container ID' chooses a container there",
    ),
    (
        &[
            "numjobs",
            "ioengine",
            "direct",
            "time-based",
            "rwmixread",
            "rwmixwrite",
            "workers",
            "number-of-workers",
            "io-engine",
            "group-reporting",
        ],
        "kchaos makes no I/O of its own; a program that does comes after '--'",
    ),
    (
        &[
            "background",
            "daemon",
            "daemonize",
            "detached",
            "bg",
            "detach",
        ],
        "an injection stays when kchaos is done, unless '--for' or a command after '--' ends it",
    ),
    (
        &[
            "filesystem-utilization-percentage",
            "filesystem-utilization-bytes",
            "fill",
            "storage-opt",
            "reserve",
        ],
        "kchaos fills no disk; '--error ENOSPC --op write' has writes fail as on a full one",
    ),
    (
        &["json", "output", "format", "print"],
        "the output is the name alone; 'kchaos list --json' and 'kchaos status --json' print more",
    ),
    (
        &["yes", "assume-yes", "no-confirm", "interactive"],
        "kchaos asks nothing; '--force' is for disks that the system needs",
    ),
    (
        &["quiet", "silent"],
        "notes are on standard error: 2>/dev/null",
    ),
];
