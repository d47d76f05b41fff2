// SPDX-License-Identifier: GPL-2.0-only

//! The users who can use the module, and the addresses that it must not show.

use crate::{
    attempt::{self, Attempt, Who},
    disk::{Disk, Kind},
    fio::{Fio, RANDOM_READ},
    injection::Injection,
    report::Report,
    sys,
};
use anyhow::{Context, Result};
use rustix::thread::{CapabilitySet, CapabilitySets, set_capabilities};
use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    thread::{self, sleep},
    time::Duration,
};

const EPERM: i32 = 1;
const EACCES: i32 = 13;

/// The kernel's folder about the module.
const MODULE: &str = "/sys/module/chaos_driver";

/// The folder of debugging aids.
const DEBUG: &str = "/sys/kernel/debug";

/// A disk on ioem, with an injection that holds some of its I/O.
struct Scene {
    // The fields drop in this order, so the injection holds no I/O when the disk goes.
    injection: Injection,
    _load: Fio,
    disk: Disk,
}

impl Scene {
    fn new() -> Result<Self> {
        let disk = Disk::on_ioem(&Kind {
            hw_queues: 2,
            ..Kind::default()
        })?;
        let settings = [
            ("delay_us", "3600000000"),
            ("probability", "50"),
            ("quota", "100000"),
            ("device", disk.name()),
            ("op", "read sync"),
            ("sectors", "0+8000000"),
            ("cgroup", "/sys/fs/cgroup"),
            ("pid_ns", "1"),
        ];
        let injection = Injection::with_texts("security", &settings)?;
        let options = [RANDOM_READ, &["--iodepth=32", "--size=1g"]].concat();
        let load = Fio::start(&disk.path(), &options)?;
        while injection.stat("held")? == 0 {
            sleep(Duration::from_millis(10));
        }
        Ok(Self {
            injection,
            _load: load,
            disk,
        })
    }

    /// Every file and directory that the module makes.
    fn all(&self) -> Result<Vec<PathBuf>> {
        // It may be mounted already.
        let _ = sys::run(&["mount", "-t", "debugfs", "debugfs", DEBUG]);
        let mut all = tree(Path::new(sys::IOEM))?;
        for root in [PathBuf::from(MODULE), self.disk.attribute("queue/iosched")] {
            all.extend(tree(&root)?);
        }
        for root in [
            format!("{DEBUG}/block/{}", self.disk.name()),
            format!("{DEBUG}/chaos_driver"),
            format!("{DEBUG}/ioem"),
        ] {
            // The block layer makes a directory of this name for a scheduler that has debugging
            // files.
            let of_scheduler = |path: &PathBuf| {
                let words = ["sched", "chaos_driver", "ioem"];
                path.iter()
                    .any(|name| words.iter().any(|word| name == *word))
            };
            if Path::new(&root).exists() {
                all.extend(tree(Path::new(&root))?.into_iter().filter(of_scheduler));
            }
        }
        Ok(all)
    }
}

/// A file or directory and everything below it.
fn tree(path: &Path) -> Result<Vec<PathBuf>> {
    let mut all = vec![path.to_owned()];
    if fs::symlink_metadata(path)?.is_dir() {
        let entries = fs::read_dir(path).with_context(|| format!("reading {}", path.display()))?;
        for entry in entries {
            all.extend(tree(&entry?.path())?);
        }
    }
    Ok(all)
}

fn is_in_configfs(path: &Path) -> bool {
    path.starts_with(sys::IOEM)
}

/// Some of the errors, or that there are none.
fn first_of(wrong: &[String]) -> String {
    match wrong {
        [] => "so".to_owned(),
        _ => format!("{} not, such as {}", wrong.len(), wrong[0]),
    }
}

scenario!("security_modes", modes);
/// The owners of files, and the modes for others.
fn modes(report: &mut Report) -> Result<()> {
    /// The bits that may be set in the mode of a file that others may see, and of a file in
    /// configfs; the latter without the files that can only be read.
    const SEEN: u32 = 0o755;
    const HIDDEN: u32 = 0o660;
    const READ_ONLY: u32 = 0o440;
    let scene = Scene::new()?;
    let all = scene.all()?;
    let mut wrong = Vec::new();
    for path in &all {
        let found = fs::symlink_metadata(path)?;
        let most = match found.is_file() && is_in_configfs(path) {
            true if path.ends_with("version") || path.ends_with("ceiling") => READ_ONLY,
            true => HIDDEN,
            false => SEEN,
        };
        let mode = found.mode() & 0o7777;
        if (found.uid(), found.gid()) != (0, 0) || mode & !most != 0 {
            let owner = format!("{}:{}", found.uid(), found.gid());
            wrong.push(format!("{} {mode:o} {owner}", path.display()));
        }
    }
    report.figure(
        &format!("{} files and directories", all.len()),
        "of root, for nobody else to write, and those in configfs not to read either",
        first_of(&wrong),
        // The injection alone has 22 files.
        wrong.is_empty() && all.iter().filter(|path| is_in_configfs(path)).count() > 24,
    );
    Ok(())
}

