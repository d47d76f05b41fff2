// SPDX-License-Identifier: GPL-2.0-only

//! The files in tools/deploy: the loader of a Kubernetes node, against a folder in place of the
//! node, and the manifests.

use crate::command::top;
use serde_yaml_ng::Value;
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Output},
};
use tempfile::TempDir;
use walkdir::WalkDir;

/// A node and a container, in one folder, whose programs write what they do to the file `done`.
struct Node(TempDir);

impl Node {
    /// With headers, and without the module.
    fn new() -> Self {
        let node = Self(tempfile::tempdir().unwrap());
        node.write("src/target/sum", "7\n");
        node.write("proc/modules", "ext4 1 0 - Live 0x0\n");
        node.write(&node.on_host("/modules/6.1.0-test/build/Makefile"), "");
        node.write(&node.on_host("/usr/lib/linux-kbuild-6.1/scripts"), "");
        node.write(&node.on_host("/usr/src/headers"), "");
        for folder in ["modules", "usr/src", "usr/lib"] {
            fs::create_dir_all(node.path(folder)).unwrap();
        }
        node.write("src/driver/chaos_driver.rs", "");
        node.program("uname", "echo 6.1.0-test");
        node.program("nsenter", "true");
        // As the sources of the container's own Rust.
        node.write("usr/src/rustc-1.85.1/library", "");
        let make = "test -e $USR/src/headers && test -e $USR/src/rustc-1.85.1/library && echo make >>$DONE; echo module >$SOURCE/driver/chaos_driver.ko";
        node.program("make", make);
        node.program("insmod", "grep -q module $1 && echo insmod >>$DONE");
        node
    }

    fn path(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    /// The place that the node's root directory, as the container sees it, has for a path.
    fn on_host(&self, path: &str) -> String {
        format!("host{}{path}", self.0.path().display())
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn program(&self, name: &str, does: &str) {
        self.write(&format!("bin/{name}"), &format!("#!/bin/sh\n{does}\n"));
        let mode = fs::Permissions::from_mode(0o755);
        fs::set_permissions(self.path(&format!("bin/{name}")), mode).unwrap();
    }

    fn load(&self) -> Output {
        let path = std::env::var("PATH").unwrap();
        Command::new(top().join("tools/deploy/load"))
            .env("PATH", format!("{}:{path}", self.path("bin").display()))
            .env("DONE", self.path("done"))
            .env("HOST", self.path("host"))
            .env("SOURCE", self.path("src"))
            .env("MODULES", self.path("modules"))
            .env("USR", self.path("usr"))
            .env("PROC", self.path("proc"))
            .env("SYS", self.path("sys"))
            .output()
            .unwrap()
    }

    /// The programs that the loader has run: make and insmod.
    fn done(&self) -> Vec<String> {
        let text = fs::read_to_string(self.path("done")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    fn fails(&self, message: &str) {
        let ended = self.load();
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert!(!ended.status.success());
        assert!(said.contains(message), "{said}");
    }
}

#[test]
fn a_node_builds_the_module_once() {
    let node = Node::new();
    for expected in [&["make", "insmod"][..], &["make", "insmod", "insmod"]] {
        let ended = node.load();
        assert!(
            ended.status.success(),
            "{}",
            String::from_utf8_lossy(&ended.stderr)
        );
        assert_eq!(node.done(), expected);
    }
    // The headers' links work as they do on the node.
    for link in [
        "modules/6.1.0-test/build/Makefile",
        "usr/src/headers",
        "usr/lib/linux-kbuild-6.1/scripts",
    ] {
        assert!(node.path(link).exists(), "{link}");
    }
    // Another source is another module.
    node.write("src/target/sum", "8\n");
    node.load();
    assert_eq!(node.done(), ["make", "insmod", "insmod", "make", "insmod"]);
}

/// A kernel can be built again, with other private structures and the same release.
#[test]
fn another_build_of_a_kernel_has_a_module_of_its_own() {
    let node = Node::new();
    let is_built = || {
        let before = node.done().len();
        assert!(node.load().status.success());
        node.done()[before..].contains(&"make".to_owned())
    };
    assert!(is_built());
    node.write("sys/kernel/btf/vmlinux", "one");
    assert!(is_built() && !is_built());
    node.write("sys/kernel/btf/vmlinux", "two");
    assert!(is_built() && !is_built());
    // Not each kernel has that file.
    let other = "[ $1 = -v ] && echo '#2 SMP' || echo 6.1.0-test";
    fs::remove_file(node.path("sys/kernel/btf/vmlinux")).unwrap();
    assert!(!is_built());
    node.program("uname", other);
    assert!(is_built() && !is_built());
}

#[test]
fn a_loaded_module_stays() {
    let node = Node::new();
    node.write("proc/modules", "chaos_driver 1 0 - Live 0x0\n");
    assert!(node.load().status.success());
    assert_eq!(node.done(), [""; 0]);
}

#[test]
fn a_loader_says_what_the_node_lacks() {
    let node = Node::new();
    fs::remove_dir_all(node.path(&node.on_host("/modules"))).unwrap();
    node.fails("install linux-headers-6.1.0-test there");
    assert_eq!(node.done(), [""; 0]);

    let node = Node::new();
    node.program("nsenter", "[ $5 != modprobe ]");
    node.fails("has no configfs");

    let node = Node::new();
    node.program("make", "exit 2");
    node.fails("does not build for 6.1.0-test");
    assert!(!node.path("host/var/lib/chaos-driver").exists());

    let node = Node::new();
    node.program("insmod", "exit 1");
    node.fails("sign ");
}

/// All documents of the YAML files in a folder, each with its file.
fn documents(folder: &str) -> Vec<(PathBuf, Value)> {
    let entries = WalkDir::new(top().join(folder))
        .into_iter()
        .map(Result::unwrap);
    let is_yaml = |path: &Path| {
        let extension = path.extension().and_then(|extension| extension.to_str());
        matches!(extension, Some("yaml" | "yml"))
    };
    let files = entries
        .map(|entry| entry.into_path())
        .filter(|path| is_yaml(path));
    let mut documents = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        for document in serde_yaml_ng::Deserializer::from_str(&text) {
            let value = serde::Deserialize::deserialize(document);
            let value = value.unwrap_or_else(|error| panic!("{}: {error}", file.display()));
            documents.push((file.clone(), value));
        }
    }
    documents
}

/// All values of a key, at any depth.
fn values<'a>(of: &'a Value, key: &str) -> Vec<&'a Value> {
    match of {
        Value::Mapping(map) => {
            let own = map.get(key).into_iter();
            own.chain(map.values().flat_map(|value| values(value, key)))
                .collect()
        }
        Value::Sequence(list) => list.iter().flat_map(|value| values(value, key)).collect(),
        _ => Vec::new(),
    }
}

fn names<'a>(lists: &[&'a Value]) -> Vec<&'a str> {
    let items = lists.iter().filter_map(|list| list.as_sequence()).flatten();
    let mut names: Vec<&str> = items.filter_map(|item| item["name"].as_str()).collect();
    names.sort_unstable();
    names.dedup();
    names
}

