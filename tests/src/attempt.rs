// SPDX-License-Identifier: GPL-2.0-only

//! What a process may do to files and directories: it tries everything, and tells what the kernel said.
//!
//! A test starts this program as `attempt PATH...`, by whatever makes it somebody else.

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

/// The word of the command line that has this program try.
pub(crate) const WORD: &str = "attempt";

/// The user and group that own nothing.
const NOBODY: u32 = 65_534;

/// A name that nothing has.
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

/// The last one takes the directory away, if it can.
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

/// The one operation on files that changes nothing.
pub(crate) const READ: &str = "read";

fn set_mode(path: &Path, mode: u32) -> io::Result<()> {
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

/// Makes it the process' own.
fn take_over(path: &Path) -> io::Result<()> {
    chown(path, Some(getuid().as_raw()), Some(getgid().as_raw()))
}

/// `attempt PATH...`: prints for each operation the error number, or 0, and what was tried.
pub(crate) fn run(paths: &[String]) -> bool {
    for path in paths {
        // Told apart by who can see it all.
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

/// Who tries.
pub(crate) enum Who {
    /// The machine's root.
    Root,
    /// A user without any privilege.
    Nobody,
    /// That user, in root's group.
    NobodyOfRootsGroup,
    /// That user, as the root of a container: of user, mount, PID, network, IPC and UTS namespaces of its own.
    RootOfNobody,
}

/// What was tried, and what the kernel said.
pub(crate) struct Attempt {
    /// 0 if it was done.
    pub(crate) errno: i32,
    pub(crate) operation: String,
    pub(crate) path: PathBuf,
}

/// Has somebody try everything with these files and directories.
pub(crate) fn by(who: &Who, paths: &[PathBuf]) -> Result<Vec<Attempt>> {
    let mut command = command(who, &env::current_exe()?);
    command.arg(WORD);
    for path in paths {
        let path = path.to_str().context("a path that is no text")?;
        let slash = if Path::new(path).is_dir() { "/" } else { "" };
        command.arg(format!("{path}{slash}"));
    }
    let output = command.output().context("starting who tries")?;
    ensure!(
        output.status.success(),
        "who tries has failed: {}",
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

/// Options of `unshare` for a container: of all namespaces that the kernel has, of users only if wanted.
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

/// A command that somebody runs.
pub(crate) fn command(who: &Who, program: &Path) -> Command {
    let mut command = match who {
        Who::RootOfNobody => {
            let mut command = Command::new("unshare");
            command.args(container(true)).arg(program);
            command
        }
        _ => Command::new(program),
    };
    // All capabilities and other groups go with the user.
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
