// SPDX-License-Identifier: GPL-2.0-only

//! The cost of an I/O, in instructions of everything that runs because of it: fio, the kernel, the
//! scheduler, interrupts.

use super::{Bench, cpus::Cpus, disk, print, rivals::dm_delay, spare::Spare};
use crate::{
    disk::{Disk, Kind},
    fio::Fio,
    injection::Injection,
    sys,
};
use anyhow::Result;
use serde_json::json;
use std::{thread::sleep, time::Duration};

const QUEUES: &[u32] = &[1, 2, 4];
const DEPTHS: &[u32] = &[1, 32, 256];
/// The number of I/Os that a round measures on a disk that answers at once. It is large enough that
/// a cut batch at its ends hardly matters: with four jobs a batch has up to 128 I/Os, or 4 at a
/// depth of 1.
const fn count(depth: u32) -> u64 {
    if depth == 1 { 8_000 } else { 20_000 }
}
/// The same for I/O that waits, while the processor idles.
const COUNT_DELAYED: u64 = 6_000;
/// The number of measured rounds, after one that is discarded.
const ROUNDS: usize = 3;

/// A disk, with a processor and a job of fio for each hardware queue.
struct Setting {
    disk: Disk,
    cpus: Cpus,
    /// Set if the load waits most of the time. If it never waits, time is instructions anyway, and
    /// loops would only disturb.
    spare: Option<Spare>,
}

impl Setting {
    fn new(hw_queues: u32, waits: bool) -> Result<Self> {
        let disk = disk(&Kind {
            hw_queues,
            ..Kind::default()
        })?;
        let cpus = Cpus::of_queues(&disk)?;
        let spare = waits.then(|| Spare::start(&cpus)).transpose()?;
        Ok(Self { disk, cpus, spare })
    }

    /// Reads on `path` without end, with so many I/Os of each job on their way.
    fn load(&self, bench: &Bench, path: &str, depth: u32) -> Result<Fio> {
        let mut options = load_options(bench, &self.cpus, depth);
        if self.spare.is_none() {
            // fio submits as many I/Os together as it has taken together. Once it takes fewer, as
            // after a change of the scheduler, it would make two batches of each for the rest of
            // the round, which costs 140 instructions an I/O.
            options.push(format!("--iodepth_batch_complete_min={}", batch(depth)));
        }
        let options: Vec<&str> = options.iter().map(String::as_str).collect();
        let load = Fio::start(path, &options)?;
        pass(&self.disk, 1_000)?;
        Ok(load)
    }

    /// Instructions of an I/O, as the mean of the next ones.
    fn cost(&self, count: u64) -> Result<f64> {
        let reads = self.disk.stat(0)?;
        let (start_ns, mark) = (sys::monotonic_ns(), self.spare.as_ref().map(Spare::mark));
        pass(&self.disk, count)?;
        let passed = self.disk.stat(0)? - reads;
        let used = match (&self.spare, mark) {
            (Some(spare), Some(mark)) => spare.used(mark),
            _ => (sys::monotonic_ns() - start_ns) as f64,
        };
        Ok(used / passed as f64)
    }
}

/// Reads without end on a disk that answers at once, for comparing the cost of an I/O with
/// different settings.
pub(crate) struct Steady {
    setting: Setting,
    _load: Fio,
}

impl Steady {
    /// The number of reads on their way: their cost differs least if fio submits many together.
    const DEPTH: u32 = 32;

    /// Reads on a disk of one hardware queue with this scheduler.
    pub(crate) fn new() -> Result<Self> {
        sys::load_module()?;
        let setting = Setting::new(1, false)?;
        setting.disk.set_scheduler("ioem-mq")?;
        let load = setting.load(&Bench::new(1), &setting.disk.path(), Self::DEPTH)?;
        Ok(Self {
            setting,
            _load: load,
        })
    }

    /// The disk's name.
    pub(crate) fn disk(&self) -> &str {
        self.setting.disk.name()
    }

    /// Instructions of a read, as the median of some rounds.
    pub(crate) fn cost(&self) -> Result<f64> {
        // The kernel finishes work that the settings have deferred.
        pass(&self.setting.disk, count(Self::DEPTH))?;
        let round = |_| self.setting.cost(count(Self::DEPTH));
        let mut costs = (0..ROUNDS).map(round).collect::<Result<Vec<_>>>()?;
        costs.sort_by(f64::total_cmp);
        Ok(costs[costs.len() / 2])
    }
}

