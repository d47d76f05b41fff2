// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The ids of containers: which words can be one, and where cgroups' names have them.

/// The least number of an id's characters that name a container.
pub(crate) const LEAST: usize = 8;

/// The least number of characters of a whole id, which tells it from other words.
const LEAST_WHOLE: usize = 32;

/// The id in a cgroup's name, if it is that of a container.
pub(crate) fn id(name: &str) -> Option<&str> {
    let stem = name.strip_suffix(".scope").unwrap_or(name);
    let (prefix, id) = stem.rsplit_once('-').unwrap_or(("", stem));
    // The monitor of a container has the container's id, too.
    let is_monitor = prefix.ends_with("conmon");
    (id.len() >= LEAST_WHOLE && is_hexadecimal(id) && !is_monitor).then_some(id)
}

/// Whether a word has only the characters of an id.
pub(crate) fn is_hexadecimal(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Whether a word can be a container's id, or the beginning of one.
pub(crate) fn is_id(text: &str) -> bool {
    text.len() >= LEAST && is_hexadecimal(text)
}
