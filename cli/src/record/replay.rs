// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! `kchaos replay`: makes a disk take as long as a profile says.

use super::{
    event::Operation,
    profile::{ANY, Limit, Profile, Row},
    source,
};
use crate::{
    args::Replay,
    error::{Exit, failure, note},
    inject::{Request, Whose, several},
    interface::{Name, Settings, Value, attribute, rate::Rate},
    system::{
        Roots,
        files::try_read,
        stack::Part,
        target::{Resolved, resolve_all},
    },
};
use anyhow::Result;
use std::{io::Write, time::Duration};

/// Makes the injections of a profile, and prints their names. Returns the exit code.
///
/// # Errors
///
/// If the file is no profile, or an injection cannot be made; then nothing stays of the others.
pub(super) fn replay(roots: &Roots, args: &Replay, out: &mut dyn Write) -> Result<u8> {
    let profile = source::read(&args.file)?;
    let mut all = settings(roots, &profile, args)
        .map_err(|sentence| failure(Exit::Usage, format!("{}: {sentence}", args.file.display())))?;
    if is_whole(roots, &args.device)? {
        // A slow disk has its requests, which keep their tags, and so fewer of them at a time.
        for settings in &mut all {
            set(settings, Name::Hold, Value::Text("request".to_owned()));
        }
    }
    let requests: Vec<Request<'_>> = all.iter().map(|settings| request(args, settings)).collect();
    match args.dry_run.dry_run {
        true => several::print(roots, &requests, out).map(|()| 0),
        false => several::inject(roots, &requests, out),
    }
}

fn request<'a>(args: &'a Replay, settings: &'a Settings) -> Request<'a> {
    Request {
        effect: args.name.as_deref().unwrap_or("replay"),
        name: None,
        settings,
        whose: Whose::Anyone,
        command: &[],
        force: args.force,
        expect_hits: false,
        attach: true,
        replace: false,
    }
}

/// Whether all of these devices are whole disks, so that nobody else's requests wait with them.
fn is_whole(roots: &Roots, devices: &str) -> Result<bool> {
    roots.require_sysfs()?;
    let is_whole = |part: &Part| part.device == part.disk && part.extents.is_none();
    let all = resolve_all(roots, devices)?;
    Ok(all.iter().all(|resolved| match resolved {
        Resolved::There(target) => target.parts.iter().all(is_whole),
        Resolved::Absent(_) => false,
    }))
}

/// Whether the driver sees flushes on this kernel: from Linux 5.12 on, and from 7.2 on if it is a
/// real-time one.
fn shows_flushes(roots: &Roots) -> bool {
    let told = |file: &str| try_read(&roots.proc.join("sys/kernel").join(file)).unwrap_or_default();
    let (release, version) = (told("osrelease"), told("version"));
    let mut numbers = release.split('.').map(str::parse::<u32>);
    let first = match version.contains("PREEMPT_RT") {
        true => (7, 2),
        false => (5, 12),
    };
    match (numbers.next(), numbers.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => (major, minor) >= first,
        _ => true,
    }
}

/// The settings of each injection.
fn settings(roots: &Roots, profile: &Profile, args: &Replay) -> Result<Vec<Settings>, String> {
    let mut rows: Vec<&Row> = profile.classes.iter().collect();
    rows.sort_by_key(|row| (Operation::named(&row.op), row.min_bytes));
    let mut all = Vec::new();
    for (place, row) in rows.iter().enumerate() {
        if Operation::named(&row.op) == Some(Operation::Flush) && !shows_flushes(roots) {
            note("this kernel shows the driver no flushes, so they take as long as they do");
            continue;
        }
        let before = place.checked_sub(1).map(|place| rows[place]);
        let before = before.filter(|before| before.op == row.op);
        let next = rows.get(place + 1).filter(|next| next.op == row.op);
        let mut settings = one(row, args)?;
        let most = u64::from(u32::MAX);
        if row.min_bytes > most || row.max_bytes > most {
            return Err(format!(
                "the class {:?} has sizes above {most} bytes",
                row.title()
            ));
        }
        // Each size is one class's: it begins where the one before ends, and the last has no end.
        if let Some(before) = before {
            let begins = row.min_bytes == 0 || row.min_bytes > before.max_bytes;
            let ends = row.max_bytes == 0 || row.max_bytes > before.max_bytes;
            if before.max_bytes == 0 || !begins || !ends {
                return Err(format!(
                    "the classes {:?} and {:?} share sizes; give each of them max_bytes, and \
                     min_bytes above those of the one before",
                    before.title(),
                    row.title()
                ));
            }
            set(
                &mut settings,
                Name::MinBytes,
                Value::Number(before.max_bytes + 1),
            );
        }
        if next.is_some() {
            set(&mut settings, Name::MaxBytes, Value::Number(row.max_bytes));
        }
        match settings.do_nothing() {
            None => all.push(settings),
            Some(_) => note(&format!(
                "{} would get no delay, so there is no injection for it",
                row.title()
            )),
        }
    }
    if let Some(limit) = &profile.limit {
        all.extend(limited(limit, args)?);
    }
    match all.is_empty() {
        true => Err("nothing of it takes any time, so there is nothing to replay".to_owned()),
        false => Ok(all),
    }
}

