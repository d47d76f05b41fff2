// SPDX-License-Identifier: GPL-2.0-only
/*
 * The structures of the contracts, for kernels without type information.
 *
 * The build compiles this file, and takes the types from the object's debug information; no code
 * runs. Headers in quotes are in the kernel's source, which the build is told by SOURCE.
 */
#include <linux/blk-cgroup.h>
#include <linux/blk-mq.h>
#include <linux/blkdev.h>
#include <linux/cgroup.h>
#include <linux/cpuhotplug.h>
#include <linux/device.h>
#include <linux/hrtimer.h>
#include <linux/kernfs.h>
#include <linux/kobject.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/notifier.h>
#include <linux/nsproxy.h>
#include <linux/pid.h>
#include <linux/pid_namespace.h>
#include <linux/random.h>
#include <linux/rbtree.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/srcu.h>
#include <linux/suspend.h>
#include <linux/tracepoint.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>
#include <trace/events/block.h>
#if __has_include(<linux/elevator.h>)
#include <linux/elevator.h>
#elif __has_include("block/elevator.h")
#include "block/elevator.h"
#endif
#if __has_include(<linux/genhd.h>)
#include <linux/genhd.h>
#endif
#if __has_include("block/blk.h")
#include "block/blk.h"
#include "block/blk-mq-debugfs.h"
#endif
/* A pointer to each function of the contracts; the build writes this file. */
#include "functions.h"
