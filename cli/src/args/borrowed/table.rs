// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Flags of other programs, and those of kchaos to type instead.

/// Other programs' words for one thing.
pub(super) struct Borrowed {
    /// Their flags, without hyphens in front.
    pub(super) words: &'static [&'static str],
    /// A value, for a flag that was typed without one.
    pub(super) example: &'static str,
    /// The flags to type, with `{}` for the value, `{s}` and `{ms}` for one without a unit, and
    /// `{device}` for the part of it before a colon.
    pub(super) tip: &'static str,
}

const fn row(words: &'static [&'static str], example: &'static str, tip: &'static str) -> Borrowed {
    Borrowed {
        words,
        example,
        tip,
    }
}

/// The tip about bytes.
pub(super) const NO_BYTES: &str = "no limit counts bytes; '--iops N' counts I/Os, and \
                                   '--min-bytes' and '--max-bytes' choose them by size";

/// The flags. A row is about a verb that has all flags which its tip names.
pub(super) const FLAGS: [Borrowed; 47] = [
    row(
        &["percent", "percentage", "pct"],
        "10%",
        "'--probability {}' affects a share of the I/O, and '--percentiles \
         50:1ms,99:5ms' takes delays as measured",
    ),
    row(
        &[
            "latency",
            "mean",
            "lag",
            "delay-time",
            "time-delay",
            "latency-time",
            "thinktime",
        ],
        "10ms",
        "'--delay {}'",
    ),
    row(&["delay-ms", "latency-ms"], "10", "'--delay {ms}'"),
    row(&["jitter-ms"], "2", "'--jitter {ms}'"),
    row(&["period-ms"], "100", "'--period {ms}'"),
    row(
        &[
            "duration-s",
            "duration-sec",
            "duration-seconds",
            "timeout-s",
            "for-s",
            "seconds",
        ],
        "30",
        "'--for {s}', or in milliseconds '--duration-ms'",
    ),
    row(
        &[
            "time", "runtime", "ttl", "lease", "expire", "expires", "length",
        ],
        "30s",
        "'--for {}' says for how long, and '--times N' how often",
    ),
    row(
        &[
            "path",
            "dir",
            "directory",
            "file",
            "volume",
            "volume-path",
            "volumename",
            "volume-name",
            "mount",
            "mountpoint",
            "mount-point",
        ],
        "/mnt",
        "'--device {}' is about the whole disk that has the path",
    ),
    row(
        &[
            "disk",
            "drive",
            "blkdev",
            "block-device",
            "dev-name",
            "filename",
            "target",
        ],
        "/dev/sdb",
        "'--device {}'",
    ),
    row(
        &[
            "operation",
            "operations",
            "rw",
            "readwrite",
            "io-type",
            "iotype",
        ],
        "read,write",
        "'--op {}'",
    ),
    row(&["read", "reads"], "", "'--op read'"),
    row(&["write", "writes"], "", "'--op write'"),
    row(&["trim", "discard", "unmap"], "", "'--op discard'"),
    row(
        &["sync", "fua", "meta"],
        "",
        "'--op write,sync', '--op write,fua' or '--op write,meta'",
    ),
    row(
        &["flush", "fsync", "fdatasync"],
        "",
        "no flush passes through an I/O scheduler; '--op write' is about the writes \
         that an fsync waits for",
    ),
    row(
        &["action", "fault", "effect", "kind"],
        "",
        "the effect is a word: 'kchaos inject ioem delay --delay 10ms' or 'kchaos \
         inject ioem limit --iops 100'",
    ),
    row(
        &["read-delay", "delay-read", "rdelay", "read-latency"],
        "10ms",
        "'--delay {} --op read'",
    ),
    row(
        &["write-delay", "delay-write", "wdelay", "write-latency"],
        "10ms",
        "'--delay {} --op write'",
    ),
    row(
        &["trim-delay", "delay-trim", "discard-delay"],
        "10ms",
        "'--delay {} --op discard'",
    ),
    row(
        &["delay-zero", "zero-delay"],
        "10ms",
        "'--delay {} --op write_zeroes'",
    ),
    row(
        &["flush-delay", "delay-flush", "fdelay", "fsync-delay"],
        "10ms",
        "no flush passes through an I/O scheduler; '--delay {} --op write' slows down \
         the writes that an fsync waits for",
    ),
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
        ],
        "",
        NO_BYTES,
    ),
    row(
        &["bs", "blocksize", "block-size", "size", "bytes"],
        "4k",
        "'--min-bytes {}' and '--max-bytes {}' choose I/O by its size",
    ),
    row(
        &[
            "offset", "start", "region", "range", "ranges", "lba", "blocks",
        ],
        "",
        "'--sectors START+LENGTH' chooses a place on the disk, in sectors of 512 bytes",
    ),
    row(
        &["count", "repeat", "max-faults", "hits"],
        "100",
        "'--times {}'",
    ),
    row(&["nth", "each", "gap"], "10", "'--every {}'"),
    row(
        &["limit"],
        "100",
        "'kchaos inject ioem limit --iops {}' limits I/Os, and '--times N' says how \
         many are affected",
    ),
    row(&["interval", "window"], "100ms", "'--period {}'"),
    row(
        &["burst", "iops-burst", "cburst"],
        "",
        "a limit has no burst; '--quota N' I/Os may go at once in each '--period TIME'",
    ),
    row(
        &["weight", "blkio-weight", "ioprio", "priority"],
        "",
        "nothing weighs I/O here; '--iops RATE' limits it",
    ),
    row(
        &["stddev", "sigma", "deviation", "normal"],
        "2ms",
        "'--jitter {} --distribution normal'",
    ),
    row(
        &["pareto", "paretonormal"],
        "2ms",
        "'--jitter {} --distribution pareto' or 'paretonormal'",
    ),
    row(&["p50", "median"], "1ms", "'--percentiles 50:{}'"),
    row(&["p99"], "5ms", "'--percentiles 99:{}'"),
    row(
        &["histogram", "quantiles"],
        "",
        "'--percentiles 50:1ms,99:5ms'",
    ),
    row(
        &["reorder", "reordering"],
        "",
        "'--jitter TIME' lets later I/O overtake other I/O",
    ),
    row(&["id", "uid", "label", "injection"], "slow", "'--name {}'"),
    row(
        &["cgroup-path", "cgroup-parent", "slice", "unit", "scope"],
        "/sys/fs/cgroup/tenant",
        "'--cgroup {}'",
    ),
    row(&["proc", "process", "task"], "PID", "'--pid {}'"),
    row(
        &["proc", "process", "task", "pid", "namespace"],
        "PID",
        "'--pid-ns {}' is about the PID namespace of the process",
    ),
    row(
        &[
            "container-id",
            "container-name",
            "containerid",
            "containernames",
            "pod",
        ],
        "ID",
        "'--container {}'",
    ),
    row(&["noop", "simulate", "check"], "", "'--dry-run'"),
    row(
        &["iodepth", "queue-depth", "depth", "tags"],
        "64",
        "'--nr-requests {}'",
    ),
    row(&["follow", "live", "loop"], "", "'--watch'"),
];
