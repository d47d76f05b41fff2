// SPDX-License-Identifier: GPL-2.0-only

//! The files in `/sys/kernel/config/ioem`, by which people configure injections.
//!
//! One directory is one injection. A value is text with one optional newline. A text of another
//! form gets EINVAL, a value out of range ERANGE; then nothing changes. `echo` accepts every text
//! that `cat` prints, but for the words `gone` and `hidden` of `pid_ns`.
//!
//! C header: [`include/linux/configfs.h`](srctree/include/linux/configfs.h)

// For `THIS_MODULE`, which `configfs_attrs!` of Linux 7.2 expects here. Later kernels do not have
// it.
#[allow(unused_imports)]
use crate::*;
use crate::{
    config::{self, Config, InjectionStats},
    elevator::FlushWatch,
    ending::status,
    injection::{InjectionId, OwnerFiles},
    ioem::Ioem,
    memory,
    policy::{
        attributes::{attributes, Attribute},
        device::Devices,
        failure::Failure,
        histogram,
        limits::{Saved, MOST_LIMITS},
        operations::{Operations, FLUSH},
        parse::{line, number, ParseError},
        settings::Settings,
        text::{self, Lines},
    },
    stats::{Count, Totals},
    sys::{capability::is_administrator, configfs::set_read_only, no_io::NoIo},
};
use core::fmt::Display;
use kernel::{
    configfs::{AttributeOperations, Group, GroupOperations, ItemType, Subsystem},
    configfs_attrs, new_mutex,
    page::PAGE_SIZE,
    prelude::*,
    str::CString,
    sync::Mutex,
};

/// The version of this interface, which grows when programs that use the interface have to change.
const INTERFACE_VERSION: u32 = 1;

/// The directory `ioem`.
///
/// It must stay zero-sized: the kernel crate looks for the data of a subsystem's own directory
/// where the data of a subdirectory would be.
#[pin_data]
pub(crate) struct Root {}

const _: () = assert!(size_of::<Root>() == 0);

impl Root {
    /// Registers the directory.
    pub(crate) fn new() -> impl PinInit<Subsystem<Self>, Error> {
        let files = configfs_attrs! {
            container: Subsystem<Root>,
            data: Root,
            child: Directory,
            attributes: [
                version: 0,
                enabled: 1,
                memory_kib: 2,
            ],
        };
        set_read_only(files, &[c"version"]);
        set_read_only(injection_files(), &[c"ceiling"]);
        Subsystem::new(c"ioem", files, try_pin_init!(Self {}))
    }
}

/// The files of an injection's directory; the numbers are those of [`File::at`].
macro_rules! list_files {
    ($($place:literal $attribute:ident $file:ident: $kind:expr, $section:ident, $help:literal;)*) => {
        configfs_attrs! {
            container: Group<Directory>,
            data: Directory,
            attributes: [
                $($file: $place,)*
                stats: 64,
                ceiling: 65,
            ],
        }
    };
}

fn injection_files() -> &'static ItemType<Group<Directory>, Directory> {
    attributes!(list_files)
}

#[vtable]
impl GroupOperations for Root {
    type Child = Directory;

    fn make_group(&self, name: &CStr) -> Result<impl PinInit<Group<Directory>, Error>> {
        // Dropping this ends the injection, if there is no memory for its directory.
        let injection = Lasting(config::lock().add_injection(name)?);
        let name = CString::try_from(name)?;
        let directory = try_pin_init!(Directory {
            injection: injection,
            flushes <- new_mutex!(None, "injection_flushes"),
        });
        Ok(Group::new(name, injection_files(), directory))
    }
}

/// `version`.
#[vtable]
impl AttributeOperations<0> for Root {
    type Data = Self;

    fn show(_root: &Self, page: &mut [u8; PAGE_SIZE]) -> Result<usize> {
        show(page, &INTERFACE_VERSION)
    }
}

/// `enabled`: writing 0 releases all held I/O of all disks.
#[vtable]
impl AttributeOperations<1> for Root {
    type Data = Self;

    fn show(_root: &Self, page: &mut [u8; PAGE_SIZE]) -> Result<usize> {
        show(page, &u8::from(config::lock().enabled()))
    }

    fn store(_root: &Self, page: &[u8]) -> Result {
        let enabled = number(line(whole(page)?), 0, 1)? == 1;
        config::lock().set_enabled(enabled)
    }
}

/// `memory_kib`: how much memory held completions may take.
#[vtable]
impl AttributeOperations<2> for Root {
    type Data = Self;

    fn show(_root: &Self, page: &mut [u8; PAGE_SIZE]) -> Result<usize> {
        show(page, &memory::most_kib())
    }

    fn store(_root: &Self, page: &[u8]) -> Result {
        memory::set_most_kib(number(line(whole(page)?), 0, u32::MAX)?);
        Ok(())
    }
}

/// The directory of an injection. configfs drops it within `rmdir`, even if one of its files is
/// open, which holds no reference of it.
#[pin_data]
pub(crate) struct Directory {
    injection: Lasting,
    /// Shows flushes to the scheduler while `op` has them. The lock comes before that of the
    /// configuration, and a task that holds it may wait for one that takes a processor offline.
    #[pin]
    flushes: Mutex<Option<FlushWatch>>,
}

