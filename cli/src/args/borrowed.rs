// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Words of other programs (dm-delay, nbdkit, tc netem, chaosblade, Chaos Mesh, fio, docker), and
//! what to type instead. A word that means exactly the same as a flag is an alias of it; all others
//! are here.

use super::{line::flags, near::or};
use clap::Command;

/// Other programs' words for one thing.
struct Borrowed {
    /// Their flags, without hyphens in front.
    words: &'static [&'static str],
    /// A value, for a flag that was typed without one.
    example: &'static str,
    /// What to type, with `{}` for the value, `{s}` and `{ms}` for one without a unit, and `{device}`
    /// for the part of it before a colon.
    tip: &'static str,
}

const fn row(words: &'static [&'static str], example: &'static str, tip: &'static str) -> Borrowed {
    Borrowed {
        words,
        example,
        tip,
    }
}

/// What keeps tips about bytes honest.
pub(super) const NO_BYTES: &str = "no limit counts bytes; '--iops N' counts I/Os, and \
                                   '--min-bytes' and '--max-bytes' choose them by size";

const SLOW_ONLY: &str = "ioem slows I/O down, and never loses, changes, repeats or fails it";

/// The flags. A row is about a verb that has all flags which its tip names.
#[rustfmt::skip]
const FLAGS: [Borrowed; 47] = [
    row(&["percent", "percentage", "pct"], "10%", "'--probability {}' affects a share of the I/O, and '--percentiles 50:1ms,99:5ms' takes delays as measured"),
    row(&["latency", "mean", "lag", "delay-time", "time-delay", "latency-time", "thinktime"], "10ms", "'--delay {}'"),
    row(&["delay-ms", "latency-ms"], "10", "'--delay {ms}'"),
    row(&["jitter-ms"], "2", "'--jitter {ms}'"),
    row(&["period-ms"], "100", "'--period {ms}'"),
    row(&["duration-s", "duration-sec", "duration-seconds", "timeout-s", "for-s", "seconds"], "30", "'--for {s}', or in milliseconds '--duration-ms'"),
    row(&["time", "runtime", "ttl", "lease", "expire", "expires", "length"], "30s", "'--for {}' says for how long, and '--times N' how often"),
    row(&["path", "dir", "directory", "file", "volume", "volume-path", "volumename", "volume-name", "mount", "mountpoint", "mount-point"], "/mnt", "'--device {}' is about the whole disk that has the path"),
    row(&["disk", "drive", "blkdev", "block-device", "dev-name", "filename", "target"], "/dev/sdb", "'--device {}'"),
    row(&["operation", "operations", "rw", "readwrite", "io-type", "iotype"], "read,write", "'--op {}'"),
    row(&["read", "reads"], "", "'--op read'"),
    row(&["write", "writes"], "", "'--op write'"),
    row(&["trim", "discard", "unmap"], "", "'--op discard'"),
    row(&["sync", "fua", "meta"], "", "'--op write,sync', '--op write,fua' or '--op write,meta'"),
    row(&["flush", "fsync", "fdatasync"], "", "no flush passes through an I/O scheduler; '--op write' is about the writes that an fsync waits for"),
    row(&["action", "fault", "effect", "kind"], "", "the effect is a word: 'kchaos inject ioem delay --delay 10ms' or 'kchaos inject ioem limit --iops 100'"),
    row(&["read-delay", "delay-read", "rdelay", "read-latency"], "10ms", "'--delay {} --op read'"),
    row(&["write-delay", "delay-write", "wdelay", "write-latency"], "10ms", "'--delay {} --op write'"),
    row(&["trim-delay", "delay-trim", "discard-delay"], "10ms", "'--delay {} --op discard'"),
    row(&["delay-zero", "zero-delay"], "10ms", "'--delay {} --op write_zeroes'"),
    row(&["flush-delay", "delay-flush", "fdelay", "fsync-delay"], "10ms", "no flush passes through an I/O scheduler; '--delay {} --op write' slows down the writes that an fsync waits for"),
    row(&["max-iops", "iops-max", "limit-iops", "iops-limit", "rate-iops", "total-iops", "total-iops-sec", "iops-total"], "100", "'--iops {}'"),
    row(&["device-read-iops", "read-iops", "riops", "read-iops-sec", "iops-rd"], "100", "'--iops {} --op read --device {device}'"),
    row(&["device-write-iops", "write-iops", "wiops", "write-iops-sec", "iops-wr"], "100", "'--iops {} --op write --device {device}'"),
    row(&["bandwidth", "bw", "bps", "rate", "rbps", "wbps", "throughput", "speed", "device-read-bps", "device-write-bps", "total-bytes-sec", "bytes-per-second"], "", NO_BYTES),
    row(&["bs", "blocksize", "block-size", "size", "bytes"], "4k", "'--min-bytes {}' and '--max-bytes {}' choose I/O by its size"),
    row(&["offset", "start", "region", "range", "ranges", "lba", "blocks"], "", "'--sectors START+LENGTH' chooses a place on the disk, in sectors of 512 bytes"),
    row(&["count", "repeat", "max-faults", "hits"], "100", "'--times {}'"),
    row(&["nth", "each", "gap"], "10", "'--every {}'"),
    row(&["limit"], "100", "'kchaos inject ioem limit --iops {}' limits I/Os, and '--times N' says how many are affected"),
    row(&["interval", "window"], "100ms", "'--period {}'"),
    row(&["burst", "iops-burst", "cburst"], "", "a limit has no burst; '--quota N' I/Os may go at once in each '--period TIME'"),
    row(&["weight", "blkio-weight", "ioprio", "priority"], "", "nothing weighs I/O here; '--iops RATE' limits it"),
    row(&["stddev", "sigma", "deviation", "normal"], "2ms", "'--jitter {} --distribution normal'"),
    row(&["pareto", "paretonormal"], "2ms", "'--jitter {} --distribution pareto' or 'paretonormal'"),
    row(&["p50", "median"], "1ms", "'--percentiles 50:{}'"),
    row(&["p99"], "5ms", "'--percentiles 99:{}'"),
    row(&["histogram", "quantiles"], "", "'--percentiles 50:1ms,99:5ms'"),
    row(&["reorder", "reordering"], "", "'--jitter TIME' lets later I/O overtake other I/O"),
    row(&["id", "uid", "label", "injection"], "slow", "'--name {}'"),
    row(&["cgroup-path", "cgroup-parent", "slice", "unit", "scope"], "/sys/fs/cgroup/tenant", "'--cgroup {}'"),
    row(&["proc", "process", "task"], "PID", "'--pid {}'"),
    row(&["proc", "process", "task", "pid", "pidns"], "PID", "'--pid-ns {}' is about the PID namespace of the process"),
    row(&["container-id", "container-name", "containerid", "containernames", "pod"], "ID", "'--container {}'"),
    row(&["noop", "simulate", "check"], "", "'--dry-run'"),
    row(&["iodepth", "queue-depth", "depth", "tags"], "64", "'--nr-requests {}'"),
    row(&["follow", "live", "loop"], "", "'--watch'"),
];

