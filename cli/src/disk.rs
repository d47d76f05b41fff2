// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! A disk that can have a scheduler: how it is found, and how its scheduler is read and set.

use crate::{
    error::{Exit, failure},
    interface::{LOAD, Roots, read, try_read},
    step::Step,
};
use anyhow::Result;
use rustix::io::Errno;
use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};
use walkdir::WalkDir;

/// The scheduler's name.
pub(crate) const IOEM: &str = "ioem";

/// How long a device may be busy: the kernel answers EBUSY while it changes the number of hardware queues.
const PATIENCE: Duration = Duration::from_secs(2);

/// The active one of what the file `queue/scheduler` says, such as `none mq-deadline [kyber]`; `None` if the device can have no
/// scheduler, of which the kernel says `none` without brackets.
fn active(text: &str) -> Option<&str> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let bracketed = words
        .iter()
        .find_map(|word| word.strip_prefix('[')?.strip_suffix(']'));
    match (bracketed, words.as_slice()) {
        (Some(active), _) => Some(active),
        // A folder that stands in for sysfs says what was written last.
        (None, [only]) if *only != "none" => Some(only),
        _ => None,
    }
}

/// The scheduler of the disk that sysfs calls `name`, if it can have any.
pub(crate) fn active_scheduler(roots: &Roots, name: &str) -> Option<String> {
    let text = try_read(&scheduler_of(roots, name)).ok()?;
    active(&text).map(str::to_owned)
}

/// A disk that can have a scheduler.
#[derive(Debug)]
pub(crate) struct Disk {
    /// What sysfs calls it.
    pub(crate) name: String,
    /// Where its scheduler is read and set.
    scheduler: PathBuf,
    /// Where the scheduler is remembered that it had before ioem.
    pub(crate) memory: PathBuf,
    /// The scheduler that it has.
    pub(crate) active: String,
}

impl Disk {
    /// The disk that `device` names by its node, a link to it, a partition, or its name in sysfs.
    pub(crate) fn find(roots: &Roots, device: &Path) -> Result<Self> {
        let name = name_in_sysfs(roots, device)?;
        let unknown = || {
            failure(
                Exit::Name,
                format!(
                    "there is no block device {}; `lsblk` shows those there are",
                    device.display()
                ),
            )
        };
        let class =
            fs::canonicalize(roots.sysfs.join("class/block").join(&name)).map_err(|_| unknown())?;
        // A partition is a directory within its disk's.
        let directory = match class.parent() {
            Some(disk) if class.join("partition").exists() => disk,
            _ => &class,
        };
        let name = directory.file_name().ok_or_else(unknown)?.to_string_lossy();
        Self::named(roots, &name)
    }

    /// The disk that sysfs calls `name`.
    fn named(roots: &Roots, name: &str) -> Result<Self> {
        let scheduler = scheduler_of(roots, name);
        let no_queue = || {
            let below = below(roots, name);
            let next = if below.is_empty() {
                "choose a disk that has a directory /sys/block/DISK/mq".to_owned()
            } else {
                format!("attach what is below it: {}", below.join(" "))
            };
            failure(
                Exit::Name,
                format!("{name} has no blk-mq queue, and so no I/O scheduler; {next}"),
            )
        };
        if !scheduler.exists() {
            return Err(no_queue());
        }
        let text = read(&scheduler)?;
        let active = active(&text).ok_or_else(no_queue)?.to_owned();
        Ok(Self {
            name: name.to_owned(),
            scheduler,
            memory: roots.state.join(name),
            active,
        })
    }

    fn set(&self, scheduler: &str) -> Step {
        Step::Set {
            file: self.scheduler.clone(),
            value: scheduler.to_owned(),
        }
    }

    /// The steps to ioem.
    pub(crate) fn attach_steps(&self, roots: &Roots) -> Vec<Step> {
        vec![
            Step::MakeParents(roots.state.clone()),
            Step::Save {
                file: self.memory.clone(),
                value: self.active.clone(),
            },
            self.set(IOEM),
        ]
    }

    /// The steps back to `scheduler`.
    pub(crate) fn detach_steps(&self, scheduler: &str) -> Vec<Step> {
        let mut steps = vec![self.set(scheduler)];
        if self.memory.exists() {
            steps.push(Step::RemoveFile(self.memory.clone()));
        }
        steps
    }