/// Lets so many I/Os pass.
pub(super) fn pass(disk: &Disk, count: u64) -> Result<()> {
    let end = disk.stat(0)? + count;
    while disk.stat(0)? < end {
        sleep(Duration::from_millis(4));
    }
    Ok(())
}

/// fio's cheapest options, so that fio does not hide the cost of the scheduler. It submits as many
/// I/Os together as it can, since only then a disk that answers at once has more than one.
pub(super) fn load_options(bench: &Bench, cpus: &Cpus, depth: u32) -> Vec<String> {
    let mut options: Vec<String> = [
        "--rw=randread",
        "--bs=4k",
        "--direct=1",
        "--ioengine=io_uring",
        "--fixedbufs",
        "--registerfiles",
        "--gtod_reduce=1",
        "--norandommap",
        "--group_reporting",
        "--thread",
        "--cpus_allowed_policy=split",
        "--time_based",
        "--runtime=3600",
    ]
    .map(str::to_owned)
    .to_vec();
    let batch = batch(depth);
    options.extend([
        bench.fio_seed(),
        format!("--numjobs={}", cpus.numbers().len()),
        format!("--cpus_allowed={}", cpus.list()),
        format!("--iodepth={depth}"),
        format!("--iodepth_batch_submit={batch}"),
        format!("--iodepth_batch_complete_max={batch}"),
    ]);
    options
}

/// The number of I/Os that fio submits together.
fn batch(depth: u32) -> u32 {
    depth.min(32)
}

/// The least, the median and the greatest of some rounds.
fn rounds(mut costs: Vec<f64>) -> serde_json::Value {
    costs.sort_by(f64::total_cmp);
    json!({
        "instructions": costs[costs.len() / 2],
        "least": costs[0],
        "greatest": costs[costs.len() - 1],
    })
}

/// Without any injection, beside the other schedulers.
pub(super) fn idle(bench: &mut Bench) -> Result<()> {
    for queues in QUEUES {
        let setting = Setting::new(*queues, false)?;
        for depth in DEPTHS {
            let load = setting.load(bench, &setting.disk.path(), *depth)?;
            let schedulers = bench.schedulers();
            let mut costs = vec![Vec::new(); schedulers.len()];
            for round in 0..=ROUNDS {
                for (place, scheduler) in schedulers.iter().enumerate() {
                    setting.disk.set_scheduler(scheduler)?;
                    pass(&setting.disk, 200)?;
                    let cost = setting.cost(count(*depth))?;
                    if round > 0 {
                        costs[place].push(cost);
                    }
                }
            }
            drop(load);
            for (scheduler, costs) in schedulers.iter().zip(costs) {
                let cell = json!({"scheduler": scheduler, "queues": queues, "depth": depth});
                print("idle", cell, rounds(costs));
            }
        }
    }
    Ok(())
}

/// Rules that delay nothing here.
pub(super) struct Rules {
    pub(super) name: &'static str,
    count: usize,
    settings: &'static [(&'static str, &'static str)],
}

const ELSEWHERE: &[(&str, &str)] = &[("sectors", "1000000000000+8"), ("delay_us", "1000")];

pub(super) const RULES: &[Rules] = &[
    Rules {
        name: "none",
        count: 0,
        settings: &[],
    },
    Rules {
        name: "limit",
        count: 1,
        settings: &[("quota", "1000000000")],
    },
    Rules {
        name: "limits",
        count: 64,
        settings: &[("quota", "1000000000")],
    },
    // Rules about another place: each request comes to the scheduler, and the rules do not change
    // it.
    Rules {
        name: "filter",
        count: 1,
        settings: ELSEWHERE,
    },
    Rules {
        name: "filters",
        count: 64,
        settings: ELSEWHERE,
    },
];

impl Rules {
    pub(super) fn inject(&self, device: &str) -> Result<Vec<Injection>> {
        let settings = [&[("device", device)], self.settings].concat();
        (0..self.count)
            .map(|number| Injection::with_texts(&format!("rule{number}"), &settings))
            .collect()
    }
}

