// SPDX-License-Identifier: GPL-2.0-only

//! Makes a target ready: each step runs only if its result is missing.

use crate::{
    cache::{self, Lock, checksum, entries, is_of_today},
    chroot,
    kernel::Kernel,
    lab::Lab,
    own,
    packages::tools_checksum,
    step::{say, tell},
    target::KernelCrate,
};
use anyhow::Result;
use std::{
    fs::{self, File},
    path::PathBuf,
    time::Instant,
};

/// A target that is ready, and stays so until the lab exits.
///
/// One lock covers the whole cache, as targets share their suite's chroot: the lab takes it
/// exclusively to change the chroot, then shares it. A kernel that the lab builds has folders and a
/// lock of its own, so other targets stay usable while the lab builds it.
#[derive(Debug)]
pub(crate) struct Ready {
    /// The target's kernel.
    pub(crate) kernel: Kernel,
    /// The part of the guest that does not change from run to run.
    pub(crate) base: PathBuf,
    _locks: [Lock; 2],
}

impl Lab {
    /// Makes the target ready.
    pub(crate) fn prepare(&self) -> Result<Ready> {
        let whole = self.prepare_chroot()?;
        // Not before: a run that builds this kernel shares the first lock, and waits for this one.
        let own_lock = Lock::share(&self.state().join("lock"))?;
        match self.target.own.as_deref() {
            Some(own) if !self.has_kernel()? => {
                own_lock.while_alone("this kernel", || self.make_own_kernel(own))?;
            }
            _ => {}
        }
        let kernel = Kernel::read(&self.state().join("kernel"))?;
        let base = self.need_base(&kernel)?;
        Ok(Ready {
            kernel,
            base,
            _locks: [whole, own_lock],
        })
    }

    /// Makes all ready but a kernel that the lab builds: the part for which other runs that use the
    /// cache have to end.
    pub(crate) fn prepare_chroot(&self) -> Result<Lock> {
        self.need_host()?;
        let whole = Lock::share(&self.cache.join("lock"))?;
        let is_own = self.target.own.is_some();
        let lacks_kernel = !self.has_kernel()? && (!is_own || self.known_kernel().is_none());
        if lacks_kernel || !self.has_emulator() {
            whole.while_alone("the cache", || self.make_ready())?;
        }
        Ok(whole)
    }

    /// The suite's kernel, if the lab knows it and has its tools.
    fn known_kernel(&self) -> Option<Kernel> {
        let kernel = self.kernel_of_today()?;
        self.tools_stamp(&kernel).exists().then_some(kernel)
    }

    /// The kernel from the cache, unless its file is older than a day.
    fn kernel_of_today(&self) -> Option<Kernel> {
        let path = self.state().join("kernel");
        let is_known = self.chroot.is_ready() && is_of_today(&path);
        is_known.then(|| Kernel::read(&path).ok()).flatten()
    }

    fn has_kernel(&self) -> Result<bool> {
        match self.known_kernel() {
            Some(kernel) => Ok(self.kernel_stamp(&kernel)?.exists()),
            None => Ok(false),
        }
    }

    /// The file whose presence says that the chroot has this version's packages; its name has the
    /// checksum of their lists.
    fn tools_stamp(&self, kernel: &Kernel) -> PathBuf {
        self.state()
            .join(format!("tools-{}-{}", kernel.version, tools_checksum()))
    }

    /// The file whose presence says that the kernel is complete; for a kernel that the lab builds,
    /// its name has the configuration's checksum.
    fn kernel_stamp(&self, kernel: &Kernel) -> Result<PathBuf> {
        let mut name = format!("ready-{}-{}", kernel.release, kernel.version);
        if let Some(own) = &self.target.own {
            let config = own::configuration(&self.chroot.top, own, self.target.kernel_crate)?;
            name += &format!("-{}", checksum(config.as_bytes()));
        }
        Ok(self.state().join(name))
    }

