// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The profile of a disk: the file that a recording writes and that a replay reads.

use super::event::Operation;
use crate::interface::{
    Name, Value, attribute,
    units::{show_bytes, show_microseconds},
};
use serde::Deserialize;
use std::fmt::Write;

/// The version of the file's form.
const VERSION: u64 = 1;

/// The word for all operations, where nobody knows which.
pub(super) const ANY: &str = "any";

/// A profile.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub(super) struct Profile {
    pub(super) version: u64,
    /// The disk, for people.
    #[serde(default)]
    pub(super) device: String,
    /// The beginning of the recording, for people.
    #[serde(default)]
    pub(super) recorded: String,
    /// Its length.
    #[serde(default)]
    pub(super) seconds: f64,
    /// The events that the kernel has lost, or that were dropped beside lost ones.
    #[serde(default)]
    pub(super) lost_events: u64,
    /// The most requests that the disk had at a time.
    #[serde(default)]
    pub(super) depth_max: u64,
    /// The most that the disk does, whatever the operation.
    #[serde(default)]
    pub(super) limit: Option<Limit>,
    pub(super) classes: Vec<Row>,
}

/// The most that a disk does; 0 is no limit.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub(super) struct Limit {
    #[serde(default)]
    pub(super) iops: u64,
    #[serde(default)]
    pub(super) bytes_per_second: u64,
}

/// The I/O of an operation and a range of sizes.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub(super) struct Row {
    pub(super) op: String,
    #[serde(default)]
    pub(super) min_bytes: u64,
    /// 0 is any size.
    #[serde(default)]
    pub(super) max_bytes: u64,
    #[serde(default)]
    pub(super) ios: u64,
    #[serde(default)]
    pub(super) iops: f64,
    #[serde(default)]
    pub(super) bytes_per_second: f64,
    #[serde(default)]
    pub(super) depth_mean: f64,
    #[serde(default)]
    pub(super) depth_max: u64,
    #[serde(default)]
    pub(super) mean_us: u64,
    /// The I/Os that the disk serves at a time; 0 is any number.
    #[serde(default)]
    pub(super) lanes: u64,
    /// As `--percentiles` has them; with lanes, without the time until one is free.
    pub(super) percentiles: String,
}

impl Profile {
    /// A profile without figures.
    pub(super) fn of(classes: Vec<Row>) -> Self {
        Self {
            version: VERSION,
            device: String::new(),
            recorded: String::new(),
            seconds: 0.0,
            lost_events: 0,
            depth_max: 0,
            limit: None,
            classes,
        }
    }

    /// The text of the file.
    pub(super) fn text(&self) -> String {
        let mut text = format!(
            "# The time that each I/O of a disk took, as `kchaos record` measured it. `kchaos replay \
             FILE\n# --device DISK` makes another disk as slow.\nversion = {}\n",
            self.version
        );
        let _ = writeln!(
            text,
            "device = {:?}\nrecorded = {:?}\nseconds = {:.3}\nlost_events = {}\ndepth_max = {}",
            self.device, self.recorded, self.seconds, self.lost_events, self.depth_max
        );
        if let Some(limit) = &self.limit {
            let _ = writeln!(
                text,
                "\n# The disk was saturated: with more requests at a time, it did no more.\n[limit]\n\
                 iops = {}\nbytes_per_second = {}",
                limit.iops, limit.bytes_per_second
            );
        }
        for row in &self.classes {
            let _ = write!(
                text,
                "\n[[classes]]\nop = {:?}\nmin_bytes = {}\nmax_bytes = {}\nios = {}\niops = {:.2}\n\
                 bytes_per_second = {:.0}.0\ndepth_mean = {:.3}\ndepth_max = {}\nmean_us = {}\n\
                 lanes = {}\npercentiles = {:?}\n",
                row.op,
                row.min_bytes,
                row.max_bytes,
                row.ios,
                row.iops,
                row.bytes_per_second,
                row.depth_mean,
                row.depth_max,
                row.mean_us,
                row.lanes,
                row.percentiles
            );
        }
        text
    }

    /// Reads the text of a file.
    ///
    /// # Errors
    ///
    /// A sentence that says what is wrong.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let profile: Self = toml::from_str(text)
            .map_err(|error| format!("this is no profile of a disk: {error}"))?;
        if profile.version != VERSION {
            return Err(format!(
                "the profile has version {}, and this kchaos knows {VERSION}",
                profile.version
            ));
        }
        if profile.classes.is_empty() {
            return Err("the profile has no [[classes]]".to_owned());
        }
        for row in &profile.classes {
            row.check()?;
        }
        Ok(profile)
    }
}

