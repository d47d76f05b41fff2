// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Damage of data, such as the loss of writes: it needs a consent, and no `--force` allows it on
//! disks that the system needs.

use super::{
    consent::{OTHER_DISKS, Reason},
    reach::{acting, reached},
};
use crate::{
    error::{Exit, all_of, failure},
    interface::{Name, Settings, ending::no_consent, existing::recover_command},
    system::{
        Roots,
        attached::attached_names,
        block::Block,
        guard,
        mounted::{Mounted, mounted_on},
    },
};
use anyhow::Result;

/// Checks settings that a new injection or a change has asked for. `is_new` says that data are
/// damaged anew, or elsewhere, and `consents` that `--data-loss` was given. Returns the reasons to
/// want `--force`.
///
/// # Errors
///
/// [`Exit::Usage`], if nothing allows the injection.
pub(super) fn reasons(
    roots: &Roots,
    settings: &Settings,
    is_new: bool,
    begins: bool,
    consents: bool,
) -> Result<Vec<Reason>> {
    let usage = |message: &str| failure(Exit::Usage, message.to_owned());
    let disks = reached(roots, settings);
    let Some(damage) = settings.damage() else {
        return match consents {
            true => Err(usage(
                "--data-loss is for --drop, --torn and --corrupt; leave it out",
            )),
            false => Ok(Vec::new()),
        };
    };
    if is_new && !consents {
        return Err(usage(&no_consent(damage)));
    }
    let Some(devices) = settings.text(Name::Device) else {
        return Err(usage(
            "without --device, this would damage data of each disk that somebody attaches later; \
             name the disks whose data may go",
        ));
    };
    let mut names = devices.split(' ');
    if let Some(name) = names.find(|name| Block::find_exact(roots, name).is_none()) {
        return Err(usage(&format!(
            "{name} is not there, and a disk that gets this name later may have data that matter; \
             name a disk that is there"
        )));
    }
    let risks = guard::risks(roots, &disks).into_iter();
    let refusals = risks.map(|risk| {
        let why = risk.why;
        usage(&format!(
            "{why}: kchaos damages no data there, not even with --force; {OTHER_DISKS}"
        ))
    });
    all_of(refusals.collect())?;
    if !is_new && !begins {
        return Ok(Vec::new());
    }
    let mounted = mounted_on(roots, |block| disks.contains(&block.disk)).into_iter();
    let reasons = mounted.map(|mounted| {
        let why = format!(
            "{}, which loses data and can be damaged",
            has_mounted(&mounted)
        );
        Reason::new(why, &["unmount it first"])
    });
    Ok(reasons.collect())
}

/// Checks the disks that are attached for an injection with these settings, as [`check_attached`]
/// does. They are attached before anything else, so the injection that changes or is replaced
/// counts as it still is.
///
/// # Errors
///
/// As [`check_attached`].
pub(super) fn check_reached(roots: &Roots, settings: &Settings) -> Result<Vec<Reason>> {
    let attached = attached_names(roots);
    let mut disks = reached(roots, settings);
    disks.retain(|disk| !attached.contains(disk));
    check_attached(roots, &disks)
}

/// Refuses to attach disks of the system on which an injection, which a shell can make, would
/// damage data. Returns the reasons to want `--force` for the others: where an injection waits for
/// a disk, its damage begins when the disk is attached.
///
/// # Errors
///
/// [`Exit::Usage`]; the message names the injections.
pub(super) fn check_attached(roots: &Roots, disks: &[String]) -> Result<Vec<Reason>> {
    let (mut failures, mut reasons) = (Vec::new(), Vec::new());
    let attached = attached_names(roots);
    for disk in disks {
        // The switch of all injections may be turned on later, and nobody would be asked.
        let losing = acting(roots, disk, true, |seen| seen.values.damages());
        if losing.is_empty() {
            continue;
        }
        let losing: Vec<&str> = losing.iter().map(String::as_str).collect();
        let names = losing.join(", ");
        let recover = recover_command(&losing);
        let disk = std::slice::from_ref(disk);
        if let Some(risk) = guard::risks(roots, disk).first() {
            let message = format!(
                "{}, and these damage data there: {names}; end them first, with `{recover}`",
                risk.why
            );
            failures.push(failure(Exit::Usage, message));
        } else if !attached.contains(&disk[0]) {
            let mounted = mounted_on(roots, |block| disk.contains(&block.disk));
            reasons.extend(mounted.iter().map(|mounted| {
                let why = format!(
                    "{}, and these damage data there once {} is attached: {names}",
                    has_mounted(mounted),
                    mounted.disk
                );
                let end = format!("end them first, with `{recover}`");
                Reason::new(why, &["unmount it first", &end])
            }));
        }
    }
    all_of(failures).map(|()| reasons)
}

/// The beginning of a sentence about a mounted file system.
fn has_mounted(mounted: &Mounted) -> String {
    format!(
        "{} has the {} that is mounted at {}",
        mounted.disk,
        mounted.kind,
        mounted.point.display()
    )
}
