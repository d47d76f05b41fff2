// SPDX-License-Identifier: GPL-2.0-only

//! C's structures, functions and constants.
//!
//! The build generates most of them: structures and functions from the kernel's type information,
//! as far as the contracts describe them, and constants from `constants.c`. This file has what
//! neither of them has: C's macros and inline functions, which `helpers.c` makes functions.

use crate::ffi::{c_char, c_int, c_uint, c_ulong, c_void};

include!(concat!(env!("OUT_DIR"), "/bindings.rs"));
include!(concat!(env!("OUT_DIR"), "/constants.rs"));

pub type blk_status_t = u8;
pub type bio_end_io_t = Option<unsafe extern "C" fn(bio: *mut bio)>;
pub type clockid_t = c_int;
pub type cpuhp_state = c_int;
pub type umode_t = u16;
pub type device_match_t = Option<unsafe extern "C" fn(*mut device, *const c_void) -> c_int>;
pub type hrtimer_mode = c_uint;
pub type hrtimer_restart = c_uint;

macro_rules! rooms {
    ($($name:ident: $size:ident;)*) => {
        $(
            #[repr(C, align(8))]
            pub struct $name([u8; $size as usize]);
        )*
    };
}

// Structures that type information does not have, since a module has them, or since only kernels
// for the search of errors give them a size.
rooms! {
    lock_class_key: SIZE_lock_class_key;
    config_group: SIZE_config_group;
    configfs_subsystem: SIZE_configfs_subsystem;
}

extern "C" {
    pub static mut nr_cpu_ids: c_uint;
    pub static mut __cpu_online_mask: cpumask;
    pub static mut __per_cpu_offset: [c_ulong; 0];
    pub static mut cgrp_dfl_root: cgroup_root;

    #[link_name = "chaos_get_current"]
    pub fn get_current() -> *mut task_struct;
    #[link_name = "chaos_raw_smp_processor_id"]
    pub fn raw_smp_processor_id() -> c_uint;
    #[link_name = "chaos_class_find_device"]
    pub fn class_find_device(
        class: *const class,
        start: *const device,
        data: *const c_void,
        matches: device_match_t,
    ) -> *mut device;
    #[link_name = "chaos_cgroup_ancestor"]
    pub fn cgroup_ancestor(cgroup: *mut cgroup, level: c_int) -> *mut cgroup;
    #[link_name = "chaos_tracepoint_synchronize_unregister"]
    pub fn tracepoint_synchronize_unregister();
    #[cfg(not(newest = "bio_blkcg_css"))]
    #[link_name = "chaos_bio_blkcg_css"]
    pub fn bio_blkcg_css(bio: *mut bio) -> *mut cgroup_subsys_state;
    #[cfg(not(newest = "lock_system_sleep"))]
    #[link_name = "chaos_lock_system_sleep"]
    pub fn lock_system_sleep() -> c_uint;
    #[cfg(not(newest = "lock_system_sleep"))]
    #[link_name = "chaos_unlock_system_sleep"]
    pub fn unlock_system_sleep(flags: c_uint);
    pub fn chaos_clear_sq_sched(queue: *mut request_queue);
    pub fn chaos_class_of(disk: *mut gendisk) -> *const class;
    pub fn chaos_clear_polled(bio: *mut bio);
    pub fn chaos_capacity(disk: *mut gendisk) -> u64;
    pub fn chaos_disk_number(device: *mut device) -> c_uint;
    #[cfg(not(newest = "request_queue.disk"))]
    pub fn chaos_disk_of(queue: *mut request_queue) -> *mut gendisk;
    #[cfg(not(newest = "gendisk.bio_split"))]
    pub fn chaos_split_pool(bio: *const bio) -> *mut bio_set;
    #[link_name = "chaos_rb_link_node"]
    pub fn rb_link_node(node: *mut rb_node, parent: *mut rb_node, link: *mut *mut rb_node);
    #[cfg(not(newest = "rb_insert_color"))]
    #[link_name = "chaos_rb_insert_color"]
    pub fn rb_insert_color(node: *mut rb_node, root: *mut rb_root);
    #[cfg(not(newest = "rb_erase"))]
    #[link_name = "chaos_rb_erase"]
    pub fn rb_erase(node: *mut rb_node, root: *mut rb_root);
    #[cfg(not(newest = "rb_next"))]
    #[link_name = "chaos_rb_next"]
    pub fn rb_next(node: *const rb_node) -> *mut rb_node;
    #[cfg(not(newest = "kobject_put"))]
    #[link_name = "chaos_kobject_put"]
    pub fn kobject_put(object: *mut kobject);
    #[cfg(not(newest = "hrtimer_setup"))]
    #[link_name = "chaos_hrtimer_setup"]
    pub fn hrtimer_setup(
        timer: *mut hrtimer,
        function: Option<unsafe extern "C" fn(*mut hrtimer) -> hrtimer_restart>,
        clock: clockid_t,
        mode: hrtimer_mode,
    );

    #[link_name = "chaos_kmap_local_page"]
    pub fn kmap_local_page(page: *mut page) -> *mut c_void;
    #[link_name = "chaos_kunmap_local"]
    pub fn kunmap_local(address: *const c_void);

    pub fn chaos_kmalloc(size: usize, flags: c_uint) -> *mut c_void;
    pub fn chaos_kvmalloc(size: usize, flags: c_uint) -> *mut c_void;
    pub fn chaos_warn(file: *const c_char, length: c_int, line: c_uint);
    pub fn chaos_bug(file: *const c_char, length: c_int, line: c_uint);
    pub fn chaos_rcu_read_lock();
    pub fn chaos_rcu_read_unlock();
    pub fn chaos_fsleep(micros: c_ulong);
    pub fn chaos_mutex_init(lock: *mut mutex, name: *const c_char, class: *mut lock_class_key);
    pub fn chaos_mutex_lock(lock: *mut mutex);
    pub fn chaos_mutex_trylock(lock: *mut mutex) -> bool;
    pub fn chaos_mutex_unlock(lock: *mut mutex);
    pub fn chaos_spinlock_init(
        lock: *mut spinlock,
        name: *const c_char,
        class: *mut lock_class_key,
    );
    pub fn chaos_spinlock_lock(lock: *mut spinlock);
    pub fn chaos_spinlock_trylock(lock: *mut spinlock) -> bool;
    pub fn chaos_spinlock_unlock(lock: *mut spinlock);
    pub fn chaos_system_long_wq() -> *mut c_void;
    pub fn chaos_init_work(
        work: *mut work_struct,
        function: unsafe extern "C" fn(*mut work_struct),
        name: *const c_char,
        class: *mut lock_class_key,
    );
    pub fn chaos_init_group(
        group: *mut config_group,
        name: *const c_char,
        item_type: *mut config_item_type,
    );
    pub fn chaos_register_subsystem(
        subsystem: *mut configfs_subsystem,
        name: *const c_char,
        item_type: *mut config_item_type,
    ) -> c_int;
    pub fn chaos_unregister_subsystem(subsystem: *mut configfs_subsystem);
    pub fn config_item_put(item: *mut c_void);
}