/// The settings of a class, without its sizes.
fn one(row: &Row, args: &Replay) -> Result<Settings, String> {
    let own_us = args.subtract.map_or(0, |own: Duration| own.as_micros());
    let own_us = u64::try_from(own_us).unwrap_or(u64::MAX);
    let percentiles = row.percentiles_without(own_us)?;
    let mut settings = Settings {
        enabled: true,
        values: Vec::new(),
    };
    let op = (row.op != ANY).then_some((Name::Op, &*row.op));
    let texts = [
        (Name::Device, args.device.as_str()),
        (Name::Percentiles, &percentiles),
    ];
    for (name, text) in texts.into_iter().chain(op) {
        set(&mut settings, name, attribute(name).parse(text)?);
    }
    if row.lanes > 0 {
        let lanes = attribute(Name::Lanes).parse(&row.lanes.to_string())?;
        set(&mut settings, Name::Lanes, lanes);
    }
    end(&mut settings, args);
    Ok(settings)
}

/// The settings that limit all I/O.
fn limited(limit: &Limit, args: &Replay) -> Result<Vec<Settings>, String> {
    let mut all = Vec::new();
    let Limit {
        iops,
        bytes_per_second,
    } = *limit;
    let rates = [
        (iops > 0).then(|| (Name::Quota, even(iops))),
        (bytes_per_second > 0).then(|| {
            let rate = Rate::of_bytes(&format!("{bytes_per_second}B/s"));
            (Name::BytesQuota, rate)
        }),
    ];
    for (name, rate) in rates.into_iter().flatten() {
        let rate = rate?;
        let mut settings = Settings {
            enabled: true,
            values: Vec::new(),
        };
        let device = attribute(Name::Device).parse(&args.device)?;
        set(&mut settings, Name::Device, device);
        set(&mut settings, Name::PeriodUs, rate.period);
        set(&mut settings, name, rate.quota);
        end(&mut settings, args);
        all.push(settings);
    }
    Ok(all)
}

/// A number of I/Os a second, in the shortest period in which the number is nearly whole.
fn even(iops: u64) -> Result<Rate, String> {
    /// The periods: shorter ones are more even.
    const PERIODS_MS: [u64; 4] = [10, 20, 50, 100];
    if iops > u64::from(u32::MAX) {
        return Err(format!(
            "a limit of {iops} I/Os a second is too much: at most {}",
            u32::MAX
        ));
    }
    let is_near = |ms: &u64| {
        let quota = (iops * ms + 500) / 1_000;
        quota > 0 && (quota * 1_000).abs_diff(iops * ms) * 200 <= iops * ms
    };
    match PERIODS_MS.into_iter().find(is_near) {
        Some(ms) => Rate::parse(&format!("{}/{ms}ms", (iops * ms + 500) / 1_000)),
        None => Rate::parse(&format!("{iops}/s")),
    }
}

fn end(settings: &mut Settings, args: &Replay) {
    if let Some(length) = args.length {
        let ms = u64::try_from(length.as_millis()).unwrap_or(u64::MAX);
        set(settings, Name::DurationMs, Value::Number(ms));
    }
}

fn set(settings: &mut Settings, name: Name, value: Value) {
    settings.set(name, value);
}
