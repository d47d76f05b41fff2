// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Words of other programs (dm-delay, nbdkit, tc netem, chaosblade, Chaos Mesh, fio, docker), and
//! what to type instead. A word that means exactly the same as a flag is an alias of it; all others
//! are here.

#[cfg(test)]
mod accepted;
mod fill;
mod keys;
mod limits;
mod table;
mod without;

use super::line::{Line, usable_flags};
use crate::{interface::near::or, system::block::is_number};
use fill::{Values, is_plain};
pub(crate) use keys::key;
use limits::{LIMITS, NO_LIMIT};
use table::FLAGS;
use without::WITHOUT;

const SAME_DATA: &str = "ioem never repeats I/O; it slows I/O down, has it fail, loses or tears writes, \
                         or flips bits of the data of reads";

/// Flags for what kchaos does not do, for verbs that inject.
const NOTHING: &[&str] = &["duplicate", "mistake", "attr", "random-write-corrupt"];

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

/// Advice on a flag that another program has, for the verb at this path.
pub(super) fn flag(line: &Line, path: &[&str], word: &str, value: Option<&str>) -> Option<String> {
    if let Some((_, variable)) = ROOTS.iter().find(|(root, _)| *root == word) {
        return Some(format!("the variable {variable} moves this root"));
    }
    let verb = line.at(path);
    let path = path.join(" ");
    let takes = |operand: &str| {
        let mut positionals = verb.get_positionals();
        positionals.any(|arg| {
            arg.get_value_names()
                .is_some_and(|names| names[0] == operand)
        })
    };
    for (operand, they_come, words) in OPERANDS {
        if words.contains(&word) && takes(operand) {
            let value = value.filter(|value| is_plain(value)).unwrap_or(operand);
            return Some(format!(
                "{they_come} without a flag: 'kchaos {path} {value}'"
            ));
        }
    }
    let known = usable_flags(verb);
    let nothing = std::iter::once((NOTHING, SAME_DATA)).chain(WITHOUT);
    let instead = nothing.into_iter().find(|(words, _)| words.contains(&word));
    let has_all = |tip: &str| typed_flags(tip).all(|flag| known.contains(&flag));
    if let Some((_, instead)) = instead.filter(|(_, tip)| known.contains(&"delay") && has_all(tip))
    {
        return Some(instead.to_owned());
    }
    let mut rows = FLAGS
        .iter()
        .chain(LIMITS)
        .filter(|row| row.words.contains(&word));
    let row = rows.find(|row| named(row.tip).all(|flag| known.contains(&flag)))?;
    let is_max = value.is_some_and(|value| value.rsplit([':', ' ']).next() == Some("max"));
    if is_max && LIMITS.iter().any(|limit| limit.words.contains(&word)) {
        return Some(NO_LIMIT.to_owned());
    }
    let device = device(line).unwrap_or(DISK);
    let example = Values {
        value: row.example,
        device,
    };
    let typed = value.map(|value| match row.tip.contains("{device}") {
        true => limited(value, &example),
        false => Values { value, device },
    });
    let fitting = typed.and_then(|typed| typed.fitting(&path, row.tip));
    Some(fitting.unwrap_or_else(|| example.fill(row.tip)))
}

/// A device for tips.
const DISK: &str = "/dev/sdb";

/// The device that the line names.
fn device(line: &Line) -> Option<&str> {
    let [_, (_, _, words)] = OPERANDS;
    words
        .iter()
        .find_map(|word| line.value(&format!("--{word}")))
}

/// The device and the number in a value such as `/dev/sda:100`; the example stands for a part that
/// the value lacks.
fn limited<'a>(value: &'a str, example: &Values<'a>) -> Values<'a> {
    let is_device = |text: &str| text.starts_with('/') || is_number(text);
    let (device, value) = match value.rsplit_once([':', ' ']) {
        Some((device, number)) if !is_number(value) => (device, number),
        _ if is_device(value) => (value, example.value),
        _ => (example.device, value),
    };
    Values { value, device }
}

/// The flags that a tip names.
fn named(tip: &str) -> impl Iterator<Item = &str> {
    tip.split([' ', '\''])
        .filter_map(|word| word.strip_prefix("--"))
}

/// The flags with which a tip begins what it says to type for the verb at hand.
fn typed_flags(tip: &str) -> impl Iterator<Item = &str> {
    let quoted = tip.split('\'').skip(1).step_by(2);
    let flags = quoted.filter_map(|part| part.split(' ').next()?.strip_prefix("--"));
    flags.filter(|flag| !flag.is_empty())
}

