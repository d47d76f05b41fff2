// SPDX-License-Identifier: GPL-2.0-only

//! Recognises subjects without a name: relative pronouns that have no noun before them.
//!
//! A clause begins where a text does, and after `.` `!` `?` `;` `:` and an opening parenthesis. A
//! clause that ends with `?` is a question, so its pronoun asks and stands for nothing. Code
//! between backticks, a quotation and a placeholder such as `{name}` are one word each.

/// Pronouns without a name before "who" and "whose": "those whose I/O waits".
const STAND_INS: [&str; 16] = [
    "those",
    "nobody",
    "somebody",
    "anybody",
    "everybody",
    "anyone",
    "everyone",
    "someone",
    "nothing",
    "something",
    "anything",
    "everything",
    "others",
    "one",
    "he",
    "all",
];

/// Words before "who" and "whose" that are no nouns, so the pronoun relates to nothing.
const NO_NOUNS: [&str; 29] = [
    "and", "or", "but", "that", "so", "if", "when", "where", "because", "since", "as", "than",
    "while", "unless", "until", "whether", "also", "only", "even", "of", "to", "for", "by", "from",
    "with", "in", "on", "about", "not",
];

/// Verbs after "what" and "whatever" that make it a subject: "what is held".
const VERBS: [&str; 46] = [
    "is", "are", "was", "were", "has", "had", "have", "can", "could", "may", "might", "must",
    "will", "would", "shall", "should", "does", "do", "did", "follows", "follow", "comes", "came",
    "goes", "went", "gets", "got", "waits", "waited", "needs", "depends", "stands", "remains",
    "happens", "happened", "matches", "makes", "asks", "acts", "fits", "holds", "takes", "tells",
    "says", "runs", "fails",
];

/// Verbs before "what" that make it an indirect question: "the program says what is missing".
const ASKING: [&str; 24] = [
    "say", "says", "said", "show", "shows", "see", "sees", "know", "knows", "known", "ask", "asks",
    "find", "finds", "learn", "learns", "print", "prints", "report", "reports", "explain",
    "explains", "list", "lists",
];

struct Clause<'a> {
    text: &'a str,
    question: bool,
}

/// The clauses of a text.
fn clauses(text: &str) -> Vec<Clause<'_>> {
    let mut clauses = Vec::new();
    let mut start = 0;
    let mut letters = text.char_indices().peekable();
    while let Some((at, letter)) = letters.next() {
        let ends = match letter {
            '.' | '!' | '?' | ';' | ':' => letters
                .peek()
                .is_none_or(|(_, next)| next.is_whitespace() || "\"*)".contains(*next)),
            '(' => true,
            _ => false,
        };
        if ends {
            clauses.push(Clause {
                text: &text[start..at],
                question: letter == '?',
            });
            start = at + 1;
        }
    }
    clauses.push(Clause {
        text: &text[start..],
        question: false,
    });
    clauses
}

/// A text with a word in place of each quotation and of code. A mark without another one is a
/// letter.
fn without_quotations(text: &str) -> String {
    ['`', '"'].iter().fold(text.to_owned(), |text, mark| {
        let parts: Vec<&str> = text.split(*mark).collect();
        let last = parts.len() - 1;
        let mut plain = String::new();
        for (number, part) in parts.into_iter().enumerate() {
            match (number % 2, number == last) {
                (0, _) => plain.push_str(part),
                (_, false) => plain.push_str("code"),
                (_, true) => plain.push_str(part),
            }
        }
        plain
    })
}

/// The words of a clause in small letters, without what encloses them.
fn words(clause: &str) -> Vec<String> {
    clause
        .split_whitespace()
        .map(|word| {
            word.trim_matches(|letter: char| !(letter.is_alphanumeric() || "{}".contains(letter)))
                .to_lowercase()
        })
        .filter(|word| !word.is_empty())
        .collect()
}

fn starts(words: &[String]) -> bool {
    let word = |at: usize| words.get(at).map_or("", String::as_str);
    match word(0) {
        "who" | "whose" | "whoever" => true,
        // A word alone is a name, as in a list of columns.
        "what" => words.len() > 1,
        first => STAND_INS.contains(&first) && matches!(word(1), "who" | "whose"),
    }
}

/// Whether the word at `at`, which is not the first, is a subject without a name.
fn is_nameless(words: &[String], at: usize) -> bool {
    let word = |at: usize| words.get(at).map_or("", String::as_str);
    let (before, next) = (word(at - 1), word(at + 1));
    match word(at) {
        "whoever" => true,
        "who" => NO_NOUNS.contains(&before) || STAND_INS.contains(&before),
        // The noun of "of whose" and of "and whose" is before them.
        "whose" => STAND_INS.contains(&before) || ["that", "if", "than"].contains(&before),
        "what" | "whatever" => VERBS.contains(&next) && !ASKING.contains(&before),
        "that" => before == "those" || (before == "all" && VERBS.contains(&next)),
        _ => false,
    }
}

