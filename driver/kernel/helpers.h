/* SPDX-License-Identifier: GPL-2.0-only */
/* The functions of helpers.c. */
#include <linux/blkdev.h>
#include <linux/cgroup.h>
#include <linux/configfs.h>
#include <linux/device.h>
#include <linux/hrtimer.h>
#include <linux/workqueue.h>

void *chaos_kmalloc(size_t size, unsigned int flags);
void *chaos_kvmalloc(size_t size, unsigned int flags);
void *chaos_kmap_local_page(struct page *page);
void chaos_kunmap_local(const void *address);
void chaos_warn(const char *file, int length, unsigned int line);
void chaos_bug(const char *file, int length, unsigned int line) __noreturn;
void chaos_rcu_read_lock(void);
void chaos_rcu_read_unlock(void);
void chaos_fsleep(unsigned long micros);
void chaos_mutex_init(struct mutex *lock, const char *name, struct lock_class_key *class);
void chaos_mutex_lock(struct mutex *lock);
bool chaos_mutex_trylock(struct mutex *lock);
void chaos_mutex_unlock(struct mutex *lock);
void chaos_spinlock_init(spinlock_t *lock, const char *name, struct lock_class_key *class);
void chaos_spinlock_lock(spinlock_t *lock);
bool chaos_spinlock_trylock(spinlock_t *lock);
void chaos_spinlock_unlock(spinlock_t *lock);
struct task_struct *chaos_get_current(void);
unsigned int chaos_raw_smp_processor_id(void);
struct device *chaos_class_find_device(struct class *class, struct device *start, const void *data,
				       int (*match)(struct device *, const void *));
void chaos_tracepoint_synchronize_unregister(void);
struct cgroup *chaos_cgroup_ancestor(struct cgroup *cgroup, int level);
struct cgroup_subsys_state *chaos_bio_blkcg_css(struct bio *bio);
unsigned int chaos_lock_system_sleep(void);
void chaos_unlock_system_sleep(unsigned int flags);
void chaos_clear_sq_sched(struct request_queue *queue);
const struct class *chaos_class_of(struct gendisk *disk);
void chaos_clear_polled(struct bio *bio);
u64 chaos_capacity(struct gendisk *disk);
unsigned int chaos_disk_number(struct device *device);
struct gendisk *chaos_disk_of(struct request_queue *queue);
struct gendisk *chaos_counted_disk(const struct request *request);
struct disk_stats *chaos_disk_stats(struct gendisk *disk);
unsigned int chaos_device_number(const struct request *request);
unsigned char chaos_partition_number(const struct request *request);
struct bio_set *chaos_split_pool(const struct bio *bio);
void chaos_rb_link_node(struct rb_node *node, struct rb_node *parent, struct rb_node **link);
void chaos_rb_insert_color(struct rb_node *node, struct rb_root *root);
void chaos_rb_erase(struct rb_node *node, struct rb_root *root);
struct rb_node *chaos_rb_next(const struct rb_node *node);
void chaos_kobject_put(struct kobject *object);
void chaos_hrtimer_setup(struct hrtimer *timer,
			 enum hrtimer_restart (*function)(struct hrtimer *), clockid_t clock,
			 enum hrtimer_mode mode);
struct workqueue_struct *chaos_system_long_wq(void);
void chaos_init_work(struct work_struct *work, work_func_t function, const char *name,
		     struct lock_class_key *class);
void chaos_init_group(struct config_group *group, const char *name, struct config_item_type *type);
int chaos_register_subsystem(struct configfs_subsystem *subsystem, const char *name,
			     struct config_item_type *type);
void chaos_unregister_subsystem(struct configfs_subsystem *subsystem);
