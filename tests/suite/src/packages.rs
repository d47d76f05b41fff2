// SPDX-License-Identifier: GPL-2.0-only

//! The packages of Debian come and go on fresh machines of Debian 12 and 13: DKMS builds the module
//! there, also for a kernel that comes later; a VM that boots the machine's disk slows a disk down;
//! and after a purge nothing of the packages is left. Packages of rpm, of the AUR and of cargo are
//! built, and have the same files.

mod others;

use crate::{
    checks::{Checks, Transcript, ensure},
    command::{command, text_of},
    install::{CHECKOUT, Machine, is_machine},
    test::remove,
};
use anyhow::{Context, Result};
use std::{fs, path::Path, time::Instant};

/// Where the packages are, in the checkout.
const FOLDER: &str = "target/deb";

/// The beginning of README's command that installs them.
const INSTALL: &str = "sudo apt install ./target/deb/";

/// Fails unless the machine has all that the packages promise. `$release` is the kernel's.
const INSTALLED: &str = r#"
    dkms status | tee /dev/stderr | grep -q "chaos-driver/.*$release.*installed"
    module=$(find /lib/modules/$release/updates -name "chaos_driver.ko*")
    modinfo -F vermagic $module | grep "^$release "
    grep "chaos_driver" /lib/modules/$release/modules.dep
    modprobe --show-depends --set-version $release ioem-iosched
    kchaos version
    cd /usr/share/man
    ls man1/kchaos.1.gz man1/kchaos-inject-ioem-delay.1.gz man1/kchaos-recover.1.gz man4/ioem.4.gz
    bash -n /usr/share/bash-completion/completions/kchaos
    grep /usr/bin/kchaos /usr/lib/systemd/system/kchaos@.service
    test -e /usr/lib/udev/rules.d/99-zz-ioem.rules
"#;

/// A kernel comes, as by an upgrade, with its headers.
const NEW_KERNEL: &str = "apt install linux-image-cloud-amd64 linux-headers-cloud-amd64";

