// SPDX-License-Identifier: GPL-2.0-only

//! Disks of all kinds, and loads that write to them and verify the data for as long as the torture
//! lasts.

use super::actions::Counts;
use crate::{
    disk::{self, Disk, Kind},
    fio::Fio,
    process::Cgroup,
    sys,
};
use anyhow::{Context, Result, bail, ensure};
use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
};

/// All disks under torture.
pub(super) struct Rigs {
    /// Names of the disks.
    names: Vec<String>,
    /// Directories with a mounted file system.
    mounts: Vec<String>,
    loops: Vec<String>,
    /// The loads, with the names of their disks or files.
    loads: Vec<(String, JoinHandle<()>)>,
    failure: Arc<Mutex<Option<anyhow::Error>>>,
    null_disks: Vec<Disk>,
    cgroups: Vec<Cgroup>,
}

/// The state of a load's thread.
#[derive(Clone)]
struct Shared {
    counts: Arc<Counts>,
    stop: Arc<AtomicBool>,
    failure: Arc<Mutex<Option<anyhow::Error>>>,
    seed: u64,
    /// The part of a raw disk that a round writes and verifies. fio's start takes seconds on a
    /// kernel with sanitizers, and the run's end waits for the end of the round.
    size: &'static str,
}

/// A disk that keeps written data.
fn memory() -> Kind {
    Kind {
        hw_queues: 2,
        memory: true,
        ..Kind::default()
    }
}

/// fio's options for I/O that it verifies: its sizes, the number at once and the amount in a round;
/// the cheapest way, where there is to be much of it.
const PAGES: &[&str] = &[
    "--bs=4k",
    "--iodepth=64",
    "--iodepth_batch_submit=16",
    "--iodepth_batch_complete_min=8",
    "--size=16m",
];
const SMALL: &[&str] = &[
    "--bs=512",
    "--iodepth=256",
    "--iodepth_batch_submit=128",
    "--iodepth_batch_complete_min=128",
    "--ioengine=io_uring",
    "--registerfiles",
    "--fixedbufs",
];

/// Makes the disks of a load, and starts it.
type Start = fn(&mut Rigs, &Shared) -> Result<()>;

/// All loads, with their names.
const LOADS: &[(&str, Start)] = &[
    ("raw 1", Rigs::raw),
    ("raw 2", Rigs::raw),
    ("ext4", Rigs::ext4),
    ("xfs", Rigs::xfs),
    ("btrfs", Rigs::btrfs),
    ("virtio", Rigs::virtio),
];

impl Rigs {
    /// Makes the disks and file systems that the words select, and starts their loads.
    pub(super) fn start(
        seed: u64,
        counts: &Arc<Counts>,
        stop: &Arc<AtomicBool>,
        long: bool,
        wanted: &dyn Fn(&str) -> bool,
    ) -> Result<Self> {
        let mut rigs = Self {
            names: Vec::new(),
            mounts: Vec::new(),
            loops: Vec::new(),
            loads: Vec::new(),
            failure: Arc::default(),
            null_disks: Vec::new(),
            cgroups: vec![Cgroup::new("one")?, Cgroup::new("two")?],
        };
        let context = Shared {
            counts: Arc::clone(counts),
            stop: Arc::clone(stop),
            failure: Arc::clone(&rigs.failure),
            seed,
            size: if long { "--size=16m" } else { "--size=2m" },
        };
        for (name, load) in LOADS {
            if wanted(name) {
                load(&mut rigs, &context).with_context(|| format!("the load '{name}'"))?;
            }
        }
        for name in &rigs.names {
            sys::write(format!("/sys/block/{name}/queue/scheduler"), "ioem")
                .with_context(|| format!("switching {name}"))?;
        }
        Ok(rigs)
    }

    /// Small blocks on a disk that costs nearly nothing: most of the I/O of a run.
    fn raw(&mut self, context: &Shared) -> Result<()> {
        let raw = self.null_disk(&Kind {
            queue_depth: 512,
            ..memory()
        })?;
        self.verify(context, 0, &format!("/dev/{raw}"), SMALL);
        Ok(())
    }

