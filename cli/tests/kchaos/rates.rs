// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! `kchaos inject ioem` with `bandwidth`, `iops` and `preset`, each of which takes a word.

use crate::tree::{Tree, stderr, stdout};

/// Each is a limit with a flag less.
#[test]
fn they_are_limits_of_one_required_rate() {
    let tree = Tree::attached();
    let printed = |line: &str| stdout(&mut tree.kchaos(&format!("inject ioem {line} --dry-run")));
    for (verb, flag) in [
        ("bandwidth 10MB/s", "limit --bandwidth 10MB/s"),
        ("bandwidth 1GB/min", "limit --bw 1GB/min"),
        ("iops 100", "limit --iops 100"),
        ("iops 15/ms", "limit --iops 15/ms"),
    ] {
        for options in [
            "",
            "--device vdb --op write --for 10s",
            "--delay 5ms --jitter 1ms --min-bytes 4k --enabled 0",
            "--bytes-burst 1g --burst 5 --ios-of-bytes 256k",
        ] {
            let printed = [verb, flag].map(|verb| printed(&format!("{verb} {options} --name x")));
            assert!(printed[0].contains("quota"), "{}", printed[0]);
            assert_eq!(printed[0], printed[1], "{verb} {options}");
        }
    }
    // The rate may come last, and both quotas count in the same windows.
    let both = printed("bandwidth --device vdb --quota 5 --name x 10MB/s");
    assert!(
        both.contains("echo 5 > ") && both.contains("echo 99840 > "),
        "{both}"
    );
}

#[test]
fn they_name_injections_and_run_commands() {
    let tree = Tree::attached();
    for (line, name) in [("bandwidth 10MB/s", "bandwidth-1"), ("iops 100", "iops-1")] {
        let line = format!("inject ioem {line} --device vdb");
        let file = tree.path(&format!("config/ioem/{name}/enabled"));
        let run = format!("{line} -- cat {}", file.display());
        assert_eq!(stdout(&mut tree.kchaos(&run)), "1\n");
        assert!(!file.exists());
        assert_eq!(stdout(&mut tree.kchaos(&line)), format!("{name}\n"));
    }
    let list = stdout(&mut tree.kchaos("list"));
    let list = list.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(list.contains("limit to 100 in each 1s, on vdb"), "{list}");
}

#[test]
fn a_rate_is_required_and_not_zero() {
    let tree = Tree::attached();
    for (line, expected) in [
        ("bandwidth", "<RATE>"),
        ("iops --device vdb", "<RATE>"),
        ("bandwidth 0", "no number of bytes above 0"),
        ("iops 0", "from 1 to 4294967295"),
        ("iops 10MB/s", "no whole number of I/Os"),
        (
            "bandwidth 10MB/s --iops 5",
            "cannot be used with '--iops <RATE>'",
        ),
        ("bandwidth 10MB/s --period 1s", "cannot be used with"),
        ("iops 100 --quota 5", "cannot be used with"),
        ("iops 100 --", "no command after --"),
    ] {
        let said = stderr(&mut tree.kchaos(&format!("inject ioem {line}")), 2);
        assert!(said.contains(expected), "{line}: {said}");
    }
}

#[test]
fn shells_complete_them() {
    for (shell, words) in [
        ("bash", &["bandwidth", "iops", "preset", "gp3"][..]),
        ("zsh", &["bandwidth", "iops", "preset", "gp3"]),
        // It has no words that stand without a flag.
        ("fish", &["bandwidth", "iops", "preset"]),
    ] {
        let script = stdout(&mut Tree::new().kchaos(&format!("completions {shell}")));
        for word in words {
            assert!(script.contains(word), "{shell} {word}");
        }
    }
}

/// The files of a new injection, as `--dry-run` writes them.
fn written(line: &str) -> Vec<String> {
    let tree = Tree::attached();
    let printed = stdout(&mut tree.kchaos(&format!("inject ioem {line} --name x --dry-run")));
    let lines = printed.lines().filter(|line| line.starts_with("echo "));
    let lines = lines.filter_map(|line| {
        let (value, file) = line.strip_prefix("echo ")?.rsplit_once(" > ")?;
        let file = file.rsplit('/').next()?;
        (file != "enabled").then(|| format!("{file} {value}"))
    });
    lines.collect()
}

#[test]
fn a_preset_is_settings_that_options_replace() {
    let limits = "--period 10ms --quota 30 --bytes-quota 1310720 --ios-of-bytes 256k";
    for (typed, plain) in [
        ("preset gp3", format!("limit {limits}")),
        (
            "preset gp3 --op read --for 5s",
            format!("limit {limits} --op read --for 5s"),
        ),
        (
            "preset gp3 --iops 6000 --delay 1ms",
            "limit --iops 6000 --bytes-quota 125m --ios-of-bytes 256k --delay 1ms".to_owned(),
        ),
        (
            "preset gp3 --ios-of-bytes 0 --burst 9 --period 1s",
            "limit --quota 3000 --period 1s --bytes-quota 125m --ios-of-bytes 0 --burst 9"
                .to_owned(),
        ),
        (
            "preset sd-a1 --bandwidth 20MB/s",
            "limit --bandwidth 20MB/s --quota 5 --op write".to_owned(),
        ),
        (
            "preset stalls --for 5s",
            "hang --profile 9s:0,1s:100 --for 5s".to_owned(),
        ),
        (
            "preset failing-ssd --delay 3s",
            "error ENODATA --probability 0.1% --delay 3s --op read".to_owned(),
        ),
        (
            "preset gc-pause --percentiles 50:9ms",
            "delay --percentiles 50:9ms --profile 950ms:0,50ms:100".to_owned(),
        ),
        (
            "preset usb2 --bytes-quota 1m",
            "limit --period 10ms --bytes-quota 1m".to_owned(),
        ),
    ] {
        let plain = written(&plain);
        assert!(plain.len() > 1, "{plain:?}");
        assert_eq!(written(typed), plain, "{typed}");
    }
    let arm = ["seek_us 8500", "turn_us 8333"];
    assert_eq!(written("preset hdd-7200"), arm);
    assert_eq!(
        written("preset hdd-7200 --lanes 2"),
        ["lanes 2", arm[0], arm[1]]
    );
}

#[test]
fn presets_are_listed_and_others_refused() {
    let tree = Tree::attached();
    let before = tree.content();
    for (line, expected) in [
        ("preset", "<PRESET>"),
        ("preset stalls --device vdb", "nothing ends this hang"),
        (
            "preset hdd",
            "[possible values: gp2, gp3, p30, sd-a1, usb2,",
        ),
        (
            "preset gp3 --period 100us",
            "no whole number that is like gp3 for --quota",
        ),
        (
            "preset gp3 --percentiles 50:1ms --delay 5ms",
            "leave one out",
        ),
        (
            "preset usb2 --bytes-quota 0",
            "this injection would do nothing",
        ),
    ] {
        let said = stderr(&mut tree.kchaos(&format!("inject ioem {line}")), 2);
        assert!(said.contains(expected), "{line}: {said}");
    }
    assert_eq!(tree.content(), before);
    let help = stdout(&mut tree.kchaos("inject ioem preset --help"));
    for expected in [
        "- gp2: ",
        "- gp3: ",
        "3000 I/Os",
        "- p30: ",
        "- sd-a1: ",
        "- usb2: ",
    ] {
        assert!(help.contains(expected), "{help}");
    }
    let list = "inject ioem preset gp3 --device vdb";
    assert_eq!(stdout(&mut tree.kchaos(list)), "preset-1\n");
}
