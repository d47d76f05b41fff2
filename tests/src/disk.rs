// SPDX-License-Identifier: GPL-2.0-only

//! Disks to slow down: null_blk, which completes every I/O at once.

use crate::sys;
use anyhow::{Context, Result, bail};
use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
    thread::sleep,
    time::Duration,
};

/// A null_blk disk that is removed when dropped.
pub(crate) struct Disk {
    name: String,
    /// Its directory in configfs.
    config: PathBuf,
}

/// The kind of disk to make.
#[derive(Clone, Copy)]
pub(crate) struct Kind {
    pub(crate) hw_queues: u32,
    /// Keeps written data, so that a test can verify them.
    pub(crate) memory: bool,
    /// Has a volatile write cache and FUA.
    pub(crate) cache: bool,
    /// Has a volatile write cache and no FUA.
    pub(crate) flushed: bool,
    /// Can discard, if it has memory.
    pub(crate) discard: bool,
    /// Has zones of 16 MiB, which take writes from their beginning on, one zone at a time.
    pub(crate) zoned: bool,
    /// Has two partitions, of a half each, if it has memory.
    pub(crate) partitions: bool,
    pub(crate) queue_depth: u32,
    /// The time that the disk itself takes for an I/O, by a timer; 0 is none.
    pub(crate) completion_ns: u64,
    /// More of null_blk's attributes, or other values of the above.
    pub(crate) more: &'static [(&'static str, &'static str)],
}

impl Default for Kind {
    fn default() -> Self {
        Self {
            hw_queues: 1,
            memory: false,
            cache: false,
            flushed: false,
            discard: false,
            zoned: false,
            partitions: false,
            queue_depth: 128,
            completion_ns: 0,
            more: &[],
        }
    }
}

static NEXT: AtomicU32 = AtomicU32::new(0);

impl Disk {
    /// Makes a disk and switches it to ioem.
    pub(crate) fn on_ioem(kind: &Kind) -> Result<Self> {
        sys::load_module()?;
        let disk = Self::new(kind)?;
        disk.set_scheduler("ioem-mq")?;
        Ok(disk)
    }

    /// Makes a disk.
    pub(crate) fn new(kind: &Kind) -> Result<Self> {
        sys::run(&["modprobe", "null_blk", "nr_devices=0"])?;
        // A new number each time: no name of an earlier disk can be mistaken for this disk's.
        let name = format!("t{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let config = Path::new("/sys/kernel/config/nullb").join(&name);
        fs::create_dir(&config).with_context(|| format!("making {}", config.display()))?;
        let mut settings = vec![
            ("submit_queues", kind.hw_queues.to_string()),
            ("hw_queue_depth", kind.queue_depth.to_string()),
            (
                "irqmode",
                if kind.completion_ns > 0 { "2" } else { "0" }.to_owned(),
            ),
            ("completion_nsec", kind.completion_ns.to_string()),
            ("queue_mode", "2".to_owned()),
            ("size", if kind.memory { "256" } else { "16384" }.to_owned()),
            ("memory_backed", u8::from(kind.memory).to_string()),
        ];
        if kind.cache {
            settings.extend([("cache_size", "16".to_owned()), ("fua", "1".to_owned())]);
        }
        if kind.flushed {
            settings.extend([("cache_size", "16".to_owned()), ("fua", "0".to_owned())]);
        }
        if kind.zoned {
            settings.extend(["zoned", "rotational"].map(|name| (name, "1".to_owned())));
            settings.push(("zone_size", "16".to_owned()));
        }
        if kind.discard {
            settings.push(("discard", "1".to_owned()));
        }
        settings.extend(
            kind.more
                .iter()
                .map(|(name, value)| (*name, (*value).to_owned())),
        );
        // In older kernels, a cache always comes with FUA, and no disk is rotational.
        settings.retain(|(name, value)| {
            !matches!((*name, &**value), ("fua" | "rotational", "1")) || config.join(name).exists()
        });
        settings.push(("power", "1".to_owned()));
        for (attribute, value) in settings {
            sys::write(config.join(attribute), value)?;
        }
        let mut disk = Self { name, config };
        // Older kernels name a disk by its number.
        if !disk.attribute("").exists() {
            disk.name = format!("nullb{}", sys::read(disk.setting("index"))?);
        }
        if kind.partitions {
            make_partitions(&disk.path(), &sys::read(disk.attribute("size"))?)?;
        }
        Ok(disk)
    }

    /// Whether null_blk has an attribute: that of an older kernel lacks some.
    pub(crate) fn can_have(attribute: &str) -> Result<bool> {
        let disk = Self::new(&Kind::default())?;
        Ok(disk.setting(attribute).exists())
    }

    /// The name of the next disk.
    pub(crate) fn next_name() -> Result<String> {
        let disk = Self::new(&Kind::default())?;
        Ok(if disk.config.ends_with(&disk.name) {
            format!("t{}", NEXT.load(Ordering::Relaxed))
        } else {
            // The next disk gets the least free number.
            disk.name.clone()
        })
    }

    /// One of its attributes in configfs.
    pub(crate) fn setting(&self, attribute: &str) -> PathBuf {
        self.config.join(attribute)
    }

    /// Its name, as in sysfs.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Its device node.
    pub(crate) fn path(&self) -> String {
        format!("/dev/{}", self.name)
    }

    /// A file below `/sys/block/<disk>`.
    pub(crate) fn attribute(&self, file: &str) -> PathBuf {
        PathBuf::from("/sys/block").join(&self.name).join(file)
    }

    pub(crate) fn set_scheduler(&self, scheduler: &str) -> Result<()> {
        sys::write(self.attribute("queue/scheduler"), scheduler)
    }

    /// `major:minor` as one number, as traces have it.
    pub(crate) fn device(&self) -> Result<u32> {
        sys::device_number(self.attribute("dev"))
    }

    /// One of the numbers of `/sys/block/<disk>/stat`: 0 counts completed reads, 1 the reads that
    /// were merged into others; 4 and 5 count writes in the same way.
    pub(crate) fn stat(&self, place: usize) -> Result<u64> {
        let text = sys::read(self.attribute("stat"))?;
        let number = text.split_whitespace().nth(place);
        Ok(number.context("a disk without numbers")?.parse()?)
    }

    /// Pulls the disk out.
    pub(crate) fn remove(&self) -> Result<()> {
        sys::write(self.setting("power"), "0")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = self.remove();
        let _ = fs::remove_dir(&self.config);
    }
}

/// A file system of a disk that is mounted until this is dropped: before the disk, on which its end
/// writes.
pub(crate) struct Mounted {
    device: String,
    folder: String,
}

impl Mounted {
    /// Mounts the ext4 of a device.
    pub(crate) fn new(device: &str, folder: &str) -> Result<Self> {
        sys::run(&["mount", "-t", "ext4", device, folder])?;
        Ok(Self {
            device: device.to_owned(),
            folder: folder.to_owned(),
        })
    }

