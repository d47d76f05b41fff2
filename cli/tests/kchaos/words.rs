// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Words that people borrow from dm-delay, nbdkit, tc netem, chaosblade, Chaos Mesh, fio and docker:
//! each is refused with a tip, or means what it means there.

use crate::tree::{Tree, stderr, stdout};
use kchaos::Arguments;
use std::ffi::OsString;

/// Command lines that are refused, and a part of the tip.
#[rustfmt::skip]
const REFUSED: [(&str, &str); 129] = [
    // Roots, which once had flags.
    ("inject ioem delay --delay 10ms --dev vda", "'--device vda'"),
    ("inject ioem delay --delay 10ms --dev=vda", "'--device vda'"),
    ("inject --dev vda ioem delay --delay 10ms", "'--device vda'"),
    ("inject --device vda ioem delay --delay 10ms", "it comes after 'kchaos inject ioem delay'"),
    ("inject ioem delay --delay 10ms --proc 1234", "1234'"),
    ("inject ioem delay --delay 10ms --sysfs /sys", "KCHAOS_SYSFS"),
    ("inject ioem delay --delay 10ms --configfs /c", "KCHAOS_CONFIGFS"),
    ("list --state /run", "KCHAOS_STATE"),
    ("attach vda --dev X", "'kchaos attach X'"),
    // dm-delay and nbdkit.
    ("inject ioem delay --read-delay 10ms", "'--delay 10ms --op read'"),
    ("inject ioem delay --write-delay 10ms", "'--delay 10ms --op write'"),
    ("inject ioem delay --flush-delay 10ms", "no flush passes"),
    ("inject ioem delay --rdelay=10ms", "'--delay 10ms --op read'"),
    ("inject ioem delay wdelay=10ms", "'--delay 10ms --op write'"),
    ("inject ioem delay delay-read=10ms", "'--delay 10ms --op read'"),
    ("inject ioem delay delay-trim=10ms", "'--delay 10ms --op discard'"),
    ("inject ioem delay --offset 0 --delay 1ms", "'--sectors START+LENGTH'"),
    // tc netem.
    ("inject ioem delay 100ms", "'--delay 100ms'"),
    ("inject ioem delay 100ms 10ms", "'--delay 100ms --jitter 10ms'"),
    ("inject ioem delay 100ms 10ms 25%", "'--delay 100ms --jitter 10ms --correlation 25%'"),
    ("inject ioem delay 100ms 10ms distribution normal", "'--delay 100ms --jitter 10ms --distribution normal'"),
    ("inject ioem delay 100ms 10ms 25% distribution pareto", "--correlation 25% --distribution pareto'"),
    ("inject ioem delay --delay 10ms distribution normal", "'--distribution normal'"),
    ("inject ioem delay --delay 10ms loss 1%", "never loses"),
    ("inject ioem delay --delay 10ms --loss 1%", "never loses"),
    ("inject ioem delay --delay 10ms --duplicate 1%", "never loses"),
    ("inject ioem delay --delay 10ms --corrupt 1%", "never loses"),
    ("inject ioem delay --delay 10ms --reorder 25%", "'--jitter TIME'"),
    ("inject ioem delay --delay 10ms --rate 1mbit", "no limit counts bytes"),
    ("inject ioem delay --delay 10ms --gap 5", "'--every 5'"),
    ("inject ioem delay --delay 10ms --limit 1000", "limit --iops 1000'"),
    ("inject netem delay 100ms", "'kchaos inject ioem delay'"),
    ("inject ioem loss 1%", "'delay' and 'limit'; ioem slows I/O down"),
    ("inject ioem reorder 25%", "'delay' and 'limit'; with"),
    ("inject ioem rate 1mbit", "'delay' and 'limit'; no limit counts bytes"),
    // chaosblade and chaosd.
    ("create disk burn --read --path /mnt", "'inject'"),
    ("destroy 1234", "'recover'"),
    ("prepare disk", "'attach'"),
    ("revoke vda", "'detach'"),
    ("query", "'status'"),
    ("attack disk", "'inject'"),
    ("inject disk burn --read", "'kchaos inject ioem burn'"),
    ("inject ioem burn --read", "'delay' and 'limit'; no limit counts bytes"),
    ("inject ioem fill --size 10", "'delay' and 'limit'; kchaos fills no disk"),
    ("inject ioem hang", "'kchaos inject ioem delay --delay 1h --for 20s'"),
    ("inject ioem delay --delay 1ms --path /mnt", "'--device /mnt' is about the whole disk"),
    ("inject ioem delay --delay 1ms --percent 50", "'--probability 50'"),
    ("inject ioem delay --delay 1ms --read", "'--op read'"),
    ("inject ioem delay --delay 1ms --write", "'--op write'"),
    ("inject ioem delay --delay 1ms --uid abc", "'--name abc'"),
    ("inject ioem delay --delay 1ms --timeout 30", "30us, 30ms or 30s"),
    ("inject ioem delay --time 3000", "'--for 3000'"),
    ("recover --uid abc", "'kchaos recover abc'"),
    // Chaos Mesh, krkn and toxiproxy.
    ("apply -f blockchaos.yaml", "'inject'"),
    ("inject blockchaos", "'kchaos inject ioem delay'"),
    ("inject ioem latency --delay 10ms", "slow I/O is 'kchaos inject ioem delay --delay 10ms'"),
    ("inject ioem fault", "'delay' and 'limit'; ioem slows"),
    ("inject ioem attrOverride", "'delay' and 'limit'; ioem slows"),
    ("inject ioem mistake", "'delay' and 'limit'; ioem slows"),
    ("inject ioem delay --action delay", "the effect is a word"),
    ("inject ioem delay --latency 10ms", "'--delay 10ms'"),
    ("inject ioem delay latency=10ms", "'--delay 10ms'"),
    ("inject ioem delay --delay 1ms --volumeName data", "'--device data'"),
    ("inject ioem delay --delay 1ms --volume-path /mnt", "'--device /mnt'"),
    ("inject ioem delay --delay 1ms --errno 5", "never loses, changes, repeats or fails it"),
    ("inject ioem delay --delay 1ms --methods fsync", "a disk knows no fsync"),
    ("inject ioem delay --delay 1ms --methods getattr", "an operation of a file system"),
    ("inject ioem delay --delay 1ms --duration 30", "30us, 30ms or 30s"),
    ("inject ioem delay --delay 1ms --probability 0.5", "write 0.5% or 50%"),
    ("inject ioem delay --delay 1ms --probability 1", "write 1% or 100%"),
    ("inject ioem delay --delay 1ms --jitter 1ms --correlation 0.5", "write 0.5% or 50%"),
    ("inject ioem delay --delay 1ms --jitter 1ms --corr 0.25", "write 0.25% or 25%"),
    ("inject ioem delay --percentiles 0.99:5ms", "0.99%:5ms, or 99%:5ms"),
    ("inject ioem delay --percentiles 0.5:1ms,0.99:5ms,1:9ms", "50%:1ms,99%:5ms,100%:9ms"),
    // fio.
    ("inject ioem delay --delay 1ms --rw=randread", "'--op randread'"),
    ("inject ioem delay --delay 1ms --op randread", "a disk knows no order"),
    ("inject ioem delay --delay 1ms --bs=4k", "'--min-bytes 4k' and '--max-bytes 4k'"),
    ("inject ioem delay --delay 1ms --filename=/dev/vda", "'--device /dev/vda'"),
    ("inject ioem delay --delay 1ms --runtime=30s", "'--for 30s'"),
    ("inject ioem delay --thinktime=10ms", "'--delay 10ms'"),
    ("inject ioem limit --rate_iops=100", "'--iops 100'"),
    ("inject ioem limit --rate=1m", "no limit counts bytes"),
    ("inject ioem limit --size=1m", "'--min-bytes 1m'"),
    ("attach vda --iodepth=64", "'--nr-requests 64'"),
    // docker, systemd and qemu.
    ("inject ioem limit --device-read-iops /dev/vda:100", "'--iops 100 --op read --device /dev/vda'"),
    ("inject ioem limit --device-write-iops=/dev/vda:100", "'--iops 100 --op write --device /dev/vda'"),
    ("inject ioem limit --device-read-bps /dev/vda:10mb", "no limit counts bytes"),
    ("inject ioem limit --device-write-bps /dev/vda:10mb", "no limit counts bytes"),
    ("inject ioem limit --blkio-weight 500", "'--iops RATE'"),
    ("inject ioem limit riops=100", "'--iops 100 --op read"),
    ("inject ioem limit wiops=100", "'--iops 100 --op write"),
    ("inject ioem limit rbps=1048576", "no limit counts bytes"),
    ("inject ioem limit --bandwidth 10MB/s", "no limit counts bytes"),
    ("inject ioem limit --bps 10MB/s", "no limit counts bytes"),
    ("inject ioem limit --iops 10MB/s", "no whole number of I/Os"),
    ("inject ioem limit --iops 0", "from 1 to 4294967295"),
    ("inject ioem limit --iops 0.5/s", "30/min"),
    ("inject ioem limit --iops 100 --quota 5", "cannot be used with"),
    ("inject ioem limit --iops 100 --period 1s", "cannot be used with"),
    ("inject ioem limit --quota 100/s", "--iops 100/s"),
    ("inject ioem limit 100/s", "'--iops 100/s'"),
    ("inject ioem limit --total-iops-sec 100", "'--iops 100'"),
    ("inject ioem limit --iops 100 --burst 500", "a limit has no burst"),
    ("inject ioem bandwidth", "'delay' and 'limit'; no limit counts bytes"),
    ("inject ioem throttle", "'kchaos inject ioem limit --iops 100'"),
    // Other units, signs and writings of its own flags.
    ("inject ioem delay --delay-ms 10", "'--delay 10ms'"),
    ("inject ioem delay --delay 1ms --jitter-ms 10", "'--jitter 10ms'"),
    ("inject ioem delay --delay 1ms --duration-s 30", "'--for 30s'"),
    ("inject ioem delay --delay_us 10000", "'--delay-us 10000'"),
    ("inject ioem delay --DELAY 10ms", "'--delay 10ms'"),
    ("inject ioem delay -delay 10ms", "'--delay 10ms'"),
    ("inject ioem delay delay=10ms", "'--delay 10ms'"),
    ("inject ioem delay delay_us=10000", "'--delay-us 10000'"),
    ("inject ioem delay --delay 1ms /dev/vda", "'--device /dev/vda'"),
    ("inject ioem delay --delay 1ms --time 3", "'--times N'"),
    ("inject ioem delay --delay 1ms --op flush", "no flush passes"),
    ("inject ioem delay --delay 1ms --op all", "leave --op out"),
    ("inject --delay 10ms", "'kchaos inject ioem delay --delay 10ms'"),
    ("inject ioem --iops 10", "'kchaos inject ioem limit --iops 10'"),
    ("inject ioem --latency 10ms", "'--delay 10ms'"),
    ("inject ioem error", "never loses, changes, repeats or fails it"),
    ("inject ioem nonsense", "the faults are 'delay' and 'limit'"),
    ("freeze", "'kchaos inject ioem delay --delay 1h --for 20s'"),
    // Flags and operands of other verbs.
    ("recover --id 3", "'kchaos recover 3'"),
    ("status --id slow", "'kchaos status slow'"),
    ("attach --device vda", "'kchaos attach vda'"),
    ("detach --dev-path vda", "'kchaos detach vda'"),
    ("list --watch", "'kchaos status'"),
    ("status --follow", "'--watch'"),
];