#[test]
fn each_file_of_yaml_is_one() {
    assert!(documents("tools/deploy").len() >= 9);
}

#[test]
fn mounts_have_their_volumes_and_images_their_version() {
    let version = env!("CARGO_PKG_VERSION");
    let mut images = 0;
    for (file, document) in documents("tools/deploy") {
        let file = file.display();
        let mounts = names(&values(&document, "volumeMounts"));
        assert_eq!(mounts, names(&values(&document, "volumes")), "{file}");
        for image in values(&document, "image") {
            let image = image.as_str().unwrap();
            let (name, tag) = image.split_once(':').unwrap();
            assert!(
                ["chaos-driver", "chaos-driver-loader"].contains(&name),
                "{file}: {image}"
            );
            assert_eq!(tag, version, "{file}");
            images += 1;
        }
    }
    assert_eq!(images, 3);
}

/// An object of Chaos Mesh has only fields that its definition has.
#[test]
fn the_block_chaos_has_known_fields() {
    let documents = documents("tools/deploy/blockchaos.yaml");
    let (_, chaos) = &documents[0];
    let keys = |value: &Value| -> Vec<String> {
        let map = value.as_mapping().unwrap();
        map.keys()
            .map(|key| key.as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(chaos["apiVersion"], "chaos-mesh.org/v1alpha1");
    assert_eq!(chaos["kind"], "BlockChaos");
    let spec = [
        "action",
        "mode",
        "selector",
        "containerNames",
        "volumeName",
        "delay",
        "duration",
    ];
    assert_eq!(keys(&chaos["spec"]), spec);
    assert_eq!(
        keys(&chaos["spec"]["delay"]),
        ["latency", "jitter", "correlation"]
    );
}
