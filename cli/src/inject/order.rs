// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The order in which a change of an injection writes its values: between two writes, the injection
//! hits nothing that neither the former values nor the new ones hit.
//!
//! The driver takes each value by itself, and an I/O is hit if all filters match. So values that
//! leave I/O out come first, and values that let more in come last: before the one value in the
//! middle, the injection hits a part of the former I/O, and after it a part of the new. Two in the
//! middle, such as a new device and a new operation, would hit I/O that nobody asked for, and then
//! the probability is 0 in between.

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
    /// It begins the time or the count of an injection anew, which may have ended.
    Begins,
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
                Name::DurationMs | Name::Times if has_ended => Move::Begins,
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
    let moving = moves.iter().filter(|(kind, _)| *kind == Move::Moves);
    let is_switched_off = after(Name::Enabled) == Value::Number(0);
    let acts = before.state != State::Off && !has_ended && !is_switched_off;
    if moving.count() > 1 && acts {
        return gated(moves, after(Name::Probability));
    }
    moves.into_iter().map(|(_, written)| written).collect()
}

/// The writes between two of the probability, at which nothing is hit.
fn gated(moves: Vec<(Move, Written)>, probability: Value) -> Vec<Written> {
    let gate = attribute(Name::Probability);
    let (first, last): (Vec<_>, Vec<_>) = moves
        .into_iter()
        .filter(|(_, (attribute, _))| attribute.name != Name::Probability)
        .partition(|(kind, _)| *kind <= Move::Moves);
    let mut writes = vec![(gate, Value::Number(0))];
    writes.extend(first.into_iter().map(|(_, written)| written));
    writes.push((gate, probability));
    writes.extend(last.into_iter().map(|(_, written)| written));
    writes
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
        // A write begins the time or the count anew.
        Name::DurationMs | Name::Times => before == 0,
        Name::Quota => endless(after) >= endless(before),
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

    /// Values by the names of their files.
    fn values(texts: &[(&str, &str)]) -> Vec<Written> {
        let values = texts.iter().map(|(file, text)| {
            let attribute = attribute(Name::named(file).unwrap());
            let value = match attribute.default() {
                Value::Number(_) => Value::Number(text.parse().unwrap()),
                Value::Text(_) => Value::Text((*text).to_owned()),
            };
            (attribute, value)
        });
        values.collect()
    }

    /// The writes, as `file=text`.
    fn order(stats: &str, before: &[(&str, &str)], after: &[(&str, &str)]) -> Vec<String> {
        let before = Snapshot::new(
            "x".to_owned(),
            Values(values(before)),
            Stats::parse(stats),
            Listed::default(),
            true,
        );
        let writes = ordered(&before, &values(after)).into_iter();
        let shown = writes.map(|(attribute, value)| match value {
            Value::Number(number) => format!("{}={number}", attribute.file()),
            Value::Text(text) => format!("{}={text}", attribute.file()),
        });
        shown.collect()
    }

    #[test]
    fn no_other_io_is_hit_between_two_writes() {
        let (whole, part) = (("device", "sda"), ("sectors", "sdb:0+8"));
        for (before, after, expected) in [
            // From a disk to a volume on another one, and back.
            (
                &[whole][..],
                &[("device", "sdb"), part][..],
                &["sectors=sdb:0+8", "device=sdb"][..],
            ),
            (
                &[("device", "sdb"), part],
                &[whole, ("sectors", "")],
                &["device=sda", "sectors="],
            ),
            // From one volume to another.
            (
                &[("device", "sdb"), part],
                &[whole, ("sectors", "sda:8+8")],
                &[
                    "probability=0",
                    "device=sda",
                    "sectors=sda:8+8",
                    "probability=1000000",
                ],
            ),
            (
                &[whole, ("op", "read"), ("probability", "5")],
                &[("op", "write"), ("device", "sdb"), ("delay_us", "9")],
                &[
                    "probability=0",
                    "device=sdb",
                    "op=write",
                    "probability=5",
                    "delay_us=9",
                ],
            ),
            (
                &[whole, ("delay_us", "9")],
                &[
                    ("device", "sdb"),
                    ("delay_us", "5"),
                    ("quota", "5"),
                    ("every", "2"),
                ],
                &["every=2", "delay_us=5", "device=sdb", "quota=5"],
            ),
            (
                &[("device", "sda sdb"), ("op", "read")],
                &[whole, ("op", "write")],
                &["device=sda", "op=write"],
            ),
            // The system's disk is not slowed without an end.
            (
                &[("device", "sdb")],
                &[whole, ("duration_ms", "5")],
                &["duration_ms=5", "device=sda"],
            ),
            (
                &[whole, ("duration_ms", "5")],
                &[("device", "sdb"), ("duration_ms", "0")],
                &["device=sdb", "duration_ms=0"],
            ),
            (
                &[whole],
                &[("device", "sdb"), ("min_bytes", "9"), ("enabled", "0")],
                &["enabled=0", "min_bytes=9", "device=sdb"],
            ),
        ] {
            assert_eq!(order("active 1\n", before, after), expected, "{before:?}");
        }
        // It is not at work, and begins again.
        let over = order(
            "active 0\nremaining_ms 0\n",
            &[whole, ("duration_ms", "5"), ("op", "read")],
            &[("duration_ms", "9"), ("device", "sdb"), ("op", "write")],
        );
        assert_eq!(over, ["device=sdb", "op=write", "duration_ms=9"]);
    }
}
