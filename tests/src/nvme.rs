// SPDX-License-Identifier: GPL-2.0-only

//! A disk of NVMe with two paths, which this machine has to itself.

use crate::{
    disk::Disk,
    sys::{self, wait_until},
};
use anyhow::Result;
use std::{fs, path::PathBuf};

/// The folder of NVMe's target in configfs.
const NVMET: &str = "/sys/kernel/config/nvmet";

/// The name of the subsystem.
const SUBSYSTEM: &str = "paths";

/// The names of its ports, a path each.
pub(crate) const PORTS: [&str; 2] = ["1", "2"];

/// A subsystem of NVMe that has this disk as its namespace, and two ports; removed when dropped.
pub(crate) struct Target;

impl Target {
    /// Makes both.
    pub(crate) fn new(disk: &Disk) -> Result<Self> {
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
    pub(crate) fn controller(port: &str) -> Result<Option<PathBuf>> {
        for entry in fs::read_dir("/sys/class/nvme")?.flatten() {
            let address = sys::read(entry.path().join("address")).unwrap_or_default();
            let ours = format!("traddr={port}");
            if address == ours && sys::read(entry.path().join("state"))? == "live" {
                return Ok(Some(entry.path()));
            }
        }
        Ok(None)
    }

    /// Makes a path.
    pub(crate) fn connect(port: &str) -> Result<()> {
        let options = format!("transport=loop,nqn={SUBSYSTEM},traddr={port}");
        sys::write("/dev/nvme-fabrics", options)?;
        wait_until("a controller", || Ok(Self::controller(port)?.is_some()))
    }

    /// The disks of the paths, as far as they are there.
    pub(crate) fn disks() -> Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir("/sys/block")?.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with("nvme") && name[4..].contains('c') {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }

    /// Ends a path, if it is there.
    pub(crate) fn disconnect(port: &str) -> Result<()> {
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
