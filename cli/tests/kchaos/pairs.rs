// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Two kchaos at once: neither fails for the other, and no disk's scheduler is lost.

use crate::tree::{KCHAOS, Tree, stdout};
use std::{
    env,
    process::{Child, Command, Output, Stdio},
    thread::sleep,
    time::Duration,
};

const VERBS: [&str; 11] = [
    "inject ioem delay --delay 1ms --device vda",
    "inject ioem delay --delay 2ms --device vda --name x --replace",
    "inject ioem delay --delay 1ms --device vda -- true",
    "recover x",
    "recover --all",
    "attach vda",
    "detach vda",
    "change x --delay 3ms",
    "list --json",
    "status x --json",
    "wait x --gone --timeout 5ms",
];

/// Whether a verb may end so beside another: its injection x may be gone, and the time to wait
/// over.
fn is_fine(verb: &str, other: &str, code: Option<i32>) -> bool {
    let may_lose_x = other.starts_with("recover");
    let is_about_x = ["recover x", "change x", "status x"]
        .iter()
        .any(|about| verb.starts_with(about));
    match code {
        Some(0) => true,
        Some(5) => is_about_x && may_lose_x,
        Some(124) => verb.starts_with("wait"),
        _ => false,
    }
}

fn start(tree: &Tree, verb: &str) -> Child {
    Command::new(KCHAOS)
        .args(verb.split(' '))
        .envs(tree.environment())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// The disk's scheduler, and the text of its record, or nothing.
fn state(tree: &Tree) -> (String, String) {
    let saved = std::fs::read_to_string(tree.path("run/kchaos/vda")).unwrap_or_default();
    (tree.read("sys/block/vda/queue/scheduler"), saved)
}

/// Runs two verbs together, on a system with the injection x, for which kchaos attached its disk.
fn run(tree: &Tree, verbs: [&str; 2], skew: Duration) {
    stdout(&mut tree.kchaos("inject ioem delay --delay 1ms --device vda --name x"));
    let [first, second] = verbs;
    let started = start(tree, first);
    sleep(skew);
    let outputs: [Output; 2] =
        [started, start(tree, second)].map(|child| child.wait_with_output().unwrap());
    for (verb, other, output) in [(first, second, &outputs[0]), (second, first, &outputs[1])] {
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            is_fine(verb, other, output.status.code()),
            "{verb}, beside {other}, ended with {:?}: {said}",
            output.status
        );
    }
    let (scheduler, saved) = state(tree);
    let is_known = match scheduler.trim() {
        "[kyber]" => saved.is_empty(),
        "[ioem]" => ["kyber\n", "kyber auto\n"].contains(&saved.as_str()),
        _ => false,
    };
    assert!(is_known, "{first}, {second}: {scheduler}{saved}");
    stdout(&mut tree.kchaos("recover --all"));
    stdout(&mut tree.kchaos("detach vda"));
    assert_eq!(
        state(tree),
        ("[kyber]\n".to_owned(), String::new()),
        "{first}, {second}"
    );
}

/// In all, there are so many rounds of two; `KCHAOS_ROUNDS` asks for more.
const ROUNDS: usize = 200;

#[test]
fn two_at_once_are_as_one_after_the_other() {
    let tree = Tree::new();
    tree.write("sys/block/vda/queue/scheduler", "[kyber]\n");
    let before = tree.content();
    let asked = env::var("KCHAOS_ROUNDS").ok();
    let rounds = asked.map_or(ROUNDS, |text| text.parse().unwrap());
    let pairs = VERBS
        .iter()
        .flat_map(|first| VERBS.map(|second| [*first, second]));
    for (round, pair) in pairs.cycle().take(rounds).enumerate() {
        // The second begins at different steps of the first.
        run(&tree, pair, Duration::from_micros(round as u64 % 8 * 400));
    }
    assert_eq!(tree.content(), before);
}
