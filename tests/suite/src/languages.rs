// SPDX-License-Identifier: GPL-2.0-only

//! The packages for programs in other languages, each with the driver in a VM.

use crate::{
    checks::{Transcript, ensure},
    command::lab,
    test::remove,
    vm::file,
};
use anyhow::Result;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// The files of a guest with Python.
const PYTHON: &str = "target/python-guest";

/// Copies the chroot's Python, and the libraries that it loads, to the folder of its argument.
const COPY_PYTHON: &str = r#"
    mkdir -p "$1/usr/bin" "$1/usr/lib" "$1/lib"
    cp -L /usr/bin/python3 "$1/usr/bin/python3"
    cp -a /usr/lib/python3.[0-9]* "$1/usr/lib"
    ldd /usr/bin/python3 | sed -n 's/.* => \(.*\) (.*/\1/p' | xargs cp -L -t "$1/lib"
"#;

/// Checks the Go package in the chroot, which gets Go by its first run, and builds the test program
/// for the guest.
const CHECK_GO: &str = r#"
    command -v go >/dev/null || {
        apt-get update
        apt-get install --yes --no-install-recommends golang-go
    }
    export GOCACHE=/src/target/go-cache GOPROXY=off GOTOOLCHAIN=local
    cd /src/tools/go
    unformatted=$(gofmt -l .)
    [ -z "$unformatted" ] || { echo "gofmt would change $unformatted"; exit 1; }
    go vet ./...
    go test -race ./...
    CGO_ENABLED=0 go test -c -o /src/target/client.test ./pkg/client
"#;

/// Files for a guest: `tools/lab run` takes them as options.
struct Guest(Vec<String>);

impl Guest {
    /// With the module and kchaos.
    fn new(module: &Path, programs: &Path) -> Self {
        let mut guest = Self(Vec::new());
        guest.file(module, "/chaos_driver.ko");
        guest.file(&programs.join("kchaos"), "/bin/kchaos");
        guest
    }

    fn file(&mut self, host: &Path, place: &str) {
        self.0.extend(["--file".to_owned(), file(host, place)]);
    }

    fn tree(&mut self, host: &Path, place: &str) {
        self.0.extend(["--tree".to_owned(), file(host, place)]);
    }

    /// Runs a script with the driver and a disk nullb0; an error if it fails. While a guest
    /// waits for a virtio disk, which is a file of this machine, its clock of instructions jumps.
    fn run(&self, transcript: &mut Transcript, script: &str) -> Result<()> {
        let mut run = lab(&["run", "--serial"]);
        run.args(&self.0);
        let script =
            format!("set -e; modprobe null_blk nr_devices=1; insmod /chaos_driver.ko\n{script}");
        run.args(["--", "sh", "-c", &script]);
        let (status, _) = transcript.try_run(&mut run)?;
        ensure(status.success(), "not all is as it should be")
    }
}

/// The module of Python, whose process is killed at many moments.
pub(crate) fn python(transcript: &mut Transcript, module: &Path, programs: &Path) -> Result<()> {
    let tree = PathBuf::from(PYTHON);
    remove(&tree)?;
    fs::create_dir_all(&tree)?;
    let inside = format!("/src/{PYTHON}");
    transcript.run(&mut lab(&[
        "shell",
        "sh",
        "-ec",
        COPY_PYTHON,
        "copy",
        &inside,
    ]))?;
    let mut guest = Guest::new(module, programs);
    guest.tree(&tree, "/");
    guest.tree(Path::new("tools/python"), "/python");
    guest.run(transcript, "python3 -B /python/test_machine.py")
}

/// The package of Go for Chaos Mesh.
pub(crate) fn go(transcript: &mut Transcript, module: &Path, programs: &Path) -> Result<()> {
    transcript.run(&mut lab(&["shell", "sh", "-ec", CHECK_GO]))?;
    let mut guest = Guest::new(module, programs);
    guest.file(Path::new("target/client.test"), "/client.test");
    guest.run(transcript, "IOEM_TEST_DEVICE=nullb0 /client.test -test.v")
}
