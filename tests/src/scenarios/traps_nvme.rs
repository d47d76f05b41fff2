// SPDX-License-Identifier: GPL-2.0-only

//! Data are as they were written if a path of NVMe goes and others get its bios, some of which are
//! held.

use super::traps::{amid_changes, lacks, verify_while};
use crate::{
    disk::{Disk, Kind},
    nvme::{PORTS, Target},
    report::Report,
    sys::{self, wait_until},
};
use anyhow::Result;
use std::{path::Path, thread::sleep, time::Duration};

/// Makes a path, whose disk is on ioem.
fn connect(port: &str) -> Result<()> {
    Target::connect(port)?;
    wait_until("the path's disk", || Ok(switch()? > 0))
}

/// Switches the paths' disks to ioem; the number of disks that were on another scheduler.
fn switch() -> Result<u32> {
    let mut switched = 0;
    for name in Target::disks()? {
        let scheduler = format!("/sys/block/{name}/queue/scheduler");
        // The disk may just have gone.
        if sys::read(&scheduler).is_ok_and(|text| !text.contains("[ioem")) {
            // A disk takes no scheduler before it is registered.
            switched += u32::from(sys::write(scheduler, "ioem").is_ok());
        }
    }
    Ok(switched)
}

scenario!("traps_nvme", nvme);
/// Two paths of NVMe. First one and then the other goes, with I/O at the disk and with held I/O.
fn nvme(report: &mut Report) -> Result<()> {
    const TIMES: usize = 8;
    if lacks(report, &["nvme-fabrics", "nvmet", "nvme-loop"], &[]) {
        return Ok(());
    }
    // The disk is slow, so a path that goes has I/O under way.
    let disk = Disk::new(&Kind {
        hw_queues: 2,
        memory: true,
        completion_ns: 3_000_000,
        ..Kind::default()
    })?;
    sys::load_module()?;
    let _target = Target::new(&disk)?;
    for port in PORTS {
        connect(port)?;
    }
    let head = "/dev/nvme0n1";
    wait_until("the disk of all paths", || Ok(Path::new(head).exists()))?;
    let subsystem = "/sys/class/nvme-subsystem/nvme-subsys0/iopolicy";
    sys::write(subsystem, "round-robin")?;
    amid_changes(report, |report| {
        let options = ["--bsrange=4k-64k", "--size=32m"];
        verify_while(report, "NVMe paths", &[], head, &options, || {
            for port in PORTS.iter().cycle().take(TIMES) {
                sleep(Duration::from_millis(300));
                Target::disconnect(port)?;
                wait_until("a path's end", || Ok(Target::controller(port)?.is_none()))?;
                sleep(Duration::from_millis(300));
                connect(port)?;
            }
            Ok(())
        })
    })
}