    /// Takes steps that end with the disk on `scheduler`, and makes sure that they do.
    pub(crate) fn switch(&self, steps: &[Step], scheduler: &str) -> Result<()> {
        for step in steps {
            step.run_patiently(PATIENCE)
                .map_err(|error| self.refused(step, scheduler, &error))?;
        }
        let text = read(&self.scheduler)?;
        // A folder that stands in for sysfs says just what was written, `none` without brackets included.
        if active(&text) == Some(scheduler) || text == scheduler {
            return Ok(());
        }
        Err(failure(
            Exit::Failure,
            format!(
                "{} was switched to {scheduler}, but says \"{text}\"; did something else, such as a \
                 udev rule, switch it back?",
                self.name
            ),
        ))
    }

    fn refused(&self, step: &Step, scheduler: &str, error: &io::Error) -> anyhow::Error {
        let is_switch = *step == self.set(scheduler);
        match error.raw_os_error().map(Errno::from_raw_os_error) {
            Some(Errno::INVAL) if is_switch && scheduler == IOEM => failure(
                Exit::Unavailable,
                format!(
                    "cannot switch {} to ioem, which this kernel does not know: the module \
                     chaos_driver is not loaded; {LOAD}",
                    self.name
                ),
            ),
            Some(Errno::INVAL) if is_switch => failure(
                Exit::Failure,
                format!(
                    "cannot switch {} back to {scheduler}, which this kernel does not know any \
                     more; choose another: echo none > {}",
                    self.name,
                    self.scheduler.display()
                ),
            ),
            Some(Errno::BUSY) => failure(
                Exit::Failure,
                format!(
                    "{} stayed busy for {} s, so it could not be switched to {scheduler}; try again",
                    self.name,
                    PATIENCE.as_secs()
                ),
            ),
            _ => step.refused(error),
        }
    }
}

fn scheduler_of(roots: &Roots, disk: &str) -> PathBuf {
    roots.sysfs.join("block").join(disk).join("queue/scheduler")
}

/// The scheduler that a disk had before ioem: the one word of its memory. Anything else did not come from us.
pub(crate) fn remembered(memory: &Path) -> Option<String> {
    let text = try_read(memory).ok()?;
    let sound = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    (!text.is_empty() && text.chars().all(sound)).then_some(text)
}

/// The disks that a stacked device is made of.
fn below(roots: &Roots, name: &str) -> Vec<String> {
    WalkDir::new(roots.sysfs.join("block").join(name).join("slaves"))
        .min_depth(1)
        .max_depth(1)
        .sort_by_file_name()
        .into_iter()
        .filter_map(|entry| Some(entry.ok()?.file_name().to_str()?.to_owned()))
        .collect()
}

/// What sysfs calls a device that is named by a path or by its name there.
fn name_in_sysfs(roots: &Roots, device: &Path) -> Result<String> {
    let wrong = |why: String| failure(Exit::Name, why);
    let shown = device.display();
    let name = if device.components().count() == 1 && !device.has_root() {
        device.to_owned()
    } else {
        let dev = fs::canonicalize(&roots.dev).unwrap_or_else(|_| roots.dev.clone());
        let node = fs::canonicalize(device).map_err(|error| {
            wrong(format!(
                "there is no device {shown}: {error}; `lsblk` shows those there are"
            ))
        })?;
        node.strip_prefix(&dev)
            .map_err(|_| {
                wrong(format!(
                    "{shown} is no device: it is not in {}; name a disk such as /dev/sda",
                    dev.display()
                ))
            })?
            .to_owned()
    };
    match name.to_str() {
        // `cciss/c0d0` in /dev is `cciss!c0d0` in sysfs.
        Some(name) if !["", ".", ".."].contains(&name) => Ok(name.replace('/', "!")),
        _ => Err(wrong(format!(
            "{shown} is no device; name a disk such as /dev/sda or sda"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedulers_are_read_as_the_kernel_writes_them() {
        assert_eq!(active("none mq-deadline [kyber]\n"), Some("kyber"));
        assert_eq!(active("[none] mq-deadline"), Some("none"));
        assert_eq!(active("[none]"), Some("none"));
        assert_eq!(active("ioem\n"), Some("ioem"));
        assert_eq!(active("none\n"), None);
        assert_eq!(active(""), None);
        assert_eq!(active("none mq-deadline"), None);
    }

    #[test]
    fn a_memory_is_one_plain_word() {
        let folder = tempfile::tempdir().unwrap();
        let memory = folder.path().join("vda");
        assert_eq!(remembered(&memory), None);
        for (text, expected) in [
            ("mq-deadline\n", Some("mq-deadline")),
            ("", None),
            ("a; b", None),
        ] {
            fs::write(&memory, text).unwrap();
            assert_eq!(remembered(&memory).as_deref(), expected, "{text}");
        }
    }
}
