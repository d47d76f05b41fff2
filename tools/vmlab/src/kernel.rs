// SPDX-License-Identifier: GPL-2.0-only

//! A distribution's kernel: which one it is today, its tools, its Rust metadata, its image.

use crate::{
    chroot::debootstrap,
    lab::Lab,
    packages::{GUEST_PACKAGES, METADATA_TOOLS, OWN_TOOLS, SOURCE_TOOLS, TOOLS, rust_packages},
    process::Output,
    target::KernelCrate,
};
use anyhow::{Context, Result};
use std::{
    fs,
    path::{Path, PathBuf},
    thread,
};

/// The kernel that a target's package names today.
#[derive(Debug, PartialEq)]
pub(crate) struct Kernel {
    /// Of this kernel, such as 7.2.12+deb14-cloud-amd64; one that the lab builds is 7.2.12-kasan.
    pub(crate) release: String,
    /// Of the distribution's package, such as 7.2.12-1.
    pub(crate) version: String,
    /// Of its source, such as 7.2.
    pub(crate) series: String,
}

impl Kernel {
    /// Reads what [`write`](Self::write) has written.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path)?;
        let value = |name: &str| {
            let value = text
                .lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
            value
                .map(str::to_owned)
                .with_context(|| format!("{} has no {name}", path.display()))
        };
        Ok(Self {
            release: value("release")?,
            version: value("version")?,
            series: value("series")?,
        })
    }

    /// Writes this kernel's file in the cache, whole or not at all.
    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        let Self {
            release,
            version,
            series,
        } = self;
        let new = path.with_extension("new");
        fs::write(
            &new,
            format!("release={release}\nversion={version}\nseries={series}\n"),
        )?;
        Ok(fs::rename(new, path)?)
    }

    /// The folder of its headers in the chroot.
    pub(crate) fn headers(&self) -> String {
        format!("/usr/src/linux-headers-{}", self.release)
    }

    /// The folder of its source in the chroot, for targets that take more headers from there.
    pub(crate) fn source(&self) -> String {
        format!("/usr/src/chaos-more-headers-{}", self.release)
    }

    /// The folder of its image and modules in the chroot.
    pub(crate) fn image_folder(&self) -> String {
        format!("/var/lib/chaos-kernel-{}", self.release)
    }

    /// The folder of its modules in the chroot.
    pub(crate) fn modules(&self) -> String {
        format!("{}/usr/lib/modules/{}", self.image_folder(), self.release)
    }

    /// The part of the release after x.y.z. Without it, make gives the module another vermagic.
    pub(crate) fn local_version(&self) -> &str {
        &self.release[leading(&self.release, 3).len()..]
    }
}

/// The numbers that a release begins with, at most `count`, with the points between them.
fn leading(release: &str, count: usize) -> &str {
    let is_number = |part: &&str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let digits = release
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(release.len());
    let numbers = release[..digits]
        .split('.')
        .take_while(is_number)
        .take(count);
    let length: usize = numbers.map(|number| number.len() + 1).sum();
    &release[..length.saturating_sub(1)]
}

/// The value of a text among the options of a configuration.
pub(crate) fn text_option<'a>(config: &'a str, name: &str) -> Option<&'a str> {
    let value = config
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix('='))?;
    value.strip_prefix('"')?.strip_suffix('"')
}

/// The option for the number of jobs that make runs at once.
pub(crate) fn jobs() -> String {
    format!(
        "-j{}",
        thread::available_parallelism().map_or(1, usize::from)
    )
}

impl Lab {
    /// Asks the suite which kernel its package names.
    pub(crate) fn resolve(&self, output: &Output) -> Result<Kernel> {
        let (target, chroot) = (&self.target, &self.chroot);
        let arch = target.arch.debian;
        if target.is_foreign() {
            chroot.run(output, &["dpkg", "--add-architecture", arch])?;
        }
        chroot.run(output, &["apt-get", "update", "-qq"])?;
        let default = format!("APT::Default-Release={}", target.suite);
        let package = format!("{}:{arch}", target.package);
        let depends = chroot.read(output, &["apt-cache", "-o", &default, "depends", &package])?;
        let release = release_of(&depends).with_context(|| {
            format!(
                "{} names no kernel in {}: see tools/targets.",
                target.package, target.suite
            )
        })?;
        let headers = format!("linux-headers-{release}:{arch}");
        let policy = chroot.read(output, &["apt-cache", "policy", &headers])?;
        let version = candidate(&policy).with_context(|| {
            format!(
                "{} has no package {headers}: try again later.",
                target.suite
            )
        })?;
        Ok(Kernel {
            release: match &target.own {
                None => release.to_owned(),
                // Some distributions' kernels have another release than their source.
                Some(own) => format!("{}-{own}", leading(version, 3)),
            },
            version: version.to_owned(),
            series: leading(release, 2).to_owned(),
        })
    }

