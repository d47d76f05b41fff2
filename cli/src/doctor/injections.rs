// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The injections: whether they reach nothing, never end, or have lost their maker.

use super::report::Report;
use crate::{
    inject::gc,
    interface::{
        Name,
        existing::{all, recover_command},
        snapshot::{Snapshot, State},
    },
    show::columns::printable,
    system::Roots,
};

/// Counts that are 0 where all is well, each with what it says and the next step.
const COUNTS: [(&str, &str, &str); 3] = [
    (
        "no_memory",
        "were not held, as there was no memory",
        "free some, or have less I/O held at a time",
    ),
    (
        "over_memory",
        "were held as requests, as held completions had all of memory_kib",
        "write a larger number into memory_kib",
    ),
    (
        "errors",
        "changes of settings were lost for lack of memory",
        "free some, and make the injection anew",
    ),
];

pub(super) fn look(roots: &Roots, report: &mut Report) {
    let enabled = roots.enabled().unwrap_or(true);
    let names = match all(roots) {
        Ok(names) => names,
        Err(error) => return report.problem("permission", format!("{error:#}")),
    };
    let (mut on, mut other) = (0, 0);
    for name in names {
        match Snapshot::read(roots, &name, enabled) {
            Ok(Some(seen)) => {
                match seen.state {
                    State::On => on += 1,
                    _ => other += 1,
                }
                look_at(&seen, report);
            }
            Ok(None) => {}
            Err(error) => report.problem("unreadable", format!("{error:#}")),
        }
    }
    report.fact("injections", format!("{on} on, {other} off or over"));
}

fn look_at(seen: &Snapshot, report: &mut Report) {
    let name = printable(&seen.name);
    let recover = recover_command(&[&seen.name]);
    let values = &seen.values;
    for problem in &seen.problems {
        report.problem("reaches-nothing", format!("{name}: {problem}"));
    }
    if let Some(why) = gc::left(seen) {
        report.problem("left", format!("{name} {why}: kchaos gc"));
    }
    let is_on = seen.state == State::On;
    if is_on && values.freezes() && values.number(Name::DurationMs).is_none() {
        report.problem(
            "hang-without-end",
            format!(
                "{name} lets I/O hang, and nothing ends it: kchaos change {name} --for 10s, or \
                 {recover}"
            ),
        );
    }
    if is_on && !values.has_effect() && !seen.is_renewed {
        report.problem(
            "no-effect",
            format!(
                "{name} does nothing: give it an effect, such as kchaos change {name} --delay 10ms, \
                 or end it: {recover}"
            ),
        );
    }
    let missed = seen.stats.get("not_failed");
    // Writes that nothing tears are no problem: some of them have one block.
    if let Some(ending) = values
        .ending()
        .filter(|ending| missed > 0 && !ending.tears())
    {
        report.problem(
            "count",
            format!(
                "{name}: {missed} I/Os {} (not_failed): {}",
                ending.missed(),
                ending.why_missed()
            ),
        );
    }
    for (key, says, remedy) in COUNTS {
        let count = seen.stats.get(key);
        if count > 0 {
            let what = if key == "errors" { "" } else { "I/Os " };
            report.problem(
                "count",
                format!("{name}: {count} {what}{says} ({key}): {remedy}"),
            );
        }
    }
}
