// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The driver's interface: its files in configfs, their values, and how people write those.

pub(crate) mod attributes;
pub(crate) mod ceiling;
pub(crate) mod commits;
mod driver;
pub(crate) mod ending;
pub(crate) mod existing;
pub(crate) mod form;
pub(crate) mod frozen;
pub(crate) mod listed;
pub(crate) mod made_for;
pub(crate) mod near;
pub(crate) mod operation;
mod parse;
pub(crate) mod presets;
mod problems;
pub(crate) mod rate;
pub(crate) mod settings;
pub(crate) mod snapshot;
pub(crate) mod stats;
pub mod units;
pub(crate) mod values;
pub(crate) mod ways;
mod words;

pub use attributes::{ATTRIBUTES, Attribute, Kind, Name, Section, Value, attribute};
pub use driver::KNOWN_VERSION;
pub use form::Form;
pub use settings::{Settings, check_name};
