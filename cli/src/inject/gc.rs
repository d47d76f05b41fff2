// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Clears what makers of injections have left that are no more, for `kchaos gc`.

use super::{
    lock, own,
    recover::{self, Options},
};
use crate::{
    interface::{
        Name,
        existing::all,
        snapshot::{Snapshot, State},
    },
    record::remove_left,
    system::Roots,
};
use anyhow::Result;
use std::{ffi::OsString, io::Write, thread::sleep, time::Duration};

/// A kchaos that waits for the end of its injection removes it within this time.
const PATIENCE: Duration = Duration::from_millis(250);

/// Why nobody wants an injection any more, in words that follow its name.
pub(crate) fn left(seen: &Snapshot) -> Option<String> {
    if seen.is_renewed || seen.stats.get("held") > 0 {
        return None;
    }
    let cgroup = seen.values.text(Name::Cgroup).unwrap_or_default();
    let is_gone = |kind: &str| seen.problems.iter().any(|problem| problem.contains(kind));
    match seen.state {
        State::Over => Some("has ended by its lease, and nobody has removed it".to_owned()),
        State::UsedUp => Some("is used up, and nobody has removed it".to_owned()),
        _ if seen.stats.get("pid_ns_gone") > 0 => {
            Some("is for a PID namespace that has no process any more".to_owned())
        }
        State::On if own::is_own(cgroup) && is_gone("is gone") => {
            Some("is for a command that has ended".to_owned())
        }
        _ => None,
    }
}

/// Ends the injections that nobody wants any more, prints their names, and gives disks back. The
/// traces of recordings that were killed go, too.
///
/// # Errors
///
/// If the interface is not there, or the kernel refuses.
pub(crate) fn gc(roots: &Roots, dry_run: bool, out: &mut dyn Write) -> Result<()> {
    roots.require_known_version()?;
    let options = Options {
        ignore_missing: true,
        dry_run,
    };
    let names = all_left(roots)?;
    if dry_run {
        return recover::recover(roots, &names, options, out);
    }
    if !names.is_empty() {
        sleep(PATIENCE);
    }
    // Only under the lock: another kchaos may make an injection of the same name.
    let lock = lock(roots)?;
    remove_left(roots);
    let mut still = all_left(roots)?;
    still.retain(|name| names.contains(name));
    recover::recover_locked(roots, lock, &still, options, out)
}

fn all_left(roots: &Roots) -> Result<Vec<OsString>> {
    let enabled = roots.enabled()?;
    let mut names = Vec::new();
    for name in all(roots)? {
        // One that cannot be read may be at work.
        let seen = Snapshot::read(roots, &name, enabled).ok().flatten();
        if seen.is_some_and(|seen| left(&seen).is_some()) {
            names.push(name);
        }
    }
    Ok(names)
}
