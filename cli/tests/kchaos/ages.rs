// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! A driver that is newer or older than the program, with the same version of the interface.

use crate::tree::{Tree, stderr, stdout};
use chaos_policy::policy::attributes::Attribute as Name;
use kchaos::interface::ATTRIBUTES;
use std::fs;

/// The counts of a driver of today.
const STATS: &str = "active 1\nremaining_ms 9000\nmatched 12\ndelayed 7\nheld 1\n\
                     added_us_lt_1024 7\nvdb.matched 12\n";

/// Lines that no driver has yet: counts, of disks too, a text, and a word alone.
const LATER_STATS: &str = "mended 3\nvdb.mended 3\nmood bad\nalone\n";

/// A disk on ioem, and an injection at work.
fn busy() -> Tree {
    let tree = Tree::attached();
    let files = [
        ("delay_us", "10000"),
        ("duration_ms", "9000"),
        ("ceiling", "vdb 25600"),
    ];
    tree.injection("slow", &files);
    tree.write("config/ioem/slow/stats", STATS);
    tree.write("sys/devices/vdb/queue/iosched/held", "0 1 1200 9000\n");
    tree
}

/// The same with the files and lines of a later driver.
fn later() -> Tree {
    let tree = busy();
    tree.write("config/ioem/colour", "red\n");
    for injection in ["new", "config/ioem/slow"] {
        tree.write(&format!("{injection}/tint"), "7\n");
    }
    tree.write(
        "config/ioem/slow/stats",
        &format!("{LATER_STATS}{STATS}{LATER_STATS}"),
    );
    let held = "sys/devices/vdb/queue/iosched/held";
    tree.write(held, "0 1 1200 9000 5 6\nall 1\n");
    tree
}

#[test]
fn files_and_lines_of_a_newer_driver_change_no_answer() {
    let (now, later) = (busy(), later());
    for question in ["list", "list --json", "status", "wait slow --held 1"] {
        let answer = |tree: &Tree| stdout(&mut tree.kchaos(question));
        assert_eq!(answer(&now), answer(&later), "{question}");
    }
    // Counts of a disk are told to programs, whichever they are.
    let json = stdout(&mut later.kchaos("status --json"));
    let without = json.replace("          \"mended\": 3,\n", "");
    assert_ne!(without, json);
    assert_eq!(without, stdout(&mut now.kchaos("status --json")));
}

#[test]
fn a_newer_driver_is_driven_and_its_files_keep_their_values() {
    let tree = later();
    stdout(&mut tree.kchaos("inject ioem delay --delay 1ms --name more"));
    stdout(&mut tree.kchaos("change more --delay 2ms"));
    assert_eq!(tree.read("config/ioem/more/delay_us"), "2000\n");
    assert_eq!(tree.read("config/ioem/more/tint"), "7\n");
    assert_eq!(tree.read("config/ioem/colour"), "red\n");
    stdout(&mut tree.kchaos("recover --all"));
    for name in ["slow", "more"] {
        assert!(!tree.path("config/ioem").join(name).exists(), "{name}");
    }
}

/// A later driver may accept values that this program does not know, and somebody may write them.
#[test]
fn values_of_a_newer_driver_are_told_and_can_be_ended() {
    let tree = busy();
    tree.write("config/ioem/slow/jitter_us", "10\n");
    tree.write("config/ioem/slow/distribution", "bimodal\n");
    let picture = stdout(&mut tree.kchaos("status"));
    assert!(picture.contains("(bimodal)"), "{picture}");
    tree.write("config/ioem/slow/lanes", "1000\n");
    let message = stderr(&mut tree.kchaos("status"), 3);
    let told = "config/ioem/slow/lanes says \"1000\"";
    assert!(message.contains(told), "{message}");
    stdout(&mut tree.kchaos("recover --all"));
    assert!(!tree.path("config/ioem/slow").exists());
}

