// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! A disk that can have a scheduler: the search for it, and reading and setting its scheduler.

use super::{
    IOEM, LOAD, Roots,
    files::{names, read, try_read},
    saved::{Saved, diskseq, is_other},
    step::Step,
};
use crate::error::{Exit, failure, joined};
use anyhow::Result;
use rustix::io::Errno;
use std::{io, path::PathBuf, time::Duration};

/// The time for which a device may be busy: the kernel answers EBUSY while it changes the number of
/// hardware queues.
const PATIENCE: Duration = Duration::from_secs(2);

/// The active scheduler in the text of the file `queue/scheduler`, such as `none [kyber] bfq`. A
/// device that can have no scheduler has `none` without brackets.
pub(crate) fn active(text: &str) -> Option<&str> {
    text.split_whitespace()
        .find_map(|word| word.strip_prefix('[')?.strip_suffix(']'))
}

/// Whether ioem is among the schedulers that the file `queue/scheduler` names.
fn names_ioem(text: &str) -> bool {
    text.split([' ', '[', ']']).any(|word| word == IOEM)
}

/// The scheduler of the disk that sysfs calls `name`, if it can have any.
pub(crate) fn active_scheduler(roots: &Roots, name: &str) -> Option<String> {
    let text = try_read(&scheduler_of(roots, name)).ok()?;
    active(&text).map(str::to_owned)
}

/// A disk that can have a scheduler.
#[derive(Clone, Debug)]
pub(crate) struct Disk {
    /// The name in sysfs.
    pub(crate) name: String,
    /// The file of its scheduler.
    pub(crate) scheduler: PathBuf,
    /// The file of its number of requests.
    requests_file: PathBuf,
    /// The file that keeps its state before ioem.
    pub(crate) saved_file: PathBuf,
    /// Its scheduler.
    pub(crate) active: String,
    /// Whether the kernel says that it can have ioem.
    pub(crate) can_have_ioem: bool,
    /// The number of requests that it can have.
    pub(crate) requests: Option<u64>,
    /// The number that no other disk has.
    pub(crate) diskseq: Option<u64>,
    /// Its directory, as long as no other disk has the name.
    directory: PathBuf,
}

impl Disk {
    /// The disk that sysfs calls `name`.
    pub(crate) fn named(roots: &Roots, name: &str) -> Result<Self> {
        let scheduler = scheduler_of(roots, name);
        let no_queue = || {
            failure(
                Exit::Name,
                format!(
                    "{name} has no blk-mq queue, and so no I/O scheduler, and kchaos knows of no disk \
                     below it; choose a disk that has a directory /sys/block/DISK/mq"
                ),
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
            requests_file: requests_file(roots, name),
            saved_file: roots.saved(name),
            active,
            can_have_ioem: names_ioem(&text),
            requests: requests(roots, name),
            diskseq: diskseq(&roots.disk(name)),
            directory: roots.disk(name),
        })
    }

    /// The disk that sysfs calls `name`, if it is still the one that had this number.
    pub(crate) fn still(roots: &Roots, name: &str, before: Option<u64>) -> Result<Self> {
        let disk = Self::named(roots, name)?;
        let is_same = before.is_none() || disk.diskseq.is_none() || before == disk.diskseq;
        if is_same {
            Ok(disk)
        } else {
            Err(another(name))
        }
    }

    /// Checks that no other disk has the name by now.
    fn check(&self) -> io::Result<()> {
        match is_other(&self.directory, self.diskseq) {
            true => Err(Errno::NODEV.into()),
            false => Ok(()),
        }
    }

    fn set(&self, scheduler: &str) -> Step {
        Step::Set {
            file: self.scheduler.clone(),
            value: scheduler.to_owned(),
        }
    }

    fn set_requests(&self, requests: u64) -> Step {
        Step::Set {
            file: self.requests_file.clone(),
            value: requests.to_string(),
        }
    }

    /// The state of the disk, to be given back later. The kernel gives each scheduler a number of
    /// requests of its own, so that a switch loses the number that a user chose.
    pub(crate) fn now(&self) -> Saved {
        Saved {
            scheduler: self.active.clone(),
            requests: self.requests,
            diskseq: self.diskseq,
            auto: false,
            back: false,
        }
    }

