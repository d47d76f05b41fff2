// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Flags of other programs that limit I/O, and those of kchaos to type instead.

use super::table::{Borrowed, row};

/// The tip about the word `max` of a cgroup's `io.max`.
pub(super) const NO_LIMIT: &str = "'max' is no limit, as without an injection; leave it out, or end \
                                   a limit with 'kchaos recover NAME'";

/// The flags, as in [`FLAGS`](super::table::FLAGS).
pub(super) const LIMITS: &[Borrowed] = &[
    row(
        &[
            "max-iops",
            "iops-max",
            "limit-iops",
            "iops-limit",
            "rate-iops",
            "total-iops",
            "total-iops-sec",
            "iops-total",
            "io-maxiops",
            "io-limit",
            "throttling-iops-total",
            "iops-sec",
        ],
        "100",
        "'--iops {}'",
    ),
    row(
        &[
            "device-read-iops",
            "read-iops",
            "riops",
            "read-iops-sec",
            "iops-rd",
            "ioreadiopsmax",
            "iops-read",
            "throttling-iops-read",
            "max-read-iops",
            "blkio-throttle-read-iops-device",
            "device-read-iops-max",
        ],
        "100",
        "'--iops {} --op read --device {device}'",
    ),
    row(
        &[
            "device-write-iops",
            "write-iops",
            "wiops",
            "write-iops-sec",
            "iops-wr",
            "iowriteiopsmax",
            "iops-write",
            "throttling-iops-write",
            "max-write-iops",
            "blkio-throttle-write-iops-device",
        ],
        "100",
        "'--iops {} --op write --device {device}'",
    ),
    row(
        &[
            "bps",
            "rate",
            "throughput",
            "speed",
            "total-bytes-sec",
            "bytes-per-second",
            "io-maxbandwidth",
            "max-bandwidth",
            "mbps",
            "bytes-sec",
            "throttling-bps-total",
        ],
        "10MB/s",
        "'--bandwidth {}'",
    ),
    row(
        &[
            "rbps",
            "device-read-bps",
            "ioreadbandwidthmax",
            "read-bps",
            "bps-read",
            "bps-rd",
            "read-bytes-sec",
            "blkio-throttle-read-bps-device",
            "throttling-bps-read",
        ],
        "10MB/s",
        "'--bandwidth {} --op read --device {device}'",
    ),
    row(
        &[
            "wbps",
            "device-write-bps",
            "iowritebandwidthmax",
            "write-bps",
            "bps-write",
            "bps-wr",
            "write-bytes-sec",
            "blkio-throttle-write-bps-device",
            "throttling-bps-write",
        ],
        "10MB/s",
        "'--bandwidth {} --op write --device {device}'",
    ),
    row(
        &["limit"],
        "100",
        "'kchaos inject ioem limit --iops {}' limits I/Os, and '--times N' says how \
         many are affected",
    ),
    row(
        &["interval", "window", "slice-time", "cycle"],
        "100ms",
        "'--period {ms}'",
    ),
    row(
        &[
            "iops-burst",
            "cburst",
            "iops-max-length",
            "iops-burst-length",
            "bps-burst",
        ],
        "",
        "'--burst N' saves so many I/Os of '--quota N', '--bytes-burst N' bytes of '--bandwidth \
         RATE'",
    ),
    row(
        &[
            "weight",
            "blkio-weight",
            "ioprio",
            "priority",
            "ioweight",
            "io-weight",
            "ioscheduling-class",
            "ioschedulingclass",
            "ioschedulingpriority",
            "blkio-weight-device",
            "class",
            "classid",
            "classdata",
            "prio",
            "bfq-weight",
        ],
        "",
        "nothing weighs I/O here; '--iops RATE' limits it",
    ),
    row(
        &["slot"],
        "",
        "'--quota N' I/Os may go at once in each '--period TIME'",
    ),
    row(
        &["iops-size", "io-size"],
        "",
        "'--ios-of-bytes N' counts an I/O once for each begun N bytes; '--min-bytes' and \
         '--max-bytes' choose I/Os by size",
    ),
    row(
        &["iodevicelatencytargetsec", "io-latency", "latency-target"],
        "",
        "nothing here keeps I/O fast; '--delay TIME' makes it slow",
    ),
];
