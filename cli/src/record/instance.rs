// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! A trace of one disk's requests, in an instance of its own in tracefs: the traces of others go on
//! undisturbed, and have none of these events.

use super::{
    disk::Traced,
    event::{Event, Step},
    pages::{Format, Pages},
};
use crate::{
    error::{Exit, failure, refused},
    system::{
        Roots,
        files::{names, read, try_read},
    },
};
use anyhow::Result;
use rustix::{
    fs::{Mode, OFlags, open},
    io::Errno,
    time::{ClockId, clock_gettime},
};
use std::{
    fs,
    io::{self, ErrorKind, Read},
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    process,
};

/// The beginning of the names of instances, before the number of their process.
const PREFIX: &str = "kchaos-";

/// The memory of all processors' buffers together.
const MEMORY_KIB: u64 = 131_072;

/// The memory of a processor's buffer: at some 130 bytes an I/O, the larger one has 60,000 I/Os.
const BUFFER_KIB: [u64; 2] = [256, 8_192];

/// The time in which an event that has its time is surely in the buffer.
const SETTLED_NS: u64 = 2_000_000;

/// The instance, which is removed when this is dropped.
#[derive(Debug)]
pub(super) struct Instance {
    directory: PathBuf,
    pages: Pages,
    buffers: Vec<OwnedFd>,
    page: Vec<u8>,
    /// Events that are not in order with those of other processors yet.
    waiting: Vec<Event>,
    /// Events that were dropped beside a gap.
    dropped: u64,
}

/// The events of a look.
#[derive(Debug, Default)]
pub(super) struct Look {
    /// The events, in the order of their times.
    pub(super) events: Vec<Event>,
    /// Whether events before these are missing.
    pub(super) missed: bool,
}

impl Instance {
    /// Begins to trace a disk.
    ///
    /// # Errors
    ///
    /// If tracefs is not there, or the kernel refuses; then nothing stays.
    pub(super) fn start(roots: &Roots, disk: &Traced) -> Result<Self> {
        let tracing = tracing(roots)?;
        remove_left(roots, &tracing);
        let directory = make(&tracing.join("instances"), process::id())?;
        let mut made = Made(Some(directory));
        let directory = made.0.clone().unwrap_or_default();
        let events = directory.join("events");
        let formats = Step::ALL.map(|step| {
            let file = events.join("block").join(step.name()).join("format");
            Format::read(step, &read(&file)?).map_err(unknown)
        });
        let formats = formats.into_iter().collect::<Result<Vec<_>>>()?;
        let header = header(&events.join("header_page"))?;
        let pages = Pages::new(&header, formats).map_err(unknown)?;
        let processors = processors(&directory);
        // It would have the kernel note the name of each task that gets a processor.
        let _ = fs::write(directory.join("options/record-cmd"), "0");
        // A tracepoint takes milliseconds to begin. All do so before the first event is kept: else
        // the disk would issue requests whose completions are not traced.
        let on = directory.join("tracing_on");
        set(&on, "0")?;
        set(&directory.join("trace_clock"), "mono")?;
        let kib = buffer_kib(online(roots).unwrap_or(processors.len() as u64));
        set(&directory.join("buffer_size_kb"), &kib.to_string())?;
        let mut buffers = Vec::new();
        for processor in &processors {
            let file = directory
                .join("per_cpu")
                .join(processor)
                .join("trace_pipe_raw");
            let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
            let opened = open(&file, flags, Mode::empty());
            buffers.push(opened.map_err(|error| refused("open", &file, &error.into()))?);
        }
        for step in Step::ALL {
            let event = events.join("block").join(step.name());
            set(&event.join("filter"), &disk.filter())?;
            set(&event.join("enable"), "1")?;
        }
        set(&on, "1")?;
        made.0 = None;
        Ok(Self {
            directory,
            page: vec![0; pages.size],
            pages,
            buffers,
            waiting: Vec::new(),
            dropped: 0,
        })
    }

    /// The events since the last look, but for those of the last moment.
    ///
    /// # Errors
    ///
    /// If the kernel refuses.
    pub(super) fn look(&mut self) -> Result<Look> {
        let until_ns = monotonic_ns().saturating_sub(SETTLED_NS);
        let missed = self.fill()?;
        let mut events = std::mem::take(&mut self.waiting);
        events.sort_by_key(|event| event.at_ns);
        let settled = events.partition_point(|event| event.at_ns <= until_ns);
        self.waiting = events.split_off(settled);
        Ok(Look { events, missed })
    }

    /// Ends the trace, and returns its last events, with the number of events that are missing
    /// since the beginning: the kernel has lost them, or they were dropped beside such ones.
    ///
    /// # Errors
    ///
    /// If the kernel refuses.
    pub(super) fn stop(mut self) -> Result<(Look, u64)> {
        set(&self.directory.join("tracing_on"), "0")?;
        let missed = self.fill()?;
        let mut events = std::mem::take(&mut self.waiting);
        events.sort_by_key(|event| event.at_ns);
        let lost = self.lost()? + self.dropped;
        Ok((Look { events, missed }, lost))
    }