    /// The step that saves a state.
    fn save(&self, saved: &Saved) -> Step {
        Step::Save {
            file: self.saved_file.clone(),
            value: saved.to_string(),
        }
    }

    /// The steps to ioem, and to this number of requests, until a user gives the disk back.
    pub(crate) fn attach_steps(&self, roots: &Roots, requests: Option<u64>) -> Vec<Step> {
        let mut steps = Vec::new();
        let save = self.attached(roots).map(|saved| self.save(&saved));
        if self.active == IOEM {
            steps.extend(save);
        } else {
            steps.push(Step::MakeParents(roots.state.clone()));
            steps.extend(save);
            steps.push(self.set(IOEM));
        }
        steps.extend(requests.map(|requests| self.set_requests(requests)));
        steps
    }

    /// The record that [`Disk::attach_steps`] saves; `None` if the record stays as it is.
    pub(crate) fn attached(&self, roots: &Roots) -> Option<Saved> {
        match self.active == IOEM {
            true => self.kept(roots),
            false => Some(self.now()),
        }
    }

    /// The steps to ioem, for as long as an injection needs that.
    pub(crate) fn auto_attach_steps(&self, roots: &Roots) -> Vec<Step> {
        let saved = Saved {
            auto: true,
            ..self.now()
        };
        vec![
            Step::MakeParents(roots.state.clone()),
            self.save(&saved),
            self.set(IOEM),
        ]
    }

    /// Whether kchaos gives the disk back by itself.
    pub(crate) fn is_auto(&self, roots: &Roots) -> bool {
        let saved = Saved::of(roots, &self.name).ok().flatten();
        saved.is_some_and(|saved| saved.auto)
    }

    /// The saved state of a disk on ioem that changes when a user attaches it. `None` if it
    /// stays as it is.
    fn kept(&self, roots: &Roots) -> Option<Saved> {
        let saved = Saved::of(roots, &self.name).ok().flatten()?;
        let kept = Saved {
            auto: false,
            back: false,
            ..saved.clone()
        };
        (kept != saved).then_some(kept)
    }

    /// The steps back to a saved state. If kchaos is killed between two of them, the next kchaos
    /// takes them again.
    pub(crate) fn detach_steps(&self, saved: &Saved) -> Vec<Step> {
        let mut steps = Vec::new();
        if saved.requests.is_some() && !saved.back {
            // Without that word, a disk that is not on ioem would have nothing to come back.
            let saved = Saved {
                back: true,
                ..saved.clone()
            };
            // A full file system must not keep the disk on ioem.
            steps.push(Step::Insure {
                file: self.saved_file.clone(),
                value: saved.to_string(),
            });
        }
        steps.push(self.set(&saved.scheduler));
        // Most schedulers begin with this number. Some kernels refuse it where a disk has fewer
        // than 4 tags, even if the disk has that number.
        steps.extend(saved.requests.map(|requests| Step::SetBack {
            file: self.requests_file.clone(),
            value: requests.to_string(),
        }));
        if self.saved_file.exists() {
            steps.push(Step::RemoveFile(self.saved_file.clone()));
        }
        steps
    }

    /// Whether the disk is still to get back this state, or the rest of it.
    pub(crate) fn lacks(&self, saved: &Saved) -> bool {
        self.active == IOEM || (saved.back && self.active == saved.scheduler)
    }

    /// The steps back for a disk that was on ioem already: its number of requests, and the file
    /// with the state before.
    pub(crate) fn lower_steps(&self, before: Option<&Saved>) -> Vec<Step> {
        let save = before.map(|saved| self.save(saved));
        let requests = self.requests.map(|requests| self.set_requests(requests));
        requests.into_iter().chain(save).collect()
    }

