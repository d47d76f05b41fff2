// SPDX-License-Identifier: GPL-2.0-only

//! The verbs that damage data, and the preset of a hard disk, on a real kernel.

use super::{
    damage::{LENGTH, NEW, OLD, flipped_bits, old_disk, torn_at},
    kchaos::{kchaos, refusal},
};
use crate::{
    disk::{Disk, Kind},
    fio::{Fio, RANDOM_READ},
    report::Report,
    sys,
};
use anyhow::Result;
use serde_json::Value;
use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    process::{Child, Command},
};

/// How many I/Os of each kind there are.
const COUNT: usize = 8;

/// A count of the only injection.
fn counted(key: &str) -> Result<Option<u64>> {
    let status: Value = serde_json::from_str(&kchaos("status --json")?)?;
    let count = status.pointer(&format!("/injections/0/{key}"));
    Ok(count.and_then(Value::as_u64))
}

scenario!("kchaos_damage", damage);
fn damage(report: &mut Report) -> Result<()> {
    sys::load_module()?;
    let (disk, device) = old_disk(512, Kind::default())?;
    let on = format!("--device {}", disk.name());
    for verb in ["torn", "corrupt 3"] {
        let (code, said) = refusal(&format!("inject ioem {verb} {on}"))?;
        let is_told = code == 2 && said.contains("add --data-loss");
        report.figure(
            &format!("exit code of {verb} without consent"),
            2,
            code,
            is_told,
        );
    }
    kchaos(&format!("inject ioem torn --data-loss --error EIO {on}"))?;
    let mut errors = BTreeSet::new();
    for place in 0..COUNT {
        errors.insert(device.write_at(place * LENGTH, &[NEW; LENGTH])?);
    }
    let torn = counted("torn")?;
    kchaos("recover --all")?;
    let mut right = 0;
    for place in 0..COUNT {
        let at = torn_at(&device.read_at(place * LENGTH, LENGTH)?);
        right += usize::from(at.is_some_and(|at| at > 0 && at < LENGTH && at % 512 == 0));
    }
    report.figure(
        "errors of torn writes, their count, and those with old data behind new",
        format!("{{5}}, {COUNT}, {COUNT}"),
        format!("{errors:?}, {torn:?}, {right}"),
        errors == BTreeSet::from([5]) && torn == Some(COUNT as u64) && right == COUNT,
    );
    kchaos(&format!("inject ioem corrupt 3 --data-loss {on}"))?;
    let flips = |what: &str| -> Result<BTreeSet<u32>> {
        let places = COUNT..2 * COUNT;
        let flips = places.map(|place| {
            let bytes = device.read_at(place * LENGTH, LENGTH);
            Ok(flipped_bits(&bytes?, OLD))
        });
        let flips: Result<BTreeSet<u32>> = flips.collect();
        eprintln!("# flipped bits {what}: {flips:?}");
        flips
    };
    let during = flips("during the injection")?;
    let corrupted = counted("corrupted")?;
    kchaos("recover --all")?;
    let after = flips("after it")?;
    report.figure(
        "flipped bits of each read, the count of reads, and flipped bits after it",
        format!("{{3}}, {COUNT}, {{0}}"),
        format!("{during:?}, {corrupted:?}, {after:?}"),
        during == BTreeSet::from([3])
            && corrupted == Some(COUNT as u64)
            && after == BTreeSet::from([0]),
    );
    Ok(())
}

scenario!("kchaos_hard_disk", hard_disk);
fn hard_disk(report: &mut Report) -> Result<()> {
    sys::load_module()?;
    sys::wait_for_clock();
    let disk = Disk::on_ioem(&Kind::default())?;
    kchaos(&format!(
        "inject ioem preset hdd-7200 --device {}",
        disk.name()
    ))?;
    let options = ["--iodepth=1", "--size=16g", "--number_ios=200"];
    let load = Fio::start(&disk.path(), &[RANDOM_READ, &options].concat())?;
    let iops = load.finish()?.read_iops()?;
    report.time(
        "random reads a second, one at a time",
        "79 ± 10 %: a seek of 8.5 ms, and half a turn",
        format!("{iops:.1}"),
        (71.0..=87.0).contains(&iops),
    );
    kchaos("recover --all")?;
    let line = "scenario run hard-disk --set for=100ms --expect-hits --device";
    let (code, said) = refusal(&format!("{line} {}", disk.name()))?;
    report.figure(
        "exit code of a scenario without I/O",
        125,
        code,
        code == 125,
    );
    eprintln!("# {said}");
    Ok(())
}

