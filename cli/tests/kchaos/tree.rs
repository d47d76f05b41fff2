// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! A folder that stands in for configfs, sysfs, /dev and /run, and for the kernel behind them: see
//! `kernel.c`.

use assert_cmd::Command;
use kchaos::interface::ATTRIBUTES;
use rustix::fs::{FlockOperation, Mode, OFlags, flock, open};
use std::{
    collections::BTreeMap,
    fs,
    os::{
        fd::OwnedFd,
        unix::fs::{PermissionsExt, symlink},
    },
    path::{Path, PathBuf},
    sync::OnceLock,
};
use tempfile::TempDir;
use walkdir::WalkDir;

/// The program.
pub(crate) const KCHAOS: &str = env!("CARGO_BIN_EXE_kchaos");

/// The library with the kernel's part, which is compiled for the first test that needs it.
fn kernel() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kchaos/kernel.c");
        let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join("kernel.so");
        let own = library.with_extension(std::process::id().to_string());
        let compiled = std::process::Command::new("cc")
            .args(["-shared", "-fPIC", "-Wall", "-o"])
            .args([&own, &source])
            .status();
        assert!(compiled.unwrap().success());
        // Other runs of these tests may have it loaded.
        fs::rename(own, &library).unwrap();
        library
    })
}

/// The folder, which is removed when dropped.
pub(crate) struct Tree {
    folder: TempDir,
}

impl Tree {
    /// A system on which the module is loaded and the disk vda, with one partition, is on kyber.
    pub(crate) fn new() -> Self {
        let tree = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        symlink(kernel(), tree.path("kernel.so")).unwrap();
        for attribute in &ATTRIBUTES {
            let text = attribute.file_text(&attribute.default());
            tree.write(&format!("new/{}", attribute.file()), &format!("{text}\n"));
        }
        tree.write("config/ioem/version", "1\n");
        tree.write("config/ioem/enabled", "1\n");
        tree.disk("vda", "none mq-deadline [kyber]");
        let partition = "sys/devices/vda/vda1";
        tree.write(&format!("{partition}/partition"), "1\n");
        tree.write(&format!("{partition}/start"), "2048\n");
        tree.write(&format!("{partition}/size"), "8192\n");
        tree.write("sys/devices/vda/size", "16384\n");
        tree.link(partition, "sys/class/block/vda1");
        tree.node(partition, "vda1");
        // The system needs no file on these disks.
        let mounts = format!(
            "1 1 0:1 / / rw - tmpfs none rw\n\
             2 1 0:20 / {} rw - configfs none rw\n",
            fs::canonicalize(tree.path("config")).unwrap().display()
        );
        for process in ["1", "self"] {
            tree.write(&format!("proc/{process}/mountinfo"), &mounts);
        }
        tree.write("proc/swaps", "Filename Type Size Used Priority\n");
        tree
    }

    /// The same system, with the disk vdb on ioem.
    pub(crate) fn attached() -> Self {
        let tree = Self::new();
        tree.disk("vdb", "none [ioem]");
        tree
    }

    /// Adds a disk whose file `queue/scheduler` has this text.
    pub(crate) fn disk(&self, name: &str, schedulers: &str) {
        let device = format!("sys/devices/{name}");
        self.write(
            &format!("{device}/queue/scheduler"),
            &format!("{schedulers}\n"),
        );
        self.link(&device, &format!("sys/block/{name}"));
        self.link(&device, &format!("sys/class/block/{name}"));
        self.node(&device, &name.replace('!', "/"));
    }

    /// Mounts a hierarchy of cgroups (v2) with these controllers, and enables some of them.
    pub(crate) fn cgroups(&self, controllers: &str, enabled: &str) {
        self.write("cgroup/cgroup.controllers", &format!("{controllers}\n"));
        self.write("cgroup/cgroup.subtree_control", enabled);
        self.write("cgroup/cgroup.procs", "");
        let point = self.path("cgroup");
        let line = format!("9 1 0:99 / {} rw - cgroup2 none rw", point.display());
        self.mount("self", &line);
    }

    /// Adds a cgroup with these processes to the hierarchy.
    pub(crate) fn cgroup(&self, path: &str, processes: &str) {
        for parent in Path::new(path).ancestors().skip(1) {
            let file = format!("cgroup/{}/cgroup.procs", parent.display());
            if !self.path(&file).exists() {
                self.write(&file, "");
            }
        }
        self.write(&format!("cgroup/{path}/cgroup.procs"), processes);
    }

