// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! `kchaos inject ioem drop`, `torn` and `corrupt`, and `--drop`, `--torn` and `--corrupt` of other
//! verbs.

use crate::{
    error::{mount, value, words, written},
    tree::{Tree, stderr, stdout},
};

const CONSENT: &str = "i_know_data_will_be_lost";

/// A way to damage data.
struct Damage {
    file: &'static str,
    /// The verb, with the words that it needs.
    verb: &'static str,
    number: u32,
    words: &'static str,
    /// The refusal without a consent.
    risk: &'static str,
}

const DAMAGES: [Damage; 3] = [
    Damage {
        file: "drop",
        verb: "drop",
        number: 1,
        words: "writes are lost, on vdb",
        risk: "with drop, writes seem to succeed and the disk does not get them",
    },
    Damage {
        file: "torn",
        verb: "torn",
        number: 1,
        words: "writes are torn, on vdb",
        risk: "with torn, the disk gets only the first blocks of each write",
    },
    Damage {
        file: "corrupt",
        verb: "corrupt 3",
        number: 3,
        words: "3 bits of each read are flipped, on vdb",
        risk: "with corrupt, reads bring flipped bits",
    },
];

impl Damage {
    /// The line that makes the injection x.
    fn line(&self) -> String {
        format!(
            "inject ioem {} --data-loss --device vdb --name x",
            self.verb
        )
    }

    /// The flag with its value.
    fn flag(&self) -> String {
        format!("--{} {}", self.file, self.number)
    }
}

#[test]
fn a_damage_sets_its_consent_first_and_takes_it_back_last() {
    for damage in DAMAGES {
        let tree = Tree::attached();
        let (file, flag, line) = (damage.file, damage.flag(), damage.line());
        let gives = format!("{CONSENT} 1");
        let damages = format!("{file} {}", damage.number);
        let files = written(&tree, &line);
        assert_eq!(
            files,
            ["enabled 0", "device vdb", &gives, &damages, "enabled 1"]
        );
        stdout(&mut tree.kchaos(&line));
        for verb in ["list", "status"] {
            let text = words(&stdout(&mut tree.kchaos(verb)));
            assert!(text.contains(damage.words), "{text}");
            assert!(text.contains("holds completions"), "{text}");
        }
        let takes = [format!("{file} 0"), format!("{CONSENT} 0")];
        assert_eq!(written(&tree, &format!("change x --{file} 0")), takes);
        stdout(&mut tree.kchaos(&format!("change x --{file} 0 --delay 1ms")));
        assert_eq!(
            (value(&tree, file), value(&tree, CONSENT)),
            ("0".into(), "0".into())
        );
        let files = written(&tree, &format!("change x {flag} --data-loss"));
        assert_eq!(files, [&*gives, &damages]);
        assert_eq!(stdout(&mut tree.kchaos("recover x")), "x\n");
    }
}

#[test]
fn a_consent_stays_as_long_as_any_damage_does() {
    let tree = Tree::attached();
    stdout(&mut tree.kchaos("inject ioem torn --drop 1 --data-loss --device vdb --name x"));
    assert_eq!(written(&tree, "change x --drop 0"), ["drop 0"]);
    stdout(&mut tree.kchaos("change x --drop 0"));
    let files = written(&tree, "change x --torn 0 --corrupt 2 --data-loss");
    let [shut, open] = ["probability 0", "probability 100"];
    let gives = format!("{CONSENT} 1");
    assert_eq!(files, [shut, &gives, "torn 0", "corrupt 2", open]);
    let said = stderr(&mut tree.kchaos("change x --corrupt 2"), 2);
    assert!(said.contains("add --data-loss"), "{said}");
    let takes = ["torn 0".to_owned(), format!("{CONSENT} 0")];
    assert_eq!(written(&tree, "change x --torn 0"), takes);
}

