// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The flags that say whose I/O is affected, without a word about cgroups.

use crate::interface::Form;
use clap::{Args, builder::NonEmptyStringValueParser};

const HEADING: &str = "Which I/O";

/// The processes whose I/O is affected: at most one of these, and then no other cgroup.
#[derive(Args, Clone, Debug, Default)]
pub struct Whom {
    /// Only I/O of COMMAND and of the processes that it starts
    ///
    /// kchaos runs COMMAND in a cgroup (v2) of its own, and removes that in the end. Processes
    /// that COMMAND leaves running go on without the injection. Pages that it has not written back
    /// by then (see sync) are not affected, nor is the I/O of a daemon for COMMAND. The kernel
    /// writes the pages of a file back for the cgroup that wrote to the file first.
    #[arg(long, help_heading = HEADING, conflicts_with_all = ["cgroup", "pid", "container"])]
    pub own: bool,
    /// Only I/O of the cgroup of this process, on the disk of its working directory unless --device
    /// names others
    ///
    /// The cgroup can have other processes, whose I/O is affected, too: kchaos says how many.
    #[arg(long, value_name = "PID", help_heading = HEADING, value_parser = process)]
    // Lets the message about a negative value name the range.
    #[arg(conflicts_with_all = ["cgroup", "container"], allow_hyphen_values = true)]
    pub pid: Option<u32>,
    /// Only I/O of this container, on the disk of its root directory unless --device names others
    ///
    /// An id, or at least 8 characters of it, of a container of containerd, CRI-O, Docker or Podman
    /// that has a cgroup (v2); or the name of a container of LXC or systemd-nspawn.
    #[arg(long, value_name = "ID", help_heading = HEADING, conflicts_with = "cgroup")]
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub container: Option<String>,
}

/// The number of a process.
fn process(text: &str) -> Result<u32, String> {
    let number = Form::Process.parse(text)?;
    number
        .parse()
        .map_err(|_| format!("{number} is no process's number"))
}
