// SPDX-License-Identifier: GPL-2.0-only

//! kchaos, when only the I/O of a command, of a process or of a container is meant: each I/O of
//! theirs is hit, and none of others on the same disk.

use super::filter::{DELAY_US, all_delayed, none_delayed};
use crate::{
    disk::{Disk, Kind, Mounted, wait_until_unused},
    fio::{Fio, RANDOM_READ},
    process::Cgroup,
    report::Report,
    sys,
};
use anyhow::{Context, Result, bail};
use std::{
    fs,
    process::{Child, Command},
    thread::sleep,
    time::Duration,
};

/// The number of I/Os of a load that is hit. It takes a second, and the others' much less.
const HIT: usize = 400;

/// The number of I/Os of a load that is not.
const OTHERS: usize = 200;

const CGROUPS: &str = "/sys/fs/cgroup";

fn with_memory() -> Kind {
    Kind {
        memory: true,
        ..Kind::default()
    }
}

fn with_partitions() -> Kind {
    Kind {
        partitions: true,
        ..with_memory()
    }
}

/// A load that reads so many blocks of a file or disk, started by a command.
fn load(before: &[&str], path: &str, count: usize) -> Result<Fio> {
    let count = format!("--number_ios={count}");
    let options = ["--iodepth=8", "--size=16m", &count];
    Fio::start_logged(before, path, &[RANDOM_READ, &options].concat())
}

/// A number in the counts of an injection.
fn count(injection: &str, key: &str) -> Result<u64> {
    let text = sys::read(format!("{}/{injection}/stats", sys::IOEM)).unwrap_or_default();
    let mut lines = text.lines();
    let number = lines.find_map(|line| line.strip_prefix(key)?.strip_prefix(' '));
    Ok(number.map_or(Ok(0), str::parse)?)
}

/// Returns once this is so; an error if that takes half a minute.
fn wait_until(what: &str, mut is_so: impl FnMut() -> Result<bool>) -> Result<()> {
    for _ in 0..1_500 {
        if is_so()? {
            return Ok(());
        }
        sleep(Duration::from_millis(20));
    }
    bail!("not so: {what}")
}

/// Runs a load of others while the injection holds I/O of the first load, and judges both.
fn judge(report: &mut Report, what: &str, injection: &str, hit: Fio, others: &str) -> Result<()> {
    wait_until("it holds I/O", || Ok(count(injection, "held")? > 0))?;
    let others = load(&[], others, OTHERS)?.finish()?.latencies_ns();
    let held = count(injection, "held")?;
    report.figure(
        &format!("{what}: I/Os that are held when the others have ended"),
        ">= 1",
        held,
        held >= 1,
    );
    all_delayed(report, what, &hit.finish()?.latencies_ns(), HIT);
    none_delayed(report, what, &others, OTHERS);
    Ok(())
}

/// Runs kchaos, which makes an injection with this name and these flags.
fn inject(name: &str, flags: &str) -> Result<()> {
    let command = format!("kchaos inject ioem delay --delay {DELAY_US}us --name {name} {flags}");
    let words: Vec<&str> = command.split(' ').collect();
    sys::run(&words).map(drop)
}

/// The words that run a command on this disk with `--own`.
fn own(disk: &Disk, flags: &str) -> Vec<String> {
    let words = format!(
        "kchaos inject ioem delay --delay {DELAY_US}us --name own --device {}{flags} --own --",
        disk.name()
    );
    words.split(' ').map(str::to_owned).collect()
}

/// The cgroups that kchaos has made.
fn own_cgroups() -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(CGROUPS)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.starts_with("kchaos-") {
            names.push(name);
        }
    }
    Ok(names)
}

fn none_left(report: &mut Report) -> Result<()> {
    let left = own_cgroups()?;
    report.figure("cgroups that are left", "none", left.len(), left.is_empty());
    Ok(())
}

scenario!("kchaos_own_direct", own_direct);
fn own_direct(report: &mut Report) -> Result<()> {
    let disk = Disk::on_ioem(&with_partitions())?;
    let [first, second] = [1, 2].map(|number| format!("{}p{number}", disk.path()));
    let before = own(&disk, "");
    let before: Vec<&str> = before.iter().map(String::as_str).collect();
    let hit = load(&before, &first, HIT)?;
    judge(report, "--own", "own", hit, &second)?;
    none_left(report)
}

/// Writes blocks of a file one by one, each with an fsync, and prints the counts of `own`.
fn write_and_sync(before: &[String], path: &str, blocks: u64) -> Result<Command> {
    let script = format!(
        "for place in $(seq {blocks}); do
            dd if=/dev/zero of={path} bs=4k count=1 seek=$((place * 64)) conv=notrunc,fsync 2>/dev/null
        done
        cat {}/own/stats > /tmp/stats",
        sys::IOEM
    );
    let words = [before, &["sh", "-e", "-c", &script].map(str::to_owned)].concat();
    let (program, arguments) = words.split_first().context("a command")?;
    let mut command = Command::new(program);
    command.args(arguments);
    Ok(command)
}