/// Judges a user's attempts on all files: at most reading those outside of configfs may succeed.
fn judge(report: &mut Report, whose: &str, attempts: &[Attempt]) {
    let read = |attempt: &Attempt| {
        attempt.operation == attempt::READ && attempt.errno == 0 && !is_in_configfs(&attempt.path)
    };
    let refused = |attempt: &Attempt| [EPERM, EACCES].contains(&attempt.errno);
    let wrong: Vec<String> = attempts
        .iter()
        .filter(|attempt| !refused(attempt) && !read(attempt))
        .map(|attempt| {
            let path = attempt.path.display();
            format!("{} {path}: {}", attempt.operation, attempt.errno)
        })
        .collect();
    report.figure(
        &format!("{whose}, {} attempts", attempts.len()),
        "EPERM or EACCES, but for reading files of sysfs",
        first_of(&wrong),
        wrong.is_empty() && attempts.len() > 200,
    );
}

/// Kernels of distributions have user namespaces, those with sanitizers do not.
fn has_user_namespaces(report: &mut Report) -> bool {
    let has = attempt::has_namespaces("user");
    if !has {
        report.figure("user namespaces", "if there are any", "none", true);
    }
    has
}

scenario!("security_nobody", nobody);
/// A user without privileges, alone and as root of a container of user namespaces.
fn nobody(report: &mut Report) -> Result<()> {
    let scene = Scene::new()?;
    let mut paths = scene.all()?;
    paths.push(scene.disk.attribute("queue/scheduler"));
    judge(report, "nobody", &attempt::by(&Who::Nobody, &paths)?);
    if has_user_namespaces(report) {
        let attempts = attempt::by(&Who::RootOfNobody, &paths)?;
        judge(report, "the root of nobody's container", &attempts);
    }
    let before = scene.injection.get("delay_us")?;
    report.figure(
        "delay_us after that",
        3_600_000_000_u64,
        &before,
        before == "3600000000",
    );
    let output = attempt::command(&Who::Nobody, Path::new("/bin/kchaos"))
        .args(["inject", "ioem", "delay", "--delay", "1ms"])
        .output()?;
    let (code, text) = (
        output.status.code(),
        String::from_utf8_lossy(&output.stderr),
    );
    report.figure(
        "exit code of kchaos inject by nobody",
        4,
        format!("{code:?} ({})", text.trim()),
        code == Some(4),
    );
    // Without this check, the attempts above would prove nothing.
    for (who, whose, asked) in [
        (
            Who::NobodyOfRootsGroup,
            "a member of root's group",
            "read truncate write",
        ),
        (
            Who::Root,
            "root",
            "chmod chown mount read rmdir truncate write",
        ),
    ] {
        let done = done_with_an_injection(&who)?;
        report.figure(
            &format!("operations of {whose} on an injection"),
            asked,
            &done,
            done == asked,
        );
    }
    Ok(())
}

/// The names of the operations that a user can do on an injection and its files.
fn done_with_an_injection(who: &Who) -> Result<String> {
    let injection = Injection::new("sacrifice", &[])?;
    let mut paths = tree(&injection.path(""))?;
    // The directory comes last, as an operation may remove it.
    paths.reverse();
    let attempts = attempt::by(who, &paths)?;
    let done: BTreeSet<&str> = attempts
        .iter()
        .filter(|attempt| attempt.errno == 0)
        .map(|attempt| attempt.operation.as_str())
        .collect();
    Ok(Vec::from_iter(done).join(" "))
}

