// SPDX-License-Identifier: GPL-2.0-only

//! README's commands install the module on fresh machines of Debian 12 and 13.
//!
//! A chroot with the packages of a fresh machine runs the commands that build. A VM with the same
//! kernel runs the commands that load; systemd has booted it. All commands run as README has them.

use crate::{
    checks::{Checks, Transcript, ensure},
    command::{command, lab, text_of, variable},
    test::remove,
    vm::file,
};
use anyhow::{Context, Result, bail};
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::Instant,
};

/// The targets, and the words by which README introduces their commands.
const MACHINES: [(&str, &str); 2] = [("trixie", "**Debian 13:**"), ("bookworm", "**Debian 12:**")];

/// The folder of the checkout on a machine.
pub(crate) const CHECKOUT: &str = "/root/chaos-driver";

/// The folder of programs that come before the machine's own.
const FIRST: &str = "/usr/local/lib/first";

/// Stands for the `sudo` of a machine whose user is not root.
const SUDO: &str = "#!/bin/sh\nexec \"$@\"\n";

/// Variables that tell cargo and apt how to reach the network.
const NETWORK: [&str; 8] = [
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "CARGO_HTTP_PROXY",
    "CARGO_HTTP_TIMEOUT",
];

const MOST_COMMANDS: usize = 4;
/// Seconds of `make module` on two processors; the second if only the driver has changed.
const MOST_SECONDS: [u64; 2] = [60, 20];

/// An injection that delays each of 100 reads by 5 ms, in the VM.
const INJECT: &str = r#"
    read_all() { dd if=/dev/vda of=/dev/null bs=4k count=100 iflag=direct; }
    now() { cut -d " " -f 1 /proc/uptime; }
    udevadm settle
    sudo ./target/release/kchaos inject ioem delay --delay 5ms --device vda --name slow
    start=$(now); read_all; end=$(now)
    cat /sys/kernel/config/ioem/slow/stats
    grep -qx "delayed 100" /sys/kernel/config/ioem/slow/stats
    sudo ./target/release/kchaos recover --all
    sudo rmmod chaos_driver
    echo "delayed for $start $end"
"#;

pub(crate) fn install(targets: &[String]) -> Result<bool> {
    let mut checks = Checks::default();
    for target in targets {
        ensure(is_machine(target), "the targets are trixie and bookworm")?;
    }
    for (target, _) in MACHINES {
        if targets.is_empty() || targets.iter().any(|name| name == target) {
            install_on(&mut checks, target);
        }
    }
    Ok(checks.summary())
}

/// Whether README has commands for this target.
pub(crate) fn is_machine(target: &str) -> bool {
    MACHINES.iter().any(|(name, _)| *name == target)
}

/// Each step only if the one before it worked.
pub(crate) fn install_on(checks: &mut Checks, target: &str) {
    let Some(commands) = checks.check(&format!("README's commands for {target}"), |_| {
        Commands::of(&fs::read_to_string("README.md")?, target)
    }) else {
        return;
    };
    let count = commands.build.len() + commands.load.len();
    tell("commands", MOST_COMMANDS, count);
    checks.check("they are few", |_| {
        ensure(count <= MOST_COMMANDS, "there are more")
    });
    let name = format!("a fresh machine of {target}, with a clean checkout");
    let Some(machine) = checks.check(&name, |transcript| {
        Machine::new(transcript, target, &Path::new("target/fresh").join(target))
    }) else {
        return;
    };
    let builds = checks.check("README's commands build there", |transcript| {
        machine.run(transcript, &commands.build)
    });
    if builds.is_none() {
        return;
    }
    let loads = format!(
        "README's commands load into {}, and a delay delays",
        machine.release
    );
    checks.check(&loads, |transcript| {
        machine.load(transcript, &commands.load)
    });
    let new = ["make clean", "make module"];
    machine.time(
        checks,
        &new,
        "the module in a new checkout",
        MOST_SECONDS[0],
    );
    let changed = ["echo '// changed' >>driver/chaos_driver.rs", "make module"];
    machine.time(checks, &changed, "the changed driver", MOST_SECONDS[1]);
    if checks.count.failed == 0 {
        checks.check("the machine goes", |_| remove(&machine.root));
    }
}

fn tell(what: &str, asked: impl std::fmt::Display, measured: impl std::fmt::Display) {
    println!("# {what}: asked at most {asked}, measured {measured}");
}

/// README's commands for a machine.
#[derive(Debug, PartialEq)]
struct Commands {
    build: Vec<String>,
    load: Vec<String>,
}

