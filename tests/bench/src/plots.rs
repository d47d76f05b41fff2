// SPDX-License-Identifier: GPL-2.0-only

//! Draws the measurements.

use crate::{
    cells::Cells,
    parts::Parts,
    rows::{DELAYS_US, DEPTHS, QUEUES, duration, idle_cost, lateness_of},
};
use bench::svg::{Anchor, Drawing, Panel, Scale};

const SCHEDULERS: [&str; 7] = [
    "none",
    "fifo",
    "fifo-rust",
    "ioem",
    "kyber",
    "mq-deadline",
    "bfq",
];

/// Draws the measurements of a part.
type Draw = fn(&Cells) -> String;

/// Each plot by name, and its part.
const PLOTS: [(&str, &str, Draw); 4] = [
    ("cost", "idle", cost),
    ("lateness", "lateness", lateness),
    ("buckets", "limit", buckets),
    ("throughput", "throughput", throughput),
];

/// The plots of the chosen parts, by name.
pub(crate) fn of(cells: &Cells, parts: &Parts) -> Vec<(&'static str, String)> {
    PLOTS
        .into_iter()
        .filter(|(_, part, _)| parts.has(part))
        .map(|(name, _, draw)| (name, draw(cells)))
        .collect()
}

/// A round number that is not below `value`.
fn round_up(value: f64) -> f64 {
    let power = 10f64.powf(value.max(1.0).log10().floor());
    [1.0, 2.0, 2.5, 5.0, 10.0]
        .map(|times| times * power)
        .into_iter()
        .find(|round| *round >= value)
        .unwrap_or(value)
}

/// Five steps from 0 to `high`.
fn ticks(high: f64) -> Vec<(f64, String)> {
    (0..=5)
        .map(|step| f64::from(step) * high / 5.0)
        .map(|value| (value, thousands(value)))
        .collect()
}

fn thousands(value: f64) -> String {
    if value >= 1_000.0 {
        let thousands = format!("{:.1}", value / 1_000.0);
        format!("{}k", thousands.trim_end_matches(".0"))
    } else {
        format!("{value:.0}")
    }
}

fn cost(cells: &Cells) -> String {
    let mut drawing = Drawing::new(
        960.0,
        400.0,
        "What a 4 KiB read costs with nothing configured",
    );
    let figure = |scheduler, queues, depth| idle_cost(cells, scheduler, queues, depth);
    let all = QUEUES.iter().flat_map(|queues| {
        DEPTHS.map(|depth| SCHEDULERS.map(|name| figure(name, *queues, depth).range()))
    });
    let most = all
        .flatten()
        .flatten()
        .map(|(_, greatest)| greatest)
        .fold(1.0, f64::max);
    let panel = Panel {
        left: 80.0,
        top: 70.0,
        width: 860.0,
        height: 260.0,
        x: Scale::Linear(0.0, 9.0),
        y: Scale::Linear(0.0, round_up(most)),
    };
    drawing.legend(&SCHEDULERS, 48.0);
    drawing.frame(&panel, &ticks(round_up(most)), "", "instructions an I/O");
    let bottom = panel.y(0.0);
    for (place, queues) in QUEUES.iter().enumerate() {
        for (within, depth) in DEPTHS.iter().enumerate() {
            let group = (place * DEPTHS.len() + within) as f64;
            for (number, name) in SCHEDULERS.iter().enumerate() {
                let figure = figure(name, *queues, *depth);
                let (Some(median), Some((least, greatest))) = (figure.median(), figure.range())
                else {
                    continue;
                };
                let x = panel.x(group + 0.1 + 0.8 * number as f64 / SCHEDULERS.len() as f64);
                drawing.rectangle(x, panel.y(median), 10.0, bottom - panel.y(median), name);
                drawing.line(
                    (x + 5.0, panel.y(least)),
                    (x + 5.0, panel.y(greatest)),
                    "spread",
                );
            }
            drawing.text(
                panel.x(group + 0.5),
                bottom + 18.0,
                Anchor::Middle,
                "",
                &format!("QD {depth}"),
            );
        }
        let middle = panel.x((place * DEPTHS.len()) as f64 + 1.5);
        let text = format!(
            "{queues} hardware queue{}",
            if *queues == 1 { "" } else { "s" }
        );
        drawing.text(middle, bottom + 40.0, Anchor::Middle, "strong", &text);
    }
    drawing.finish()
}