/// The clauses that begin with a pronoun for a subject.
pub(crate) fn nameless(text: &str) -> Vec<String> {
    clauses(&without_quotations(text))
        .iter()
        .filter(|clause| !clause.question && starts(&words(clause.text)))
        .map(|clause| clause.text.trim().to_owned())
        .collect()
}

/// The clauses with such a pronoun elsewhere, once for each.
pub(crate) fn relative(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let text = without_quotations(text);
    for clause in clauses(&text).iter().filter(|clause| !clause.question) {
        let words = words(clause.text);
        let first = 1 + usize::from(starts(&words));
        let count = (first..words.len())
            .filter(|at| is_nameless(&words, *at))
            .count();
        found.extend(std::iter::repeat_n(clause.text.trim().to_owned(), count));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clauses_that_begin_with_a_pronoun_are_found() {
        for bad in [
            "Who finds that many held waits here and not for a tag: the block layer wakes others.",
            "What the plan asks of who submits: `SOME` and the rest.",
            "Whose I/O the plan holds.",
            "What went at once, and was not counted as matched before.",
            "An id needs no reference: what it named may go, and then it names nothing any more.",
            "Lines are broken between words; what does not fit at all is broken anywhere.",
            "Those whose I/O nobody holds would pay for that.",
            "Whoever waits for the end of the output stays there.",
            "Nobody who submits I/O waits.",
            "It ends. (What follows is its size.)",
        ] {
            assert_eq!(nameless(bad).len(), 1, "{bad}");
        }
    }

    #[test]
    fn pronouns_for_subjects_are_found_inside_clauses() {
        for bad in [
            "Some of these limits admit nothing, so that who asks them need not be asked for.",
            "Whether so much is held that those whose I/O would be, too, have to leave tags.",
            "Whether so many tags are in use that who is held would wait for one.",
            "Judges all that is held again, from its own arrival.",
            "It may have waited for more than its delay; but who only asked limits has not.",
            "A ceiling below which also who has asked for nothing but a delay is told.",
            "`quota` for those who ask for a limit.",
            "It is not this shell, which whoever waits for the end of the output would keep there.",
            "The includes go, so that of what depends on them nothing is left.",
        ] {
            assert_eq!((nameless(bad).len(), relative(bad).len()), (0, 1), "{bad}");
        }
    }

    #[test]
    fn subjects_with_names_are_not() {
        for good in [
            "These limits are closed; requests that need them stay in their queue.",
            "Flags for submitters, from the plan: `SOME`, `ALL`, `PID_NAMESPACE`.",
            "Set while the held-tag limit is reached: submitters whose I/O would be held must leave \
             the remaining tags free.",
            "A submitter that finds the limit reached sleeps here, not in the tag allocator: sbitmap \
             wakes a waiter for every freed tag, even one it may not take, and every unaffected I/O \
             would pay for that wake-up.",
            "Whether allocating another tag might block. Plugged and in-flight requests already own \
             tags but are not counted as held yet.",
            "The state published by the last `settle()`, if still valid.",
            "Fast path: nothing is held, so the head of the ready list may go and nothing needs \
             publishing. `None`: take the slow path.",
            "Re-evaluates every held request from its own arrival time (for requests that were only \
             waiting for a limit check, that is now).",
            "Which I/O the plan can hold. Recomputed on the first event after `next_end_ns`.",
            "Whether draining this request now releases it early: its delay has not elapsed, or it \
             still waits for a limit.",
            "I/Os passed immediately by a limit-only rule that matches everything; one counter \
             instead of two on that path.",
            "Ids are never reused, so no reference is held: once the cgroup is gone, its id matches \
             nothing.",
            "Warn about ceilings below this even if no limit was requested.",
            "Wraps a line at spaces; words longer than a line are split.",
            "`warn_on!` include!s generated files. kbuild's saved dependencies would regenerate them \
             inside the headers of the *previous* build, so drop those lines first.",
            "It must not watch this shell: a reader that waits for EOF before our exit status would \
             deadlock.",
            "The program says what is missing.",
            "The process, the thread and the user who submits.",
            "A process whose marginal is exact and whose autocorrelation is known.",
            "Who holds the lock? What happens then?",
            "The test names \"What comes is judged\" and `who submits`.",
            "{what}, but {} comes after {}",
            "what",
        ] {
            assert_eq!((nameless(good), relative(good)), (vec![], vec![]), "{good}");
        }
    }
}