    fn ext4(&mut self, context: &Shared) -> Result<()> {
        let disk = self.null_disk(&Kind {
            cache: true,
            ..memory()
        })?;
        let ext4 = self.file_system("ext4", &["mkfs.ext4", "-q"], &format!("/dev/{disk}"))?;
        self.verify(context, 1, &format!("{ext4}/verified"), PAGES);
        self.exercise(context, 0, &ext4);
        Ok(())
    }

    fn xfs(&mut self, context: &Shared) -> Result<()> {
        let scsi = disk::scsi(&["dev_size_mb=400", "max_queue=64"])?;
        self.names.push(scsi.clone());
        let xfs = self.file_system("xfs", sys::mkfs_xfs()?, &format!("/dev/{scsi}"))?;
        self.exercise(context, 1, &xfs);
        Ok(())
    }

    fn btrfs(&mut self, context: &Shared) -> Result<()> {
        let file = loop_disk()?;
        self.loops.push(format!("/dev/{file}"));
        self.names.push(file.clone());
        let device = format!("/dev/{file}");
        let btrfs = self.file_system("btrfs", &["mkfs.btrfs", "-q", "-f"], &device)?;
        self.exercise(context, 0, &btrfs);
        Ok(())
    }

    fn virtio(&mut self, context: &Shared) -> Result<()> {
        if Path::new("/sys/block/vda").exists() {
            self.names.push("vda".to_owned());
            self.verify(context, 1, "/dev/vda", PAGES);
        }
        Ok(())
    }

    fn null_disk(&mut self, kind: &Kind) -> Result<String> {
        let disk = Disk::new(kind)?;
        let name = disk.name().to_owned();
        self.null_disks.push(disk);
        self.names.push(name.clone());
        Ok(name)
    }

    fn file_system(&mut self, kind: &str, make: &[&str], device: &str) -> Result<String> {
        let point = format!("/tmp/{kind}");
        fs::create_dir_all(&point)?;
        sys::run(&[make, &[device]].concat())?;
        sys::run(&["mount", "-t", kind, device, &point])?;
        self.mounts.push(point.clone());
        Ok(point)
    }

    /// Names of all disks.
    pub(super) fn disks(&self) -> Vec<String> {
        self.names.clone()
    }

    /// The number of sectors that loads have read and written on all disks.
    pub(super) fn sectors(&self) -> Result<u64> {
        self.names.iter().try_fold(0, |sum, name| {
            let text = sys::read(format!("/sys/block/{name}/stat"))?;
            let fields: Vec<u64> = text.split_whitespace().flat_map(str::parse).collect();
            ensure!(fields.len() > 6, "no statistics of {name}: {text}");
            Ok(sum + fields[2] + fields[6])
        })
    }

    /// The loads that have not ended.
    pub(super) fn unfinished(&self) -> impl Iterator<Item = &str> {
        let unfinished = self.loads.iter().filter(|(_, load)| !load.is_finished());
        unfinished.map(|(name, _)| name.as_str())
    }

    /// Whether some load has failed.
    pub(super) fn check(&self) -> Result<()> {
        match self.failure.lock().map(|mut failure| failure.take()) {
            Ok(None) => Ok(()),
            Ok(Some(failure)) => Err(failure),
            Err(_) => bail!("a load has panicked"),
        }
    }

