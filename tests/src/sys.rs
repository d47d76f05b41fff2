// SPDX-License-Identifier: GPL-2.0-only

//! Files, modules, processes and clocks of the system under test.

use anyhow::{Context, Result, bail, ensure};
use std::{
    fs,
    path::Path,
    process::Command,
    thread,
    time::{Duration, Instant},
};

/// Where the module and the program under test are in the guest.
pub(crate) const MODULE: &str = "/chaos_driver.ko";

/// The root of the interface under test.
pub(crate) const IOEM: &str = "/sys/kernel/config/ioem";

/// Writes `text` in one `write(2)`, as `echo -n` does.
pub(crate) fn write(path: impl AsRef<Path>, text: impl AsRef<[u8]>) -> Result<()> {
    use std::io::Write;
    let path = path.as_ref();
    let mut file = fs::OpenOptions::new()
        .write(true)
        .open(path)
        .with_context(|| format!("opening {}", path.display()))?;
    file.write_all(text.as_ref()).with_context(|| {
        format!(
            "writing '{}' to {}",
            String::from_utf8_lossy(text.as_ref()),
            path.display()
        )
    })
}

/// The content of a small file without its last newline.
pub(crate) fn read(path: impl AsRef<Path>) -> Result<String> {
    let path = path.as_ref();
    let text = fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    Ok(text.trim_end_matches('\n').to_owned())
}

/// Runs a command to its end; its output is part of the error if it fails.
pub(crate) fn run(words: &[&str]) -> Result<String> {
    let output = Command::new(words[0])
        .args(&words[1..])
        .output()
        .with_context(|| format!("running {}", words.join(" ")))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        bail!(
            "{} failed: {text}{}",
            words.join(" "),
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(text)
}

/// Loads the module under test, unless it is loaded.
pub(crate) fn load_module() -> Result<()> {
    if !Path::new(IOEM).exists() {
        run(&["insmod", MODULE])?;
    }
    Ok(())
}

/// Asks again and again until the answer is true; an error if that takes two minutes.
pub(crate) fn wait_until(what: &str, mut is_so: impl FnMut() -> Result<bool>) -> Result<()> {
    let start = Instant::now();
    while !is_so()? {
        ensure!(
            start.elapsed() < Duration::from_secs(120),
            "{what} takes too long"
        );
        thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// The number in a device's file `dev`, as traces have it.
pub(crate) fn device_number(file: impl AsRef<Path>) -> Result<u32> {
    let text = read(file)?;
    let (major, minor) = text.split_once(':').context("no device number")?;
    Ok((major.parse::<u32>()? << 20) | minor.parse::<u32>()?)
}

/// Whether the kernel is a real-time one (`CONFIG_PREEMPT_RT`), in which locks and interrupts can
/// be preempted.
pub(crate) fn is_realtime() -> bool {
    read("/proc/sys/kernel/version").is_ok_and(|version| version.contains("PREEMPT_RT"))
}

/// Whether the kernel shows the driver the flushes without data that are submitted.
pub(crate) fn shows_flushes() -> Result<bool> {
    Ok(is_at_least(7, 2)? || (is_at_least(5, 12)? && !is_realtime()))
}

/// Whether the kernel has at least this version.
pub(crate) fn is_at_least(major: u32, minor: u32) -> Result<bool> {
    let release = read("/proc/sys/kernel/osrelease")?;
    let mut numbers = release.split(|letter: char| !letter.is_ascii_digit());
    let mut next = || numbers.next()?.parse::<u32>().ok();
    let version = next().zip(next()).context("no version")?;
    Ok(version >= (major, minor))
}

/// Waits until the kernel has measured its clock, a second or so after boot, and changed to it. For
/// that it stops all processors for a while, and a stopped processor may have a request that a
/// limit has admitted and that is not issued yet.
pub(crate) fn wait_for_clock() {
    let is_early = || clock_source().is_ok_and(|name| name.ends_with("-early"));
    let start = Instant::now();
    while is_early() && start.elapsed() < Duration::from_secs(10) {
        thread::sleep(Duration::from_millis(50));
    }
}

/// The hardware that the kernel takes for its clock, such as `tsc` or `hpet`.
pub(crate) fn clock_source() -> Result<String> {
    read("/sys/devices/system/clocksource/clocksource0/current_clocksource")
}

/// `CLOCK_MONOTONIC` in nanoseconds, the clock of traces.
pub(crate) fn monotonic_ns() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

/// Ends all injections, and lets other threads run.
pub(crate) fn end_injections() -> Result<()> {
    let directories = fs::read_dir(IOEM)?.flatten().map(|entry| entry.path());
    let ended: Vec<Result<()>> = directories
        .filter(|path| path.is_dir())
        .map(|path| fs::remove_dir(&path).with_context(|| format!("removing {}", path.display())))
        .collect();
    write(format!("{IOEM}/enabled"), "1")?;
    ended.into_iter().collect()
}

/// Removes everything of a failed test before the next one.
pub(crate) fn clean_up() {
    let _ = Command::new("killall").args(["-9", "fio"]).output();
    let _ = end_injections();
    let _ = Command::new("umount").arg("/mnt").output();
    if let Ok(entries) = fs::read_dir("/sys/kernel/config/nullb") {
        for entry in entries.flatten().filter(|entry| entry.path().is_dir()) {
            let _ = write(entry.path().join("power"), "0");
            let _ = fs::remove_dir(entry.path());
        }
    }
}

/// The command that makes an xfs that this kernel can mount: older ones do not know what new
/// programs make by default.
pub(crate) fn mkfs_xfs() -> Result<&'static [&'static str]> {
    Ok(match is_at_least(6, 1)? {
        true => &["mkfs.xfs", "-q", "-f"],
        false => &[
            "mkfs.xfs",
            "-q",
            "-f",
            "-m",
            "bigtime=0,inobtcount=0",
            "-i",
            "nrext64=0",
        ],
    })
}
