// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! `kchaos status`

use crate::tree::{Tree, stderr, stdout};
use serde_json::Value;

fn busy() -> Tree {
    let tree = Tree::new();
    tree.injection(
        "slow",
        &[
            ("enabled", "1"),
            ("delay_us", "10000"),
            ("op", "read sync"),
            ("percentiles", "50:200 99:5000"),
            ("duration_ms", "30000"),
            ("ceiling", "vdb 25600"),
            (
                "stats",
                "active 1\nremaining_ms 30000\nmatched 120\ndelayed 100\nlimited 0\nheld 5\n\
                 released_early 3\nerrors 0\nadded_us_lt_8192 10\nadded_us_lt_32768 90\n\
                 vdb.matched 100\nvdc.matched 20",
            ),
        ],
    );
    tree.disk("vdb", "none [ioem]");
    tree.write(
        "sys/devices/vdb/queue/iosched/held",
        "0 5 1200 9000\n1 0 0 0\n",
    );
    tree
}

/// Injections that do nothing, one for each reason, and one at work.
pub(crate) fn stopped() -> Tree {
    let tree = Tree::new();
    let idle = "active 0\nremaining_ms 0\nmatched 7";
    for (name, files) in [
        ("off", [("enabled", "0"), ("times", "5"), ("stats", idle)]),
        (
            "on",
            [("enabled", "1"), ("times", "0"), ("stats", "active 1")],
        ),
        (
            "over",
            [("enabled", "1"), ("duration_ms", "500"), ("stats", idle)],
        ),
        ("used", [("enabled", "1"), ("times", "5"), ("stats", idle)]),
    ] {
        tree.injection(name, &files);
        tree.write(&format!("config/ioem/{name}/delay_us"), "10000\n");
        tree.write(&format!("config/ioem/{name}/ceiling"), "vdb 25600\n");
    }
    tree
}

#[test]
fn the_state_says_why_an_injection_does_nothing() {
    let tree = stopped();
    let text = stdout(&mut tree.kchaos("status"));
    for expected in [
        "off: off\n",
        "on: on, holds 0 now\n  delay 10ms, of all I/O, holds requests\n",
        "over: over\n  delay 10ms, of all I/O, for 500ms, holds requests\n",
        "used: used up\n  delay 10ms, of all I/O, 5 times, holds completions\n",
    ] {
        assert!(text.contains(expected), "{text}");
    }
    // Only the injection at work has a ceiling.
    assert_eq!(text.matches("I/Os a second").count(), 1, "{text}");

    let json = |arguments| -> Value {
        serde_json::from_str(&stdout(&mut tree.kchaos(arguments))).unwrap()
    };
    let value = json("status --json");
    for (place, enabled, state) in [
        (0, 0, "off"),
        (1, 1, "on"),
        (2, 1, "over"),
        (3, 1, "used up"),
    ] {
        let injection = &value["injections"][place];
        assert_eq!(injection["enabled"], enabled, "{injection}");
        assert_eq!(injection["state"], state, "{injection}");
        assert_eq!(injection["active"], state == "on", "{injection}");
        let ceilings = injection["ceiling_iops"].as_object().unwrap();
        assert_eq!(ceilings.is_empty(), state != "on", "{injection}");
    }

    tree.write("config/ioem/enabled", "0\n");
    let text = stdout(&mut tree.kchaos("status on"));
    assert!(text.starts_with("on: off\n"), "{text}");
    assert!(
        text.contains("all injections are switched off: echo 1 > "),
        "{text}"
    );
    let value = json("status --json");
    assert_eq!(
        (&value["enabled"], &value["injections"][1]["state"]),
        (&Value::from(0), &Value::from("off"))
    );
}

#[test]
fn a_picture_fits_into_80_columns_without_colour() {
    let text = stdout(&mut busy().kchaos("status"));
    for expected in [
        "slow: on, 30s left, holds 5 now",
        "delay with percentiles 50:200us 99:5ms, of sync reads",
        "matched 120  delayed 100  limited 0  released early 3",
        "with its delay, vdb does at most 25600 I/Os a second",
        "vdc: matched 20",
        "vdb holds 5; the first may go in 1.2ms, the last in 9ms",
    ] {
        assert!(text.contains(expected), "{text}");
    }
    assert!(
        text.lines().all(|line| line.chars().count() <= 80),
        "{text}"
    );
    assert!(!text.contains('\x1b'), "{text}");
    let bars = text
        .lines()
        .filter(|line| line.trim_start().starts_with('<'));
    let lengths: Vec<usize> = bars.map(|line| line.matches('#').count()).collect();
    assert_eq!(lengths, [6, 50]);
}

