// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The events of the block layer that a recording needs.

/// The operation of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Operation {
    Read,
    Write,
    Discard,
    WriteZeroes,
    Flush,
}

impl Operation {
    /// All of them, in the order in which they are shown.
    pub(super) const ALL: [Self; 5] = [
        Self::Read,
        Self::Write,
        Self::Discard,
        Self::WriteZeroes,
        Self::Flush,
    ];

    /// Its word, which is the driver's where the driver has one.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Discard => "discard",
            Self::WriteZeroes => "write_zeroes",
            Self::Flush => "flush",
        }
    }

    /// The operation of this word.
    pub(super) fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.word() == word)
    }

    /// Reads the kernel's letters, such as `R`, `WS` or `FWFS`, of a request with this many
    /// sectors. A first `F` of several letters says that a flush comes before the write.
    ///
    /// There is none for commands that are no I/O of data, such as those for zones.
    pub(super) fn of_letters(letters: &[u8], sectors: u32) -> Option<Self> {
        let end = letters.iter().position(|letter| *letter == 0);
        let letters = &letters[..end.unwrap_or(letters.len())];
        match letters {
            [b'F', b'W', ..] => Some(Self::Write),
            [b'R', ..] => Some(Self::Read),
            [b'W', b'Z', ..] => Some(Self::WriteZeroes),
            [b'W', ..] => Some(Self::Write),
            [b'D', ..] => Some(Self::Discard),
            [b'F', ..] => Some(Self::Flush),
            // Older kernels have no letter for zeroes. Commands of programs have no sectors at
            // their issue, and so never count as begun.
            [b'N', ..] if sectors > 0 => Some(Self::WriteZeroes),
            _ => None,
        }
    }
}

/// The moment in the life of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The disk gets it.
    Issue,
    /// The disk has served it, or a part of it from its beginning.
    Complete,
    /// The disk's driver has handed it back; it comes again.
    Requeue,
}

impl Step {
    pub(super) const ALL: [Self; 3] = [Self::Issue, Self::Complete, Self::Requeue];

    /// The tracepoint.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Issue => "block_rq_issue",
            Self::Complete => "block_rq_complete",
            Self::Requeue => "block_rq_requeue",
        }
    }
}

/// An event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Event {
    /// The time of `CLOCK_MONOTONIC`.
    pub(super) at_ns: u64,
    pub(super) step: Step,
    pub(super) operation: Operation,
    pub(super) sector: u64,
    pub(super) sectors: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_tell_the_operation() {
        for (letters, sectors, expected) in [
            ("R", 8, Some(Operation::Read)),
            ("RAM", 8, Some(Operation::Read)),
            ("WS", 8, Some(Operation::Write)),
            ("WFS", 8, Some(Operation::Write)),
            ("FWFSM", 8, Some(Operation::Write)),
            ("FF", 0, Some(Operation::Flush)),
            ("FFS", 0, Some(Operation::Flush)),
            ("DS", 8, Some(Operation::Discard)),
            ("DE", 8, Some(Operation::Discard)),
            ("WZS", 8, Some(Operation::WriteZeroes)),
            ("N", 8, Some(Operation::WriteZeroes)),
            ("N", 0, None),
            ("ZR", 8, None),
            ("", 8, None),
        ] {
            let mut field = [0; 10];
            field[..letters.len()].copy_from_slice(letters.as_bytes());
            assert_eq!(
                Operation::of_letters(&field, sectors),
                expected,
                "{letters}"
            );
        }
    }

    #[test]
    fn words_are_read_back() {
        for operation in Operation::ALL {
            assert_eq!(Operation::named(operation.word()), Some(operation));
        }
    }
}