    /// Installs the compilers, the source, QEMU, and the programs for guests.
    pub(crate) fn install_tools(&self, output: &Output, kernel: &Kernel) -> Result<()> {
        // A suite with security updates may have several versions, and the newest is another.
        let source = format!("linux-source-{}={}", kernel.series, kernel.version);
        let headers = format!(
            "linux-headers-{}:{}",
            kernel.release, self.target.arch.debian
        );
        let mut packages = Vec::from(TOOLS);
        if self.has_own_emulator() {
            packages.push(self.target.arch.qemu_package);
        }
        if !self.target.has_old_programs() {
            packages.extend(rust_packages(self.target.base_suite()));
        }
        let kernel_crate = self.target.kernel_crate;
        if kernel_crate == KernelCrate::Kernel {
            packages.extend(METADATA_TOOLS);
        }
        if kernel_crate == KernelCrate::OwnByHeaders {
            packages.extend([&*source, "dwarves"]);
        }
        match self.target.own {
            None => packages.push(&headers),
            Some(_) => packages.extend(OWN_TOOLS),
        }
        if kernel_crate == KernelCrate::Kernel || self.target.own.is_some() {
            packages.push(&source);
            packages.extend(SOURCE_TOOLS);
        }
        self.chroot.run(output, &["apt-get", "update", "-qq"])?;
        self.mend_packages(output)?;
        self.install(output, &packages)?;
        if self.target.has_old_programs() {
            return Ok(());
        }
        if !self.target.is_foreign() {
            return self.install(output, &GUEST_PACKAGES);
        }
        // The lab only unpacks these packages: their scripts cannot run on this machine.
        let arch = format!("--architectures={}", self.target.arch.debian);
        let include = format!("--include={}", GUEST_PACKAGES.join(","));
        let options = ["--variant=extract", &arch, &include];
        debootstrap(
            output,
            &options,
            self.target.base_suite(),
            &self.guest_programs(),
        )
    }

    /// Completes the installation that a killed run has broken off: until then, apt-get refuses
    /// every other one.
    fn mend_packages(&self, output: &Output) -> Result<()> {
        // dpkg also fails if a package lacks one that apt-get then installs.
        let script = "dpkg --configure -a || echo \"dpkg's status: $?\"
                      apt-get install -f -y -qq --no-install-recommends";
        self.chroot.run(output, &["sh", "-ec", script])
    }

    fn install(&self, output: &Output, packages: &[&str]) -> Result<()> {
        let install = [
            "apt-get",
            "install",
            "-y",
            "-qq",
            "--no-install-recommends",
            "--allow-downgrades",
        ];
        self.chroot.run(output, &[&install[..], packages].concat())
    }

    /// The root of the guest's programs: a chroot's, unless the target is foreign.
    pub(crate) fn guest_programs(&self) -> PathBuf {
        if !self.target.is_foreign() {
            return self.programs_chroot().root;
        }
        self.chroot.outside(&format!(
            "/var/lib/chaos-programs-{}",
            self.target.arch.debian
        ))
    }

    /// The file of the kernel's image in the chroot.
    pub(crate) fn image(&self, kernel: &Kernel) -> String {
        let image = format!("{}/vmlinuz", kernel.modules());
        if self.chroot.outside(&image).exists() {
            return image;
        }
        format!("{}/boot/vmlinuz-{}", kernel.image_folder(), kernel.release)
    }

    /// Fetches image and modules without the packages' post-install scripts, which would build an
    /// initramfs for this machine.
    pub(crate) fn fetch_kernel(&self, output: &Output, kernel: &Kernel) -> Result<()> {
        let (chroot, release) = (&self.chroot, &kernel.release);
        let new = "/var/lib/chaos-kernel.new";
        chroot.run(output, &["rm", "-rf", new])?;
        fs::create_dir_all(chroot.outside(new))?;
        let arch = self.target.arch.debian;
        chroot.run(output, &["sh", "-ec", FETCH, "fetch", new, release, arch])?;
        let usr = format!("{new}/usr");
        chroot.run(output, &["depmod", "-b", &usr, release.as_str()])?;
        let folder = kernel.image_folder();
        chroot.run(output, &["rm", "-rf", &folder])?;
        Ok(fs::rename(chroot.outside(new), chroot.outside(&folder))?)
    }
}

