// SPDX-License-Identifier: GPL-2.0-only

//! Tests `tools/lab`, which builds the lab and starts it, with a cargo that only says so.

use std::{
    fs::{self, Permissions},
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::Command,
};
use tempfile::TempDir;

/// Writes a lab that prints its own sources.
const CARGO: &str = r#"#!/bin/sh
    echo built for "${CARGO_BUILD_TARGET-this machine}" >&2
    mkdir -p target/lab/release
    (echo '#!/bin/sh'; echo "echo $(cat tools/vmlab/main.rs)") >target/lab/release/lab
    chmod +x target/lab/release/lab
"#;

/// The programs that the launcher and this cargo use.
const TOOLS: [&str; 9] = [
    "cat", "chmod", "cksum", "dirname", "env", "find", "mkdir", "mv", "sort",
];

/// A checkout with one source of the lab.
struct Checkout(TempDir);

impl Checkout {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["tools/vmlab", "tools/layouts", "tools/module-build", "bin"] {
            fs::create_dir_all(folder.path().join(name)).unwrap();
        }
        let checkout = Self(folder);
        // A cargo of this machine may be beside them.
        for tool in TOOLS {
            let places = ["/usr/bin", "/bin"].map(|folder| Path::new(folder).join(tool));
            let place = places.iter().find(|place| place.exists()).unwrap();
            symlink(place, checkout.path("bin").join(tool)).unwrap();
        }
        for (file, text) in [
            ("Cargo.toml", ""),
            ("Cargo.lock", ""),
            ("tools/vmlab/main.rs", "one"),
            ("tools/lab", include_str!("../../lab")),
            ("bin/cargo", CARGO),
        ] {
            checkout.write(file, text);
        }
        checkout
    }

    fn path(&self, file: &str) -> PathBuf {
        self.0.path().join(file)
    }

    fn write(&self, file: &str, text: &str) {
        fs::write(self.path(file), text).unwrap();
        fs::set_permissions(self.path(file), Permissions::from_mode(0o755)).unwrap();
    }

    /// The output of the started lab, and the messages of the launcher.
    fn start(&self) -> (String, String) {
        let output = Command::new(self.path("tools/lab"))
            .current_dir(self.0.path())
            .env("PATH", self.path("bin"))
            .env("CARGO_BUILD_TARGET", "another")
            .output()
            .unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (text(&output.stdout), text(&output.stderr))
    }
}

const BUILT: &str = "lab: building the lab ...\nbuilt for this machine\n";

#[test]
fn the_lab_is_built_when_its_sources_change() {
    let checkout = Checkout::new();
    let both = |lab: &str, messages: &str| (lab.to_owned(), messages.to_owned());
    assert_eq!(checkout.start(), both("one\n", BUILT));
    assert_eq!(checkout.start(), both("one\n", ""));
    checkout.write("tools/vmlab/main.rs", "two");
    // As a copy that keeps times has it.
    let source = fs::File::open(checkout.path("tools/vmlab/main.rs")).unwrap();
    source.set_modified(std::time::UNIX_EPOCH).unwrap();
    assert_eq!(checkout.start(), both("two\n", BUILT));
    fs::remove_file(checkout.path("target/lab/release/lab")).unwrap();
    assert_eq!(checkout.start(), both("two\n", BUILT));
}

#[test]
fn without_cargo_the_built_lab_serves() {
    let checkout = Checkout::new();
    checkout.start();
    fs::remove_file(checkout.path("bin/cargo")).unwrap();
    checkout.write("tools/vmlab/main.rs", "two");
    let (lab, messages) = checkout.start();
    assert_eq!(lab, "one\n");
    assert!(messages.contains("there is no cargo"), "{messages}");
    fs::remove_file(checkout.path("target/lab/release/lab")).unwrap();
    let (lab, messages) = checkout.start();
    assert_eq!(lab, "");
    assert!(messages.contains("cargo cannot build"), "{messages}");
}
