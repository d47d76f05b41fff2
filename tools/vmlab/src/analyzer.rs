// SPDX-License-Identifier: GPL-2.0-only

//! Describes the kernel crate and the module to editors, in `driver/rust-project.json`.
//!
//! The kernel's own generator does it, as for a module outside of the kernel's tree. The
//! distribution's headers have no tree and lack the generator, so the lab makes a folder that the
//! generator takes for the tree.

use crate::{kernel::Kernel, lab::Lab, process::Output};
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    fs::{self, File, Permissions},
    io::ErrorKind,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
};

/// rust-analyzer knows the methods of numbers and slices only in a library that it finds by itself,
/// in the sysroot. The lab leaves these crates out of the kernel's description.
const LIBRARY: [&str; 4] = ["core", "alloc", "std", "proc_macro"];

const GENERATOR: &str = "scripts/generate_rust_analyzer.py";

/// Programs of the kernel's own compiler that editors start: only this compiler can load the
/// procedural macros that it has built.
const COMPILER: [&str; 2] = ["bin/rustc", "libexec/rust-analyzer-proc-macro-srv"];

impl Lab {
    /// Writes the description.
    pub(crate) fn describe_crates(&self) -> Result<()> {
        let ready = self.prepare()?;
        let kernel = &ready.kernel;
        ensure!(
            self.target.arch.kernel == "x86_64",
            "rust-analyzer takes targets of amd64."
        );
        let headers = self.chroot.outside(&kernel.headers());
        ensure!(
            headers.join("rust/kernel").exists(),
            "the headers of {} have no source of the kernel crate: take another target.",
            kernel.release
        );
        // The checkout lacks one file of the module until this step generates it.
        self.write_layouts(kernel)?;
        let tree = format!("/usr/src/chaos-analyzer-{}", kernel.release);
        self.step("describing the module and the kernel crate", |output| {
            self.generate_project(output, kernel, &tree)
        })?;
        let place = self.chroot.outside(&tree);
        let sysroot = place.join("sysroot");
        self.write_compiler(&sysroot)?;

        let text = |path: &Path| {
            path.to_str()
                .map(str::to_owned)
                .context("paths are of UTF-8")
        };
        let driver = self.chroot.top.join("driver");
        let moves = [
            (format!("{tree}/driver/"), text(&driver)? + "/"),
            (format!("{tree}/rust/"), text(&headers)? + "/rust/"),
            ("/usr/".to_owned(), text(&self.chroot.root)? + "/usr/"),
        ];
        let project = fs::read_to_string(place.join("rust-project.json"))?;
        let project = for_this_machine(&project, &text(&sysroot)?, &moves)?;
        fs::write(driver.join("rust-project.json"), project)?;
        Ok(())
    }

    fn generate_project(&self, output: &Output, kernel: &Kernel, tree: &str) -> Result<()> {
        let chroot = &self.chroot;
        let place = chroot.outside(tree);
        for folder in ["scripts", "driver"] {
            fs::create_dir_all(place.join(folder))?;
        }
        let headers = kernel.headers();
        link(
            &format!("../linux-headers-{}/rust", kernel.release),
            &place.join("rust"),
        )?;
        link(
            "/src/driver/chaos_driver.rs",
            &place.join("driver/chaos_driver.rs"),
        )?;
        fs::write(place.join("driver/Kbuild"), "obj-m := chaos_driver.o\n")?;
        // The generator looks there for the programs in Rust that the kernel is built with.
        File::create(place.join("scripts/Makefile"))?;
        if !place.join(GENERATOR).exists() {
            let source = format!("/usr/src/linux-source-{}.tar.xz", kernel.series);
            let member = format!("linux-source-{}/{GENERATOR}", kernel.series);
            let tar = [
                "tar",
                "xf",
                &source,
                "-C",
                tree,
                "--strip-components=1",
                "--occurrence",
            ];
            chroot.run(output, &[&tar[..], &[&member]].concat())?;
        }
        let makefile = format!(
            "srctree := {tree}\n\
             objtree := {headers}\n\
             srcroot := {tree}/driver\n\
             KBUILD_EXTMOD := {tree}/driver\n\
             include {headers}/include/config/auto.conf\n\
             include {headers}/scripts/Kbuild.include\n\
             include {headers}/scripts/Makefile.compiler\n\
             include {headers}/rust/Makefile\n"
        );
        fs::write(place.join("describe.mk"), makefile)?;
        let make = [
            "make",
            "-s",
            "-C",
            tree,
            "-f",
            "describe.mk",
            "RUSTC=rustc",
            "rust-analyzer",
        ];
        chroot.run(output, &make)
    }