/// Fetches a kernel into a folder; its words: the folder, the release and the architecture. The
/// image and the modules are one package, or, in newer kernels, two. Some packages have their
/// modules below /usr; here, all have.
const FETCH: &str = r#"
    cd "$1"
    for part in image binary modules; do
        apt-get download "linux-$part-$2:$3" || test "$part" != modules
        for package in ./*.deb; do
            test ! -e "$package" || { dpkg -x "$package" .; rm -- "$package"; }
        done
        test -z "$(ls -d lib/modules/*/kernel usr/lib/modules/*/kernel 2>/dev/null)" || break
    done
    test ! -d lib || { mkdir -p usr; cp -al lib usr/; rm -r lib; }
"#;

/// The release of the image that a meta package depends on.
fn release_of(depends: &str) -> Option<&str> {
    let releases = depends.lines().filter_map(|line| {
        let (_, image) = line.split_once("Depends: linux-image-")?;
        image
            .starts_with(|c: char| c.is_ascii_digit())
            .then_some(image)
    });
    let release = releases
        .filter_map(|image| image.split(':').next())
        .next()?;
    Some(release.strip_suffix("-unsigned").unwrap_or(release))
}

/// The version that apt would install.
fn candidate(policy: &str) -> Option<&str> {
    let line = policy
        .lines()
        .find_map(|line| line.trim_start().strip_prefix("Candidate:"))?;
    Some(line.trim()).filter(|version| *version != "(none)")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_meta_package_names_the_release() {
        let depends = "linux-image-cloud-amd64\n  Depends: linux-image-7.2.12+deb14-cloud-amd64\n";
        assert_eq!(release_of(depends), Some("7.2.12+deb14-cloud-amd64"));
        let depends = "linux-image-arm64:arm64\n  Depends: linux-base:arm64\n |Depends: \
                       linux-image-7.2.12+deb14-arm64:arm64\n  Depends: linux-image-7.2-unsigned\n";
        assert_eq!(release_of(depends), Some("7.2.12+deb14-arm64"));
        assert_eq!(
            release_of("x\n  Depends: linux-image-7.9-amd64-unsigned\n"),
            Some("7.9-amd64")
        );
        assert_eq!(release_of("x\n  Depends: linux-image-amd64\n"), None);
    }

    #[test]
    fn apt_tells_the_version() {
        let policy = "linux-headers-7.2:\n  Installed: (none)\n  Candidate: 7.3.4-1~bpo13+1\n";
        assert_eq!(candidate(policy), Some("7.3.4-1~bpo13+1"));
        assert_eq!(candidate("x:\n  Candidate: (none)\n"), None);
        assert_eq!(candidate(""), None);
    }

    #[test]
    fn a_release_begins_with_numbers() {
        let parts = |release: &str| {
            let kernel = Kernel {
                release: release.to_owned(),
                version: String::new(),
                series: String::new(),
            };
            let series = leading(release, 2).to_owned();
            (
                series,
                leading(release, 3).to_owned(),
                kernel.local_version().to_owned(),
            )
        };
        let three = |a: &str, b: &str, c: &str| (a.to_owned(), b.to_owned(), c.to_owned());
        assert_eq!(
            parts("7.2.12+deb14-cloud-amd64"),
            three("7.2", "7.2.12", "+deb14-cloud-amd64")
        );
        assert_eq!(parts("7.2-amd64"), three("7.2", "7.2", "-amd64"));
        assert_eq!(parts("7.3-rc4+x"), three("7.3", "7.3", "-rc4+x"));
    }

    #[test]
    fn a_kernel_is_read_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kernel");
        let kernel = Kernel {
            release: "7.2.12+deb14-cloud-amd64".to_owned(),
            version: "7.2.12-1~bpo13+1".to_owned(),
            series: "7.2".to_owned(),
        };
        kernel.write(&path).unwrap();
        assert_eq!(Kernel::read(&path).unwrap(), kernel);
        fs::write(&path, "release=7.2\n").unwrap();
        let error = Kernel::read(&path).unwrap_err().to_string();
        assert!(error.ends_with("has no version"), "{error}");
    }

    #[test]
    fn texts_of_a_configuration_have_quotes() {
        let config = "CONFIG_RUST=y\nCONFIG_RUSTC_VERSION_TEXT=\"rustc 1.97.1 (x)\"\n";
        let text = text_option(config, "CONFIG_RUSTC_VERSION_TEXT");
        assert_eq!(text, Some("rustc 1.97.1 (x)"));
        assert_eq!(text_option(config, "CONFIG_RUST"), None);
    }
}
