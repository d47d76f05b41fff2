// SPDX-License-Identifier: GPL-2.0-only

//! Headers of distributions' kernels, which of the two crates `make` takes for them, and what it
//! says if they cannot work.

use super::{fits, leave_out, refuses};
use crate::{
    checks::{Checks, Transcript, ensure},
    command::{command, kernel_release, lab},
};
use anyhow::{Context, Result};
use std::{
    fs,
    fs::File,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};
use tempfile::TempDir;

const WITHOUT_RUST: &str = "was built without Rust (CONFIG_RUST): *.";

/// Debian's suites whose own kernel has no Rust, and their check's names.
const SUITES: [(&str, &str, &str, &str); 2] = [
    (
        "bookworm",
        "6.1.",
        "headers of Debian 12's kernel can be had",
        "Debian 12's kernel gets the driver's own crate, and is refused with the kernel's",
    ),
    (
        "trixie",
        "6.12.",
        "headers of Debian 13's own kernel can be had",
        "Debian 13's own kernel gets the driver's own crate, and is refused with the kernel's",
    ),
];

/// Fetches the headers of a suite's kernel inside of a chroot, whose mirror and keys serve for
/// other suites, too. Its words: the suite, and a folder.
const FETCH: &str = r#"
    suite=$1 inside=$2
    rm -rf "$inside"; mkdir -p "$inside/lists/partial"; cd "$inside"
    sed -n "s/^\(deb .*\) [^ ]* main\$/\1 $suite main/p" /etc/apt/sources.list | head -n 1 >sources.list
    set -- -o Dir::Etc::SourceList="$inside/sources.list" -o Dir::Etc::SourceParts=/dev/null \
        -o Dir::State::Lists="$inside/lists" -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache=
    apt-get "$@" update -qq
    package=$(apt-cache "$@" depends linux-headers-amd64 |
        sed -n "s/.*Depends: \(linux-headers-[0-9].*\)/\1/p" | head -n 1)
    apt-get "$@" download -qq "$package"
    dpkg -x "$package"_*.deb .
"#;

pub(crate) fn refusals(checks: &mut Checks) -> Result<()> {
    let folder = TempDir::with_prefix("suites.")?;
    let folder = folder.path();
    for (suite, series, fetched, refused) in SUITES {
        checks.check(fetched, |transcript| fetch(transcript, suite, folder));
        checks.check(refused, |transcript| {
            gets_own_crate(transcript, series, &headers(folder, suite)?)?;
            let sentence = format!("check-kernel: the kernel {series}* {WITHOUT_RUST}");
            let words = ["KERNEL_CRATE=kernel"];
            refuses(transcript, &sentence, &headers(folder, suite)?, &words)
        });
    }
    checks.check("and its layouts would be", |transcript| {
        other_layouts(transcript, &headers(folder, "trixie")?)
    });
    checks.check(
        "a kernel that loads the module, but without configfs, is refused",
        |transcript| {
            let real = real(transcript)?;
            leave_out(real.path(), "CONFIG_CONFIGFS_FS")?;
            let sentence =
                "check-kernel: the kernel * was built without configfs (CONFIG_CONFIGFS_FS), *.";
            // Else the build first says which crate it has chosen, where the rustc is another.
            refuses(transcript, sentence, real.path(), &["KERNEL_CRATE=own"])
        },
    );
    checks.check("and with another rustc than its own", |transcript| {
        other_rustc(transcript, folder)
    });
    Ok(())
}

/// Without a choice, the module of these headers is built with the driver's own crate.
fn gets_own_crate(transcript: &mut Transcript, series: &str, headers: &Path) -> Result<()> {
    let mut check = command(&["tools/check-kernel"]);
    let (status, output) = transcript.try_run(check.arg(headers))?;
    let told = format!("check-kernel: *driver/kernel: the kernel {series}* without Rust.");
    let mut lines = output.lines();
    ensure(
        status.success() && lines.any(|line| fits(&told, line)) && lines.next() == Some("own"),
        "the driver's own crate is not taken",
    )
}

/// Unpacks what one command prints, an archive, into a folder.
fn unpack(transcript: &mut Transcript, archive: &mut Command, folder: &Path) -> Result<()> {
    fs::create_dir_all(folder)?;
    let file = tempfile::NamedTempFile::new()?;
    archive.stdout(File::create(file.path())?);
    crate::command::run(archive)?;
    transcript.run(
        command(&["tar", "x", "-C"])
            .arg(folder)
            .arg("-f")
            .arg(file.path()),
    )
}

fn fetch(transcript: &mut Transcript, suite: &str, folder: &Path) -> Result<()> {
    let inside = format!("/var/lib/chaos-headers/{suite}");
    transcript.run(&mut lab(&[
        "shell", "sh", "-ec", FETCH, "fetch", suite, &inside,
    ]))?;
    let source = format!("{inside}/usr/src");
    let mut archive = lab(&["shell", "tar", "c", "-C", &source, "."]);
    unpack(transcript, &mut archive, &folder.join(suite))?;
    transcript.run(&mut lab(&["shell", "rm", "-rf", &inside]))?;
    ensure(
        headers(folder, suite)?.join("Makefile").exists(),
        "the headers have no Makefile",
    )
}

/// The folder of headers that was fetched for a suite.
fn headers(folder: &Path, suite: &str) -> Result<PathBuf> {
    let found = fs::read_dir(folder.join(suite))
        .with_context(|| format!("there are no headers of {suite}"))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with("linux-headers-")
        });
    found.with_context(|| format!("there are no headers of {suite}"))
}

/// A copy of what `make` looks at in the headers of the first target.
fn real(transcript: &mut Transcript) -> Result<TempDir> {
    let folder = TempDir::with_prefix("real.")?;
    let source = format!("/usr/src/linux-headers-{}", kernel_release()?);
    let mut archive = lab(&["shell", "tar", "c", "-C", &source, "Makefile"]);
    archive.args([
        "include/config/auto.conf",
        "include/config/kernel.release",
        "rust/libkernel.rmeta",
    ]);
    unpack(transcript, &mut archive, folder.path())?;
    Ok(folder)
}

fn other_layouts(transcript: &mut Transcript, headers: &Path) -> Result<()> {
    let btf = headers.join("vmlinux");
    let mut make = command(&["make", "--no-print-directory", "layouts"]);
    make.arg(format!("BTF={}", btf.display()));
    let (status, output) = transcript.try_run(&mut make)?;
    let says = |sentence: &str| output.lines().any(|line| fits(sentence, line));
    let unsupported = format!(
        "layouts: this version of the driver does not support this kernel ({})",
        btf.display()
    );
    ensure(
        !status.success()
            && says("layouts: this kernel's struct elevator_mq_ops has no member alloc_sched_data")
            && says(&unsupported),
        "the layouts are not refused with their reason",
    )
}

fn other_rustc(transcript: &mut Transcript, folder: &Path) -> Result<()> {
    let rustc = folder.join("rustc");
    fs::write(&rustc, "#!/bin/sh\necho rustc 1.60.0\n")?;
    fs::set_permissions(&rustc, fs::Permissions::from_mode(0o755))?;
    let rustc = rustc.display();
    let sentence = format!(
        "check-kernel: the kernel was built with 'rustc *' and {rustc} here is 'rustc 1.60.0': *."
    );
    let real = real(transcript)?;
    refuses(
        transcript,
        &sentence,
        real.path(),
        &["KERNEL_CRATE=kernel", &format!("RUSTC={rustc}")],
    )
}