#[test]
fn long_lines_are_wrapped_and_lose_no_figure() {
    let tree = Tree::new();
    let figures = ["18446744073709551615", "98765432109876", "1234567890123"];
    let [matched, delayed, early] = figures;
    let stats = format!(
        "active 1\nmatched {matched}\ndelayed {delayed}\nlimited {delayed}\nreleased_early {early}"
    );
    let name = "x".repeat(100);
    tree.injection(&name, &[("stats", &stats)]);
    let text = stdout(&mut tree.kchaos("status"));
    assert!(text.lines().all(|line| line.len() <= 80), "{text}");
    for figure in figures {
        assert!(text.contains(figure), "{text}");
    }
    assert_eq!(text.matches('x').count(), 100, "{text}");
    assert!(text.contains("\n      "), "{text}");
    assert!(text.contains("\nno device uses ioem\n"), "{text}");
}

#[test]
fn what_memory_was_missing_for_is_told_if_there_was_any() {
    let tree = busy();
    let text = stdout(&mut tree.kchaos("status"));
    assert!(!text.contains("memory"), "{text}");
    let stats = "active 1\nmatched 120\nno_memory 4\nover_memory 7\n";
    tree.write("config/ioem/slow/stats", stats);
    let text = stdout(&mut tree.kchaos("status"));
    for expected in [
        "  not held, as there was no memory: 4\n",
        "  held as requests, as held completions had all of memory_kib: 7\n",
    ] {
        assert!(text.contains(expected), "{text}");
    }
}

#[test]
fn what_the_kernel_had_no_room_for_is_counted() {
    let tree = busy();
    let more = |file: &str, text: &str| tree.write(file, &format!("{text}\n... 30 more\n"));
    more("config/ioem/slow/ceiling", "vdb 25600");
    let stats =
        "active 1\nremaining_ms 9000\nmatched 120\nvdb.matched 100\nvdb.held 3\nvdc.matched 20";
    more("config/ioem/slow/stats", stats);
    let queues = "sys/devices/vdb/queue/iosched/held";
    more(queues, "0 5 1200 9000");
    let text = stdout(&mut tree.kchaos("status"));
    for expected in [
        "I/Os a second\n  and 30 more disks that the kernel had no room for\n",
        "  vdb: matched 100, holds 3\n  vdc: matched 20\n",
        "  and 30 more numbers that the kernel had no room for\n",
        "vdb holds 5; the first may go in 1.2ms, the last in 9ms; and 30 more hardware",
    ] {
        assert!(text.contains(expected), "{text}");
    }
    let value: Value = serde_json::from_str(&stdout(&mut tree.kchaos("status --json"))).unwrap();
    for path in [
        "/injections/0/left_out",
        "/injections/0/ceilings_left_out",
        "/devices/0/queues_left_out",
    ] {
        assert_eq!(value.pointer(path), Some(&Value::from(30)), "{path}");
    }
    let ceilings = value["injections"][0]["ceiling_iops"].as_object().unwrap();
    assert_eq!(ceilings.len(), 1, "{value}");
    more(queues, "0 0 0 0");
    let text = stdout(&mut tree.kchaos("status"));
    let line = "vdb holds nothing; and 30 more hardware queues that the kernel had no room for\n";
    assert!(text.contains(line), "{text}");
}

#[test]
fn json_has_units_in_its_keys() {
    let text = stdout(&mut busy().kchaos("status --json"));
    let value: Value = serde_json::from_str(&text).unwrap();
    for (path, expected) in [
        ("/injections/0/name", Value::from("slow")),
        ("/injections/0/active", Value::from(true)),
        ("/injections/0/remaining_ms", Value::from(30_000)),
        ("/injections/0/held", Value::from(5)),
        ("/injections/0/no_memory", Value::from(0)),
        ("/injections/0/over_memory", Value::from(0)),
        ("/injections/0/left_out", Value::from(0)),
        ("/injections/0/added_us/1/below_us", Value::from(32_768)),
        ("/injections/0/added_us/1/count", Value::from(90)),
        ("/injections/0/ceiling_iops/vdb", Value::from(25_600)),
        ("/devices/0/held", Value::from(5)),
        ("/devices/0/queues/0/last_us", Value::from(9_000)),
    ] {
        assert_eq!(value.pointer(path), Some(&expected), "{path} in {text}");
    }
}