    /// Adds a process with a cgroup, whose working directory and root are those of a device.
    pub(crate) fn process(&self, pid: u32, cgroup: &str, device: &str) {
        self.write(&format!("proc/{pid}/comm"), "sh\n");
        self.write(
            &format!("proc/{pid}/stat"),
            &format!("{pid} (sh) S 1 1 1 0 -1 4194560 0\n"),
        );
        self.write(
            &format!("proc/{pid}/cgroup"),
            &format!("1:cpu:/x\n0::{cgroup}\n"),
        );
        for name in ["cwd", "root"] {
            self.link(&format!("dev/{device}"), &format!("proc/{pid}/{name}"));
        }
        self.mount_namespace(&pid.to_string(), pid);
    }

    /// Gives a process the mount namespace with this number.
    pub(crate) fn mount_namespace(&self, process: &str, number: u32) {
        let link = self.path(&format!("proc/{process}/ns/mnt"));
        fs::create_dir_all(link.parent().unwrap()).unwrap();
        let _ = fs::remove_file(&link);
        symlink(format!("mnt:[{number}]"), link).unwrap();
    }

    /// Adds a device that is built on others, without a scheduler.
    pub(crate) fn stacked(&self, name: &str, below: &[&str]) {
        let device = format!("sys/devices/{name}");
        self.write(&format!("{device}/queue/scheduler"), "none\n");
        self.link(&device, &format!("sys/block/{name}"));
        self.link(&device, &format!("sys/class/block/{name}"));
        self.node(&device, name);
        for other in below {
            self.link(
                &format!("sys/class/block/{other}"),
                &format!("{device}/slaves/{other}"),
            );
            let holders = format!("sys/class/block/{other}/holders/{name}");
            self.link(&device, &holders);
        }
    }

    /// Adds a device of the device mapper.
    pub(crate) fn mapped(&self, device: &str, name: &str, below: &[&str]) {
        self.stacked(device, below);
        self.write(
            &format!("sys/devices/{device}/dm/name"),
            &format!("{name}\n"),
        );
    }

    /// Adds a partition with these sectors.
    pub(crate) fn partition(&self, disk: &str, name: &str, sectors: (u64, u64)) {
        let device = format!("sys/devices/{disk}/{name}");
        self.write(&format!("{device}/partition"), "1\n");
        self.write(&format!("{device}/start"), &format!("{}\n", sectors.0));
        self.write(&format!("{device}/size"), &format!("{}\n", sectors.1));
        self.link(&device, &format!("sys/class/block/{name}"));
        self.node(&device, name);
    }

    /// The number of a device.
    pub(crate) fn number(&self, name: &str) -> String {
        self.read(&format!("dev/{name}"))
    }

    /// Adds a folder that is on the device with this number, by a mount with this number.
    pub(crate) fn placed(&self, folder: &str, device: &str, mount: u64) -> String {
        fs::create_dir_all(self.path(folder)).unwrap();
        let folder = self.path(folder).display().to_string();
        let mut table = fs::read_to_string(self.path("stat")).unwrap_or_default();
        table.push_str(&format!("{folder} {device} {mount}\n"));
        self.write("stat", &table);
        folder
    }

    /// Adds a line to the mounts that a process sees.
    pub(crate) fn mount(&self, process: &str, line: &str) {
        let file = format!("proc/{process}/mountinfo");
        let mut mounts = fs::read_to_string(self.path(&file)).unwrap_or_default();
        mounts.push_str(&format!("{line}\n"));
        self.write(&file, &mounts);
    }

    /// Adds a program that prints this text, for kchaos to find before others.
    pub(crate) fn program(&self, name: &str, prints: &str) {
        let text = format!("bin/{name}.text");
        self.write(&text, prints);
        self.script(name, &format!("cat {}", self.path(&text).display()));
    }

