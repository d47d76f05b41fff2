// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The longer texts of the help, in lines that fit into 80 columns.

pub(crate) const START: &str = "\
To slow a disk down:
  kchaos inject ioem delay --delay 10ms --jitter 2ms --device /dev/sdb
and to have it back as it was:
  kchaos recover --all

All options of each command, with what they accept and examples:
  kchaos inject ioem delay --help
  kchaos inject ioem limit --help
  kchaos inject ioem hang --help
  kchaos inject ioem error --help
  kchaos inject ioem drop --help
  kchaos inject ioem torn --help
  kchaos inject ioem corrupt --help
  kchaos inject ioem bandwidth --help
  kchaos inject ioem iops --help
  kchaos inject ioem preset --help
  kchaos recover --help, and so on

To take several steps, such as to get slower and slower:
  kchaos scenario --help
To make a disk as slow as another one is:
  kchaos record --help, kchaos replay --help";

pub(crate) const ENVIRONMENT: &str = "\
Environment:
  KCHAOS_CONFIGFS  where configfs is mounted [/sys/kernel/config]
  KCHAOS_SYSFS     where sysfs is mounted [/sys]
  KCHAOS_STATE     where kchaos saves the schedulers of attached devices
                   [/run/kchaos]
  KCHAOS_DEV       where device nodes are [/dev]
  KCHAOS_PROC      where proc is mounted [/proc]
  KCHAOS_MODULES   where kernels have their modules [/lib/modules]
  KCHAOS_BOOT      where kernels have their configurations [/boot]
  KCHAOS_TRACING   where tracefs is mounted, for record [/sys/kernel/tracing]";

pub(crate) const INJECT: &str = "\
All that an injection can do:
  kchaos inject ioem delay --help
  kchaos inject ioem limit --help
  kchaos inject ioem hang --help
  kchaos inject ioem error --help
  kchaos inject ioem drop --help
  kchaos inject ioem torn --help
  kchaos inject ioem corrupt --help
  kchaos inject ioem bandwidth --help
  kchaos inject ioem iops --help
  kchaos inject ioem preset --help

kchaos attaches the disks that --device names, and gives them back when no
injection needs them any more: at the end of COMMAND or of --wait, by kchaos
recover, or, after an injection that ended by itself, by the next kchaos whose
verb has to do with injections or disks: not by top, version, completions, a
help or --dry-run. A line on stderr says so of each disk.
Without --device, an injection is about all disks that are attached.";

pub(crate) const LIST: &str = "\
Shows injections and the devices that are on ioem.

The state of an injection is one of
  on       it is at work
  off      its `enabled` is 0, or all injections are switched off
  over     the time of its --for has passed
  used up  it has affected as many I/Os as --times said

A line below the table names each injection that reaches nothing, or not all
that it names, such as a disk that is not on ioem, and the next step.