scenario!("security_container", container);
/// Containers that are root to the machine can do the same as the machine's root.
fn container(report: &mut Report) -> Result<()> {
    let scene = Scene::new()?;
    let scheduler = scene.disk.attribute("queue/scheduler");
    let script = format!(
        "set -e
        if [ \"$1\" = mount ]; then mount -t configfs none /mnt; else mount --bind /sys/kernel/config /mnt; fi
        mkdir /mnt/ioem/contained
        echo 1 > /mnt/ioem/contained/delay_us
        rmdir /mnt/ioem/contained
        echo ioem > {}",
        scheduler.display()
    );
    let shell = ["sh", "-c", &script, "sh"];
    let run = |of_users: bool, words: &[&str]| {
        let options = attempt::container(of_users);
        sys::run(&[&["unshare"], &options[..], words].concat())
    };
    let judge = |report: &mut Report, what: &str, of_users: bool, how: &str| {
        let result = run(of_users, &[&shell[..], &[how]].concat());
        report.figure(
            &format!("container with own {what}: mkdir, echo, rmdir, scheduler"),
            "done",
            result
                .as_ref()
                .map_or_else(ToString::to_string, |_| "done".to_owned()),
            result.is_ok(),
        );
    };
    judge(
        report,
        "namespaces but for users', with CAP_SYS_ADMIN",
        false,
        "mount",
    );
    if has_user_namespaces(report) {
        judge(
            report,
            "user namespace, too, whose root is the machine's",
            true,
            "bind",
        );
        // But not mount it, even so.
        let refused = run(true, &["mount", "-t", "configfs", "none", "/mnt"]).is_err();
        report.figure(
            "mounting configfs in a user namespace",
            "refused",
            if refused { "refused" } else { "done" },
            refused,
        );
    }
    Ok(())
}

/// Whether there is something that looks like an address of the kernel.
fn has_address(bytes: &[u8]) -> bool {
    /// Addresses of the kernel on 64-bit machines begin with these digits.
    const HIGH: &str = "ffff";
    let text = String::from_utf8_lossy(bytes).to_ascii_lowercase();
    let mut numbers = text.split(|c: char| !c.is_ascii_hexdigit());
    // Hashed ones, too, since they tell objects apart.
    let digits = numbers.any(|number| {
        let letters = number.contains(|c: char| c.is_ascii_alphabetic());
        number.len() == 16 || (number.len() >= 12 && letters) || number.starts_with(HIGH)
    });
    let raw = bytes.windows(8).any(|window| {
        let value = u64::from_le_bytes(window.try_into().unwrap_or_default());
        value >= 0xffff_8000_0000_0000 && value != u64::MAX
    });
    digits || raw
}

scenario!("security_addresses", addresses);
/// No file of the module and no line of the log has an address of the kernel.
fn addresses(report: &mut Report) -> Result<()> {
    let scene = Scene::new()?;
    let all = scene.all()?;
    let files: Vec<&PathBuf> = all.iter().filter(|path| path.is_file()).collect();
    // In sysfs, root alone may read where the sections of a module are: of any module.
    let readable = |path: &Path| {
        is_in_configfs(path)
            || fs::symlink_metadata(path).is_ok_and(|found| found.mode() & 0o004 != 0)
    };
    let (mut read, mut wrong) = (0, Vec::new());
    for path in files.into_iter().filter(|path| readable(path)) {
        let Ok(bytes) = fs::read(path) else {
            continue;
        };
        read += 1;
        let plain = bytes.iter().all(|byte| matches!(byte, b'\n' | b' '..=b'~'));
        if has_address(&bytes) || (is_in_configfs(path) && !plain) {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            wrong.push(format!("{}: {text:?}", path.display()));
        }
    }
    report.figure(
        &format!("{read} files that are not for root alone, or in configfs"),
        "no address",
        first_of(&wrong),
        wrong.is_empty() && read > 30,
    );
    let log = sys::run(&["dmesg"])?;
    let lines = log.lines().filter(|line| {
        let line = line.to_ascii_lowercase();
        line.contains("chaos") || line.contains("ioem")
    });
    let lines: Vec<&str> = lines.collect();
    let wrong: Vec<String> = lines
        .iter()
        .filter(|line| has_address(line.as_bytes()))
        .map(|line| (*line).to_owned())
        .collect();
    report.figure(
        &format!("{} lines of the log", lines.len()),
        "no address",
        first_of(&wrong),
        wrong.is_empty() && !lines.is_empty(),
    );
    let section = fs::read(format!("{MODULE}/sections/.text"))?;
    report.figure(
        "an address where there is one",
        "found",
        String::from_utf8_lossy(&section).trim(),
        has_address(&section),
    );
    Ok(())
}

scenario!("security_data_loss", data_loss);
/// Only CAP_SYS_ADMIN lets an injection lose data, even by the owner of its files.
fn data_loss(report: &mut Report) -> Result<()> {
    let injection = Injection::with_texts("losing", &[])?;
    let write = |file: &str| {
        let written = fs::write(injection.path(file), "1");
        written.err().and_then(|error| error.raw_os_error())
    };
    let without = thread::scope(|scope| {
        let thread = scope.spawn(|| -> Result<_> {
            let none = CapabilitySet::empty();
            let sets = CapabilitySets {
                effective: none,
                permitted: none,
                inheritable: none,
            };
            set_capabilities(None, sets)?;
            let tries = ["delay_us", "i_know_data_will_be_lost", "drop"].map(write);
            Ok(tries)
        });
        thread.join().expect("the thread does not panic")
    })?;
    report.figure(
        "by the owner without capabilities: delay_us, i_know_data_will_be_lost, drop",
        format!("{:?}", [None, Some(EPERM), Some(EPERM)]),
        format!("{without:?}"),
        without == [None, Some(EPERM), Some(EPERM)],
    );
    let with = ["i_know_data_will_be_lost", "drop"].map(write);
    report.figure(
        "by root: i_know_data_will_be_lost, drop",
        "[None, None]",
        format!("{with:?}"),
        with == [None, None],
    );
    Ok(())
}