    fn make_ready(&self) -> Result<()> {
        fs::create_dir_all(self.state())?;
        self.remove_leftovers()?;
        self.make_emulator()?;
        if !self.chroot.is_ready() {
            let (base, suite) = (self.target.base_suite(), &self.target.suite);
            self.step(&format!("making a chroot of {suite}"), |output| {
                self.chroot.make(output, base, suite, &[])
            })?;
        }
        let kernel = match self.kernel_of_today() {
            Some(kernel) => kernel,
            None => {
                let text = format!("asking {} for {}", self.target.suite, self.target.package);
                let kernel = self.step(&text, |output| self.resolve(output))?;
                kernel.write(&self.state().join("kernel"))?;
                kernel
            }
        };
        if !self.tools_stamp(&kernel).exists() {
            let text = format!(
                "installing compilers, the source of {}, and QEMU (300 MB to fetch)",
                kernel.release
            );
            self.step(&text, |output| self.install_tools(output, &kernel))?;
            self.remove_stamps("tools-")?;
            File::create(self.tools_stamp(&kernel))?;
        }
        if self.target.own.is_some() {
            return Ok(());
        }
        if !self.kernel_stamp(&kernel)?.exists() {
            self.tell_kernel(&kernel);
            if self.target.kernel_crate == KernelCrate::Kernel {
                let text = "regenerating its Rust metadata from its source (about 2 minutes)";
                self.step(text, |output| self.regenerate_metadata(output, &kernel))?;
            }
            if self.target.kernel_crate == KernelCrate::OwnByHeaders {
                self.step("unpacking its source", |output| {
                    self.check_source(output, &kernel)?;
                    self.unpack_source(output, &kernel, &kernel.source())
                })?;
            }
            let text = "fetching its image and modules";
            self.step(text, |output| self.fetch_kernel(output, &kernel))?;
            self.remove_stamps("ready-")?;
            self.remove_stamps("base-")?;
            File::create(self.kernel_stamp(&kernel)?)?;
        }
        Ok(())
    }

    fn make_own_kernel(&self, own: &str) -> Result<()> {
        let kernel = Kernel::read(&self.state().join("kernel"))?;
        if self.kernel_stamp(&kernel)?.exists() {
            return Ok(());
        }
        self.tell_kernel(&kernel);
        self.remove_stamps("ready-")?;
        self.remove_stamps("base-")?;
        let text = "building it (about a quarter of an hour)";
        self.step(text, |output| self.build_kernel(output, &kernel, own))?;
        File::create(self.kernel_stamp(&kernel)?)?;
        Ok(())
    }

    fn tell_kernel(&self, kernel: &Kernel) {
        say(&format!(
            "the kernel is {} ({})",
            kernel.release, kernel.version
        ));
    }

    /// The archive for this kernel. Other runs may use the target while this run packs it.
    fn need_base(&self, kernel: &Kernel) -> Result<PathBuf> {
        let base = self.base(kernel)?;
        let path = self.state().join(&base.name);
        if !path.exists() {
            let text = "packing the guest's programs and modules";
            self.step(text, |output| self.make_base(output, kernel, &base))?;
        }
        Ok(path)
    }

    fn remove_stamps(&self, prefix: &str) -> Result<()> {
        entries(&self.state(), prefix)?
            .iter()
            .try_for_each(|path| chroot::remove(path))
    }

    /// Removes leftovers of killed runs, and archives that other versions of the lab have packed.
    fn remove_leftovers(&self) -> Result<()> {
        let mut paths = entries(&self.cache, "run.")?;
        paths.extend(entries(&self.state(), "base-")?);
        paths.retain(|path| !is_of_today(path));
        paths.iter().try_for_each(|path| chroot::remove(path))
    }
}

/// Removes the cache.
pub(crate) fn clean() -> Result<()> {
    let cache = cache::folder()?;
    let lock = cache.join("lock");
    let Some(_lock) = Lock::try_alone(&lock)? else {
        anyhow::bail!(
            "another run uses {}: wait for it, or end it.",
            cache.display()
        );
    };
    // The lock itself stays: another run may be waiting for it.
    let entries = entries(&cache, "")?
        .into_iter()
        .filter(|path| *path != lock);
    let start = Instant::now();
    tell(&format!("lab: removing {} ... ", cache.display()));
    entries
        .into_iter()
        .try_for_each(|path| chroot::remove(&path))?;
    tell(&format!("{} s\n", start.elapsed().as_secs()));
    Ok(())
}
