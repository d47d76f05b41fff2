// SPDX-License-Identifier: GPL-2.0-only

//! The parts of the benchmark, and which of them a run has chosen.

use anyhow::{Result, bail};

/// All parts. `throughput` has a plot and no rows, and `path` the tables of functions.
const ALL: [&str; 11] = [
    "idle",
    "rules",
    "delays",
    "held",
    "throughput",
    "lateness",
    "limit",
    "merge",
    "memory",
    "path",
    "scaling",
];

/// The parts that a run has chosen: each is in `ALL`.
pub(crate) struct Parts(Vec<&'static str>);

impl Parts {
    /// The parts that `words` names, between spaces; all, if it names none.
    pub(crate) fn new(words: &str) -> Result<Self> {
        let mut chosen = Vec::new();
        for word in words.split_whitespace() {
            let Some(part) = ALL.into_iter().find(|part| *part == word) else {
                bail!("there is no part {word}; there are {}", ALL.join(", "));
            };
            if !chosen.contains(&part) {
                chosen.push(part);
            }
        }
        if chosen.is_empty() {
            chosen.extend(ALL);
        }
        Ok(Self(chosen))
    }

    pub(crate) fn has(&self, part: &str) -> bool {
        self.0.contains(&part)
    }

    pub(crate) fn chosen(&self) -> &[&'static str] {
        &self.0
    }

    /// A sentence that names the other parts, if there are any.
    pub(crate) fn left_out(&self) -> Option<String> {
        let others: Vec<&str> = ALL.into_iter().filter(|part| !self.has(part)).collect();
        (!others.is_empty()).then(|| {
            format!(
                "Not chosen, so neither measured nor judged: {}.",
                others.join(", ")
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{ALL, Parts};

    #[test]
    fn no_word_chooses_all_parts() -> anyhow::Result<()> {
        let parts = Parts::new(" ")?;
        assert_eq!(parts.chosen(), ALL);
        assert_eq!(parts.left_out(), None);
        Ok(())
    }

    #[test]
    fn words_choose_parts() -> anyhow::Result<()> {
        let parts = Parts::new("rules idle  rules")?;
        assert_eq!(parts.chosen(), ["rules", "idle"]);
        let left_out = parts.left_out().expect("nine parts were not chosen");
        assert!(left_out.ends_with(
            ": delays, held, throughput, lateness, limit, merge, memory, path, scaling."
        ));
        Ok(())
    }

    #[test]
    fn an_unknown_part_is_refused() {
        assert!(Parts::new("idle ruls").is_err());
    }
}
