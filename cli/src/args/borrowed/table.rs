// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Flags of other programs, and those of kchaos to type instead.

/// Other programs' words for one thing.
pub(super) struct Borrowed {
    /// Their flags, without hyphens in front.
    pub(super) words: &'static [&'static str],
    /// A value, for a flag that was typed without one.
    pub(super) example: &'static str,
    /// The flags to type, with `{}` for the value, `{s}`, `{ms}`, `{us}`, `{ns}` and `{percent}`
    /// for one without a unit, `{share}` for one from 0 to 1, `{op}` for operations with an order,
    /// `{pid}` for the name of a process, and `{device}` for the part of it before a colon or a
    /// space. The example takes the place of a value that kchaos would refuse there.
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
        &["percent", "percentage", "pct", "probability-percent"],
        "10%",
        "'--probability {percent}' affects a share of the I/O, and '--percentiles \
         50:1ms,99:5ms' takes delays as measured",
    ),
    row(&["toxicity", "chance"], "10%", "'--probability {share}'"),
    row(
        &[
            "latency",
            "mean",
            "lag",
            "delay-time",
            "time-delay",
            "latency-time",
            "wait-time",
            "add-latency",
            "response-time",
        ],
        "10ms",
        "'--delay {ms}'",
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
        "'--for {s}' says for how long, and '--times N' how often",
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
        "'--device {}' is about the disk, partition or volume that has the path",
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
        "'--op {op}'",
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
        "'--op write,flush' is about the writes and flushes that an fsync waits for",
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
        "'--delay {ms} --op read'",
    ),
    row(
        &["write-delay", "delay-write", "wdelay", "write-latency"],
        "10ms",
        "'--delay {ms} --op write'",
    ),
    row(
        &["trim-delay", "delay-trim", "discard-delay"],
        "10ms",
        "'--delay {ms} --op discard'",
    ),
    row(
        &["delay-zero", "zero-delay"],
        "10ms",
        "'--delay {ms} --op write_zeroes'",
    ),
    row(
        &["flush-delay", "delay-flush", "fdelay", "fsync-delay"],
        "10ms",
        "'--delay {ms} --op flush'; the writes of an fsync are '--op write'",
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
        "'--jitter {ms} --distribution normal'",
    ),
    row(
        &["pareto", "paretonormal"],
        "2ms",
        "'--jitter {ms} --distribution pareto' or 'paretonormal'",
    ),
    row(&["p50", "median"], "1ms", "'--percentiles 50:{ms}'"),
    row(&["p99"], "5ms", "'--percentiles 99:{ms}'"),
    row(
        &["histogram", "quantiles"],
        "",
        "'--percentiles 50:1ms,99:5ms'",
    ),
    row(
        &[
            "hang", "stall", "suspend", "block", "pause", "stuck", "hung", "fsfreeze", "quiesce",
        ],
        "20s",
        "'--freeze 1 --for {s}' lets no I/O end for that time",
    ),
    row(
        &["errno", "err", "errors", "fail", "eio", "e"],
        "EIO",
        "'--error {}' has each I/O fail",
    ),
    row(
        &["error-rate", "loss", "fail-rate", "failure-rate"],
        "1%",
        "'--error EIO --probability {percent}'",
    ),
    row(
        &["error-reads", "fail-reads", "read-error"],
        "",
        "'--error EIO --op read'",
    ),
    row(
        &["error-writes", "fail-writes", "write-error"],
        "",
        "'--error EIO --op write'",
    ),
    row(
        &[
            "corrupt-bio-byte",
            "random-read-corrupt",
            "corruption",
            "bit-flips",
            "bitrot",
        ],
        "",
        "'--corrupt 1 --data-loss' flips a bit of each read",
    ),
    row(
        &["torn-writes", "tear", "partial-writes", "power-loss"],
        "",
        "'--torn 1 --data-loss' keeps the last blocks of each write from the disk",
    ),
    row(
        &["drop-writes", "lose-writes", "i-know-data-will-be-lost"],
        "",
        "'--drop 1 --data-loss' loses writes",
    ),
    row(
        &[
            "addbadblock",
            "badblock",
            "badblocks",
            "medium-error",
            "medium-error-start",
            "medium-error-count",
            "error-start",
            "error-count",
        ],
        "",
        "'--error ENODATA --op read --sectors START+LENGTH' makes sectors bad",
    ),
    row(
        &["preset", "profile"],
        "gp3",
        "'kchaos inject ioem preset {}' has the limits of a known device",
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
    row(&["proc", "process", "task"], "PID", "'--pid {pid}'"),
    row(
        &["proc", "process", "task", "pid", "namespace"],
        "PID",
        "'--pid-ns {pid}' is about the PID namespace of the process",
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
            "thinktime",
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
    row(&["format", "output", "o", "output-format"], "", "'--json'"),
    row(
        &["table"],
        "",
        "'--device DEVICE --delay TIME', with one injection for each delay of the table",
    ),
];
