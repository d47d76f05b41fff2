// SPDX-License-Identifier: GPL-2.0-only

//! The page ioem(4): a line for each attribute, from the driver's table, and then the description
//! of all files, `driver/interface.md`.

use crate::{Page, help, markdown};
use chaos_policy::policy::attributes::{Attribute, Section};
use roff::{Roff, bold, roman};

const INTERFACE: &str = include_str!("../../../driver/interface.md");

/// The sections of the table, and their names on the page.
const SECTIONS: [(Section, &str); 3] = [
    (Section::Effect, "Effect"),
    (Section::Filter, "Filter"),
    (Section::Time, "Duration"),
];

/// The page, with a date.
pub(crate) fn page(date: &str) -> Page {
    let mut page = Roff::new();
    let version = concat!("chaos-driver ", env!("CARGO_PKG_VERSION"));
    page.control("TH", ["IOEM", "4", date, version, "Chaos Driver"]);
    page.control("SH", ["NAME"]);
    page.text([roman(
        "ioem - an I/O scheduler that slows disks down on purpose",
    )]);
    page.control("SH", ["SYNOPSIS"]);
    let lines = [
        "modprobe chaos_driver",
        "echo ioem > /sys/block/sdX/queue/scheduler",
        "mkdir /sys/kernel/config/ioem/NAME",
        "echo VALUE > /sys/kernel/config/ioem/NAME/FILE",
        "rmdir /sys/kernel/config/ioem/NAME",
    ];
    help::keep(&mut page, lines.into_iter());
    page.control("SH", ["FILES OF AN INJECTION"]);
    for (section, name) in SECTIONS {
        page.control("SS", [name]);
        let all = Attribute::ALL.into_iter();
        for attribute in all.filter(|attribute| attribute.section() == section) {
            page.control("TP", []);
            page.text([bold(attribute.file())]);
            page.text([roman(format!("{}.", attribute.help()))]);
        }
    }
    markdown::add(&mut page, INTERFACE, "DESCRIPTION");
    page.extend([help::see_also(&[("kchaos".to_owned(), "1")])]);
    Page {
        file: "ioem.4".to_owned(),
        text: page.render(),
    }
}
