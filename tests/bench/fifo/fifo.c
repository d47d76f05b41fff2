// SPDX-License-Identifier: GPL-2.0
/*
 * The plainest I/O scheduler: a list under a lock for each hardware queue. It costs what any
 * scheduler costs.
 *
 * It is in C and not on the driver's own abstraction, to show the cost of that abstraction as well.
 */
#include <linux/module.h>
#include <linux/slab.h>

#include "elevator.h"

struct fifo {
	spinlock_t lock;
	struct list_head requests;
};

static int fifo_init_sched(struct request_queue *q, struct elevator_queue *eq)
{
	blk_queue_flag_clear(QUEUE_FLAG_SQ_SCHED, q);
	q->async_depth = q->nr_requests;
	q->elevator = eq;
	return 0;
}

static int fifo_init_hctx(struct blk_mq_hw_ctx *hctx, unsigned int index)
{
	struct fifo *fifo = kmalloc_node(sizeof(*fifo), GFP_KERNEL, hctx->numa_node);

	if (!fifo)
		return -ENOMEM;
	spin_lock_init(&fifo->lock);
	INIT_LIST_HEAD(&fifo->requests);
	hctx->sched_data = fifo;
	return 0;
}

static void fifo_exit_hctx(struct blk_mq_hw_ctx *hctx, unsigned int index)
{
	kfree(hctx->sched_data);
}

static void fifo_insert_requests(struct blk_mq_hw_ctx *hctx, struct list_head *list,
				 blk_insert_t flags)
{
	struct fifo *fifo = hctx->sched_data;

	spin_lock(&fifo->lock);
	if (flags & BLK_MQ_INSERT_AT_HEAD)
		list_splice_init(list, &fifo->requests);
	else
		list_splice_tail_init(list, &fifo->requests);
	spin_unlock(&fifo->lock);
}

static struct request *fifo_dispatch_request(struct blk_mq_hw_ctx *hctx)
{
	struct fifo *fifo = hctx->sched_data;
	struct request *rq;

	spin_lock(&fifo->lock);
	rq = list_first_entry_or_null(&fifo->requests, struct request, queuelist);
	if (rq)
		list_del_init(&rq->queuelist);
	spin_unlock(&fifo->lock);
	return rq;
}

static bool fifo_has_work(struct blk_mq_hw_ctx *hctx)
{
	struct fifo *fifo = hctx->sched_data;

	return !list_empty_careful(&fifo->requests);
}

/* The block layer refuses a scheduler without it. */
static void fifo_finish_request(struct request *rq)
{
}

static struct elevator_type fifo_type = {
	.ops = {
		.init_sched = fifo_init_sched,
		.init_hctx = fifo_init_hctx,
		.exit_hctx = fifo_exit_hctx,
		.insert_requests = fifo_insert_requests,
		.dispatch_request = fifo_dispatch_request,
		.has_work = fifo_has_work,
		.finish_request = fifo_finish_request,
	},
	.elevator_name = "fifo",
	.elevator_owner = THIS_MODULE,
};

static int __init fifo_init(void)
{
	return elv_register(&fifo_type);
}
module_init(fifo_init);

static void __exit fifo_exit(void)
{
	elv_unregister(&fifo_type);
}
module_exit(fifo_exit);

MODULE_AUTHOR("The Chaos Driver authors");
MODULE_DESCRIPTION("The plainest I/O scheduler");
MODULE_LICENSE("GPL");
