// SPDX-License-Identifier: GPL-2.0-only

//! The cost and the exactness of Chaos Driver, beside its rivals in the same boot of the same
//! kernel.
//!
//! Prints one line of JSON for each cell. It judges no figure: `tests/bench` does, on the host.

pub(crate) mod cost;
mod cpus;
mod lateness;
mod limit;
mod memory;
mod merge;
mod path;
mod rivals;
mod scaling;
mod spare;

use crate::{
    disk::{Disk, Kind},
    random::Random,
    sys,
};
use anyhow::{Context, Result};
use serde_json::{Map, Value, json};

/// The first word of the command line for the benchmark.
pub(crate) const WORD: &str = "bench";

/// A part of the benchmark, with its name.
struct Part {
    name: &'static str,
    run: fn(&mut Bench) -> Result<()>,
}

const PARTS: &[Part] = &[
    Part {
        name: "idle",
        run: cost::idle,
    },
    Part {
        name: "rules",
        run: cost::rules,
    },
    Part {
        name: "delays",
        run: cost::delays,
    },
    Part {
        name: "held",
        run: cost::held,
    },
    Part {
        name: "throughput",
        run: cost::throughput,
    },
    Part {
        name: "lateness",
        run: lateness::all,
    },
    Part {
        name: "limit",
        run: limit::all,
    },
    Part {
        name: "merge",
        run: merge::all,
    },
    Part {
        name: "memory",
        run: memory::all,
    },
    Part {
        name: "scaling",
        run: scaling::all,
    },
    Part {
        name: "path",
        run: path::all,
    },
];

/// A disk for comparing the cost or the work of schedulers. With bfq and ioem the block layer does
/// not throttle writeback, which costs instructions of each I/O; here no scheduler has it.
fn disk(kind: &Kind) -> Result<Disk> {
    let disk = Disk::new(kind)?;
    sys::write(disk.attribute("queue/wbt_lat_usec"), "0")?;
    Ok(disk)
}

/// The schedulers that are compared: this one, the floor, and the kernel's own.
const SCHEDULERS: &[&str] = &[
    "none",
    "fifo",
    "fifo-rust",
    "ioem",
    "mq-deadline",
    "kyber",
    "bfq",
];

/// One run of the benchmark in a guest.
struct Bench {
    seed: u64,
    random: Random,
}

impl Bench {
    fn new(seed: u64) -> Self {
        Self {
            seed,
            random: Random::new(seed),
        }
    }

    /// The schedulers in an order that the seed decides.
    fn schedulers(&mut self) -> Vec<&'static str> {
        let mut left = SCHEDULERS.to_vec();
        let mut order = Vec::new();
        while !left.is_empty() {
            let place = self.random.below(left.len() as u64) as usize;
            order.push(left.swap_remove(place));
        }
        order
    }

    /// The option that makes fio draw other places with another seed.
    fn fio_seed(&self) -> String {
        format!("--randseed={}", self.seed)
    }
}

/// Prints the result of one cell: its name, the scheduler or rival, and the numbers.
fn print(what: &str, cell: Value, numbers: Value) {
    let mut line = Map::new();
    line.insert("what".to_owned(), what.into());
    for part in [cell, numbers] {
        if let Value::Object(part) = part {
            line.extend(part);
        }
    }
    println!("{}", Value::Object(line));
}

/// Measures the parts of these names, or all parts for the icount clock; true if none fails.
pub(crate) fn run(words: &[String]) -> bool {
    let result = measure(words);
    if let Err(error) = &result {
        println!("# failed: {error:#}");
    }
    result.is_ok()
}

fn measure(words: &[String]) -> Result<()> {
    let (seed, names) = words.split_first().context("bench SEED PART...")?;
    let seed = seed.parse()?;
    let mut bench = Bench::new(seed);
    sys::load_module()?;
    for module in rivals::FIFOS {
        sys::run(&["insmod", module])?;
    }
    for module in ["mq-deadline", "kyber-iosched", "bfq"] {
        sys::run(&["modprobe", module])?;
    }
    for name in names {
        let part = PARTS.iter().find(|part| part.name == name);
        let part = part.with_context(|| format!("there is no part {name}"))?;
        let start_ns = sys::monotonic_ns();
        let result = (part.run)(&mut bench);
        sys::clean_up();
        result.with_context(|| format!("measuring {name}"))?;
        let took_ms = (sys::monotonic_ns() - start_ns) / 1_000_000;
        print("part", json!({"name": name}), json!({"took_ms": took_ms}));
    }
    Ok(())
}
