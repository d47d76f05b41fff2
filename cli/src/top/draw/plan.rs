// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Divides the lines of the screen among what there is to show.

/// The lines that there would be with room for all.
#[derive(Clone, Copy)]
pub(super) struct Wanted {
    pub(super) injections: usize,
    pub(super) details: usize,
    pub(super) disks: usize,
    /// With the heading.
    pub(super) bars: usize,
}

/// The lines of each part.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) title: bool,
    /// The heading of the table.
    pub(super) head: bool,
    /// The injections in the table.
    pub(super) rows: usize,
    /// The empty lines before the details and before the disks.
    pub(super) gap: u16,
    pub(super) details: usize,
    /// With the heading; fewer than two are none.
    pub(super) bars: usize,
    /// With the heading; fewer than two are none.
    pub(super) disks: usize,
}

impl Plan {
    /// Divides so many lines: the table has a third at least, and the disks half of the rest.
    pub(super) fn new(height: u16, wanted: Wanted) -> Self {
        let (title, head, gap) = (height >= 8, height >= 4, u16::from(height >= 16));
        let mut left = usize::from(height - 2 * gap) - usize::from(title) - usize::from(head);
        // Without injections, a line says so.
        let all = wanted.injections.max(1);
        let mut rows = take(&mut left, all, |left| left.div_ceil(3));
        let details = take(&mut left, wanted.details, |left| left.div_ceil(2));
        let disks = match wanted.disks {
            0 => 1,
            disks => disks + 1,
        };
        let mut disks = take(&mut left, disks, |left| match left {
            0..5 => left,
            _ => left.div_ceil(2),
        });
        let bars = match left {
            0..3 => 0,
            _ => take(&mut left, wanted.bars, |left| left),
        };
        rows += take(&mut left, all - rows, |left| left);
        if wanted.disks >= disks {
            disks += take(&mut left, wanted.disks + 1 - disks, |left| left);
        }
        Self {
            title,
            head,
            rows,
            gap,
            details,
            bars,
            disks,
        }
    }
}

/// Takes the wanted lines, and at most this part of the rest.
fn take(left: &mut usize, wanted: usize, part: impl Fn(usize) -> usize) -> usize {
    let taken = wanted.min(part(*left)).min(*left);
    *left -= taken;
    taken
}

#[cfg(test)]
mod tests {
    use super::*;

    const MUCH: Wanted = Wanted {
        injections: 100,
        details: 100,
        disks: 100,
        bars: 100,
    };

    #[test]
    fn all_parts_fit_into_any_height() {
        let little = Wanted {
            injections: 0,
            details: 0,
            disks: 0,
            bars: 0,
        };
        for height in 2..200 {
            for wanted in [MUCH, little, Wanted { bars: 9, ..little }] {
                let plan = Plan::new(height, wanted);
                let parts = [plan.rows, plan.details, plan.bars, plan.disks];
                let heads = usize::from(plan.title) + usize::from(plan.head);
                let all = parts.iter().sum::<usize>() + heads + 2 * usize::from(plan.gap);
                assert!(all <= usize::from(height), "{height}: {plan:?}");
                assert!(plan.rows > 0, "{height}: {plan:?}");
            }
        }
    }

    #[test]
    fn an_ordinary_screen_has_room_for_all_parts() {
        let some = Wanted {
            injections: 3,
            details: 2,
            disks: 2,
            bars: 9,
        };
        let plan = Plan::new(23, some);
        let parts = (plan.rows, plan.details, plan.bars, plan.disks);
        assert_eq!(parts, (3, 2, 9, 3), "{plan:?}");
        let plan = Plan::new(23, MUCH);
        assert!(plan.bars > 2 && plan.disks > 2, "{plan:?}");
    }

    #[test]
    fn lines_that_others_leave_are_for_injections_and_disks() {
        let many = Wanted {
            bars: 0,
            details: 1,
            ..MUCH
        };
        let plan = Plan::new(40, many);
        assert_eq!(plan.rows + plan.disks, 40 - 2 - 2 - 1, "{plan:?}");
    }
}
