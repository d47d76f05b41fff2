// SPDX-License-Identifier: GPL-2.0-only

//! Checks the statements of documents about the tree, and how the source files are divided.

use manual::book::Book;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    process::Command,
};

/// The text of a file of the checkout.
fn read(file: &str) -> String {
    let path = format!("{}/../{file}", env!("CARGO_MANIFEST_DIR"));
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// `make help` prints the lines of targets that have `##`.
#[test]
fn make_help_lists_each_target() {
    let makefile = read("Makefile");
    let targets: Vec<&str> = makefile
        .lines()
        .filter_map(|line| line.strip_prefix(".PHONY: "))
        .flat_map(|targets| targets.split(' '))
        .collect();
    assert!(targets.contains(&"help"));
    for target in targets {
        let line = makefile
            .lines()
            .find(|line| line.starts_with(&format!("{target}:")));
        assert!(
            line.is_some_and(|line| line.contains(" ## ")),
            "the target {target} has no line in make help"
        );
    }
}

/// The files of the driver that `driver/architecture.md` names, as in `policy/limit.rs`.
fn files_in_architecture(text: &str) -> BTreeSet<String> {
    text.split(|letter: char| !(letter.is_ascii_alphanumeric() || "_-./".contains(letter)))
        .filter(|word| {
            [".rs", ".md", ".contract"]
                .iter()
                .any(|kind| word.len() > kind.len() && word.ends_with(kind))
        })
        .map(str::to_owned)
        .collect()
}

#[test]
fn architecture_names_files_that_there_are() {
    for file in files_in_architecture(&read("driver/architecture.md")) {
        let path = format!("{}/../driver/{file}", env!("CARGO_MANIFEST_DIR"));
        assert!(
            fs::exists(&path).is_ok_and(|exists| exists),
            "driver/architecture.md names {file}, and there is no such file in driver/"
        );
    }
}

#[test]
fn architecture_names_each_file_of_the_driver() {
    let named = files_in_architecture(&read("driver/architecture.md"));
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../driver");
    for entry in fs::read_dir(folder).expect("the driver has a folder") {
        let name = entry.expect("it can be read").file_name();
        let name = name.to_string_lossy();
        assert!(
            !name.ends_with(".rs") || named.contains(&*name),
            "driver/architecture.md does not name {name}"
        );
    }
}

/// Paths that CONTRIBUTING.md names in the four folders, as in `driver/policy/`.
#[test]
fn contributing_names_files_that_there_are() {
    let text = read(".github/CONTRIBUTING.md");
    let made = ["driver/rust-project.json"];
    let paths: Vec<&str> = text
        .split('`')
        .skip(1)
        .step_by(2)
        .filter_map(|quoted| quoted.split_whitespace().next())
        .filter(|word| {
            ["driver/", "cli/", "tools/", "tests/"]
                .iter()
                .any(|folder| word.starts_with(folder))
        })
        .filter(|word| !made.contains(word))
        .collect();
    assert!(paths.len() > 10);
    for path in paths {
        let whole = format!("{}/../{path}", env!("CARGO_MANIFEST_DIR"));
        assert!(
            fs::exists(&whole).is_ok_and(|exists| exists),
            "CONTRIBUTING.md names {path}, and there is no such file"
        );
    }
}

/// The tracked files of a pattern.
fn tracked(pattern: &str) -> Vec<String> {
    let listed = Command::new("git")
        .args(["ls-files", pattern])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .output()
        .expect("git runs");
    let listed = String::from_utf8(listed.stdout).expect("git lists names in ASCII");
    let files: Vec<String> = listed.lines().map(str::to_owned).collect();
    assert!(!files.is_empty(), "git lists no file of {pattern}");
    files
}

/// The tracked source files in a folder, or all.
fn sources(folder: &str) -> Vec<String> {
    match folder {
        "" => tracked("*.rs"),
        folder => tracked(&format!("{folder}/*.rs")),
    }
}

/// The manual follows all links, to headings as well, and refuses one that leads nowhere.
#[test]
fn each_document_is_a_page_of_the_manual_and_its_links_lead_somewhere() {
    let top = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let book = Book::read(top.as_ref()).unwrap_or_else(|error| panic!("{error:#}"));
    for document in tracked("*.md") {
        assert!(
            document == "tools/docs/SUMMARY.md" || book.documents().contains(&document),
            "{document} is no page of the manual: name it in tools/docs/SUMMARY.md"
        );
    }
}

/// The most lines of a source file.
const MOST_LINES: usize = 450;

#[test]
fn no_source_file_is_too_long() {
    for file in sources("") {
        let lines = read(&file).lines().count();
        assert!(
            lines <= MOST_LINES,
            "{file} has {lines} lines, and at most {MOST_LINES} are allowed: divide it by concern"
        );
    }
}

/// A module, or an item in it, by the names on its path from the root of its crate.
type Path = Vec<String>;

/// The imports of each module of a crate, without its tests.
struct Imports(BTreeMap<Path, Vec<Import>>);

struct Import {
    path: Path,
    is_reexport: bool,
}

impl Imports {
    /// The imports in the crate of a folder, whose roots have these names.
    fn new(folder: &str, roots: &[&str]) -> Self {
        let mut texts: BTreeMap<Path, String> = BTreeMap::new();
        for file in sources(folder) {
            let name = &file[folder.len() + 1..file.len() - ".rs".len()];
            let name = if roots.contains(&name) { "" } else { name };
            let module = names(name, "/");
            texts.entry(module).or_default().push_str(&read(&file));
        }
        let imports = texts.iter().map(|(module, text)| {
            let tests = text.find("#[cfg(test)]\nmod ").unwrap_or(text.len());
            let imports = uses(&text[..tests]).into_iter();
            let absolute = imports.filter_map(|import| {
                let path = absolute(module, &import.path, |path| texts.contains_key(path))?;
                Some(Import { path, ..import })
            });
            (module.clone(), absolute.collect())
        });
        Self(imports.collect())
    }

    /// The module that has an item. If a module only imports the item, it is behind that import.
    fn owner(&self, path: &[String]) -> Path {
        let is_module = |length: &usize| self.0.contains_key(&path[..*length]);
        let length = (0..=path.len()).rev().find(is_module).unwrap_or(0);
        let (module, rest) = path.split_at(length);
        let mut imports = self.0[module].iter();
        let behind =
            imports.find(|import| import.path.last() == rest.first() && import.path != path);
        match behind {
            Some(import) if !rest.is_empty() => self.owner(&import.path),
            _ => module.to_vec(),
        }
    }

    /// The modules that each module needs. A re-export needs none: it is a door for others.
    fn needs(&self) -> BTreeMap<Path, BTreeSet<Path>> {
        let needs = self.0.iter().map(|(module, imports)| {
            let own = imports.iter().filter(|import| !import.is_reexport);
            let owners = own.map(|import| self.owner(&import.path));
            let needs = owners.filter(|owner| owner != module);
            (module.clone(), needs.collect())
        });
        needs.collect()
    }

    /// The sets of modules in which each needs all others.
    fn circles(&self) -> BTreeSet<Vec<String>> {
        let needs = self.needs();
        let reached = |from: &Path| {
            let mut reached = BTreeSet::new();
            let mut next: Vec<&Path> = needs[from].iter().collect();
            while let Some(module) = next.pop() {
                if reached.insert(module) {
                    next.extend(&needs[module]);
                }
            }
            reached
        };
        let reached: BTreeMap<&Path, _> = needs.keys().map(|from| (from, reached(from))).collect();
        let in_circles = reached.iter().filter(|(from, to)| to.contains(*from));
        let circles = in_circles.map(|(from, to)| {
            let circle = to.iter().filter(|other| reached[*other].contains(from));
            circle.map(|module| module.join("/")).collect()
        });
        circles.collect()
    }
}

/// The names of a path.
fn names(path: &str, separator: &str) -> Path {
    let names = path.split(separator).map(str::trim);
    names
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

/// The imports of a text, as they are written.
fn uses(text: &str) -> Vec<Import> {
    let mut lines = text.lines().map(str::trim);
    let mut imports = Vec::new();
    while let Some(line) = lines.next() {
        let Some((before, tree)) = line.split_once("use ") else {
            continue;
        };
        let is_reexport = before == "pub " || before.starts_with("pub(") && before.ends_with(") ");
        if !is_reexport && !before.is_empty() {
            continue;
        }
        let mut tree = tree.to_owned();
        while !tree.contains(';') {
            tree.push_str(lines.next().expect("an import ends"));
        }
        let mut paths = Vec::new();
        expand("", tree.split(';').next().unwrap_or(""), &mut paths);
        let paths = paths.iter().map(|path| names(path, "::"));
        imports.extend(paths.map(|path| Import { path, is_reexport }));
    }
    imports
}

/// The paths of a tree such as `a::{b, c::{d, e}}`.
fn expand(prefix: &str, tree: &str, paths: &mut Vec<String>) {
    let tree = tree.trim();
    let Some((head, rest)) = tree.split_once('{') else {
        let path = tree.split(" as ").next().unwrap_or("");
        return paths.push(format!("{prefix}{path}"));
    };
    let rest = rest.strip_suffix('}').expect("a brace is closed");
    let mut depth = 0;
    let branches = rest.split(|letter| {
        depth += i32::from(letter == '{') - i32::from(letter == '}');
        letter == ',' && depth == 0
    });
    for branch in branches.filter(|branch| !branch.trim().is_empty()) {
        expand(&format!("{prefix}{head}"), branch, paths);
    }
}

/// The path from the root that a module's import means; `None` if it is of another crate.
fn absolute(module: &Path, path: &Path, is_module: impl Fn(&Path) -> bool) -> Option<Path> {
    let above = path.iter().take_while(|name| *name == "super").count();
    let from = match path.first()?.as_str() {
        "crate" => return Some(path[1..].to_vec()),
        "self" => return Some([module, &path[1..]].concat()),
        "super" => &module[..module.len() - above],
        child if is_module(&[module, &[child.to_owned()][..]].concat()) => module,
        _ => return None,
    };
    Some([from, &path[above..]].concat())
}

/// Circles that are allowed, each by its files in alphabetical order.
const CIRCLES: [(&str, &[&str]); 1] = [("driver", &["config", "disks", "listing", "scheduler"])];

#[test]
fn files_import_each_other_in_no_circle() {
    for (folder, roots) in [
        ("driver", &["chaos_driver", "lib"][..]),
        ("cli/src", &["lib", "main"]),
    ] {
        let found = Imports::new(folder, roots).circles();
        let allowed = CIRCLES.iter().filter(|(of, _)| *of == folder);
        let allowed: BTreeSet<Vec<String>> = allowed
            .map(|(_, files)| files.iter().map(|file| file.to_string()).collect())
            .collect();
        if let Some(circle) = found.difference(&allowed).next() {
            let files = circle.join(".rs, ");
            panic!(
                "these files of {folder} import each other in a circle: {files}.rs; what two of \
                 them need goes to a file of its own"
            );
        }
        if let Some(circle) = allowed.difference(&found).next() {
            let files = circle.join(".rs, ");
            panic!("these files of {folder} are no circle: take them from the list: {files}.rs");
        }
    }
}

/// The two rooms of unsafe code know nothing of the scheduler that uses them.
#[test]
fn rooms_of_unsafe_code_import_no_policy() {
    for room in ["elevator", "sys"] {
        for file in sources("driver") {
            let name = file.strip_prefix("driver/").unwrap_or(&file);
            if name != format!("{room}.rs") && !name.starts_with(&format!("{room}/")) {
                continue;
            }
            let text = read(&file);
            for path in text.split("crate::").skip(1) {
                let is_known = path.starts_with("sys::") || path.starts_with(room);
                assert!(
                    is_known,
                    "{file} imports crate::{}, which {room}/ has to do without",
                    path.lines().next().unwrap_or_default()
                );
            }
            assert!(!text.to_lowercase().contains("ioem"), "{file} names ioem");
        }
    }
}
