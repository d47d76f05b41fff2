// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! `kchaos list`

use crate::{
    error::mount,
    tree::{Tree, stdout},
};
use serde_json::{Value, json};

fn busy() -> Tree {
    let tree = Tree::new();
    tree.injection(
        "slow",
        &[
            ("enabled", "1"),
            ("delay_us", "10000"),
            ("jitter_us", "1500"),
            ("correlation", "12.5"),
            ("period_us", "1000000"),
            ("quota", "0"),
            ("hold", "auto"),
        ],
    );
    tree.injection(
        "few",
        &[
            ("enabled", "0"),
            ("period_us", "1000"),
            ("quota", "15"),
            ("hold", "request"),
        ],
    );
    tree.disk("vdb", "none [ioem] kyber");
    tree.write("run/kchaos/vdb", "mq-deadline\n");
    tree
}

#[test]
fn a_table_shows_what_is_not_as_usual() {
    assert_eq!(
        stdout(&mut busy().kchaos("list")),
        "INJECTION  STATE  EFFECT\n\
         few        off    limit to 15 in each 1ms, holds requests\n\
         slow       on     delay 10ms ± 1.5ms correlated by 12.5%, holds requests\n\
         \n\
         DEVICE  SCHEDULER  AFTER DETACH\n\
         vdb     ioem       mq-deadline\n"
    );
}

#[test]
fn a_table_shows_all_that_a_disk_gets_back() {
    let tree = busy();
    tree.write("run/kchaos/vdb", "mq-deadline 64 diskseq=9\n");
    let shown = stdout(&mut tree.kchaos("list"));
    assert!(
        shown.ends_with("vdb     ioem       mq-deadline, nr_requests 64\n"),
        "{shown}"
    );
}

#[test]
fn json_has_the_attributes_as_numbers() {
    let tree = busy();
    tree.disk("vdc", "[ioem]");
    let text = stdout(&mut tree.kchaos("list --json"));
    let value: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        value,
        json!({
            "schema": 1,
            "version": 1,
            "enabled": 1,
            "injections": [
                {
                    "name": "few", "state": "off", "enabled": 0, "period_us": 1000, "quota": 15,
                    "hold": "request", "holds": ["request"], "problems": []
                },
                {
                    "name": "slow", "state": "on", "enabled": 1, "delay_us": 10000, "jitter_us": 1500,
                    "correlation": 12.5, "period_us": 1000000, "quota": 0, "hold": "auto",
                    "holds": ["request"], "problems": []
                },
            ],
            "devices": [
                {"name": "vdb", "scheduler": "ioem", "remembered": "mq-deadline", "remembered_nr_requests": null, "auto": false},
                {"name": "vdc", "scheduler": "ioem", "remembered": null, "remembered_nr_requests": null, "auto": false},
            ],
        })
    );
}

#[test]
fn the_state_says_why_an_injection_does_nothing() {
    let tree = crate::status::stopped();
    let text = stdout(&mut tree.kchaos("list"));
    let states: Vec<(&str, &str)> = text
        .lines()
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_once(' '))
        .map(|(name, rest)| (name, rest.trim().split("  ").next().unwrap()))
        .collect();
    let expected = [
        ("off", "off"),
        ("on", "on"),
        ("over", "over"),
        ("used", "used up"),
    ];
    assert_eq!(states, expected, "{text}");
    tree.write("config/ioem/enabled", "0\n");
    let value: Value = serde_json::from_str(&stdout(&mut tree.kchaos("list --json"))).unwrap();
    for injection in value["injections"].as_array().unwrap() {
        assert_eq!(injection["state"], "off", "{injection}");
    }
}

#[test]
fn a_table_fits_into_80_columns_whatever_it_shows() {
    let tree = busy();
    let name = "z".repeat(100);
    let percentiles: Vec<String> = (1..=16).map(|n| format!("{n}:{n}000")).collect();
    let files = [("percentiles", &*percentiles.join(" ")), ("device", "vdb")];
    tree.injection(&name, &files);
    tree.injection("a\x1bb", &[]);
    let text = stdout(&mut tree.kchaos("list"));
    assert!(
        text.lines().all(|line| line.chars().count() <= 80),
        "{text}"
    );
    for expected in ["16:16ms", "\nslow ", "\na\\u{1b}b   on "] {
        assert!(text.contains(expected), "{text}");
    }
    assert_eq!(text.matches('z').count(), 100, "{text}");
}