/// The writes of a partition that have ended.
fn writes(disk: &Disk, partition: u32) -> Result<u64> {
    let file = disk.attribute(&format!("{}p{partition}/stat", disk.name()));
    let text = sys::read(file)?;
    let number = text.split_whitespace().nth(4);
    Ok(number.context("no numbers")?.parse()?)
}

scenario!("kchaos_own_buffered", own_buffered);
fn own_buffered(report: &mut Report) -> Result<()> {
    const BLOCKS: u64 = 40;
    let disk = Disk::on_ioem(&with_partitions())?;
    let [first, second] = [1, 2].map(|number| format!("{}p{number}", disk.path()));
    let mut command = write_and_sync(&own(&disk, " --op write"), &first, BLOCKS)?.spawn()?;
    wait_until("it holds I/O", || Ok(count("own", "held")? > 0))?;
    // As a manager of cgroups does with a controller that none of its units asks for.
    let taken = sys::write(format!("{CGROUPS}/cgroup.subtree_control"), "-io");
    let refused = taken.is_err();
    report.figure("io cannot be taken away", true, refused, refused);
    let others = write_and_sync(&[], &second, BLOCKS / 2)?.output()?;
    let (during, ended) = (count("own", "matched")?, others.status.success());
    report.figure(
        "matched when the others have ended, and there are more to come",
        format!("1 to {}", BLOCKS - 1),
        during,
        ended && (1..BLOCKS).contains(&during),
    );
    let status = command.wait()?;
    let stats = sys::read("/tmp/stats")?;
    let mut lines = stats.lines();
    let delayed = lines.find_map(|line| line.strip_prefix("delayed "));
    let delayed: u64 = delayed.context("no counts")?.parse()?;
    let (own, others) = (writes(&disk, 1)?, writes(&disk, 2)?);
    report.figure(
        "writes of the command, all delayed",
        format!(">= {BLOCKS}"),
        format!("{delayed} of {own}"),
        status.success() && own >= BLOCKS && delayed == own,
    );
    report.figure(
        "writes of others, of which none is among these",
        format!(">= {}", BLOCKS / 2),
        others,
        others >= BLOCKS / 2,
    );
    none_left(report)
}

scenario!("kchaos_own_left", own_left);
fn own_left(report: &mut Report) -> Result<()> {
    let disk = Disk::on_ioem(&Kind::default())?;
    let mut words = own(&disk, "");
    words.extend(["sh", "-c", "sleep 1000 >/dev/null 2>&1 & echo $!; exit 7"].map(str::to_owned));
    let output = Command::new(&words[0]).args(&words[1..]).output();
    let output = output.context("starting kchaos")?;
    let text = String::from_utf8(output.stdout)?;
    let said = String::from_utf8(output.stderr)?;
    let code = output.status.code();
    report.figure("exit code", 7, format!("{code:?}"), code == Some(7));
    let pid = text.trim();
    let cgroup = sys::read(format!("/proc/{pid}/cgroup"))?;
    let is_told = said.contains("the command has left ");
    report.figure(
        "cgroup of what is left, and told",
        "0::/",
        &cgroup,
        cgroup == "0::/" && is_told,
    );
    sys::run(&["kill", pid])?;
    none_left(report)?;

    // A kchaos that is killed removes nothing; the command goes on.
    let mut words = own(&disk, "");
    words.extend(["sleep", "1000"].map(str::to_owned));
    let mut killed = Command::new(&words[0]).args(&words[1..]).spawn()?;
    let procs = || -> Result<String> {
        let name = own_cgroups()?.pop().unwrap_or_default();
        Ok(sys::read(format!("{CGROUPS}/{name}/command/cgroup.procs")).unwrap_or_default())
    };
    wait_until("the command runs", || Ok(!procs()?.is_empty()))?;
    killed.kill()?;
    killed.wait()?;
    let _ = sys::run(&["kchaos", "recover", "own"]);
    let left = own_cgroups()?.len();
    report.figure(
        "cgroups after SIGKILL, while the command runs",
        1,
        left,
        left == 1,
    );
    sys::run(&["kill", procs()?.trim()])?;
    wait_until("the command has ended", || Ok(procs()?.is_empty()))?;
    let _ = sys::run(&["kchaos", "recover", "--all"]);
    none_left(report)
}

