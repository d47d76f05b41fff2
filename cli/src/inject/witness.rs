// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Whether an injection was still at work when its command had ended: a test that ran without the
//! injection must not look as if it had passed. The witness does not notice a switch that was off
//! and on again in between.

use super::{lease, owned::Owned, reach::reached};
use crate::{
    interface::{Settings, attributes::ENABLED},
    system::{Roots, attached::attached_names},
};

/// The conditions of an injection's work, as they were when it was made.
#[derive(Debug)]
pub(crate) struct Witness<'a> {
    roots: &'a Roots,
    owned: &'a Owned,
    /// Whether the injection was on.
    enabled: bool,
    /// Whether all injections were on.
    all_enabled: bool,
    /// The disks on ioem that it reaches.
    disks: Vec<String>,
}

impl<'a> Witness<'a> {
    pub(crate) fn new(roots: &'a Roots, owned: &'a Owned, settings: &Settings) -> Self {
        let mut disks = reached(roots, settings);
        let attached = attached_names(roots);
        disks.retain(|disk| attached.contains(disk));
        Self {
            roots,
            owned,
            enabled: settings.enabled,
            all_enabled: is_all_enabled(roots),
            disks,
        }
    }

    /// Why the injection is not at work any more; `lapsed` if its lease was not renewed in time.
    /// This program asks before it ends the injection.
    pub(crate) fn end(&self, lapsed: bool) -> Option<String> {
        if !self.owned.is_there() {
            return Some("somebody removed it".to_owned());
        }
        if lapsed {
            return Some(format!(
                "kchaos was stopped, or had no processor, for longer than the lease of {} ms",
                lease::LENGTH_MS
            ));
        }
        if self.enabled && self.owned.read(ENABLED).is_ok_and(|text| text == "0") {
            return Some("it was switched off".to_owned());
        }
        if self.all_enabled && !is_all_enabled(self.roots) {
            return Some("all injections were switched off".to_owned());
        }
        let attached = attached_names(self.roots);
        let mut disks = self.disks.iter();
        let gone = disks.find(|disk| !attached.contains(disk))?;
        Some(format!("{gone} is not on ioem any more"))
    }
}

/// The switch of all injections; one that cannot be read counts as on.
fn is_all_enabled(roots: &Roots) -> bool {
    roots.enabled().unwrap_or(true)
}