/// Flags for what kchaos does not do, for verbs that inject.
const NOTHING: &[&str] = &[
    "loss",
    "drop",
    "corrupt",
    "duplicate",
    "error",
    "errors",
    "errno",
    "fail",
    "error-rate",
    "mistake",
    "attr",
];

/// Flags that once moved the roots.
const ROOTS: [(&str, &str); 3] = [
    ("configfs", "KCHAOS_CONFIGFS"),
    ("state", "KCHAOS_STATE"),
    ("sysfs", "KCHAOS_SYSFS"),
];

/// Words for names and devices, which some verbs take without a flag.
const OPERANDS: [(&str, &str, &[&str]); 2] = [
    (
        "NAME",
        "names come",
        &["id", "uid", "name", "names", "injection", "label"],
    ),
    (
        "DEVICE",
        "devices come",
        &[
            "dev", "device", "devices", "dev-path", "disk", "path", "drive", "filename", "mount",
        ],
    ),
];

/// Advice on a flag that another program has.
pub(super) fn flag(verb: &Command, path: &str, word: &str, value: Option<&str>) -> Option<String> {
    if let Some((_, variable)) = ROOTS.iter().find(|(root, _)| *root == word) {
        return Some(format!("the variable {variable} moves this root"));
    }
    let takes = |operand: &str| {
        let mut positionals = verb.get_positionals();
        positionals.any(|arg| {
            arg.get_value_names()
                .is_some_and(|names| names[0] == operand)
        })
    };
    for (operand, they_come, words) in OPERANDS {
        if words.contains(&word) && takes(operand) {
            let value = value.unwrap_or(operand);
            return Some(format!(
                "{they_come} without a flag: 'kchaos {path} {value}'"
            ));
        }
    }
    let known: Vec<&str> = flags(verb).into_iter().map(|(name, _)| name).collect();
    if NOTHING.contains(&word) && known.contains(&"delay") {
        return Some(SLOW_ONLY.to_owned());
    }
    let mut rows = FLAGS.iter().filter(|row| row.words.contains(&word));
    let row = rows.find(|row| named(row.tip).all(|flag| known.contains(&flag)))?;
    let (device, value) = match value.unwrap_or(row.example).rsplit_once(':') {
        Some((device, value)) if row.tip.contains("{device}") => (device, value),
        _ => ("/dev/sdb", value.unwrap_or(row.example)),
    };
    let is_number = value.bytes().all(|byte| byte.is_ascii_digit());
    let unit = |unit| format!("{value}{}", if is_number { unit } else { "" });
    let tip = row.tip.replace("{device}", device).replace("{}", value);
    Some(tip.replace("{s}", &unit("s")).replace("{ms}", &unit("ms")))
}

