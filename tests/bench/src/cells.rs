// SPDX-License-Identifier: GPL-2.0-only

//! The guests' output: cells, each with its name, its scheduler or rival, and numbers.

use anyhow::{Context, Result};
use serde_json::{Map, Value};

/// The measurements of all boots.
#[derive(Default)]
pub(crate) struct Cells(Vec<Cell>);

/// The measurement of one cell in one boot.
struct Cell {
    boot: usize,
    values: Map<String, Value>,
}

/// One number of the same cell, in each boot that has it.
pub(crate) struct Figure {
    /// The numbers by boot, in the boots' order.
    pub(crate) boots: Vec<(usize, f64)>,
}

impl Figure {
    /// The median of the boots.
    pub(crate) fn median(&self) -> Option<f64> {
        let mut values = self.values();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied()
    }

    /// The least and the greatest.
    pub(crate) fn range(&self) -> Option<(f64, f64)> {
        let values = self.values();
        let least = values.iter().copied().min_by(f64::total_cmp)?;
        let greatest = values.iter().copied().max_by(f64::total_cmp)?;
        Some((least, greatest))
    }

    fn values(&self) -> Vec<f64> {
        self.boots.iter().map(|(_, value)| *value).collect()
    }

    /// The result of `of` for the two numbers of each boot that has both.
    pub(crate) fn with(&self, other: &Self, of: impl Fn(f64, f64) -> f64) -> Self {
        let both = self.boots.iter().filter_map(|(boot, mine)| {
            let (_, others) = other.boots.iter().find(|(number, _)| number == boot)?;
            Some((*boot, of(*mine, *others)))
        });
        Self {
            boots: both.collect(),
        }
    }
}

impl Cells {
    /// Adds the output of a boot. Lines that are no JSON are messages of the machine that ran it.
    pub(crate) fn add_boot(&mut self, boot: usize, text: &str) -> Result<()> {
        for line in text.lines().filter(|line| line.starts_with('{')) {
            let value: Value = serde_json::from_str(line).with_context(|| line.to_owned())?;
            if let Value::Object(values) = value {
                self.0.push(Cell { boot, values });
            }
        }
        Ok(())
    }

    /// The number called `number` in the cells called `what` that have these values.
    pub(crate) fn figure(&self, what: &str, having: &[(&str, Value)], number: &str) -> Figure {
        let cells = self.of(what, having);
        let numbers =
            cells.filter_map(|cell| Some((cell.boot, cell.values.get(number)?.as_f64()?)));
        Figure {
            boots: numbers.collect(),
        }
    }

    /// The list called `list` in the first of these cells.
    pub(crate) fn list(&self, what: &str, having: &[(&str, Value)], list: &str) -> Vec<f64> {
        let cell = self.of(what, having).next();
        let list = cell.and_then(|cell| cell.values.get(list)?.as_array());
        list.map_or(Vec::new(), |list| {
            list.iter().filter_map(Value::as_f64).collect()
        })
    }

    fn of<'a>(
        &'a self,
        what: &'a str,
        having: &'a [(&str, Value)],
    ) -> impl Iterator<Item = &'a Cell> {
        self.0.iter().filter(move |cell| {
            cell.values.get("what").and_then(Value::as_str) == Some(what)
                && having
                    .iter()
                    .all(|(key, value)| cell.values.get(*key) == Some(value))
        })
    }

    /// All cells in their order, with the number of the boot.
    pub(crate) fn to_json(&self) -> Value {
        let cells = self.0.iter().map(|cell| {
            let mut values = cell.values.clone();
            values.insert("boot".to_owned(), cell.boot.into());
            Value::Object(values)
        });
        cells.collect()
    }
}
