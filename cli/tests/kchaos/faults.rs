// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! A machine on which all is well, and faults to plant in it.

use crate::tree::{Tree, stdout};
use std::fs;

const RELEASE: &str = "6.12.117+deb13-amd64";

/// The place of the installed module.
const MODULE: &str = "modules/6.12.117+deb13-amd64/updates/chaos_driver.ko";

/// A machine on which all is well: the module is loaded and installed, and the disk vdb is on ioem
/// for an injection.
pub(crate) fn healthy() -> Tree {
    let tree = Tree::new();
    tree.write("proc/sys/kernel/osrelease", &format!("{RELEASE}\n"));
    let options = ["MODULES=y", "CONFIGFS_FS=m", "BLK_DEV=y", "BLK_CGROUP=y"];
    let options = options.map(|option| format!("CONFIG_{option}\n")).concat();
    tree.write(&format!("boot/config-{RELEASE}"), &options);
    tree.write("sys/kernel/btf/vmlinux", "BTF types");
    let headers = format!("modules/{RELEASE}/build/vmlinux");
    tree.write(&headers, "ELF BTF BTF types more");
    tree.write(MODULE, &module(RELEASE, "id-1"));
    let note = "sys/module/chaos_driver/notes/.note.gnu.build-id";
    tree.write(note, "GNU id-1");
    tree.disk("vdb", "none mq-deadline [kyber]");
    stdout(&mut tree.kchaos("inject ioem delay --delay 1ms --device vdb --name well --for 1h"));
    tree.write(
        "config/ioem/well/stats",
        "active 1\nremaining_ms 1000\nheld 0\n",
    );
    tree
}

/// The content of a module.
fn module(release: &str, id: &str) -> String {
    format!("ELF GNU {id} text\0vermagic={release} SMP preempt\0end")
}

fn unload(tree: &Tree) {
    fs::remove_dir_all(tree.path("config/ioem")).unwrap();
    fs::remove_dir_all(tree.path("sys/module/chaos_driver")).unwrap();
    fs::remove_dir_all(tree.path("run")).unwrap();
    tree.write("sys/devices/vdb/queue/scheduler", "[kyber]\n");
}

pub(crate) fn injection(tree: &Tree, name: &str, files: &[(&str, &str)], stats: &str) {
    tree.injection(name, files);
    tree.write(&format!("config/ioem/{name}/stats"), stats);
    tree.write(&format!("config/ioem/{name}/enabled"), "1\n");
}

/// An injection of vdb with 1 ms, with these further files.
pub(crate) fn on_vdb(tree: &Tree, files: &[(&str, &str)], stats: &str) {
    let mut all = vec![
        ("device", "vdb"),
        ("delay_us", "1000"),
        ("duration_ms", "9000"),
    ];
    all.retain(|(file, _)| files.iter().all(|(other, _)| other != file));
    injection(tree, "x", &[&all[..], files].concat(), stats);
}

const ON: &str = "active 1\nremaining_ms 1000\n";
pub(crate) const OVER: &str = "active 0\nremaining_ms 0\n";

