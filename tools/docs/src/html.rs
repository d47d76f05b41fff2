// SPDX-License-Identifier: GPL-2.0-only

//! Checks the pages that mdBook has made: each link leads to a file, and to a place in it.

use crate::path::resolve;
use anyhow::{Context, Result, ensure};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

/// The pages of a folder, by their paths in it.
struct Pages<'a> {
    folder: &'a Path,
    texts: BTreeMap<String, String>,
}

/// Checks all links of the pages in a folder; their number.
///
/// # Errors
///
/// If a link leads nowhere, with each such link.
pub fn check(folder: &Path) -> Result<usize> {
    let mut pages = Pages {
        folder,
        texts: BTreeMap::new(),
    };
    pages.read("")?;
    let mut count = 0;
    let mut wrong = BTreeSet::new();
    for (page, text) in &pages.texts {
        for link in links(text) {
            count += 1;
            if !pages.leads(page, link) {
                wrong.insert(format!("{page}: {link}"));
            }
        }
    }
    let list: Vec<String> = wrong.into_iter().collect();
    ensure!(
        list.is_empty(),
        "these links lead nowhere:\n{}",
        list.join("\n")
    );
    Ok(count)
}

impl Pages<'_> {
    /// Reads the pages in a folder of the folder.
    fn read(&mut self, inner: &str) -> Result<()> {
        let path = self.folder.join(inner);
        let entries = fs::read_dir(&path);
        let entries = entries.with_context(|| format!("cannot read {}", path.display()))?;
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let name = match inner {
                "" => name,
                inner => format!("{inner}/{name}"),
            };
            if entry.file_type()?.is_dir() {
                self.read(&name)?;
            } else if name.ends_with(".html") && name != "404.html" {
                // The links of the page for missing pages begin at the top of a server.
                self.texts.insert(name, fs::read_to_string(entry.path())?);
            }
        }
        Ok(())
    }

    /// Whether a link of a page leads to something. A link to another machine is not followed.
    fn leads(&self, page: &str, link: &str) -> bool {
        let is_elsewhere = ["http:", "https:", "mailto:", "data:", "javascript:"]
            .iter()
            .any(|scheme| link.starts_with(scheme));
        if is_elsewhere {
            return true;
        }
        let (target, anchor) = link.split_once('#').unwrap_or((link, ""));
        let to = match target {
            "" => Some(page.to_owned()),
            target => resolve(page, target),
        };
        let Some(to) = to.filter(|to| self.folder.join(to).is_file()) else {
            return false;
        };
        anchor.is_empty()
            || self
                .texts
                .get(&to)
                .is_some_and(|text| text.contains(&format!("id=\"{anchor}\"")))
    }
}

/// The values of all attributes of a page that are links.
fn links(text: &str) -> impl Iterator<Item = &str> {
    [" href=\"", " src=\""].into_iter().flat_map(|attribute| {
        let values = text.split(attribute).skip(1);
        values.map(|rest| rest.split('"').next().unwrap_or_default())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    #[test]
    fn links_lead_to_files_and_places() {
        let folder = TempDir::new().unwrap();
        fs::create_dir(folder.path().join("a")).unwrap();
        fs::write(folder.path().join("c.svg"), "").unwrap();
        let other = r#"<h1 id="x">X</h1> <img src="../c.svg">"#;
        fs::write(folder.path().join("a/b.html"), other).unwrap();
        let check = |text: &str| {
            fs::write(folder.path().join("index.html"), text).unwrap();
            check(folder.path())
        };
        let good = r#"<a href="a/b.html#x"> <a href="https://a.b"> <a id="y" href="\#y">"#;
        assert_eq!(check(&good.replace('\\', "")).unwrap(), 4);
        for bad in ["d.svg", "a/b.html#y", "../x", "#z", "a"] {
            let error = check(&format!(r#"<a href="{bad}">"#))
                .unwrap_err()
                .to_string();
            assert_eq!(
                error,
                format!("these links lead nowhere:\nindex.html: {bad}")
            );
        }
    }
}
