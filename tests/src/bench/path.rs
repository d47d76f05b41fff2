// SPDX-License-Identifier: GPL-2.0-only

//! The functions that execute an I/O: QEMU logs each instruction, and `tests/bench` counts them on
//! the host.

use super::{
    Bench,
    cost::{RULES, load_options, pass},
    cpus::Cpus,
    disk, print,
};
use crate::{disk::Kind, fio::Fio, injection::Injection, sys};
use anyhow::{Context, Result};
use serde_json::json;
use std::{fs, path::Path, thread::sleep, time::Duration};

/// The time for which QEMU logs: on the icount clock a million instructions, if no processor waits.
const LOGGED: Duration = Duration::from_millis(1);
/// The time for a delay of a millisecond.
const LOGGED_DELAY: Duration = Duration::from_millis(10);

/// The folder of the logs, as QEMU sees it.
const FOLDER: &str = "/run/lab/monitor";

/// The port that takes commands of QEMU's monitor.
struct Monitor(String);

impl Monitor {
    fn find() -> Result<Self> {
        for port in fs::read_dir("/sys/class/virtio-ports")?.flatten() {
            if sys::read(port.path().join("name"))?.trim() == "monitor" {
                return Ok(Self(format!("/dev/{}", port.file_name().to_string_lossy())));
            }
        }
        anyhow::bail!("no port for the monitor: run the guest with --monitor")
    }

    fn command(&self, command: &str) -> Result<()> {
        fs::write(&self.0, format!("{command}\n")).with_context(|| command.to_owned())
    }

    /// Logs the instructions of the next moment to a file of this name.
    fn log(&self, name: &str, time: Duration) -> Result<()> {
        self.command(&format!("logfile {FOLDER}/{name}"))?;
        self.command("log exec,nochain")?;
        sleep(time);
        self.command("log none")
    }
}

/// Prints the address of each function of the kernel and its modules.
fn print_symbols() -> Result<()> {
    for line in sys::read(Path::new("/proc/kallsyms"))?.lines() {
        let mut words = line.split_whitespace();
        if let (Some(address), Some("t" | "T"), Some(name)) =
            (words.next(), words.next(), words.next())
        {
            let module = words.next().unwrap_or("");
            print(
                "symbol",
                json!({"address": address, "name": name, "module": module}),
                json!({}),
            );
        }
    }
    Ok(())
}

/// Reads with the plainest scheduler, then with ioem, with the rules that let all pass, and with a
/// delay.
pub(super) fn all(bench: &mut Bench) -> Result<()> {
    let monitor = Monitor::find()?;
    print_symbols()?;
    // Otherwise a block of instructions would be one line.
    monitor.command("one-insn-per-tb on")?;
    let disk = disk(&Kind::default())?;
    let cpus = Cpus::of_queues(&disk)?;
    for depth in [1, 32] {
        let options = load_options(bench, &cpus, depth);
        let options: Vec<&str> = options.iter().map(String::as_str).collect();
        let load = Fio::start(&disk.path(), &options)?;
        disk.set_scheduler("fifo")?;
        pass(&disk, 500)?;
        monitor.log(&format!("{depth}.fifo"), LOGGED)?;
        disk.set_scheduler("ioem-mq")?;
        for rules in RULES {
            let injections: Vec<Injection> = rules.inject(disk.name())?;
            pass(&disk, 500)?;
            monitor.log(&format!("{depth}.{}", rules.name), LOGGED)?;
            drop(injections);
        }
        let injection = Injection::new("delay", &[("delay_us", 1_000)])?;
        pass(&disk, 50)?;
        monitor.log(&format!("{depth}.delay"), LOGGED_DELAY)?;
        injection.remove()?;
        drop(load);
    }
    monitor.command("one-insn-per-tb off")
}
