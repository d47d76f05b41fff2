// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The help, and the messages about command lines that make no sense.

use crate::tree::{Tree, stderr, stdout};

const COMMANDS: [&str; 28] = [
    "",
    "inject",
    "inject ioem",
    "inject ioem delay",
    "inject ioem limit",
    "inject ioem hang",
    "inject ioem error",
    "inject ioem drop",
    "inject ioem torn",
    "inject ioem corrupt",
    "inject ioem bandwidth",
    "inject ioem iops",
    "inject ioem preset",
    "recover",
    "change",
    "wait",
    "list",
    "status",
    "top",
    "attach",
    "detach",
    "scenario",
    "scenario run",
    "scenario check",
    "scenario show",
    "record",
    "replay",
    "completions",
];

fn help(command: &str, columns: &str) -> String {
    stdout(Tree::new().kchaos(command).env("COLUMNS", columns))
}

#[test]
fn lines_fit_the_terminal() {
    for command in COMMANDS {
        for flag in ["-h", "--help"] {
            let text = help(&format!("{command} {flag}"), "80");
            for line in text.lines() {
                assert!(line.chars().count() <= 80, "{command} {flag}: {line}");
            }
        }
    }
    let lines = |columns| help("inject ioem delay --help", columns).lines().count();
    assert!(lines("60") > lines("80") && lines("80") > lines("100"));
}

#[test]
fn the_exit_codes_are_in_it() {
    for arguments in ["-h", "--help", "inject --help", "help"] {
        let text = help(arguments, "80");
        assert!(text.contains(kchaos::error::EXIT_CODES), "{text}");
    }
}

#[test]
fn where_everything_is_told_is_told() {
    let text = help("help", "80");
    for expected in [
        "kchaos inject ioem delay --help",
        "kchaos inject ioem limit --help",
        "kchaos inject ioem hang --help",
        "kchaos inject ioem error --help",
        "kchaos inject ioem drop --help",
        "kchaos inject ioem torn --help",
        "kchaos inject ioem corrupt --help",
        "kchaos inject ioem bandwidth --help",
        "kchaos inject ioem iops --help",
        "kchaos inject ioem preset --help",
        "kchaos recover --help",
        "kchaos scenario --help",
        "KCHAOS_CONFIGFS",
    ] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
}

#[test]
fn all_or_nothing_is_told_of_each_verb_that_takes_several() {
    for (verb, expected) in [
        ("attach", "If one of them cannot be switched, none is."),
        (
            "detach",
            "One that cannot be switched does not keep the others",
        ),
        (
            "recover",
            "One that cannot be ended does not keep the others",
        ),
    ] {
        let text = help(&format!("{verb} --help"), "200");
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains(expected), "{verb}: {text}");
    }
}

#[test]
fn that_version_fails_for_no_interface_is_not_told() {
    assert!(help("version --help", "80").contains("exit code is 0"));
}

#[test]
fn what_a_command_is_run_with_is_told() {
    let text = help("inject ioem delay --help", "100");
    assert!(text.contains("not with --for"), "{text}");
    assert!(
        text.contains("or why none was hit. If the injection ends before COMMAND does"),
        "{text}"
    );
}

#[test]
fn each_flag_is_told_with_what_it_accepts() {
    let text = help("inject ioem delay --help", "100");
    for attribute in &kchaos::interface::ATTRIBUTES {
        // A consent is a flag without a value.
        if attribute.name == kchaos::interface::Name::DataLoss {
            assert!(text.contains("--data-loss\n"), "{text}");
            assert!(!text.contains("i-know-data"), "{text}");
            continue;
        }
        let flag = format!("--{} <", attribute.flag());
        assert!(text.contains(&flag), "{flag} in {text}");
        let words: Vec<String> = attribute.accepted().split(' ').map(str::to_owned).collect();
        let text: Vec<&str> = text.split_whitespace().collect();
        assert!(
            text.windows(words.len()).any(|window| window == words),
            "{words:?}"
        );
    }
}

#[test]
fn a_limit_has_a_quota() {
    for (verb, expected) in [
        ("delay", "0 is no limit [0 to 4294967295; default 0]"),
        ("limit", "per device [1 to 4294967295]"),
    ] {
        let text = help(&format!("inject ioem {verb} --help"), "100");
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains(expected), "{text}");
    }
}

