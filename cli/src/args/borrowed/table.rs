// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Flags of other programs, and those of kchaos to type instead.

/// Other programs' words for one thing.
pub(super) struct Borrowed {
    /// Their flags, without hyphens in front.
    pub(super) words: &'static [&'static str],
    /// A value, for a flag that was typed without one.
    pub(super) example: &'static str,
    /// The flags to type, with `{}` for the value, `{s}`, `{ms}`, `{us}` and `{ns}` for one without
    /// a unit, and `{device}` for the part of it before a colon or a space.
    pub(super) tip: &'static str,
}

pub(super) const fn row(
    words: &'static [&'static str],
    example: &'static str,
    tip: &'static str,
) -> Borrowed {
    Borrowed {
        words,
        example,
        tip,
    }
}

/// The flags. A row is about a verb that has all flags which its tip names.
pub(super) const FLAGS: &[Borrowed] = &[
    row(
        &[
            "percent",
            "percentage",
            "pct",
            "toxicity",
            "probability-percent",
            "chance",
        ],
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
            "wait-time",
            "add-latency",
            "response-time",
        ],
        "10ms",
        "'--delay {}'",
    ),
    row(
        &[
            "delay-ms",
            "latency-ms",
            "network-latency",
            "delay-msec",
            "msec",
            "msecs",
            "ms",
            "milliseconds",
            "fs-delay",
        ],
        "10",
        "'--delay {ms}'",
    ),
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
            "total-chaos-duration",
            "chaos-duration",
            "delay-duration",
        ],
        "30",
        "'--for {s}', or in milliseconds '--duration-ms'",
    ),
    row(
        &[
            "time", "runtime", "ttl", "lease", "expire", "expires", "run-for",
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
            "disk-name",
            "only-device",
            "device-name",
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
    row(
        &["read", "reads", "read-only", "reads-only"],
        "",
        "'--op read'",
    ),
    row(
        &["write", "writes", "write-only", "writes-only"],
        "",
        "'--op write'",
    ),
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
        &["bs", "blocksize", "block-size", "size", "bytes"],
        "4k",
        "'--min-bytes {}' and '--max-bytes {}' choose I/O by its size",
    ),
    row(
        &[
            "offset", "start", "region", "range", "ranges", "lba", "blocks", "length", "slba",
            "nlb", "location",
        ],
        "",
        "'--sectors START+LENGTH' chooses a place on the disk, in sectors of 512 bytes",
    ),
    row(
        &["count", "repeat", "max-faults", "hits"],
        "100",
        "'--times {}'",
    ),
    row(
        &["nth", "each", "gap", "every-nth", "fail-nth", "nth-io"],
        "10",
        "'--every {}'",
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
    row(
        &[
            "usec",
            "usecs",
            "us",
            "microseconds",
            "delay-usec",
            "latency-us",
        ],
        "1000",
        "'--delay {us}'",
    ),
    row(
        &[
            "delay-ns",
            "latency-ns",
            "ndelay",
            "completion-nsec",
            "nsec",
            "nsecs",
            "delay-nsec",
            "nanoseconds",
        ],
        "50000",
        "'--delay {ns}'",
    ),
    row(
        &["delay-sec", "delay-seconds", "latency-s"],
        "1",
        "'--delay {s}'",
    ),
    row(&["jitter-ns"], "1000", "'--jitter {ns}'"),
    row(&["secure"], "", "'--op secure_erase'"),
    row(
        &["zeroout", "write-zeroes", "write-zeros"],
        "",
        "'--op write_zeroes'",
    ),
    row(
        &["randseed", "random-seed", "rand-seed"],
        "42",
        "'--seed {}'",
    ),
    row(
        &[
            "min-delay",
            "max-delay",
            "delay-min",
            "delay-max",
            "min-latency",
            "max-latency",
            "low",
            "high",
        ],
        "",
        "'--delay 3ms --jitter 2ms --distribution uniform' is from 1ms to 5ms",
    ),
    row(
        &["bsrange", "bssplit", "size-range"],
        "",
        "'--min-bytes 4k --max-bytes 64k' choose I/O by its size",
    ),
    row(
        &["major", "minor", "maj-min"],
        "",
        "'--device MAJOR:MINOR', such as 8:16",
    ),
    row(
        &["partition", "part"],
        "",
        "'--device' takes a partition by its name, such as /dev/sdb1",
    ),
    row(&["follow", "live", "loop"], "", "'--watch'"),
];
