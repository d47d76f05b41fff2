// SPDX-License-Identifier: GPL-2.0-only

//! The part of the guest that only changes with the kernel: busybox, fio, mkfs, the modules.

use crate::{
    archive::Archive, cache::checksum, kernel::Kernel, lab::Lab, libraries::Libraries,
    process::Output,
};
use anyhow::{Context, Result};
use std::{
    collections::BTreeSet,
    fs,
    io::BufWriter,
    path::{Path, PathBuf},
};
use tempfile::{NamedTempFile, TempDir};

/// The version of this recipe. Count it up when a change of this file changes the archive.
const RECIPE: u32 = 2;

/// Modules that a command needs before it can use disks, modules that tests load, and the ciphers
/// that dm-crypt asks for by name.
const MODULES: &str = "virtio_blk null_blk scsi_debug loop dm-mod dm-delay dm-crypt mq-deadline \
    kyber-iosched bfq configfs ext4 xfs btrfs scsi_mod sd_mod f2fs dm-mirror dm-multipath \
    dm-round-robin dm-thin-pool raid0 raid1 nvme-loop algif_skcipher overlay virtio_pci \
    virtio_console xts ecb aes_generic tcm_loop target_core_iblock";

/// Programs in the guest, beside busybox.
const PROGRAMS: &str = "fio mkfs.ext4 fsck.ext4 mkfs.xfs mkfs.btrfs btrfs mkfs.f2fs chrt dmsetup \
    blkzone strace insmod kmod lvm cryptsetup mdadm sqlite3";

/// Prints the lines by which modprobe would load a module; its words: the folder, the release, and
/// the module. Not every kernel has all modules: of a missing one, it prints nothing.
const SHOW: &str = r#"
    shown=$(modprobe -d "$1" -S "$2" --show-depends "$3" 2>&1) || case $shown in
        *"Module $3 not found in directory"*) exit 0 ;;
        *) printf '%s\n' "$shown" >&2; exit 1 ;;
    esac
    printf '%s\n' "$shown"
"#;

const FOLDERS: &str = "bin sbin dev proc sys tmp mnt run root etc usr/bin lib/modules";

/// The archive of a kernel.
#[derive(Debug)]
pub(crate) struct Base {
    /// Its file.
    pub(crate) name: String,
    init: PathBuf,
}

impl Lab {
    /// The archive for this kernel.
    pub(crate) fn base(&self, kernel: &Kernel) -> Result<Base> {
        let init = self.chroot.top.join("tools/guest-init");
        let text = fs::read_to_string(&init);
        let text = text.with_context(|| format!("cannot read {}", init.display()))?;
        let content = format!("{RECIPE}\n{MODULES}\n{PROGRAMS}\n{FOLDERS}\n{text}");
        let sum = checksum(content.as_bytes());
        Ok(Base {
            name: format!("base-{}-{sum}.cpio", kernel.release),
            init,
        })
    }

    /// Packs the archive.
    pub(crate) fn make_base(&self, output: &Output, kernel: &Kernel, base: &Base) -> Result<()> {
        let state = self.state();
        let new = NamedTempFile::with_prefix_in("base-new.", &state)?;
        let mut archive = Archive::new(BufWriter::new(new.as_file()));
        for folder in FOLDERS.split_whitespace() {
            archive.folder(Path::new(folder))?;
        }
        archive.link(Path::new("lib64"), "lib")?;
        archive.file(Path::new("init"), &base.init)?;
        let busybox = self.guest_programs().join("usr/bin/busybox");
        archive.file(Path::new("bin/busybox"), &busybox)?;
        let mut libraries = Libraries::new(self, output);
        let mut programs = Vec::new();
        for name in PROGRAMS.split_whitespace() {
            let path = libraries.program(name)?;
            archive.file(&Path::new("bin").join(name), &path)?;
            programs.push(path);
        }
        libraries.add_of(&programs)?;
        libraries.write(&mut archive)?;
        let modules = format!("lib/modules/{}", kernel.release);
        let copied = self.copy_modules(output, kernel)?;
        archive.tree(Path::new(&modules), &copied.path().join(&modules))?;
        archive.finish()?;
        new.persist(state.join(&base.name))?;
        Ok(())
    }

    /// Copies the modules that guests use, and makes the lists by which modprobe finds them.
    fn copy_modules(&self, output: &Output, kernel: &Kernel) -> Result<TempDir> {
        let (chroot, release) = (&self.chroot, kernel.release.as_str());
        let folder = TempDir::with_prefix_in("modules.", chroot.outside("tmp"))?;
        let name = folder.path().file_name().unwrap_or_default();
        let inside = format!("/tmp/{}", name.to_string_lossy());
        let from = chroot.outside(&kernel.modules());
        let to = folder.path().join("lib/modules").join(release);
        let base = format!("{}/usr", kernel.image_folder());
        let mut files: BTreeSet<PathBuf> = BTreeSet::new();
        for module in MODULES.split_whitespace() {
            let words = ["sh", "-ec", SHOW, "show", &base, release, module];
            let shown = chroot.read(output, &words)?;
            files.extend(files_of(&shown).map(PathBuf::from));
        }
        files.extend(
            ["order", "builtin", "builtin.modinfo"].map(|list| format!("modules.{list}").into()),
        );
        for file in files.iter().filter(|file| from.join(file).exists()) {
            let copy = to.join(file);
            fs::create_dir_all(copy.parent().context("a module is in a folder")?)?;
            fs::copy(from.join(file), copy)?;
        }
        chroot.run(output, &["depmod", "-b", &inside, release])?;
        Ok(folder)
    }
}

/// The files of modules that modprobe would insert, below the folder of the kernel's modules.
fn files_of(shown: &str) -> impl Iterator<Item = &str> {
    shown.lines().filter_map(|line| {
        let path = line.strip_prefix("insmod ")?.split_whitespace().next()?;
        path.find("/kernel/").map(|place| &path[place + 1..])
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process;

    /// The output of the script with a modprobe that is this line of shell.
    fn shown(modprobe: &str) -> Result<String> {
        let script = format!("modprobe() {{ {modprobe}; }}\n{SHOW}");
        let words = ["sh", "-ec", &script, "show", "/base", "7.2", "raid0"];
        process::read(&mut process::command(&words))
    }

    #[test]
    fn only_a_missing_module_is_no_failure_of_modprobe() {
        let line = shown("echo \"insmod $2/kernel/$6.ko\"").unwrap();
        assert_eq!(line, "insmod /base/kernel/raid0.ko\n");
        let fatal = "echo modprobe: FATAL: Module raid0";
        let missing = shown(&format!(
            "{fatal} not found in directory /base >&2; return 1"
        ));
        assert_eq!(missing.unwrap(), "");
        assert!(shown(&format!("{fatal} is odd >&2; return 1")).is_err());
        assert!(shown("kill -KILL $$").is_err());
    }

    #[test]
    fn modules_are_read_from_modprobe() {
        let shown = "insmod /var/lib/chaos-kernel-7.2/usr/lib/modules/7.2/kernel/fs/jbd2.ko.xz \n\
            builtin configfs\n\
            insmod /var/lib/x/kernel/drivers/block/null_blk.ko nr_devices=2\n";
        let files: Vec<&str> = files_of(shown).collect();
        assert_eq!(
            files,
            ["kernel/fs/jbd2.ko.xz", "kernel/drivers/block/null_blk.ko"]
        );
    }
}
