// SPDX-License-Identifier: GPL-2.0-only

//! The files of `make install` work from boot on, on a machine with systemd and udev.

use crate::{
    checks::{Transcript, ensure},
    command::{command, lab},
    test::{INSTALLED, remove},
    vm::file,
};
use anyhow::{Context, Result};
use std::{fs, path::Path};

/// The files of the machine, without those of its packages.
const MACHINE: &str = "target/booted";

/// The installed rules of udev, as a path on the machine.
const RULES: &str = "usr/local/lib/udev/rules.d/99-zz-ioem.rules";

/// A rule of somebody else, which writes a scheduler at each event.
const RIVAL: &str = "SUBSYSTEM==\"block\", ACTION!=\"remove\", KERNEL==\"vd[a-z]\", \
    ATTR{queue/scheduler}=\"mq-deadline\"\n";

/// Boots the machine, and looks from inside.
pub(crate) fn boots(transcript: &mut Transcript) -> Result<()> {
    let machine = Path::new(MACHINE);
    remove(machine)?;
    transcript.run(&mut command(&["cp", "-a", INSTALLED, MACHINE]))?;
    fs::create_dir_all(machine.join("etc/udev/rules.d"))?;
    let rules = fs::read_to_string(machine.join(RULES)).context("reading the installed rules")?;
    let own = machine.join("etc/udev/rules.d/99-zz-ioem.rules");
    // Each rule can be read, and one of them is used.
    fs::write(&own, chosen(&rules, |_| true))?;
    let verify = ["shell", "udevadm", "verify", "--resolve-names=never"];
    let inside = format!("/src/{}", own.display());
    transcript.run(lab(&verify).arg(inside))?;
    fs::write(&own, chosen(&rules, |rule| rule.contains("ID_SERIAL")))?;
    fs::write(machine.join("etc/udev/rules.d/60-rival.rules"), RIVAL)?;
    let script = enable(&fs::read_to_string("README.md")?);
    transcript.say(&script);
    transcript.run(&mut lab(&["shell", "sh", "-ec", &script]))?;
    let mut run = lab(&["run", "--systemd", "--clock", "threads", "--seconds", "300"]);
    run.args(["--disk", "64", "--tree", &file(machine, "/")])
        .args([
            "--file",
            &file(Path::new("tests/boot-guest"), "/boot-guest"),
        ])
        .args(["--", "sh", "/boot-guest"]);
    let (status, _) = transcript.try_run(&mut run)?;
    ensure(status.success(), "not all is as it should be")
}

/// The rules, of which some have lost the mark of a comment, for the lab's disk.
fn chosen(rules: &str, is_chosen: impl Fn(&str) -> bool) -> String {
    let lines = rules.lines().map(|line| match line.strip_prefix('#') {
        Some(rule) if rule.starts_with("ACTION") && is_chosen(rule) => {
            rule.replace("sdX", "vda").replace("SERIAL\"", "lab\"")
        }
        _ => line.to_owned(),
    });
    lines.map(|line| line + "\n").collect()
}

/// README's commands for a unit, for the files of the machine before it boots.
fn enable(readme: &str) -> String {
    let root = format!("/src/{MACHINE}");
    let paragraphs = readme.split("\n\n");
    let ours = paragraphs.filter(|text| text.starts_with("    mkdir -p /etc/kchaos"));
    ours.collect::<String>()
        .replace(" /etc/", &format!(" {root}/etc/"))
        .replace("systemctl ", &format!("systemctl --root={root} "))
        .replace("sdX", "vda")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::top;

    #[test]
    fn the_installed_rules_do_nothing_until_a_user_chooses_one() {
        let rules = fs::read_to_string(top().join("tools/boot/99-zz-ioem.rules")).unwrap();
        let active = |text: &str| {
            let lines = text.lines().filter(|line| !line.starts_with('#'));
            lines.filter(|line| !line.is_empty()).count()
        };
        assert_eq!(active(&rules), 0);
        assert_eq!(active(&chosen(&rules, |_| true)), 2);
        let serial = chosen(&rules, |rule| rule.contains("ID_SERIAL"));
        assert_eq!(active(&serial), 1);
        assert!(serial.contains("ENV{ID_SERIAL}==\"lab\""));
    }

    #[test]
    fn readme_enables_a_unit() {
        let readme = fs::read_to_string(top().join("README.md")).unwrap();
        let script = enable(&readme);
        assert_eq!(script.lines().count(), 3, "{script}");
        assert!(script.contains("--root=/src/target/booted enable kchaos@slow"));
    }
}
