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
  kchaos recover --help, and so on";

pub(crate) const ENVIRONMENT: &str = "\
Environment:
  KCHAOS_CONFIGFS  where configfs is mounted [/sys/kernel/config]
  KCHAOS_SYSFS     where sysfs is mounted [/sys]
  KCHAOS_STATE     where kchaos saves the schedulers of attached devices
                   [/run/kchaos]
  KCHAOS_DEV       where device nodes are [/dev]
  KCHAOS_PROC      where proc is mounted [/proc]";

pub(crate) const INJECT: &str = "\
All that an injection can do:
  kchaos inject ioem delay --help
  kchaos inject ioem limit --help
  kchaos inject ioem hang --help

kchaos attaches the disks that --device names, and gives them back when no
injection needs them any more: at the end of COMMAND or of --wait, by kchaos
recover, or, after an injection that ended by itself, by the next kchaos whose
verb has to do with injections or disks: not by version, completions, a help or
--dry-run. A line on stderr says so of each disk.
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
     \"over_memory\": 0, \"errors\": 0, \"left_out\": 0,
     \"added_us\": [{\"from_us\": 960, \"below_us\": 1024, \"count\": 90}],
     \"devices\": [{\"name\": \"sda\", \"matched\": 100, ...}],
     \"ceiling_iops\": {\"sda\": 25600}, \"ceilings_left_out\": 0,
     \"problems\": []}],
   \"devices\": [{\"name\": \"sda\", \"held\": 5, \"queues_left_out\": 0,
     \"queues\": [{\"queue\": 0, \"held\": 5, \"first_us\": 1200, \"last_us\": 9000}]}]}

\"active\" is true in the state \"on\". Each step of \"added_us\" has the I/Os that
were held for \"from_us\" or more and for less than \"below_us\": a request from its
arrival until the disk gets it, a completion from the disk's answer until the
submitter learns of it. Empty steps are left out. \"first_us\" and \"last_us\" are
the times until the first and the last held I/O may go: when it is due, or when
all leases that hold I/O of the disk are over; of a hang without a lease, both
are 18446744073709551. The \"devices\" of an injection are there if it reached
several; \"ceiling_iops\" has the disks that it delays now by holding requests,
and the most matching I/Os a second there. The keys with \"left_out\" count
further items, for which the kernel had no room. From the second line of --watch
on, numbers that only grow also have their growth, such as
\"matched_per_second\".";

pub(crate) const DELAY_USAGE: &str = "\
kchaos inject ioem delay --delay <TIME> [OPTIONS] [-- <COMMAND>...]
       kchaos inject ioem delay --percentiles <PERCENT:TIME,...> [OPTIONS]
                                [-- <COMMAND>...]";

pub(crate) const LIMIT_USAGE: &str = "\
kchaos inject ioem limit --iops <RATE> [OPTIONS] [-- <COMMAND>...]
       kchaos inject ioem limit --bandwidth <RATE> [OPTIONS] [-- <COMMAND>...]
       kchaos inject ioem limit --quota <NUMBER> [OPTIONS] [-- <COMMAND>...]";

pub(crate) const HANG_USAGE: &str = "\
kchaos inject ioem hang --for <TIME> [OPTIONS]
       kchaos inject ioem hang [OPTIONS] -- <COMMAND>...";

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

pub(crate) const COMPLETIONS: &str = "\
In bash, for this session and for all:
  source <(kchaos completions bash)
  kchaos completions bash > /etc/bash_completion.d/kchaos";

pub(crate) const MORE: &str = "\
For the values of each option, and examples, see --help";
