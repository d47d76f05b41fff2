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
//!
//! A freeze without an end must not be there for a moment. So where the injection has had no time,
//! the time comes before the freeze: an error after that write loses no former time.
//!
//! Nobody can undo the failure of an I/O or the damage of its data. So an error changes before a
//! freeze ends, while the frozen I/O still waits. If anything else changes together with these two,
//! or with an ending that damages data, the probability is 0 in between. The driver wants the
//! consent to damage first, and takes it back last.

use crate::interface::{
    Attribute, Name, Value, attribute,
    attributes::place,
    ending::damaging,
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
    /// It freezes I/O, and the injection has had no end before.
    Freezes,
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
    let is_set = |value| number(value) > 0;
    let thaws = is_set(former(Name::Freeze)) && !is_set(after(Name::Freeze));
    let changes = |name| former(name) != after(name);
    let damages = damaging().any(|name| is_set(former(name)) || is_set(after(name)));
    let changes_ending = damages && (changes(Name::Error) || damaging().any(changes));
    let has_ended = before.has_ended();
    let gains_end = number(former(Name::DurationMs)) == 0 && number(after(Name::DurationMs)) > 0;
    let mut moves: Vec<(Move, Written)> = values
        .iter()
        .map(|written| {
            let name = written.0.name;
            let kind = match name {
                name if begins(name) => Move::Begins,
                Name::Freeze if gains_end && written.1 == Value::Number(1) => Move::Freezes,
                Name::Enabled if written.1 == Value::Number(1) => Move::Starts,
                Name::MinBytes | Name::MaxBytes if sizes.are_apart() => Move::Moves,
                Name::Error if thaws => Move::Narrows,
                // Other I/O matches, and another thing happens to it.
                name if name.damages() && changes(name) => Move::Moves,
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
            Name::Error if *kind == Move::Narrows => (0, 1),
            name => (place(name), 1),
        };
        (*kind, place)
    });
    let count = |kind| moves.iter().filter(|(other, _)| *other == kind).count();
    let (moving, begun) = (count(Move::Moves), count(Move::Begins));
    let others_than_consent = values.iter().filter(|(row, _)| row.name != Name::DataLoss);
    let damages_and_more = changes_ending && others_than_consent.count() > 1;
    let is_of_thaw = |name| matches!(name, Name::Freeze | Name::Error);
    let fails_and_more = thaws
        && former(Name::Error) != after(Name::Error)
        && !values.iter().all(|(row, _)| is_of_thaw(row.name));
    let is_switched_off = after(Name::Enabled) == Value::Number(0);
    let is_gated = if is_switched_off || before.state == State::Off {
        false
    } else if has_ended {
        begun > 1
    } else {
        let others = moving + count(Move::Widens) + count(Move::Freezes);
        damages_and_more || fails_and_more || moving > 1 || begun > 1 || begun > 0 && others > 0
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
        Name::Burst | Name::BytesBurst | Name::DataLoss => after >= before,
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
    if name == Name::Error && before != after {
        return match (before.is_empty(), after.is_empty()) {
            (true, _) => Move::Widens,
            (_, true) => Move::Narrows,
            _ => Move::Moves,
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
mod tests;
