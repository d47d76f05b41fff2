// SPDX-License-Identifier: GPL-2.0-only

//! Data are as they were written if a path of NVMe goes and others get its bios, some of which are
//! held.

use super::traps::{amid_changes, lacks, verify_while, wait_until};
use crate::{
    disk::{Disk, Kind},
    report::Report,
    sys,
};
use anyhow::Result;
use std::{
    fs,
    path::{Path, PathBuf},
    thread::sleep,
    time::Duration,
};

/// The folder of NVMe's target in configfs.
const NVMET: &str = "/sys/kernel/config/nvmet";

/// The names of a subsystem of NVMe and of its ports.
const SUBSYSTEM: &str = "traps";
const PORTS: [&str; 2] = ["1", "2"];

/// A subsystem of NVMe that has this disk as its namespace, and two ports; removed when dropped.
struct Target;

impl Target {
    fn new(disk: &Disk) -> Result<Self> {
        let subsystem = format!("{NVMET}/subsystems/{SUBSYSTEM}");
        fs::create_dir(&subsystem)?;
        let target = Self;
        sys::write(format!("{subsystem}/attr_allow_any_host"), "1")?;
        let namespace = format!("{subsystem}/namespaces/1");
        fs::create_dir(&namespace)?;
        sys::write(format!("{namespace}/device_path"), disk.path())?;
        sys::write(format!("{namespace}/enable"), "1")?;
        for port in PORTS {
            let folder = format!("{NVMET}/ports/{port}");
            fs::create_dir(&folder)?;
            sys::write(format!("{folder}/addr_trtype"), "loop")?;
            sys::write(format!("{folder}/addr_traddr"), port)?;
            let link = format!("{folder}/subsystems/{SUBSYSTEM}");
            std::os::unix::fs::symlink(&subsystem, link)?;
        }
        Ok(target)
    }

    /// Whether there is a controller for this port.
    fn controller(port: &str) -> Result<Option<PathBuf>> {
        for entry in fs::read_dir("/sys/class/nvme")?.flatten() {
            let address = sys::read(entry.path().join("address")).unwrap_or_default();
            let ours = format!("traddr={port}");
            if address == ours && sys::read(entry.path().join("state"))? == "live" {
                return Ok(Some(entry.path()));
            }
        }
        Ok(None)
    }

    /// Makes a path, whose disk is on ioem.
    fn connect(port: &str) -> Result<()> {
        let options = format!("transport=loop,nqn={SUBSYSTEM},traddr={port}");
        sys::write("/dev/nvme-fabrics", options)?;
        wait_until("a controller", || Ok(Self::controller(port)?.is_some()))?;
        wait_until("the path's disk", || Ok(Self::switch()? > 0))
    }

    /// Switches the paths' disks to ioem; the number of disks that were on another scheduler.
    fn switch() -> Result<u32> {
        let mut switched = 0;
        for entry in fs::read_dir("/sys/block")?.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let scheduler = entry.path().join("queue/scheduler");
            let is_path = name.starts_with("nvme") && name[4..].contains('c');
            // The disk may just have gone.
            let is_other = || sys::read(&scheduler).is_ok_and(|text| !text.contains("[ioem"));
            if is_path && is_other() {
                // A disk takes no scheduler before it is registered.
                switched += u32::from(sys::write(scheduler, "ioem").is_ok());
            }
        }
        Ok(switched)
    }

    fn disconnect(port: &str) -> Result<()> {
        if let Some(controller) = Self::controller(port)? {
            sys::write(controller.join("delete_controller"), "1")?;
        }
        Ok(())
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        for port in PORTS {
            let _ = Self::disconnect(port);
            let folder = format!("{NVMET}/ports/{port}");
            let _ = fs::remove_file(format!("{folder}/subsystems/{SUBSYSTEM}"));
            let _ = fs::remove_dir(folder);
        }
        let subsystem = format!("{NVMET}/subsystems/{SUBSYSTEM}");
        let _ = sys::write(format!("{subsystem}/namespaces/1/enable"), "0");
        let _ = fs::remove_dir(format!("{subsystem}/namespaces/1"));
        let _ = fs::remove_dir(subsystem);
    }
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
        Target::connect(port)?;
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
                Target::connect(port)?;
            }
            Ok(())
        })
    })
}