    /// Makes scripts that run the chroot's programs with its libraries, outside of the chroot.
    fn write_compiler(&self, sysroot: &Path) -> Result<()> {
        for folder in ["bin", "libexec"] {
            fs::create_dir_all(sysroot.join(folder))?;
        }
        link("../../../lib", &sysroot.join("lib"))?;
        let root = &self.chroot.root;
        let libraries = root.join("usr/lib").join(self.target.arch.triple);
        for program in COMPILER {
            let script = format!(
                "#!/bin/sh\n\
                 exec \"{0}/ld-linux-x86-64.so.2\" --library-path \"{0}\" \"{1}\" \"$@\"\n",
                libraries.display(),
                root.join("usr").join(program).display()
            );
            let path = sysroot.join(program);
            fs::write(&path, script)?;
            fs::set_permissions(path, Permissions::from_mode(0o755))?;
        }
        Ok(())
    }
}

/// Makes a symbolic link; replaces an older one.
fn link(to: &str, path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    Ok(symlink(to, path)?)
}

/// The kernel's description of its crates, with the paths of this machine. A pair of `moves` is an
/// old and a new beginning of paths; the first pair that fits a path replaces its beginning.
fn for_this_machine(project: &str, sysroot: &str, moves: &[(String, String)]) -> Result<String> {
    let mut project: Value = serde_json::from_str(project)?;
    let crates = project["crates"]
        .as_array_mut()
        .context("the kernel describes no crates")?;
    let is_kept = |one: &Value| !LIBRARY.iter().any(|name| one["display_name"] == **name);
    let kept = (0_u64..).zip(crates.iter()).filter(|(_, one)| is_kept(one));
    let places: HashMap<u64, u64> = kept.map(|(place, _)| place).zip(0..).collect();
    crates.retain(is_kept);
    for one in crates.iter_mut() {
        let needed = one["deps"]
            .as_array_mut()
            .context("a crate has no list of crates it uses")?;
        needed.retain_mut(|used| {
            let place = used["crate"].as_u64().and_then(|old| places.get(&old));
            place.is_some_and(|place| {
                used["crate"] = json!(place);
                true
            })
        });
        move_paths(one, moves);
    }
    let project = json!({
        "sysroot": sysroot,
        "sysroot_src": format!("{sysroot}/lib/rustlib/src/rust/library"),
        "crates": crates,
    });
    Ok(serde_json::to_string_pretty(&project)? + "\n")
}

fn move_paths(value: &mut Value, moves: &[(String, String)]) {
    match value {
        Value::Object(fields) => fields
            .values_mut()
            .for_each(|inner| move_paths(inner, moves)),
        Value::Array(values) => values.iter_mut().for_each(|inner| move_paths(inner, moves)),
        Value::String(text) => {
            let moved = |(from, to): &(String, String)| Some(to.clone() + text.strip_prefix(from)?);
            if let Some(moved) = moves.iter().find_map(moved) {
                *text = moved;
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_library_goes_and_paths_are_moved() {
        let project = json!({"crates": [
            {"display_name": "core", "deps": []},
            {"display_name": "macros", "deps": [], "root_module": "/t/rust/macros/lib.rs"},
            {"display_name": "kernel", "root_module": "/usr/x.rs", "is_proc_macro": false, "deps": [
                {"crate": 0, "name": "core"},
                {"crate": 1, "name": "macros"},
            ], "source": {"include_dirs": ["/t/driver/a", "/other"]}},
        ]});
        let moves = [
            ("/t/driver/", "/d/"),
            ("/t/rust/", "/r/"),
            ("/usr/", "/root/usr/"),
        ];
        let moves = moves.map(|(from, to)| (from.to_owned(), to.to_owned()));
        let made = for_this_machine(&project.to_string(), "/s", &moves).unwrap();
        let made: Value = serde_json::from_str(&made).unwrap();
        let wanted = json!({
            "sysroot": "/s",
            "sysroot_src": "/s/lib/rustlib/src/rust/library",
            "crates": [
                {"display_name": "macros", "deps": [], "root_module": "/r/macros/lib.rs"},
                {"display_name": "kernel", "root_module": "/root/usr/x.rs", "is_proc_macro": false,
                    "deps": [{"crate": 0, "name": "macros"}],
                    "source": {"include_dirs": ["/d/a", "/other"]}},
            ],
        });
        assert_eq!(made, wanted);
    }
}
