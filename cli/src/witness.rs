// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Whether an injection was at work when the command that it was made for had ended: a test that ran without it is not to look as
//! if it had passed. What was switched off and on again in between is not noticed.

use crate::{
    attributes::ENABLED, device, injection::reached, interface::Roots, lease, made::Made,
    settings::Settings,
};

/// What an injection needs besides being there, as it was when the injection was made.
#[derive(Debug)]
pub(crate) struct Witness<'a> {
    roots: &'a Roots,
    made: &'a Made,
    /// Whether it was on.
    enabled: bool,
    /// Whether injections did anything at all.
    all_enabled: bool,
    /// The disks on ioem that it reaches.
    disks: Vec<String>,
}

impl<'a> Witness<'a> {
    pub(crate) fn new(roots: &'a Roots, made: &'a Made, settings: &Settings) -> Self {
        let mut disks = reached(roots, settings);
        let attached = attached(roots);
        disks.retain(|disk| attached.contains(disk));
        Self {
            roots,
            made,
            enabled: settings.enabled,
            all_enabled: is_all_enabled(roots),
            disks,
        }
    }

    /// Why the injection is not at work any more; `lapsed` says that its lease had not been renewed in
    /// time. To be asked before this program ends it.
    pub(crate) fn end(&self, lapsed: bool) -> Option<String> {
        if !self.made.is_there() {
            return Some("somebody removed it".to_owned());
        }
        if lapsed {
            return Some(format!(
                "kchaos was stopped, or had no processor, for longer than the lease of {} ms",
                lease::LENGTH_MS
            ));
        }
        if self.enabled && self.made.read(ENABLED).is_ok_and(|text| text == "0") {
            return Some("it was switched off".to_owned());
        }
        if self.all_enabled && !is_all_enabled(self.roots) {
            return Some("all injections were switched off".to_owned());
        }
        let attached = attached(self.roots);
        let mut disks = self.disks.iter();
        let gone = disks.find(|disk| !attached.contains(disk))?;
        Some(format!("{gone} is not on ioem any more"))
    }
}

fn attached(roots: &Roots) -> Vec<String> {
    let attached = device::attached(roots).into_iter();
    attached.map(|disk| disk.name).collect()
}

/// What cannot be read has not been switched off.
fn is_all_enabled(roots: &Roots) -> bool {
    roots.enabled().unwrap_or(true)
}
