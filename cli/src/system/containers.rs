// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Containers: the search for the cgroup that a runtime gave to a container, by the container's id.
//!
//! containerd, CRI-O, Docker and Podman name a container's cgroup `PREFIX-ID.scope` if systemd
//! makes it, and `ID` or `PREFIX-ID` otherwise. LXC and systemd-nspawn have names instead of ids.

use super::{
    Roots,
    cgroups::{self, Hierarchy, hierarchies},
    container_id::{LEAST, id, is_hexadecimal, is_id},
    mounts::mounts,
};
use crate::error::{Exit, failure};
use anyhow::Result;
use std::path::{Path, PathBuf};

/// More names in a message would be no help.
const MOST_SHOWN: usize = 3;

/// The cgroups below that of a container for its own processes alone, beside those of its runtime:
/// of systemd-nspawn, and of crun.
const INNER: [&str; 2] = ["payload", "container"];

/// The processes of the container with this cgroup, as far as these can be told from those of its
/// runtime.
pub(crate) fn processes(directory: &Path) -> Vec<u32> {
    let inner = INNER.iter().map(|name| directory.join(name));
    let mut inner = inner.map(|directory| cgroups::processes(&directory));
    inner
        .find(|processes| !processes.is_empty())
        .unwrap_or_else(|| cgroups::processes(directory))
}

/// The container's cgroup, as a directory.
///
/// # Errors
///
/// [`Exit::Name`] if there is none, or several; the sentence names similar ones.
pub(crate) fn find(roots: &Roots, text: &str) -> Result<PathBuf> {
    let wanted = plain(text);
    let hierarchies = hierarchies(roots);
    let Some(hierarchy) = hierarchies.first() else {
        let message = format!(
            "there is no cgroup (v2) of a container {wanted}; {}",
            cgroups::NONE_MOUNTED
        );
        return Err(failure(Exit::Name, on_v1(roots, wanted).unwrap_or(message)));
    };
    let mut found = matching(hierarchy.directories(), wanted);
    match found.len() {
        0 => {
            let message = on_v1(roots, wanted).unwrap_or_else(|| none(hierarchy, wanted));
            Err(failure(Exit::Name, message))
        }
        1 => Ok(found.remove(0)),
        _ => Err(failure(Exit::Name, several(&found, wanted))),
    }
}

/// The id or the name, without the words that tools write around it.
fn plain(text: &str) -> &str {
    let text = text.trim();
    let text = text.split_once("://").map_or(text, |(_, id)| id);
    id(text).unwrap_or(text)
}

/// Whether a cgroup is of the container with this id, the beginning of one, or a name.
fn is_of(cgroup: &Path, wanted: &str) -> bool {
    let Some(name) = cgroup.file_name().and_then(|name| name.to_str()) else {
        return false;
    };
    if is_id(wanted) {
        let wanted = wanted.to_ascii_lowercase();
        return id(name).is_some_and(|id| id.starts_with(&wanted));
    }
    let above = cgroup.parent().and_then(Path::file_name);
    name.strip_prefix("lxc.payload.") == Some(wanted)
        || (name == wanted && above.is_some_and(|above| above == "lxc" || above == "lxc.payload"))
        || name.strip_prefix("systemd-nspawn@") == Some(&*format!("{wanted}.service"))
        || name.strip_prefix("machine-") == Some(&*format!("{wanted}.scope"))
}

/// The topmost cgroups of the container.
fn matching(directories: impl Iterator<Item = PathBuf>, wanted: &str) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = Vec::new();
    for directory in directories.filter(|directory| is_of(directory, wanted)) {
        if !found.iter().any(|above| directory.starts_with(above)) {
            found.push(directory);
        }
    }
    found
}

/// The sentence that a container is in a hierarchy of cgroups v1.
fn on_v1(roots: &Roots, wanted: &str) -> Option<String> {
    let mounts = mounts(roots).unwrap_or_default().into_iter();
    let mut old = mounts.filter(|mount| mount.kind == "cgroup");
    let cgroup = old.find_map(|mount| {
        let mut directories = cgroups::directories(&mount.point);
        directories.find(|directory| is_of(directory, wanted))
    })?;
    Some(format!(
        "the container {wanted} has a cgroup of v1, {}, and injections know only those of v2; boot \
         with systemd.unified_cgroup_hierarchy=1, or choose the container's disk with --device",
        cgroup.display()
    ))
}

/// The sentence that several containers can be meant.
fn several(found: &[PathBuf], wanted: &str) -> String {
    let shown: Vec<String> = found
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    format!(
        "{wanted} can be several containers: {}; give more of the id, or one of these to --cgroup",
        shown.join(", ")
    )
}