    /// Takes all events out of the buffers, and returns whether some were lost. Then no event from
    /// before the end of the gap stays: the other event of its request may be a lost one.
    fn fill(&mut self) -> Result<bool> {
        let mut gap_ns = None;
        for buffer in &self.buffers {
            loop {
                match rustix::io::read(buffer, &mut self.page[..]) {
                    // A processor that has never been online has no buffer.
                    Ok(0) | Err(Errno::AGAIN | Errno::NODEV) => break,
                    Err(Errno::INTR) => {}
                    Ok(length) => {
                        let read = self.pages.read(&self.page[..length], &mut self.waiting);
                        gap_ns = gap_ns.max(read.gap_ns);
                        if read.broken {
                            return Err(unknown("a page of the trace is not as expected".into()));
                        }
                    }
                    Err(error) => {
                        let directory = self.directory.join("per_cpu");
                        return Err(refused("read", &directory, &error.into()));
                    }
                }
            }
        }
        if let Some(gap_ns) = gap_ns {
            self.dropped += drop_before(&mut self.waiting, gap_ns);
        }
        Ok(gap_ns.is_some())
    }

    fn lost(&self) -> Result<u64> {
        let mut lost = 0;
        for processor in processors(&self.directory) {
            let stats = self.directory.join("per_cpu").join(processor).join("stats");
            lost += lost_in(&read(&stats)?);
        }
        Ok(lost)
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        // The kernel keeps an instance of which a file is open.
        self.buffers.clear();
        remove(&self.directory);
    }
}

/// An instance that is not set up yet.
struct Made(Option<PathBuf>);

impl Drop for Made {
    fn drop(&mut self) {
        if let Some(directory) = &self.0 {
            remove(directory);
        }
    }
}

/// The next recording removes an instance that stays.
fn remove(directory: &Path) {
    let _ = fs::remove_dir(directory);
}

/// Makes the instance of a process. One with its name may have been left by another process with
/// this number, or be at work in another PID namespace.
fn make(instances: &Path, process: u32) -> Result<PathBuf> {
    /// More namespaces than have a process of the same number at work here.
    const MOST: u32 = 16;
    let mut place = 0;
    loop {
        let name = match place {
            0 => format!("{PREFIX}{process}"),
            _ => format!("{PREFIX}{process}-{place}"),
        };
        let directory = instances.join(name);
        let mut made = fs::create_dir(&directory);
        // The kernel refuses to remove one that is at work.
        if is_there(&made) && fs::remove_dir(&directory).is_ok() {
            made = fs::create_dir(&directory);
        }
        if !is_there(&made) || place == MOST {
            made.map_err(|error| refused("make", &directory, &error))?;
            return Ok(directory);
        }
        place += 1;
    }
}

fn is_there(made: &io::Result<()>) -> bool {
    made.as_ref()
        .is_err_and(|error| error.kind() == ErrorKind::AlreadyExists)
}

/// Removes the instances of recordings whose processes were killed.
pub(super) fn remove_all_left(roots: &Roots) {
    if let Ok(tracing) = tracing(roots) {
        remove_left(roots, &tracing);
    }
}

/// Removes instances whose processes were killed.
fn remove_left(roots: &Roots, tracing: &Path) {
    let instances = tracing.join("instances");
    for name in names(&instances) {
        let process = name.strip_prefix(PREFIX);
        let process = process.and_then(|process| process.split('-').next());
        let is_left = |process: &str| {
            process.parse::<u32>().is_ok()
                && roots.proc.join("self").exists()
                && !roots.proc.join(process).exists()
        };
        if process.is_some_and(is_left) {
            remove(&instances.join(name));
        }
    }
}

/// The directory of tracefs.
fn tracing(roots: &Roots) -> Result<PathBuf> {
    let older = roots.sysfs.join("kernel/debug/tracing");
    let places = [&roots.tracing, &older];
    let found = places
        .into_iter()
        .find(|place| place.join("instances").is_dir());
    let found = found.cloned().ok_or_else(|| {
        let tracing = roots.tracing.display();
        let why = match try_read(&roots.tracing.join("trace_clock")) {
            Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
                return refused("look into", &roots.tracing, &error);
            }
            _ => format!(
                "tracefs is not there: no directory {tracing}/instances; mount it with `mount -t \
                 tracefs none {tracing}`"
            ),
        };
        failure(Exit::Unavailable, why)
    })?;
    match found.join("events/block").is_dir() || !found.join("events").is_dir() {
        true => Ok(found),
        false => Err(failure(
            Exit::Unavailable,
            format!(
                "this kernel has no tracepoints of the block layer: no directory \
                 {}/events/block",
                found.display()
            ),
        )),
    }
}

/// The description of pages. The kernel gives it to the first read of the file alone.
fn header(file: &Path) -> Result<String> {
    let mut text = [0; 4_096];
    let read = fs::File::open(file).and_then(|mut opened| opened.read(&mut text));
    let length = read.map_err(|error| refused("read", file, &error))?;
    Ok(String::from_utf8_lossy(&text[..length]).into_owned())
}

