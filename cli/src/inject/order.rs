// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The order in which a change of an injection writes its values: between two writes, the injection
//! hits nothing that neither the former values nor the new ones hit.
//!
//! The driver takes each value by itself, and an I/O is hit if all filters match. So values that
//! leave I/O out come first, and values that let more in come last: before the one value in the
//! middle, the injection hits a part of the former I/O, and after it a part of the new. Two in the
//! middle, such as a new device and a new operation, would hit I/O that nobody asked for, and then
//! the probability is 0 in between.
//!
//! A write of the time or the count begins it anew, which no later write undoes. So these come
//! last: an error before them loses nothing of them. For the other values to be the new ones by
//! then and not to hit more I/O under the former time or count, the probability is 0 in between,
//! too.

use crate::interface::{
    Attribute, Name, Value, attribute,
    attributes::place,
    snapshot::{Snapshot, State},
};
use std::collections::BTreeSet;

/// A value, and where it goes.
type Written = (&'static Attribute, Value);

/// The effect of an attribute's new value on the I/O that the injection hits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Move {
    /// It hits less, or as much.
    Narrows,
    /// It hits other I/O.
    Moves,
    /// It hits more.
    Widens,
    /// It begins the time or the count of the injection anew.
    Begins,
    /// It switches the injection on.
    Starts,
}

/// The writes that make these values of an injection's former ones.
pub(super) fn ordered(before: &Snapshot, values: &[Written]) -> Vec<Written> {
    let former = |name| {
        let value = before.values.get(name).cloned();
        value.unwrap_or_else(|| attribute(name).default())
    };
    let after = |name| {
        let asked = values.iter().find(|(attribute, _)| attribute.name == name);
        asked.map_or_else(|| former(name), |(_, value)| value.clone())
    };
    let number = |value: Value| match value {
        Value::Number(number) => number,
        Value::Text(_) => 0,
    };
    let sizes = Sizes {
        before: [Name::MinBytes, Name::MaxBytes].map(|name| number(former(name))),
        after: [Name::MinBytes, Name::MaxBytes].map(|name| number(after(name))),
    };
    let has_ended = before.has_ended();
    let mut moves: Vec<(Move, Written)> = values
        .iter()
        .map(|written| {
            let name = written.0.name;
            let kind = match name {
                name if begins(name) => Move::Begins,
                Name::Enabled if written.1 == Value::Number(1) => Move::Starts,
                Name::MinBytes | Name::MaxBytes if sizes.are_apart() => Move::Moves,
                name => kind(name, &former(name), &written.1),
            };
            (kind, written.clone())
        })
        .collect();
    let most_first = sizes.most_first();
    moves.sort_by_key(|(kind, (attribute, _))| {
        let place = match attribute.name {
            Name::MaxBytes if most_first => (place(Name::MinBytes), 0),
            // Nothing is hit before it, or after it.
            Name::Enabled if *kind == Move::Narrows => (0, 0),
            name => (place(name), 1),
        };
        (*kind, place)
    });
    let count = |kind| moves.iter().filter(|(other, _)| *other == kind).count();
    let (moving, begun) = (count(Move::Moves), count(Move::Begins));
    let is_switched_off = after(Name::Enabled) == Value::Number(0);
    let is_gated = if is_switched_off || before.state == State::Off {
        false
    } else if has_ended {
        begun > 1
    } else {
        let others = moving + count(Move::Widens);
        moving > 1 || begun > 1 || begun > 0 && others > 0
    };
    let mut writes: Vec<Written> = moves.into_iter().map(|(_, written)| written).collect();
    if is_gated {
        let gate = attribute(Name::Probability);
        writes.retain(|(attribute, _)| attribute.name != Name::Probability);
        writes.insert(0, (gate, Value::Number(0)));
        writes.push((gate, after(Name::Probability)));
    }
    writes
}

/// Whether a write of this value begins the time or the count of an injection anew.
pub(super) const fn begins(name: Name) -> bool {
    matches!(name, Name::DurationMs | Name::Times)
}

/// The least and the greatest size, before and after a change.
struct Sizes {
    before: [u64; 2],
    after: [u64; 2],
}

impl Sizes {
    /// Whether no size is among both the former and the new ones.
    fn are_apart(&self) -> bool {
        let is_below = |most: u64, least: u64| most > 0 && most < least;
        is_below(self.before[1], self.after[0]) || is_below(self.after[1], self.before[0])
    }

