// SPDX-License-Identifier: GPL-2.0-only

//! The bounds of delays and limits, which have to be exact.

use super::{DELAYS_US, Row, Target, duration, shown};
use crate::cells::{Cells, Figure};

/// One number of the lateness of I/Os, in microseconds.
pub(crate) fn lateness_of(
    cells: &Cells,
    by: &str,
    arrivals: &str,
    asked_us: u64,
    number: &str,
) -> Figure {
    let having = [
        ("by", by.into()),
        ("arrivals", arrivals.into()),
        ("asked_us", asked_us.into()),
    ];
    cells.figure("lateness", &having, number)
}

pub(super) fn limit(cells: &Cells) -> Vec<Row> {
    vec![Row {
        what: "limit of 40,000 I/Os a second in windows of 100 us".to_owned(),
        target: Target::Between(39_800.0, 40_200.0),
        unit: "I/Os a second",
        figure: cells.figure("limit", &[("asked", 40_000.into())], "iops"),
        of: "± 0.5 %".to_owned(),
    }]
}

pub(super) fn lateness(cells: &Cells) -> Vec<Row> {
    let mut rows = Vec::new();
    for asked_us in DELAYS_US {
        for (arrivals, text) in [
            ("single", "QD 1"),
            ("spread", "QD 32, arrivals spread"),
            ("lockstep", "QD 32 in lockstep"),
        ] {
            let of = |by, number| lateness_of(cells, by, arrivals, asked_us, number);
            let what = format!("delay of {}, {text}", duration(asked_us));
            rows.push(Row {
                what: format!("{what}: I/Os that were early"),
                target: Target::AtMost(0.0),
                unit: "",
                figure: of("ioem", "early"),
                of: format!("of {}", shown(&of("ioem", "count"))),
            });
            for (number, most) in [("p50", 10.0), ("p99", 20.0)] {
                let (ioem, dm_delay) = (of("ioem", number), of("dm-delay", number));
                let rivals = format!(
                    "dm-delay {} us, null_blk {} us",
                    shown(&dm_delay),
                    shown(&of("null_blk", number))
                );
                if arrivals != "lockstep" {
                    rows.push(Row {
                        what: format!("{what}: {number} of added less asked"),
                        target: Target::AtMost(most),
                        unit: "us",
                        figure: ioem,
                        of: rivals,
                    });
                    continue;
                }
                // The shortest delay of dm-delay is 1 ms.
                let rival = lateness_of(cells, "dm-delay", arrivals, asked_us.max(1_000), number);
                rows.push(Row {
                    what: format!(
                        "{what}: {number} of added less asked, beside dm-delay's at {}",
                        duration(asked_us.max(1_000))
                    ),
                    target: Target::AtMost(0.05),
                    unit: "times",
                    of: format!(
                        "{} us; {rivals}",
                        ioem.median()
                            .map_or("nothing".to_owned(), |us| format!("{us:.1}"))
                    ),
                    figure: ioem.with(&rival, |ioem, rival| (ioem / rival).abs()),
                });
            }
        }
    }
    rows
}

pub(super) fn spread(cells: &Cells) -> Vec<Row> {
    let deviation = |by: &str| cells.figure("spread", &[("by", by.into())], "deviation");
    let (ioem, rival) = (deviation("ioem"), deviation("io.max"));
    vec![Row {
        what: "limit of 10,000 I/Os a second: standard deviation over buckets of 10 ms, beside io.max's".to_owned(),
        target: Target::AtMost(0.1),
        unit: "times",
        of: format!("{} and {} I/Os a second", shown(&ioem), shown(&rival)),
        figure: ioem.with(&rival, |ioem, rival| ioem / rival),
    }]
}
