// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The reasons why an injection hit no I/O while a command ran.

use super::{
    reach::named,
    run::{Run, in_words},
};
use crate::{
    interface::{
        Name,
        operation::{COMMIT, is_flush_alone},
        stats::NOT_FAILED,
        units::grouped,
        values::Values,
    },
    show::describe::Described,
    system::{
        Roots, abilities::impossible_on_all, block::Block, files::try_read, traffic::Traffic,
    },
};
use std::{collections::BTreeSet, fs, path::Path};

/// The first reason that explains it all.
pub(super) fn why(run: &Run<'_>) -> String {
    let values = Values(run.settings.values.clone());
    let reasons = [
        never_at_work,
        no_effect,
        not_chosen,
        not_always_at_work,
        no_io,
        no_match,
    ];
    let mut reasons = reasons.iter().filter_map(|reason| reason(run, &values));
    reasons.next().unwrap_or_else(|| {
        // The last of all: there was I/O, and no single reason for it not to match.
        let mut values = values;
        values
            .0
            .retain(|(attribute, _)| attribute.name != Name::Device);
        let filter = Described::new(&values).filter();
        format!(
            "{} while {} ran, and {}",
            had(run),
            run.who,
            match filter {
                Some(filter) => format!("none of it was {filter}"),
                None => "all of it had begun before, or is swap, which passes, or a flush without \
                     data, which only --op flush chooses"
                    .to_owned(),
            }
        )
    })
}

/// The I/O of the injection's devices: `sda had 12 I/Os (10 reads, 2 flushes)`.
fn had(run: &Run<'_>) -> String {
    let Traffic {
        reads,
        writes,
        discards,
        flushes,
        ..
    } = run.traffic;
    // A flush without data counts as a write, too.
    let written = if flushes > 0 {
        "writes and flushes"
    } else {
        "writes"
    };
    let kinds = [(reads, "reads"), (writes, written), (discards, "discards")];
    let kinds = kinds.into_iter().filter(|(count, _)| *count > 0);
    let kinds: Vec<String> = kinds
        .map(|(count, words)| format!("{} {words}", grouped(count)))
        .collect();
    let total = grouped(run.traffic.total());
    format!(
        "{} had {total} I/Os ({})",
        in_words(&run.devices),
        kinds.join(", ")
    )
}

/// The injection was off all the time, or none of its disks was on ioem.
fn never_at_work(run: &Run<'_>, _: &Values) -> Option<String> {
    if run.acted {
        None
    } else if !run.settings.enabled {
        Some("it was never switched on".to_owned())
    } else if matches!(run.roots.enabled(), Ok(false)) {
        Some(run.roots.all_off())
    } else if run.devices.is_empty() {
        Some("no disk was on ioem: kchaos attach DEVICE".to_owned())
    } else {
        let is_there = |device: &&String| Block::find_exact(run.roots, device).is_some();
        let (there, absent): (Vec<_>, Vec<_>) = run.devices.iter().partition(is_there);
        let mut reasons = Vec::new();
        if !absent.is_empty() {
            let absent: Vec<String> = absent.into_iter().cloned().collect();
            let were = if absent.len() == 1 { "was" } else { "were" };
            reasons.push(format!("{} {were} never there", in_words(&absent)));
        }
        if !there.is_empty() {
            let there: Vec<&str> = there.into_iter().map(String::as_str).collect();
            let there = there.join(" ");
            reasons.push(format!("never on ioem: {there}; kchaos attach {there}"));
        }
        Some(reasons.join("; "))
    }
}

/// The injection was over before the command, or did nothing for a while.
fn not_always_at_work(run: &Run<'_>, _: &Values) -> Option<String> {
    run.idle.map(|idle| format!("it {idle}"))
}

fn no_effect(_: &Run<'_>, values: &Values) -> Option<String> {
    (!values.has_effect())
        .then(|| "it has no effect: no delay, no limit, no error, or probability 0".to_owned())
}

