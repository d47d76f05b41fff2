// SPDX-License-Identifier: GPL-2.0-only

//! The kernel's C types and functions for held requests, under the names that bindgen gives them.

#![allow(
    non_camel_case_types,
    non_upper_case_globals,
    reason = "the names are those of C"
)]

pub(crate) use super::{
    bio::bio_endio,
    clock::{get_random_u64, ktime_get},
    rbtree::{rb_erase, rb_insert_color, rb_link_node, rb_next, rb_node, rb_root},
};
use std::ffi::c_void;

pub(crate) const req_op_REQ_OP_READ: u32 = 0;
pub(crate) const req_op_REQ_OP_WRITE: u32 = 1;
pub(crate) const req_op_REQ_OP_FLUSH: u32 = 2;
pub(crate) const req_op_REQ_OP_DISCARD: u32 = 3;
pub(crate) const req_op_REQ_OP_SECURE_ERASE: u32 = 5;
pub(crate) const req_op_REQ_OP_ZONE_APPEND: u32 = 7;
pub(crate) const req_op_REQ_OP_WRITE_ZEROES: u32 = 9;
pub(crate) const req_op_REQ_OP_ZONE_OPEN: u32 = 11;
pub(crate) const req_op_REQ_OP_ZONE_CLOSE: u32 = 13;
pub(crate) const req_op_REQ_OP_ZONE_FINISH: u32 = 15;
pub(crate) const req_op_REQ_OP_ZONE_RESET: u32 = 17;
pub(crate) const req_op_REQ_OP_ZONE_RESET_ALL: u32 = 19;
pub(crate) const req_op_REQ_OP_DRV_IN: u32 = 34;
pub(crate) const req_op_REQ_OP_DRV_OUT: u32 = 35;
pub(crate) const REQ_OP_BITS: u32 = 8;
pub(crate) const BIO_CHAIN: u32 = 3;
pub(crate) const BIO_QOS_THROTTLED: u32 = 7;
pub(crate) const BIO_QOS_MERGED: u32 = 8;
pub(crate) const BIO_ZONE_WRITE_PLUGGING: u32 = 11;
pub(crate) const rqf_flags___RQF_STARTED: u32 = 0;
pub(crate) const rqf_flags___RQF_FLUSH_SEQ: u32 = 1;
pub(crate) const rqf_flags___RQF_SPECIAL_PAYLOAD: u32 = 10;
pub(crate) const rqf_flags___RQF_USE_SCHED: u32 = 5;
pub(crate) const rqf_flags___RQF_IO_STAT: u32 = 8;
pub(crate) const stat_group_STAT_READ: u32 = 0;
pub(crate) const stat_group_STAT_WRITE: u32 = 1;
pub(crate) const stat_group_STAT_DISCARD: u32 = 2;
pub(crate) const req_flag_bits___REQ_SYNC: u32 = 11;
pub(crate) const req_flag_bits___REQ_META: u32 = 12;
pub(crate) const req_flag_bits___REQ_FUA: u32 = 17;
pub(crate) const req_flag_bits___REQ_PREFLUSH: u32 = 18;
pub(crate) const req_flag_bits___REQ_INTEGRITY: u32 = 16;
pub(crate) const req_flag_bits___REQ_SWAP: u32 = 25;
pub(crate) const req_flag_bits___REQ_POLLED: u32 = 23;
pub(crate) const req_flag_bits___REQ_ATOMIC: u32 = 26;
pub(crate) const pageflags_PG_locked: u32 = 0;
pub(crate) const pageflags_PG_uptodate: u32 = 3;
pub(crate) const pageflags_PG_swapbacked: u32 = 17;

/// A request, without the fields that the driver never touches.
pub(crate) struct request {
    pub(crate) q: *mut request_queue,
    pub(crate) mq_hctx: *mut blk_mq_hw_ctx,
    pub(crate) cmd_flags: u32,
    pub(crate) rq_flags: u32,
    pub(crate) part: *mut block_device,
    pub(crate) end_io: Option<unsafe extern "C" fn()>,
    pub(crate) __data_len: u32,
    pub(crate) __sector: u64,
    pub(crate) bio: *mut bio,
    pub(crate) biotail: *mut bio,
    pub(crate) __bindgen_anon_1: request__bindgen_ty_1,
    pub(crate) __bindgen_anon_2: request__bindgen_ty_2,
    pub(crate) __bindgen_anon_3: request__bindgen_ty_3,
    pub(crate) elv: request__bindgen_ty_4,
    pub(crate) fifo_time: u64,
}

