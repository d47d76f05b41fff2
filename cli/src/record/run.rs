// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! `kchaos record`: traces a disk for a while, and writes its profile.

use super::{
    build::{groups, profile},
    disk::Traced,
    instance::{Instance, Look, monotonic_ns},
    measure::Measured,
    output::Files,
    pairs::Odd,
    table::table,
};
use crate::{
    args::Record,
    error::{Exit, all_of, failure, note, unless_closed},
    inject::command::{Signals, killed_by},
    interface::units::{grouped, show_microseconds},
    system::Roots,
};
use anyhow::Result;
use rustix::process::setpriority_process;
use std::{
    io::Write,
    thread::sleep,
    time::{Duration, Instant, SystemTime},
};

/// The time between two looks at the trace.
const LOOK: Duration = Duration::from_millis(100);

/// The priority of the reader, beside the 0 of other programs.
const NICE: i32 = 10;

/// The events that wait for their measurement before it begins, in some 50 MB.
const EVENTS: usize = 1 << 20;

/// Looks whose events are not measured yet. The measurement takes longer than the look, so it comes
/// when the load is over, or when there are many events.
#[derive(Default)]
struct Behind {
    looks: Vec<Look>,
    events: usize,
}

impl Behind {
    fn add(&mut self, look: Look, measured: &mut Measured) {
        self.events += look.events.len();
        self.looks.push(look);
        if self.events >= EVENTS {
            self.measure(measured);
        }
    }

    fn measure(&mut self, measured: &mut Measured) {
        for look in self.looks.drain(..) {
            measured.take(&look.events, look.missed);
        }
        self.events = 0;
    }
}

/// Records a disk, and returns the exit code.
///
/// # Errors
///
/// If there is no such disk, the kernel has no such trace, or a file cannot be written.
pub(super) fn record(roots: &Roots, args: &Record, out: &mut dyn Write) -> Result<u8> {
    let disk = Traced::find(roots, &args.device)?;
    let files = Files::open(&disk.name, args)?;
    // From now on, no signal ends kchaos before it has cleaned up.
    let mut signals = Signals::new()?;
    let recorded = SystemTime::now();
    let mut instance = Instance::start(roots, &disk)?;
    let begun_ns = monotonic_ns();
    note(&format!(
        "recording {} for {}; Ctrl-C ends it early",
        disk.name,
        show_microseconds(u64::try_from(args.length.as_micros()).unwrap_or(u64::MAX))
    ));
    // The disk's users come first. A buffer has room for some seconds of most disks.
    let _ = setpriority_process(None, NICE);
    let begun = Instant::now();
    let (mut measured, mut behind) = (Measured::default(), Behind::default());
    let mut signal = None;
    while let Some(left) = args.length.checked_sub(begun.elapsed()) {
        signal = signals.come();
        if signal.is_some() {
            break;
        }
        sleep(left.min(LOOK));
        behind.add(instance.look()?, &mut measured);
    }
    let length = Duration::from_nanos(monotonic_ns().saturating_sub(begun_ns));
    let (look, lost) = instance.stop()?;
    behind.add(look, &mut measured);
    behind.measure(&mut measured);
    let odd = measured.end();
    tell(odd, lost);
    let groups = groups(&measured);
    if groups.is_empty() {
        drop(files);
        let message = format!(
            "{} has served no I/O meanwhile, so there is nothing to write; record it while it works",
            disk.name
        );
        return match signal {
            Some(signal) => {
                note(&message);
                Ok(killed_by(signal))
            }
            None => Err(failure(Exit::Failure, message)),
        };
    }
    let mut profile = profile(&measured, &groups, length);
    if measured.is_cut && profile.classes.iter().any(|row| row.lanes > 0) {
        note(&format!(
            "the lanes, and the times from the moment at which an I/O has one, are of the first {} \
             I/Os",
            grouped(measured.kept.len() as u64)
        ));
    }
    profile.device.clone_from(&disk.name);
    profile.recorded = humantime::format_rfc3339_seconds(recorded).to_string();
    profile.lost_events = lost;
    let table = table(&disk.name, &groups, length, measured.most_depth);
    let printed = out.write_all(table.as_bytes());
    all_of(files.write(&profile, &groups))?;
    // The exit code of a signal stays, even if the reader of the table has gone.
    unless_closed(printed)?;
    Ok(signal.map_or(0, killed_by))
}

/// Says what the figures lack.
fn tell(odd: Odd, lost: u64) {
    let say = |count: u64, what: &str| {
        if count > 0 {
            note(&format!("{} {what}", grouped(count)));
        }
    };
    say(
        lost,
        "events were lost, as kchaos had not got enough of the processor to read them: some I/Os \
         are missing in the figures",
    );
    say(
        odd.begun_before,
        "I/Os that had begun before are not in the figures",
    );
    say(
        odd.unfinished,
        "I/Os that had not ended are not in the figures",
    );
    say(
        odd.requeued,
        "times, the driver of the disk handed a request back; such a request counts from its first \
         issue",
    );
}
