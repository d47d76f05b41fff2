// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The reasons for which something wants `--force`. One `--force` allows all of them, so a refusal
//! names all of them at once.

use crate::error::{Exit, failure};
use anyhow::Result;

/// The way to do without an injection of disks that the system needs.
pub(super) const OTHER_DISKS: &str = "choose others with --device";

/// A reason to refuse something without `--force`.
#[derive(Debug)]
pub(super) struct Reason {
    /// A sentence.
    why: String,
    /// The ways to do without it.
    instead: Vec<String>,
}

impl Reason {
    pub(super) fn new(why: String, instead: &[&str]) -> Self {
        Self {
            why,
            instead: instead.iter().map(|&way| way.to_owned()).collect(),
        }
    }

    fn with(&self, last: Option<&str>) -> String {
        let ways = self.instead.iter().map(String::as_str).chain(last);
        let ways: Vec<&str> = ways.collect();
        match ways.as_slice() {
            [first @ .., last] if !first.is_empty() => {
                format!("{}; {}, or {last}", self.why, first.join(", "))
            }
            ways => format!("{}; {}", self.why, ways.concat()),
        }
    }
}

/// Refuses something for these reasons.
///
/// # Errors
///
/// [`Exit::Usage`], if there is any reason.
pub(super) fn check(reasons: &[Reason]) -> Result<()> {
    let message = match reasons {
        [] => return Ok(()),
        [reason] => reason.with(Some("add --force")),
        reasons => {
            let lines = reasons.iter().map(|reason| reason.with(None));
            let last = "or add --force, which allows all of this".to_owned();
            lines.chain([last]).collect::<Vec<_>>().join("\n")
        }
    };
    Err(failure(Exit::Usage, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn force_is_named_after_all_reasons() {
        let reason = |why: &str, instead: &[&str]| Reason::new(why.to_owned(), instead);
        let one = reason("a is slow", &["do b", "do c"]);
        let other = reason("d is slow", &["do e"]);
        assert!(check(&[]).is_ok());
        let said = |reasons: &[Reason]| check(reasons).unwrap_err().to_string();
        let all = said(&[one, other]);
        assert_eq!(
            all,
            "a is slow; do b, or do c\nd is slow; do e\nor add --force, which allows all of this"
        );
        let three = said(&[reason("a is slow", &["do b", "do c"])]);
        assert_eq!(three, "a is slow; do b, do c, or add --force");
    }
}
