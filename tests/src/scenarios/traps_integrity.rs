// SPDX-License-Identifier: GPL-2.0-only

//! Data are as they were written if the block layer protects them by itself, and verifies reads
//! whose completion is held.

use super::traps::{Scsi, amid_changes, verify_while};
use crate::{report::Report, sys};
use anyhow::Result;
use std::{thread::sleep, time::Duration};

scenario!("traps_integrity", integrity);
fn integrity(report: &mut Report) -> Result<()> {
    for parameters in [
        ["dif=1", "guard=1"],
        ["dif=1", "guard=0"],
        ["dif=3", "guard=1"],
        ["dif=3", "guard=0"],
    ] {
        let common = ["dev_size_mb=64", "dix=1"];
        let scsi = Scsi::new(&[&common[..], &parameters].concat(), 1)?;
        let attributes = format!("/sys/block/{}/integrity", scsi.0[0]);
        let Ok(format) = sys::read(format!("{attributes}/format")) else {
            report.skip("this kernel has no data integrity of disks");
            return Ok(());
        };
        let format = format.trim().to_owned();
        report.figure("protection", "T10-DIF", &format, format.starts_with("T10"));
        let path = format!("/dev/{}", scsi.0[0]);
        let options = ["--bsrange=4k-64k", "--size=16m"];
        amid_changes(report, |report| {
            verify_while(report, &format, &[], &path, &options, || {
                // Reads that the block layer verifies and reads that it does not, while some of
                // either are held.
                for verified in ["0", "1"].iter().cycle().take(6) {
                    sleep(Duration::from_millis(200));
                    sys::write(format!("{attributes}/read_verify"), verified)?;
                }
                Ok(())
            })
        })?;
    }
    Ok(())
}
