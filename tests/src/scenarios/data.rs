// SPDX-License-Identifier: GPL-2.0-only

//! Reads return the data that were written, while settings change.

use crate::{
    disk::{Disk, Kind},
    fio::Fio,
    injection::Injection,
    report::Report,
    sys,
};
use anyhow::Result;
use std::process::{Child, Command};

/// A shell that changes the settings every 50 ms until it is killed.
const CHANGES: &str = r#"
cd /sys/kernel/config/ioem || exit 1
while true; do
	for settings in "delay_us 3000" "quota 40" "jitter_us 2000" "correlation 50" "quota 0" "period_us 5000" "delay_us 0" "quota 10" \
		"enabled 0" "jitter_us 0" "enabled 1" "delay_us 100" "period_us 1000" "quota 20" "correlation 0" "jitter_us 90"; do
		set -- $settings
		echo $2 >one/$1
		usleep 50000
	done
	mkdir two; echo 500 >two/delay_us; usleep 50000; rmdir two
done
"#;

struct Changer(Child);

impl Drop for Changer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
        let _ = std::fs::remove_dir(format!("{}/two", sys::IOEM));
    }
}

scenario!("data_verified", verified);
fn verified(report: &mut Report) -> Result<()> {
    let disk = Disk::on_ioem(&Kind {
        hw_queues: 2,
        memory: true,
        cache: true,
        ..Kind::default()
    })?;
    sys::run(&["mkfs.ext4", "-q", &disk.path()])?;
    sys::run(&["mount", "-t", "ext4", &disk.path(), "/mnt"])?;
    let _injection = Injection::new(
        "one",
        &[
            ("delay_us", 1_000),
            ("period_us", 1_000),
            ("quota", 30),
            ("jitter_us", 500),
        ],
    )?;
    let changer = Changer(Command::new("sh").args(["-c", CHANGES]).spawn()?);
    let outcome = Fio::start(
        "/mnt/file",
        &[
            "--rw=randwrite",
            "--bs=4k",
            "--bsrange=4k-16k",
            "--ioengine=libaio",
            "--direct=1",
            "--iodepth=32",
            "--size=24m",
            "--verify=crc32c",
            "--verify_fatal=1",
            "--do_verify=1",
            "--randseed=7",
            "--fallocate=none",
        ],
    )?
    .finish()?;
    drop(changer);
    report.figure(
        "verified by crc32c, I/Os",
        ">= 3000",
        outcome.total_ios()?,
        outcome.total_ios()? >= 3_000.0,
    );
    report.figure("errors", 0, outcome.errors()?, outcome.errors()? == 0.0);
    sys::run(&["umount", "/mnt"])?;
    let check = sys::run(&["fsck.ext4", "-f", "-n", &disk.path()]);
    report.figure(
        "fsck",
        "clean",
        if check.is_ok() { "clean" } else { "errors" },
        check.is_ok(),
    );
    Ok(())
}