    /// Takes steps that end with the disk on `scheduler`, and makes sure that they do. Each of them
    /// makes sure that it is still this disk: while kchaos looks at the machine or waits, it can be
    /// pulled out, and another one gets its name.
    pub(crate) fn switch(&self, steps: &[Step], scheduler: &str) -> Result<()> {
        for step in steps {
            step.run_patiently(PATIENCE, || self.check())
                .map_err(|error| self.refused(step, scheduler, &error))?;
        }
        if self.check().is_err() && scheduler == IOEM {
            // A loop device has another file by now, and its scheduler stays with it.
            let back = self.set(&self.active);
            let undone = back.run().map_err(|error| back.refused(&error));
            return Err(joined(
                another(&self.name),
                undone.err().into_iter().collect(),
            ));
        }
        let text = read(&self.scheduler)?;
        if active(&text) == Some(scheduler) {
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
        let is_requests = match step {
            Step::Set { file, .. } | Step::SetBack { file, .. } => *file == self.requests_file,
            _ => false,
        };
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
            Some(Errno::INVAL) if is_requests => failure(
                Exit::Failure,
                format!(
                    "the kernel does not let {} have so many requests: {}; {}",
                    self.name,
                    step.refused(error),
                    if scheduler == IOEM {
                        "try fewer".to_owned()
                    } else {
                        format!(
                            "it is on {scheduler}; to leave it so: rm {}",
                            self.saved_file.display()
                        )
                    }
                ),
            ),
            Some(Errno::NODEV) => another(&self.name),
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

/// The failure for a name that another disk has by now.
fn another(name: &str) -> anyhow::Error {
    failure(
        Exit::Failure,
        format!(
            "{name} is gone, or another disk than it was when kchaos looked it up, so it stays as it \
             is; `lsblk` lists all disks: try again with the one that you mean"
        ),
    )
}

fn scheduler_of(roots: &Roots, disk: &str) -> PathBuf {
    roots.disk(disk).join("queue/scheduler")
}

fn requests_file(roots: &Roots, disk: &str) -> PathBuf {
    roots.disk(disk).join("queue/nr_requests")
}

/// The number of requests that each hardware queue of a disk can have, if it is known. Queues
/// that share their tags (`BLK_MQ_F_TAG_HCTX_SHARED`) have so many together, which sysfs does not
/// tell, so that a disk can have this number for sure, and with several queues maybe more.
pub(crate) fn requests(roots: &Roots, disk: &str) -> Option<u64> {
    try_read(&requests_file(roots, disk)).ok()?.parse().ok()
}

/// The number of hardware queues of a disk.
pub(crate) fn queues(roots: &Roots, disk: &str) -> u64 {
    names(&roots.disk(disk).join("mq")).len().max(1) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// It is pulled out while kchaos waits, and another one gets its name.
    #[test]
    fn another_disk_of_the_name_is_not_switched() {
        let folder = tempfile::tempdir().unwrap();
        let roots = Roots {
            sysfs: folder.path().join("sys"),
            state: folder.path().join("run"),
            ..Roots::from_environment()
        };
        let (directory, scheduler) = (roots.disk("vda"), scheduler_of(&roots, "vda"));
        std::fs::create_dir_all(directory.join("queue")).unwrap();
        std::fs::write(&scheduler, "[kyber]\n").unwrap();
        std::fs::write(directory.join("diskseq"), "9\n").unwrap();
        let disk = Disk::still(&roots, "vda", Some(9)).unwrap();
        std::fs::write(directory.join("diskseq"), "77\n").unwrap();
        let told = |error: anyhow::Error| error.to_string().contains("vda is gone, or another");
        assert!(told(Disk::still(&roots, "vda", Some(9)).unwrap_err()));
        for steps in [
            disk.attach_steps(&roots, Some(5)),
            disk.auto_attach_steps(&roots),
            disk.detach_steps(&disk.now()),
        ] {
            assert!(told(disk.switch(&steps, IOEM).unwrap_err()));
        }
        // It had the name until just before the write.
        let steps = [disk.set(IOEM)];
        steps[0].run().unwrap();
        assert!(told(disk.switch(&[], IOEM).unwrap_err()));
        assert!(read(&scheduler).unwrap().starts_with("kyber"));
        assert!(!roots.state.exists());
    }

    #[test]
    fn schedulers_are_read_as_the_kernel_writes_them() {
        assert_eq!(active("none mq-deadline [kyber]\n"), Some("kyber"));
        assert_eq!(active("[none] mq-deadline"), Some("none"));
        assert_eq!(active("[none]"), Some("none"));
        for text in ["ioem\n", "none\n"] {
            assert_eq!(active(text), None, "{text}");
        }
        assert_eq!(active(""), None);
        assert_eq!(active("none mq-deadline"), None);
        for text in ["ioem", "none ioem [kyber]", "none [ioem]"] {
            assert!(names_ioem(text), "{text}");
        }
        assert!(!names_ioem("none [kyber] ioem2"));
    }
}
