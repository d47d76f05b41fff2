// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Guesses of the device that a person means by a name that no device has.

use super::{Roots, block::Block, mapper::mapper_named, mounts::mounts};
use std::path::Path;

/// Directories in /dev/disk whose names people choose, with the words before them in fstab.
const CHOSEN: [(&str, &str); 2] = [("by-label", "LABEL"), ("by-partlabel", "PARTLABEL")];

/// The next step for a name that no device has, if kchaos has a guess.
pub(super) fn guess(roots: &Roots, name: &str) -> Option<String> {
    if name.eq_ignore_ascii_case("all") {
        return Some(
            "attach and detach take --all, and an injection without --device is about all disks \
             that are attached"
                .to_owned(),
        );
    }
    let by_folder = CHOSEN.iter().find(|(folder, _)| {
        let link = roots.dev.join("disk").join(folder).join(name);
        Block::of_node(roots, &link).is_some()
    });
    if let Some((_, tag)) = by_folder {
        return Some(format!("did you mean {tag}={name}?"));
    }
    several(roots, name)
        .or_else(|| other_case(roots, name))
        .or_else(|| source(roots, name))
}

/// Names of several devices in one word.
fn several(roots: &Roots, name: &str) -> Option<String> {
    let words: Vec<&str> = name
        .split([',', ' ', ';', ':', '\n'])
        .filter(|word| !word.is_empty())
        .collect();
    let is_device = |word: &&str| {
        let word = word.strip_prefix("/dev/").unwrap_or(word);
        Block::find_exact(roots, word).is_some() || mapper_named(roots, word).is_some()
    };
    (words.len() > 1 && words.iter().all(is_device)).then(|| {
        format!(
            "these are several devices: --device {}, or as words of attach and detach: {}",
            words.join(","),
            words.join(" ")
        )
    })
}

/// A name in other letters than the kernel's.
fn other_case(roots: &Roots, name: &str) -> Option<String> {
    let lower = name.to_lowercase();
    let is_other = lower != name && Block::find_exact(roots, &lower).is_some();
    is_other.then(|| format!("did you mean {lower}?"))
}

/// The source of a mounted file system, as `df` and `mount` print it, such as `/dev/root`,
/// `tank/data` or `server:/export`.
fn source(roots: &Roots, name: &str) -> Option<String> {
    let mounts = mounts(roots).ok()?;
    let is_it = |source: &Path| source == Path::new(name);
    let mount = mounts
        .iter()
        .find(|mount| name != "none" && is_it(Path::new(&mount.source)))?;
    Some(format!(
        "it is the source of the {} at {}: name that",
        mount.kind,
        mount.point.display()
    ))
}