#[test]
fn nothing_is_said_to_be_nothing() {
    let tree = Tree::new();
    assert_eq!(
        stdout(&mut tree.kchaos("list")),
        "no injections\n\nno device uses ioem\n"
    );
    tree.write("config/ioem/enabled", "0\n");
    let text = stdout(&mut tree.kchaos("list"));
    assert!(text.contains("all injections are switched off"), "{text}");
}

#[test]
fn whoever_is_not_root_may_look() {
    let tree = busy();
    let text = stdout(&mut tree.kchaos_as_nobody("list"));
    assert!(text.contains("slow"), "{text}");
}

/// The lines about problems in the list.
fn problems(tree: &Tree) -> Vec<String> {
    let value: Value = serde_json::from_str(&stdout(&mut tree.kchaos("list --json"))).unwrap();
    let injections = value["injections"].as_array().unwrap().iter();
    let problems = injections.flat_map(|injection| injection["problems"].as_array().unwrap());
    let problems: Vec<String> = problems
        .map(|problem| problem.as_str().unwrap().to_owned())
        .collect();
    // People are told the same, and by status, too.
    for verb in ["list", "status"] {
        let text = stdout(&mut tree.kchaos(verb));
        assert!(
            text.lines().all(|line| line.chars().count() <= 80),
            "{text}"
        );
        let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        for problem in &problems {
            assert!(words(&text).contains(&words(problem)), "{problem}: {text}");
        }
    }
    problems
}

#[test]
fn an_injection_that_reaches_nothing_is_told_with_the_next_step() {
    let tree = Tree::new();
    tree.disk("vdb", "none [ioem]");
    tree.injection(
        "x",
        &[
            ("delay_us", "10000"),
            ("device", "vdb"),
            ("stats", "active 1"),
        ],
    );
    assert!(problems(&tree).is_empty());
    let scheduler = "sys/devices/vdb/queue/scheduler";
    // Attached by echo, and taken off ioem.
    tree.write(scheduler, "[none] ioem\n");
    assert_eq!(
        problems(&tree),
        ["vdb is not on ioem but on none: kchaos attach vdb"]
    );
    for (device, expected) in [
        (
            "vdb vdz",
            "vdz is not there; the injection reaches it once it is there",
        ),
        ("9:9", "9:9 is not there; "),
        ("vda1", "vda is not on ioem but on kyber: kchaos attach vda"),
        ("", "no disk is on ioem: kchaos attach DEVICE"),
    ] {
        tree.write("config/ioem/x/device", &format!("{device}\n"));
        let told = problems(&tree);
        assert!(told[0].starts_with(expected), "{device}: {told:?}");
    }
    // One that does nothing in any case reaches what it is to reach.
    tree.write("config/ioem/x/enabled", "0\n");
    assert!(problems(&tree).is_empty());
}

#[test]
fn operations_cgroups_and_namespaces_that_are_not_there_are_told() {
    let tree = Tree::new();
    tree.disk("vdb", "none [ioem]");
    tree.write("sys/devices/vdb/queue/fua", "0\n");
    let point = std::fs::canonicalize(tree.path("sys"))
        .unwrap()
        .join("cgroups");
    let mounts = tree.read("proc/self/mountinfo");
    let mount = format!("3 1 0:30 / {} rw - cgroup2 none rw\n", point.display());
    tree.write("proc/self/mountinfo", &format!("{mounts}{mount}"));
    tree.write("sys/cgroups/tenant/cgroup.procs", "");
    tree.write("sys/cgroups/tail /cgroup.procs", "");
    let files = [("delay_us", "10000"), ("stats", "active 1")];
    tree.injection("x", &files);
    for (file, text, expected) in [
        ("op", "write fua", Some("vdb has no FUA: ")),
        ("op", "write", None),
        ("cgroup", "/tenant", None),
        ("cgroup", "/sys/fs/cgroup/tenant", None),
        ("cgroup", "/tenants", Some("the cgroup /tenants is gone; ")),
        ("cgroup", "/tail ", None),
        ("cgroup", "", None),
        ("pid_ns", "211", None),
        (
            "stats",
            "active 1\npid_ns_gone 1",
            Some("the PID namespace of 211 has no process any more; "),
        ),
    ] {
        tree.write(&format!("config/ioem/x/{file}"), &format!("{text}\n"));
        let told = problems(&tree);
        let starts = |start| told.len() == 1 && told[0].starts_with(start);
        assert!(
            expected.map_or(told.is_empty(), starts),
            "{file} {text}: {told:?}"
        );
    }
}