impl Row {
    /// The I/O of any size of an operation, without figures.
    pub(super) fn of(op: &str, percentiles: String) -> Self {
        Self {
            op: op.to_owned(),
            min_bytes: 0,
            max_bytes: 0,
            ios: 0,
            iops: 0.0,
            bytes_per_second: 0.0,
            depth_mean: 0.0,
            depth_max: 0,
            mean_us: 0,
            lanes: 0,
            percentiles,
        }
    }

    fn check(&self) -> Result<(), String> {
        let about = |sentence| format!("op = {:?}: {sentence}", self.op);
        if self.op != ANY && Operation::named(&self.op).is_none() {
            let words = Operation::ALL.map(Operation::word).join(", ");
            return Err(about(format!("a profile has {words} and {ANY}")));
        }
        if self.max_bytes != 0 && self.min_bytes > self.max_bytes {
            let sentence = format!(
                "min_bytes = {} is more than max_bytes = {}",
                self.min_bytes, self.max_bytes
            );
            return Err(about(sentence));
        }
        self.points().map_err(about).map(drop)
    }

    /// Its I/O in words.
    pub(super) fn title(&self) -> String {
        match self.max_bytes {
            0 => self.op.clone(),
            most => format!("{} up to {}", self.op, show_bytes(most)),
        }
    }

    /// The percentiles as the driver has them: per cents and microseconds.
    ///
    /// # Errors
    ///
    /// A sentence that says what is wrong with them.
    pub(super) fn points(&self) -> Result<Vec<(String, u64)>, String> {
        let wrong = |sentence| format!("percentiles = {:?}: {sentence}", self.percentiles);
        let parsed = attribute(Name::Percentiles).parse(&self.percentiles);
        let Value::Text(text) = parsed.map_err(wrong)? else {
            return Ok(Vec::new());
        };
        let point = |word: &str| {
            let (percent, us) = word.split_once(':')?;
            Some((percent.to_owned(), us.parse().ok()?))
        };
        Ok(text.split(' ').filter_map(point).collect())
    }

    /// The percentiles without a time that another disk takes by itself.
    ///
    /// # Errors
    ///
    /// As [`Row::points`].
    pub(super) fn percentiles_without(&self, own_us: u64) -> Result<String, String> {
        let points = self.points()?.into_iter().map(|(percent, us)| {
            let us = show_microseconds(us.saturating_sub(own_us));
            format!("{percent}:{us}")
        });
        Ok(points.collect::<Vec<_>>().join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> Row {
        Row {
            op: "read".to_owned(),
            min_bytes: 4_097,
            max_bytes: 8_192,
            ios: 1_000,
            iops: 333.25,
            bytes_per_second: 2_730_000.0,
            depth_mean: 1.25,
            depth_max: 4,
            mean_us: 90,
            lanes: 4,
            percentiles: "0:80us,50:90us,99:1.2ms".to_owned(),
        }
    }

    #[test]
    fn a_file_is_read_back_as_it_was() {
        let mut profile = Profile::of(vec![row()]);
        profile.device = "sda".to_owned();
        profile.seconds = 3.25;
        profile.limit = Some(Limit {
            iops: 400,
            bytes_per_second: 0,
        });
        assert_eq!(Profile::parse(&profile.text()), Ok(profile));
    }

    #[test]
    fn few_keys_are_enough() {
        let text = "version = 1\n[[classes]]\nop = \"read\"\npercentiles = \"50:1ms\"\n";
        let profile = Profile::parse(text).unwrap();
        assert_eq!(
            (profile.classes[0].min_bytes, profile.classes[0].max_bytes),
            (0, 0)
        );
    }

    #[test]
    fn mistakes_are_told() {
        for (text, expected) in [
            ("", "no profile of a disk"),
            (
                "version = 2\nclasses = []\n",
                "has version 2, and this kchaos knows 1",
            ),
            ("version = 1\nclasses = []\n", "no [[classes]]"),
            ("version = 1\ncolour = 1\nclasses = []\n", "colour"),
            (
                "version = 1\n[[classes]]\nop = \"read\"\npercentiles = \"50:9ms,20:1ms\"\n",
                "per cents have to rise",
            ),
        ] {
            let sentence = Profile::parse(text).unwrap_err();
            assert!(sentence.contains(expected), "{sentence}");
        }
    }

    #[test]
    fn the_time_of_the_other_disk_is_taken_off() {
        assert_eq!(
            row().percentiles_without(85).unwrap(),
            "0:0s,50:5us,99:1.115ms"
        );
    }
}