/// The number of processors that are online: only these have buffers.
fn online(roots: &Roots) -> Option<u64> {
    let list = try_read(&roots.sysfs.join("devices/system/cpu/online")).ok()?;
    count_of(&list)
}

/// The number of processors in a list such as `0-3,8`.
fn count_of(list: &str) -> Option<u64> {
    let count = |range: &str| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let [first, last] = [first.parse::<u64>().ok()?, last.parse().ok()?];
        last.checked_sub(first).map(|more| more + 1)
    };
    list.trim().split(',').map(count).sum()
}

/// The memory of each buffer, if so many processors have one.
fn buffer_kib(processors: u64) -> u64 {
    let kib = MEMORY_KIB / processors.max(1);
    kib.clamp(BUFFER_KIB[0], BUFFER_KIB[1])
}

/// All possible processors. Some of them may not be online.
fn processors(directory: &Path) -> Vec<String> {
    let mut processors = names(&directory.join("per_cpu"));
    processors.retain(|name| name.starts_with("cpu"));
    processors
}

fn set(file: &Path, value: &str) -> Result<()> {
    let what = format!("write {value} to");
    fs::write(file, value).map_err(|error| refused(&what, file, &error))
}

/// The failure for a trace in another form than this program knows.
fn unknown(sentence: String) -> anyhow::Error {
    failure(Exit::Unavailable, sentence)
}

/// Drops the events before a time, and returns how many these are.
fn drop_before(events: &mut Vec<Event>, ns: u64) -> u64 {
    let before = events.len();
    events.retain(|event| event.at_ns >= ns);
    (before - events.len()) as u64
}

/// The events that a file `stats` of a processor counts as lost.
fn lost_in(stats: &str) -> u64 {
    const KEYS: [&str; 3] = ["overrun: ", "commit overrun: ", "dropped events: "];
    let lost = |line: &str| {
        let count = KEYS.iter().find_map(|key| line.strip_prefix(key));
        count.and_then(|count| count.trim().parse::<u64>().ok())
    };
    stats.lines().filter_map(lost).sum()
}

/// `CLOCK_MONOTONIC`, the clock of the trace.
pub(super) fn monotonic_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    let [seconds, ns] = [now.tv_sec, now.tv_nsec as i64].map(|part| part.unsigned_abs());
    seconds * 1_000_000_000 + ns
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{event::Operation, measure::Measured};

    #[test]
    fn lost_events_are_counted() {
        let stats = "entries: 120\noverrun: 7\ncommit overrun: 2\nbytes: 5420\n\
                     oldest event ts:  1.5\nnow ts:  2.5\ndropped events: 1\nread events: 90\n";
        assert_eq!(lost_in(stats), 10);
        assert_eq!(lost_in("overrun: 0\n"), 0);
    }

    #[test]
    fn nothing_from_before_a_gap_stays_at_the_disk() {
        let event = |step, at_ns, sector| Event {
            at_ns,
            step,
            operation: Operation::Read,
            sector,
            sectors: 8,
        };
        // The completion of the second request is lost, between 4 and 20.
        let mut events = vec![
            event(Step::Issue, 3, 0),
            event(Step::Issue, 4, 8),
            event(Step::Issue, 20, 16),
            event(Step::Complete, 30, 16),
            event(Step::Issue, 40, 8),
            event(Step::Complete, 41, 8),
        ];
        assert_eq!(drop_before(&mut events, 20), 2);
        let mut measured = Measured::default();
        measured.take(&[event(Step::Issue, 1, 64)], false);
        measured.take(&events, true);
        assert_eq!(measured.most_depth, 1);
        let times = measured.kept.iter().map(|io| (io.from_ns, io.until_ns));
        assert_eq!(times.collect::<Vec<_>>(), [(20, 30), (40, 41)]);
        assert_eq!(measured.end().unfinished, 1);
    }

    #[test]
    fn an_instance_of_the_same_name_is_replaced_or_passed_by() {
        let folder = tempfile::tempdir().unwrap();
        let [first, second] = ["kchaos-7", "kchaos-7-1"].map(|name| folder.path().join(name));
        assert_eq!(make(folder.path(), 7).unwrap(), first);
        // As nobody uses it, it is removed and made again.
        assert_eq!(make(folder.path(), 7).unwrap(), first);
        // A file in it stands for one that is at work.
        fs::write(first.join("busy"), "").unwrap();
        assert_eq!(make(folder.path(), 7).unwrap(), second);
        assert!(make(&folder.path().join("nosuch"), 7).is_err());
    }

    #[test]
    fn processors_that_are_online_share_the_memory() {
        for (list, count, kib) in [
            ("0\n", Some(1), 8_192),
            ("0-3,8", Some(5), 8_192),
            ("0-63", Some(64), 2_048),
            ("0-511,600-1023", Some(936), 256),
        ] {
            assert_eq!(count_of(list), count, "{list}");
            assert_eq!(buffer_kib(count.unwrap()), kib, "{list}");
        }
        for list in ["", "3-0", "a"] {
            assert_eq!(count_of(list), None, "{list}");
        }
    }
}
