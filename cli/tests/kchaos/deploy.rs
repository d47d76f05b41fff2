// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The command lines of kchaos in tools/deploy.

use crate::tree::{Tree, stdout};
use std::fs;

fn read(file: &str) -> String {
    let path = format!("{}/../tools/deploy/{file}", env!("CARGO_MANIFEST_DIR"));
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// kchaos takes these words, and prints what it would do to vda.
fn is_taken(words: &[&str]) {
    let tree = Tree::new();
    let mut kchaos = tree.kchaos("");
    // The work of --wait cannot be printed.
    kchaos.args(words.iter().filter(|word| **word != "--wait"));
    let steps = stdout(kchaos.arg("--dry-run"));
    for part in ["mkdir", "10000", "60000", "vda", "> "] {
        assert!(steps.contains(part), "{part}: {steps}");
    }
}

#[test]
fn the_step_of_litmus_is_taken() {
    let text = read("litmus.yaml")
        .replace("{{workflow.parameters.delay}}", "10ms")
        .replace("{{workflow.parameters.device}}", "vda")
        .replace("{{workflow.parameters.time}}", "60s");
    let lines = text.lines().skip_while(|line| !line.ends_with(" args:"));
    let words: Vec<&str> = lines
        .skip(1)
        .map_while(|line| line.trim().strip_prefix("- "))
        .collect();
    assert_eq!(words.len(), 7);
    is_taken(&words);
}

#[test]
fn the_program_of_krkn_is_taken() {
    let text = read("krkn/slow_disk.py")
        .replace("{DELAY}", "10ms")
        .replace("{DEVICE}", "vda")
        .replace("{TIME}", "60s");
    let inject = text.split("INJECT = [").nth(1).unwrap();
    let inject = inject.split("\n]").next().unwrap();
    let words: Vec<&str> = inject.split('"').skip(1).step_by(2).collect();
    assert_eq!(words[0], "/kchaos");
    assert_eq!(words.len(), 8);
    is_taken(&words[1..]);
}

/// Without injections, the last image shows that there are none, each minute.
#[test]
fn the_image_shows_counts() {
    let text = read("Dockerfile");
    let line = text.lines().find(|line| line.starts_with("CMD ")).unwrap();
    let words: Vec<&str> = line.split('"').skip(1).step_by(2).collect();
    let tree = Tree::attached();
    let mut kchaos = tree.kchaos("");
    kchaos
        .args(words)
        .timeout(std::time::Duration::from_millis(500));
    let output = kchaos.output().unwrap();
    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(shown.contains("\"schema\":1"), "{shown}");
}