/// An injection that ends with this.
struct Lasting(InjectionId);

impl Drop for Lasting {
    fn drop(&mut self) {
        config::lock().end_injection(self.0);
    }
}

/// A file of an injection's directory.
#[derive(Clone, Copy)]
enum File {
    /// A setting.
    Attribute(Attribute),
    /// The counts.
    Stats,
    /// How many I/Os a second the delay allows at most.
    Ceiling,
}

impl File {
    /// The file of this number.
    fn at(place: u64) -> Result<Self> {
        const _: () = assert!(Attribute::COUNT <= 64);
        match place {
            64 => Ok(Self::Stats),
            65 => Ok(Self::Ceiling),
            _ => {
                let place = usize::try_from(place).map_err(|_| EINVAL)?;
                let attribute = Attribute::ALL.get(place).ok_or(EINVAL)?;
                Ok(Self::Attribute(*attribute))
            }
        }
    }
}

#[vtable]
impl<const PLACE: u64> AttributeOperations<PLACE> for Directory {
    type Data = Self;

    fn show(directory: &Self, page: &mut [u8; PAGE_SIZE]) -> Result<usize> {
        let config = config::lock();
        let injection = config.injection(directory.injection.0)?;
        match File::at(PLACE)? {
            File::Attribute(Attribute::Cgroup) => show(page, &injection.owner.cgroup_path()),
            File::Attribute(Attribute::PidNs) => show_process(page, &injection.owner),
            File::Attribute(attribute) => show(page, &injection.settings.show(attribute)),
            File::Stats => {
                let stats = config.stats(directory.injection.0)?;
                Ok(show_stats(page, &stats, || {
                    config.disks().saved_by(directory.injection.0)
                }))
            }
            File::Ceiling => Ok(show_ceiling(page, &config, directory.injection.0)),
        }
    }

    fn store(directory: &Self, page: &[u8]) -> Result {
        // configfs holds a lock meanwhile for which `rmdir` waits. Memory reclaim under that lock
        // might wait for I/O that this injection holds, and that only `rmdir` releases.
        let _no_io = NoIo::new();
        let page = whole(page)?;
        let id = directory.injection.0;
        match File::at(PLACE)? {
            // This looks the cgroup up before it locks the configuration, since the look-up takes
            // another lock.
            File::Attribute(Attribute::Cgroup) => {
                let (path, cgroup) = OwnerFiles::parse_cgroup(page)?;
                config::lock().set_cgroup(id, path, cgroup)
            }
            File::Attribute(Attribute::PidNs) => {
                let process = OwnerFiles::parse_pid(page)?;
                config::lock().set_process(id, process)
            }
            File::Attribute(Attribute::Device) => {
                let devices = devices(page)?;
                config::lock().set(id, Attribute::Device, &|settings| {
                    settings.set_devices(&devices);
                    Ok(())
                })
            }
            File::Attribute(Attribute::Op) => {
                let asks = Operations::parse(line(page))?.may_match(FLUSH);
                let mut flushes = directory.flushes.lock();
                // A watch comes before the setting, and goes after it: an injection that shows
                // flushes among its operations gets them.
                let had_watch = flushes.is_some();
                if asks && !had_watch {
                    *flushes = Some(FlushWatch::new::<Ioem>()?);
                }
                let set = |settings: &mut Settings| settings.set(Attribute::Op, page);
                let result = config::lock().set(id, Attribute::Op, &set);
                let keeps_watch = result.map_or(had_watch, |()| asks);
                if !keeps_watch {
                    *flushes = None;
                }
                result
            }
            File::Attribute(Attribute::Error) => {
                // Only the kernel knows which of them it has.
                let failure = Failure::parse(line(page))?;
                failure.map(status).transpose()?;
                config::lock().set(id, Attribute::Error, &|settings| {
                    settings.set_failure(failure);
                    Ok(())
                })
            }
            File::Attribute(Attribute::DataLoss) => {
                // The owner of the file may be a user who is to slow the disk down and no more.
                let may_allow = is_administrator();
                config::lock().set(id, Attribute::DataLoss, &|settings| {
                    settings.set(Attribute::DataLoss, page)?;
                    match settings.may_lose_data() && !may_allow {
                        true => Err(ParseError::NotAllowed),
                        false => Ok(()),
                    }
                })
            }
            File::Attribute(attribute) => {
                config::lock().set(id, attribute, &|settings| settings.set(attribute, page))
            }
            File::Stats => {
                number(line(page), 0, 0)?;
                config::lock().reset_stats(id)
            }
            File::Ceiling => Err(EPERM),
        }
    }
}

/// The longest text of a value. configfs passes at most a page less one byte at a time, so the rest
/// of a longer text would come as the next value. And a text that just fits would not fit a page
/// with the newline that `show` appends.
const LONGEST: usize = PAGE_SIZE - 3;

