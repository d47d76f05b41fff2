// SPDX-License-Identifier: GPL-2.0-only

//! The links and the headings of a document in Markdown.

use anyhow::{Context, Result};
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};
use std::{collections::BTreeMap, ops::Range};

/// A link, or an image.
pub(crate) struct Link {
    /// The bytes of the document that are `[text](target)`.
    pub(crate) place: Range<usize>,
    /// Between the parentheses.
    pub(crate) target: String,
}

/// The links of a document, in their order. A link has its target behind its text, and no title.
pub(crate) fn links(text: &str) -> Result<Vec<Link>> {
    let events = Parser::new_ext(text, Options::ENABLE_TABLES).into_offset_iter();
    events
        .filter_map(|(event, place)| match event {
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                Some((place, dest_url.into_string()))
            }
            _ => None,
        })
        .map(|(place, target)| {
            let whole = &text[place.clone()];
            whole
                .strip_suffix(&format!("]({target})"))
                .with_context(|| format!("the link {whole} is not of the form [text](target)"))?;
            Ok(Link { place, target })
        })
        .collect()
}

/// The names by which links lead to the headings of a document, as mdBook makes them.
pub(crate) fn anchors(text: &str) -> Vec<String> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let mut heading: Option<String> = None;
    let mut anchors = Vec::new();
    for event in Parser::new_ext(text, Options::ENABLE_TABLES) {
        match event {
            Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
            Event::Text(text) | Event::Code(text) => {
                if let Some(heading) = &mut heading {
                    heading.push_str(&text);
                }
            }
            Event::End(TagEnd::Heading(_)) => {
                let name = anchor(&heading.take().unwrap_or_default());
                let count = counts.entry(name.clone()).or_default();
                anchors.push(match *count {
                    0 => name,
                    count => format!("{name}-{count}"),
                });
                *count += 1;
            }
            _ => {}
        }
    }
    anchors
}

/// The name of a heading: its letters in small, with `-` for each space.
fn anchor(heading: &str) -> String {
    let letters = heading.chars().filter_map(|letter| match letter {
        ' ' => Some('-'),
        letter if letter.is_alphanumeric() || "-_".contains(letter) => Some(letter),
        _ => None,
    });
    letters.flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_found_where_they_are() {
        let text = "See [a](b.md#c) and\n![d](e.svg).\n\n    [no](link)\n\n`[no](link)`\n\n\
            | t |\n|---|\n| [`f`](g) |\n";
        let found: Vec<(&str, String)> = links(text)
            .unwrap()
            .into_iter()
            .map(|link| (&text[link.place], link.target))
            .collect();
        let expected = [
            ("[a](b.md#c)", "b.md#c"),
            ("![d](e.svg)", "e.svg"),
            ("[`f`](g)", "g"),
        ];
        assert_eq!(
            found,
            expected.map(|(whole, target)| (whole, target.to_owned()))
        );
    }

    #[test]
    fn a_link_of_another_form_is_refused() {
        assert!(links("[a][b]\n\n[b]: c.md\n").is_err());
        assert!(links("[a](b.md \"c\")\n").is_err());
    }

    #[test]
    fn headings_have_the_names_of_mdbook() {
        let text = "# The files of `ioem`\n\n## A, or b?\n\n## Delays\n\n## Delays\n\n    # no\n";
        assert_eq!(
            anchors(text),
            ["the-files-of-ioem", "a-or-b", "delays", "delays-1"]
        );
    }
}
