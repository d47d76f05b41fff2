// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Checks each state in between of many changes.

use super::*;
use crate::interface::{listed::Listed, stats::Stats, values::Values};

/// The attributes of the model, each with a small set of values; the first is the default.
const MODEL: [(Name, &[&str]); 16] = [
    (Name::Device, &["", "sda", "sdb", "sda sdb"]),
    (Name::Op, &["", "read", "write"]),
    (Name::Sectors, &["", "sda:0+8", "sdb:8+8"]),
    (Name::MinBytes, &["0", "5", "9"]),
    (Name::MaxBytes, &["0", "4", "8"]),
    (Name::Probability, &["1000000", "0", "500000"]),
    (Name::Times, &["0", "1", "1000"]),
    (Name::Hold, &["auto", "completion", "request"]),
    (Name::DurationMs, &["0", "5", "1500"]),
    (Name::Enabled, &["1", "0"]),
    (Name::Freeze, &["0", "1"]),
    (Name::Error, &["", "EIO", "ENODATA"]),
    (Name::DataLoss, &["0", "1"]),
    (Name::Drop, &["0", "1"]),
    (Name::Torn, &["0", "1"]),
    (Name::Corrupt, &["0", "1", "3"]),
];

/// The texts of an injection's values, in the order of [`MODEL`].
type Texts = [&'static str; MODEL.len()];

/// An I/O, and the circumstances under which it comes.
struct Io {
    disk: &'static str,
    sector: u64,
    op: &'static str,
    bytes: u64,
    /// The least probability that hits it.
    chance: u64,
    /// The number of I/Os that the injection has hit since its count began.
    count: u64,
    /// The time since its lease began.
    ms: u64,
}

fn number(text: &str) -> u64 {
    text.parse().unwrap()
}

/// How the driver holds an I/O, from 0 for not at all.
fn held(texts: &Texts, io: &Io) -> usize {
    let [
        device,
        op,
        sectors,
        least,
        most,
        probability,
        times,
        hold,
        lease,
        enabled,
        freeze,
        ..,
    ] = *texts;
    let is_damaged = match end_of_hit(texts) {
        End::Lost | End::Torn(_) => io.op == "write",
        End::Corrupted(_) => io.op == "read",
        End::Failed(_) | End::Done => true,
    };
    let sectors = match sectors {
        "sda:0+8" => io.disk == "sda" && io.sector < 8,
        "sdb:8+8" => io.disk == "sdb" && io.sector >= 8,
        _ => true,
    };
    let is_hit = (device.is_empty() || device.split(' ').any(|name| name == io.disk))
        && (op.is_empty() || op == io.op)
        && sectors
        && io.bytes >= number(least)
        && (most == "0" || io.bytes <= number(most))
        && number(probability) >= io.chance
        && (times == "0" || io.count < number(times))
        && (lease == "0" || io.ms < number(lease))
        && enabled == "1"
        && is_damaged;
    let ways = ["completion", "auto", "request"];
    let way = ways.iter().position(|way| *way == hold).unwrap();
    let frozen = usize::from(freeze == "1") * ways.len();
    usize::from(is_hit) * (1 + way + frozen)
}

/// The end of an I/O when nothing holds it: the disk does it, it fails, or its data are damaged.
#[derive(Debug, PartialEq, Eq)]
enum End {
    Done,
    Failed(&'static str),
    Lost,
    Torn(&'static str),
    Corrupted(&'static str),
}

fn end_of_hit(texts: &Texts) -> End {
    let [.., error, _, drop, torn, corrupt] = *texts;
    match (torn, error, drop, corrupt) {
        ("1", error, _, _) => End::Torn(error),
        (_, "", "0", "0") => End::Done,
        (_, "", "0", bits) => End::Corrupted(bits),
        (_, "", _, _) => End::Lost,
        (_, error, _, _) => End::Failed(error),
    }
}

fn end(texts: &Texts, io: &Io) -> End {
    match held(texts, io) {
        0 => End::Done,
        _ => end_of_hit(texts),
    }
}

/// Whether an end is no worse than others: none but the disk's own is better than another.
fn is_no_worse(end: &End, others: [End; 2]) -> bool {
    *end == End::Done || others.contains(end)
}

fn all_ios() -> Vec<Io> {
    let mut ios = Vec::new();
    for place in 0..4 {
        for op in ["read", "write"] {
            for bytes in [3, 6, 9] {
                for chance in [1, 900_000] {
                    for (count, ms) in [(0, 0), (5, 0), (5_000, 0), (0, 9), (5, 9), (0, 9_000)] {
                        ios.push(Io {
                            disk: ["sda", "sdb"][place / 2],
                            sector: [0, 8][place % 2],
                            op,
                            bytes,
                            chance,
                            count,
                            ms,
                        });
                    }
                }
            }
        }
    }
    ios
}

fn values(texts: &Texts, meant: impl Fn(usize) -> bool) -> Vec<Written> {
    let rows = MODEL.iter().enumerate().filter(|(row, _)| meant(*row));
    let values = rows.map(|(row, (name, _))| {
        let attribute = attribute(*name);
        let value = match attribute.default() {
            Value::Number(_) => Value::Number(number(texts[row])),
            Value::Text(_) => Value::Text(texts[row].to_owned()),
        };
        (attribute, value)
    });
    values.collect()
}

/// The numbers of an injection that has ended by itself.
const ENDED: &str = "active 0\nremaining_ms 0\n";

fn writes(stats: &str, before: &Texts, after: &Texts) -> Vec<(usize, &'static str)> {
    let seen = Snapshot::new(
        "x".to_owned(),
        Values(values(before, |_| true)),
        Stats::parse(stats),
        Listed::default(),
        true,
    );
    let written = ordered(&seen, &values(after, |row| before[row] != after[row]));
    let written = written.into_iter().map(|(attribute, value)| {
        let row = MODEL.iter().position(|(name, _)| *name == attribute.name);
        let text = match value {
            Value::Number(number) => number.to_string(),
            Value::Text(text) => text,
        };
        let row = row.unwrap();
        let texts = MODEL[row].1.iter();
        (row, *texts.clone().find(|known| **known == text).unwrap())
    });
    written.collect()
}

/// Checks every state in between of a change, on each I/O.
fn check(before: &Texts, after: &Texts, ios: &[Io]) {
    let is_valid = |texts: &Texts| {
        (texts[4] == "0" || number(texts[3]) <= number(texts[4]))
            && (texts[13..].iter().all(|text| *text == "0") || texts[12] == "1")
    };
    if !is_valid(before) || !is_valid(after) {
        return;
    }
    let written = writes("active 1\nremaining_ms 5\n", before, after);
    let mut between = *before;
    for (row, text) in &written {
        between[*row] = *text;
        assert!(is_valid(&between), "{before:?} {written:?}");
        for io in ios {
            let most = held(before, io).max(held(after, io));
            assert!(
                held(&between, io) <= most,
                "{before:?} {written:?} {between:?}"
            );
            let is_frozen = between[10] == "1";
            assert!(
                is_frozen || is_no_worse(&end(&between, io), [end(before, io), end(after, io)]),
                "{before:?} {written:?} {between:?}"
            );
        }
    }
    assert_eq!(between, *after, "{written:?}");
    // Only what lets I/O in follows what begins anew.
    let first = written.iter().position(|(row, _)| begins(MODEL[*row].0));
    let rest = &written[first.unwrap_or(written.len())..];
    let is_late = |row: usize| {
        let name = MODEL[row].0;
        begins(name) || matches!(name, Name::Probability | Name::Freeze | Name::Enabled)
    };
    assert!(rest.iter().all(|(row, _)| is_late(*row)), "{written:?}");
}

#[test]
fn no_state_in_between_hits_what_neither_end_hits() {
    let ios = all_ios();
    let default: Texts = MODEL.map(|(_, texts)| texts[0]);
    for (first, (_, ones)) in MODEL.iter().enumerate() {
        for (second, (_, others)) in MODEL.iter().enumerate().skip(first + 1) {
            let (rows, sets) = ([first, second], [ones, others]);
            let pairs: Vec<[&str; 2]> = sets[0]
                .iter()
                .flat_map(|one| sets[1].iter().map(|other| [*one, *other]))
                .collect();
            for from in &pairs {
                for to in &pairs {
                    let [mut before, mut after] = [default; 2];
                    for (place, row) in rows.into_iter().enumerate() {
                        (before[row], after[row]) = (from[place], to[place]);
                    }
                    // Each damage has its consent, and takes it back.
                    for texts in [&mut before, &mut after] {
                        if texts[13..].iter().any(|text| *text != "0") {
                            texts[12] = "1";
                        }
                    }
                    check(&before, &after, &ios);
                    // Beside a move to another disk.
                    if first > 0 {
                        (before[0], after[0]) = ("sda", "sdb");
                        check(&before, &after, &ios);
                    }
                }
            }
        }
    }
}

#[test]
fn a_freeze_has_its_lease_before_it_holds_anything() {
    let default: Texts = MODEL.map(|(_, texts)| texts[0]);
    let mut after = default;
    (after[8], after[10]) = ("1500", "1");
    let files = |stats, before: &Texts, after: &Texts| -> Vec<(&str, &str)> {
        let written = writes(stats, before, after).into_iter();
        written
            .map(|(row, text)| (MODEL[row].0.file(), text))
            .collect()
    };
    let begins = [("duration_ms", "1500"), ("freeze", "1")];
    let active = files("active 1\nremaining_ms 0\n", &default, &after);
    let gate = |text| [("probability", text)];
    assert_eq!(active, [&gate("0")[..], &begins, &gate("1000000")].concat());
    let mut off = default;
    off[9] = "0";
    let switched_on = files("active 0\nremaining_ms 0\n", &off, &after);
    assert_eq!(switched_on, [&begins[..], &[("enabled", "1")]].concat());
    // A former time has passed, and ends a freeze at once.
    let mut over = default;
    over[8] = "5";
    let [lease, freeze] = begins;
    assert_eq!(files(ENDED, &over, &after), [freeze, lease]);
    // Of a used-up injection, the disk may still have affected I/O.
    let mut used_up = default;
    (used_up[6], after[6]) = ("1", "1");
    assert_eq!(files(ENDED, &used_up, &after), begins);
}

#[test]
fn what_has_ended_begins_when_all_else_is_written() {
    let default: Texts = MODEL.map(|(_, texts)| texts[0]);
    let (mut before, mut after) = (default, default);
    (before[0], before[1], before[8]) = ("sda", "read", "5");
    (after[0], after[1], after[8]) = ("sdb", "write", "1500");
    let files = |written: Vec<(usize, &str)>| -> Vec<&str> {
        written
            .iter()
            .map(|(row, _)| MODEL[*row].0.file())
            .collect()
    };
    let expected = ["device", "op", "duration_ms"];
    assert_eq!(files(writes(ENDED, &before, &after)), expected);
    // The count must not begin under the former lease, nor the lease under the former count.
    after[6] = "1";
    let expected = [
        "probability",
        "device",
        "op",
        "times",
        "duration_ms",
        "probability",
    ];
    assert_eq!(files(writes(ENDED, &before, &after)), expected);
}

/// Checks the files that a change of these values, which are in the order of the model, writes.
fn check_files(changes: &[(usize, &'static str, &'static str)], expected: &[&str]) {
    let [mut before, mut after] = [MODEL.map(|(_, texts)| texts[0]); 2];
    for (row, from, to) in changes {
        (before[*row], after[*row]) = (from, to);
    }
    let written = writes("active 1\nremaining_ms 5\n", &before, &after).into_iter();
    let lines: Vec<String> = written
        .map(|(row, text)| format!("{} {text}", MODEL[row].0.file()))
        .collect();
    assert_eq!(lines, expected);
}

#[test]
fn a_consent_comes_before_a_loss_and_goes_after_it() {
    let consent = "i_know_data_will_be_lost";
    let [gives, takes] = ["1", "0"].map(|text| format!("{consent} {text}"));
    check_files(&[(12, "0", "1"), (13, "0", "1")], &[&gives, "drop 1"]);
    check_files(&[(12, "1", "0"), (13, "1", "0")], &["drop 0", &takes]);
    let gate = ["probability 0", "probability 1000000"];
    let [shut, open] = gate;
    let moves = [(0, "sda", "sdb"), (12, "0", "1"), (13, "0", "1")];
    check_files(&moves, &[shut, &gives, "device sdb", "drop 1", open]);
    // With an error, I/O fails; without both, writes reach the disk, and are not lost in between.
    let ends = [(11, "EIO", ""), (12, "1", "0"), (13, "1", "0")];
    check_files(&ends, &[shut, "error ", "drop 0", &takes, open]);
    let other = [(13, "1", "0"), (15, "0", "3")];
    check_files(&other, &[shut, "drop 0", "corrupt 3", open]);
}

#[test]
fn filters_come_before_an_error_and_frozen_io_has_it_before_it_goes() {
    check_files(
        &[(0, "sda", "sdb"), (11, "", "EIO")],
        &["device sdb", "error EIO"],
    );
    check_files(
        &[(0, "sda", "sdb"), (11, "EIO", "")],
        &["error ", "device sdb"],
    );
    check_files(&[(1, "read", ""), (11, "", "EIO")], &["op ", "error EIO"]);
    for (from, to) in [("", "EIO"), ("EIO", ""), ("EIO", "ENODATA")] {
        let error = format!("error {to}");
        check_files(&[(10, "1", "0"), (11, from, to)], &[&error, "freeze 0"]);
    }
}