#[test]
fn an_injection_that_is_not_there_is_told() {
    let message = stderr(&mut busy().kchaos("status nothing"), 5);
    assert!(message.contains("no injection named nothing"), "{message}");
}

/// An injection of an hour on vdb with these further files, and I/O that vdb holds.
fn an_hour(files: &[(&str, &str)]) -> Tree {
    let tree = Tree::new();
    tree.disk("vdb", "none [ioem]");
    tree.write("sys/devices/vdb/queue/nr_requests", "128\n");
    for queue in ["0", "1"] {
        tree.write(&format!("sys/devices/vdb/mq/{queue}/cpu_list"), "0\n");
    }
    tree.write(
        "sys/devices/vdb/queue/iosched/held",
        "0 5 3596970000 3600000000\n1 0 0 0\n",
    );
    let hour = [("delay_us", "3600000000"), ("ceiling", "vdb 1")];
    tree.injection("hour", &[&hour[..], files].concat());
    tree
}

#[test]
fn held_io_goes_when_the_leases_that_hold_it_are_over() {
    let lease = [
        ("duration_ms", "8000"),
        ("stats", "active 1\nremaining_ms 4970\nheld 5"),
    ];
    let tree = an_hour(&lease);
    let text = stdout(&mut tree.kchaos("status"));
    assert!(
        text.contains("vdb holds 5; the first may go in 4.97s, the last in 4.97s\n"),
        "{text}"
    );
    let told = "  vdb holds such I/O until the injection ends, and once it holds 128 requests of\n      a \
                hardware queue, other I/O waits as well\n";
    assert!(text.contains(told) && !text.contains("a second"), "{text}");
    let value: Value = serde_json::from_str(&stdout(&mut tree.kchaos("status --json"))).unwrap();
    assert_eq!(value["devices"][0]["queues"][0]["last_us"], 4_970_000);
    // Another injection holds some of it for longer.
    let other = "active 1\nremaining_ms 60000\nvdb.held 1\nvdc.held 0";
    tree.injection(
        "more",
        &[
            ("delay_us", "70000000"),
            ("duration_ms", "60000"),
            ("stats", other),
        ],
    );
    for verb in ["status", "status hour"] {
        let text = stdout(&mut tree.kchaos(verb));
        assert!(
            text.contains("vdb holds 5; the first may go in 1m, the last in 1m\n"),
            "{text}"
        );
    }
    // An injection that holds nothing there does not count; one without an end does.
    tree.write(
        "config/ioem/more/stats",
        "active 1\nremaining_ms 60000\nvdb.held 0\nvdc.held 4\n",
    );
    assert!(stdout(&mut tree.kchaos("status")).contains("may go in 4.97s"));
    for endless in ["0", "1500"] {
        tree.write("config/ioem/hour/duration_ms", &format!("{endless}\n"));
        let _renewed = (endless != "0").then(|| tree.renewed("hour"));
        let text = stdout(&mut tree.kchaos("status"));
        assert!(
            text.contains("the first may go in 3596.97s, the last in 1h\n"),
            "{text}"
        );
    }
}

#[test]
fn less_than_one_io_a_second_is_told_the_other_way_round() {
    let tree = an_hour(&[("stats", "active 1\nheld 5")]);
    let text = stdout(&mut tree.kchaos("status"));
    assert!(
        text.contains("with its delay, vdb does at most one I/O per 14.1s\n"),
        "{text}"
    );
}

#[test]
fn bursts_are_told() {
    let tree = Tree::attached();
    let limit = "inject ioem limit --iops 100 --burst 1000 --bytes-quota 1m --bytes-burst 1g";
    stdout(&mut tree.kchaos(&format!("{limit} --name x")));
    let text = stdout(&mut tree.kchaos("status"));
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let expected = "limit to 100 (burst 1000) and 1MiB (burst 1GiB) in each 1s, of all I/O";
    assert!(text.contains(expected), "{text}");
    let json = stdout(&mut tree.kchaos("list --json"));
    let json: Value = serde_json::from_str(&json).unwrap();
    let injection = &json["injections"][0];
    assert_eq!(
        [&injection["burst"], &injection["bytes_burst"]],
        [1_000, 1 << 30]
    );
}