#[test]
fn flushes_alone_that_match_nothing_on_a_mounted_disk_are_told() {
    let tree = Tree::attached();
    mount(&tree, "vdb", "/data", "ext4");
    let files = [
        ("delay_us", "10000"),
        ("op", "flush"),
        ("stats", "active 1\nmatched 0"),
    ];
    tree.injection("x", &files);
    let told = "--op flush leaves out the commits of the ext4 at /data on vdb; the commit of a \
                journal is a write that flushes: --op write,flush has all writes and flushes, and \
                --op write,fua, on a disk with FUA, only such writes";
    for (file, text, expected) in [
        ("device", "vdb", &[told][..]),
        ("device", "", &[told]),
        ("op", "write flush", &[]),
        ("op", "flush", &[told]),
        ("stats", "active 1\nmatched 1", &[]),
    ] {
        tree.write(&format!("config/ioem/x/{file}"), &format!("{text}\n"));
        assert_eq!(problems(&tree), expected, "{file} {text}");
    }
    // Another injection has the writes, as that of a replay does.
    tree.write("config/ioem/x/stats", "active 1\nmatched 0\n");
    tree.injection("y", &[("delay_us", "10000")]);
    for (enabled, device, op, is_told) in [
        ("0", "vdb", "write", true),
        ("1", "vda", "write", true),
        ("1", "vdb", "read", true),
        ("1", "vdb", "write sync", false),
        ("1", "", "", false),
    ] {
        for (file, text) in [("enabled", enabled), ("device", device), ("op", op)] {
            tree.write(&format!("config/ioem/y/{file}"), &format!("{text}\n"));
        }
        let has_told = problems(&tree).iter().any(|problem| problem == told);
        assert_eq!(has_told, is_told, "{enabled} {device} {op}");
    }
}

#[test]
fn the_way_that_auto_takes_is_told() {
    let tree = Tree::new();
    tree.disk("vdb", "none [ioem]");
    for (place, (file, text, ways)) in [
        ("device", "", "requests"),
        ("device", "vda vdb", "requests"),
        ("device", "vda1", "completions"),
        ("device", "vda vda1", "requests"),
        (
            "device",
            "vdb vda1",
            "requests of whole disks, and completions of partitions",
        ),
        ("op", "read", "completions"),
        ("cgroup", "/tenant", "completions"),
        ("sectors", "0+8", "completions"),
        ("min_bytes", "4096", "completions"),
        ("every", "3", "completions"),
        ("times", "3", "completions"),
        ("probability", "99", "completions"),
        ("probability", "100", "requests"),
        ("quota", "5", "requests"),
        ("correlation", "5", "requests"),
        ("duration_ms", "5", "requests"),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("x{place}");
        tree.injection(&name, &[("delay_us", "10000"), (file, text)]);
        let list = stdout(&mut tree.kchaos("list"));
        let words = list.split_whitespace().collect::<Vec<_>>().join(" ");
        let line = words.split(&format!(" {name} ")).nth(1).unwrap();
        let line = line.split(" x").next().unwrap();
        let line = line.split(" DEVICE").next().unwrap();
        assert!(
            line.contains(&format!(", holds {ways}")),
            "{file} {text}: {line}"
        );
        std::fs::remove_dir_all(tree.path("config/ioem").join(name)).unwrap();
    }
}

#[test]
fn the_rest_of_a_lease_is_told_unless_kchaos_renews_it() {
    let tree = Tree::new();
    let stats = "active 1\nremaining_ms 12345";
    tree.injection(
        "x",
        &[
            ("delay_us", "10000"),
            ("duration_ms", "30000"),
            ("stats", stats),
        ],
    );
    let list = |tree: &Tree| stdout(&mut tree.kchaos("list"));
    assert!(list(&tree).contains(" delay 10ms, for 30s, 12.4s left, holds requests\n"));
    tree.write("config/ioem/x/stats", "active 0\nremaining_ms 0\n");
    assert!(list(&tree).contains(" over   delay 10ms, for 30s, holds requests\n"));
    tree.write("config/ioem/x/duration_ms", "1500\n");
    tree.write("config/ioem/x/stats", "active 1\nremaining_ms 1400\n");
    // A user can choose this time, too.
    let told = " delay 10ms, for 1.5s, 1.4s left, holds requests\n";
    assert!(list(&tree).contains(told), "{}", list(&tree));
    let _renewed = tree.renewed("x");
    let told = " delay 10ms, as long as kchaos renews it, holds requests\n";
    assert!(list(&tree).contains(told), "{}", list(&tree));
}