/// With rules on the disk that let all I/O pass.
pub(super) fn rules(bench: &mut Bench) -> Result<()> {
    for queues in QUEUES {
        let setting = Setting::new(*queues, false)?;
        setting.disk.set_scheduler("ioem-mq")?;
        for depth in DEPTHS {
            let load = setting.load(bench, &setting.disk.path(), *depth)?;
            let mut costs = vec![Vec::new(); RULES.len()];
            for round in 0..=ROUNDS {
                for (place, rules) in RULES.iter().enumerate() {
                    let _injections = rules.inject(setting.disk.name())?;
                    pass(&setting.disk, 200)?;
                    let cost = setting.cost(count(*depth))?;
                    if round > 0 {
                        costs[place].push(cost);
                    }
                }
            }
            drop(load);
            for (rules, costs) in RULES.iter().zip(costs) {
                let cell = json!({"rules": rules.name, "queues": queues, "depth": depth});
                print("rules", cell, rounds(costs));
            }
        }
    }
    Ok(())
}

/// With a delay of a millisecond, beside dm-delay.
pub(super) fn delays(bench: &mut Bench) -> Result<()> {
    for queues in QUEUES {
        let setting = Setting::new(*queues, true)?;
        for depth in [32, 256] {
            let cell = |by: &str| json!({"by": by, "queues": queues, "depth": depth});

            setting.disk.set_scheduler("ioem-mq")?;
            let injection = Injection::new("delay", &[("delay_us", 1_000)])?;
            let load = setting.load(bench, &setting.disk.path(), depth)?;
            let costs = repeat(|| setting.cost(COUNT_DELAYED))?;
            // fio waits for the I/Os that it has submitted, so they must go.
            injection.remove()?;
            drop(load);
            print("delay", cell("ioem"), rounds(costs));

            setting.disk.set_scheduler("none")?;
            let delay = dm_delay(&setting.disk, 1)?;
            let load = setting.load(bench, &delay.path()?, depth)?;
            let costs = repeat(|| setting.cost(COUNT_DELAYED))?;
            drop(load);
            print("delay", cell("dm-delay"), rounds(costs));
        }
    }
    Ok(())
}

/// Some rounds, after one that is discarded.
fn repeat(mut measure: impl FnMut() -> Result<f64>) -> Result<Vec<f64>> {
    measure()?;
    (0..ROUNDS).map(|_| measure()).collect()
}

/// With many held requests, released in another order than they arrived.
pub(super) fn held(bench: &mut Bench) -> Result<()> {
    /// Enough queues for each to hold its part of 8,192 and have tags left.
    const QUEUES: u32 = 5;
    /// Between two releases.
    const PAUSE_US: u64 = 100;
    let setting = Setting::new(QUEUES, true)?;
    setting.disk.set_scheduler("ioem-mq")?;
    sys::write(setting.disk.attribute("queue/nr_requests"), "2048")?;
    for held in [64u64, 512, 2_048, 8_192] {
        let depth = held.div_ceil(u64::from(QUEUES)) as u32;
        // Uniform from 0 to twice the mean, so that a new request may go before any held one.
        let mean_us = held * PAUSE_US;
        let settings = [
            ("delay_us", mean_us),
            ("jitter_us", mean_us),
            ("seed", bench.seed),
        ];
        let injection = Injection::new("held", &settings)?;
        let load = setting.load(bench, &setting.disk.path(), depth)?;
        sleep(Duration::from_micros(3 * mean_us));
        let costs = repeat(|| setting.cost(4_000))?;
        let now = injection.stat("held")?;
        injection.remove()?;
        drop(load);
        print("held", json!({"asked": held, "held": now}), rounds(costs));
    }
    Ok(())
}

/// I/Os a second on a disk that takes 100 us for each, until the processor is the limit.
pub(super) fn throughput(bench: &mut Bench) -> Result<()> {
    let disk = disk(&Kind {
        completion_ns: 100_000,
        queue_depth: 256,
        ..Kind::default()
    })?;
    let cpus = Cpus::of_queues(&disk)?;
    for depth in [1, 2, 4, 8, 16, 32, 64, 128, 256] {
        let options = load_options(bench, &cpus, depth);
        let options: Vec<&str> = options.iter().map(String::as_str).collect();
        let load = Fio::start(&disk.path(), &options)?;
        pass(&disk, 1_000)?;
        for scheduler in bench.schedulers() {
            disk.set_scheduler(scheduler)?;
            sleep(Duration::from_millis(20));
            let before = (disk.stat(0)?, sys::monotonic_ns());
            sleep(Duration::from_millis(100));
            let after = (disk.stat(0)?, sys::monotonic_ns());
            let iops = (after.0 - before.0) as f64 * 1e9 / (after.1 - before.1) as f64;
            let cell = json!({"scheduler": scheduler, "depth": depth});
            print("throughput", cell, json!({"iops": iops}));
        }
        drop(load);
    }
    Ok(())
}
