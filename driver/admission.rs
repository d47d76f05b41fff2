// SPDX-License-Identifier: GPL-2.0-only

//! The answer of limits to an I/O that asks them.

/// Whether all limits of a set admit an I/O.
#[derive(Clone, Copy)]
pub(crate) enum Admission {
    /// Each limit has counted it. One of them may be full now.
    Admitted(Closed),
    /// No limit has counted it.
    Refused(Closed),
}

impl Admission {
    /// Until when one of the limits that were asked admits no other I/O.
    #[inline]
    pub(crate) fn closed(&self) -> Closed {
        let (Self::Admitted(closed) | Self::Refused(closed)) = *self;
        closed
    }

    /// Whether the limits have admitted the I/O.
    pub(crate) fn is_admitted(&self) -> bool {
        matches!(self, Self::Admitted(_))
    }
}

/// Until when one limit of a set admits nothing.
#[derive(Clone, Copy)]
pub(crate) struct Closed {
    /// 0 if all of the limits may admit an I/O at once.
    pub(crate) until_ns: u64,
    /// The number of the limit's rule.
    pub(crate) by: u32,
}

impl Closed {
    /// All of the limits may admit an I/O.
    pub(crate) const NOT: Self = Self { until_ns: 0, by: 0 };
}
