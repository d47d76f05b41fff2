// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Tests of texts: those of people, those of files, and the words of each refusal.

use super::*;

#[test]
fn what_people_write_becomes_what_the_files_have() {
    for (form, text, expected) in [
        (Form::Devices, "sda,/dev/sdb", "sda,/dev/sdb"),
        (Form::Devices, "/a,,,,,,,,,b", "/a,,,,,,,,,b"),
        (Form::Operations, "WRITE,sync,read,read", "read write sync"),
        (Form::Operations, "read write", "read write"),
        (Form::Process, "012", "12"),
        (Form::Sectors, "8+8,0+8", "8+8 0+8"),
        (Form::Sectors, "sdb:0+8,8:16:8+8", "sdb:0+8 8:16:8+8"),
        (Form::Sectors, "sdb:0+8,sdc:0+8", "sdb:0+8 sdc:0+8"),
        (
            Form::Sectors,
            "0+18446744073709551615",
            "0+18446744073709551615",
        ),
        (Form::Distribution, "Normal", "normal"),
        (Form::Way, "Request", "request"),
        (Form::Way, "AUTO", "auto"),
        (Form::Profile, "5ms:100,45ms:0", "5000:100 45000:0"),
        (
            Form::Profile,
            "1m:50%,1m:200,once",
            "60000000:50 60000000:200 once",
        ),
        (Form::Error, "eio", "EIO"),
        (Form::Error, "medium", "ENODATA"),
        (Form::Error, "BLK_STS_TIMEOUT", "ETIMEDOUT"),
        (
            Form::Percentiles,
            "50:200us,99:5ms,99.9%:80ms",
            "50:200 99:5000 99.9:80000",
        ),
        (Form::Percentiles, "0:0,100:1h", "0:0 100:3600000000"),
        (Form::Percentiles, "0.5:1ms,99:5ms", "0.5:1000 99:5000"),
        (Form::Operations, "trim", "discard"),
        (Form::Operations, "rw,sync", "read write sync"),
    ] {
        assert_eq!(form.parse(text).as_deref(), Ok(expected), "{text}");
        if form != Form::Devices {
            assert_eq!(form.read(expected).as_deref(), Ok(expected), "{text}");
        }
    }
}

#[test]
fn what_the_driver_refuses_is_told_why() {
    let many = |word: &str, count| vec![word; count].join(",");
    for (form, text, expected) in [
        (Form::Devices, "", "at least one"),
        (Form::Devices, ",", "at least one"),
        (
            Form::Operations,
            "reads",
            "no operation \"reads\", but 'read'; there are read, write",
        ),
        (
            Form::Operations,
            "read,w",
            "no operation \"w\", but 'write'; ",
        ),
        (Form::Operations, "read|write", "have commas between them"),
        (Form::Operations, "WR", "no operation \"wr\", but 'write'; "),
        (Form::Operations, "metdata", "but 'meta'; "),
        (Form::Operations, "syn", "but 'sync'; "),
        (Form::Operations, "erase", "but 'secure_erase'; "),
        (Form::Operations, "zeroes", "but 'write_zeroes'; "),
        (Form::Operations, "write-zeros", "but 'write_zeroes'; "),
        (Form::Operations, "dicsard", "but 'discard'; "),
        (
            Form::Operations,
            "zone_res",
            "but 'zone_reset' or 'zone_reset_all'; ",
        ),
        (Form::Operations, "quux", "no operation \"quux\"; there"),
        (Form::Operations, "randread", "a disk knows no order"),
        (Form::Operations, ",", "at least one"),
        (Form::Cgroup, "", "/sys/fs/cgroup/tenant"),
        (Form::Process, "0", "from 1 to 4194304"),
        (Form::Process, "-1", "from 1 to 4194304"),
        (Form::Process, "4194305", "from 1 to 4194304"),
        (Form::Process, "self", "$$ is the shell that starts it"),
        (
            Form::Process,
            "$$",
            "from 1 to 4194304; between single quotes",
        ),
        (Form::Process, "nginx", "`pgrep nginx` finds"),
        (Form::Process, "12,13", "the number of one process"),
        (Form::Process, "12 13", "make an injection for each"),
        (Form::Process, "", "from 1 to 4194304"),
        (Form::Process, "1.5", "from 1 to 4194304"),
        (Form::Sectors, "0-8", "\"0-8\" is no range"),
        (Form::Sectors, "0+0", "0+0 has no sectors"),
        (Form::Sectors, "1+18446744073709551615", "beyond sector"),
        (Form::Sectors, "8+8,0+9", "0+9 and 8+8 overlap"),
        (Form::Sectors, "0+99,2+2,50+9", "0+99 and 2+2 overlap"),
        (
            Form::Sectors,
            "sdb:8+8,sdb:0+9",
            "sdb:0+9 and sdb:8+8 overlap",
        ),
        (Form::Sectors, "sdb:8+8,0+9", "0+9 and sdb:8+8 overlap"),
        (Form::Sectors, ":0+8", "no range"),
        (Form::Sectors, "sdb:", "no range"),
        (
            Form::Sectors,
            &many("0+8", 17),
            "17 ranges; 16 are accepted",
        ),
        (Form::Distribution, "gauss", "uniform, normal, pareto"),
        (Form::Way, "requests", "one of auto, request, completion"),
        (Form::Profile, "once", "it has to have a step"),
        (Form::Profile, "5ms", "\"5ms\" is no step"),
        (Form::Profile, "5us:100", "from 1ms to 1h"),
        (Form::Profile, "5ms:10001", "from 0 to 10,000%"),
        (Form::Error, "5", "one of EIO, ENODATA"),
        (Form::Error, "", "one of EIO, ENODATA"),
        (Form::Way, "", "one of auto, request, completion"),
        (Form::Percentiles, "99", "\"99\" is no percentile"),
        (
            Form::Percentiles,
            "99:5ms,50:9ms",
            "per cents have to rise, but 50:9ms comes after 99:5ms",
        ),
        (Form::Percentiles, "50:5ms,50:5ms", "per cents have to rise"),
        (
            Form::Percentiles,
            "50:5ms,99:4ms",
            "times must not fall, but 99:4ms comes after 50:5ms",
        ),
        (Form::Percentiles, "101:5ms", "from 0 to 100"),
        (
            Form::Percentiles,
            "50:1ms,99:5",
            "in 99:5, a time needs a unit: 5us, 5ms or 5s",
        ),
        (Form::Percentiles, "1.00001:5ms", "four decimals"),
        (
            Form::Percentiles,
            "0:0,0.5:1ms,0.999:5ms,1:9ms",
            "0%:0,0.5%:1ms,0.999%:5ms,1%:9ms, or 0%:0,50%:1ms,99.9%:5ms,100%:9ms",
        ),
        (Form::Operations, "read,barrier", "but 'flush'; "),
        (Form::Operations, "fsync", "--op write,flush has all writes"),
        (Form::Operations, "fsync", "write"),
        (Form::Operations, "all", "leave --op out"),
        (Form::Percentiles, "50:2h", "from 0s to 1h"),
        (Form::Percentiles, "50:5parsecs", "no unit of time"),
    ] {
        let message = form.parse(text).unwrap_err();
        assert!(message.contains(expected), "{text}: {message}");
    }
}
