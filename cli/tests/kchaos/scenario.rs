// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Scenarios: files of steps.

use crate::{
    contract::{closed, complaints, schema},
    tree::{Tree, stderr, stdout},
};
use serde_json::{Map, Value, json};
use std::{fs, path::Path};
use toml::de::{DeTable, DeValue};

const TWO: &str = "\
name = \"two\"
device = \"$device\"
for = \"200ms\"

[[steps]]
name = \"slow\"
delay = \"10ms\"
pause = \"100ms\"

[[steps]]
name = \"worse\"
together = [
    { name = \"late\", percentiles = \"50:1ms,99:9ms\", for = \"100ms\" },
    { name = \"narrow\", bandwidth = \"1MB/s\", op = [\"write\", \"sync\"] },
]
";

/// A system with a scenario in the file `a.toml`.
pub(crate) fn with(text: &str) -> Tree {
    let tree = Tree::new();
    tree.write("a.toml", text);
    tree
}

/// The disk has its scheduler again, of which the tree's kernel does not list the others.
pub(crate) fn given_back(tree: &Tree) {
    let file = "sys/devices/vda/queue/scheduler";
    assert_eq!(tree.read(file), "[kyber]\n");
    tree.write(file, "none mq-deadline [kyber]\n");
}

pub(crate) fn line(tree: &Tree, verb: &str, more: &str) -> String {
    format!("scenario {verb} {} {more}", tree.path("a.toml").display())
}

#[test]
fn steps_are_taken_one_after_another() {
    let tree = with(TWO);
    let before = tree.content();
    let output = tree.kchaos(&line(&tree, "run", "--device vda")).output();
    let output = output.unwrap();
    let [out, err] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    assert!(output.status.success(), "{err}");
    println!("{out}\n{err}");
    assert!(out.starts_with("two: completed after "), "{out}");
    for expected in [
        " slow: delay 10ms, on vda, for 200ms\n",
        " worse/late: delay with percentiles 50:1ms 99:9ms, on vda, for 100ms\n",
        " worse/narrow: limit to 9728B in each 9.728ms, of sync writes on vda, for 200ms\n",
    ] {
        assert!(out.contains(expected), "{expected} in {out}");
    }
    for expected in [
        "vda: kyber -> ioem, as long as an injection needs it\n",
        "step 1 of 2: slow, for 200ms\n",
        "step 2 of 2: worse, for 200ms\n",
        "vda: ioem -> kyber, as no injection needs it\n",
    ] {
        assert_eq!(err.matches(expected).count(), 1, "{expected} in {err}");
    }
    given_back(&tree);
    assert_eq!(tree.content(), before);
}

#[test]
fn a_step_without_hits_is_no_success_if_hits_are_expected() {
    let tree = with(TWO);
    let [line, expecting] = ["", "--expect-hits"]
        .map(|more| line(&tree, "run", &format!("--device vda --speed 100 {more}")));
    stdout(&mut tree.kchaos(&line));
    let output = tree.kchaos(&expecting).output().unwrap();
    assert_eq!(output.status.code(), Some(125));
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("two: completed after "), "{said}");
    given_back(&tree);
}

#[test]
fn a_check_changes_nothing() {
    let tree = with(TWO);
    let before = tree.content();
    let text = stdout(&mut tree.kchaos(&line(&tree, "check", "--device vda")));
    assert_eq!(text, "two: 2 steps, 500ms\n");
    for (device, expected) in [
        (
            "nosuch",
            "a.toml:5:1: slow: there is no block device nosuch",
        ),
        (
            "sdz",
            "a.toml:13:5: late: there is no device sdz, and the devices of a scenario",
        ),
    ] {
        let more = format!("--device {device}");
        for verb in ["check", "run"] {
            let message = stderr(&mut tree.kchaos(&line(&tree, verb, &more)), 5);
            assert!(message.contains(expected), "{message}");
        }
    }
    assert_eq!(tree.content(), before);
}

/// The same text as JSON, with each variable still in it.
fn as_json(text: &str) -> Value {
    fn value(found: &DeValue<'_>) -> Value {
        match found {
            DeValue::String(text) => json!(text),
            DeValue::Integer(number) => json!(number.as_str().parse::<u64>().unwrap()),
            DeValue::Float(number) => json!(number.as_str().parse::<f64>().unwrap()),
            DeValue::Boolean(is_so) => json!(is_so),
            DeValue::Array(items) => items.iter().map(|item| value(item.get_ref())).collect(),
            DeValue::Table(entries) => table(entries),
            DeValue::Datetime(time) => json!(time.to_string()),
        }
    }
    fn table(entries: &DeTable<'_>) -> Value {
        let entries = entries.iter();
        let entries =
            entries.map(|(key, found)| (key.get_ref().to_string(), value(found.get_ref())));
        Value::Object(entries.collect::<Map<_, _>>())
    }
    table(DeTable::parse(text).unwrap().get_ref())
}

/// The scenarios that come with the program: their names and texts.
fn ready() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let files = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let name = |path: &Path| path.file_stem().unwrap().to_str().unwrap().to_owned();
    files
        .map(|path| (name(&path), fs::read_to_string(&path).unwrap()))
        .collect()
}

#[test]
fn the_schema_is_that_of_the_options() {
    let text = stdout(&mut Tree::new().kchaos("scenario schema"));
    let printed: Value = serde_json::from_str(&text).unwrap();
    let again = "write the output of `kchaos scenario schema` to cli/schema/scenario.json";
    assert!(schema("scenario") == printed, "{again}");
    for (text, expected) in [
        (TWO, 0),
        (&TWO.replace("delay", "dely"), 1),
        (&TWO.replace("[[steps]]", "[[other]]"), 1),
        (&TWO.replace("name = \"late\"", "name = 5"), 1),
        (&TWO.replace("\"write\"", "7"), 1),
    ] {
        let found = complaints(&printed, &as_json(text));
        assert_eq!(found.is_empty(), expected == 0, "{text}: {found:?}");
    }
}