The table may change. The form of --json stays as it is for one number of
\"schema\", apart from keys that are added; cli/schema/list.json describes it:

  {\"schema\": 1, \"version\": 1, \"enabled\": 1,
   \"injections\": [{\"name\": \"delay-1\", \"state\": \"on\", \"enabled\": 1,
                   \"delay_us\": 10000, ..., \"holds\": [\"request\"],
                   \"problems\": []}],
   \"devices\": [{\"name\": \"sdb\", \"scheduler\": \"ioem\", \"remembered\": \"kyber\",
                \"remembered_nr_requests\": null, \"auto\": true}]}

The attributes of an injection are numbers and texts named like its files.
\"holds\" has the ways in which it holds I/O, also if \"hold\" is auto. \"problems\"
has the sentences of the lines below the table, for people.
\"remembered\" is the scheduler, and \"remembered_nr_requests\" the number of
requests, that `kchaos detach` gives back, or null. \"auto\" is true if kchaos
inject attached the device, which then gets them back as soon as no injection
needs it.";

pub(crate) const STATUS: &str = "\
Shows what injections do: how much I/O they reached, hold now, and how long they
made it take. The states are those of `kchaos list`.

The form of --json stays as it is for one number of \"schema\", apart from keys
that are added; cli/schema/status.json describes it. With --watch too, it is one
line each time:

  {\"schema\": 1, \"enabled\": 1,
   \"injections\": [{\"name\": \"slow\", \"enabled\": 1, \"state\": \"on\",
     \"active\": true, \"remaining_ms\": 0, \"matched\": 120, \"delayed\": 100,
     \"limited\": 20, \"held\": 5, \"released_early\": 0, \"no_memory\": 0,
     \"over_memory\": 0, \"failed\": 0, \"dropped\": 0, \"torn\": 0,
     \"corrupted\": 0, \"not_failed\": 0, \"errors\": 0, \"saved\": null,
     \"saved_bytes\": null, \"left_out\": 0,
     \"added_us\": [{\"from_us\": 960, \"below_us\": 1024, \"count\": 90}],
     \"devices\": [{\"name\": \"sda\", \"matched\": 100, ...}],
     \"ceiling_iops\": {\"sda\": 25600}, \"ceilings_left_out\": 0,
     \"problems\": []}],
   \"devices\": [{\"name\": \"sda\", \"held\": 5, \"queues_left_out\": 0,
     \"queues\": [{\"queue\": 0, \"held\": 5, \"first_us\": 1200, \"last_us\": 9000}]}]}

\"active\" is true in the state \"on\". \"saved\" and \"saved_bytes\" are the I/Os and
bytes that --burst and --bytes-burst have saved now, or null. Each step of \"added_us\" has the I/Os that
were held for \"from_us\" or more and for less than \"below_us\": a request from its
arrival until the disk gets it, a completion from the disk's answer until the
submitter learns of it. Empty steps are left out. \"first_us\" and \"last_us\" are
the times until the first and the last held I/O may go: when it is due, or when
all injections that hold I/O of the disk end; of a hang without --for, both are
18446744073709551. The \"devices\" of an injection are there if it reached
several; \"ceiling_iops\" has the disks that it delays now by holding requests,
and the most matching I/Os a second there, which is 0 only if a freeze holds
them, perhaps that of another injection. The keys with \"left_out\" count further
items, for which the kernel had no room. From the second line of --watch on,
numbers that only grow also have their growth, such as \"matched_per_second\".";

pub(crate) const TOP: &str = "\
For each injection: its state, the time that is left, how much I/O a second it
matches, delays and lets fail, and how much it holds. For the selected one: its
effect in words, and a histogram of how long it has held I/O. For each disk on
ioem: its I/O, and how long that took by the disk's own counters.

Keys: arrows or j k select, p pauses or resumes, c changes, r recovers from one
and R from all, ? shows a help, q quits. p, c, r and R start kchaos change and
kchaos recover, which need root and refuse what they always refuse. Without such
a key, nothing is written: an injection stays as it is when top ends.

The terminal is as it was after q, Ctrl-C and a signal; with a signal N, the exit
code is 128+N. If standard output is no terminal, it is 2, except with --frames.
If NO_COLOR is set, there is no colour.";

pub(crate) const DELAY_USAGE: &str = "\
kchaos inject ioem delay --delay <TIME> [OPTIONS] [-- <COMMAND>...]
       kchaos inject ioem delay --percentiles <PERCENT:TIME,...> [OPTIONS]
                                [-- <COMMAND>...]
       kchaos inject ioem delay --seek <TIME> --turn <TIME> [OPTIONS]
                                [-- <COMMAND>...]";

pub(crate) const LIMIT_USAGE: &str = "\
kchaos inject ioem limit --iops <RATE> [OPTIONS] [-- <COMMAND>...]
       kchaos inject ioem limit --bandwidth <RATE> [OPTIONS] [-- <COMMAND>...]
       kchaos inject ioem limit --quota <NUMBER> [OPTIONS] [-- <COMMAND>...]";

pub(crate) const HANG_USAGE: &str = "\
kchaos inject ioem hang --for <TIME> [OPTIONS]
       kchaos inject ioem hang [OPTIONS] -- <COMMAND>...";

pub(crate) const ERROR_USAGE: &str = "\
kchaos inject ioem error <ERROR> [OPTIONS] [-- <COMMAND>...]";

pub(crate) const DROP_USAGE: &str = "\
kchaos inject ioem drop --data-loss --device <DEVICE,...> [OPTIONS]
                               [-- <COMMAND>...]";

pub(crate) const TORN_USAGE: &str = "\
kchaos inject ioem torn --data-loss --device <DEVICE,...>
                               [--error <ERROR>] [OPTIONS] [-- <COMMAND>...]";

pub(crate) const CORRUPT_USAGE: &str = "\
kchaos inject ioem corrupt <BITS> --data-loss --device <DEVICE,...>
                                  [OPTIONS] [-- <COMMAND>...]";

pub(crate) const BANDWIDTH_USAGE: &str = "\
kchaos inject ioem bandwidth <RATE> [OPTIONS] [-- <COMMAND>...]";

pub(crate) const IOPS_USAGE: &str = "\
kchaos inject ioem iops <RATE> [OPTIONS] [-- <COMMAND>...]";

pub(crate) const PRESET_USAGE: &str = "\
kchaos inject ioem preset <PRESET> [OPTIONS] [-- <COMMAND>...]";

pub(crate) const DELAY_EXAMPLES: &str = "\
Examples:
  10 ms, give or take 2, for all I/O of a disk, for half a minute:
    kchaos inject ioem delay --delay 10ms --jitter 2ms --device sdb --for 30s
  One of a thousand reads of one file system hangs for half a second:
    kchaos inject ioem delay --delay 500ms --probability 0.1% --op read \\
      --device /mnt/data
  A cgroup's disk as it was measured on a bad day, while a test runs:
    kchaos inject ioem delay --percentiles 50:200us,99:5ms,99.9:80ms \\
      --cgroup /tenant -- ./run-test
  Only a program's own I/O, from its start to its end, and nobody else's:
    kchaos inject ioem delay --delay 20ms --own -- ./run-test
  A container's reads of a volume of its own, for a minute:
    kchaos inject ioem delay --delay 20ms --op read --container 9c7b51f2a4d8 \\
      --device /mnt/volume --for 1m
  Synchronous writes to the journal in the first 128 MiB, the first 100 times:
    kchaos inject ioem delay --delay 1s --op write,sync --sectors 0+262144 \\
      --times 100";

pub(crate) const LIMIT_EXAMPLES: &str = "\
An I/O of a limit is a request as the disk gets it: the block layer splits a
large one into requests of at most queue/max_sectors_kb, such as a read of 1 MiB
into 8 of 128 KiB, and each of them counts.

Examples:
  100 I/Os a second and device, on all disks that are attached:
    kchaos inject ioem limit --iops 100
    kchaos inject ioem limit --bandwidth 10MB/s --device sdb
  Writes of at least 64 KiB to one disk, while a program runs:
    kchaos inject ioem limit --quota 15 --period 100ms --op write \\
      --min-bytes 64k --device sdb -- fio job.fio";

pub(crate) const BANDWIDTH_EXAMPLES: &str = "\
The same as `kchaos inject ioem limit --bandwidth RATE`, with the same options. A
read and a write count with their bytes, any other operation with 512.

Examples:
  A disk that does 10 MB a second, for a minute:
    kchaos inject ioem bandwidth 10MB/s --device sdb --for 1m
  Only the writes of a container, after 1 GiB at full speed:
    kchaos inject ioem bandwidth 20MiB/s --bytes-burst 1g --op write \\
      --container 9c7b51f2a4d8
  A far disk: each I/O takes 5 ms more, and all of them share 50 MB a second:
    kchaos inject ioem bandwidth 50MB/s --delay 5ms --device sdb -- ./run-test";

pub(crate) const IOPS_EXAMPLES: &str = "\
The same as `kchaos inject ioem limit --iops RATE`, with the same options. An I/O
is a request as the disk gets it: the block layer splits a large one into
requests of at most queue/max_sectors_kb, and each of them counts.

Examples:
  A disk that does 100 I/Os a second, for a minute:
    kchaos inject ioem iops 100 --device sdb --for 1m
  The writes of a cgroup, evenly, as a window has room for one:
    kchaos inject ioem iops 1/10ms --op write --cgroup /tenant --device sdb
  As some clouds count, where 1 MiB is four I/Os, and idle time saves up 5000:
    kchaos inject ioem iops 500 --ios-of-bytes 256k --burst 5000 --device sdb";

pub(crate) const PRESET_EXAMPLES: &str = "\
A preset stands for settings, which --dry-run shows. An option goes before the
value of the preset; with another period, the preset's rates stay the same. A
composition is like a kind of device, and nobody has measured one with its
figures.

Examples:
  A disk with the limits of a gp3 volume, for a minute:
    kchaos inject ioem preset gp3 --device sdb --for 1m
  The same with 6000 I/Os a second, and 1 ms for each I/O:
    kchaos inject ioem preset gp3 --iops 6000 --delay 1ms --device sdb --for 1m
  An SSD becomes a hard disk while a test runs, and its cable is worn out:
    kchaos inject ioem preset hdd-7200 --error EIO --probability 0.1% \\
      --device sdb -- ./run-test
  A disk that answers nothing for one second in ten, for a minute:
    kchaos inject ioem preset stalls --device sdb --for 1m
  The commands of a shell for a slow memory card:
    kchaos inject ioem preset sd-a1 --device sdb --dry-run";

pub(crate) const HANG_EXAMPLES: &str = "\
A program that waits for held I/O cannot be killed before the injection ends, so
kchaos asks for an end: --for, or COMMAND. A COMMAND whose own I/O hangs never
ends; then end the injection from another shell, by kchaos recover.

Examples:
  A disk that hangs for ten seconds:
    kchaos inject ioem hang --device sdb --for 10s
  Only the writes of a container, while a program looks on:
    kchaos inject ioem hang --op write --container 9c7b51f2a4d8 -- ./watch
  10 ms for each I/O, of which one in a thousand hangs for half a minute, too:
    kchaos inject ioem delay --delay 10ms --device sdb
    kchaos inject ioem hang --probability 0.1% --device sdb --for 30s
  An injection that slows a disk down lets it hang for ten seconds, and ends:
    kchaos change slow --freeze 1 --for 10s";

pub(crate) const ERROR_EXAMPLES: &str = "\
The disk does not get an I/O that fails. After an error, a file system may be
read-only (ext4) or shut down (xfs) until somebody unmounts and mounts it.

Examples:
  One in a thousand I/Os fails, for a minute:
    kchaos inject ioem error EIO --probability 0.1% --device sdb --for 1m
  Bad sectors: reads of the 64 KiB from sector 204800 on fail:
    kchaos inject ioem error MEDIUM --op read --sectors 204800+128 --device sdb
  Writes time out after half a minute, and take no tags of other I/O till then:
    kchaos inject ioem error ETIMEDOUT --delay 30s --op write \\
      --hold completion --device sdb
  An injection that lets a disk hang lets it fail instead, and no longer:
    kchaos change stuck --freeze 0 --error EIO --for 10s
    kchaos change stuck --error none";

pub(crate) const DROP_EXAMPLES: &str = "\
Data that programs write are gone, and a read finds the old ones as soon as the
page cache has forgotten the new ones. That is for tests of the state after that,
on disks whose data may go; --data-loss says that they may. A disk with /, /usr
or swap never loses writes, not even with --force. A disk with other mounted
file systems needs --force, also if it is attached later. Writes that the block
layer sends with a flush reach the disk all the same, unless its
queue/write_cache is `write through`.

Examples:
  Writes of a database's disk are lost while a test runs:
    kchaos inject ioem drop --data-loss --device sdb --force -- ./run-test
  One in a hundred writes is lost, for ten seconds:
    kchaos inject ioem drop --data-loss --probability 1% --device sdb --for 10s
  An injection loses writes, and does not any more:
    kchaos change slow --drop 1 --data-loss
    kchaos change slow --drop 0";

pub(crate) const TORN_EXAMPLES: &str = "\
Of a write of several blocks, the disk gets the first ones, up to a random one,
and the rest keeps its old data. The write ends without an error, or with
--error. That is for tests of journals, double writes and checksums, on disks
whose data may go; --data-loss says that they may, with the rules of `kchaos
inject ioem drop`. A write of one block is never torn.

Examples:
  One in a hundred writes of a database's disk is torn while a test runs:
    kchaos inject ioem torn --data-loss --probability 1% --device sdb --force \\
      -- ./run-test
  The next write is torn, and all writes after it fail, as without power:
    kchaos inject ioem error EIO --op write --device sdb --for 10s
    kchaos inject ioem torn --data-loss --error EIO --times 1 --device sdb";

pub(crate) const CORRUPT_EXAMPLES: &str = "\
The data on the disk stay as they are: a disk, a cable or a controller spoils
them on the way. The page cache keeps the flipped bits until it forgets the page:
echo 1 > /proc/sys/vm/drop_caches. A file system that writes back what it has
read so can be damaged, so the rules are those of `kchaos inject ioem drop`.

Examples:
  A bit of each read of a disk is flipped while a test looks for that:
    kchaos inject ioem corrupt 1 --data-loss --device sdb -- ./run-test
  Eight bits of one in a thousand reads, each time the same, for ten seconds:
    kchaos inject ioem corrupt 8 --data-loss --probability 0.1% --seed 7 \\
      --device sdb --for 10s";

pub(crate) const SCENARIO: &str = "\
A scenario is a file in TOML. Its steps have the options of kchaos inject as
keys, without the hyphens in front, and an end; those at the top are for all:

  name = \"brown-out\"
  device = \"$device\"
  for = \"30s\"

  [[steps]]
  name = \"slow\"
  delay = \"10ms\"

  [[steps]]
  name = \"worse\"
  together = [
    { name = \"late\", delay = \"100ms\" },
    { name = \"narrow\", bandwidth = \"1MB/s\", op = \"write\" },
  ]

`repeat` takes a step, or at the top all of them, several times; `pause` is the
time after a step. All is checked before the first step. Ctrl-C ends all; if
kchaos is killed, each injection ends at its time, and the next kchaos gives the
disks back.

Examples:
  kchaos scenario run brown-out --device sdb --html report.html
  kchaos scenario show brown-out > own.toml
  kchaos scenario check own.toml --device sdb
  kchaos scenario run own.toml --device sdb --set for=10s --speed 10";

pub(crate) const RECORD: &str = "\
kchaos reads the block layer's tracepoints. It needs neither the module nor
another program, changes nothing of the disk, and takes little of its time: in
an instance of tracefs of its own, in which the kernel chooses the events of this
disk. A time is from the moment at which the disk gets a request until it has
served it, without the time that the request waited for the disk's scheduler.

For each operation and each size, from one power of two to the next, the profile
has the number of I/Os, their rate, how many were at the disk at a time, and
percentiles of their times. It is a text in TOML, and you can change it.

Examples:
  A disk under its load for a minute, with a picture:
    kchaos record sdb --for 60s --output slow.toml --svg slow.svg
  The same times on another disk:
    kchaos replay slow.toml --device sdc --for 10m";

pub(crate) const REPLAY: &str = "\
Each operation and size of the profile becomes an injection, and all of them are
made, or none. The device's own time comes on top of the delays: --subtract takes
it off, such as 80us. --dry-run prints the commands, and `kchaos recover` ends
the injections.

Examples:
  kchaos replay slow.toml --device sdc --for 10m
  kchaos replay slow.toml --device sdc --subtract 80us --dry-run";

pub(crate) const COMPLETIONS: &str = "\
In bash, for this session and for all:
  source <(kchaos completions bash)
  kchaos completions bash > /etc/bash_completion.d/kchaos";

pub(crate) const MORE: &str = "\
For the values of each option, and examples, see --help";
