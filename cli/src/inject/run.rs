// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The run of a command during an injection: all I/O of that time, and the injection's counts.

use crate::{
    interface::{Settings, stats::Stats},
    system::{Roots, traffic::Traffic},
};

/// A run of a command, after its end.
#[derive(Debug)]
pub(super) struct Run<'a> {
    pub(super) roots: &'a Roots,
    pub(super) settings: &'a Settings,
    pub(super) who: &'a str,
    pub(super) own_cgroup: bool,
    /// The devices that the injection reaches: disks, and partitions of other disks.
    pub(super) devices: Vec<String>,
    /// The I/O of these devices during the run.
    pub(super) traffic: Traffic,
    /// The flushes of the disks of these devices: the kernel counts those of a partition for its
    /// disk alone.
    pub(super) flushes: u64,
    /// The other disks with I/O during the run, those with most of it first.
    pub(super) others: Vec<(String, u64)>,
    pub(super) stats: Stats,
    /// Whether the injection could reach I/O at any time.
    pub(super) acted: bool,
    /// The rest of a sentence about the injection, if it was not at work all the time.
    pub(super) idle: Option<&'a str>,
}

/// The names of some devices, or how many there are.
pub(super) fn in_words(devices: &[String]) -> String {
    /// More are too long for a line.
    const MOST: usize = 4;
    match devices {
        [] => "no disk".to_owned(),
        [first] => first.clone(),
        [.., _] if devices.len() > MOST => format!("{} devices", devices.len()),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}
