// SPDX-License-Identifier: GPL-2.0-only

//! Torture: loads read, write and verify disks while threads change everything about them and about
//! injections at random.
//!
//! The torture judges no time. A run passes if all I/O has ended, all data are as they were
//! written, the module can be unloaded, and the kernel has logged no complaint. The seed decides
//! which actions each thread takes, in which order.

mod actions;
mod allocations;
mod faults;
mod injections;
mod load;
mod switches;

use crate::{failslab, memory, random::Random, report::Report, sys};
use actions::{Actor, Bar, Counts};
use anyhow::{Context, Result, bail, ensure};
use load::Rigs;
use std::{
    fmt::Display,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// A run without reads and writes for this time is stuck.
const STUCK: Duration = Duration::from_secs(180);

/// The command line.
struct Options {
    seconds: u64,
    seed: u64,
    /// Leaves out kmemleak, which takes most of the time of a kernel that has it.
    no_kmemleak: bool,
    /// The counts that a run has to reach. A run that has reached all of them ends before its time
    /// is over.
    bars: Vec<Bar>,
    /// The words of loads and actors that take part; without words, all do.
    only: Vec<String>,
}

/// `torture SECONDS SEED [--no-kmemleak] [COUNT=NUMBER...] [WORDS...]`: one test, which reports the
/// counts of its actions; true if it passes.
pub(crate) fn run(words: &[String]) -> bool {
    println!("KTAP version 1");
    println!("1..1");
    let counts = Arc::new(Counts::default());
    let mut report = Report::default();
    let result = options(words).and_then(|options| {
        println!("# torture: {} s, seed {}", options.seconds, options.seed);
        let result = torture(&options, &counts);
        counts.report(&mut report, &options.bars, options.only.is_empty());
        if let Some(watched) = watched() {
            let name = "accesses watched for data races";
            report.figure(name, ">= 10000", watched, watched >= 10_000);
        }
        report.figure("seed", "any", options.seed, true);
        result
    });
    report.print(1, "torture", result)
}

/// The number of accesses that KCSAN has watched for another one at the same time; none if the
/// kernel has no KCSAN.
fn watched() -> Option<u64> {
    let told = sys::read("/sys/kernel/debug/kcsan").ok()?;
    let count = told
        .lines()
        .find_map(|line| line.strip_prefix("setup_watchpoints:"));
    count?.trim().parse().ok()
}

fn torture(options: &Options, counts: &Arc<Counts>) -> Result<()> {
    prepare(options)?;
    let stop = Arc::new(AtomicBool::new(false));
    let wanted = |name: &str| options.wants(name);
    let rigs = Rigs::start(
        options.seed,
        counts,
        &stop,
        !options.bars.is_empty(),
        &wanted,
    )?;
    let actors = actors(options, &rigs, counts, &stop);
    let result = watch(options, &rigs, &actors, counts);
    stop.store(true, Ordering::Relaxed);
    let mut failures = Vec::new();
    failures.extend(result.err());
    if let Err(error) = wait_for(&rigs, &actors) {
        // There may be no thread to wait for.
        println!("# failed: {error:#}");
        return Err(error);
    }
    for actor in actors {
        failures.extend(join(actor).err());
    }
    release()?;
    failures.extend(rigs.finish().err());
    failures.extend(clean_up(options).err());
    match failures.len() {
        0 => Ok(()),
        many => {
            for failure in &failures {
                println!("# failed: {failure:#}");
            }
            bail!("{many} failures")
        }
    }
}

fn options(words: &[String]) -> Result<Options> {
    let number = |place: usize, name: &str| -> Result<u64> {
        let word = words
            .get(place)
            .with_context(|| format!("{name} is missing"))?;
        word.parse()
            .with_context(|| format!("{name} has to be a number, not {word}"))
    };
    let mut options = Options {
        seconds: number(0, "SECONDS")?,
        seed: number(1, "SEED")?,
        no_kmemleak: false,
        bars: Vec::new(),
        only: Vec::new(),
    };
    for word in words.iter().skip(2) {
        match word.split_once('=') {
            Some((count, asked)) => options.bars.push(Bar::new(count, asked)?),
            None if word == "--no-kmemleak" => options.no_kmemleak = true,
            None => options.only.push(word.clone()),
        }
    }
    Ok(options)
}

impl Options {
    /// Whether a load or an actor takes part.
    fn wants(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|word| name.contains(word))
    }
}