scenario!("kchaos_pid", pid);
fn pid(report: &mut Report) -> Result<()> {
    let disk = Disk::on_ioem(&with_memory())?;
    let other_disk = Disk::on_ioem(&with_memory())?;
    let cgroup = Cgroup::new("tenant")?;
    sys::run(&["mkfs.ext4", "-q", &disk.path()])?;
    let _mounted = Mounted::new(&disk.path(), "/mnt")?;
    for file in ["/mnt/one", "/mnt/two"] {
        let of = format!("of={file}");
        sys::run(&["dd", "if=/dev/zero", &of, "bs=1M", "count=16", "conv=fsync"])?;
    }
    let _ = fs::remove_file("/tmp/go");
    let script = format!(
        "cd /mnt; echo 0 > {}/cgroup.procs; while ! test -e /tmp/go; do :; done; exec \"$@\"",
        cgroup.path()
    );
    let hit = load(&["sh", "-c", &script, "sh"], "/mnt/one", HIT)?;
    let procs = || sys::read(format!("{}/cgroup.procs", cgroup.path()));
    wait_until("the process is there", || Ok(!procs()?.is_empty()))?;
    inject("of-pid", &format!("--pid {} --for 60s", procs()?.trim()))?;
    let device = sys::read(format!("{}/of-pid/device", sys::IOEM))?;
    report.figure("its disk", disk.name(), &device, device == disk.name());
    fs::write("/tmp/go", "")?;
    judge(report, "--pid", "of-pid", hit, "/mnt/two")?;
    let enter = cgroup.enter();
    let enter: Vec<&str> = enter.iter().map(String::as_str).collect();
    let elsewhere = load(&enter, &other_disk.path(), OTHERS)?.finish()?;
    none_delayed(report, "another disk", &elsewhere.latencies_ns(), OTHERS);
    Ok(())
}

/// A container: a process with mounts, PIDs and a root directory of its own, in a cgroup as
/// containerd names it. Dropping it ends the process.
struct Container {
    keeper: Child,
    cgroups: Vec<String>,
    /// The disk that it has mounted.
    disk: String,
}

impl Container {
    /// Makes a container whose root directory is the file system of this disk.
    fn new(id: &str, disk: &str, folder: &str) -> Result<Self> {
        let below = ["kubepods.slice", "kubepods-pod1.slice"];
        let mut path = CGROUPS.to_owned();
        let mut cgroups = Vec::new();
        for name in below
            .into_iter()
            .chain([&*format!("cri-containerd-{id}.scope")])
        {
            sys::write(format!("{path}/cgroup.subtree_control"), "+io +memory")?;
            path = format!("{path}/{name}");
            fs::create_dir(&path).with_context(|| format!("making {path}"))?;
            cgroups.push(path.clone());
        }
        // The copy of busybox needs nothing else there.
        let script = format!(
            "mount --make-rprivate / 2>/dev/null; mount {disk} {folder}
            mkdir -p {folder}/bin; cp /bin/busybox {folder}/bin/sleep
            echo 0 > {path}/cgroup.procs; exec chroot {folder} /bin/sleep 1000"
        );
        let keeper = Command::new("unshare")
            .args(["-m", "-p", "-f", "sh", "-e", "-c", &script])
            .spawn()?;
        Ok(Self {
            keeper,
            cgroups,
            disk: disk.to_owned(),
        })
    }

    /// Its cgroup.
    fn path(&self) -> &str {
        self.cgroups.last().map_or("", String::as_str)
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let _ = sys::write(format!("{}/cgroup.kill", self.path()), "1");
        let _ = self.keeper.wait();
        wait_until_unused(&self.disk);
        for path in self.cgroups.iter().rev() {
            let _ = wait_until("it can be removed", || Ok(fs::remove_dir(path).is_ok()));
        }
    }
}

scenario!("kchaos_container", container);
fn container(report: &mut Report) -> Result<()> {
    const ID: &str = "9c7b51f2a4d84e0f9c7b51f2a4d84e0f9c7b51f2a4d84e0f9c7b51f2a4d84e0f";
    let disk = Disk::on_ioem(&with_memory())?;
    let other_disk = Disk::on_ioem(&with_memory())?;
    for disk in [&disk, &other_disk] {
        sys::run(&["mkfs.ext4", "-q", &disk.path()])?;
    }
    // The host has another disk where the container has its root.
    let folder = "/mnt";
    let _mounted = Mounted::new(&other_disk.path(), folder)?;
    let container = Container::new(ID, &disk.path(), folder)?;
    let root = || -> Result<String> {
        let pid = sys::read(format!("{}/cgroup.procs", container.path()))?;
        Ok(sys::read(format!("/proc/{}/comm", pid.trim())).unwrap_or_default())
    };
    wait_until("the container runs", || Ok(root()? == "sleep"))?;
    inject("of-it", &format!("--container {} --for 60s", &ID[..12]))?;
    let device = sys::read(format!("{}/of-it/device", sys::IOEM))?;
    report.figure("its disk", disk.name(), &device, device == disk.name());
    let script = format!("echo 0 > {}/cgroup.procs; exec \"$@\"", container.path());
    let inside = ["sh", "-c", &script, "sh"];
    let hit = load(&inside, &disk.path(), HIT)?;
    judge(report, "--container", "of-it", hit, &disk.path())?;
    let elsewhere = load(&inside, &other_disk.path(), OTHERS)?.finish()?;
    none_delayed(report, "another disk", &elsewhere.latencies_ns(), OTHERS);
    Ok(())
}
