// SPDX-License-Identifier: GPL-2.0-only

//! Threads that change everything around injections: schedulers, queues, processors, disks,
//! writers.

use super::actions::{Actor, Counts};
use crate::{
    disk::{Disk, Kind},
    injection::Injection,
    process::Cgroup,
    sys,
};
use anyhow::{Context, Result, ensure};
use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    sync::{Mutex, MutexGuard, PoisonError},
    thread::sleep,
    time::Duration,
};

/// Held while a processor is offline, and while a disk's number of hardware queues changes.
///
/// Doing both at once hangs the kernel, with any scheduler and with none. It marks a hardware queue
/// whose processors are all offline as inactive (`blk_mq_hctx_notify_offline`), and does not clear
/// the mark when the disk uses it again for other processors (`blk_mq_alloc_and_init_hctx`). Their
/// I/O then waits without end for the queue to become active.
static HW_QUEUES: Mutex<()> = Mutex::new(());

fn hw_queues_stay() -> MutexGuard<'static, ()> {
    HW_QUEUES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Switches disks to other schedulers and back.
pub(super) fn schedulers(mut actor: Actor) -> Result<()> {
    while actor.goes_on() {
        let disk = actor.random.choose(&actor.disks).clone();
        let scheduler = *actor.random.choose(&[
            "ioem",
            "ioem",
            "ioem",
            "ioem-mq",
            "none",
            "mq-deadline",
            "kyber",
            "bfq",
        ]);
        // EBUSY if another thread does the same; EINVAL if the kernel lacks the scheduler.
        if sys::write(format!("/sys/block/{disk}/queue/scheduler"), scheduler).is_ok() {
            Counts::add(&actor.counts.switches);
        }
        actor.rest(150);
    }
    Ok(())
}

/// Changes the numbers of requests and hardware queues of disks, and drops caches.
pub(super) fn queues(mut actor: Actor) -> Result<()> {
    let has_settings = |disk: &String| Path::new("/sys/kernel/config/nullb").join(disk).exists();
    if !actor.disks.iter().any(has_settings) {
        // So it is before 6.1: a disk that leaves its scheduler for this may still run a dispatch.
        println!("# skipped: this kernel can crash when a disk changes how many queues it has");
    }
    while actor.goes_on() {
        let disk = actor.random.choose(&actor.disks).clone();
        let (file, value) = match actor.random.below(3) {
            0 => (
                format!("/sys/kernel/config/nullb/{disk}/submit_queues"),
                1 + actor.random.below(2),
            ),
            1 => (
                "/proc/sys/vm/drop_caches".to_owned(),
                1 + actor.random.below(3),
            ),
            _ => (
                format!("/sys/block/{disk}/queue/nr_requests"),
                *actor.random.choose(&[4, 5, 32, 64, 100, 256, 1_000]),
            ),
        };
        let _stays = hw_queues_stay();
        // Only some disks and schedulers support this.
        if sys::write(&file, value.to_string()).is_ok() {
            Counts::add(&actor.counts.resized);
        }
        actor.rest(400);
    }
    Ok(())
}

fn processor(number: u64) -> String {
    format!("/sys/devices/system/cpu/cpu{number}/online")
}

/// Takes processors off and on; the first stays.
pub(super) fn processors(mut actor: Actor) -> Result<()> {
    let count = (1..).take_while(|number| Path::new(&processor(*number)).exists());
    let count = count.count() as u64;
    ensure!(count > 0, "no processor can be taken off");
    while actor.goes_on() {
        let file = processor(1 + actor.random.below(count));
        let stays = hw_queues_stay();
        if sys::write(&file, "0").is_ok() {
            Counts::add(&actor.counts.offline);
        }
        actor.wait(200);
        sys::write(&file, "1")?;
        drop(stays);
        actor.rest(500);
    }
    all_online()
}

/// Takes all processors online again.
pub(super) fn all_online() -> Result<()> {
    for number in 1.. {
        let file = processor(number);
        if !Path::new(&file).exists() {
            return Ok(());
        }
        if sys::read(&file)? != "1" {
            sys::write(&file, "1")?;
        }
    }
    Ok(())
}

/// Removes disks while an injection holds their I/O for an hour.
pub(super) fn removals(mut actor: Actor) -> Result<()> {
    let mut number = 0;
    while actor.goes_on() {
        number += 1;
        let disk = Disk::on_ioem(&Kind {
            hw_queues: 1 + (actor.random.below(2) as u32),
            ..Kind::default()
        })?;
        let settings = [("device", disk.name()), ("delay_us", "3600000000")];
        let injection = Injection::with_texts(&format!("removal{number}"), &settings)?;
        // A start of fio alone takes seconds on a kernel with sanitizers.
        let readers = 1 + actor.random.below(8);
        let mut readers: Vec<_> = (0..readers)
            .map(|_| read_once(&disk.path()))
            .collect::<Result<_>>()?;
        // Other threads end all injections for a moment, which is good, too: then the injection
        // holds no I/O, and the readers are done.
        let mut held = 0;
        for _ in 0..2_000 {
            // At the end, the main thread removes all injections.
            held = match injection.stat("held") {
                Ok(held) => held,
                Err(_) if !actor.goes_on() => break,
                Err(error) => return Err(error),
            };
            let is_reading = |reader: &mut Child| reader.try_wait().is_ok_and(|end| end.is_none());
            if held > 0 || !readers.iter_mut().any(is_reading) {
                break;
            }
            sleep(Duration::from_millis(10));
        }
        disk.remove()?;
        if held > 0 {
            Counts::add(&actor.counts.removals);
        }
        for mut reader in readers {
            reader.wait()?;
        }
        drop(disk);
        drop(injection);
        actor.rest(300);
    }
    Ok(())
}

/// A process that reads a block past the cache, and ends with the read.
fn read_once(path: &str) -> Result<Child> {
    let words = ["of=/dev/null", "bs=4k", "count=1", "iflag=direct"];
    Command::new("dd")
        .arg(format!("if={path}"))
        .args(words)
        .stderr(Stdio::null())
        .spawn()
        .context("starting a reader")
}

/// Kills writers of files in the middle of a write, and removes their cgroups.
pub(super) fn writers(mut actor: Actor) -> Result<()> {
    let mut number = 0;
    while actor.goes_on() {
        number += 1;
        let cgroup = Cgroup::new(&format!("writer{number}"))?;
        let folder = *actor
            .random
            .choose(&["/tmp/ext4", "/tmp/xfs", "/tmp/btrfs"]);
        let file = format!("{folder}/writer");
        let words = cgroup.enter();
        let script = format!("while :; do dd if=/dev/zero of={file} bs=64k count=200; done");
        let mut child = Command::new(&words[0])
            .args(&words[1..])
            .args(["sh", "-c", &script])
            .stderr(Stdio::null())
            .spawn()
            .context("starting a writer")?;
        actor.wait(500);
        child.kill()?;
        child.wait()?;
        drop(cgroup);
        let _ = fs::remove_file(&file);
        Counts::add(&actor.counts.killed);
    }
    Ok(())
}