#[test]
fn a_damage_without_its_consent_is_refused() {
    for damage in DAMAGES {
        let tree = Tree::attached();
        let (verb, file, flag) = (damage.verb, damage.file, damage.flag());
        stdout(&mut tree.kchaos("inject ioem delay --delay 1ms --device vdb --name y"));
        let before = tree.content();
        for line in [
            &format!("inject ioem {verb} --device vdb"),
            &format!("inject ioem {verb} --device vdb --force"),
            &format!("inject ioem delay --delay 1ms {flag} --device vdb"),
            &format!("change y {flag}"),
            &format!("change y {flag} --force"),
        ] {
            let said = words(&stderr(&mut tree.kchaos(line), 2));
            for expected in [damage.risk, "add --data-loss"] {
                assert!(said.contains(expected), "{line}: {said}");
            }
        }
        let zero = match file {
            "corrupt" => "corrupt 0".to_owned(),
            _ => format!("{file} --{file} 0"),
        };
        for (line, expected) in [
            (format!("{verb} --data-loss"), "without --device"),
            (
                format!("{verb} --data-loss --device vdz"),
                "vdz is not there",
            ),
            (
                format!("{zero} --data-loss --device vdb"),
                match file {
                    "corrupt" => "from 1 to 64",
                    _ => "damages nothing",
                },
            ),
            (
                "delay --delay 1ms --data-loss".to_owned(),
                "--data-loss is for --drop, --torn and --corrupt",
            ),
        ] {
            let line = format!("inject ioem {line} --force");
            let said = words(&stderr(&mut tree.kchaos(&line), 2));
            assert!(said.contains(expected), "{line}: {said}");
        }
        let said = stderr(&mut tree.kchaos("change y --data-loss --force"), 2);
        assert!(said.contains("--data-loss is for --drop"), "{said}");
        assert_eq!(tree.content(), before);
        // Another disk is another damage.
        stdout(&mut tree.kchaos(&damage.line()));
        tree.disk("vdc", "[ioem]");
        let said = stderr(&mut tree.kchaos("change x --device vdc"), 2);
        assert!(said.contains("add --data-loss"), "{said}");
        stdout(&mut tree.kchaos("change x --device vdc --data-loss"));
        assert_eq!(value(&tree, "device"), "vdc");
        stdout(&mut tree.kchaos("change x --probability 5%"));
    }
}

/// Damages data on no disk of the system, in any of the words for it.
fn check_guard(damage: &Damage, kind: &str) {
    let tree = Tree::attached();
    match kind {
        "root" => {
            let number = tree.number("vda1");
            let line = format!("1 1 {number} / / rw - ext4 /dev/vda1 rw\n");
            tree.write("proc/1/mountinfo", &line);
        }
        "swap" => {
            let swaps = "Filename Type Size Used Priority\n/dev/vda1 partition 1 0 -2\n";
            tree.write("proc/swaps", swaps);
        }
        _ => std::fs::remove_dir_all(tree.path("proc/1")).unwrap(),
    }
    if kind != "unknown" {
        stdout(&mut tree.kchaos(&damage.line()));
    }
    tree.injection(
        "y",
        &[("device", "vda"), (damage.file, "0"), ("delay_us", "5")],
    );
    let before = tree.content();
    let (verb, flag) = (damage.verb, damage.flag());
    for device in ["vda", "vda1"] {
        for line in [
            &format!("inject ioem {verb} --data-loss --device DEVICE"),
            &format!("inject ioem {verb} --data-loss --device DEVICE --enabled 0"),
            &format!("inject ioem {verb} --data-loss --device DEVICE --for 5s --no-attach"),
            &format!("inject ioem delay --delay 1ms {flag} --data-loss --device DEVICE -- true"),
            &format!("change y {flag} --data-loss --device DEVICE"),
            "change x --device DEVICE --data-loss",
        ] {
            if kind == "unknown" && line.starts_with("change x") {
                continue;
            }
            for force in ["", " --force", " --force --dry-run"] {
                if line.ends_with("true") && !force.is_empty() {
                    continue;
                }
                let line = format!("{}{force}", line.replace("DEVICE", device));
                let said = stderr(&mut tree.kchaos(&line), 2);
                let expected = "kchaos damages no data there, not even with --force";
                assert!(said.contains(expected), "{line}: {said}");
            }
        }
    }
    assert_eq!(tree.content(), before);
}