/// Command lines that are accepted, and the plain one that means the same.
#[rustfmt::skip]
const SAME: [(&str, &str); 18] = [
    ("inject ioem limit --iops 100", "inject ioem limit --quota 100 --period 1s"),
    ("inject ioem limit --iops 100/s", "inject ioem limit --quota 100 --period 1s"),
    ("inject ioem limit --iops=6000/min", "inject ioem limit --quota 6000 --period 1m"),
    ("inject ioem limit --iops 15/100ms", "inject ioem limit --quota 15 --period 100ms"),
    ("inject ioem delay --delay 1ms --iops 15/ms", "inject ioem delay --delay 1ms --quota 15 --period-us 1000"),
    ("inject ioem delay --delay 1ms --duration 30s", "inject ioem delay --delay 1ms --for 30s"),
    ("inject ioem delay --delay 1ms --timeout 30s", "inject ioem delay --delay 1ms --for 30s"),
    ("inject ioem delay --delay 1ms --duration=1m", "inject ioem delay --delay 1ms --duration-ms 60000"),
    ("inject ioem delay --delay 1ms --methods read,write", "inject ioem delay --delay 1ms --op read --op write"),
    ("inject ioem delay --delay 1ms --op trim", "inject ioem delay --delay 1ms --op discard"),
    ("inject ioem delay --delay 1ms --op rw", "inject ioem delay --delay 1ms --op read,write"),
    ("inject ioem delay --delay 1ms --op rw --methods sync", "inject ioem delay --delay 1ms --op read,write,sync"),
    ("inject ioem delay --delay 1ms --dev-path vda", "inject ioem delay --delay 1ms --device vda"),
    ("inject ioem delay --delay 1ms --jitter 1ms --corr 25%", "inject ioem delay --delay 1ms --jitter 1ms --correlation 25"),
    ("inject ioem delay --delay 1ms --probability 0.5%", "inject ioem delay --delay 1ms --probability 0.50%"),
    ("inject ioem delay --percentiles 0.5%:1ms,0.9%:2ms", "inject ioem delay --percentiles 0.5%:1000us --percentiles 0.9%:2ms"),
    ("inject ioem delay --percentiles 0.5:1ms,99:5ms", "inject ioem delay --percentiles 0.5%:1ms,99%:5ms"),
    ("status -w", "status --watch"),
];

#[test]
fn each_is_refused_with_a_tip() {
    let tree = Tree::new();
    let before = tree.content();
    let mut wrong = Vec::new();
    for (typed, expected) in REFUSED {
        let message = stderr(&mut tree.kchaos(typed), 2);
        if !message.contains(expected) || message.matches("tip: ").count() > 1 {
            wrong.push(format!("{typed}: {message}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(tree.content(), before);
}

#[test]
fn each_means_the_same() {
    let tree = Tree::new();
    let read = |line: &str| {
        let words: Vec<OsString> = format!("kchaos {line}")
            .split(' ')
            .map(Into::into)
            .collect();
        let arguments = Arguments::read(&words).unwrap_or_else(|error| panic!("{line}: {error}"));
        format!("{arguments:?}")
    };
    let printed = |line: &str| stdout(&mut tree.kchaos(&format!("{line} --dry-run")));
    for (typed, plain) in SAME {
        assert_eq!(read(typed), read(plain), "{typed}");
        if typed.starts_with("inject") {
            assert_eq!(printed(typed), printed(plain), "{typed}");
        }
    }
}
