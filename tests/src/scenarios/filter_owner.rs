// SPDX-License-Identifier: GPL-2.0-only

//! Filters, by owners of I/O that go, and others that take their places.

use super::filter::{DELAY_US, all_delayed, none_delayed};
use crate::{
    disk::{Disk, Kind},
    fio::{Fio, RANDOM_READ},
    injection::Injection,
    process::{self, Cgroup, PidNamespace},
    report::Report,
    sys,
};
use anyhow::Result;
use std::{path::Path, process::Command};

/// The latencies of 100 reads by a process of a cgroup.
pub(super) fn reads_of(disk: &Disk, cgroup: &Cgroup) -> Result<Vec<u64>> {
    let options = [
        "--rw=randread",
        "--bs=4k",
        "--direct=1",
        "--size=8m",
        "--offset=128m",
        "--number_ios=100",
    ];
    let words = cgroup.enter();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let load = Fio::start_logged(&words, &disk.path(), &options)?.finish()?;
    Ok(load.latencies_ns())
}

scenario!("filter_cgroup_again", cgroup_again);
/// A cgroup is made again and again, and its parent once, beside cgroups at other places.
fn cgroup_again(report: &mut Report) -> Result<()> {
    let disk = Disk::on_ioem(&Kind {
        memory: true,
        ..Kind::default()
    })?;
    let (parent, sibling) = (Cgroup::new("pod")?, Cgroup::new("pod2")?);
    enable_io(&parent)?;
    enable_io(&sibling)?;
    let first = Cgroup::new("pod/job")?;
    let injection = Injection::with_texts("filter", &[("cgroup", first.path())])?;
    injection.set("delay_us", DELAY_US.to_string())?;
    all_delayed(report, "a cgroup", &reads_of(&disk, &first)?, 100);
    drop(first);
    let elsewhere = Cgroup::new("pod2/job")?;
    let longer = Cgroup::new("pod/job2")?;
    for other in [&elsewhere, &longer] {
        let what = format!("{}, while it is away", other.path());
        none_delayed(report, &what, &reads_of(&disk, other)?, 100);
    }
    let second = Cgroup::new("pod/job")?;
    let what = "one made at the same place, from its first I/O on";
    all_delayed(report, what, &reads_of(&disk, &second)?, 100);
    for other in [&elsewhere, &longer] {
        let what = format!("{}, beside that", other.path());
        none_delayed(report, &what, &reads_of(&disk, other)?, 100);
    }
    drop((second, longer, parent));
    let parent = Cgroup::new("pod")?;
    enable_io(&parent)?;
    let third = Cgroup::new("pod/job")?;
    let what = "one below a new parent";
    all_delayed(report, what, &reads_of(&disk, &third)?, 100);
    let below = Cgroup::new("pod/job/below");
    enable_io(&third)?;
    all_delayed(report, "one below that", &reads_of(&disk, &below?)?, 100);
    Ok(())
}

scenario!("filter_cgroup_held", cgroup_held);
/// Completions of a cgroup that was made again are held when an injection chooses it, which another
/// injection has chosen before.
fn cgroup_held(report: &mut Report) -> Result<()> {
    const HELD: u64 = 8;
    const HOUR_US: &str = "3600000000";
    let disk = Disk::on_ioem(&Kind {
        memory: true,
        ..Kind::default()
    })?;
    let first = Cgroup::new("again")?;
    let knows = Injection::with_texts("knows", &[("cgroup", first.path())])?;
    drop(first);
    let second = Cgroup::new("again")?;
    let all = [("hold", "completion"), ("delay_us", HOUR_US)];
    let all = Injection::with_texts("all", &all)?;
    let words = second.enter();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let options = ["--iodepth=8", "--number_ios=8", "--size=8m"];
    let options = [RANDOM_READ, &options].concat();
    let load = Fio::start_by(&words, &disk.path(), &options)?;
    all.wait_until_held(HELD)?;
    let settings = [("cgroup", second.path()), ("delay_us", HOUR_US)];
    let chooses = Injection::with_texts("chooses", &settings)?;
    let held = chooses.stat("held")?;
    report.figure("held at once", HELD, held, held == HELD);
    for injection in [knows, all, chooses] {
        injection.remove()?;
    }
    load.wait()
}

/// Enables the `io` controller for the cgroups below one. The kernel refuses that while a process
/// is in the cgroup, and a load that has ended leaves it a little later.
fn enable_io(cgroup: &Cgroup) -> Result<()> {
    let path = format!("{}/cgroup.subtree_control", cgroup.path());
    sys::wait_until(
        &format!("the io controller below {}", cgroup.path()),
        || Ok(sys::write(&path, "+io").is_ok()),
    )
}

scenario!("filter_pid_namespace_gone", pid_namespace_gone);
/// The namespace of a process that ends before the namespace does.
fn pid_namespace_gone(report: &mut Report) -> Result<()> {
    let namespace = PidNamespace::new()?;
    let words = namespace.enter();
    let mut member = Command::new(&words[0])
        .args(&words[1..])
        .args(["sleep", "1000"])
        .spawn()?;
    // nsenter's child is in the namespace, and has its number outside.
    let inside = process::wait_for_child_of(member.id())?;
    let injection = Injection::with_texts("filter", &[("pid_ns", &inside.to_string())])?;
    shows_process(
        report,
        &injection,
        "a process of a namespace",
        (&inside.to_string(), 0),
    )?;
    sys::run(&["kill", "-9", &inside.to_string()])?;
    member.wait()?;
    let first = namespace.pid.to_string();
    shows_process(report, &injection, "the process has ended", (&first, 0))?;
    // As promised, a text that the file shows is accepted.
    injection.set("pid_ns", &first)?;
    let before: u32 = first.parse::<u32>()? - 1;
    namespace.end()?;
    shows_process(report, &injection, "the namespace has ended", ("gone", 1))?;
    const LAST_NUMBER: &str = "/proc/sys/kernel/ns_last_pid";
    if !Path::new(LAST_NUMBER).exists() {
        report.skip("of this kernel, nobody can choose the number of the next process");
        return Ok(());
    }
    sys::write(LAST_NUMBER, before.to_string())?;
    let mut other = Command::new("sleep").arg("1000").spawn()?;
    let number = other.id().to_string();
    report.figure("another process's number", &first, &number, number == first);
    shows_process(
        report,
        &injection,
        "the number is another process's",
        ("gone", 1),
    )?;
    other.kill()?;
    other.wait()?;
    let refused = injection.set("pid_ns", "gone").is_err();
    report.figure("gone as a value", "refused", refused, refused);
    injection.set("pid_ns", "\n")?;
    shows_process(report, &injection, "none", ("", 0))
}

/// Notes the text of `pid_ns`, and the number `pid_ns_gone`.
fn shows_process(
    report: &mut Report,
    injection: &Injection,
    what: &str,
    (text, gone): (&str, u64),
) -> Result<()> {
    let (shown, stat) = (injection.get("pid_ns")?, injection.stat("pid_ns_gone")?);
    report.figure(
        &format!("pid_ns, pid_ns_gone: {what}"),
        format!("{text:?}, {gone}"),
        format!("{shown:?}, {stat}"),
        shown == text && stat == gone,
    );
    Ok(())
}
