// SPDX-License-Identifier: GPL-2.0-only

//! The memory that the driver takes, from the kernel's own tracepoint of each allocation.

use super::{Bench, cost::load_options, cpus::Cpus, print};
use crate::{
    disk::{Disk, Kind},
    fio::Fio,
    injection::Injection,
    sys,
};
use anyhow::{Context, Result};
use serde_json::json;
use std::{collections::HashMap, fs, thread::sleep, time::Duration};

const TRACING: &str = "/sys/kernel/tracing";

/// The allocations with `kmalloc()` during an action that were not freed in it.
struct Allocations {
    count: u64,
    bytes: u64,
}

/// Allocations of this process alone, or of all, while `act` runs.
fn allocations(mine: bool, act: impl FnOnce() -> Result<()>) -> Result<Allocations> {
    let (kmalloc, kfree) = (
        format!("{TRACING}/events/kmem/kmalloc"),
        format!("{TRACING}/events/kmem/kfree"),
    );
    let filter = if mine {
        format!("common_pid == {}", std::process::id())
    } else {
        "0".to_owned()
    };
    // Truncating the file empties the trace.
    fs::write(format!("{TRACING}/trace"), "")?;
    sys::write(format!("{kmalloc}/filter"), filter)?;
    sys::write(format!("{TRACING}/tracing_on"), "1")?;
    sys::write(format!("{kfree}/enable"), "1")?;
    sys::write(format!("{kmalloc}/enable"), "1")?;
    let result = act();
    sys::write(format!("{kmalloc}/enable"), "0")?;
    sys::write(format!("{kfree}/enable"), "0")?;
    result?;
    let text = sys::read(format!("{TRACING}/trace"))?;
    let field = |line: &str, name: &str| {
        let rest = line.split(name).nth(1)?;
        Some(rest.split(' ').next()?.to_owned())
    };
    let mut left: HashMap<String, u64> = HashMap::new();
    let mut count = 0;
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let place = field(line, "ptr=").context("an allocation without place")?;
        if let Some(bytes) = field(line, "bytes_alloc=") {
            if is_of_driver(line) {
                left.insert(place, bytes.parse()?);
                count += 1;
            }
        } else {
            left.remove(&place);
        }
    }
    Ok(Allocations {
        count,
        bytes: left.values().sum(),
    })
}

/// Whether the driver, or the code of the kernel's Rust crates for it, has allocated: the name of
/// the calling function is mangled as those of Rust are.
fn is_of_driver(line: &str) -> bool {
    line.contains("call_site=_R")
}

/// Bytes that the driver allocates when a disk is switched to ioem.
fn switch(hw_queues: u32) -> Result<f64> {
    let disk = Disk::new(&Kind {
        hw_queues,
        ..Kind::default()
    })?;
    disk.set_scheduler("none")?;
    Ok(allocations(true, || disk.set_scheduler("ioem-mq"))?.bytes as f64)
}

pub(super) fn all(bench: &mut Bench) -> Result<()> {
    let (one, four) = (switch(1)?, switch(4)?);
    let a_hw_queue = (four - one) / 3.0;
    let a_queue = one - a_hw_queue;
    print("memory", json!({"of": "queue"}), json!({"bytes": a_queue}));
    print(
        "memory",
        json!({"of": "hardware queue"}),
        json!({"bytes": a_hw_queue}),
    );

    let disk = Disk::on_ioem(&Kind::default())?;
    let device = disk.name().to_owned();
    let settings = [("device", device.as_str()), ("delay_us", "1000")];
    let mut injection = None;
    let taken = allocations(true, || {
        injection = Some(Injection::with_texts("memory", &settings)?);
        Ok(())
    })?;
    print(
        "memory",
        json!({"of": "injection"}),
        json!({"bytes": taken.bytes}),
    );

    let cpus = Cpus::of_queues(&disk)?;
    let options = load_options(bench, &cpus, 32);
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    let load = Fio::start(&disk.path(), &options)?;
    sleep(Duration::from_millis(300));
    let mut ios = 0;
    let taken = allocations(false, || {
        let before = disk.stat(0)?;
        sleep(Duration::from_millis(100));
        ios = disk.stat(0)? - before;
        Ok(())
    })?;
    drop(injection);
    drop(load);
    let each = taken.count as f64 / ios as f64;
    print(
        "memory",
        json!({"of": "I/O"}),
        json!({"allocations": each, "ios": ios}),
    );
    Ok(())
}