/// The written text, if it is certain to be whole.
fn whole(page: &[u8]) -> Result<&[u8]> {
    if line(page).len() <= LONGEST {
        Ok(page)
    } else {
        Err(EINVAL)
    }
}

fn show(page: &mut [u8; PAGE_SIZE], value: &dyn Display) -> Result<usize> {
    Ok(text::value(page, value))
}

/// Reads the text of `device`, and looks for the disks of numbers that may be any disk's. The
/// configuration is not locked meanwhile: a look takes long with many devices, and the last
/// reference of a device may go.
fn devices(text: &[u8]) -> Result<Devices> {
    let mut devices = Devices::parse(line(text))?;
    let disk = config::lock().disks().any();
    if let Some(disk) = disk {
        devices.find_disks(|number| disk.disk_of_device(number));
    }
    Ok(devices)
}

/// Shows a process in the PID namespace of `pid_ns`, by its number for the reader.
fn show_process(page: &mut [u8; PAGE_SIZE], owner: &OwnerFiles) -> Result<usize> {
    match owner.process().map(|process| process.number()) {
        None => show(page, &""),
        Some(Some(number)) => show(page, &number),
        Some(None) if owner.is_pid_namespace_gone() => show(page, &"gone"),
        Some(None) => show(page, &"hidden"),
    }
}

/// The counts that `stats` shows, with their names.
fn named_counts(totals: &Totals) -> [(&'static str, u64); 12] {
    [
        ("matched", totals.of(Count::Matched)),
        ("delayed", totals.of(Count::Delayed)),
        ("limited", totals.of(Count::Limited)),
        ("held", totals.held()),
        ("released_early", totals.of(Count::Early)),
        ("no_memory", totals.of(Count::NoMemory)),
        ("over_memory", totals.of(Count::OverMemory)),
        ("failed", totals.of(Count::Failed)),
        ("dropped", totals.of(Count::Dropped)),
        ("torn", totals.of(Count::Torn)),
        ("corrupted", totals.of(Count::Corrupted)),
        ("not_failed", totals.of(Count::NotFailed)),
    ]
}

/// The names of what limits save.
const SAVED: [&str; MOST_LIMITS] = ["saved", "saved_bytes"];

/// Shows what the limits on some disks save, together, if any do.
fn show_saved<'a>(lines: &mut Lines<'_>, saved: impl Iterator<Item = (&'a [u8], Saved)>) {
    let mut together: Saved = [None; MOST_LIMITS];
    for (_, here) in saved {
        for (all, one) in together.iter_mut().zip(here) {
            *all = match (*all, one) {
                (Some(all), Some(one)) => Some(all.saturating_add(one)),
                (all, one) => all.or(one),
            };
        }
    }
    for (name, saved) in SAVED.iter().zip(together) {
        if let Some(saved) = saved {
            lines.add(core::format_args!("{name} {saved}"));
        }
    }
}

fn show_stats<'a, S: Iterator<Item = (&'a [u8], Saved)>>(
    page: &mut [u8; PAGE_SIZE],
    stats: &InjectionStats<'_>,
    saved: impl Fn() -> S,
) -> usize {
    let mut lines = Lines::new(page);
    lines.add(core::format_args!("active {}", u8::from(stats.active)));
    lines.add(core::format_args!("remaining_ms {}", stats.remaining_ms));
    for (name, count) in named_counts(&stats.totals) {
        lines.add(core::format_args!("{name} {count}"));
    }
    lines.add(core::format_args!("errors {}", stats.errors));
    show_saved(&mut lines, saved());
    if stats.is_pid_namespace_gone {
        lines.add(core::format_args!("pid_ns_gone 1"));
    }
    histogram::add_behind(&mut lines, stats.added.steps(), |lines| {
        let several = stats.by_disk.iter().filter(|_| stats.by_disk.len() > 1);
        for (disk, totals) in several {
            let disk = core::str::from_utf8(disk).unwrap_or("");
            for (name, count) in named_counts(totals) {
                lines.add(core::format_args!("{disk}.{name} {count}"));
            }
        }
        for (disk, saved) in saved().filter(|_| stats.by_disk.len() > 1) {
            let disk = core::str::from_utf8(disk).unwrap_or("");
            for (name, saved) in SAVED.iter().zip(saved) {
                if let Some(saved) = saved {
                    lines.add(core::format_args!("{disk}.{name} {saved}"));
                }
            }
        }
    });
    lines.finish()
}

fn show_ceiling(page: &mut [u8; PAGE_SIZE], config: &Config, id: InjectionId) -> usize {
    let mut lines = Lines::new(page);
    for (disk, iops) in config.disks().ceilings(id) {
        let disk = core::str::from_utf8(disk).unwrap_or("");
        lines.add(core::format_args!("{disk} {iops}"));
    }
    lines.finish()
}

impl From<ParseError> for Error {
    fn from(error: ParseError) -> Self {
        match error {
            ParseError::Invalid => EINVAL,
            ParseError::OutOfRange => ERANGE,
            ParseError::NotAllowed => EPERM,
        }
    }
}
