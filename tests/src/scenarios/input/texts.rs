// SPDX-License-Identifier: GPL-2.0-only

//! Bad values of files that have texts, and the errors that they get.

pub(super) const EINVAL: i32 = 22;
pub(super) const ENOENT: i32 = 2;
pub(super) const ENOTDIR: i32 = 20;
pub(super) const EACCES: i32 = 13;
pub(super) const EPERM: i32 = 1;
pub(super) const ERANGE: i32 = 34;
pub(super) const ESRCH: i32 = 3;

/// A file whose value is a text.
pub(super) struct TextCase {
    pub(super) attribute: &'static str,
    /// The value of the file before, which it keeps.
    pub(super) value: &'static str,
    pub(super) bad: &'static [(&'static str, i32)],
}

pub(super) const TEXT_CASES: [TextCase; 10] = [
    TextCase {
        attribute: "device",
        value: "sda nvme0n1p2 8:1",
        bad: &[
            ("/dev/sda", EINVAL),
            (".", EINVAL),
            ("..", EINVAL),
            ("8:", EINVAL),
            (":1", EINVAL),
            ("8:1:1", EINVAL),
            ("8:a", EINVAL),
            ("4096:0", ERANGE),
            ("0:1048576", ERANGE),
            ("-8:1", ERANGE),
            ("8:-1", ERANGE),
            ("99999999999999999999:1", ERANGE),
            ("a b c d e f g h i", ERANGE),
            ("abcdefghijklmnopqrstuvwxyzabcdefghijklmn", EINVAL),
        ],
    },
    TextCase {
        attribute: "op",
        value: "read write sync",
        bad: &[
            ("flushes", EINVAL),
            ("reads", EINVAL),
            ("read,write", EINVAL),
            ("rw", EINVAL),
            ("read|write", EINVAL),
            ("0", EINVAL),
            ("drv_in", EINVAL),
            ("REQ_OP_READ", EINVAL),
            ("all", EINVAL),
            ("none", EINVAL),
        ],
    },
    TextCase {
        attribute: "sectors",
        value: "0+8 4096+1",
        bad: &[
            ("0", EINVAL),
            ("+8", EINVAL),
            ("8+", EINVAL),
            ("+", EINVAL),
            ("0-8", EINVAL),
            ("0+8,8+8", EINVAL),
            ("0+8 4+8", EINVAL),
            ("4+8 0+5", EINVAL),
            ("1+1 1+1", EINVAL),
            ("0+10 5+1", EINVAL),
            ("0+0", ERANGE),
            ("-1+8", ERANGE),
            ("0+-8", ERANGE),
            ("18446744073709551615+1", ERANGE),
            ("18446744073709551616+1", ERANGE),
            ("0+18446744073709551616", ERANGE),
            ("1+18446744073709551615", ERANGE),
            (
                "0+1 2+1 4+1 6+1 8+1 10+1 12+1 14+1 16+1 18+1 20+1 22+1 24+1 26+1 28+1 30+1 32+1",
                ERANGE,
            ),
        ],
    },
    TextCase {
        attribute: "distribution",
        value: "pareto",
        bad: &[
            ("\n", EINVAL),
            ("gauss", EINVAL),
            ("Normal", EINVAL),
            ("normal pareto", EINVAL),
            ("percentiles", EINVAL),
            ("0", EINVAL),
        ],
    },
    TextCase {
        attribute: "hold",
        value: "completion",
        bad: &[
            ("\n", EINVAL),
            ("Request", EINVAL),
            ("requests", EINVAL),
            ("complete", EINVAL),
            ("request completion", EINVAL),
            ("request,completion", EINVAL),
            ("none", EINVAL),
            ("0", EINVAL),
        ],
    },
    TextCase {
        attribute: "error",
        value: "ENODATA",
        bad: &[
            ("5", EINVAL),
            ("-5", EINVAL),
            ("none", EINVAL),
            ("EIO ENODATA", EINVAL),
            ("EIO,ENODATA", EINVAL),
            (" EIO", EINVAL),
            ("EPERM", EINVAL),
            ("EAGAIN", EINVAL),
            ("DM_REQUEUE", EINVAL),
            ("BLK_STS_EIO", EINVAL),
        ],
    },
    TextCase {
        attribute: "profile",
        value: "5000:100 45000:0",
        bad: &[
            ("once", EINVAL),
            ("5000", EINVAL),
            ("5ms:100", EINVAL),
            ("5000:100,45000:0", EINVAL),
            ("5000:100 once 45000:0", EINVAL),
            ("5000:1.234", EINVAL),
            ("999:100", ERANGE),
            ("3600000001:100", ERANGE),
            ("5000:10000.01", ERANGE),
        ],
    },
    TextCase {
        attribute: "percentiles",
        value: "50:200 99:5000 99.9:80000",
        bad: &[
            ("50", EINVAL),
            ("50:", EINVAL),
            (":200", EINVAL),
            ("50:200,99:5000", EINVAL),
            ("50:200us", EINVAL),
            ("p50:200", EINVAL),
            ("50:200 50:300", EINVAL),
            ("50:200 40:300", EINVAL),
            ("50:200 60:100", EINVAL),
            ("50.00001:200", EINVAL),
            ("100.0001:200", ERANGE),
            ("101:200", ERANGE),
            ("-1:200", ERANGE),
            ("50:-1", ERANGE),
            ("50:3600000001", ERANGE),
            ("50:99999999999999999999", ERANGE),
            (
                "1:1 2:2 3:3 4:4 5:5 6:6 7:7 8:8 9:9 10:10 11:11 12:12 13:13 14:14 15:15 16:16 17:17",
                ERANGE,
            ),
        ],
    },
    TextCase {
        attribute: "cgroup",
        value: "/sys/fs/cgroup/input",
        bad: &[
            ("/nowhere", ENOENT),
            ("/sys/fs/cgroup/nowhere", ENOENT),
            ("/proc/self", ENOENT),
            ("/sys/fs/cgroupinput", ENOENT),
            ("/sys/fs/cgroup/input/..", ENOENT),
            ("/sys/fs/cgroup/input/cgroup.procs", ENOTDIR),
            ("/input/cgroup.procs/more", ENOTDIR),
            ("/sys/fs/cgroup/input/below", 95),
            ("sys/fs/cgroup/input", EINVAL),
            ("input", EINVAL),
            ("1", EINVAL),
        ],
    },
    TextCase {
        attribute: "pid_ns",
        value: "1",
        bad: &[
            ("0", ERANGE),
            ("-1", ERANGE),
            ("4194305", ERANGE),
            ("4194304", ESRCH),
            ("99999999999999999999", ERANGE),
            ("self", EINVAL),
            ("1.0", EINVAL),
            ("pid:[4026531836]", EINVAL),
            ("/proc/1/ns/pid", EINVAL),
        ],
    },
];

/// Texts that no file accepts.
pub(super) fn never_a_text() -> Vec<Vec<u8>> {
    let texts: [&[u8]; 14] = [
        b"\n\n",
        b" ",
        b"  ",
        b"\t",
        b" read",
        b"read ",
        b"read  write",
        b"read\twrite",
        b"read\n\n",
        b"read\nwrite",
        b"\0",
        b"read\0",
        b"\xff\xfe",
        b"\x7f",
    ];
    let mut all: Vec<Vec<u8>> = texts.iter().map(|text| text.to_vec()).collect();
    all.push(vec![b' '; 4095]);
    all.push(vec![0xff; 4095]);
    // It would be a path if it were complete.
    all.push(vec![b'/'; 4095]);
    all
}
