// SPDX-License-Identifier: GPL-2.0-only
/*
 * C's macros and inline functions as functions, for the Rust of this folder.
 *
 * The build defines NEWEST_name for each thing of which the contracts have several eras, if this
 * kernel has the newest; NEWEST_structure_member for a member.
 */
#include <linux/blk-mq.h>
#include <linux/blkdev.h>
#include <linux/cgroup.h>
#include <linux/configfs.h>
#include <linux/delay.h>
#include <linux/device.h>
#include <linux/hrtimer.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/rbtree.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/suspend.h>
#include <linux/tracepoint.h>
#include <linux/workqueue.h>
#include "helpers.h"
#ifndef NEWEST_bio_blkcg_css
#include <linux/blk-cgroup.h>
#endif
#ifndef NEWEST_bio_bi_bdev
#include <linux/genhd.h>
#endif

void *chaos_kmalloc(size_t size, unsigned int flags)
{
	return kmalloc(size, (__force gfp_t)flags);
}

void *chaos_kvmalloc(size_t size, unsigned int flags)
{
	return kvmalloc(size, (__force gfp_t)flags);
}

/* Linux 5.10 has no kmap_local_page(); a kernel of 64 bits has an address for each page. */
void *chaos_kmap_local_page(struct page *page)
{
	return page_address(page);
}

void chaos_kunmap_local(const void *address)
{
}

void chaos_warn(const char *file, int length, unsigned int line)
{
	WARN(1, "chaos_driver: %.*s:%u\n", length, file, line);
}

void chaos_bug(const char *file, int length, unsigned int line)
{
	pr_emerg("chaos_driver: panic at %.*s:%u\n", length, file, line);
	BUG();
}

void chaos_rcu_read_lock(void)
{
	rcu_read_lock();
}

void chaos_rcu_read_unlock(void)
{
	rcu_read_unlock();
}

void chaos_fsleep(unsigned long micros)
{
	fsleep(micros);
}

void chaos_mutex_init(struct mutex *lock, const char *name, struct lock_class_key *class)
{
	__mutex_init(lock, name, class);
}

void chaos_mutex_lock(struct mutex *lock)
{
	mutex_lock(lock);
}

bool chaos_mutex_trylock(struct mutex *lock)
{
	return mutex_trylock(lock);
}

void chaos_mutex_unlock(struct mutex *lock)
{
	mutex_unlock(lock);
}

void chaos_spinlock_init(spinlock_t *lock, const char *name, struct lock_class_key *class)
{
#if defined(CONFIG_DEBUG_SPINLOCK) && defined(CONFIG_PREEMPT_RT)
	__spin_lock_init(lock, name, class, false);
#elif defined(CONFIG_DEBUG_SPINLOCK)
	__raw_spin_lock_init(spinlock_check(lock), name, class, LD_WAIT_CONFIG);
#else
	spin_lock_init(lock);
#endif
}

void chaos_spinlock_lock(spinlock_t *lock)
{
	spin_lock(lock);
}

bool chaos_spinlock_trylock(spinlock_t *lock)
{
	return spin_trylock(lock);
}

void chaos_spinlock_unlock(spinlock_t *lock)
{
	spin_unlock(lock);
}

struct task_struct *chaos_get_current(void)
{
	return current;
}

unsigned int chaos_raw_smp_processor_id(void)
{
	return raw_smp_processor_id();
}

/* Older kernels have no const here. */
struct device *chaos_class_find_device(struct class *class, struct device *start, const void *data,
				       int (*match)(struct device *, const void *))
{
	return class_find_device(class, start, data, match);
}

/* Kernels protect the lists of probes in different ways. */
void chaos_tracepoint_synchronize_unregister(void)
{
	tracepoint_synchronize_unregister();
}

struct cgroup *chaos_cgroup_ancestor(struct cgroup *cgroup, int level)
{
	return cgroup_ancestor(cgroup, level);
}

#ifndef NEWEST_bio_blkcg_css
struct cgroup_subsys_state *chaos_bio_blkcg_css(struct bio *bio)
{
	return bio->bi_blkg ? &bio->bi_blkg->blkcg->css : NULL;
}
#endif

#ifndef NEWEST_lock_system_sleep
unsigned int chaos_lock_system_sleep(void)
{
	lock_system_sleep();
	return 0;
}

void chaos_unlock_system_sleep(unsigned int flags)
{
	unlock_system_sleep();
}
#endif

void chaos_clear_sq_sched(struct request_queue *queue)
{
	/* Kernels without the flag have no scheduler that sets it. */
#if defined(NEWEST_QUEUE_FLAG_SQ_SCHED) || defined(QUEUE_FLAG_SQ_SCHED)
	blk_queue_flag_clear(QUEUE_FLAG_SQ_SCHED, queue);
#endif
}

const struct class *chaos_class_of(struct gendisk *disk)
{
	return disk_to_dev(disk)->class;
}