/// There was no I/O that the injection can see.
fn no_io(run: &Run<'_>, values: &Values) -> Option<String> {
    let operations = values.text(Name::Op).unwrap_or_default();
    let is_flushes = run.traffic.is_flushes() && operations.split(' ').all(|word| word != "flush");
    let is_hidden = is_flushes || run.traffic.total() == 0;
    if !is_hidden || run.stats.get("matched") > 0 {
        return None;
    }
    if let Some(why) = impossible_everywhere(run, values) {
        return Some(why);
    }
    let devices = in_words(&run.devices);
    if is_flushes {
        let flushes = grouped(run.traffic.writes);
        return Some(format!(
            "{devices} had {flushes} flushes without data and nothing else while {} ran, and \
             only --op flush chooses these",
            run.who
        ));
    }
    let others: Vec<String> = run
        .others
        .iter()
        .take(2)
        .map(|(disk, count)| format!("{disk} had {}", grouped(*count)))
        .collect();
    let elsewhere = if others.is_empty() {
        "nor did any other disk".to_owned()
    } else {
        format!("while {}", others.join(" and "))
    };
    Some(format!(
        "{devices} had no I/O while {} ran, {elsewhere}; the page cache answers reads and keeps \
         writes: see direct I/O (iflag=direct, oflag=direct of dd), fsync, and \
         /proc/sys/vm/drop_caches",
        run.who
    ))
}

/// The filter matched, and chance, count or the limit let it all go.
fn not_chosen(run: &Run<'_>, values: &Values) -> Option<String> {
    let matched = run.stats.get("matched");
    if matched == 0 {
        return None;
    }
    let matched = format!("{} I/Os matched", grouped(matched));
    let unheld = run.stats.get("no_memory");
    if unheld > 0 {
        return Some(format!("{matched}, and there was no memory to hold them"));
    }
    if let Some(ending) = values.ending()
        && run.stats.get(NOT_FAILED) > 0
    {
        return Some(format!(
            "{matched}, and {}: {}",
            ending.missed(),
            ending.why_missed()
        ));
    }
    let shown = |name| values.shown(name);
    let times = [Name::DelayUs, Name::JitterUs, Name::SeekUs, Name::TurnUs];
    let delays = values.freezes()
        || times.iter().any(|name| values.number(*name).is_some())
        || values.text(Name::Percentiles).is_some();
    let quotas = [
        values.number(Name::Quota).map(grouped),
        shown(Name::BytesQuota),
    ];
    let quotas: Vec<String> = quotas.into_iter().flatten().collect();
    let chosen = match (shown(Name::Probability), shown(Name::Every)) {
        (Some(share), _) => Some(format!(
            "chance chose none of them, with --probability {share}"
        )),
        (None, Some(every)) => Some(format!("fewer than the {every} of --every")),
        (None, None) => None,
    };
    Some(match chosen {
        Some(chosen) => format!("{matched}, and {chosen}"),
        None if !delays && !quotas.is_empty() => format!(
            "{matched}, and never more than the {} of a window: the limit was not reached",
            quotas.join(" or the ")
        ),
        None => format!("{matched}, and none of them got a delay"),
    })
}

/// There was I/O, and one condition of the filter explains why none matched.
fn no_match(run: &Run<'_>, values: &Values) -> Option<String> {
    impossible_everywhere(run, values)
        .or_else(|| other_kinds(run, values))
        .or_else(|| other_cgroup(run, values))
        .or_else(|| pages_of_others(run, values))
        .or_else(|| other_namespace(run, values))
        .or_else(|| flushes_with_writes(run, values))
}

/// None of the disks can have the operations.
fn impossible_everywhere(run: &Run<'_>, values: &Values) -> Option<String> {
    let operations = values.text(Name::Op)?;
    impossible_on_all(run.roots, &disks(run), operations)
}

/// The disks of the devices that the injection reaches.
fn disks(run: &Run<'_>) -> BTreeSet<String> {
    let devices = run.devices.iter();
    devices.flat_map(|name| named(run.roots, name)).collect()
}

