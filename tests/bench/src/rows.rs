// SPDX-License-Identifier: GPL-2.0-only

//! The figures of the table, their bounds, and whether each figure meets its bound.

mod cost;
mod time;

use crate::{
    cells::{Cells, Figure},
    parts::Parts,
};
use serde_json::{Value, json};

pub(crate) use self::{cost::idle_cost, time::lateness_of};

/// One line of the table.
pub(crate) struct Row {
    pub(crate) what: String,
    pub(crate) target: Target,
    pub(crate) unit: &'static str,
    pub(crate) figure: Figure,
    /// The numbers behind the figure.
    pub(crate) of: String,
}

/// The bound of a figure.
#[derive(Clone, Copy)]
pub(crate) enum Target {
    AtMost(f64),
    Below(f64),
    AtLeast(f64),
    Between(f64, f64),
    /// None: the table only shows the figure.
    Told,
}

impl Target {
    fn meets(self, value: f64) -> bool {
        match self {
            Self::AtMost(most) => value <= most,
            Self::Below(bound) => value < bound,
            Self::AtLeast(least) => value >= least,
            Self::Between(least, most) => (least..=most).contains(&value),
            Self::Told => true,
        }
    }
}

impl Row {
    /// Whether each boot has met the target, and there was one.
    pub(crate) fn has_passed(&self) -> bool {
        !self.figure.boots.is_empty()
            && self
                .figure
                .boots
                .iter()
                .all(|(_, value)| self.target.meets(*value))
    }

    pub(crate) fn to_json(&self) -> Value {
        let target = match self.target {
            Target::AtMost(most) => json!({"at_most": most}),
            Target::Below(bound) => json!({"below": bound}),
            Target::AtLeast(least) => json!({"at_least": least}),
            Target::Between(least, most) => json!({"at_least": least, "at_most": most}),
            Target::Told => Value::Null,
        };
        json!({
            "what": self.what,
            "target": target,
            "unit": self.unit,
            "boots": self.figure.boots.iter().map(|(_, value)| *value).collect::<Vec<_>>(),
            "median": self.figure.median(),
            "of": self.of,
            "passed": self.has_passed(),
        })
    }
}

/// The hardware queues and queue depths of costs.
pub(crate) const QUEUES: [u64; 3] = [1, 2, 4];
pub(crate) const DEPTHS: [u64; 3] = [1, 32, 256];

/// Makes the rows of a part.
type Maker = fn(&Cells) -> Vec<Row>;

/// The part that measures the cells of each group of rows, in the order of the table.
const MAKERS: [(&str, Maker); 10] = [
    ("idle", cost::idle),
    ("merge", cost::merges),
    ("rules", cost::rules),
    ("delays", cost::delays),
    ("limit", time::limit),
    ("lateness", time::lateness),
    ("limit", time::spread),
    ("held", cost::held),
    ("memory", cost::memory),
    ("scaling", cost::scaling),
];

/// The rows of the chosen parts, also of those without a measurement.
pub(crate) fn of(cells: &Cells, parts: &Parts) -> Vec<Row> {
    MAKERS
        .into_iter()
        .filter(|(part, _)| parts.has(part))
        .flat_map(|(_, make)| make(cells))
        .collect()
}

/// `12,345`.
fn count(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place) % 3 == 0 && !text.ends_with('-') {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn shown(figure: &Figure) -> String {
    figure.median().map_or("nothing".to_owned(), count)
}

fn place(queues: u64, depth: u64) -> String {
    format!(
        "{queues} queue{}, QD {depth}",
        if queues == 1 { "" } else { "s" }
    )
}

fn each_cell() -> impl Iterator<Item = (u64, u64)> {
    QUEUES
        .into_iter()
        .flat_map(|queues| DEPTHS.map(|depth| (queues, depth)))
}

/// The measured delays, in microseconds.
pub(crate) const DELAYS_US: [u64; 4] = [100, 1_000, 10_000, 100_000];

pub(crate) fn duration(us: u64) -> String {
    if us < 1_000 {
        format!("{us} us")
    } else {
        format!("{} ms", us / 1_000)
    }
}

#[cfg(test)]
mod tests {
    use super::{Cells, Figure, MAKERS, Parts, Row, Target, count, of};

    fn row(target: Target, values: &[f64]) -> Row {
        Row {
            what: String::new(),
            target,
            unit: "",
            figure: Figure {
                boots: values.iter().copied().enumerate().collect(),
            },
            of: String::new(),
        }
    }

    #[test]
    fn each_boot_has_to_meet_the_target() {
        assert!(row(Target::AtMost(2.0), &[1.0, 2.0]).has_passed());
        assert!(!row(Target::AtMost(2.0), &[1.0, 1.0, 2.1]).has_passed());
        assert!(!row(Target::Below(2.0), &[2.0]).has_passed());
        assert!(!row(Target::AtLeast(2.0), &[3.0, 1.9]).has_passed());
        assert!(!row(Target::Between(1.0, 2.0), &[2.1]).has_passed());
    }

    #[test]
    fn what_was_not_measured_has_not_passed() {
        assert!(!row(Target::Told, &[]).has_passed());
        assert!(
            !of(&Cells::default(), &everything())
                .iter()
                .any(Row::has_passed)
        );
    }

    #[test]
    fn only_chosen_parts_have_rows() -> anyhow::Result<()> {
        let cells = Cells::default();
        let count = |words: &str| Ok::<_, anyhow::Error>(of(&cells, &Parts::new(words)?).len());
        assert_eq!(count("path throughput")?, 0);
        assert_eq!(count("scaling")?, 1);
        assert_eq!(count("idle rules")?, count("idle")? + count("rules")?);
        Ok(())
    }

    #[test]
    fn rows_are_of_parts_that_there_are() {
        let parts = everything();
        assert!(MAKERS.iter().all(|(part, _)| parts.has(part)));
    }

    #[test]
    fn a_chosen_part_that_measured_nothing_fails_beside_one_that_did() -> anyhow::Result<()> {
        let mut cells = Cells::default();
        cells.add_boot(0, "{\"what\":\"limit\",\"asked\":40000,\"iops\":40000}")?;
        let rows = of(&cells, &Parts::new("limit scaling")?);
        assert!(rows.iter().any(Row::has_passed));
        assert!(!rows.iter().all(Row::has_passed));
        Ok(())
    }

    fn everything() -> Parts {
        Parts::new("").expect("no word chooses all parts")
    }

    #[test]
    fn figures_of_one_boot_are_compared() -> anyhow::Result<()> {
        let boot = |ioem: u32, fifo: u32| {
            format!(
                "{{\"what\":\"idle\",\"scheduler\":\"ioem\",\"queues\":1,\"depth\":32,\"instructions\":{ioem}}}\n# a note\n\
                 {{\"what\":\"idle\",\"scheduler\":\"fifo\",\"queues\":1,\"depth\":32,\"instructions\":{fifo}}}\n"
            )
        };
        let mut cells = Cells::default();
        cells.add_boot(0, &boot(101, 100))?;
        cells.add_boot(1, &boot(206, 200))?;
        let rows = of(&cells, &everything());
        let mut measured = rows.iter().filter(|row| !row.figure.boots.is_empty());
        let row = measured.next().expect("one was measured");
        assert_eq!(row.figure.boots, [(0, 1.01), (1, 1.03)]);
        assert!(!row.has_passed());
        assert!(measured.next().is_none());
        Ok(())
    }

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(count(999.0), "999");
        assert_eq!(count(1_234_567.0), "1,234,567");
        assert_eq!(count(-1_234.0), "-1,234");
        assert_eq!(count(-123.0), "-123");
    }
}