fn lateness(cells: &Cells) -> String {
    const BY: [&str; 3] = ["ioem", "dm-delay", "null_blk"];
    let mut drawing = Drawing::new(
        960.0,
        420.0,
        "How much more than asked each I/O was delayed",
    );
    drawing.legend(&["ioem", "dm-delay", "null_blk"], 48.0);
    let note = "Dot: p50; thick: to p99; thin: least to greatest. null_blk is the disk's own timer. dm-delay has whole milliseconds.";
    drawing.text(480.0, 410.0, Anchor::Middle, "", note);
    let panels = [
        ("single", "QD 1"),
        ("spread", "QD 32, arrivals spread"),
        ("lockstep", "QD 32 in lockstep"),
    ];
    for (place, (arrivals, text)) in panels.iter().enumerate() {
        let panel = Panel {
            left: 80.0 + 300.0 * place as f64,
            top: 90.0,
            width: 260.0,
            height: 250.0,
            x: Scale::Linear(0.0, DELAYS_US.len() as f64),
            y: Scale::Logarithmic(1.0, 10_000.0),
        };
        let ticks = [1.0, 10.0, 100.0, 1_000.0, 10_000.0].map(|us| {
            let text = if us < 1_000.0 {
                format!("{us} us")
            } else {
                format!("{} ms", us / 1_000.0)
            };
            (us, if place == 0 { text } else { String::new() })
        });
        let label = if place == 0 { "added less asked" } else { "" };
        drawing.frame(&panel, &ticks, "delay asked for", label);
        drawing.text(
            panel.left + panel.width / 2.0,
            80.0,
            Anchor::Middle,
            "strong",
            text,
        );
        for (column, asked_us) in DELAYS_US.iter().enumerate() {
            let middle = panel.x(column as f64 + 0.5);
            drawing.text(
                middle,
                panel.top + panel.height + 18.0,
                Anchor::Middle,
                "",
                &duration(*asked_us),
            );
            for (number, by) in BY.iter().enumerate() {
                let at = |number: &str| {
                    lateness_of(cells, by, arrivals, *asked_us, number)
                        .median()
                        .map(|us| panel.y(us))
                };
                let (Some(least), Some(p50), Some(p99), Some(greatest)) =
                    (at("least"), at("p50"), at("p99"), at("greatest"))
                else {
                    continue;
                };
                let x = middle + 16.0 * (number as f64 - 1.0);
                drawing.thick_line((x, least), (x, greatest), 1.0, by);
                drawing.thick_line((x, p50), (x, p99), 5.0, by);
                drawing.dot((x, p50), 4.5, by);
            }
        }
    }
    drawing.finish()
}

fn buckets(cells: &Cells) -> String {
    const BY: [&str; 2] = ["io.max", "ioem"];
    let mut drawing = Drawing::new(
        960.0,
        360.0,
        "A limit of 10,000 I/Os a second, in buckets of 10 ms",
    );
    drawing.legend(&["ioem", "io.max"], 48.0);
    let counts = BY.map(|by| cells.list("spread", &[("by", by.into())], "buckets"));
    let most = counts.iter().flatten().copied().fold(1.0, f64::max);
    let length = counts.iter().map(Vec::len).max().unwrap_or(1).max(1);
    let panel = Panel {
        left: 80.0,
        top: 70.0,
        width: 860.0,
        height: 230.0,
        x: Scale::Linear(0.0, length as f64),
        y: Scale::Linear(0.0, round_up(most)),
    };
    drawing.frame(&panel, &ticks(round_up(most)), "seconds", "I/Os a second");
    for tenth in (0..=length).step_by(50) {
        let text = format!("{:.1}", tenth as f64 / 100.0);
        drawing.text(
            panel.x(tenth as f64),
            panel.top + panel.height + 18.0,
            Anchor::Middle,
            "",
            &text,
        );
    }
    for (by, counts) in BY.iter().zip(&counts) {
        let points: Vec<(f64, f64)> = counts
            .iter()
            .enumerate()
            .map(|(place, count)| (panel.x(place as f64 + 0.5), panel.y(*count)))
            .collect();
        drawing.path(&points, by);
    }
    drawing.finish()
}

fn throughput(cells: &Cells) -> String {
    const DEPTHS: [u64; 9] = [1, 2, 4, 8, 16, 32, 64, 128, 256];
    let mut drawing = Drawing::new(
        960.0,
        400.0,
        "Throughput against queue depth, on a disk that takes 100 us",
    );
    drawing.legend(&SCHEDULERS, 48.0);
    let iops = |name: &str, depth: u64| {
        let having = [("scheduler", name.into()), ("depth", depth.into())];
        cells.figure("throughput", &having, "iops").median()
    };
    let all = SCHEDULERS
        .iter()
        .flat_map(|name| DEPTHS.map(|depth| iops(name, depth)));
    let most = round_up(all.flatten().fold(1.0, f64::max));
    let panel = Panel {
        left: 80.0,
        top: 70.0,
        width: 860.0,
        height: 270.0,
        x: Scale::Logarithmic(1.0, 256.0),
        y: Scale::Linear(0.0, most),
    };
    drawing.frame(&panel, &ticks(most), "queue depth", "I/Os a second");
    for depth in DEPTHS {
        let bottom = panel.top + panel.height;
        drawing.text(
            panel.x(depth as f64),
            bottom + 18.0,
            Anchor::Middle,
            "",
            &depth.to_string(),
        );
    }
    for name in SCHEDULERS {
        let points: Vec<(f64, f64)> = DEPTHS
            .iter()
            .filter_map(|depth| Some((panel.x(*depth as f64), panel.y(iops(name, *depth)?))))
            .collect();
        drawing.path(&points, name);
        points
            .iter()
            .for_each(|point| drawing.dot(*point, 3.0, name));
    }
    drawing.finish()
}