fn prepare(options: &Options) -> Result<()> {
    for module in [
        "mq-deadline",
        "kyber-iosched",
        "bfq",
        "xfs",
        "btrfs",
        "loop",
    ] {
        // Some kernels lack some of them, or have them built in.
        let _ = sys::run(&["modprobe", module]);
    }
    let _ = sys::run(&["mount", "-t", "debugfs", "debugfs", "/sys/kernel/debug"]);
    if options.no_kmemleak {
        memory::look_no_more()?;
    }
    // The tests hold I/O for long on purpose.
    let _ = sys::write("/proc/sys/kernel/hung_task_timeout_secs", "600");
    sys::write("/sys/fs/cgroup/cgroup.subtree_control", "+io +memory")?;
    sys::load_module()
}

type Handle = (&'static str, thread::JoinHandle<Result<()>>);

fn actors(
    options: &Options,
    rigs: &Rigs,
    counts: &Arc<Counts>,
    stop: &Arc<AtomicBool>,
) -> Vec<Handle> {
    let chosen = actions::ALL
        .iter()
        .enumerate()
        .filter(|(_, (name, _, _))| options.wants(name))
        .map(|(number, (name, key, act))| {
            let bar = options.bars.iter().find(|bar| bar.key == *key);
            let actor = Actor {
                random: Random::new(options.seed ^ ((number as u64 + 1) << 32)),
                disks: rigs.disks(),
                counts: Arc::clone(counts),
                stop: Arc::clone(stop),
                asked: bar.map_or(u64::MAX, |bar| bar.asked),
                key,
            };
            (*name, thread::spawn(move || act(actor)))
        });
    chosen.collect()
}

fn join((name, handle): Handle) -> Result<()> {
    match handle.join() {
        Ok(result) => result.with_context(|| format!("the thread '{name}'")),
        Err(_) => bail!("the thread '{name}' has panicked"),
    }
}

/// Waits until the time has passed, all bars are reached, an actor fails, or all I/O is stuck.
fn watch(options: &Options, rigs: &Rigs, actors: &[Handle], counts: &Counts) -> Result<()> {
    let start = Instant::now();
    let mut progress = Progress::new();
    while start.elapsed().as_secs() < options.seconds {
        thread::sleep(Duration::from_millis(500));
        rigs.check()?;
        let ended = actors.iter().any(|(_, handle)| handle.is_finished());
        if ended || (!options.bars.is_empty() && counts.reach(&options.bars)) {
            return Ok(());
        }
        progress.look(
            rigs,
            &format_args!("{} s, {counts}", start.elapsed().as_secs()),
        )?;
    }
    Ok(())
}

/// Waits for actors and loads to end after the signal to stop, with nothing injected any more.
fn wait_for(rigs: &Rigs, actors: &[Handle]) -> Result<()> {
    let mut progress = Progress::new();
    loop {
        let unfinished = actors.iter().filter(|(_, handle)| !handle.is_finished());
        let mut names: Vec<&str> = unfinished.map(|(name, _)| *name).collect();
        names.extend(rigs.unfinished());
        if names.is_empty() {
            return release();
        }
        // An injection that one actor has left may hold I/O that another one waits for.
        release()?;
        let names = names.join(", ");
        progress.look(rigs, &format_args!("waiting for {names}"))?;
        thread::sleep(Duration::from_millis(500));
    }
}

/// The progress of reads and writes.
struct Progress {
    sectors: u64,
    last_change: Instant,
    told: Instant,
}

impl Progress {
    fn new() -> Self {
        Self {
            sectors: 0,
            last_change: Instant::now(),
            told: Instant::now(),
        }
    }

    /// Reports `what` now and then; an error if no read or write has ended for long.
    fn look(&mut self, rigs: &Rigs, what: &dyn Display) -> Result<()> {
        let now = rigs.sectors()?;
        if now != self.sectors {
            (self.sectors, self.last_change) = (now, Instant::now());
        }
        if self.last_change.elapsed() > STUCK {
            // The waiting tasks, and the work of the processors.
            for letter in ["w", "l"] {
                let _ = sys::write("/proc/sysrq-trigger", letter);
            }
            bail!("no I/O for {} s: {what}", STUCK.as_secs());
        }
        if self.told.elapsed().as_secs() >= 20 {
            self.told = Instant::now();
            println!("# torture: {what}");
        }
        Ok(())
    }
}

/// Ends all injections, and all interference with memory and processors.
fn release() -> Result<()> {
    injections::remove_all();
    let _ = failslab::end();
    switches::all_online()?;
    sys::write(format!("{}/enabled", sys::IOEM), "1")
}

fn clean_up(options: &Options) -> Result<()> {
    sys::clean_up();
    let _ = sys::run(&["rmmod", "scsi_debug"]);
    sys::run(&["rmmod", "chaos_driver"]).context("the module cannot be unloaded")?;
    if options.no_kmemleak {
        return Ok(());
    }
    if let Some(lost) = memory::lost()? {
        ensure!(lost.is_empty(), "the kernel has lost memory:\n{lost}");
        println!("# torture: kmemleak has found nothing");
    }
    Ok(())
}
