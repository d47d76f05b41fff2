// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kernel's constants, by the names that Rust has for them.
 *
 * The build compiles this file and reads the lines "->name: type value" from the object; no code
 * runs.
 */
#include <linux/blk-mq.h>
#include <linux/blkdev.h>
#include <linux/capability.h>
#include <linux/cgroup.h>
#include <linux/configfs.h>
#include <linux/cpuhotplug.h>
#include <linux/err.h>
#include <linux/hrtimer.h>
#include <linux/kernfs.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/suspend.h>
#include <linux/workqueue.h>

#define LINE(name, value)                                          \
	asm volatile(".pushsection .chaos_constants, \"\"\n"       \
		     ".ascii \"\\n->" name " %c0\\n\"\n"            \
		     ".popsection" : : "i"((unsigned int)(value)))
#define CONSTANT(name, value) LINE(#name ": u32", value)
#define SAME(name) LINE(#name ": u32", name)
#define IN(type, name) LINE(#type "_" #name ": u32", name)
#define IN_SIGNED(type, name) LINE(#type "_" #name ": i32", name)
#define BIT_OF(name, mask) LINE(#name ": u32", const_ilog2((__force unsigned int)(mask)))
#define SIZE(type) LINE("SIZE_" #type ": u32", sizeof(struct type))

