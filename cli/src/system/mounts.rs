// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Mounted file systems and swap, as /proc shows them.

use super::Roots;
use rustix::fs::OFlags;
use std::{
    ffi::OsString,
    fs::{self, OpenOptions},
    io,
    os::{
        fd::AsRawFd,
        unix::{ffi::OsStringExt, fs::OpenOptionsExt},
    },
    path::{Path, PathBuf},
};

/// A mounted file system.
#[derive(Clone, Debug)]
pub(crate) struct Mount {
    /// The number of the mount, which no other on the machine has.
    pub(crate) id: u64,
    /// The number of its device, such as `8:1`; one that begins with `0:` is of no device.
    pub(crate) number: String,
    /// The directory of the file system that is at the mount point.
    pub(crate) root: PathBuf,
    /// The mount point.
    pub(crate) point: PathBuf,
    /// The kind of the file system.
    pub(crate) kind: String,
    /// The source: most often the path of a device.
    pub(crate) source: OsString,
    /// The file system's own options, with commas between them, and escapes.
    own_options: Vec<u8>,
}

impl Mount {
    /// The value of an option of the file system, such as of `upperdir`.
    pub(crate) fn option(&self, name: &str) -> Option<OsString> {
        self.options(name).next()
    }

    /// The values of an option that can be there several times.
    pub(crate) fn options(&self, name: &str) -> impl Iterator<Item = OsString> {
        let options = self.own_options.split(|&byte| byte == b',');
        options.filter_map(move |option| {
            let value = option.strip_prefix(name.as_bytes())?;
            value.strip_prefix(b"=").map(unescape)
        })
    }
}

/// The file systems that this process sees, in the order in which they were mounted.
pub(crate) fn mounts(roots: &Roots) -> io::Result<Vec<Mount>> {
    mounts_of(roots, "self")
}

/// The file systems that a process sees.
pub(crate) fn mounts_of(roots: &Roots, process: &str) -> io::Result<Vec<Mount>> {
    // A name can have any bytes, and one that is no text must not hide the other mounts.
    let text = fs::read(roots.proc.join(process).join("mountinfo"))?;
    Ok(parse_mounts(&text))
}

/// The number of the mount that the kernel finds a path on. It need not be one that this process
/// sees, as with `/proc/PID/root`.
pub(crate) fn mount_id(roots: &Roots, path: &Path) -> Option<u64> {
    // Such a handle opens neither a device nor a pipe.
    let flags = OFlags::PATH.bits() as i32;
    let mut options = OpenOptions::new();
    let file = options.read(true).custom_flags(flags).open(path).ok()?;
    let about = roots.proc.join("self/fdinfo");
    let text = fs::read_to_string(about.join(file.as_raw_fd().to_string())).ok()?;
    let number = text.lines().find_map(|line| line.strip_prefix("mnt_id:"))?;
    number.trim().parse().ok()
}

/// Reads a mount in each line.
pub(crate) fn parse_mounts(text: &[u8]) -> Vec<Mount> {
    lines(text).filter_map(mount).collect()
}

fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|&byte| byte == b'\n')
}

/// Reads a line such as `36 35 8:1 / /mnt rw,noatime shared:1 - ext4 /dev/sda1 rw`.
fn mount(line: &[u8]) -> Option<Mount> {
    let text = |word: &[u8]| String::from_utf8(word.to_vec()).ok();
    let mut words = line.split(|&byte| byte == b' ');
    let id = text(words.next()?)?.parse().ok()?;
    let number = text(words.nth(1)?)?;
    let root = PathBuf::from(unescape(words.next()?));
    let point = PathBuf::from(unescape(words.next()?));
    words.find(|word| *word == b"-")?;
    Some(Mount {
        id,
        number,
        root,
        point,
        kind: text(words.next()?)?,
        source: unescape(words.next()?),
        own_options: words.next().unwrap_or_default().to_vec(),
    })
}

/// The mount that is visible at `point`: of several, the last one hides the others.
pub(crate) fn mounted_at<'a>(mounts: &'a [Mount], point: &Path) -> Option<&'a Mount> {
    mounts.iter().rfind(|mount| mount.point == point)
}

/// The mount that a path without links is on.
pub(crate) fn mount_of<'a>(mounts: &'a [Mount], path: &Path) -> Option<&'a Mount> {
    mounts
        .iter()
        .filter(|mount| path.starts_with(&mount.point))
        // Of equals, this takes the last.
        .max_by_key(|mount| mount.point.components().count())
}