    /// Whether the driver takes the greatest size first: the least one must not be above it.
    fn most_first(&self) -> bool {
        self.after[1] == 0 || self.after[1] >= self.before[0]
    }
}

fn kind(name: Name, before: &Value, after: &Value) -> Move {
    match (before, after) {
        (Value::Number(before), Value::Number(after)) => kind_of_number(name, *before, *after),
        (Value::Text(before), Value::Text(after)) => kind_of_text(name, before, after),
        _ => Move::Moves,
    }
}

fn kind_of_number(name: Name, before: u64, after: u64) -> Move {
    // 0 is no end and no limit.
    let endless = |number: u64| if number == 0 { u64::MAX } else { number };
    let is_less = match name {
        Name::MinBytes | Name::Every => after >= before,
        Name::MaxBytes => endless(after) <= endless(before),
        Name::Quota | Name::BytesQuota | Name::IosOfBytes => endless(after) >= endless(before),
        Name::Burst | Name::BytesBurst => after >= before,
        _ => after <= before,
    };
    if is_less { Move::Narrows } else { Move::Widens }
}

fn kind_of_text(name: Name, before: &str, after: &str) -> Move {
    let words = |text: &str| -> BTreeSet<String> { text.split(' ').map(str::to_owned).collect() };
    let is_filter = matches!(
        name,
        Name::Device | Name::Op | Name::Cgroup | Name::PidNs | Name::Sectors
    );
    if name == Name::Hold {
        // A held request keeps more waiting than a held completion, and `auto` chooses.
        let place = |text| {
            ["completion", "auto", "request"]
                .iter()
                .position(|way| *way == text)
        };
        return match place(after) <= place(before) {
            true => Move::Narrows,
            false => Move::Widens,
        };
    }
    if before == after || before.is_empty() && is_filter {
        Move::Narrows
    } else if after.is_empty() || !is_filter {
        Move::Widens
    } else if name == Name::Device && words(after).is_subset(&words(before)) {
        Move::Narrows
    } else if name == Name::Device && words(before).is_subset(&words(after)) {
        Move::Widens
    } else {
        Move::Moves
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interface::{listed::Listed, stats::Stats, values::Values};

    /// The attributes of the model, each with a small set of values; the first is the default.
    const MODEL: [(Name, &[&str]); 11] = [
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
        ] = *texts;
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
            && enabled == "1";
        let ways = ["completion", "auto", "request"];
        let way = ways.iter().position(|way| *way == hold).unwrap();
        let frozen = usize::from(freeze == "1") * ways.len();
        usize::from(is_hit) * (1 + way + frozen)
    }

    fn all_ios() -> Vec<Io> {
        let mut ios = Vec::new();
        for place in 0..4 {
            for op in ["read", "write"] {
                for bytes in [3, 6, 9] {
                    for chance in [1, 900_000] {
                        for (count, ms) in [(0, 0), (5, 0), (5_000, 0), (0, 9), (5, 9), (0, 9_000)]
                        {
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
        let is_valid = |texts: &Texts| texts[4] == "0" || number(texts[3]) <= number(texts[4]);
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
            }
        }
        assert_eq!(between, *after, "{written:?}");
        // Only what lets I/O in follows what begins anew.
        let first = written.iter().position(|(row, _)| begins(MODEL[*row].0));
        let rest = &written[first.unwrap_or(written.len())..];
        let is_late = |row: usize| {
            let name = MODEL[row].0;
            begins(name) || matches!(name, Name::Probability | Name::Enabled)
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
        let files = |stats, before: &Texts| -> Vec<(&str, &str)> {
            let written = writes(stats, before, &after);
            let files = written.iter();
            files
                .map(|(row, text)| (MODEL[*row].0.file(), *text))
                .collect()
        };
        let active = files("active 1\nremaining_ms 0\n", &default);
        let gated = [
            ("probability", "0"),
            ("freeze", "1"),
            ("duration_ms", "1500"),
            ("probability", "1000000"),
        ];
        assert_eq!(active, gated);
        let mut off = default;
        off[9] = "0";
        let switched_on = [("freeze", "1"), ("duration_ms", "1500"), ("enabled", "1")];
        assert_eq!(files("active 0\nremaining_ms 0\n", &off), switched_on);
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
}
