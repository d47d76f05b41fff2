// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Stays until an injection has ended by itself, for `kchaos inject --wait`.

use super::{
    command::{Signals, killed_by},
    owned::Owned,
};
use crate::{
    error::{Exit, failure},
    interface::snapshot::Snapshot,
    system::Roots,
};
use anyhow::Result;
use std::{ffi::OsStr, thread::sleep, time::Duration};

/// The longest time until a signal ends the injection.
const PAUSE: Duration = Duration::from_millis(50);

/// Waits until an injection of this name has ended by itself, or a signal comes. Returns the exit
/// code.
///
/// # Errors
///
/// [`Exit::Name`] if somebody removes the injection before.
pub(super) fn until_end(
    roots: &Roots,
    name: &str,
    owned: &Owned,
    signals: &mut Signals,
) -> Result<u8> {
    loop {
        if !owned.is_there() {
            let message = format!("somebody removed {name} before it had ended");
            return Err(failure(Exit::Name, message));
        }
        let seen = Snapshot::read(roots, OsStr::new(name), roots.enabled().unwrap_or(true));
        let left = match seen {
            Ok(Some(seen)) if seen.has_ended() => return Ok(0),
            Ok(Some(seen)) => seen.stats.get("remaining_ms"),
            _ => 0,
        };
        if let Some(signal) = signals.come() {
            return Ok(killed_by(signal));
        }
        sleep(PAUSE.min(Duration::from_millis(left.max(1))));
    }
}