pub(crate) union request__bindgen_ty_1 {
    pub(crate) queuelist: list_head,
}

pub(crate) union request__bindgen_ty_2 {
    pub(crate) hash: hlist_node,
}

pub(crate) union request__bindgen_ty_3 {
    pub(crate) rb_node: rb_node,
}

pub(crate) struct request__bindgen_ty_4 {
    pub(crate) priv_: [*mut c_void; 2],
}

#[derive(Clone, Copy)]
pub(crate) struct list_head {
    pub(crate) next: *mut list_head,
    pub(crate) prev: *mut list_head,
}

#[derive(Clone, Copy)]
pub(crate) struct hlist_node {
    pub(crate) next: *mut hlist_node,
    pub(crate) pprev: *mut *mut hlist_node,
}

pub(crate) struct request_queue {
    pub(crate) limits: queue_limits,
}

pub(crate) struct queue_limits {
    pub(crate) logical_block_size: u32,
}

pub(crate) struct blk_mq_hw_ctx;

pub(crate) struct bio {
    pub(crate) bi_iter: bvec_iter,
    pub(crate) bi_io_vec: *mut bio_vec,
    pub(crate) bi_bdev: *mut block_device,
    pub(crate) bi_next: *mut bio,
    pub(crate) bi_opf: u32,
    pub(crate) bi_flags: u16,
    pub(crate) __bi_remaining: atomic_t,
    pub(crate) bi_end_io: bio_end_io_t,
    pub(crate) bi_private: *mut c_void,
    pub(crate) bi_pool: *mut bio_set,
    pub(crate) bi_status: blk_status_t,
}

pub(crate) type blk_status_t = u8;

pub(crate) struct bio_set;

pub(crate) type bio_end_io_t = Option<unsafe extern "C" fn(*mut bio)>;

/// The model has no injection with an error: its requests all come to the disk.
pub(crate) unsafe fn blk_mq_end_request(_request: *mut request, _status: blk_status_t) {
    unreachable!("no rule of the model ends I/O with an error")
}

/// The model has no injection that changes data: its bios have none.
pub(crate) unsafe fn kmap_local_page(_page: *mut page) -> *mut c_void {
    unreachable!("no rule of the model changes data")
}

pub(crate) unsafe fn kunmap_local(_address: *const c_void) {
    unreachable!("no rule of the model changes data")
}

pub(crate) fn raw_smp_processor_id() -> u32 {
    0
}

pub(crate) static mut __per_cpu_offset: [std::ffi::c_ulong; 1] = [0];

#[derive(Clone, Copy)]
pub(crate) struct bvec_iter {
    pub(crate) bi_sector: u64,
    pub(crate) bi_size: u32,
    pub(crate) bi_idx: u32,
    pub(crate) bi_bvec_done: u32,
}

#[derive(Clone, Copy)]
pub(crate) struct bio_vec {
    pub(crate) bv_page: *mut page,
    pub(crate) bv_len: u32,
    pub(crate) bv_offset: u32,
}

pub(crate) struct page {
    pub(crate) flags: memdesc_flags_t,
}

pub(crate) struct memdesc_flags_t {
    pub(crate) f: usize,
}

pub(crate) struct block_device {
    pub(crate) __bd_flags: atomic_t,
    pub(crate) bd_dev: u32,
    pub(crate) bd_stats: *mut disk_stats,
    pub(crate) bd_disk: *mut gendisk,
}

pub(crate) struct disk_stats;

pub(crate) struct gendisk {
    pub(crate) part0: *mut block_device,
    pub(crate) queue: *mut request_queue,
    pub(crate) bio_split: bio_set,
}

pub(crate) struct atomic_t {
    pub(crate) counter: i32,
}
