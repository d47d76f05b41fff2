// SPDX-License-Identifier: GPL-2.0-only

//! Gathers the documents of the checkout as pages of a book, with links that fit there.

use crate::{
    markdown::{anchors, links},
    path::{relative, resolve},
};
use anyhow::{Context, Result, bail, ensure};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

/// The folder of this program, whose documents are at the top of the book.
const HOME: &str = "tools/docs/";

/// The list of pages, in that folder.
const SUMMARY: &str = "tools/docs/SUMMARY.md";

/// Files that mdBook reads beside the pages.
const SETTINGS: [&str; 2] = ["book.toml", "manual.css"];

/// The pages of the book, with all that they link to.
#[derive(Debug)]
pub struct Book {
    /// Texts by their place in the book, the list of pages included.
    pages: BTreeMap<String, String>,
    /// The documents of the checkout that are pages.
    documents: BTreeSet<String>,
    /// Files of the checkout that pages link to, which have the same place in the book.
    files: BTreeSet<String>,
}

/// The place of a document in the book. mdBook calls the first page of a folder `index`. No page is
/// in a hidden folder, which servers may leave out.
fn place(document: &str) -> String {
    let document = match document.strip_prefix(HOME) {
        None | Some("README.md") => document,
        Some(inner) => inner,
    };
    let document = document.strip_prefix(".github/").unwrap_or(document);
    match document.strip_suffix("README.md") {
        Some(folder) => format!("{folder}index.md"),
        None => document.to_owned(),
    }
}

impl Book {
    /// Reads the documents of the checkout in this folder.
    ///
    /// # Errors
    ///
    /// If a link leads nowhere, or to a document that is no page.
    pub fn read(top: &Path) -> Result<Self> {
        let read = |file: &str| {
            fs::read_to_string(top.join(file)).with_context(|| format!("cannot read {file}"))
        };
        let summary = read(SUMMARY)?;
        let mut texts = BTreeMap::new();
        for link in links(&summary)? {
            let document = resolve(SUMMARY, &link.target);
            let document = document.with_context(|| format!("{SUMMARY}: {}", link.target))?;
            let text = read(&document)?;
            ensure!(
                texts.insert(document.clone(), text).is_none(),
                "{SUMMARY} names {document} twice"
            );
        }
        let mut book = Self {
            pages: BTreeMap::new(),
            documents: texts.keys().cloned().collect(),
            files: BTreeSet::new(),
        };
        texts.insert(SUMMARY.to_owned(), summary);
        for (document, text) in &texts {
            let page = place(document);
            let fitted = book.fit(top, &texts, document, &page);
            let fitted = fitted.with_context(|| document.clone())?;
            let before = book
                .pages
                .insert(page, fitted.unwrap_or_else(|| text.clone()));
            ensure!(
                before.is_none(),
                "another document has the place of {document}"
            );
        }
        Ok(book)
    }

    /// The documents of the checkout that are pages.
    #[must_use]
    pub fn documents(&self) -> &BTreeSet<String> {
        &self.documents
    }

    /// The text of a document, with the links that it has as this page; `None` without links.
    fn fit(
        &mut self,
        top: &Path,
        texts: &BTreeMap<String, String>,
        document: &str,
        page: &str,
    ) -> Result<Option<String>> {
        let text = &texts[document];
        let mut fitted: Option<String> = None;
        // From the last one on, so that the places of those before it stay.
        for link in links(text)?.into_iter().rev() {
            let (target, anchor) = match link.target.split_once('#') {
                Some((target, anchor)) => (target, Some(anchor)),
                None => (link.target.as_str(), None),
            };
            if target.contains("://") {
                continue;
            }
            let to = match target {
                "" => document.to_owned(),
                target => resolve(document, target)
                    .with_context(|| format!("the link {target} leaves the checkout"))?,
            };
            let whole = &text[link.place.clone()];
            let new = if self.documents.contains(&to) || to == document {
                if let Some(anchor) = anchor {
                    ensure!(
                        anchors(&texts[&to]).iter().any(|name| name == anchor),
                        "{whole}: {to} has no heading of this name"
                    );
                }
                if target.is_empty() {
                    continue;
                }
                let anchor = anchor.map_or(String::new(), |anchor| format!("#{anchor}"));
                with_target(whole, &format!("{}{anchor}", relative(page, &place(&to))))
            } else if top.join(&to).is_dir() {
                // No page lists the files of a folder.
                format!("`{to}/`")
            } else {
                ensure!(top.join(&to).is_file(), "{whole}: there is no file {to}");
                ensure!(
                    !to.ends_with(".md"),
                    "{whole}: {to} is no page in {SUMMARY}"
                );
                let new = with_target(whole, &relative(page, &to));
                self.files.insert(to);
                new
            };
            fitted
                .get_or_insert_with(|| text.clone())
                .replace_range(link.place, &new);
        }
        Ok(fitted)
    }