    /// Writes and verifies `file` again and again.
    fn verify(
        &mut self,
        context: &Shared,
        cgroup: usize,
        file: &str,
        shape: &'static [&'static str],
    ) {
        let (file, words) = (file.to_owned(), self.cgroups[cgroup].enter());
        let own = context.clone();
        self.run(file.clone(), context, move || {
            verify(&own, &words, &file, shape)
        });
    }

    /// Runs fsx on a file in `folder` again and again.
    fn exercise(&mut self, context: &Shared, cgroup: usize, folder: &str) {
        let (file, words) = (format!("{folder}/fsx"), self.cgroups[cgroup].enter());
        let own = context.clone();
        self.run(file.clone(), context, move || exercise(&own, &words, &file));
    }

    fn run(
        &mut self,
        name: String,
        context: &Shared,
        work: impl FnOnce() -> Result<()> + Send + 'static,
    ) {
        let failure = Arc::clone(&context.failure);
        let load = thread::spawn(move || {
            if let (Err(error), Ok(mut failure)) = (work(), failure.lock()) {
                failure.get_or_insert(error);
            }
        });
        self.loads.push((name, load));
    }

    /// Waits for all loads, which end soon after the signal to stop, and checks the file systems.
    pub(super) fn finish(mut self) -> Result<()> {
        for (_, load) in self.loads.drain(..) {
            if load.join().is_err() {
                bail!("a load has panicked");
            }
        }
        self.check()?;
        for point in &self.mounts {
            let device = sys::run(&["sh", "-c", &format!("grep ' {point} ' /proc/mounts")])?;
            let device = device.split(' ').next().unwrap_or_default().to_owned();
            sys::run(&["umount", point])?;
            if point.ends_with("ext4") {
                sys::run(&["fsck.ext4", "-f", "-n", &device])?;
            } else {
                // A mount reads the log and the trees of the file system.
                sys::run(&["mount", &device, point])?;
                sys::run(&["umount", point])?;
            }
        }
        for name in &self.names {
            sys::write(format!("/sys/block/{name}/queue/scheduler"), "none")?;
        }
        for device in &self.loops {
            sys::run(&["losetup", "-d", device])?;
        }
        Ok(())
    }
}

/// A loop device over a file in memory.
fn loop_disk() -> Result<String> {
    let file = "/tmp/backing";
    fs::File::create(file)?.set_len(256 << 20)?;
    let device = sys::run(&["losetup", "-f"])?.trim().to_owned();
    sys::run(&["losetup", &device, file])?;
    Ok(device.trim_start_matches("/dev/").to_owned())
}

fn verify(context: &Shared, before: &[String], file: &str, shape: &[&str]) -> Result<()> {
    let before: Vec<&str> = before.iter().map(String::as_str).collect();
    let mut round = context.seed;
    while !context.stop.load(Ordering::Relaxed) {
        round = round.wrapping_add(1);
        let engine = ["--ioengine=io_uring", "--ioengine=libaio"][(round % 2) as usize];
        let randseed = format!("--randseed={}", round & 0xffff_ffff);
        let options = [
            "--rw=randwrite",
            "--direct=1",
            // Taking times takes time, and the torture does not use them.
            "--gtod_reduce=1",
            "--verify=crc32c",
            "--verify_fatal=1",
            "--do_verify=1",
            "--fallocate=none",
            engine,
            context.size,
            &randseed,
        ];
        let outcome = Fio::start_by(&before, file, &[&options[..], shape].concat())?.finish();
        let outcome = outcome.with_context(|| format!("verifying {file}"))?;
        ensure!(outcome.errors()? == 0.0, "fio has met errors on {file}");
        // fio has read every write again and compared it, and both are I/Os.
        let verified = outcome.total_ios()? as u64;
        context
            .counts
            .verified
            .fetch_add(verified, Ordering::Relaxed);
    }
    Ok(())
}

fn exercise(context: &Shared, before: &[String], file: &str) -> Result<()> {
    let mut round = context.seed;
    while !context.stop.load(Ordering::Relaxed) {
        round = round.wrapping_add(1);
        let mut child = fsx(before, file, round)?;
        let status = child.wait()?;
        ensure!(status.success(), "fsx -S {round} {file}: {status}");
        context.counts.fsx.fetch_add(FSX_STEPS, Ordering::Relaxed);
    }
    Ok(())
}

/// The number of operations in one run of fsx.
const FSX_STEPS: u64 = 300;

fn fsx(before: &[String], file: &str, seed: u64) -> Result<Child> {
    let _ = fs::remove_file(file);
    Command::new(&before[0])
        .args(&before[1..])
        .args(["fsx", "-q", "-P", "/tmp", "-N", &FSX_STEPS.to_string()])
        .args(["-S", &(seed & 0xffff_ffff).to_string(), file])
        .stdout(Stdio::null())
        .stdin(Stdio::null())
        .spawn()
        .context("starting fsx")
}
