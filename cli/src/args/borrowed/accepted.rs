// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Types each word of the tables with many values: kchaos accepts the flags that its tip names.

use super::{
    super::{
        advice::OTHER_WORDS,
        whole::{is_accepted, is_unknown},
    },
    FAULTS, FLAGS, LIMITS, MEANS, NOTHING, WITHOUT,
};
use crate::Arguments;
use std::ffi::OsString;

/// A verb, with flags of which each makes it whole.
type Verb = (&'static str, &'static [&'static str]);

const LIMIT: Verb = ("inject ioem limit", &["--iops 100", "--quota 5"]);

const VERBS: [Verb; 14] = [
    ("inject ioem delay", &["--delay 10ms"]),
    LIMIT,
    ("inject ioem hang", &[]),
    ("inject ioem bandwidth", &["10MB/s"]),
    ("inject ioem iops", &["100"]),
    ("inject ioem preset", &["gp3"]),
    ("inject ioem error", &["EIO"]),
    ("inject ioem drop", &["--data-loss"]),
    ("inject ioem torn", &["--data-loss"]),
    ("inject ioem corrupt", &["1 --data-loss", "1"]),
    ("change x", &["--delay 10ms"]),
    ("attach vda", &[]),
    ("list", &[]),
    ("status", &[]),
];

/// Values as people type them behind flags of other programs.
const VALUES: [&str; 14] = [
    "",
    " 10",
    "=0.5",
    " 100ms",
    " 50%",
    " 4k",
    " /mnt",
    " vda",
    " /dev/vda:100",
    " \"8:16 50\"",
    "=randread",
    " nginx",
    " max",
    " \"it's\"",
];

/// Words in tips that stand for values, and a value for each.
const PLACEHOLDERS: [(&str, &str); 10] = [
    ("COMMAND", "true"),
    ("DEVICE", "vda"),
    ("ID", "9c7b51f2a4d8"),
    ("MAJOR:MINOR", "8:16"),
    ("N", "100"),
    ("NAME", "slow"),
    ("PID", "1"),
    ("RATE", "100"),
    ("START+LENGTH", "0+8"),
    ("TIME", "10ms"),
];

/// The tips for a line that is refused.
fn tips(line: &str) -> Vec<String> {
    let words = shlex::split(&format!("kchaos {line}")).unwrap();
    let words: Vec<OsString> = words.into_iter().map(Into::into).collect();
    let Err(error) = Arguments::read(&words) else {
        return Vec::new();
    };
    let message = error.render().to_string();
    let tips = message
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix("tip: "));
    tips.map(str::to_owned).collect()
}

/// The parts of a tip to type for this verb that kchaos refuses, even with the flags that make the
/// verb whole.
fn refused(tip: &str, verb: &str, wholes: &[&str]) -> Vec<String> {
    let parts: Vec<&str> = tip.split('\'').collect();
    assert!(parts.len() % 2 == 1, "{tip}");
    let quoted = parts.into_iter().skip(1).step_by(2);
    let lines = quoted.filter_map(|part| {
        let words = part.split(' ').map(|word| {
            let found = PLACEHOLDERS.iter().find(|(name, _)| *name == word);
            found.map_or(word, |(_, value)| value)
        });
        let words: Vec<&str> = words.collect();
        let words = words.join(" ");
        if let Some(line) = words.strip_prefix("kchaos ") {
            return Some((line.to_owned(), String::new()));
        }
        let flag = words.split(' ').next().filter(|flag| flag.len() > 2)?;
        flag.strip_prefix("--")?;
        // A flag alone is named, not to be typed so.
        let is_named = words == flag && !is_unknown(&format!("{verb} {flag}"));
        (!is_named).then(|| (verb.to_owned(), words))
    });
    let refused = lines.filter(|(verb, words)| {
        let mut wholes = wholes.iter();
        !is_accepted(&format!("{verb} {words}"))
            && !wholes.any(|whole| is_accepted(&format!("{verb} {whole} {words}")))
    });
    refused
        .map(|(verb, words)| format!("{verb} {words}"))
        .collect()
}

/// Checks the tips for lines, each with its verb.
fn check(lines: impl Iterator<Item = (String, Verb)>, least: usize) {
    let (mut count, mut wrong) = (0, Vec::new());
    for (line, (verb, wholes)) in lines {
        for tip in tips(&line) {
            // It names a flag that this verb does not have.
            if tip.contains(" is a flag of ") {
                continue;
            }
            count += 1;
            for refused in refused(&tip, verb, wholes) {
                wrong.push(format!("{line}\n  {tip}\n  {refused}"));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} tips:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert!(count >= least, "{count}");
}

#[test]
fn flags_of_other_programs_have_tips_that_are_accepted() {
    let rows = FLAGS.iter().chain(LIMITS).map(|row| row.words);
    let rows = rows.chain([NOTHING]).chain(WITHOUT.map(|(words, _)| words));
    let mut lines = Vec::new();
    for words in rows {
        let mut add = |word: &str, verb: Verb, value: &str| {
            lines.push((format!("{} --{word}{value}", verb.0), verb));
        };
        // The words of a row have one tip: the first has all values, and each other one of them,
        // behind one of the verbs.
        for value in VALUES {
            add(words[0], VERBS[0], value);
        }
        for verb in VERBS {
            add(words[0], verb, VALUES[1]);
        }
        for (place, word) in words.iter().enumerate().skip(1) {
            add(word, VERBS[place % 2], VALUES[place % VALUES.len()]);
        }
    }
    check(lines.into_iter(), 1_000);
}

#[test]
fn verbs_and_faults_of_other_programs_have_tips_that_are_accepted() {
    let words = OTHER_WORDS.iter().flat_map(|(_, words)| *words);
    let words = words.chain(FAULTS.iter().flat_map(|(words, _)| *words));
    let words = words.chain(MEANS);
    let words = words.chain(&[
        "bandwidth",
        "corrupt",
        "delay",
        "drop",
        "error",
        "hang",
        "iops",
        "limit",
        "torn",
        "ioem",
        "vdb",
    ]);
    let lines = words.flat_map(|word| {
        [
            (*word).to_owned(),
            format!("{word} disk delay"),
            format!("{word} delay 100ms 10ms 25%"),
            format!("{word} delay 0 1024 delay /dev/vda 0 500"),
            format!("{word} dev vda root netem delay 100ms loss 1%"),
            format!("{word} --delay 5 --time 3"),
            format!("{word} limit --iops 5 -- fio job.fio"),
            format!("inject {word}"),
            format!("inject {word} delay --delay 5"),
            format!("inject {word} limit 100"),
            format!("inject {word} delay --delay 5ms --for 3s"),
            format!("inject ioem {word}"),
        ]
    });
    check(lines.map(|line| (line, LIMIT)), 500);
}

#[test]
fn words_without_a_flag_have_tips_that_are_accepted() {
    let words = [
        "0",
        "5",
        "100ms",
        "100ms 10ms",
        "100ms 10ms 25% distribution normal",
        "10 ms",
        "vdb",
        "0 1024 delay /dev/vda 0 500",
        "0 1024 delay /dev/vda 0 5 /dev/vdb 0 7",
        "100/s",
        "delay 5",
        "delay=5",
        "latency=5",
        "riops=100",
        "device vdb",
        "op=x",
        "count=-1",
        "for 5",
        "EIO",
    ];
    let lines = VERBS[..11].iter().flat_map(|verb| {
        words
            .into_iter()
            .map(move |word| (format!("{} {word}", verb.0), *verb))
    });
    check(lines, 40);
}