#[test]
fn data_of_a_disk_of_the_system_are_never_damaged() {
    for damage in &DAMAGES {
        for kind in ["root", "swap", "unknown"] {
            check_guard(damage, kind);
        }
    }
}

/// A shell can make an injection that damages data of each disk on ioem.
#[test]
fn a_disk_of_the_system_does_not_join_a_damage() {
    for Damage { file, .. } in DAMAGES {
        let tree = Tree::attached();
        let swaps = "Filename Type Size Used Priority\n/dev/vda1 partition 1 0 -2\n";
        tree.write("proc/swaps", swaps);
        tree.injection("y", &[(CONSENT, "1"), (file, "1")]);
        for line in [
            "attach vda --force",
            "inject ioem delay --delay 1ms --device vda --force",
        ] {
            let said = stderr(&mut tree.kchaos(line), 2);
            let expected = "these damage data there: y";
            assert!(said.contains(expected), "{line}: {said}");
        }
        stdout(&mut tree.kchaos("inject ioem delay --delay 1ms --device vdb"));
        let said = stderr(&mut tree.kchaos("change y --delay 1ms --force"), 2);
        assert!(said.contains("without --device"), "{said}");
        // Nothing keeps anybody from taking a damage back.
        tree.write("config/ioem/y/device", "vda\n");
        stdout(&mut tree.kchaos(&format!("change y --{file} 0")));
        stdout(&mut tree.kchaos("attach vda --force"));
    }
}

#[test]
fn a_mounted_file_system_is_damaged_only_by_force() {
    for damage in DAMAGES {
        let tree = Tree::attached();
        mount(&tree, "vdb", "/data", "ext4");
        let before = tree.content();
        let said = stderr(&mut tree.kchaos(&damage.line()), 2);
        for expected in [
            "vdb has the ext4 that is mounted at /data",
            "unmount it first, or add --force",
        ] {
            assert!(said.contains(expected), "{said}");
        }
        assert_eq!(tree.content(), before);
        stdout(&mut tree.kchaos(&format!("{} --force", damage.line())));
        // It was allowed, and this change leaves it as it is.
        stdout(&mut tree.kchaos("change x --op write --for 5s"));
        stdout(&mut tree.kchaos("change x --enabled 0"));
        // To begin again is another matter.
        let said = stderr(&mut tree.kchaos("change x --enabled 1"), 2);
        assert!(said.contains("mounted at /data"), "{said}");
        stdout(&mut tree.kchaos(&format!("change x --{} 0", damage.file)));
        let line = format!("change x {} --data-loss", damage.flag());
        let said = stderr(&mut tree.kchaos(&line), 2);
        assert!(said.contains("mounted at /data"), "{said}");
        stdout(&mut tree.kchaos(&format!("{line} --force")));
    }
}

