// SPDX-License-Identifier: GPL-2.0-only

//! The version is that of the workspace wherever it is written, and a release is only made of a
//! commit that has all it needs.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

const TOP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// The version of the workspace, which each of its crates has.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The names of packages, crates and images behind which files have the version.
const NAMES: [&str; 5] = [
    "chaos-driver-loader",
    "chaos-driver-dkms",
    "chaos-driver",
    "chaos-policy",
    "kchaos",
];

fn read(file: &str) -> String {
    fs::read_to_string(format!("{TOP}/{file}")).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// The tracked files that people write, but this one, which has versions of its own.
fn files() -> Vec<String> {
    let listed = Command::new("git")
        .arg("ls-files")
        .current_dir(TOP)
        .output();
    let listed = String::from_utf8(listed.unwrap().stdout).unwrap();
    let written = listed.lines().filter(|file| {
        let others = [
            "tests/fuzz/corpus/",
            "tests/bench/results/",
            "tests/release.rs",
        ];
        !others.iter().any(|other| file.starts_with(other))
    });
    written.map(str::to_owned).collect()
}

/// The version at the beginning of a text, such as `0.1.0`.
fn version(text: &str) -> Option<&str> {
    let end = text.find(|letter: char| !(letter.is_ascii_digit() || letter == '.'));
    let found = text[..end.unwrap_or(text.len())].trim_end_matches('.');
    (found.split('.').count() == 3).then_some(found)
}

/// The versions behind the names in a text, as in `kchaos-0.1.0` or `chaos-driver:0.1.0`.
fn named(text: &str) -> Vec<&str> {
    let behind = NAMES.iter().flat_map(|name| {
        text.match_indices(name)
            .map(|(at, _)| &text[at + name.len()..])
    });
    let rest = behind.filter_map(|rest| rest.strip_prefix(['-', ':', '_', '@', ' ']));
    rest.filter_map(version).collect()
}

/// The versions that a file of cargo has for this workspace's crates.
fn of_crates(text: &str) -> Vec<&str> {
    let lines: Vec<&str> = text.lines().collect();
    let pairs = lines.windows(2).filter(|pair| {
        let name = pair[0].strip_prefix("name = \"");
        let name = name.and_then(|name| name.strip_suffix('"'));
        name.is_some_and(|name| NAMES.contains(&name) || name == "chaos-fuzz")
    });
    let pairs = pairs.filter_map(|pair| pair[1].strip_prefix("version = \""));
    let depends = lines.iter().filter_map(|line| {
        let (_, behind) = line.split_once("chaos-policy = { path = \"driver\", version = \"=")?;
        Some(behind)
    });
    pairs.chain(depends).filter_map(version).collect()
}

#[test]
fn each_file_has_the_version_of_the_workspace() {
    let mut count = 0;
    for file in files() {
        let text = read(&file);
        let mut found = named(&text);
        if file.ends_with("Cargo.toml") || file.ends_with("Cargo.lock") {
            found.extend(of_crates(&text));
        }
        // The fuzzing is a workspace of its own.
        let own = text
            .lines()
            .find_map(|line| line.strip_prefix("version = \""));
        found.extend(
            own.filter(|_| file == "tests/fuzz/Cargo.toml")
                .and_then(version),
        );
        count += found.len();
        let other = found.into_iter().find(|found| *found != VERSION);
        assert_eq!(other, None, "{file} has another version than Cargo.toml");
    }
    // kubernetes.yaml, litmus.yaml, their README, and the files of cargo.
    assert!(count >= 10, "only {count} versions were found");
}

#[test]
fn versions_are_found_where_they_are() {
    let text = "image: chaos-driver-loader:0.1.0\nkchaos 2.0.1. kchaos_1.2 and kchaos-12.0.3_amd64";
    assert_eq!(named(text), ["0.1.0", "2.0.1", "12.0.3"]);
    let text = "name = \"kchaos\"\nversion = \"1.0.0\"\nname = \"clap\"\nversion = \"4.0.0\"\n\
                chaos-policy = { path = \"driver\", version = \"=3.0.0\" }\n";
    assert_eq!(of_crates(text), ["1.0.0", "3.0.0"]);
}

/// The lines that begin the parts of the changelog, by their words behind `## `.
fn sections() -> Vec<String> {
    let text = read("CHANGELOG.md");
    let heads = text.lines().filter_map(|line| line.strip_prefix("## "));
    heads.map(str::to_owned).collect()
}

#[test]
fn the_changelog_has_the_version() {
    let sections = sections();
    assert_eq!(sections[0], "[Unreleased]");
    let of_version = format!("[{VERSION}] - ");
    let date = sections[1].strip_prefix(&of_version);
    let date = date.unwrap_or_else(|| panic!("{} is not about {VERSION}", sections[1]));
    let numbers: Vec<&str> = date.split('-').collect();
    let are_numbers = numbers.iter().all(|number| number.parse::<u32>().is_ok());
    assert!(
        are_numbers && numbers.len() == 3 && date.len() == 10,
        "{date}"
    );
}

/// A checkout with the script, and these files.
fn checkout(folder: &Path, files: &[(&str, &str)]) {
    let run = |words: &[&str]| {
        let mut git = Command::new("git");
        git.args(["-c", "user.name=a", "-c", "user.email=a@b.invalid"]);
        let output = git.args(words).current_dir(folder).output().unwrap();
        assert!(output.status.success(), "{output:?}");
    };
    run(&["init", "--quiet"]);
    fs::create_dir_all(folder.join("tools/packages")).unwrap();
    let script = folder.join("tools/packages/release");
    fs::copy(format!("{TOP}/tools/packages/release"), script).unwrap();
    for (file, text) in files {
        fs::write(folder.join(file), text).unwrap();
    }
    run(&["add", "--all"]);
    run(&["commit", "--quiet", "--message", "all"]);
}

fn release(folder: &Path) -> Output {
    let mut script = Command::new(folder.join("tools/packages/release"));
    script.current_dir(folder).output().unwrap()
}

const CARGO: (&str, &str) = ("Cargo.toml", "[workspace.package]\nversion = \"0.9.0\"\n");
const CHANGES: (&str, &str) = (
    "CHANGELOG.md",
    "## [Unreleased]\n\n## [0.9.0] - 2026-01-31\n",
);

/// The refusal of a release, which makes nothing.
fn refusal(files: &[(&str, &str)], then: impl FnOnce(&Path)) -> String {
    let folder = tempfile::tempdir().unwrap();
    checkout(folder.path(), files);
    then(folder.path());
    let output = release(folder.path());
    assert!(!output.status.success(), "{output:?}");
    assert!(!folder.path().join("target").exists());
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn a_release_is_of_a_commit_alone() {
    let change = |folder: &Path| fs::write(folder.join("new"), "").unwrap();
    let said = refusal(&[CARGO, CHANGES], change);
    assert!(
        said.starts_with("release: the checkout differs from its commit"),
        "{said}"
    );
    assert!(said.contains("\n?? new\n"), "{said}");
}

#[test]
fn a_release_has_its_changes_told() {
    for text in [
        "## [Unreleased]\n",
        "## [0.9.0]\n",
        "## [0.9.00] - 2026-01-31\n",
    ] {
        let said = refusal(&[CARGO, ("CHANGELOG.md", text)], |_| ());
        assert!(
            said.contains("no line '## [0.9.0] - YEAR-MONTH-DAY'"),
            "{said}"
        );
    }
}

#[test]
fn a_release_is_made_in_a_checkout() {
    let gone = |folder: &Path| fs::remove_dir_all(folder.join(".git")).unwrap();
    let said = refusal(&[CARGO, CHANGES], gone);
    assert!(said.contains("in a checkout of git"), "{said}");
}
