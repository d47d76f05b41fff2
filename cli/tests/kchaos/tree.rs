// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! A folder that stands in for configfs, sysfs, /dev and /run.

use assert_cmd::Command;
use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
};
use tempfile::TempDir;
use walkdir::WalkDir;

/// The program.
pub(crate) const KCHAOS: &str = env!("CARGO_BIN_EXE_kchaos");

/// The folder, which goes when dropped.
pub(crate) struct Tree {
    folder: TempDir,
}

impl Tree {
    /// A system on which the module is loaded and the disk vda, with one partition, is on kyber.
    pub(crate) fn new() -> Self {
        let tree = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        tree.write("config/ioem/version", "1\n");
        tree.write("config/ioem/enabled", "1\n");
        tree.disk("vda", "none mq-deadline [kyber]");
        let partition = "sys/devices/vda/vda1";
        tree.write(&format!("{partition}/partition"), "1\n");
        tree.link(partition, "sys/class/block/vda1");
        tree.write("dev/vda1", "");
        // Nothing that the system needs is on these disks.
        tree.write(
            "proc/self/mountinfo",
            "1 1 254:99 / / rw - ext4 /dev/elsewhere rw\n",
        );
        tree.write("proc/swaps", "Filename Type Size Used Priority\n");
        tree
    }

    /// Adds a disk whose file `queue/scheduler` says this.
    pub(crate) fn disk(&self, name: &str, schedulers: &str) {
        let device = format!("sys/devices/{name}");
        self.write(
            &format!("{device}/queue/scheduler"),
            &format!("{schedulers}\n"),
        );
        self.link(&device, &format!("sys/block/{name}"));
        self.link(&device, &format!("sys/class/block/{name}"));
        self.write(&format!("dev/{name}"), "");
    }

    /// Adds an injection with these files.
    pub(crate) fn injection(&self, name: &str, files: &[(&str, &str)]) {
        fs::create_dir(self.path("config/ioem").join(name)).unwrap();
        for (file, value) in files {
            self.write(&format!("config/ioem/{name}/{file}"), &format!("{value}\n"));
        }
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

    /// The variables that tell the program to use this tree.
    pub(crate) fn roots(&self) -> [(&'static str, PathBuf); 5] {
        [
            ("KCHAOS_CONFIGFS", "config"),
            ("KCHAOS_SYSFS", "sys"),
            ("KCHAOS_STATE", "run/kchaos"),
            ("KCHAOS_DEV", "dev"),
            ("KCHAOS_PROC", "proc"),
        ]
        .map(|(variable, path)| (variable, self.path(path)))
    }

    /// The program, told to use this tree.
    pub(crate) fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new(program.as_ref());
        for (variable, path) in self.roots() {
            command.env(variable, path);
        }
        command
    }

    /// The program with these words as its arguments.
    pub(crate) fn kchaos(&self, arguments: &str) -> Command {
        let mut command = self.command(KCHAOS);
        command.args(arguments.split_whitespace());
        command
    }

    /// The program, run by a user who may change nothing in this tree: root's rights would hide what others are told.
    pub(crate) fn kchaos_as_nobody(&self, arguments: &str) -> Command {
        /// The user and group that own nothing.
        const NOBODY: u32 = 65534;
        let program = self.path("kchaos");
        // By another process: a program cannot be run while somebody has it open for writing, and what other tests start at
        // that moment would inherit this one's open file.
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
        command
    }

    /// Everything in the tree: files with their texts, and directories.
    pub(crate) fn content(&self) -> BTreeMap<PathBuf, Option<String>> {
        WalkDir::new(self.folder.path())
            .into_iter()
            .map(|entry| {
                let entry = entry.unwrap();
                let path = entry.path().strip_prefix(self.folder.path()).unwrap();
                let text = entry
                    .file_type()
                    .is_file()
                    .then(|| fs::read_to_string(entry.path()).unwrap());
                (path.to_owned(), text)
            })
            .collect()
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        // Directories that nobody may change cannot be emptied either.
        for entry in WalkDir::new(self.folder.path()).into_iter().flatten() {
            if entry.file_type().is_dir() {
                let _ = fs::set_permissions(entry.path(), fs::Permissions::from_mode(0o755));
            }
        }
    }
}

/// What the program printed on standard output.
pub(crate) fn stdout(command: &mut Command) -> String {
    String::from_utf8(command.assert().success().get_output().stdout.clone()).unwrap()
}

/// What the program said on standard error when it failed with this exit code.
pub(crate) fn stderr(command: &mut Command, exit: i32) -> String {
    let assert = command.assert().code(exit).stdout("");
    String::from_utf8(assert.get_output().stderr.clone()).unwrap()
}