impl Commands {
    fn of(readme: &str, target: &str) -> Result<Self> {
        let named = MACHINES.iter().find(|(name, _)| *name == target);
        let (_, words) = named.context("README has no commands for this target")?;
        let (_, text) = readme
            .split_once(words)
            .with_context(|| format!("README does not say {words}"))?;
        let commands: Vec<String> = text
            .lines()
            .skip_while(|line| !line.starts_with("    "))
            .map_while(|line| line.strip_prefix("    "))
            .map(str::to_owned)
            .collect();
        let is_load = |line: &String| line.starts_with("sudo insmod");
        let Some(place) = commands.iter().position(is_load) else {
            bail!("no command loads the module");
        };
        let (build, load) = commands.split_at(place);
        Ok(Self {
            build: build.to_vec(),
            load: load.to_vec(),
        })
    }
}

/// A fresh machine: its chroot, and the release of its kernel.
pub(crate) struct Machine {
    target: String,
    pub(crate) root: PathBuf,
    pub(crate) release: String,
}

impl Machine {
    /// Makes the chroot anew, in the folder `root`.
    pub(crate) fn new(transcript: &mut Transcript, target: &str, root: &Path) -> Result<Self> {
        remove(root)?;
        transcript.run(&mut lab(&["prepare", target]))?;
        let kernel = text_of(&mut lab(&["kernel", target]))?;
        let release = kernel.lines().next().context("the lab names no kernel")?;
        let machine = Self {
            target: target.to_owned(),
            root: root.to_owned(),
            release: release.to_owned(),
        };
        transcript.run(&mut machine.command("true"))?;
        // `uname` asks the kernel that runs, which is this machine's in a chroot. There, it tells
        // the release of the machine's own kernel, that of the VM.
        let uname =
            format!("#!/bin/sh\n[ \"$*\" = -r ] || exec /usr/bin/uname \"$@\"\necho {release}\n");
        machine.write_program("uname", &uname)?;
        machine.write_program("sudo", SUDO)?;
        // Nobody is there to say yes.
        let yes = machine.outside("/etc/apt/apt.conf.d/yes");
        fs::write(yes, "APT::Get::Assume-Yes \"true\";\n")?;
        machine.copy_cargo_configuration()?;
        let checkout = machine.outside(CHECKOUT);
        fs::create_dir_all(&checkout)?;
        let copy = format!("git archive HEAD | tar -x -C '{}'", checkout.display());
        transcript.run(&mut command(&["sh", "-ec", &copy]))?;
        Ok(machine)
    }

    /// The path on this machine of a path on that one.
    pub(crate) fn outside(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }

    fn write_program(&self, name: &str, text: &str) -> Result<()> {
        let path = self.outside(FIRST).join(name);
        fs::create_dir_all(self.outside(FIRST))?;
        fs::write(&path, text)?;
        Ok(fs::set_permissions(
            path,
            fs::Permissions::from_mode(0o755),
        )?)
    }

    /// The network may have a registry of its own for cargo, and this machine's user has named it.
    fn copy_cargo_configuration(&self) -> Result<()> {
        let home = variable("CARGO_HOME").map(PathBuf::from);
        let home = home.or_else(|| Some(Path::new(&variable("HOME")?).join(".cargo")));
        let Some(configuration) = home.map(|home| home.join("config.toml")) else {
            return Ok(());
        };
        if configuration.exists() {
            let place = self.outside("/root/.cargo");
            fs::create_dir_all(&place)?;
            fs::copy(configuration, place.join("config.toml"))?;
        }
        Ok(())
    }

    /// A script for the chroot. It stops at the first command that fails.
    fn command(&self, script: &str) -> std::process::Command {
        let mut command = lab(&["fresh", &self.target]);
        command.arg(&self.root).args(["--", "env"]);
        for name in NETWORK {
            command.args(variable(name).map(|value| format!("{name}={value}")));
        }
        command.args(["sh", "-ec", script]);
        command
    }

    /// Runs commands in the checkout.
    pub(crate) fn run(
        &self,
        transcript: &mut Transcript,
        commands: &[impl AsRef<str>],
    ) -> Result<()> {
        let commands: Vec<&str> = commands.iter().map(AsRef::as_ref).collect();
        let script = script(&commands.join("\n"));
        transcript.say(&script);
        transcript.run(&mut self.command(&script))
    }

    /// The time of the last command on two processors; the others prepare it.
    fn time(&self, checks: &mut Checks, commands: &[&str; 2], what: &str, most: u64) {
        let [prepare, timed] = commands;
        let limited = format!("taskset -c 0,1 {timed}; times");
        let name = format!("{what} is built in {most} s");
        checks.check(&name, |transcript| {
            self.run(transcript, &[prepare])?;
            let start = Instant::now();
            let mut build = self.command(&script(&limited));
            let (status, output) = transcript.try_run(&mut build)?;
            let seconds = start.elapsed().as_secs_f64();
            ensure(status.success(), "it does not build")?;
            let load = fs::read_to_string("/proc/loadavg")?;
            let load = load.split(' ').next().unwrap_or_default();
            // The last line of `times`: user's and system's time of the commands.
            let busy = output.trim_end().lines().last().unwrap_or_default();
            let measured = format!("{seconds:.1} (processors' time {busy}, load average {load})");
            tell(&format!("seconds for {what}"), most, measured);
            transcript.say(&format!("{seconds:.1} s"));
            ensure(seconds <= most as f64, "it takes longer")
        });
    }