    /// Writes all that mdBook needs into an empty folder.
    ///
    /// # Errors
    ///
    /// If a file cannot be written.
    pub fn write(&self, top: &Path, folder: &Path) -> Result<()> {
        let pages = folder.join("src");
        for (page, text) in &self.pages {
            write(&pages.join(page), text.as_bytes())?;
        }
        let copy = |from: &str, to: &Path| {
            let bytes = fs::read(top.join(from)).with_context(|| format!("cannot read {from}"))?;
            write(to, &bytes)
        };
        for file in &self.files {
            copy(file, &pages.join(file))?;
        }
        for file in SETTINGS {
            copy(&format!("{HOME}{file}"), &folder.join(file))?;
        }
        Ok(())
    }
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let Some(folder) = path.parent() else {
        bail!("{} has no folder", path.display());
    };
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(path, bytes))
        .with_context(|| format!("cannot write {}", path.display()))
}

/// A link or an image with another target.
fn with_target(whole: &str, target: &str) -> String {
    let text = whole.rfind("](").map_or(whole, |end| &whole[..end]);
    format!("{text}]({target})")
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    /// A checkout with these files, whose list of pages has the documents among them.
    fn checkout(files: &[(&str, &str)]) -> TempDir {
        let top = TempDir::new().unwrap();
        let documents = files.iter().filter(|(file, _)| file.ends_with(".md"));
        let links = documents.map(|(file, _)| format!("- [a]({})\n", relative(SUMMARY, file)));
        let summary: String = links.collect();
        for (file, text) in files.iter().chain([&(SUMMARY, summary.as_str())]) {
            write(&top.path().join(file), text.as_bytes()).unwrap();
        }
        top
    }

    fn page(files: &[(&str, &str)], name: &str) -> String {
        let top = checkout(files);
        Book::read(top.path()).unwrap().pages[name].clone()
    }

    fn error(files: &[(&str, &str)]) -> String {
        format!("{:#}", Book::read(checkout(files).path()).unwrap_err())
    }

    #[test]
    fn links_fit_the_places_in_the_book() {
        let files = [
            (
                "README.md",
                "[a](cli/README.md) [b](tools/docs/x/y.md#z) [c](d/e.c), [f](d).\n",
            ),
            (
                "cli/README.md",
                "# Z\n\n[up](../README.md) ![p](../d/e.c) [here](#z)\n",
            ),
            (
                "tools/docs/x/y.md",
                "## Z\n\n[up](../../../cli/README.md#z)\n",
            ),
            ("d/e.c", ""),
        ];
        assert_eq!(
            page(&files, "index.md"),
            "[a](cli/index.md) [b](x/y.md#z) [c](d/e.c), `d/`.\n"
        );
        let cli = "# Z\n\n[up](../index.md) ![p](../d/e.c) [here](#z)\n";
        assert_eq!(page(&files, "cli/index.md"), cli);
        assert_eq!(page(&files, "x/y.md"), "## Z\n\n[up](../cli/index.md#z)\n");
        let summary = "- [a](index.md)\n- [a](cli/index.md)\n- [a](x/y.md)\n";
        assert_eq!(page(&files, "SUMMARY.md"), summary);
    }

    #[test]
    fn a_link_that_leads_nowhere_is_refused() {
        let nowhere = error(&[("README.md", "[a](b.c)\n")]);
        assert_eq!(nowhere, "README.md: [a](b.c): there is no file b.c");
        let heading = error(&[("README.md", "# A\n\n[a](#b)\n")]);
        assert_eq!(
            heading,
            "README.md: [a](#b): README.md has no heading of this name"
        );
        let outside = error(&[("README.md", "[a](../b)\n")]);
        assert_eq!(outside, "README.md: the link ../b leaves the checkout");
    }

    #[test]
    fn a_document_that_is_no_page_is_refused() {
        let top = checkout(&[("README.md", "[a](b.md)\n")]);
        write(&top.path().join("b.md"), b"").unwrap();
        let error = format!("{:#}", Book::read(top.path()).unwrap_err());
        let expected = "README.md: [a](b.md): b.md is no page in tools/docs/SUMMARY.md";
        assert_eq!(error, expected);
    }

    #[test]
    fn all_files_are_written() {
        let files = [
            ("README.md", "[a](b.c)\n"),
            ("b.c", "text"),
            ("tools/docs/book.toml", ""),
            ("tools/docs/manual.css", ""),
        ];
        let top = checkout(&files);
        let folder = TempDir::new().unwrap();
        Book::read(top.path())
            .unwrap()
            .write(top.path(), folder.path())
            .unwrap();
        for file in [
            "book.toml",
            "manual.css",
            "src/SUMMARY.md",
            "src/index.md",
            "src/b.c",
        ] {
            assert!(folder.path().join(file).is_file(), "{file}");
        }
    }
}
