// SPDX-License-Identifier: GPL-2.0-only

//! The operations that a process may do on files and directories: it tries all of them, and prints
//! the kernel's answers.
//!
//! A test starts this program as `attempt PATH...`, by a command that changes its user or
//! namespaces.

use anyhow::{Context, Result, ensure};
use rustix::{
    fs::{CWD, FileType, Mode, makedev, mknodat},
    mount::{MountFlags, UnmountFlags, mount, unmount},
    process::{getgid, getuid},
};
use std::{
    env, fs, io,
    os::unix::{
        fs::{PermissionsExt, chown, symlink},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::Command,
};

/// The word of the command line for these attempts.
pub(crate) const WORD: &str = "attempt";

/// The user and group without any files.
const NOBODY: u32 = 65_534;

/// A name that no file has.
const NEW: &str = "attempted";

type Operation = (&'static str, fn(&Path) -> io::Result<()>);

const ON_FILES: &[Operation] = &[
    (READ, |file| fs::read(file).map(drop)),
    ("write", |file| {
        let mut file = fs::OpenOptions::new().write(true).open(file)?;
        io::Write::write_all(&mut file, b"0\n")
    }),
    ("truncate", |file| {
        let mut options = fs::OpenOptions::new();
        options.write(true).truncate(true).open(file).map(drop)
    }),
    ("unlink", |file| fs::remove_file(file)),
    ("chmod", |file| set_mode(file, 0o666)),
    ("chown", take_over),
];

/// The last one removes the directory, if it can.
const ON_DIRECTORIES: &[Operation] = &[
    ("mkdir", |directory| fs::create_dir(directory.join(NEW))),
    ("create", |directory| {
        fs::File::create_new(directory.join(NEW)).map(drop)
    }),
    ("symlink", |directory| {
        symlink(directory, directory.join(NEW))
    }),
    ("mknod", |directory| {
        let (kind, device) = (FileType::CharacterDevice, makedev(1, 3));
        let path = directory.join(NEW);
        Ok(mknodat(CWD, path, kind, Mode::RUSR, device)?)
    }),
    ("mount", |directory| {
        mount("none", directory, "configfs", MountFlags::empty(), None)?;
        Ok(unmount(directory, UnmountFlags::empty())?)
    }),
    ("rename", |directory| {
        fs::rename(directory, directory.with_file_name(NEW))
    }),
    ("chmod", |directory| set_mode(directory, 0o777)),
    ("chown", take_over),
    ("rmdir", |directory| fs::remove_dir(directory)),
];

/// The one operation on files that changes no file.
pub(crate) const READ: &str = "read";

fn set_mode(path: &Path, mode: u32) -> io::Result<()> {
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

/// Makes the file the process' own.
fn take_over(path: &Path) -> io::Result<()> {
    chown(path, Some(getuid().as_raw()), Some(getgid().as_raw()))
}

/// `attempt PATH...`: prints for each operation its error number, or 0, and its name.
pub(crate) fn run(paths: &[String]) -> bool {
    for path in paths {
        // The caller marks directories by a slash, since this process may not be able to look.
        let (directory, path) = match path.strip_suffix('/') {
            Some(path) => (true, path),
            None => (false, path.as_str()),
        };
        let operations = if directory { ON_DIRECTORIES } else { ON_FILES };
        for (name, operation) in operations {
            let number = match operation(Path::new(path)) {
                Ok(()) => 0,
                Err(error) => error.raw_os_error().unwrap_or(-1),
            };
            println!("{number} {name} {path}");
        }
    }
    true
}

/// The user that tries.
pub(crate) enum Who {
    /// The machine's root.
    Root,
    /// A user without any privilege.
    Nobody,
    /// That user, in root's group.
    NobodyOfRootsGroup,
    /// That user, as the root of a container: of user, mount, PID, network, IPC and UTS namespaces
    /// of its own.
    RootOfNobody,
}

/// An operation, and the kernel's answer.
pub(crate) struct Attempt {
    /// 0 if the kernel did it.
    pub(crate) errno: i32,
    pub(crate) operation: String,
    pub(crate) path: PathBuf,
}

/// Tries every operation on these files and directories, as this user.
pub(crate) fn by(who: &Who, paths: &[PathBuf]) -> Result<Vec<Attempt>> {
    let mut command = command(who, &env::current_exe()?);
    command.arg(WORD);
    for path in paths {
        let path = path.to_str().context("a path that is no text")?;
        let slash = if Path::new(path).is_dir() { "/" } else { "" };
        command.arg(format!("{path}{slash}"));
    }
    let output = command.output().context("starting the attempt")?;
    ensure!(
        output.status.success(),
        "the attempt has failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout)?;
    let attempts: Result<Vec<Attempt>> = text.lines().map(read_line).collect();
    attempts
}

/// Whether the kernel has namespaces of this kind.
pub(crate) fn has_namespaces(kind: &str) -> bool {
    Path::new("/proc/self/ns").join(kind).exists()
}

/// Options of `unshare` for a container: all namespaces that the kernel has, user namespaces only
/// if wanted.
pub(crate) fn container(of_users: bool) -> Vec<&'static str> {
    let kinds: [(&str, &[&str]); 6] = [
        ("user", &["-U", "-r"]),
        ("mnt", &["-m"]),
        ("pid", &["-p", "-f"]),
        ("net", &["-n"]),
        ("ipc", &["-i"]),
        ("uts", &["-u"]),
    ];
    let wanted = |kind: &str| has_namespaces(kind) && (of_users || kind != "user");
    kinds
        .iter()
        .filter(|(kind, _)| wanted(kind))
        .flat_map(|(_, options)| options.iter().copied())
        .collect()
}

/// A command that runs a program as this user.
pub(crate) fn command(who: &Who, program: &Path) -> Command {
    let mut command = match who {
        Who::RootOfNobody => {
            let mut command = Command::new("unshare");
            command.args(container(true)).arg(program);
            command
        }
        _ => Command::new(program),
    };
    // The process loses all capabilities and other groups with the user.
    match who {
        Who::Root => {}
        Who::Nobody | Who::RootOfNobody => drop(command.uid(NOBODY).gid(NOBODY)),
        Who::NobodyOfRootsGroup => drop(command.uid(NOBODY).gid(0)),
    }
    command
}

fn read_line(line: &str) -> Result<Attempt> {
    let mut words = line.splitn(3, ' ');
    let mut word = || words.next().context("a line that is too short");
    Ok(Attempt {
        errno: word()?.parse()?,
        operation: word()?.to_owned(),
        path: word()?.into(),
    })
}