/// A fault: its kind, words of its sentence, its remedy, and how it comes about.
pub(crate) type Fault = (&'static str, &'static str, &'static str, fn(&Tree));

pub(crate) const OF_THE_KERNEL: [Fault; 15] = [
    (
        "module-not-loaded",
        "is installed and not loaded",
        "modprobe chaos_driver",
        unload,
    ),
    (
        "module-missing",
        "is not installed for the kernel 6.12",
        "make && sudo make install",
        |tree| {
            unload(tree);
            fs::remove_file(tree.path(MODULE)).unwrap();
        },
    ),
    (
        "module-missing",
        "is installed for 6.1.0-1-amd64, and not for",
        "sudo make install",
        |tree| {
            unload(tree);
            fs::remove_file(tree.path(MODULE)).unwrap();
            tree.write("modules/6.1.0-1-amd64/updates/chaos_driver.ko.xz", "");
        },
    ),
    (
        "module-misfit",
        "was built for the kernel 6.1.0",
        "build and install it again",
        |tree| {
            unload(tree);
            tree.write(MODULE, &module("6.1.0", "id-1"));
        },
    ),
    ("module-unsigned", "(Secure Boot)", "sign it", |tree| {
        unload(tree);
        tree.write("sys/module/module/parameters/sig_enforce", "Y\n");
    }),
    (
        "module-unsigned",
        "(Secure Boot)",
        "mokutil --import",
        |tree| {
            unload(tree);
            tree.write(
                "sys/kernel/security/lockdown",
                "none [integrity] confidentiality\n",
            );
        },
    ),
    (
        "module-stale",
        "is another build than",
        "rmmod chaos_driver; modprobe",
        |tree| {
            tree.write(MODULE, &module(RELEASE, "id-2"));
        },
    ),
    (
        "types-missing",
        "kernel/btf/vmlinux",
        "CONFIG_DEBUG_INFO_BTF",
        |tree| {
            unload(tree);
            fs::remove_file(tree.path("sys/kernel/btf/vmlinux")).unwrap();
        },
    ),
    (
        "types-differ",
        "of another build of the kernel",
        "reboot",
        |tree| {
            tree.write("sys/kernel/btf/vmlinux", "BTF others");
        },
    ),
    ("kernel-old", "older than 5.10", "BTF=headers", |tree| {
        unload(tree);
        tree.write("proc/sys/kernel/osrelease", "5.4.0-1-amd64\n");
    }),
    (
        "kernel-option",
        "without CONFIG_CONFIGFS_FS",
        "boot one that has it",
        |tree| {
            unload(tree);
            tree.write(
                &format!("boot/config-{RELEASE}"),
                "CONFIG_MODULES=y\nCONFIG_BLK_DEV=y\n",
            );
        },
    ),
    (
        "kernel-option",
        "without CONFIG_BLK_CGROUP",
        "leave these filters out",
        |tree| {
            fs::remove_file(tree.path(&format!("boot/config-{RELEASE}"))).unwrap();
            tree.write(&format!("modules/{RELEASE}/config"), "CONFIG_MODULES=y\n");
        },
    ),
    (
        "interface",
        "configfs is not there",
        "modprobe configfs",
        |tree| {
            unload(tree);
            fs::remove_dir(tree.path("config")).unwrap();
        },
    ),
    (
        "interface",
        "configfs is not mounted",
        "mount -t configfs",
        |tree| {
            unload(tree);
            for process in ["1", "self"] {
                tree.write(
                    &format!("proc/{process}/mountinfo"),
                    "1 1 0:1 / / rw - tmpfs none rw\n",
                );
            }
        },
    ),
    (
        "interface",
        "has version 2",
        "install the kchaos that belongs to the module",
        |tree| {
            tree.write("config/ioem/version", "2\n");
        },
    ),
];

pub(crate) const OF_INJECTIONS: [Fault; 15] = [
    (
        "all-off",
        "all injections are switched off",
        "echo 1 > ",
        |tree| {
            tree.write("config/ioem/enabled", "0\n");
        },
    ),
    (
        "reaches-nothing",
        "x: vda is not on ioem but on kyber",
        "kchaos attach vda",
        |tree| {
            on_vdb(tree, &[("device", "vda")], ON);
        },
    ),
    (
        "reaches-nothing",
        "x: sdz is not there",
        "kchaos recover x",
        |tree| {
            on_vdb(tree, &[("device", "sdz")], ON);
        },
    ),
    (
        "reaches-nothing",
        "x: the cgroup /tenant is gone",
        "kchaos recover x",
        |tree| {
            tree.cgroups("io", "io");
            on_vdb(tree, &[("cgroup", "/tenant")], ON);
        },
    ),
    (
        "reaches-nothing",
        "x: the PID namespace of 7 has no process",
        "kchaos recover x",
        |tree| {
            on_vdb(tree, &[("pid_ns", "7")], &format!("{ON}pid_ns_gone 1\n"));
        },
    ),
    (
        "left",
        "x is for a PID namespace that has no process",
        "kchaos gc",
        |tree| {
            on_vdb(tree, &[("pid_ns", "7")], &format!("{ON}pid_ns_gone 1\n"));
        },
    ),
    (
        "left",
        "x is for a command that has ended",
        "kchaos gc",
        |tree| {
            tree.cgroups("io", "io");
            on_vdb(tree, &[("cgroup", "/kchaos-own-7/command")], ON);
        },
    ),
    ("left", "x has ended by its lease", "kchaos gc", |tree| {
        on_vdb(tree, &[], OVER)
    }),
    ("left", "x is used up", "kchaos gc", |tree| {
        on_vdb(tree, &[("times", "5"), ("duration_ms", "0")], OVER);
    }),
    (
        "hang-without-end",
        "x lets I/O hang, and nothing ends it",
        "kchaos change x --for",
        |tree| {
            on_vdb(tree, &[("freeze", "1"), ("duration_ms", "0")], ON);
        },
    ),
    (
        "no-effect",
        "x does nothing",
        "kchaos change x --delay",
        |tree| {
            on_vdb(tree, &[("delay_us", "0")], ON);
        },
    ),
    (
        "count",
        "x: 7 I/Os were held as requests",
        "larger number into memory_kib",
        |tree| {
            on_vdb(tree, &[], &format!("{ON}over_memory 7\n"));
        },
    ),
    ("count", "x: 7 I/Os were not held", "free some", |tree| {
        on_vdb(tree, &[], &format!("{ON}no_memory 7\n"));
    }),
    (
        "count",
        "x: 7 I/Os reached the disk all the same (not_failed)",
        "writes with a flush fail only once",
        |tree| {
            on_vdb(tree, &[("error", "EIO")], &format!("{ON}not_failed 7\n"));
        },
    ),
    ("unreadable", "delay_us says \"much\"", "", |tree| {
        on_vdb(tree, &[("delay_us", "much")], ON)
    }),
];

pub(crate) const OF_DISKS: [Fault; 15] = [
    (
        "record-gone",
        "run/kchaos/vdx is of a disk that somebody attached",
        "kchaos detach vdx",
        |tree| {
            tree.write("run/kchaos/vdx", "kyber\n");
        },
    ),
    (
        "no-disk",
        "no disk has a blk-mq queue",
        "attach a disk",
        |tree| {
            for disk in ["vda", "vdb"] {
                fs::remove_file(tree.path(&format!("sys/block/{disk}"))).unwrap();
            }
        },
    ),
    ("sysfs", "sysfs is not there", "mount -t sysfs", |tree| {
        fs::remove_dir_all(tree.path("sys/block")).unwrap();
    }),
    (
        "system-disk",
        "vdb has the file system that is mounted at /",
        "kchaos detach vdb",
        |tree| {
            let number = tree.number("vdb");
            let mounts = format!("1 1 {number} / / rw - ext4 /dev/vdb rw\n");
            let configfs = tree
                .read("proc/1/mountinfo")
                .lines()
                .last()
                .unwrap()
                .to_owned();
            tree.write("proc/1/mountinfo", &format!("{mounts}{configfs}\n"));
        },
    ),
    (
        "record-broken",
        "run/kchaos/vda of what vda had before ioem says",
        "rm ",
        |tree| {
            tree.write("run/kchaos/vda", "? ?\n");
        },
    ),
    (
        "left-disk",
        "vdb is still to get kyber back, as no injection needs it",
        "kchaos gc",
        |tree| {
            fs::remove_dir_all(tree.path("config/ioem/well")).unwrap();
            fs::remove_file(tree.path("run/kchaos/for/well")).unwrap();
        },
    ),
    (
        "left-disk",
        "is of a disk that is gone, or not on ioem",
        "kchaos gc",
        |tree| {
            tree.write("run/kchaos/vdx", "kyber auto\n");
        },
    ),
    (
        "left-disk",
        "is of a disk that is gone, or not on ioem",
        "kchaos gc",
        |tree| {
            tree.write("run/kchaos/vda", "kyber\n");
        },
    ),
    (
        "left-disk",
        "vdb is still to get kyber back, which a kchaos had begun",
        "kchaos gc",
        |tree| {
            tree.write("run/kchaos/vdb", "kyber auto back\n");
        },
    ),
    (
        "left-disk",
        "is of another disk than the one",
        "kchaos gc",
        |tree| {
            tree.write("sys/devices/vda/diskseq", "9\n");
            tree.write("run/kchaos/vda", "kyber diskseq=8\n");
        },
    ),
    (
        "left-record",
        "is of an injection that has ended",
        "kchaos gc",
        |tree| {
            tree.write("run/kchaos/for/gone", "77 vdb\n");
        },
    ),
    (
        "left-record",
        "has a text that kchaos does not write",
        "kchaos gc",
        |tree| {
            tree.write("run/kchaos/for/broken", "?\n");
        },
    ),
    (
        "left-record",
        "the injection half is half made",
        "kchaos gc",
        |tree| {
            injection(tree, "half", &[("delay_us", "0")], "active 0\n");
            tree.write("config/ioem/half/enabled", "0\n");
            tree.write("run/kchaos/for/half", "0 vdb\n");
        },
    ),
    (
        "left-file",
        "run/kchaos/version is half a record",
        "kchaos gc",
        |tree| {
            tree.write("run/kchaos/version", "");
        },
    ),
    (
        "left-cgroup",
        "kchaos-own-7 is of a kchaos that was killed",
        "kchaos gc",
        |tree| {
            tree.cgroups("io", "io");
            tree.cgroup("kchaos-own-7", "");
        },
    ),
];
