// SPDX-License-Identifier: GPL-2.0-only

//! The bounds of costs: instructions, requests, memory.

use super::{Row, Target, count, each_cell, place, shown};
use crate::cells::{Cells, Figure};

/// Instructions of an I/O without any injection.
pub(crate) fn idle_cost(cells: &Cells, scheduler: &str, queues: u64, depth: u64) -> Figure {
    let having = [
        ("scheduler", scheduler.into()),
        ("queues", queues.into()),
        ("depth", depth.into()),
    ];
    cells.figure("idle", &having, "instructions")
}

pub(super) fn idle(cells: &Cells) -> Vec<Row> {
    let mut rows = Vec::new();
    for (queues, depth) in each_cell() {
        let cost = |scheduler| idle_cost(cells, scheduler, queues, depth);
        // A single I/O passes the scheduler by. I/Os that are submitted together come to any
        // scheduler.
        let (beside, rival, most) = if depth == 1 {
            ("no scheduler", cost("none"), 1.06)
        } else {
            ("the plainest FIFO", cost("fifo"), 1.02)
        };
        let ioem = cost("ioem");
        rows.push(Row {
            what: format!("idle, {}: cost beside {beside}", place(queues, depth)),
            target: Target::AtMost(most),
            unit: "times",
            figure: ioem.with(&rival, |ioem, rival| ioem / rival),
            of: format!(
                "{} instructions; none {}, FIFO {}",
                shown(&ioem),
                shown(&cost("none")),
                shown(&cost("fifo"))
            ),
        });
    }
    for (queues, depth) in each_cell() {
        let cost = |scheduler| idle_cost(cells, scheduler, queues, depth);
        let (rust, c) = (cost("fifo-rust"), cost("fifo"));
        rows.push(Row {
            what: format!(
                "idle, {}: the plainest FIFO in Rust beside the one in C",
                place(queues, depth)
            ),
            target: Target::AtMost(1.02),
            unit: "times",
            figure: rust.with(&c, |rust, c| rust / c),
            of: format!("{} and {} instructions", shown(&rust), shown(&c)),
        });
    }
    for (queues, depth) in each_cell() {
        let cost = |scheduler| idle_cost(cells, scheduler, queues, depth);
        let (deadline, kyber, bfq) = (cost("mq-deadline"), cost("kyber"), cost("bfq"));
        let least = deadline.with(&kyber, f64::min).with(&bfq, f64::min);
        rows.push(Row {
            what: format!(
                "idle, {}: cost beside the cheapest of the kernel's",
                place(queues, depth)
            ),
            target: Target::Below(1.0),
            unit: "times",
            figure: cost("ioem").with(&least, |ioem, least| ioem / least),
            of: format!(
                "mq-deadline {}, kyber {}, bfq {} instructions",
                shown(&deadline),
                shown(&kyber),
                shown(&bfq)
            ),
        });
    }
    rows
}

pub(super) fn merges(cells: &Cells) -> Vec<Row> {
    let streams = [
        "direct reads",
        "direct writes",
        "buffered reads",
        "buffered writes",
    ];
    let rows = streams.map(|stream| {
        let merged = |scheduler: &str| {
            let having = [("scheduler", scheduler.into()), ("stream", stream.into())];
            cells.figure("merge", &having, "ios_a_request")
        };
        let (ioem, deadline) = (merged("ioem"), merged("mq-deadline"));
        let text = |figure: &Figure| {
            figure
                .median()
                .map_or("nothing".to_owned(), |value| format!("{value:.1}"))
        };
        Row {
            what: format!("sequential {stream} of 4 KiB: merged beside mq-deadline"),
            // From boot to boot each varies by 2 %, and the first I/O of a burst passes by: it
            // waits for no neighbours.
            target: Target::AtLeast(0.97),
            unit: "times",
            of: format!(
                "{} and {} I/Os a request; none {}",
                text(&ioem),
                text(&deadline),
                text(&merged("none"))
            ),
            figure: ioem.with(&deadline, |ioem, deadline| ioem / deadline),
        }
    });
    rows.into()
}