/// Starts a scenario of the shelf, with steps of so long.
fn start(scenario: &str, length: &str, disk: &Disk) -> Result<Child> {
    let set = format!("for={length}");
    let words = ["scenario", "run", scenario, "--set", &set, "--device"];
    Ok(Command::new("kchaos")
        .args(words)
        .arg(disk.name())
        .spawn()?)
}

/// Waits until so many injections with this value are at work.
fn wait_for(count: usize, attribute: &str, value: &str) -> Result<()> {
    sys::wait_until(
        &format!("{count} injections of {attribute} {value}"),
        || {
            let is = |folder: &Path, attribute: &str, value: &str| {
                let text = fs::read_to_string(folder.join(attribute));
                text.is_ok_and(|text| text.trim_end() == value)
            };
            let mut at_work = 0;
            for entry in fs::read_dir(sys::IOEM)? {
                let folder = entry?.path();
                let is_meant = is(&folder, attribute, value) && is(&folder, "enabled", "1");
                at_work += usize::from(is_meant);
            }
            Ok(at_work == count)
        },
    )
}

scenario!("error_power_loss", power_loss);
/// One write is torn and the others fail, and all is well when power is back.
fn power_loss(report: &mut Report) -> Result<()> {
    sys::load_module()?;
    let (disk, device) = old_disk(512, Kind::default())?;
    let mut child = start("power-loss", "2s", &disk)?;
    wait_for(2, "error", "EIO")?;
    let mut errors = Vec::new();
    for place in 0..COUNT {
        errors.push(device.write_at(place * LENGTH, &[NEW; LENGTH])?);
    }
    let code = child.wait()?.code();
    let mut at = Vec::new();
    for place in 0..COUNT {
        at.push(torn_at(&device.read_at(place * LENGTH, LENGTH)?));
    }
    let torn = at[0].is_some_and(|at| at > 0 && at < LENGTH);
    let old = at[1..].iter().all(|at| *at == Some(0));
    report.figure(
        "errors of writes without power, and where old data begin",
        format!("all 5; {COUNT} writes, the first within, the others at 0"),
        format!("{errors:?}; {at:?}"),
        errors.iter().all(|error| *error == 5) && torn && old,
    );
    let later = device.write_at(0, &[NEW; LENGTH])?;
    let whole = device.read_at(0, LENGTH)? == [NEW; LENGTH];
    report.figure(
        "exit code, and afterwards: error of a write, and whether it is whole",
        "Some(0), 0, true",
        format!("{code:?}, {later}, {whole}"),
        code == Some(0) && later == 0 && whole,
    );
    Ok(())
}

scenario!("kchaos_silent_corruption", silent_corruption);
/// One read in a hundred has a flipped bit, and then one in a hundred has 64.
fn silent_corruption(report: &mut Report) -> Result<()> {
    const READS: usize = 1_000;
    sys::load_module()?;
    let (disk, device) = old_disk(512, Kind::default())?;
    let mut child = start("silent-corruption", "10s", &disk)?;
    for bits in [1, 64] {
        wait_for(1, "corrupt", &bits.to_string())?;
        let mut hits = 0;
        let mut others = BTreeSet::new();
        for _ in 0..READS {
            match flipped_bits(&device.read_at(0, 4_096)?, OLD) {
                0 => {}
                flips if flips == bits => hits += 1,
                flips => _ = others.insert(flips),
            }
        }
        // Five standard deviations of a binomial distribution, of 3.15 reads each.
        report.figure(
            &format!("reads of {READS} with {bits} flipped bits, and other numbers of them"),
            "10 ± 16, at least 1, and none",
            format!("{hits}, {others:?}"),
            (1..=26).contains(&hits) && others.is_empty(),
        );
    }
    let code = child.wait()?.code();
    report.figure("exit code", "Some(0)", format!("{code:?}"), code == Some(0));
    Ok(())
}
