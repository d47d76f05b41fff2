// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Pages of a real trace.

use super::*;
use Operation::{Flush, Read as Reads, Write};
use Step::{Complete, Issue};

/// The description of pages, as Linux 7.2 has it.
const HEADER: &str = "\
\tfield: u64 timestamp;\toffset:0;\tsize:8;\tsigned:0;
\tfield: local_t commit;\toffset:8;\tsize:8;\tsigned:1;
\tfield: char overwrite;\toffset:8;\tsize:1;\tsigned:0;
\tfield: char data;\toffset:16;\tsize:4080;\tsigned:0;
";

/// The beginning of a file `format`, as Linux 7.2 has it.
const ISSUE: &str = "\
name: block_rq_issue
ID: 1355
format:
\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;
\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;

\tfield:dev_t dev;\toffset:8;\tsize:4;\tsigned:0;
\tfield:sector_t sector;\toffset:16;\tsize:8;\tsigned:0;
\tfield:unsigned int nr_sector;\toffset:24;\tsize:4;\tsigned:0;
\tfield:unsigned int bytes;\toffset:28;\tsize:4;\tsigned:0;
\tfield:unsigned short ioprio;\toffset:32;\tsize:2;\tsigned:0;
\tfield:char rwbs[10];\toffset:34;\tsize:10;\tsigned:0;
\tfield:char comm[16];\toffset:44;\tsize:16;\tsigned:0;
";

/// The first part of a page: three reads, and a write with a flush after it.
const PAGE: &str = "\
    bf35935f00000000b802000000000000110000004b050000860000000000e00f \
    0000000000000000000000000800000000100000044052530000000000000000 \
    6464000000000000000000000000000040000100000000000d5f01004f050902 \
    860000000000e00f000000000000000000000000080000000000000004405253 \
    00000000000000003000010000000000f1f503004b050000860000000000e00f \
    0000000008000000000000000800000000100000044052530000000000000000 \
    6464000000000000000000000000000040000100000000006d4a01004f050901 \
    860000000000e00f000000000800000000000000080000000000000004405253 \
    00000000000000003000010000000000113803004b050000860000000000e00f \
    0000000010000000000000000800000000100000044052530000000000000000 \
    6464000000000000000000000000000040000100000000006d4a01004f050901 \
    860000000000e00f000000001000000000000000080000000000000004405253 \
    0000000000000000300001000000000031022e044b050000870000000000e00f \
    0000000000000000000000008000000000000100044057530000000000000000 \
    646400000000000000000000000000004000010000000000ed5102004f050901 \
    870000000000e00f000000000000000000000000800000000000000004405753 \
    00000000000000003000010000000000f1392e004b0500000a0000000000e00f \
    0000000000000000000000000000000000000000000046460000000000000000 \
    6b776f726b65722f303a3048000000004000010000000000ed3801004f050901 \
    0a0000000000e00f00000000ffffffffffffffff000000000000000000004646 \
    000000000000000030000100000000000da900004f0509020a0000000000e00f \
    0000000000000000000000000000000000000000044057530000000000000000 \
    3000010000000000";

fn pages() -> Pages {
    let complete = ISSUE.replace("1355", "1359");
    let formats = vec![
        Format::read(Issue, ISSUE).unwrap(),
        Format::read(Complete, &complete).unwrap(),
    ];
    Pages::new(HEADER, formats).unwrap()
}

fn page() -> Vec<u8> {
    let digits: Vec<u8> = PAGE.bytes().filter(u8::is_ascii_hexdigit).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    let mut page: Vec<u8> = digits.chunks(2).map(byte).collect();
    page.resize(4_096, 0);
    page
}

#[test]
fn the_events_of_a_real_page_are_read() {
    let mut events = Vec::new();
    assert_eq!(pages().size, 4_096);
    assert_eq!(pages().read(&page(), &mut events), Read::default());
    let first_ns = events[0].at_ns;
    assert_eq!(first_ns, 1_603_483_071);
    let told = events.iter();
    let told: Vec<_> = told
        .map(|event| {
            let us = (event.at_ns - first_ns) / 1_000;
            (us, event.step, event.operation, event.sector, event.sectors)
        })
        .collect();
    let expected = [
        (0, Issue, Reads, 0, 8),
        (2, Complete, Reads, 0, 8),
        (10, Issue, Reads, 8, 8),
        (13, Complete, Reads, 8, 8),
        (20, Issue, Reads, 16, 8),
        (22, Complete, Reads, 16, 8),
        (2_214, Issue, Write, 0, 128),
        (2_218, Complete, Write, 0, 128),
        (2_313, Issue, Flush, 0, 0),
        (2_316, Complete, Flush, 0, 0),
        (2_317, Complete, Write, 0, 0),
    ];
    assert_eq!(told, expected);
}

#[test]
fn a_page_tells_that_events_before_it_are_missed() {
    let mut page = page();
    page[11] |= 0x80;
    let mut events = Vec::new();
    let read = pages().read(&page, &mut events);
    assert!(!read.broken);
    assert_eq!(read.gap_ns, Some(events[0].at_ns));
    assert_eq!(events.len(), 11);
}

#[test]
fn what_is_no_page_is_broken_and_no_panic() {
    let page = page();
    for length in [0, 7, 15, 100, 711] {
        assert!(
            pages().read(&page[..length], &mut Vec::new()).broken,
            "{length}"
        );
    }
    // Whatever a byte is, the reader comes to an end within the page.
    for place in 0..712 {
        for wrong in [0x00, 0x1d, 0x7f, 0xff] {
            let mut page = page.clone();
            page[place] = wrong;
            let mut events = Vec::new();
            pages().read(&page, &mut events);
            assert!(events.len() <= 1_024, "{place}");
        }
    }
}

#[test]
fn other_forms_are_told() {
    for (text, expected) in [
        ("ID: 7\n", "block_rq_issue has no sector"),
        (&*ISSUE.replace("ID: ", "Id: "), "has no ID"),
        (
            &*ISSUE.replace("offset:16;\tsize:8", "offset:16;\tsize:4"),
            "has no sector",
        ),
    ] {
        let sentence = Format::read(Issue, text).unwrap_err();
        assert!(sentence.contains(expected), "{sentence}");
    }
    let narrow = HEADER.replace("offset:16;\tsize:4080", "offset:12;\tsize:4084");
    for (header, expected) in [("", "no data"), (&*narrow, "begin with 12 bytes")] {
        let sentence = Pages::new(header, Vec::new()).unwrap_err();
        assert!(sentence.contains(expected), "{sentence}");
    }
}
