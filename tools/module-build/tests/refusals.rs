// SPDX-License-Identifier: GPL-2.0-only

//! Kernels and compilers for which no module can be built, and the sentences that say so. The
//! program gets to no compiler.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::Command,
};
use tempfile::TempDir;

/// A checkout, and headers of a made kernel in it.
struct Made(TempDir);

const RELEASE: &str = "7.9.1-made";

const CONFIGURATION: &str = "CONFIG_X86_64=y\nCONFIG_CONFIGFS_FS=m\nCONFIG_MODULES=y\n";

/// Type information about no type at all.
const NO_TYPES: &[u8] = b"\x9f\xeb\x01\0\x18\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0\0";

/// Links to the driver's sources, without the objects that a build may have left beside them.
fn link_sources(to: &Path) {
    let driver = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../driver");
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(driver.canonicalize().unwrap()).unwrap() {
        let source = entry.unwrap().path();
        if source.is_dir()
            || source
                .extension()
                .is_some_and(|extension| extension == "rs")
        {
            symlink(&source, to.join(source.file_name().unwrap())).unwrap();
        }
    }
}

impl Made {
    fn new() -> Self {
        let made = Self(tempfile::tempdir().unwrap());
        let folder = made.0.path();
        link_sources(&folder.join("driver"));
        fs::create_dir_all(folder.join("headers/include/config")).unwrap();
        made.set_release(RELEASE);
        made.configure("");
        fs::write(folder.join("headers/Module.symvers"), "").unwrap();
        fs::write(folder.join("btf"), NO_TYPES).unwrap();
        made.set_rustc("1.85.1", true);
        made
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn set_release(&self, release: &str) {
        let path = self.path("headers/include/config/kernel.release");
        fs::write(path, format!("{release}\n")).unwrap();
    }

    /// Adds lines to the configuration.
    fn configure(&self, more: &str) {
        let path = self.path("headers/include/config/auto.conf");
        fs::write(path, CONFIGURATION.to_owned() + more).unwrap();
    }

    /// Makes a compiler that only tells its version and its place.
    fn set_rustc(&self, version: &str, has_sources: bool) {
        let sysroot = self.path("sysroot");
        let library = sysroot.join("lib/rustlib/src/rust/library/core/src");
        if has_sources {
            fs::create_dir_all(&library).unwrap();
            fs::write(library.join("lib.rs"), "").unwrap();
        }
        let sysroot = sysroot.display();
        let script = format!(
            "#!/bin/sh\ncase $1 in -vV) echo 'rustc {version} (made)' ;; *) echo {sysroot} ;; esac\n"
        );
        let path = self.path("rustc");
        fs::write(&path, script).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Makes a program for the first folder of `PATH`.
    fn add_program(&self, name: &str, script: &str) {
        let path = self.path("bin").join(name);
        fs::create_dir_all(self.path("bin")).unwrap();
        fs::write(&path, format!("#!/bin/sh\n{script}")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Makes a build of the headers that finds these declarations in them, and a pahole that finds
    /// no types. They are of Linux 7.9.1, and the source is of another version.
    fn declare(&self, declarations: &str) {
        let build = "kernelversion:\n\t@echo 7.9.1\ntypes.i types.o:\n\tcp declared $(M)/$@\n";
        fs::write(self.path("headers/Makefile"), build).unwrap();
        fs::write(self.path("headers/declared"), declarations).unwrap();
        let types = self.path("btf");
        let pahole = format!("test \"$1\" != -J || cat {} >\"$2\"\n", types.display());
        self.add_program("pahole", &pahole);
        fs::create_dir(self.path("source")).unwrap();
        let other = "kernelversion:\n\t@echo make: no gcc; echo 7.9.0\n";
        fs::write(self.path("source/Makefile"), other).unwrap();
    }

    /// The lines by which the program refuses to build.
    fn refused(&self) -> Vec<String> {
        self.refused_with(&["--btf", "btf"])
    }

    /// The same, with these words about the types.
    fn refused_with(&self, words: &[&str]) -> Vec<String> {
        let path = self.path("bin").display().to_string();
        // Without programs of its own, there is nothing else to be found.
        let more = if self.path("bin").exists() {
            ":/usr/bin:/bin"
        } else {
            ""
        };
        let output = Command::new(env!("CARGO_BIN_EXE_module-build"))
            .current_dir(self.0.path())
            .env("PATH", path + more)
            .args(["--headers", "headers", "--rustc"])
            .arg(self.path("rustc"))
            .args(words)
            .output()
            .unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success(), "{told}");
        assert!(!self.path("driver/chaos_driver.o").exists());
        told.lines().map(str::to_owned).collect()
    }

    /// Asserts that one line is all that the program says, and has these parts.
    fn assert_refused(&self, parts: [&str; 2]) {
        self.assert_refused_with(&["--btf", "btf"], parts);
    }

    /// The same, with these words about the types.
    fn assert_refused_with(&self, words: &[&str], parts: [&str; 2]) {
        let told = self.refused_with(words);
        let [line] = &told[..] else {
            panic!("{told:#?}");
        };
        let is_sentence = line.starts_with("module-build: ");
        assert!(
            is_sentence && parts.iter().all(|part| line.contains(part)),
            "{line}"
        );
    }
}

#[test]
fn a_kernel_below_5_10_is_refused() {
    let made = Made::new();
    made.set_release("5.9.16-made");
    made.assert_refused(["the kernel 5.9.16-made is too old", "5.10 or later"]);
}

#[test]
fn kernels_that_check_calls_or_order_members_at_random_are_refused() {
    for option in [
        "CFI_CLANG",
        "CFI",
        "RANDSTRUCT",
        "GCC_PLUGIN_RANDSTRUCT",
        "RANDSTRUCT_FULL",
    ] {
        let made = Made::new();
        made.configure(&format!("CONFIG_{option}=y\n"));
        let built_with = format!("the kernel {RELEASE} was built with CONFIG_{option}: it ");
        made.assert_refused([&built_with, ""]);
    }
}

#[test]
fn an_older_rustc_and_one_without_sources_are_refused() {
    let made = Made::new();
    made.set_rustc("1.84.1", true);
    made.assert_refused([
        "is rustc 1.84, and the module takes 1.85 or later",
        "set RUSTC",
    ]);
    let made = Made::new();
    fs::remove_dir_all(made.path("sysroot")).unwrap();
    made.set_rustc("1.85.1", false);
    made.assert_refused(["there are no sources of rustc's library", "rust-src"]);
    let made = Made::new();
    fs::remove_file(made.path("rustc")).unwrap();
    made.assert_refused(["there is no ", "install rustc 1.85 or later"]);
}

#[test]
fn missing_type_information_is_refused() {
    let made = Made::new();
    fs::remove_file(made.path("btf")).unwrap();
    made.assert_refused(["there is no type information of a kernel in btf", "set BTF"]);
}

#[test]
fn headers_that_do_not_say_what_modules_may_use_are_refused() {
    let made = Made::new();
    fs::remove_file(made.path("headers/Module.symvers")).unwrap();
    made.assert_refused([
        "the headers lack headers/Module.symvers",
        "install all of them",
    ]);
}

#[test]
fn a_kernel_of_no_era_is_refused_with_each_difference_by_its_name() {
    let told = Made::new().refused();
    let has = |line: &str| told.iter().any(|told| told == line);
    assert!(
        has("module-build: this kernel has no struct elevator_mq_ops"),
        "{told:#?}"
    );
    assert!(
        has("module-build: this kernel has no function elv_register"),
        "{told:#?}"
    );
    let last =
        format!("module-build: this version of the driver does not support the kernel {RELEASE}");
    assert_eq!(told.last(), Some(&last));
}

const BY_HEADERS: &[&str] = &["--btf", "headers"];

#[test]
fn headers_without_pahole_are_refused() {
    let parts = ["there is no pahole", "apt-get install dwarves"];
    Made::new().assert_refused_with(BY_HEADERS, parts);
}

#[test]
fn a_function_that_no_header_declares_is_refused_by_its_name() {
    let made = Made::new();
    made.declare("void put_pid(struct pid *pid);\n");
    let exports =
        "0x0\tput_pid\tvmlinux\tEXPORT_SYMBOL\n0x0\telv_register\tvmlinux\tEXPORT_SYMBOL\n";
    fs::write(made.path("headers/Module.symvers"), exports).unwrap();
    made.assert_refused_with(
        BY_HEADERS,
        [
            "modules may call elv_register, but no header ",
            "apt-get install linux-source-7.9",
        ],
    );
}

#[test]
fn a_source_of_another_kernel_and_one_that_nothing_uses_are_refused() {
    let made = Made::new();
    made.declare("");
    made.assert_refused_with(
        &[BY_HEADERS, &["--source", "source"]].concat(),
        ["/source is Linux 7.9.0, and", "headers are Linux 7.9.1"],
    );
    made.assert_refused_with(
        &["--btf", "btf", "--source", "source"],
        ["SOURCE is for BTF=headers, and BTF is btf", ""],
    );
}

#[test]
fn headers_of_an_older_kernel_are_refused_with_each_difference_by_its_name() {
    let made = Made::new();
    made.set_release("4.19.0-made");
    made.declare("");
    let told = made.refused_with(BY_HEADERS);
    let missing = "module-build: this kernel has no struct blk_mq_debugfs_attr";
    assert!(told.iter().any(|line| line == missing), "{told:#?}");
    let last = told.last().unwrap();
    for part in [
        "does not support the kernel 4.19.0-made; ",
        "set SOURCE",
        "linux-source-4.19",
    ] {
        assert!(last.contains(part), "{last}");
    }
}
