// SPDX-License-Identifier: GPL-2.0-only

//! A disk that fails: it hands requests back, times out, and loses requests.

use super::actions::Actor;
use crate::{
    disk::{Disk, Kind},
    fio::{Fio, RANDOM_READ},
    sys,
};
use anyhow::Result;
use std::{path::Path, sync::atomic::Ordering};

/// null_blk's faults of requests, and their number in a hundred. A request that times out takes 30
/// seconds, unless the time is changed.
const FAULTS: &[(&str, u32)] = &[("requeue_inject", 5), ("timeout_inject", 1)];

/// Reads from such a disk. Reads may fail, but every read must end.
pub(super) fn faults(mut actor: Actor) -> Result<()> {
    while actor.goes_on() {
        let disk = Disk::on_ioem(&Kind {
            hw_queues: 2,
            queue_depth: 32,
            ..Kind::default()
        })?;
        inject(&disk)?;
        let number = format!("--number_ios={}", 100 + actor.random.below(200));
        let options = [
            "--iodepth=32",
            "--size=1g",
            "--continue_on_error=all",
            &number,
        ];
        let outcome =
            Fio::start(&disk.path(), &[RANDOM_READ, &options].concat())?.finish_with_errors()?;
        let errors = outcome.errors_passed_over()? as u64;
        actor.counts.faulty.fetch_add(errors, Ordering::Relaxed);
        actor.rest(100);
    }
    Ok(())
}

/// Makes the disk fail, as far as this kernel can.
fn inject(disk: &Disk) -> Result<()> {
    sys::write(disk.attribute("queue/io_timeout"), "200")?;
    for (fault, percent) in FAULTS {
        let folder = disk.setting(fault);
        if folder.exists() {
            for (file, value) in [
                ("verbose", 0),
                ("times", -1),
                ("probability", *percent as i32),
            ] {
                sys::write(folder.join(file), value.to_string())?;
            }
        }
    }
    if Path::new(&disk.attribute("make-it-fail")).exists() {
        let folder = "/sys/kernel/debug/fail_make_request";
        for (file, value) in [("verbose", "0"), ("times", "-1"), ("probability", "2")] {
            sys::write(format!("{folder}/{file}"), value)?;
        }
        sys::write(disk.attribute("make-it-fail"), "1")?;
    }
    Ok(())
}