/// The flags that a tip names.
fn named(tip: &str) -> impl Iterator<Item = &str> {
    tip.split([' ', '\''])
        .filter_map(|word| word.strip_prefix("--"))
}

/// Words for faults, and what comes near them.
const FAULTS: [(&[&str], &str); 8] = [
    (
        &[
            "hang", "freeze", "stall", "stuck", "block", "pause", "suspend", "hung",
        ],
        "a disk that hangs for 20 s is 'kchaos inject ioem delay --delay 1h --for 20s'",
    ),
    (
        &["latency", "slow", "lag", "wait", "sleep", "jitter"],
        "slow I/O is 'kchaos inject ioem delay --delay 10ms'",
    ),
    (
        &["iops", "throttle", "quota", "rate-limit", "ratelimit"],
        "a limit of I/Os is 'kchaos inject ioem limit --iops 100'",
    ),
    (
        &["bandwidth", "bw", "bps", "throughput", "rate", "burn"],
        NO_BYTES,
    ),
    (
        &["reorder"],
        "with 'kchaos inject ioem delay --delay 10ms --jitter 5ms' later I/O overtakes other I/O",
    ),
    (
        &[
            "error",
            "errors",
            "eio",
            "fail",
            "failure",
            "fault",
            "loss",
            "drop",
            "corrupt",
            "corruption",
            "duplicate",
            "mistake",
            "attroverride",
            "flakey",
            "readonly",
        ],
        SLOW_ONLY,
    ),
    (
        &["fill", "full", "enospc"],
        "kchaos fills no disk; it slows I/O down",
    ),
    (
        &["flush", "fsync"],
        "no flush passes through an I/O scheduler; an fsync is slow by its writes: \
                           'kchaos inject ioem delay --delay 10ms --op write'",
    ),
];

/// Advice on a kind of fault that there is not; `any` also on words that are like no fault.
pub(super) fn fault(word: &str, faults: &[String], any: bool) -> Option<String> {
    let near = FAULTS.iter().find(|(words, _)| words.contains(&word));
    let known = format!("the faults are {}", or(faults).replace(" or ", " and "));
    match near {
        Some((_, near)) => Some(format!("{known}; {near}")),
        None => any.then_some(known),
    }
}

/// Whether other programs call their means so, for which this one has `ioem`.
pub(super) fn is_means(word: &str) -> bool {
    [
        "netem",
        "tc",
        "disk",
        "io",
        "block",
        "blockchaos",
        "iochaos",
        "dm-delay",
        "scheduler",
        "blk",
    ]
    .contains(&word)
}