#[test]
fn ready_scenarios_run() {
    let form = schema("scenario");
    let ready = ready();
    let list = format!("\n{}", stdout(&mut Tree::new().kchaos("scenario list")));
    assert_eq!((ready.len(), list.trim().lines().count()), (14, 14));
    for (name, text) in ready {
        assert_eq!(complaints(&form, &as_json(&text)), [""; 0], "{name}");
        assert!(
            text.starts_with(&format!("name = \"{name}\"\ndescription = ")),
            "{name}"
        );
        let tree = with(&text);
        tree.cgroups("cpu io memory", "io memory");
        tree.cgroup("tenant", "");
        let cgroup = if text.contains("$cgroup") {
            "--set cgroup=/tenant"
        } else {
            ""
        };
        let more = format!("--device vda {cgroup}");
        let summary = stdout(&mut tree.kchaos(&line(&tree, "check", &more)));
        assert!(summary.starts_with(&format!("{name}: ")), "{summary}");
        let files = ["json", "html"].map(|kind| tree.path(&format!("report.{kind}")));
        let [json, html] = files.each_ref().map(|path| path.display().to_string());
        assert_eq!(
            stdout(&mut tree.kchaos(&format!("scenario show {name}"))),
            text
        );
        assert!(list.contains(&format!("\n{name} ")), "{name} in {list}");
        let more = format!("{more} --speed 1000 --json {json} --html {html}");
        let said = stdout(&mut tree.kchaos(&format!("scenario run {name} {more}")));
        assert!(
            said.starts_with(&format!("{name}: completed after ")),
            "{said}"
        );
        let report: Value = serde_json::from_str(&fs::read_to_string(json).unwrap()).unwrap();
        assert_eq!(
            complaints(&closed(schema("report")), &report),
            [""; 0],
            "{name}"
        );
        assert_eq!(report["outcome"], "completed");
        let names = report["injections"].as_array().unwrap().len();
        let page = fs::read_to_string(html).unwrap();
        assert_eq!(page.matches("<h2>").count(), names, "{name}");
        given_back(&tree);
        assert_eq!(
            fs::read_dir(tree.path("config/ioem")).unwrap().count(),
            2,
            "{name}"
        );
    }
}

const STATS: &str = "\
active 1\nremaining_ms 0\nmatched 1310\ndelayed 1204\nfailed 7\n\
added_us_lt_960 4\nadded_us_lt_10240 1100\nadded_us_lt_11264 90\nadded_us_lt_81920 10\n";

#[test]
fn hits_are_in_each_report() {
    let tree = with(&TWO.replace(
        "name = \"two\"",
        "name = \"<two>\"\ndescription = \"a & b\"",
    ));
    tree.write("new/stats", STATS);
    tree.write(
        "sys/devices/vda/stat",
        "0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n",
    );
    let files = ["json", "html"].map(|kind| tree.path(&format!("report.{kind}")));
    let [json, html] = files.each_ref().map(|path| path.display().to_string());
    let more = format!("--device vda --json {json} --html {html}");
    let said = stdout(&mut tree.kchaos(&line(&tree, "run", &more)));
    let hits = "7 I/Os on vda failed, 1,204 delayed, p50 at most 10.3ms, p99 at most 11.3ms";
    assert_eq!(said.matches(hits).count(), 3, "{said}");
    let report: Value = serde_json::from_str(&fs::read_to_string(json).unwrap()).unwrap();
    for (pointer, expected) in [
        ("/scenario", json!("<two>")),
        ("/description", json!("a & b")),
        ("/injections/0/step", json!("slow")),
        ("/injections/0/injection", json!("slow-1")),
        ("/injections/0/settings/delay_us", json!(10_000)),
        ("/injections/0/hits", json!(1_204)),
        ("/injections/0/p50_us", json!(10_240)),
        ("/injections/0/p100_us", json!(81_920)),
        ("/injections/1/name", json!("late")),
        ("/injections/2/step", json!("worse")),
        ("/injections/2/added_us/0/count", json!(4)),
    ] {
        assert_eq!(report.pointer(pointer), Some(&expected), "{pointer}");
    }
    let expecting = line(&tree, "run", "--device vda --expect-hits");
    stdout(&mut tree.kchaos(&expecting));
    let number = |pointer: &str| report.pointer(pointer).unwrap().as_u64().unwrap();
    let [from, until] = ["from_ms", "until_ms"].map(|key| number(&format!("/injections/0/{key}")));
    assert!(until - from >= 200, "{from} to {until}");
    assert!(number("/injections/1/from_ms") - until >= 100, "no pause");
    assert!(number("/injections/1/until_ms") < number("/injections/2/until_ms"));
    let page = fs::read_to_string(html).unwrap();
    for expected in [
        "<h1>&lt;two&gt;</h1>",
        "<p>a &amp; b</p>",
        hits,
        "prefers-color-scheme",
    ] {
        assert!(page.contains(expected), "{expected} in {page}");
    }
    // A timeline, and a histogram of each injection.
    assert_eq!(page.matches("<svg ").count(), 4);
    assert_eq!(page.matches("class=\"hit\"").count(), 3);
    for outside in ["http", "src=", "href=", "url(", "<script"] {
        assert!(!page.contains(outside), "{outside} in {page}");
    }
}