void chaos_constants(void);
void chaos_constants(void)
{
	SAME(PAGE_SIZE);

	SAME(EPERM);
	SAME(ENOENT);
	SAME(ESRCH);
	SAME(ENOMEM);
	SAME(EBUSY);
	SAME(ENODEV);
	SAME(ENOTDIR);
	SAME(EINVAL);
	SAME(ENOSPC);
	SAME(ERANGE);
	SAME(EOPNOTSUPP);
	SAME(ENAMETOOLONG);
	SAME(EIO);
	SAME(ENODATA);
	SAME(ETIMEDOUT);
	SAME(ENOLINK);
	SAME(EREMOTEIO);
	SAME(EILSEQ);
	SAME(EBADE);
	SAME(ETIME);
	SAME(ETOOMANYREFS);
	SAME(EOVERFLOW);
	SAME(MAX_ERRNO);

	CONSTANT(GFP_KERNEL, (__force unsigned int)GFP_KERNEL);
	CONSTANT(GFP_NOWAIT, (__force unsigned int)GFP_NOWAIT);
	CONSTANT(__GFP_NOWARN, (__force unsigned int)__GFP_NOWARN);
	SAME(PF_MEMALLOC);
	SAME(PF_MEMALLOC_NOIO);

	SIZE(lock_class_key);
	SIZE(config_group);
	SIZE(configfs_subsystem);
	SIZE(configfs_item_operations);
	SIZE(configfs_group_operations);
	CONSTANT(OFFSET_release, offsetof(struct configfs_item_operations, release));
	CONSTANT(OFFSET_make_group, offsetof(struct configfs_group_operations, make_group));
	CONSTANT(OFFSET_drop_item, offsetof(struct configfs_group_operations, drop_item));

	SAME(CLOCK_MONOTONIC);
	IN(hrtimer_mode, HRTIMER_MODE_ABS);
	IN(hrtimer_mode, HRTIMER_MODE_ABS_SOFT);
	IN(hrtimer_restart, HRTIMER_NORESTART);
	IN(hrtimer_restart, HRTIMER_RESTART);
	SAME(WORK_CPU_UNBOUND);
	IN_SIGNED(cpuhp_state, CPUHP_AP_ONLINE_DYN);

	SAME(PM_HIBERNATION_PREPARE);
	SAME(PM_POST_HIBERNATION);
	SAME(PM_SUSPEND_PREPARE);
	SAME(PM_POST_SUSPEND);
	SAME(PM_RESTORE_PREPARE);
	SAME(PM_POST_RESTORE);

	IN(pageflags, PG_locked);
	IN(pageflags, PG_uptodate);
	IN(pageflags, PG_swapbacked);

	SAME(CAP_SYS_ADMIN);
	SAME(CSS_ONLINE);
	IN(cgroup_subsys_id, io_cgrp_id);
	IN(kernfs_node_type, KERNFS_DIR);

	IN(hctx_type, HCTX_TYPE_DEFAULT);
	IN(hctx_type, HCTX_TYPE_READ);
	IN(hctx_type, HCTX_TYPE_POLL);

	SAME(REQ_OP_BITS);
	IN(req_op, REQ_OP_READ);
	IN(req_op, REQ_OP_FLUSH);
	IN(req_op, REQ_OP_WRITE);
	IN(req_op, REQ_OP_DISCARD);
	IN(req_op, REQ_OP_SECURE_ERASE);
	IN(req_op, REQ_OP_WRITE_ZEROES);
	IN(req_op, REQ_OP_ZONE_APPEND);
	IN(req_op, REQ_OP_ZONE_OPEN);
	IN(req_op, REQ_OP_ZONE_CLOSE);
	IN(req_op, REQ_OP_ZONE_FINISH);
	IN(req_op, REQ_OP_ZONE_RESET);
	IN(req_op, REQ_OP_ZONE_RESET_ALL);
	IN(req_op, REQ_OP_DRV_IN);
	IN(req_op, REQ_OP_DRV_OUT);
	IN(req_flag_bits, __REQ_SYNC);
	IN(req_flag_bits, __REQ_META);
	IN(req_flag_bits, __REQ_FUA);
	IN(req_flag_bits, __REQ_PREFLUSH);
	IN(req_flag_bits, __REQ_INTEGRITY);
	IN(req_flag_bits, __REQ_SWAP);
#ifdef NEWEST___REQ_POLLED
	IN(req_flag_bits, __REQ_POLLED);
#else
	CONSTANT(req_flag_bits___REQ_POLLED, __REQ_HIPRI);
#endif
#ifdef NEWEST___REQ_ATOMIC
	IN(req_flag_bits, __REQ_ATOMIC);
#else
	/* No request has this flag. */
	CONSTANT(req_flag_bits___REQ_ATOMIC, __REQ_NR_BITS);
#endif
	IN(stat_group, STAT_READ);
	IN(stat_group, STAT_WRITE);
	IN(stat_group, STAT_DISCARD);

	BIT_OF(rqf_flags___RQF_STARTED, RQF_STARTED);
	BIT_OF(rqf_flags___RQF_SPECIAL_PAYLOAD, RQF_SPECIAL_PAYLOAD);
	BIT_OF(rqf_flags___RQF_FLUSH_SEQ, RQF_FLUSH_SEQ);
	BIT_OF(rqf_flags___RQF_IO_STAT, RQF_IO_STAT);
#ifdef RQF_USE_SCHED
	BIT_OF(rqf_flags___RQF_USE_SCHED, RQF_USE_SCHED);
#else
	/* Before 6.4 this flag alone says that the scheduler's finish_request is to be called. */
	BIT_OF(rqf_flags___RQF_USE_SCHED, RQF_ELVPRIV);
#endif

	SAME(BIO_CHAIN);
#ifdef NEWEST_BIO_QOS_THROTTLED
	SAME(BIO_QOS_THROTTLED);
	SAME(BIO_QOS_MERGED);
#else
	/* One flag stands for both. */
	CONSTANT(BIO_QOS_THROTTLED, BIO_TRACKED);
	CONSTANT(BIO_QOS_MERGED, BIO_TRACKED);
#endif
#ifdef RQF_ZONE_WRITE_PLUGGING
	SAME(BIO_ZONE_WRITE_PLUGGING);
#else
	/* Before 6.10 there are no plugs of zone writes: a flag that no bio has. */
	CONSTANT(BIO_ZONE_WRITE_PLUGGING, BIO_FLAG_LAST);
#ifdef BVEC_POOL_OFFSET
	static_assert(BIO_FLAG_LAST < BVEC_POOL_OFFSET);
#else
	static_assert(BIO_FLAG_LAST < 16);
#endif
#endif

#ifdef NEWEST_QUEUE_FLAG_BIO_ISSUE_TIME
	SAME(QUEUE_FLAG_BIO_ISSUE_TIME);
#endif
}