    /// Adds a program that does this in a shell.
    pub(crate) fn script(&self, name: &str, does: &str) {
        let program = format!("bin/{name}");
        self.write(&program, &format!("#!/bin/sh\n{does}\n"));
        fs::set_permissions(self.path(&program), fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Adds the node of a device, whose number is the next one.
    fn node(&self, device: &str, name: &str) {
        /// No disk of the machine that runs the tests has this number.
        const MAJOR: u32 = 4_000;
        let numbers = self.path("sys/dev/block");
        fs::create_dir_all(&numbers).unwrap();
        let number = format!("{MAJOR}:{}", fs::read_dir(numbers).unwrap().count());
        self.link(device, &format!("sys/dev/block/{number}"));
        self.write(&format!("dev/{name}"), &number);
    }

    /// Adds an injection with these files.
    pub(crate) fn injection(&self, name: &str, files: &[(&str, &str)]) {
        fs::create_dir(self.path("config/ioem").join(name)).unwrap();
        for (file, value) in files {
            self.write(&format!("config/ioem/{name}/{file}"), &format!("{value}\n"));
        }
    }

    /// Makes a lease of an injection one that a kchaos renews for its command, until the result is
    /// dropped.
    pub(crate) fn renewed(&self, name: &str) -> OwnedFd {
        let directory = self.path("config/ioem").join(name);
        let opened = open(directory, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).unwrap();
        flock(&opened, FlockOperation::NonBlockingLockExclusive).unwrap();
        opened
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub(crate) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap()
    }

    pub(crate) fn link(&self, target: &str, path: &str) {
        let link = self.path(path);
        fs::create_dir_all(link.parent().unwrap()).unwrap();
        symlink(self.path(target), link).unwrap();
    }

    /// The variables by which the program uses this tree, and the tree's kernel.
    pub(crate) fn environment(&self) -> [(&'static str, PathBuf); 11] {
        [
            ("LD_PRELOAD", "kernel.so"),
            ("NEW_INJECTION", "new"),
            ("TREE_STAT", "stat"),
            ("KCHAOS_CONFIGFS", "config"),
            ("KCHAOS_SYSFS", "sys"),
            ("KCHAOS_STATE", "run/kchaos"),
            ("KCHAOS_DEV", "dev"),
            ("KCHAOS_PROC", "proc"),
            ("KCHAOS_MODULES", "modules"),
            ("KCHAOS_BOOT", "boot"),
            ("KCHAOS_TRACING", "tracing"),
        ]
        .map(|(variable, path)| (variable, self.path(path)))
    }

    /// The program, with the variables of this tree.
    pub(crate) fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new(program.as_ref());
        command.envs(self.environment());
        let path = std::env::var("PATH").unwrap_or_default();
        command.env("PATH", format!("{}:{path}", self.path("bin").display()));
        command
    }

    /// The program with these words as its arguments.
    pub(crate) fn kchaos(&self, arguments: &str) -> Command {
        let mut command = self.command(KCHAOS);
        command.args(arguments.split_whitespace());
        command
    }

    /// The program, run by a user who may change nothing in this tree: root's rights would hide the
    /// messages to others.
    pub(crate) fn kchaos_as_nobody(&self, arguments: &str) -> Command {
        /// The user and group without any files.
        const NOBODY: u32 = 65534;
        let program = self.path("kchaos");
        // Another process copies it: a program cannot run while a process has it open for writing,
        // and processes that other tests start at that moment would inherit this one's open file.
        let copy = std::process::Command::new("cp")
            .arg(KCHAOS)
            .arg(&program)
            .status();
        assert!(copy.unwrap().success());
        for entry in WalkDir::new(self.folder.path()) {
            let entry = entry.unwrap();
            if entry.file_type().is_dir() {
                fs::set_permissions(entry.path(), fs::Permissions::from_mode(0o555)).unwrap();
            } else if entry.file_type().is_file() && entry.path() != program {
                fs::set_permissions(entry.path(), fs::Permissions::from_mode(0o444)).unwrap();
            }
        }
        let mut command = self.command("setpriv");
        if rustix::process::geteuid().is_root() {
            command.args([
                format!("--reuid={NOBODY}"),
                format!("--regid={NOBODY}"),
                "--clear-groups".to_owned(),
            ]);
        }
        command.arg(program).args(arguments.split_whitespace());
        // This user may not be able to read the library.
        command.env_remove("LD_PRELOAD");
        command
    }

    /// Everything in the tree: files with their texts, and directories. The tree's own place does
    /// not show, nor do the folders of kchaos, which stay.
    pub(crate) fn content(&self) -> BTreeMap<PathBuf, Option<String>> {
        // The kernel shows the open files of each process there.
        let is_open_files = |path: &Path| path.ends_with("proc/self/fdinfo");
        WalkDir::new(self.folder.path())
            .into_iter()
            .filter_entry(|entry| !is_open_files(entry.path()))
            .map(|entry| {
                let entry = entry.unwrap();
                let path = entry.path().strip_prefix(self.folder.path()).unwrap();
                let is_file = entry.file_type().is_file();
                let text = is_file.then(|| fs::read_to_string(entry.path()).unwrap());
                let folder = self.folder.path().to_str().unwrap();
                (path.to_owned(), text.map(|text| text.replace(folder, "")))
            })
            .filter(|(path, _)| {
                let own = ["run", "run/kchaos", "run/kchaos/for"];
                own.iter().all(|own| path != Path::new(own))
            })
            .collect()
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        // A directory that nobody may change cannot be emptied either.
        for entry in WalkDir::new(self.folder.path()).into_iter().flatten() {
            if entry.file_type().is_dir() {
                let _ = fs::set_permissions(entry.path(), fs::Permissions::from_mode(0o755));
            }
        }
    }
}

/// The program's standard output.
pub(crate) fn stdout(command: &mut Command) -> String {
    String::from_utf8(command.assert().success().get_output().stdout.clone()).unwrap()
}

/// The program's standard error when it fails with this exit code.
pub(crate) fn stderr(command: &mut Command, exit: i32) -> String {
    let assert = command.assert().code(exit).stdout("");
    String::from_utf8(assert.get_output().stderr.clone()).unwrap()
}