/// The devices and files of swap.
///
/// # Errors
///
/// If nobody can tell. A kernel without swap has no list of it, and neither has a `/proc` that only
/// shows processes (`subset=pid`); but that has no `meminfo` either.
pub(crate) fn swaps(roots: &Roots) -> io::Result<Vec<PathBuf>> {
    match fs::read(roots.proc.join("swaps")) {
        Ok(text) => Ok(parse_swaps(&text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            fs::metadata(roots.proc.join("meminfo")).map(|_| Vec::new())
        }
        Err(error) => Err(error),
    }
}

/// Reads the path at the beginning of each line but the first.
pub(crate) fn parse_swaps(text: &[u8]) -> Vec<PathBuf> {
    lines(text)
        .skip(1)
        .filter_map(|line| line.split(u8::is_ascii_whitespace).next())
        .filter(|path| !path.is_empty())
        .map(|path| PathBuf::from(unescape(path)))
        .collect()
}

/// A text without the escapes that the kernel has for spaces and the like, such as `\040`.
pub(crate) fn unescape(text: &[u8]) -> OsString {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some((&first, after)) = rest.split_first() {
        let code = (first == b'\\').then(|| octal(after.get(..3)?)).flatten();
        bytes.push(code.unwrap_or(first));
        rest = if code.is_some() { &after[3..] } else { after };
    }
    OsString::from_vec(bytes)
}

/// The byte whose octal number these digits are, if they are one.
fn octal(digits: &[u8]) -> Option<u8> {
    digits.iter().try_fold(0_u8, |value, digit| {
        let digit = digit.checked_sub(b'0').filter(|digit| *digit < 8)?;
        value.checked_mul(8)?.checked_add(digit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_as_the_kernel_writes_them() {
        let line = br"36 35 8:1 /sub /my\040disk rw,noatime shared:1 master:2 - ext4 /dev/sda1 rw";
        let read = mount(line).unwrap();
        assert_eq!(
            (
                read.number.as_str(),
                read.point.as_path(),
                read.kind.as_str()
            ),
            ("8:1", Path::new("/my disk"), "ext4")
        );
        assert_eq!(read.source, "/dev/sda1");
        assert_eq!((read.id, read.option("rw")), (36, None));
        let line = br"9 1 0:40 / /m rw - overlay none rw,lowerdir=/l,upperdir=/a\054b\040c,x=1";
        let read = mount(line).unwrap();
        assert_eq!(read.option("upperdir").unwrap(), "/a,b c");
        assert_eq!(read.option("upper"), None);
        assert!(mount(b"nonsense").is_none());
    }

    #[test]
    fn a_name_that_is_no_text_hides_no_other() {
        let text = b"1 0 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 0:9 / /\xff rw - tmpfs \xff rw\n";
        let mounts = parse_mounts(text);
        assert_eq!(mounts.len(), 2);
        assert_eq!(mounted_at(&mounts, Path::new("/")).unwrap().number, "8:1");
        let swaps = parse_swaps(b"Filename Type\n/\xff\\040a file\n/dev/sda2\tpartition\n");
        assert_eq!(swaps.len(), 2);
        assert_eq!(swaps[1], Path::new("/dev/sda2"));
    }

    #[test]
    fn the_last_and_deepest_mount_is_seen() {
        let text = "1 0 0:2 / / rw - rootfs rootfs rw\n\
                    2 1 8:1 / / rw - ext4 /dev/sda1 rw\n\
                    3 2 8:2 / /a rw - ext4 /dev/sda2 rw";
        let mounts: Vec<Mount> = parse_mounts(text.as_bytes());
        let number = |path: &str| mount_of(&mounts, Path::new(path)).unwrap().number.as_str();
        assert_eq!((number("/ab"), number("/a/b")), ("8:1", "8:2"));
        let root = mounted_at(&mounts, Path::new("/")).unwrap();
        assert_eq!(root.number, "8:1");
        assert!(mounted_at(&mounts, Path::new("/usr")).is_none());
    }

    #[test]
    fn what_is_no_escape_stays() {
        assert_eq!(unescape(br"a\134b\x\04"), r"a\b\x\04");
        // A number's sign is no digit.
        assert_eq!(unescape(br"\+40"), r"\+40");
    }
}
