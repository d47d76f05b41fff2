// SPDX-License-Identifier: GPL-2.0-only

//! Injections and schedulers while there is no memory, again and again.

use super::{
    actions::{Actor, Counts},
    injections::{remove, step},
};
use crate::{
    disk::{Disk, Kind},
    failslab::{self, Failing},
    sys,
};
use anyhow::{Result, ensure};
use std::path::PathBuf;

/// Changes injections as [`super::injections::change`] does, with one in twenty of this thread's
/// allocations failing, if the kernel can do that; and switches a disk to ioem.
///
/// The disk has no scheduler before. If it has one, and the kernel has no memory for the next one,
/// `elevator_change` forgets the directory of the old one in sysfs, with any schedulers, and the
/// disk accepts no other one any more.
pub(super) fn fail(mut actor: Actor) -> Result<()> {
    if !failslab::is_there() {
        println!("# torture: this kernel cannot make allocations fail");
        while actor.goes_on() {
            actor.wait(500);
        }
        return Ok(());
    }
    failslab::begin()?;
    let disk = Disk::new(&Kind {
        hw_queues: 2,
        ..Kind::default()
    })?;
    disk.set_scheduler("none")?;
    let mut mine: Vec<PathBuf> = Vec::new();
    let failing = Failing::of_this_thread()?;
    failing.set(true)?;
    while actor.goes_on() {
        if actor.random.one_in(5) {
            switch(&actor.counts, &disk, &failing)?;
        }
        let result = step(&mut actor, &mut mine);
        or_no_memory(&actor.counts, result)
            .or_else(|error| if actor.goes_on() { Err(error) } else { Ok(()) })?;
        actor.rest(8);
    }
    failing.set(false)?;
    remove(&mine);
    Ok(())
}

/// Switches a disk to ioem, or fails to, and back.
fn switch(counts: &Counts, disk: &Disk, failing: &Failing) -> Result<()> {
    or_no_memory(counts, disk.set_scheduler("ioem"))?;
    failing.set(false)?;
    let now = sys::read(disk.attribute("queue/scheduler"))?;
    ensure!(
        now.contains("[ioem]") || now.contains("[none]"),
        "a switch to ioem without memory has left: {now}"
    );
    disk.set_scheduler("none")?;
    Counts::add(&counts.switches);
    failing.set(true)
}

/// Accepts a lack of memory; it may come before the driver is reached, as opening a file takes
/// some, too.
fn or_no_memory(counts: &Counts, result: Result<()>) -> Result<()> {
    match result {
        Err(error) if format!("{error:#}").contains("annot allocate memory") => {
            Counts::add(&counts.no_memory);
            Ok(())
        }
        result => result,
    }
}