/// Later packages come, whose version is the only difference.
const UPGRADE: &str = r#"
    mkdir -p /tmp/later
    for package in target/deb/*.deb; do
        rm -rf /tmp/unpacked
        dpkg-deb -R "$package" /tmp/unpacked
        version=$(dpkg-deb -f "$package" Version)
        for folder in /tmp/unpacked/usr/src/*-"$version"; do
            test ! -d "$folder" || mv "$folder" "${folder%-*}-$version.1"
        done
        grep -rlF "$version" /tmp/unpacked/DEBIAN /tmp/unpacked/usr/src/*/dkms.conf 2>/dev/null |
            grep -v md5sums | xargs sed -i "s/$version/$version.1/"
        dpkg-deb -b /tmp/unpacked /tmp/later
    done
    apt install /tmp/later/*.deb
    rm -rf /tmp/later /tmp/unpacked
    dkms status | tee /dev/stderr | grep -c "chaos-driver/$version.1,.*installed" | grep -qx 2
    ! dkms status | grep "chaos-driver/$version,"
"#;

/// In the VM: an injection by README's commands, and the removal of the packages while it acts.
/// Nothing of this machine's PATH comes first there but `sudo`.
const USE: &str = r#"
    systemctl is-system-running --wait || systemctl --failed
    read_all() { dd if=/dev/vdb of=/dev/null bs=4k count=100 iflag=direct 2>/dev/null; }
    now() { cut -d " " -f 1 /proc/uptime; }
    before=$(cat /sys/block/vdb/queue/scheduler)
    sudo modprobe chaos_driver
    sudo kchaos inject ioem delay --delay 5ms --device vdb --name slow
    grep "\[ioem\]" /sys/block/vdb/queue/scheduler
    start=$(now); read_all; end=$(now)
    grep -x "delayed 100" /sys/kernel/config/ioem/slow/stats
    echo "delayed for $start $end"
    sudo kchaos doctor
    mkdir -p /etc/kchaos
    echo "INJECT=ioem delay --delay 1ms --device vdb" >/etc/kchaos/unit.conf
    systemctl enable --now kchaos@unit
    sudo kchaos list
    test -d /sys/kernel/config/ioem/unit
    apt remove kchaos chaos-driver-dkms
    test ! -e /sys/module/chaos_driver
    test "$(cat /sys/block/vdb/queue/scheduler)" = "$before"
    read_all
    apt purge kchaos chaos-driver-dkms
"#;

/// A module that cannot be unloaded: its package may not go. A folder stands for it, as a chroot of
/// the lab has no sysfs, and `modprobe` does not find it in the kernel.
const REFUSED: &str = r#"
    mkdir -p /sys/module/chaos_driver
    if apt remove chaos-driver-dkms >/tmp/refused 2>&1; then
        cat /tmp/refused
        echo "it goes"
        exit 1
    fi
    cat /tmp/refused
    grep "the module is in use" /tmp/refused
    dpkg --audit
    dkms status | grep -q installed
    test "$(dpkg-query -W -f '${db:Status-Status}' chaos-driver-dkms)" = installed
    rm -rf /sys/module /tmp/refused
"#;

/// Files and lines that are left of the packages.
const TRACES: &str = r#"
    left=$(find / -xdev \( -path /proc -o -path /sys -o -path /src -o -path /root -o -path /var/log \
        -o -path /var/cache -o -path /var/lib/apt \) -prune \
        -o \( -iname "*chaos[-_]driver*" -o -iname "*kchaos*" -o -name "*ioem*" \) -print
        grep -lirE "chaos.driver|kchaos|\<ioem" /etc /var/lib/dkms /var/lib/dpkg/status \
            /lib/modules/$release/modules.* || :)
    test -z "$left" || { echo "left: $left"; exit 1; }
"#;

pub(crate) fn packages(targets: &[String]) -> Result<bool> {
    let mut checks = Checks::default();
    let targets = match targets {
        [] => &["trixie".to_owned()],
        targets => targets,
    };
    for target in targets {
        ensure(is_machine(target), "the targets are trixie and bookworm")?;
    }
    if build(&mut checks).is_some() {
        others::others(&mut checks);
        for target in targets {
            on(&mut checks, target);
        }
    }
    Ok(checks.summary())
}

/// Builds the packages twice, and looks at them.
fn build(checks: &mut Checks) -> Option<()> {
    let first = checks.check("make deb", sums)?;
    checks.check("make deb gives the same bytes again", |transcript| {
        ensure(sums(transcript)? == first, "the packages differ")
    });
    let look = format!("lintian --fail-on error {FOLDER}/*.deb");
    if has("lintian") {
        checks.check_command("lintian finds no error", command(&["sh", "-c", &look]));
    }
    Some(())
}

/// Whether this machine has a program; if not, a comment says so.
fn has(program: &str) -> bool {
    let look = format!("command -v {program}");
    let has = text_of(&mut command(&["sh", "-c", &look])).is_ok();
    if !has {
        println!("# this machine has no {program}");
    }
    has
}

/// Builds the packages; their checksums.
fn sums(transcript: &mut Transcript) -> Result<String> {
    transcript.run(&mut command(&["make", "--no-print-directory", "deb"]))?;
    let sums = format!("sha256sum {FOLDER}/*.deb");
    text_of(&mut command(&["sh", "-c", &sums]))
}

/// Each step only if the one before it worked.
fn on(checks: &mut Checks, target: &str) -> Option<()> {
    let install = checks.check("README installs the packages", |_| {
        let readme = fs::read_to_string("README.md")?;
        let lines = readme.lines().map(str::trim);
        let line = { lines }.find(|line| line.starts_with(INSTALL));
        Ok(line.context("no command does")?.to_owned())
    })?;
    let name = format!("a fresh machine of {target}, with the packages");
    let machine = checks.check(&name, |transcript| {
        let root = Path::new("target/fresh").join(format!("{target}-packages"));
        let machine = Machine::new(transcript, target, &root)?;
        let folder = machine.outside(&format!("{CHECKOUT}/{FOLDER}"));
        fs::create_dir_all(&folder)?;
        let copy = format!("cp {FOLDER}/*.deb '{}'", folder.display());
        transcript.run(&mut command(&["sh", "-c", &copy]))?;
        Ok(machine)
    })?;
    let release = format!("release={}", machine.release);
    let kernel = &machine.release;
    let new_release = r#"release=$(ls /lib/modules | grep cloud)"#;
    let steps = [
        (
            format!("they are installed for {kernel}"),
            vec!["sudo apt update", &install],
        ),
        (
            "all files are there, and the module is built".to_owned(),
            vec![&release, INSTALLED],
        ),
        (
            "a later kernel gets the module by itself".to_owned(),
            vec![NEW_KERNEL, new_release, INSTALLED],
        ),
        (
            "later packages replace these, for both kernels".to_owned(),
            vec![UPGRADE],
        ),
        (
            "a module in use keeps its package".to_owned(),
            vec![REFUSED],
        ),
    ];
    for (name, commands) in steps {
        timed(checks, &name, |transcript| {
            machine.run(transcript, &commands)
        })?;
    }
    let name =
        format!("in a VM of the machine's disk, with {kernel}, they slow a disk down and go");
    timed(checks, &name, |transcript| {
        machine.boot(transcript, &[&release, USE, TRACES])
    })?;
    let purge = [
        &release,
        "mkdir -p /etc/kchaos && echo INJECT= >/etc/kchaos/slow.conf",
        "apt remove kchaos chaos-driver-dkms",
        "apt purge kchaos chaos-driver-dkms",
        TRACES,
    ];
    timed(checks, "a purge leaves no trace", |transcript| {
        machine.run(transcript, &purge)
    })?;
    checks.check("the machine goes", |_| remove(&machine.root))
}

/// A check that prints how long it took.
fn timed(
    checks: &mut Checks,
    name: &str,
    check: impl FnOnce(&mut Transcript) -> Result<()>,
) -> Option<()> {
    let start = Instant::now();
    let passed = checks.check(name, check);
    println!("# seconds of this: {:.0}", start.elapsed().as_secs_f64());
    passed
}