/// `struct configfs_attribute`; `helpers.c` compares the layout.
#[repr(C)]
pub struct configfs_attribute {
    pub ca_name: *const c_char,
    pub ca_owner: *mut module,
    pub ca_mode: umode_t,
    pub show: Option<unsafe extern "C" fn(*mut c_void, *mut c_char) -> isize>,
    pub store: Option<unsafe extern "C" fn(*mut c_void, *const c_char, usize) -> isize>,
}

/// `struct config_item_type`; `helpers.c` compares the layout.
#[repr(C)]
pub struct config_item_type {
    pub ct_owner: *mut module,
    pub ct_item_ops: *const configfs_item_operations,
    pub ct_group_ops: *const configfs_group_operations,
    pub ct_attrs: *mut *mut configfs_attribute,
    pub ct_bin_attrs: *mut c_void,
}

type Release = Option<unsafe extern "C" fn(*mut c_void)>;
type MakeGroup = Option<unsafe extern "C" fn(*mut c_void, *const c_char) -> *mut c_void>;
type DropItem = Option<unsafe extern "C" fn(*mut c_void, *mut c_void)>;

const POINTER: usize = size_of::<usize>();

/// `struct configfs_item_operations`, with the only function that is used.
#[repr(C)]
pub struct configfs_item_operations {
    release: Release,
    rest: [u8; SIZE_configfs_item_operations as usize - POINTER],
}

const _: () = assert!(OFFSET_release == 0);

impl configfs_item_operations {
    pub const fn new(release: Release) -> Self {
        let rest = [0; SIZE_configfs_item_operations as usize - POINTER];
        Self { release, rest }
    }
}

const BEFORE_MAKE: usize = OFFSET_make_group as usize;
const BEFORE_DROP: usize = OFFSET_drop_item as usize - OFFSET_make_group as usize - POINTER;
const AFTER_DROP: usize =
    SIZE_configfs_group_operations as usize - OFFSET_drop_item as usize - POINTER;

/// `struct configfs_group_operations`, with the functions that are used.
#[repr(C)]
pub struct configfs_group_operations {
    before_make: [u8; BEFORE_MAKE],
    make_group: MakeGroup,
    before_drop: [u8; BEFORE_DROP],
    drop_item: DropItem,
    after_drop: [u8; AFTER_DROP],
}

impl configfs_group_operations {
    pub const fn new(make_group: MakeGroup, drop_item: DropItem) -> Self {
        Self {
            before_make: [0; BEFORE_MAKE],
            make_group,
            before_drop: [0; BEFORE_DROP],
            drop_item,
            after_drop: [0; AFTER_DROP],
        }
    }
}
