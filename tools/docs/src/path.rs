// SPDX-License-Identifier: GPL-2.0-only

//! Paths as links have them: of text, with slashes, and relative to a page.

/// The folder of a file, as in `driver` of `driver/faults.md`; empty at the top.
pub(crate) fn folder(file: &str) -> &str {
    file.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// The path from the top of a link in a file; `None` if it leaves the top.
pub(crate) fn resolve(file: &str, link: &str) -> Option<String> {
    let mut parts: Vec<&str> = folder(file).split('/').collect();
    for part in link.split('/') {
        match part {
            ".." => {
                // The folder of a file at the top is one empty part.
                parts.pop().filter(|part| !part.is_empty())?;
            }
            "" | "." => {}
            part => parts.push(part),
        }
    }
    parts.retain(|part| !part.is_empty());
    Some(parts.join("/"))
}

/// The link in a file that leads to another one. Both are paths from the top.
pub(crate) fn relative(file: &str, to: &str) -> String {
    let from: Vec<&str> = folder(file)
        .split('/')
        .filter(|part| !part.is_empty())
        .collect();
    let to: Vec<&str> = to.split('/').collect();
    let same = from.iter().zip(&to).take_while(|(one, other)| one == other);
    let same = same.count().min(to.len() - 1);
    let up = std::iter::repeat_n("..", from.len() - same);
    up.chain(to[same..].iter().copied())
        .collect::<Vec<_>>()
        .join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_resolved_from_their_file() {
        let cases = [
            ("README.md", "driver/faults.md", Some("driver/faults.md")),
            ("driver/faults.md", "../README.md", Some("README.md")),
            (
                "driver/faults.md",
                "./kernels.md",
                Some("driver/kernels.md"),
            ),
            ("tools/go/README.md", "../../tests/", Some("tests")),
            ("README.md", "../other", None),
            ("driver/faults.md", "../../other", None),
        ];
        for (file, link, path) in cases {
            assert_eq!(resolve(file, link).as_deref(), path, "{file} {link}");
        }
    }

    #[test]
    fn a_relative_link_leads_to_its_file() {
        for file in ["a.md", "a/b.md", "a/b/c.md", "d/e.md"] {
            for to in ["a.md", "b.md", "a/b.md", "a/c.md", "a/b/d.md", "d/e/f.md"] {
                let link = relative(file, to);
                assert_eq!(resolve(file, &link).as_deref(), Some(to), "{file} {link}");
            }
        }
        assert_eq!(relative("a/b.md", "a/c.md"), "c.md");
    }
}