#[test]
fn a_verb_shows_its_own_flags_first() {
    for (verb, first, then) in [
        ("delay", "--delay", "--quota"),
        ("limit", "--quota", "--delay"),
    ] {
        let text = help(&format!("inject ioem {verb} --help"), "80");
        let section = &text[text.find("Effect on it").unwrap()..];
        let place = |flag: &str| section.find(&format!("{flag} <")).unwrap();
        assert!(place(first) < place(then), "{text}");
    }
}

#[test]
fn nothing_at_all_is_answered_with_the_help() {
    for arguments in ["", "inject"] {
        let said = stderr(&mut Tree::new().kchaos(arguments), 2);
        assert!(said.contains("\nUsage: kchaos "), "{said}");
        assert!(!said.starts_with("kchaos: "), "{said}");
    }
}

#[test]
fn what_was_meant_is_guessed() {
    let tree = Tree::new();
    let before = tree.content();
    for (arguments, expected) in [
        (
            "inject delay --delay 1ms",
            "tip: it is 'kchaos inject ioem delay --delay 1ms'",
        ),
        (
            "delay --delay 1ms",
            "tip: it is 'kchaos inject ioem delay --delay 1ms'",
        ),
        (
            "hang --for 10s",
            "tip: it is 'kchaos inject ioem hang --for 10s'",
        ),
        ("help delay", "tip: it is 'kchaos help inject ioem delay'"),
        (
            "inject limit",
            "tip: it is 'kchaos inject ioem limit --iops 100'",
        ),
        (
            "ioem limit --quota 1",
            "tip: it is 'kchaos inject ioem limit --quota 1'",
        ),
        ("remove slow", "'recover'"),
        ("ls", "'list'"),
        ("attech vda", "'attach'"),
        (
            "inject ioem delay 10ms",
            "tip: a delay has a flag: '--delay 10ms'",
        ),
        (
            "inject ioem limit 15",
            "tip: a limit has a flag: '--quota 15'",
        ),
        ("inject ioem delay --delay 1ms sleep 1", "comes after '--'"),
        ("inject ioem delay --dely 1ms", "'--delay 1ms'"),
    ] {
        let message = stderr(&mut tree.kchaos(arguments), 2);
        assert!(message.starts_with("kchaos: "), "{arguments}: {message}");
        assert!(message.contains(expected), "{arguments}: {message}");
        assert_eq!(
            message.matches("tip: ").count(),
            1,
            "{arguments}: {message}"
        );
    }
    assert_eq!(tree.content(), before);
}

#[test]
fn a_shell_completes_the_words() {
    let tree = Tree::new();
    let script = stdout(&mut tree.kchaos("completions bash"));
    tree.write("completions", &script);
    let complete = |words: &str| {
        let script = format!(
            "source {}; COMP_WORDS=({words} ''); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); \
             _kchaos kchaos '' {}; echo ${{COMPREPLY[*]}}",
            tree.path("completions").display(),
            words.split(' ').next_back().unwrap()
        );
        let output = std::process::Command::new("bash")
            .args(["-c", &script])
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    for (words, expected) in [
        ("kchaos", "recover"),
        ("kchaos inject ioem", "delay"),
        ("kchaos inject ioem", "hang"),
        ("kchaos inject ioem hang", "--for"),
        ("kchaos inject ioem", "error"),
        ("kchaos inject ioem drop", "--data-loss"),
        ("kchaos inject ioem torn", "--data-loss"),
        ("kchaos inject ioem corrupt", "--probability"),
        ("kchaos change x", "--data-loss"),
        ("kchaos change x --error", "ENODATA"),
        ("kchaos change x", "--freeze"),
        ("kchaos inject ioem delay", "--percentiles"),
        ("kchaos inject ioem delay --distribution", "paretonormal"),
        ("kchaos inject ioem limit --hold", "completion"),
        ("kchaos inject ioem limit --op", "write"),
        ("kchaos scenario", "check"),
        ("kchaos top", "--frames"),
        ("kchaos scenario run", "--speed"),
    ] {
        let found = complete(words);
        let found: Vec<&str> = found.split_whitespace().collect();
        assert!(found.contains(&expected), "{words}: {found:?}");
        // The completions leave out flags that the help leaves out.
        assert!(!found.contains(&"--configfs"), "{words}: {found:?}");
    }
    for shell in ["elvish", "fish", "powershell", "zsh"] {
        let script = stdout(&mut tree.kchaos(&format!("completions {shell}")));
        assert!(script.contains("recover"), "{shell}");
    }
}
