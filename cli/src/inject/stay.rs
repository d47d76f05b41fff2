// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Stays until an injection has ended by itself, for `kchaos inject --wait`.

use super::{command::Signals, owned::Owned};
use crate::{error::note, interface::snapshot::Snapshot, system::Roots};
use std::{ffi::OsStr, thread::sleep, time::Duration};

/// The longest time until a signal ends the injection.
const PAUSE: Duration = Duration::from_millis(50);

/// Waits until an injection of this name has ended by itself, is gone, or a signal comes. Returns
/// the exit code.
pub(super) fn until_end(roots: &Roots, name: &str, owned: &Owned, signals: &mut Signals) -> u8 {
    loop {
        if !owned.is_there() {
            note(&format!("somebody removed {name} before it had ended"));
            return 0;
        }
        let seen = Snapshot::read(roots, OsStr::new(name), roots.enabled().unwrap_or(true));
        let left = match seen {
            Ok(Some(seen)) if seen.has_ended() => return 0,
            Ok(Some(seen)) => seen.stats.get("remaining_ms"),
            _ => 0,
        };
        if let Some(signal) = signals.come() {
            return u8::try_from(128 + signal).unwrap_or(1);
        }
        sleep(PAUSE.min(Duration::from_millis(left.max(1))));
    }
}