/* Kernels mark a bio of a CPU's cache by a flag of the operation, or of the bio. */
void chaos_clear_polled(struct bio *bio)
{
#ifdef NEWEST___REQ_POLLED
	if (!(bio->bi_opf & REQ_POLLED))
		return;
	bio->bi_opf &= ~REQ_POLLED;
#else
	if (!(bio->bi_opf & REQ_HIPRI))
		return;
	bio->bi_opf &= ~REQ_HIPRI;
#endif
#ifdef NEWEST___REQ_ALLOC_CACHE
	bio->bi_opf &= ~REQ_ALLOC_CACHE;
#endif
#ifdef NEWEST_BIO_PERCPU_CACHE
	bio_clear_flag(bio, BIO_PERCPU_CACHE);
#endif
}

u64 chaos_capacity(struct gendisk *disk)
{
	return get_capacity(disk);
}

#ifdef NEWEST_bio_bi_bdev
unsigned int chaos_disk_number(struct device *device)
{
	return disk_devt(dev_to_bdev(device)->bd_disk);
}
#else
unsigned int chaos_disk_number(struct device *device)
{
	return disk_devt(part_to_disk(dev_to_part(device)));
}

struct gendisk *chaos_counted_disk(const struct request *request)
{
	return request->part ? part_to_disk(request->part) : NULL;
}

struct disk_stats *chaos_disk_stats(struct gendisk *disk)
{
	return disk->part0.dkstats;
}

/* A disk without statistics gives its requests no partition. */
unsigned int chaos_device_number(const struct request *request)
{
	return request->part ? part_devt(request->part) : disk_devt(request->rq_disk);
}

unsigned char chaos_partition_number(const struct request *request)
{
	return request->part ? request->part->partno : 0;
}
#endif

#ifndef NEWEST_gendisk_bio_split
struct bio_set *chaos_split_pool(const struct bio *bio)
{
#ifdef NEWEST_bio_bi_bdev
	struct gendisk *disk = bio->bi_bdev->bd_disk;
#else
	struct gendisk *disk = bio->bi_disk;
#endif

	return &disk->queue->bio_split;
}
#endif

#ifndef NEWEST_request_queue_disk
struct gendisk *chaos_disk_of(struct request_queue *queue)
{
	struct kobject *parent = READ_ONCE(queue->kobj.parent);

	return parent ? dev_to_disk(kobj_to_dev(parent)) : NULL;
}
#endif

void chaos_rb_link_node(struct rb_node *node, struct rb_node *parent, struct rb_node **link)
{
	rb_link_node(node, parent, link);
}

void chaos_rb_insert_color(struct rb_node *node, struct rb_root *root)
{
	rb_insert_color(node, root);
}

void chaos_rb_erase(struct rb_node *node, struct rb_root *root)
{
	rb_erase(node, root);
}

struct rb_node *chaos_rb_next(const struct rb_node *node)
{
	return rb_next(node);
}

void chaos_kobject_put(struct kobject *object)
{
	kobject_put(object);
}

#ifndef NEWEST_hrtimer_setup
void chaos_hrtimer_setup(struct hrtimer *timer,
			 enum hrtimer_restart (*function)(struct hrtimer *), clockid_t clock,
			 enum hrtimer_mode mode)
{
	hrtimer_init(timer, clock, mode);
	timer->function = function;
}
#endif

struct workqueue_struct *chaos_system_long_wq(void)
{
	return system_long_wq;
}

void chaos_init_work(struct work_struct *work, work_func_t function, const char *name,
		     struct lock_class_key *class)
{
	__init_work(work, false);
	work->data = (atomic_long_t)WORK_DATA_INIT();
#ifdef CONFIG_LOCKDEP
	lockdep_init_map(&work->lockdep_map, name, class, 0);
#endif
	INIT_LIST_HEAD(&work->entry);
	work->func = function;
}

/* Rust has these structures with these layouts. */
static_assert(offsetof(struct configfs_attribute, ca_name) == 0);
static_assert(offsetof(struct configfs_attribute, ca_owner) == 8);
static_assert(offsetof(struct configfs_attribute, ca_mode) == 16 && sizeof(umode_t) == 2);
static_assert(offsetof(struct configfs_attribute, show) == 24);
static_assert(offsetof(struct configfs_attribute, store) == 32);
static_assert(sizeof(struct configfs_attribute) == 40);
static_assert(offsetof(struct config_item_type, ct_owner) == 0);
static_assert(offsetof(struct config_item_type, ct_item_ops) == 8);
static_assert(offsetof(struct config_item_type, ct_group_ops) == 16);
static_assert(offsetof(struct config_item_type, ct_attrs) == 24);
static_assert(sizeof(struct config_item_type) == 40);
/* Rust has one address for these. */
static_assert(offsetof(struct config_group, cg_item) == 0);
static_assert(offsetof(struct configfs_subsystem, su_group) == 0);

void chaos_init_group(struct config_group *group, const char *name, struct config_item_type *type)
{
	memset(group, 0, sizeof(*group));
	config_group_init_type_name(group, name, type);
}

int chaos_register_subsystem(struct configfs_subsystem *subsystem, const char *name,
			     struct config_item_type *type)
{
	memset(subsystem, 0, sizeof(*subsystem));
	config_group_init_type_name(&subsystem->su_group, name, type);
	mutex_init(&subsystem->su_mutex);
	return configfs_register_subsystem(subsystem);
}

void chaos_unregister_subsystem(struct configfs_subsystem *subsystem)
{
	configfs_unregister_subsystem(subsystem);
	mutex_destroy(&subsystem->su_mutex);
}
