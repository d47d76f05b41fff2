// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The disks: which of them can be slow, and which are.

use super::report::{Report, Seen};
use crate::system::{
    IOEM, Roots,
    disk::Disk,
    files::names,
    guard::risks,
    saved::{Saved, saved_names},
};

/// All disks. Disks without a blk-mq queue, which can have no scheduler, are left out.
fn seen(roots: &Roots) -> Vec<Seen> {
    let disks = names(&roots.sysfs.join("block")).into_iter();
    let disks = disks.filter_map(|name| Disk::named(roots, &name).ok());
    disks
        .map(|disk| {
            let saved = Saved::of(roots, &disk.name).ok().flatten();
            let usable = match (disk.active == IOEM, saved) {
                (false, _) => "can be on ioem".to_owned(),
                (true, Some(saved)) if saved.auto => {
                    format!("on ioem for injections; then {}", saved.shown())
                }
                (true, Some(saved)) => format!("on ioem; after detach {}", saved.shown()),
                (true, None) => "on ioem, and not by kchaos".to_owned(),
            };
            Seen {
                name: disk.name,
                scheduler: disk.active,
                usable,
            }
        })
        .collect()
}

pub(super) fn look(roots: &Roots, report: &mut Report) {
    if let Err(error) = roots.require_sysfs() {
        report.problem("sysfs", format!("{error:#}"));
        return;
    }
    report.disks = seen(roots);
    if report.disks.is_empty() {
        report.problem(
            "no-disk",
            "no disk has a blk-mq queue, so none can be on ioem: attach a disk, or name the disks \
             below a volume on the host (lsblk)",
        );
    }
    let on_ioem = report.disks.iter();
    let on_ioem = on_ioem.filter(|disk| disk.scheduler == IOEM);
    let on_ioem: Vec<String> = on_ioem.map(|disk| disk.name.clone()).collect();
    for risk in risks(roots, &on_ioem).iter().filter(|risk| risk.is_known) {
        let disk = risk.disk;
        report.problem(
            "system-disk",
            format!(
                "{}, and {disk} is on ioem: kchaos detach {disk}",
                risk.when_slow()
            ),
        );
    }
    for name in saved_names(roots) {
        let file = roots.saved(&name);
        match Saved::read(&file) {
            Err(trouble) => {
                let file = file.display();
                report.problem(
                    "record-broken",
                    format!(
                        "the record {file} of what {name} had before ioem {trouble}, so kchaos \
                         cannot give the disk back: choose its scheduler (echo none > \
                         {}/block/{name}/queue/scheduler), and then rm {file}",
                        roots.sysfs.display()
                    ),
                );
            }
            // The next kchaos forgets those of disks that it attached by itself.
            Ok(Some(saved)) if !saved.auto && roots.is_gone(&name) => report.problem(
                "record-gone",
                format!(
                    "the record {} is of a disk that somebody attached and that is gone: kchaos \
                     detach {name}",
                    file.display()
                ),
            ),
            Ok(_) => {}
        }
    }
}
