// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Frames of all sizes on a terminal that is none.

use super::*;
use crate::{interface::Name, top::made};
use ratatui::{
    Terminal,
    backend::TestBackend,
    style::{Color, Modifier},
};

/// A state with so many injections and disks, and much to tell of each.
fn app(injections: usize, disks: usize) -> App {
    let mut app = App::new();
    let names: Vec<String> = (0..injections)
        .map(|number| format!("slow-{number}"))
        .collect();
    let devices: Vec<String> = (0..disks).map(|number| format!("disk{number}")).collect();
    let files = [
        (Name::DelayUs, "10000"),
        (Name::DurationMs, "60000"),
        (Name::Device, "vda vdb vdc"),
    ];
    for (at_ms, count) in [(0, 10), (1_000, 4_000), (2_000, 9_000)] {
        let steps = (4..30).map(|power| format!("added_us_lt_{} {count}\n", 1_u64 << power));
        let stats = format!(
            "active 1\nremaining_ms 9000\nmatched {count}\ndelayed {count}\nheld 7\n{}",
            steps.collect::<String>()
        );
        let stat = format!("{count} 0 0 {} {count} 0 0 0", count * count / 1_000);
        let injections = names.iter().map(|name| (&**name, &files[..], &*stats));
        let disks = devices.iter().map(|disk| (&**disk, "0 7 1 1", &*stat));
        app.see(made::look(
            at_ms,
            &injections.collect::<Vec<_>>(),
            &disks.collect::<Vec<_>>(),
        ));
    }
    app
}

fn terminal(app: &App, palette: &Palette, (width, height): (u16, u16)) -> Terminal<TestBackend> {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal
        .draw(|frame| {
            let area = frame.area();
            if let Some(cursor) = draw(app, palette, area, frame.buffer_mut()) {
                frame.set_cursor_position(cursor);
            }
        })
        .unwrap();
    terminal
}

/// The lines of a frame.
fn lines(app: &App, size: (u16, u16)) -> Vec<String> {
    let terminal = terminal(app, &Palette::plain(), size);
    let cells = terminal
        .backend()
        .buffer()
        .content()
        .chunks(usize::from(size.0));
    let lines = cells.map(|row| row.iter().map(|cell| cell.symbol()).collect());
    lines.collect()
}

#[test]
fn any_size_is_drawn_and_shows_the_selected_injection_and_the_keys() {
    for (injections, disks) in [(0, 0), (1, 1), (40, 12)] {
        let mut app = app(injections, disks);
        for _ in 0..25 {
            made::keys("j").for_each(|key| drop(app.press(key)));
        }
        let selected = app.selection().map(|seen| seen.name.clone());
        for width in (1..100).step_by(3) {
            for height in 1..40 {
                let lines = lines(&app, (width, height));
                if width < LEAST.0 || height < LEAST.1 {
                    continue;
                }
                let last = lines.last().unwrap();
                assert!(
                    last.starts_with("j/k select"),
                    "{width}x{height}: {lines:#?}"
                );
                let shown = selected.iter().all(|name| {
                    lines
                        .iter()
                        .any(|line| line.starts_with(&format!("> {name} ")))
                });
                assert!(shown, "{width}x{height}: {lines:#?}");
            }
        }
    }
}

#[test]
fn an_ordinary_terminal_shows_everything() {
    let lines = lines(&app(3, 2), (80, 24));
    for expected in [
        "NAME",
        "STATE",
        "LEFT",
        "MATCHED/s",
        "DELAYED/s",
        "FAILED/s",
        "HELD",
        "DISKS",
        "ADDED",
        "p50",
        "p99",
        "now <",
        "disk1",
        "MEAN",
        "TIME OF AN I/O",
        "█",
        "vda vdb vdc",
        "delay 10ms",
        "5000",
        "q quit",
    ] {
        let found = lines.iter().any(|line| line.contains(expected));
        assert!(found, "{expected}: {lines:#?}");
    }
}

#[test]
fn a_narrow_table_keeps_what_matters_most() {
    let lines = lines(&app(1, 1), (40, 24));
    let head = lines.iter().find(|line| line.contains("NAME")).unwrap();
    assert!(head.contains("STATE") && head.contains("HELD"), "{head}");
    assert!(!head.contains("MATCHED"), "{head}");
}

#[test]
fn without_colour_none_is_used_and_the_selection_is_seen() {
    let mut app = app(3, 2);
    app.trouble = Some("all injections are switched off".to_owned());
    let is_coloured = |palette: &Palette| {
        let terminal = terminal(&app, palette, (80, 24));
        let mut cells = terminal.backend().buffer().content().iter();
        cells.any(|cell| cell.fg != Color::Reset || cell.bg != Color::Reset)
    };
    assert!(is_coloured(&Palette::new(true)));
    assert!(!is_coloured(&Palette::plain()));
    let terminal = terminal(&app, &Palette::plain(), (80, 24));
    let cells = terminal.backend().buffer().content().iter();
    let reversed = cells.filter(|cell| cell.modifier.contains(Modifier::REVERSED));
    assert_eq!(reversed.count(), 80);
}

#[test]
fn the_cursor_stands_behind_what_is_typed() {
    let mut app = app(1, 1);
    made::keys("c--delay 5ms").for_each(|key| drop(app.press(key)));
    let mut small = terminal(&app, &Palette::plain(), (80, 24));
    let column = "change slow-0: --delay 5ms".len();
    let expected = Position::new(u16::try_from(column).unwrap(), 23);
    assert_eq!(small.get_cursor_position().unwrap(), expected);
    // Of a line that is too long, the end is seen.
    let more = "1".repeat(100);
    made::keys(&more).for_each(|key| drop(app.press(key)));
    let mut small = terminal(&app, &Palette::plain(), (80, 24));
    assert_eq!(small.get_cursor_position().unwrap(), Position::new(79, 23));
    let last = lines(&app, (80, 24)).pop().unwrap();
    assert_eq!(last.trim_end(), "1".repeat(79));
}

#[test]
fn what_a_verb_told_is_seen_above_the_keys() {
    let mut app = app(40, 12);
    app.said = (0..20).map(|number| format!("sentence {number}")).collect();
    let lines = lines(&app, (80, 24));
    assert!(lines[17].starts_with("sentence 0"), "{lines:#?}");
    assert!(lines[22].starts_with("sentence 5"), "{lines:#?}");
}