pub(super) fn rules(cells: &Cells) -> Vec<Row> {
    let mut rows = Vec::new();
    for (queues, depth) in each_cell() {
        let cost = |rules: &str| {
            let having = [
                ("rules", rules.into()),
                ("queues", queues.into()),
                ("depth", depth.into()),
            ];
            cells.figure("rules", &having, "instructions")
        };
        // Each rule costs as much; without the first, a request would pass the scheduler by.
        let (one, all) = (cost("filter"), cost("filters"));
        let each = all.with(&one, |all, one| (all - one) / 63.0);
        let base = one.with(&each, |one, each| one - each);
        let limits = [
            ("limit", "a limit that never binds", 150.0),
            ("limits", "64 limits that never bind", 4_000.0),
        ];
        for (rules, text, most) in limits {
            let with = cost(rules);
            rows.push(Row {
                what: format!(
                    "{text}, {}: instructions more than none",
                    place(queues, depth)
                ),
                target: Target::AtMost(most),
                unit: "instructions",
                figure: with.with(&base, |with, base| with - base),
                of: format!("{} and {} instructions", shown(&with), shown(&base)),
            });
        }
        rows.push(Row {
            what: format!(
                "each rule whose filter fails, of 64, {}: instructions more",
                place(queues, depth)
            ),
            target: Target::AtMost(30.0),
            unit: "instructions",
            of: format!("{} and {} instructions", shown(&all), shown(&one)),
            figure: each,
        });
    }
    rows
}

pub(super) fn delays(cells: &Cells) -> Vec<Row> {
    let mut rows = Vec::new();
    for (queues, depth) in each_cell().filter(|(_, depth)| *depth > 1) {
        let cost = |by: &str| {
            let having = [
                ("by", by.into()),
                ("queues", queues.into()),
                ("depth", depth.into()),
            ];
            cells.figure("delay", &having, "instructions")
        };
        let (ioem, dm_delay) = (cost("ioem"), cost("dm-delay"));
        let idle = idle_cost(cells, "ioem", queues, depth);
        // This needs the part `idle` in the same run.
        let more = ioem
            .with(&idle, |delayed, idle| delayed - idle)
            .median()
            .map_or(String::new(), |more| {
                format!(" ({} more than idle)", count(more))
            });
        rows.push(Row {
            what: format!(
                "a delay of 1 ms, {}: cost beside dm-delay",
                place(queues, depth)
            ),
            target: Target::Below(1.0),
            unit: "times",
            figure: ioem.with(&dm_delay, |ioem, dm_delay| ioem / dm_delay),
            of: format!(
                "{}{more} and {} instructions",
                shown(&ioem),
                shown(&dm_delay)
            ),
        });
    }
    rows
}

pub(super) fn held(cells: &Cells) -> Vec<Row> {
    let cost = |held: u64| cells.figure("held", &[("asked", held.into())], "instructions");
    let few = cost(64);
    let rows = [512u64, 2_048, 8_192].map(|held| Row {
        what: format!(
            "insertion and release with {} held, random release times, beside 64 held",
            count(held as f64)
        ),
        target: Target::AtMost(2.0),
        unit: "times",
        figure: cost(held).with(&few, |many, few| many / few),
        of: format!(
            "{} and {} instructions; {} held at the end",
            shown(&cost(held)),
            shown(&few),
            shown(&cells.figure("held", &[("asked", held.into())], "held"))
        ),
    });
    rows.into()
}

pub(super) fn memory(cells: &Cells) -> Vec<Row> {
    let bytes = |of: &str| cells.figure("memory", &[("of", of.into())], "bytes");
    let mut rows = Vec::from(["queue", "hardware queue", "injection"].map(|of| Row {
        what: format!("memory of each {of}"),
        target: Target::Told,
        unit: "bytes",
        figure: bytes(of),
        of: "as allocated with kmalloc".to_owned(),
    }));
    let having = [("of", "I/O".into())];
    rows.push(Row {
        what: "memory of each I/O that is delayed: allocations".to_owned(),
        target: Target::AtMost(0.0),
        unit: "",
        figure: cells.figure("memory", &having, "allocations"),
        of: format!("of {}", shown(&cells.figure("memory", &having, "ios"))),
    });
    rows
}

pub(super) fn scaling(cells: &Cells) -> Vec<Row> {
    let pairs = (1u64..=9).map(|pair| {
        let factor = |scheduler: &str| {
            let having = [("scheduler", scheduler.into()), ("pair", pair.into())];
            let iops = |queues| cells.figure("scaling", &having, queues);
            iops("two").with(&iops("one"), |two, one| two / one)
        };
        factor("ioem-mq").with(&factor("none"), |ioem, none| ioem / none)
    });
    let factors: Vec<Figure> = pairs.collect();
    let boots = factors
        .first()
        .map_or(Vec::new(), |figure| figure.boots.clone());
    // The median of the pairs of each boot.
    let medians = boots.iter().filter_map(|(boot, _)| {
        let of_boot = factors
            .iter()
            .flat_map(|figure| figure.boots.iter().filter(|(number, _)| number == boot));
        let median = Figure {
            boots: of_boot.copied().collect(),
        }
        .median()?;
        Some((*boot, median))
    });
    vec![Row {
        what: "from 1 queue to 2, threads clock: the growth of IOPS beside none's".to_owned(),
        target: Target::AtLeast(0.9),
        unit: "times",
        figure: Figure {
            boots: medians.collect(),
        },
        of: "the median of 9 pairs".to_owned(),
    }]
}