/// The disks had I/O of other kinds only.
fn other_kinds(run: &Run<'_>, values: &Values) -> Option<String> {
    let operations = values.text(Name::Op)?;
    let counts = operations.split(' ').filter_map(|word| match word {
        "read" => Some(run.traffic.reads),
        "discard" => Some(run.traffic.discards),
        // A flush without data counts as a write, also for its partition.
        "flush" => Some(run.flushes.min(run.traffic.writes)),
        "sync" | "fua" | "meta" => None,
        _ => Some(run.traffic.writes),
    });
    let counts: Vec<u64> = counts.collect();
    let none = !counts.is_empty() && counts.iter().all(|count| *count == 0);
    none.then(|| format!("{} while {} ran", had(run), run.who))
}

/// The command ran in another cgroup.
fn other_cgroup(run: &Run<'_>, values: &Values) -> Option<String> {
    let wanted = values.text(Name::Cgroup).filter(|_| !run.own_cgroup)?;
    let wanted = wanted.strip_prefix("/sys/fs/cgroup").unwrap_or(wanted);
    let own = cgroup(run.roots)?;
    let is_inside = Path::new(&own).starts_with(if wanted.is_empty() { "/" } else { wanted });
    (!is_inside).then(|| {
        format!(
            "{} while {} ran, none of it by the cgroup {wanted}; kchaos and what it runs are in \
             the cgroup {own}",
            had(run),
            run.who
        )
    })
}

/// The kernel writes all pages of a file back for one cgroup, whichever cgroup has changed them.
fn pages_of_others(run: &Run<'_>, values: &Values) -> Option<String> {
    let wanted = values
        .text(Name::Cgroup)
        .filter(|_| run.traffic.writes > 0)?;
    Some(format!(
        "{} while {} ran, none of it by the cgroup {wanted}; a write through the page cache counts \
         for the cgroup that first wrote to the file: use direct I/O, or choose by --device alone",
        had(run),
        run.who
    ))
}

/// The cgroup v2 of this program.
fn cgroup(roots: &Roots) -> Option<String> {
    let text = try_read(&roots.proc.join("self/cgroup")).ok()?;
    let own = text.lines().find_map(|line| line.strip_prefix("0::"))?;
    Some(own.to_owned())
}

/// The command ran in another PID namespace.
fn other_namespace(run: &Run<'_>, values: &Values) -> Option<String> {
    let process = values.text(Name::PidNs)?;
    let of = |process: &str| fs::read_link(run.roots.proc.join(process).join("ns/pid")).ok();
    (of("self")? != of(process)?).then(|| {
        format!(
            "{} while {} ran, none of it by the PID namespace of {process}; kchaos and what it \
             runs are in another one",
            had(run),
            run.who
        )
    })
}

/// All flushes came with writes, which is certain if no filter kept flushes out: neither a
/// condition, though every flush without data is `sync`, nor the choice of a partition, whose own
/// flushes nobody counts.
fn flushes_with_writes(run: &Run<'_>, values: &Values) -> Option<String> {
    let operations = values.text(Name::Op)?;
    let filters = [Name::Cgroup, Name::PidNs, Name::Sectors];
    let has_other = filters.iter().any(|name| values.text(*name).is_some())
        || values.number(Name::MinBytes).is_some()
        || operations
            .split(' ')
            .any(|word| ["fua", "meta"].contains(&word));
    let are_there = run.flushes > 0 && run.traffic.writes > 0;
    (is_flush_alone(operations) && !has_other && are_there).then(|| {
        let flushes = match run.traffic.flushes == run.flushes {
            true => "the flushes".to_owned(),
            false => {
                let disks: Vec<String> = disks(run).into_iter().collect();
                format!("the flushes of {} likely", in_words(&disks))
            }
        };
        format!(
            "{} while {} ran, and {flushes} came with writes; {COMMIT}",
            had(run),
            run.who
        )
    })
}
