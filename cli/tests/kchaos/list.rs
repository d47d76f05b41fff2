// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! `kchaos list`

use crate::tree::{Tree, stdout};
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
         slow       on     delay 10ms ± 1.5ms correlated by 12.5%\n\
         \n\
         DEVICE  SCHEDULER  AFTER DETACH\n\
         vdb     ioem       mq-deadline\n"
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
            "version": 1,
            "enabled": 1,
            "injections": [
                {
                    "name": "few", "state": "off", "enabled": 0, "period_us": 1000, "quota": 15,
                    "hold": "request"
                },
                {
                    "name": "slow", "state": "on", "enabled": 1, "delay_us": 10000, "jitter_us": 1500,
                    "correlation": 12.5, "period_us": 1000000, "quota": 0, "hold": "auto"
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
