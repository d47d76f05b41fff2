// SPDX-License-Identifier: GPL-2.0-only

//! Boots an unmodified distribution's kernel and shows, command by command, what a new user would
//! do.

use crate::{
    checks::Transcript,
    command::{lab, run},
    programs,
    vm::file,
};
use anyhow::Result;
use std::path::Path;

/// On a kernel of `tools/targets`; without a name, on the first.
pub(crate) fn demo(target: Option<&str>) -> Result<()> {
    run(lab(&["build"]).args(target))?;
    eprintln!("demo: building kchaos ...");
    let mut transcript = Transcript::default();
    let built = programs::build(&mut transcript);
    let programs = built.inspect_err(|_| eprint!("{}", transcript.comments()))?;
    eprintln!("demo: booting; times below are those of the guest (icount clock)");
    let mut guest = lab(&["run"]);
    guest
        .args(target)
        .args(["--clock", "icount", "--serial"])
        .args([
            "--file",
            &file(Path::new("driver/chaos_driver.ko"), "/chaos_driver.ko"),
        ])
        .args(["--file", &file(&programs.join("kchaos"), "/bin/kchaos")])
        .args([
            "--file",
            &file(Path::new("tests/demo-guest"), "/demo-guest"),
        ])
        .args(["--", "sh", "/demo-guest"]);
    run(&mut guest)
}