/// The sentence that there is no such container, with similar names.
fn none(hierarchy: &Hierarchy, wanted: &str) -> String {
    let point = hierarchy.point.display();
    let message = format!("no cgroup (v2) in {point} is that of a container {wanted}");
    if !hierarchy.is_whole() {
        return format!(
            "{message}: kchaos sees only the cgroups of its own container; run it on the host, or \
             with the host's cgroup namespace"
        );
    }
    let all: Vec<PathBuf> = hierarchy.directories().collect();
    if wanted.len() < LEAST && is_hexadecimal(wanted) {
        return format!("{message}; of an id, give at least {LEAST} characters");
    }
    if let Some(pod) = all.iter().find(|path| is_of_pod(path, wanted)) {
        return format!("{message}; it is a pod's: --cgroup {}", pod.display());
    }
    let ids: Vec<&str> = all
        .iter()
        .filter_map(|path| id(path.file_name()?.to_str()?))
        .collect();
    let alike = |id: &&&str| {
        id.bytes()
            .zip(wanted.bytes())
            .take_while(|(a, b)| a == b)
            .count()
    };
    let nearest = ids
        .iter()
        .max_by_key(alike)
        .filter(|id| alike(id) >= LEAST / 2);
    let shown: Vec<&str> = ids.iter().take(MOST_SHOWN).copied().collect();
    match (nearest, ids.len().checked_sub(shown.len())) {
        (Some(nearest), _) => format!("{message}; did you mean {nearest}?"),
        (None, Some(0)) if shown.is_empty() => format!("{message}, nor of any other container"),
        (None, more) => {
            let more = more.filter(|more| *more > 0);
            let more = more.map_or(String::new(), |more| format!(" and {more} more"));
            format!(
                "{message}; there are {}{more}. A name is no id: docker inspect -f '{{{{.Id}}}}' \
                 NAME",
                shown.join(", ")
            )
        }
    }
}

/// Whether a cgroup is that of the pod with this uid.
fn is_of_pod(cgroup: &Path, uid: &str) -> bool {
    let name = cgroup.file_name().and_then(|name| name.to_str());
    let stem = name.map(|name| name.strip_suffix(".slice").unwrap_or(name));
    let uid = uid.strip_prefix("pod").unwrap_or(uid);
    uid.len() >= LEAST
        && stem.is_some_and(|stem| {
            let mut forms = [uid.to_owned(), uid.replace('-', "_")].into_iter();
            forms.any(|uid| stem.ends_with(&format!("pod{uid}")))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    #[test]
    fn the_cgroups_of_all_runtimes_are_known() {
        for cgroup in [
            "/system.slice/docker-ID.scope",
            "/docker/ID",
            "/kubepods.slice/kubepods-pod1.slice/cri-containerd-ID.scope",
            "/kubepods/burstable/pod1/ID",
            "/machine.slice/libpod-ID.scope",
            "/libpod_parent/libpod-ID",
            "/system.slice/crio-ID.scope",
            "/user.slice/user@1.service/user.slice/nerdctl-ID.scope",
        ] {
            let cgroup = cgroup.replace("ID", ID);
            for wanted in [ID, &ID[..12], &ID[..8], &ID.to_uppercase()] {
                assert!(is_of(Path::new(&cgroup), wanted), "{cgroup} {wanted}");
            }
            for wanted in [&ID[1..], &ID[..7], "", "docker", "123456789"] {
                assert!(!is_of(Path::new(&cgroup), wanted), "{cgroup} {wanted}");
            }
        }
        for cgroup in [
            "/m/libpod-conmon-ID.scope",
            "/m/crio-conmon-ID.scope",
            "/m/xID",
        ] {
            let cgroup = cgroup.replace("ID", ID);
            assert!(!is_of(Path::new(&cgroup), ID), "{cgroup}");
        }
    }

    #[test]
    fn containers_with_names_are_known_by_them_alone() {
        for cgroup in [
            "/lxc.payload.web",
            "/lxc/web",
            "/machine.slice/systemd-nspawn@web.service",
            "/machine.slice/machine-web.scope",
        ] {
            assert!(is_of(Path::new(cgroup), "web"), "{cgroup}");
            assert!(!is_of(Path::new(cgroup), "we"), "{cgroup}");
        }
        for cgroup in ["/web", "/docker/web", "/system.slice/web.service"] {
            assert!(!is_of(Path::new(cgroup), "web"), "{cgroup}");
        }
    }

    #[test]
    fn the_words_around_an_id_are_left_out() {
        let scope = format!("docker-{ID}.scope");
        let uri = format!("containerd://{ID}");
        for text in [ID, &scope, &uri, &format!(" {ID}\n")] {
            assert_eq!(plain(text), ID);
        }
        assert_eq!(plain("cri-o://0123456789abc"), "0123456789abc");
        assert_eq!(plain("web-1"), "web-1");
    }

    #[test]
    fn a_cgroup_below_another_of_the_container_is_no_second_one() {
        let paths = [
            format!("/a/{ID}"),
            format!("/a/{ID}/{ID}"),
            format!("/b/{ID}"),
        ];
        let found = matching(paths.iter().map(PathBuf::from), ID);
        assert_eq!(found, [PathBuf::from(&paths[0]), PathBuf::from(&paths[2])]);
    }

    #[test]
    fn a_pod_is_known_by_its_uid() {
        let uid = "6b3d1f00-0000-4000-8000-0123456789ab";
        let slice = format!("/k/kubepods-burstable-pod{}.slice", uid.replace('-', "_"));
        for cgroup in [slice, format!("/kubepods/burstable/pod{uid}")] {
            assert!(is_of_pod(Path::new(&cgroup), uid), "{cgroup}");
            assert!(!is_of_pod(Path::new(&cgroup), ""), "{cgroup}");
        }
    }
}