/// Words for faults, and the nearest that there is.
const FAULTS: [(&[&str], &str); 16] = [
    (
        &[
            "freeze",
            "stall",
            "stuck",
            "block",
            "pause",
            "suspend",
            "hung",
            "timeout",
            "down",
            "slow-close",
            "fsfreeze",
            "quiesce",
        ],
        "a disk that hangs for 20 s is 'kchaos inject ioem hang --for 20s'",
    ),
    (
        &[
            "latency",
            "slow",
            "lag",
            "wait",
            "sleep",
            "jitter",
            "stress",
            "io-stress",
        ],
        "slow I/O is 'kchaos inject ioem delay --delay 10ms'",
    ),
    (
        &["throttle", "quota", "rate-limit", "ratelimit", "throttling"],
        "a limit of I/Os is 'kchaos inject ioem iops 100'",
    ),
    (
        &[
            "bw",
            "bps",
            "throughput",
            "rate",
            "burn",
            "limit-data",
            "slicer",
        ],
        "a limit of bytes is 'kchaos inject ioem bandwidth 10MB/s'",
    ),
    (
        &["gp3", "ebs", "cloud", "usb", "usb2", "sd-a1", "profile"],
        "limits as of some devices are 'kchaos inject ioem preset gp3'",
    ),
    (
        &["hdd", "hard-disk", "spinning", "rotational", "seek", "rpm"],
        "the times of a hard disk are 'kchaos inject ioem preset hdd-7200'",
    ),
    (
        &["reorder"],
        "with 'kchaos inject ioem delay --delay 10ms --jitter 5ms' later I/O overtakes other I/O",
    ),
    (
        &[
            "errors",
            "eio",
            "fail",
            "failure",
            "failing",
            "fault",
            "fail-make-request",
            "make-it-fail",
            "zinject",
            "loss",
            "flakey",
            "disk-loss",
        ],
        "I/O that fails is 'kchaos inject ioem error EIO --probability 1%'",
    ),
    (
        &[
            "dust",
            "badblock",
            "badblocks",
            "addbadblock",
            "medium-error",
            "medium",
            "bad-sector",
        ],
        "bad sectors are 'kchaos inject ioem error ENODATA --op read --sectors 0+8'",
    ),
    (
        &["readonly", "read-only"],
        "writes that fail are 'kchaos inject ioem error EIO --op write'",
    ),
    (
        &["drop-writes", "lost-writes", "lose", "lost", "lie"],
        "writes that are lost are 'kchaos inject ioem drop --data-loss --device /dev/sdb'",
    ),
    (&["duplicate", "mistake", "attroverride"], SAME_DATA),
    (
        &[
            "corruption",
            "bitrot",
            "bit-rot",
            "bit-flips",
            "flip",
            "corrupt-bio-byte",
            "random-read-corrupt",
        ],
        "flipped bits are 'kchaos inject ioem corrupt 1 --data-loss --device /dev/sdb'",
    ),
    (
        &[
            "tear",
            "tearing",
            "torn-writes",
            "partial-writes",
            "power-loss",
            "power-cut",
        ],
        "torn writes are 'kchaos inject ioem torn --data-loss --device /dev/sdb'",
    ),
    (
        &["fill", "full", "enospc", "disk-fill"],
        "kchaos fills no disk; writes that fail as on a full one are 'kchaos inject ioem error \
         ENOSPC --op write'",
    ),
    (
        &["flush", "fsync"],
        "an fsync is slow by its writes and flushes: 'kchaos inject ioem delay --delay 10ms --op \
         write,flush'",
    ),
];

/// Advice on a kind of fault that there is not; `any` also on words that are like no fault.
pub(super) fn fault(word: &str, faults: &[String], any: bool) -> Option<String> {
    let word = word.replace('_', "-");
    let near = FAULTS.iter().find(|(words, _)| words.contains(&&*word));
    let known = format!("the faults are {}", or(faults).replace(" or ", " and "));
    match near {
        Some((_, near)) => Some(format!("{known}; {near}")),
        None => any.then_some(known),
    }
}

/// Whether other programs call their means so, for which this one has `ioem`.
pub(super) fn is_means(word: &str) -> bool {
    MEANS.contains(&word)
}

/// Other programs' words for their means.
const MEANS: &[&str] = &[
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
    "blkio",
    "dm",
    "dm-flakey",
    "pumba",
    "qdisc",
];
