// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The help.

use super::{Palette, canvas::Canvas};

/// The keys, and the columns that need a word.
const HELP: &str = "\
kchaos top: any key goes back

  j k, arrows  select an injection
  p            pause it (its file enabled gets 0), or resume it
  c            change it: type options of kchaos change, such as --delay 5ms
  r, R         recover: end it, or all; the disks get their scheduler back
  Ctrl-L       draw anew
  q, Ctrl-C    quit; the injections stay

Each of p, c, r and R starts the verb change or recover, which refuses what it
always refuses, and needs root. Nothing is written without one of these keys.

  STATE      on, off, over (its time has passed) or used up (its count has)
  LEFT       the time until it ends by itself
  DELAYED/s  got a delay, or waited for a limit
  FAILED/s   ended with an error, or lost, torn or with flipped bits
  HELD       held now
  ADDED      how long the selected one has held I/O: all since its counts began,
             and now, which is since the look before
  MEAN       how long the disk's I/O took since the look before, with what the
             injections add; it counts when it ends, so with delays longer
             than the interval, only the mean of many looks is right
  MOST       the highest such mean on the screen";

pub(super) fn draw(palette: &Palette, canvas: &mut Canvas<'_>) {
    for (line, place) in HELP.lines().zip(0..) {
        let style = if place == 0 {
            palette.title
        } else {
            palette.plain
        };
        canvas.line(line, style);
    }
}