/// A disk can be mounted after an injection was made for it, and before it is attached.
#[test]
fn a_mounted_file_system_joins_a_damage_only_by_force() {
    for damage in DAMAGES {
        let tree = Tree::attached();
        tree.disk("vdc", "[none] kyber");
        tree.disk("vdd", "[none] kyber");
        let line = damage.line().replace("vdb", "vdc");
        stdout(&mut tree.kchaos(&format!("{line} --no-attach")));
        mount(&tree, "vdc", "/data", "ext4");
        let before = tree.content();
        for line in [
            "attach vdc",
            "attach vdd vdc",
            "inject ioem delay --delay 1ms --device vdc",
            "inject ioem delay --delay 1ms --device vdd,vdc --dry-run",
            "inject ioem delay --delay 1ms --device vdc --enabled 0",
            "inject ioem delay --delay 1ms --device vdc --name x --replace",
            "change x --for 5s",
            "change x --enabled 1",
            // The disk would be attached before the damage is taken back.
            "change x --DAMAGE 0 --delay 1ms --for 5s",
        ] {
            let line = &line.replace("DAMAGE", damage.file);
            let said = words(&stderr(&mut tree.kchaos(line), 2));
            for expected in [
                "vdc has the ext4 that is mounted at /data",
                "these damage data there once vdc is attached: x",
                "`kchaos recover x`, or add --force",
            ] {
                assert!(said.contains(expected), "{line}: {said}");
            }
            assert_eq!(tree.content(), before, "{line}");
        }
        // The switch of all injections is off only for now.
        tree.write("config/ioem/enabled", "0\n");
        let said = stderr(&mut tree.kchaos("attach vdc"), 2);
        assert!(said.contains("once vdc is attached: x"), "{said}");
        tree.write("config/ioem/enabled", "1\n");
        // These attach no disk.
        stdout(&mut tree.kchaos("inject ioem delay --delay 1ms --device vdc --no-attach --name y"));
        stdout(&mut tree.kchaos("change y --for 5s --no-attach"));
        stdout(&mut tree.kchaos("change x --enabled 1 --no-attach"));
        let files = written(&tree, "change x --enabled 0");
        assert_eq!(files, ["enabled 0"]);
        stdout(&mut tree.kchaos("recover y"));
        let output = tree.kchaos("attach --all").output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains("until then, vdc stays as it is"), "{said}");
        assert_eq!(tree.read("sys/block/vdc/queue/scheduler"), "[none] kyber\n");
        for line in [
            "attach vdc --force",
            "change x --enabled 1 --force",
            "inject ioem delay --delay 1ms --device vdc --force",
        ] {
            stdout(&mut tree.kchaos(line));
            let scheduler = tree.read("sys/block/vdc/queue/scheduler");
            assert!(scheduler.contains("[ioem]"), "{line}: {scheduler}");
            // The damage is at work, and these begin none.
            stdout(&mut tree.kchaos("attach vdc"));
            stdout(&mut tree.kchaos("change x --enabled 1"));
            stdout(&mut tree.kchaos("detach vdc"));
        }
    }
}

#[test]
fn damages_are_counted() {
    for (damage, key, told, missed) in [
        (
            &DAMAGES[0],
            "dropped",
            "lost: 3",
            "reached the disk all the same: 2 the disk gets each",
        ),
        (
            &DAMAGES[1],
            "torn",
            "torn: 3",
            "whole on the disk all the same: 2 the disk gets all of",
        ),
        (
            &DAMAGES[2],
            "corrupted",
            "with flipped bits: 3",
            "came with the right data: 2 reads",
        ),
    ] {
        let tree = Tree::attached();
        tree.injection("x", &[(damage.file, "1"), (CONSENT, "1")]);
        let stats = format!("active 1\nremaining_ms 0\nmatched 9\n{key} 3\nnot_failed 2\n");
        tree.write("config/ioem/x/stats", &stats);
        let text = words(&stdout(&mut tree.kchaos("status x")));
        for expected in [told, missed] {
            assert!(text.contains(expected), "{text}");
        }
        let json = stdout(&mut tree.kchaos("status --json"));
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        let numbers = [key, "not_failed", "failed"].map(|key| &json["injections"][0][key]);
        assert_eq!(numbers, [3, 2, 0]);
        stdout(&mut tree.kchaos("wait x --hit 3 --timeout 9s"));
    }
}

#[test]
fn what_bursts_have_saved_is_told() {
    let tree = Tree::attached();
    let settings = [
        ("quota", "100"),
        ("burst", "1000"),
        ("bytes_burst", "1048576"),
    ];
    tree.injection("x", &settings);
    let stats = "active 1\nremaining_ms 0\nmatched 9\nsaved 991\nsaved_bytes 524288\n";
    tree.write("config/ioem/x/stats", stats);
    let text = words(&stdout(&mut tree.kchaos("status x")));
    assert!(
        text.contains("saved for bursts: 991 I/Os and 512KiB"),
        "{text}"
    );
}
