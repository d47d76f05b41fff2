// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The longer texts of the help, in lines that fit into 80 columns.

pub(crate) const START: &str = "\
To slow a disk down:
  kchaos attach /dev/sdb
  kchaos inject ioem delay --delay 10ms --jitter 2ms
and to have it back as it was:
  kchaos recover --all
  kchaos detach /dev/sdb

All options of each command, with what they accept and examples:
  kchaos inject ioem delay --help
  kchaos inject ioem limit --help
  kchaos attach --help, and so on";

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
  kchaos inject ioem limit --help";

pub(crate) const LIST: &str = "\
Shows injections and the devices that are on ioem.

The state of an injection is one of
  on       it is at work
  off      its `enabled` is 0, or all injections are switched off
  over     the time of its --for has passed
  used up  it has affected as many I/Os as --times said

The table may change. The form of --json stays as it is, apart from keys that
are added:

  {\"version\": 1, \"enabled\": 1,
   \"injections\": [{\"name\": \"delay-1\", \"state\": \"on\", \"enabled\": 1,
                   \"delay_us\": 10000, ...}],
   \"devices\": [{\"name\": \"sdb\", \"scheduler\": \"ioem\", \"remembered\": \"kyber\",
                \"remembered_nr_requests\": null}]}

The attributes of an injection are numbers and texts named like its files.
\"remembered\" is the scheduler, and \"remembered_nr_requests\" the number of
requests, that `kchaos detach` gives back, or null.";

pub(crate) const STATUS: &str = "\
Shows what injections do: how much I/O they reached, hold now, and how long they
made it take. The states are those of `kchaos list`.

The form of --json stays as it is, apart from keys that are added; with --watch
too, it is one line each time:

  {\"enabled\": 1,
   \"injections\": [{\"name\": \"slow\", \"enabled\": 1, \"state\": \"on\",
     \"active\": true, \"remaining_ms\": 0, \"matched\": 120, \"delayed\": 100,
     \"limited\": 20, \"held\": 5, \"released_early\": 0, \"no_memory\": 0,
     \"over_memory\": 0, \"errors\": 0, \"left_out\": 0,
     \"added_us\": [{\"from_us\": 960, \"below_us\": 1024, \"count\": 90}],
     \"devices\": [{\"name\": \"sda\", \"matched\": 100, ...}],
     \"ceiling_iops\": {\"sda\": 25600}, \"ceilings_left_out\": 0}],
   \"devices\": [{\"name\": \"sda\", \"held\": 5, \"queues_left_out\": 0,
     \"queues\": [{\"queue\": 0, \"held\": 5, \"first_us\": 1200, \"last_us\": 9000}]}]}

\"active\" is true in the state \"on\". Each step of \"added_us\" has the I/Os that
were held for \"from_us\" or more and for less than \"below_us\": a request from its
arrival until the disk gets it, a completion from the disk's answer until the
submitter learns of it. Empty steps are left out. The \"devices\" of an injection
are there if it reached several; \"ceiling_iops\" has the disks that it delays
now by holding requests, and the most matching I/Os a second there. The keys with \"left_out\" count further items, for
which the kernel had no room. From the second line of --watch on, numbers
that only grow also have their growth, such as \"matched_per_second\".";

pub(crate) const DELAY_USAGE: &str = "\
kchaos inject ioem delay --delay <TIME> [OPTIONS] [-- <COMMAND>...]
       kchaos inject ioem delay --percentiles <PERCENT:TIME,...> [OPTIONS]
                                [-- <COMMAND>...]";

pub(crate) const LIMIT_USAGE: &str =
    "kchaos inject ioem limit --quota <NUMBER> [OPTIONS] [-- <COMMAND>...]";

pub(crate) const DELAY_EXAMPLES: &str = "\
Examples:
  10 ms, give or take 2, for all I/O of all attached disks, for half a minute:
    kchaos inject ioem delay --delay 10ms --jitter 2ms --for 30s
  One of a thousand reads of one file system hangs for half a second:
    kchaos inject ioem delay --delay 500ms --probability 0.1% --op read \\
      --device /mnt/data
  A cgroup's disk as it was measured on a bad day, while a test runs:
    kchaos inject ioem delay --percentiles 50:200us,99:5ms,99.9:80ms \\
      --cgroup /tenant -- ./run-test
  Synchronous writes to the journal in the first 128 MiB, the first 100 times:
    kchaos inject ioem delay --delay 1s --op write,sync --sectors 0+262144 \\
      --times 100";

pub(crate) const LIMIT_EXAMPLES: &str = "\
Examples:
  100 I/Os a second and device:
    kchaos inject ioem limit --quota 100
  Writes of at least 64 KiB to one disk, while a program runs:
    kchaos inject ioem limit --quota 15 --period 100ms --op write \\
      --min-bytes 64k --device sdb -- fio job.fio";

pub(crate) const COMPLETIONS: &str = "\
In bash, for this session and for all:
  source <(kchaos completions bash)
  kchaos completions bash > /etc/bash_completion.d/kchaos";

pub(crate) const MORE: &str = "\
For the values of each option, and examples, see --help";
