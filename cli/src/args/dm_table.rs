// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The words of a table of dm-delay, as flags: `0 1024 delay /dev/sdb 0 500`.

/// The operations of each device of a table, for its number of devices.
const OPERATIONS: [&[&str]; 3] = [
    &[""],
    &[" --op read", " --op write"],
    &[" --op read", " --op write", " --op flush"],
];

/// The flags for a table that begins with these words: a text for each injection.
pub(super) fn flags(words: &[impl AsRef<str>]) -> Option<Vec<String>> {
    let words: Vec<&str> = words
        .iter()
        .flat_map(|word| word.as_ref().split_whitespace())
        .collect();
    let [start, length, "delay", devices @ ..] = &words[..] else {
        return None;
    };
    let is_number = |word: &str| word.parse::<u64>().is_ok();
    let device = |part: &[&str]| match part {
        [device, offset, delay_ms] if is_number(offset) => {
            let delay_ms: u64 = delay_ms.parse().ok()?;
            Some(((*device).to_owned(), delay_ms))
        }
        _ => None,
    };
    let devices: Vec<(String, u64)> = devices.chunks(3).map_while(device).collect();
    let operations = OPERATIONS.get(devices.len().checked_sub(1)?)?;
    if !is_number(start) || !is_number(length) {
        return None;
    }
    let flags = devices.iter().zip(*operations);
    let flags = flags.filter(|((_, delay_ms), _)| *delay_ms > 0);
    let flags = flags.map(|((device, delay_ms), operation)| {
        format!("--device {device} --delay {delay_ms}ms{operation}")
    });
    let flags: Vec<String> = flags.collect();
    (!flags.is_empty()).then_some(flags)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_device_of_a_table_has_its_operations() {
        let all = "--device /dev/sdb --delay 500ms";
        let read = "--device /dev/sdb --delay 500ms --op read";
        let write = "--device 8:32 --delay 7ms --op write";
        let flush = "--device 8:32 --delay 9ms --op flush";
        for (table, expected) in [
            ("0 1024 delay /dev/sdb 0 500", &[all][..]),
            ("0 1024 delay /dev/sdb 0 500 8:32 0 7", &[read, write]),
            (
                "0 1024 delay /dev/sdb 0 500 8:32 0 7 8:32 0 9",
                &[read, write, flush],
            ),
            ("0 1024 delay /dev/sdb 0 0 8:32 0 7", &[write]),
            ("0 1024 delay /dev/sdb 0 500 --for 3s", &[all]),
        ] {
            let words: Vec<&str> = table.split(' ').collect();
            let expected: Vec<String> = expected.iter().copied().map(str::to_owned).collect();
            assert_eq!(flags(&words), Some(expected.clone()), "{table}");
            assert_eq!(flags(&[table]), Some(expected), "{table}");
        }
        for no_table in [
            "",
            "0",
            "0 1024 delay",
            "0 1024 linear /dev/sdb 0",
            "x 1024 delay /dev/sdb 0 500",
            "0 1024 delay /dev/sdb 0 0",
            "0 1024 delay /dev/sdb 0 1s",
        ] {
            assert_eq!(flags(&[no_table]), None, "{no_table}");
        }
    }
}
