// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Flags of other programs that limit I/O, and those of kchaos to type instead.

use super::table::{Borrowed, row};

/// The tip about bytes.
pub(super) const NO_BYTES: &str = "no limit counts bytes; '--iops N' counts I/Os, and \
                                   '--min-bytes' and '--max-bytes' choose them by size";

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
            "bandwidth",
            "bw",
            "bps",
            "rate",
            "rbps",
            "wbps",
            "throughput",
            "speed",
            "device-read-bps",
            "device-write-bps",
            "total-bytes-sec",
            "bytes-per-second",
            "ioreadbandwidthmax",
            "iowritebandwidthmax",
            "io-maxbandwidth",
            "max-bandwidth",
            "mbps",
            "read-bps",
            "write-bps",
            "bps-read",
            "bps-write",
            "bps-rd",
            "bps-wr",
            "read-bytes-sec",
            "write-bytes-sec",
            "bytes-sec",
            "blkio-throttle-read-bps-device",
            "blkio-throttle-write-bps-device",
            "throttling-bps-total",
            "throttling-bps-read",
            "throttling-bps-write",
        ],
        "",
        NO_BYTES,
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
            "burst",
            "iops-burst",
            "cburst",
            "iops-max-length",
            "iops-burst-length",
            "bps-burst",
            "slot",
        ],
        "",
        "a limit has no burst; '--quota N' I/Os may go at once in each '--period TIME'",
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
        &["iops-size", "io-size"],
        "",
        "a limit counts each request once, whatever its size; '--min-bytes' and \
         '--max-bytes' choose them by size",
    ),
    row(
        &["iodevicelatencytargetsec", "io-latency", "latency-target"],
        "",
        "nothing here keeps I/O fast; '--delay TIME' makes it slow",
    ),
];