/// The arguments behind `inject ioem` that set an attribute.
fn asks_for(name: Name) -> &'static str {
    match name {
        Name::Device => "delay --delay 1ms --device vdb",
        Name::Op => "delay --delay 1ms --op read",
        Name::Cgroup => "delay --delay 1ms --cgroup /tenant",
        Name::PidNs => "delay --delay 1ms --pid-ns 12",
        Name::Sectors => "delay --delay 1ms --sectors 0+8",
        Name::MinBytes => "delay --delay 1ms --min-bytes 4k",
        Name::MaxBytes => "delay --delay 1ms --max-bytes 4k",
        Name::Probability => "delay --delay 1ms --probability 50",
        Name::Every => "delay --delay 1ms --every 3",
        Name::Times => "delay --delay 1ms --times 3",
        Name::DelayUs => "delay --delay 1ms",
        Name::JitterUs => "delay --delay 1ms --jitter 1ms",
        Name::Correlation => "delay --delay 1ms --jitter 1ms --correlation 50",
        Name::Distribution => "delay --delay 1ms --jitter 1ms --distribution normal",
        Name::Percentiles => "delay --percentiles 50:1ms,99:5ms",
        Name::Lanes => "delay --delay 1ms --lanes 2",
        Name::SeekUs => "delay --seek 8ms",
        Name::TurnUs => "delay --seek 8ms --turn 8ms",
        Name::Seed => "delay --delay 1ms --jitter 1ms --seed 7",
        Name::Freeze => "hang --for 1s",
        Name::PeriodUs => "limit --quota 1 --period 2s",
        Name::Quota => "limit --quota 1",
        Name::BytesQuota => "limit --bytes-quota 4k",
        Name::Burst => "limit --quota 1 --burst 5",
        Name::BytesBurst => "limit --bytes-quota 4k --bytes-burst 8k",
        Name::IosOfBytes => "limit --quota 1 --ios-of-bytes 4k",
        Name::Error => "error EIO",
        Name::DataLoss => "drop --data-loss --device vdb --for 1s",
        Name::Drop => "drop --data-loss --device vdb --for 1s",
        Name::Torn => "torn --data-loss --device vdb --for 1s",
        Name::Corrupt => "corrupt 1 --data-loss --device vdb --for 1s",
        Name::Hold => "delay --delay 1ms --hold completion",
        Name::Profile => "delay --delay 1ms --profile 5ms:100,45ms:0",
        Name::DurationMs => "delay --delay 1ms --for 1s",
        Name::Enabled => "delay --delay 1ms --enabled 0",
    }
}

/// A system with the cgroup and the process of all injections.
fn complete() -> Tree {
    let tree = Tree::attached();
    tree.cgroups("io", "io");
    tree.cgroup("tenant", "");
    tree.process(12, "/", "vda");
    tree
}

#[test]
fn an_older_driver_lacks_a_file_and_each_is_told_by_its_name() {
    for attribute in &ATTRIBUTES {
        let file = attribute.file();
        let inject = format!("inject ioem {} --name x", asks_for(attribute.name));
        stdout(&mut complete().kchaos(&inject));
        let tree = complete();
        fs::remove_file(tree.path("new").join(file)).unwrap();
        let before = tree.content();
        let message = stderr(&mut tree.kchaos(&inject), 3);
        let told = format!("the loaded module has no {}", tree.path("config").display());
        assert!(message.contains(&told), "{message}");
        assert!(message.contains(&format!("/{file}; load ")), "{message}");
        assert_eq!(tree.content(), before, "{file}");
    }
}

/// A driver of today, without the files that an injection of a delay can do without.
fn earlier() -> Tree {
    let tree = complete();
    for attribute in &ATTRIBUTES {
        if ![Name::DelayUs, Name::Enabled].contains(&attribute.name) {
            fs::remove_file(tree.path("new").join(attribute.file())).unwrap();
        }
    }
    tree
}

#[test]
fn an_older_driver_is_driven_as_far_as_its_files_go() {
    let tree = earlier();
    stdout(&mut tree.kchaos("inject ioem delay --delay 1ms --name x"));
    stdout(&mut tree.kchaos("change x --delay 2ms"));
    let message = stderr(&mut tree.kchaos("change x --lanes 2"), 3);
    assert!(message.contains("the loaded module has no "), "{message}");
    assert!(message.contains("/lanes; load "), "{message}");
    assert_eq!(tree.read("config/ioem/x/delay_us"), "2000\n");
    for question in ["list", "status"] {
        let answer = stdout(&mut tree.kchaos(question));
        assert!(answer.contains("delay 2ms"), "{answer}");
    }
    for question in ["list --json", "status --json", "gc"] {
        stdout(&mut tree.kchaos(question));
    }
    stdout(&mut tree.kchaos("recover x"));
}

#[test]
fn a_driver_of_another_version_gives_its_disks_back() {
    let tree = busy();
    tree.write("config/ioem/version", "2\n");
    assert_eq!(stdout(&mut tree.kchaos("recover --all")), "slow\n");
    assert_eq!(
        stdout(&mut tree.kchaos("detach vdb")),
        "vdb: ioem -> none\n"
    );
}