    /// Runs the commands that load in a VM, and then an injection.
    fn load(&self, transcript: &mut Transcript, commands: &[String]) -> Result<()> {
        let headers = format!("/usr/src/linux-headers-{}", self.release);
        let mut release = command(&["tools/kernel-release"]);
        let release = text_of(release.arg(self.outside(&headers)))?;
        ensure(
            release.trim_end() == self.release,
            "the headers are of another kernel than the VM's",
        )?;
        let is_same = format!("test \"$(uname -r)\" = {}", self.release);
        let script = script(&format!("{is_same}\n{}\n{INJECT}", commands.join("\n")));
        transcript.say(&script);
        let mut run = lab(&["run", &self.target, "--systemd", "--seconds", "1800"]);
        run.args(["--disk", "64"]);
        for path in [
            &format!("{FIRST}/sudo"),
            &format!("{CHECKOUT}/driver/chaos_driver.ko"),
            &format!("{CHECKOUT}/target/release/kchaos"),
            // Each Debian has it; the lab's guests only have libraries of their programs.
            "/usr/lib/x86_64-linux-gnu/libgcc_s.so.1",
        ] {
            run.args(["--file", &file(&self.outside(path), path)]);
        }
        in_vm(transcript, run.args(["--", "sh", "-ec", &script]))
    }

    /// Runs commands in a VM that boots a copy of this machine's files, with systemd, and has an
    /// empty disk vdb. The commands say how long 100 delayed reads took.
    pub(crate) fn boot(
        &self,
        transcript: &mut Transcript,
        commands: &[impl AsRef<str>],
    ) -> Result<()> {
        let commands: Vec<&str> = commands.iter().map(AsRef::as_ref).collect();
        let is_same = format!("test \"$(uname -r)\" = {}", self.release);
        // The lab's own `uname` is not asked.
        let script = format!(
            "cd {CHECKOUT}\n{is_same}\nPATH=$PATH:{FIRST}\nset -x\n{}\n",
            commands.join("\n")
        );
        transcript.say(&script);
        let mut run = lab(&["run", &self.target, "--clock", "threads", "--disk", "64"]);
        run.args(["--seconds", "3600", "--system"]).arg(&self.root);
        in_vm(transcript, run.args(["--", "sh", "-ec", &script]))
    }
}

/// A script that runs in the checkout, with programs that come before the machine's own.
fn script(commands: &str) -> String {
    format!("PATH={FIRST}:$PATH\ncd {CHECKOUT}\n{commands}\n")
}

/// Runs a VM whose commands say how long 100 reads took, each delayed by 5 ms.
fn in_vm(transcript: &mut Transcript, run: &mut std::process::Command) -> Result<()> {
    let (status, output) = transcript.try_run(run)?;
    ensure(status.success(), "not all is as it should be")?;
    let seconds = seconds_delayed(&output).context("the VM tells no time")?;
    println!(
        "# seconds of 100 reads, each delayed by 5 ms: asked at least 0.5, measured {seconds:.2}"
    );
    ensure(seconds >= 0.49, "the reads are not delayed")
}

/// The seconds that the VM's reads took.
fn seconds_delayed(output: &str) -> Option<f64> {
    let (_, times) = output.split_once("delayed for ")?;
    let mut times = times.split_whitespace().map(str::parse::<f64>);
    let (start, end) = (times.next()?.ok()?, times.next()?.ok()?);
    Some(end - start)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::top;

    #[test]
    fn readme_has_few_commands_for_each_machine() {
        let readme = fs::read_to_string(top().join("README.md")).unwrap();
        for (target, _) in MACHINES {
            let Commands { build, load } = Commands::of(&readme, target).unwrap();
            assert!(
                build.iter().any(|line| line.starts_with("make")),
                "{build:?}"
            );
            assert!(
                load.iter().all(|line| line.starts_with("sudo ")),
                "{load:?}"
            );
            assert!(build.len() + load.len() <= MOST_COMMANDS);
        }
    }

    #[test]
    fn only_the_commands_of_one_machine_are_taken() {
        let readme = "**Debian 13:** so\n\n    make\n    sudo insmod ./a.ko\n\ntext\n\n    other\n";
        let commands = Commands::of(readme, "trixie").unwrap();
        assert_eq!(commands.build, ["make"]);
        assert_eq!(commands.load, ["sudo insmod ./a.ko"]);
        assert!(Commands::of(readme, "bookworm").is_err());
        assert!(Commands::of(readme, "sid").is_err());
    }

    #[test]
    fn the_time_of_the_reads_is_found() {
        assert_eq!(seconds_delayed("a\ndelayed for 1.50 2.25\n"), Some(0.75));
        assert_eq!(seconds_delayed("delayed for ever"), None);
    }
}