    /// The folder.
    pub(crate) fn folder(&self) -> &str {
        &self.folder
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = sys::run(&["umount", &self.folder]);
        wait_until_unused(&self.device);
    }
}

/// Waits until no process uses the ext4 of a device: the kernel unmounts it a little after the last
/// process of a namespace has ended.
pub(crate) fn wait_until_unused(device: &str) {
    let name = device.rsplit('/').next().unwrap_or_default();
    let used = Path::new("/proc/fs/ext4").join(name);
    for _ in 0..200 {
        if !used.exists() {
            return;
        }
        sleep(Duration::from_millis(20));
    }
}

/// Divides a disk of so many sectors into two partitions, by an MBR.
pub(crate) fn make_partitions(path: &str, sectors: &str) -> Result<()> {
    /// Sectors before the first partition, and before each half.
    const START: u32 = 2_048;
    let half = sectors.parse::<u32>()? / 2;
    let mut table = [0u8; 512];
    for (number, (start, length)) in [(START, half - START), (half, half)].iter().enumerate() {
        let entry = 446 + 16 * number;
        table[entry + 4] = 0x83;
        table[entry + 8..entry + 12].copy_from_slice(&start.to_le_bytes());
        table[entry + 12..entry + 16].copy_from_slice(&length.to_le_bytes());
    }
    table[510..].copy_from_slice(&[0x55, 0xaa]);
    sys::write(path, table)?;
    sys::run(&["blockdev", "--rereadpt", path])?;
    Ok(())
}

/// The name of a new disk of scsi_debug, with a hardware queue for each of two processors; the disk
/// stays until that module is removed.
pub(crate) fn scsi(parameters: &[&str]) -> Result<String> {
    let common = ["modprobe", "scsi_debug", "delay=0", "submit_queues=2"];
    sys::run(&[&common, parameters].concat())?;
    sys::run(&["modprobe", "sd_mod"])?;
    for _ in 0..100 {
        for entry in fs::read_dir("/sys/block")?.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let model = sys::read(entry.path().join("device/model")).unwrap_or_default();
            if model.starts_with("scsi_debug") {
                return Ok(name);
            }
        }
        sleep(Duration::from_millis(100));
    }
    bail!("scsi_debug has made no disk")
}
