// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The leftovers of a kchaos that was killed, which the next one clears.

use super::report::Report;
use crate::{
    inject::{interrupted, needs, own, sweep},
    system::{Roots, lock::Lock, step::NEW},
};

pub(super) fn look(roots: &Roots, has_interface: bool, report: &mut Report) {
    let state = roots.state.display();
    if roots.state.exists() && !roots.state.is_dir() {
        report.problem(
            "records",
            format!(
                "{state} is no folder, so kchaos cannot note what disks had before ioem: mv {state} \
                 {state}.old"
            ),
        );
        return;
    }
    for cgroup in own::left(roots) {
        report.problem(
            "left-cgroup",
            format!(
                "the cgroup {} is of a kchaos that was killed: kchaos gc",
                cgroup.display()
            ),
        );
    }
    // Without the lock, another kchaos is at work, whose half of a change is no leftover.
    let lock = Lock::try_take(roots);
    if lock.is_none() && roots.needs().exists() {
        report.fact(
            "records",
            format!("{state}, which another kchaos changes just now"),
        );
        return;
    }
    report.fact("records", state.to_string());
    if interrupted::is_pending(roots) {
        report.problem(
            "left-change",
            "a kchaos was killed in the middle of a change of an injection: kchaos gc",
        );
    }
    for folder in [&roots.state, &roots.needs()] {
        let file = folder.join(NEW);
        if file.exists() {
            report.problem(
                "left-file",
                format!("{} is half a record: kchaos gc", file.display()),
            );
        }
    }
    // Without the driver, all injections would seem to be gone.
    if !has_interface {
        return;
    }
    for text in needs::left(roots) {
        report.problem("left-record", format!("{text}: kchaos gc"));
    }
    for text in sweep::left(roots) {
        report.problem("left-disk", format!("{text}: kchaos gc"));
    }
}
