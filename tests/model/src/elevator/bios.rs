// SPDX-License-Identifier: GPL-2.0-only

//! A request's bios, and the device that serves a request.
//!
//! Each bio has memory of its own, which its end frees, so that the address sanitizer notices a use
//! of a bio that has ended, and a second end; a bio that never ends is a leak.

use super::{block_layer::Owned, hctx::Hctx, layouts::DiskStats};
use crate::bindings::{self, bio_endio};
use std::{
    cell::RefCell,
    collections::BTreeMap,
    ffi::c_void,
    ptr::{null_mut, without_provenance_mut, NonNull},
    rc::Rc,
};

/// The bios of a request, and the way they end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// The request has no bio.
    NoBio,
    /// The request has so many bios, which end when it does.
    Plain(u32),
    /// A part of the bio was split off, and ends by itself, before or after the request.
    Chained,
    /// The request ends without its bios, which a multipath device has stolen for another path.
    Stolen,
    /// The request is in the middle of a flush sequence, and its bio ends with the sequence.
    Flush,
    /// As `Flush`, and a part of the bio was split off.
    FlushChained,
    /// As `Flush`, and a multipath device has stolen the bio for another path.
    FlushStolen,
    /// A task verifies the read data before the bio ends.
    Verified,
    /// The request has an `end_io` that frees the bios by itself.
    Foreign,
}

impl Shape {
    pub(crate) fn can_be_parked(self, reads: bool) -> bool {
        match self {
            Self::NoBio | Self::Foreign => false,
            Self::Verified => !reads,
            _ => true,
        }
    }

    /// How many bios the request has.
    pub(crate) fn bios(self) -> u32 {
        match self {
            Self::NoBio => 0,
            Self::Plain(count) => count,
            Self::Stolen => 2,
            _ => 1,
        }
    }

    pub(crate) fn is_flush(self) -> bool {
        matches!(self, Self::Flush | Self::FlushChained | Self::FlushStolen)
    }

    /// Whether a multipath device steals the bios for another path.
    pub(crate) fn is_stolen(self) -> bool {
        matches!(self, Self::Stolen | Self::FlushStolen)
    }

    fn is_chained(self) -> bool {
        matches!(self, Self::Chained | Self::FlushChained)
    }
}

/// The ends of bios that submitters have seen.
#[derive(Default)]
pub(crate) struct Ends {
    /// How many bios of each request have ended.
    ended: RefCell<BTreeMap<u64, u32>>,
    /// The complaint about an end, kept because C's functions cannot panic.
    wrong: RefCell<Option<String>>,
}

impl Ends {
    /// How many bios of a request have ended.
    pub(crate) fn of(&self, number: u64) -> u32 {
        self.ended.borrow().get(&number).copied().unwrap_or(0)
    }

    pub(crate) fn check(&self) -> Result<(), String> {
        self.wrong.take().map_or(Ok(()), Err)
    }
}

#[repr(C)]
struct OwnBio {
    bio: bindings::bio,
    number: u64,
    private: *mut c_void,
    /// The same pointer as in the bio, since Miri gives a function several addresses.
    end_io: unsafe extern "C" fn(*mut bindings::bio),
    /// Whether the bio has other counts than the request's. The holder of the last count may leave
    /// 0, as a split-off part does.
    is_shared: bool,
    ends: Rc<Ends>,
}

/// An end that a bio waits for.
pub(crate) struct Late(*mut bindings::bio);

impl Late {
    pub(crate) fn of(bio: *mut bindings::bio) -> Self {
        Self(bio)
    }

    pub(crate) fn happen(self) {
        // SAFETY: The bio has a count for this end.
        unsafe { bio_endio(self.0) };
    }

    /// The number of the bio's request.
    pub(crate) fn number(&self) -> u64 {
        // SAFETY: The bio has a count for this end, and `new_bio` has made all bios.
        unsafe { (*self.0.cast::<OwnBio>()).number }
    }
}

/// The `bi_end_io` of all submitters.
unsafe extern "C" fn ended(bio: *mut bindings::bio) {
    // SAFETY: `new_bio` has made the bio, and it has ended.
    let own = unsafe { Box::from_raw(bio.cast::<OwnBio>()) };
    let bio = &own.bio;
    let remaining = bio.__bi_remaining.counter;
    let is_own = bio
        .bi_end_io
        .is_some_and(|set| std::ptr::fn_addr_eq(set, own.end_io));
    if !is_own || bio.bi_private != own.private {
        own.complain("has not got back what was its own");
    }
    if bio.bi_flags & 1 << bindings::BIO_CHAIN != 0 {
        own.complain("is still counted");
    }
    if remaining != 1 && !(own.is_shared && remaining == 0) {
        own.complain(&format!("has a count of {remaining}"));
    }
    *own.ends.ended.borrow_mut().entry(own.number).or_default() += 1;
}

impl OwnBio {
    fn complain(&self, what: &str) {
        *self.ends.wrong.borrow_mut() = Some(format!("a bio of {} {what}", self.number));
    }
}

/// Makes a bio of a request, with a flag of rq_qos.
fn new_bio(
    number: u64,
    shape: Shape,
    operation: u32,
    next: *mut bindings::bio,
    ends: &Rc<Ends>,
) -> *mut bindings::bio {
    let private = without_provenance_mut(0x1000 + number as usize);
    let integrity = u32::from(shape == Shape::Verified) << bindings::req_flag_bits___REQ_INTEGRITY;
    let chain = u16::from(shape.is_chained()) << bindings::BIO_CHAIN;
    let end_io: unsafe extern "C" fn(*mut bindings::bio) = ended;
    let bio = OwnBio {
        bio: bindings::bio {
            bi_iter: bindings::bvec_iter {
                bi_sector: number,
                bi_size: 0,
                bi_idx: 0,
                bi_bvec_done: 0,
            },
            bi_io_vec: null_mut(),
            bi_bdev: null_mut(),
            bi_next: next,
            bi_opf: operation | integrity,
            bi_flags: chain | 1 << bindings::BIO_QOS_THROTTLED,
            __bi_remaining: bindings::atomic_t {
                counter: 1 + i32::from(shape.is_chained()),
            },
            bi_end_io: Some(end_io),
            bi_private: private,
            bi_pool: null_mut(),
            bi_status: 0,
        },
        number,
        private,
        end_io,
        is_shared: shape.is_chained() || shape.is_stolen(),
        ends: ends.clone(),
    };
    Box::into_raw(Box::new(bio)).cast()
}

unsafe extern "C" fn told_elsewhere() {}

impl Owned {
    /// Gives a request bios, and a device whose statistics count it. Returns the ends of split-off
    /// parts.
    pub(crate) fn submit(&mut self, shape: Shape, ends: &Rc<Ends>, disk: &Disk) -> Vec<Late> {
        let number = self.number();
        // SAFETY: The request is ours.
        let operation = unsafe { (*self.as_raw().as_ptr()).cmd_flags } & 0xff;
        let bios = 0..shape.bios();
        let first = bios.fold(null_mut(), |next, _| {
            new_bio(number, shape, operation, next, ends)
        });
        // SAFETY: The request is ours.
        unsafe {
            let request = self.as_raw().as_ptr();
            (*request).bio = first;
            (*request).biotail = first;
            if shape == Shape::Verified {
                (*request).cmd_flags |= 1 << bindings::req_flag_bits___REQ_INTEGRITY;
            }
            (*request).part = disk.part.as_ptr();
            (*request).rq_flags |= 1 << bindings::rqf_flags___RQF_IO_STAT;
            if shape.is_flush() {
                (*request).rq_flags |= 1 << bindings::rqf_flags___RQF_FLUSH_SEQ;
            }
            if shape.is_flush() || shape == Shape::Foreign {
                (*request).end_io = Some(told_elsewhere);
            }
        }
        let split = shape.is_chained().then_some(Late(first));
        split.into_iter().collect()
    }

    /// Finishes a request that the device has served: ends its bios as `blk_update_request()`,
    /// calls the scheduler, and frees the request. Returns the ends for which its bios still wait.
    pub(crate) fn finish(self, shape: Shape, hctx: &Hctx) -> Vec<Late> {
        let request = self.as_raw().as_ptr();
        let mut bios = Vec::new();
        // SAFETY: The request is ours, and each of its bios has a count that belongs to the device.
        unsafe {
            let mut bio = std::mem::replace(&mut (*request).bio, null_mut());
            while !bio.is_null() {
                bios.push(Late(bio));
                bio = (*bio).bi_next;
            }
            if shape.is_stolen() {
                // As `blk_steal_bios()`.
                (*request).biotail = null_mut();
            }
            let late = if shape.is_flush() || shape.is_stolen() {
                bios
            } else {
                bios.into_iter().for_each(Late::happen);
                Vec::new()
            };
            // As `blk_mq_finish_request()`.
            if (*request).rq_flags & 1 << bindings::rqf_flags___RQF_USE_SCHED != 0 {
                hctx.finish(request);
            }
            late
        }
    }
}

/// A disk with a partition, each with statistics.
pub(crate) struct Disk {
    part: NonNull<bindings::block_device>,
    whole: NonNull<bindings::block_device>,
    disk: NonNull<bindings::gendisk>,
}

/// Allocates an object that is used by its address alone.
fn allocate<T>(value: T) -> NonNull<T> {
    NonNull::from(Box::leak(Box::new(value)))
}

impl Disk {
    pub(crate) fn new() -> Self {
        let disk = allocate(bindings::gendisk {
            queue: std::ptr::null_mut(),
            part0: null_mut(),
            bio_split: bindings::bio_set,
        });
        let [part, whole] = [1, 0].map(|number| {
            allocate(bindings::block_device {
                __bd_flags: bindings::atomic_t { counter: number },
                bd_dev: number as u32,
                bd_stats: allocate(DiskStats { nsecs: [0; 4] }).as_ptr().cast(),
                bd_disk: disk.as_ptr(),
            })
        });
        // SAFETY: The disk is ours.
        unsafe { (*disk.as_ptr()).part0 = whole.as_ptr() };
        Self { part, whole, disk }
    }

    /// The time in the statistics of the partition and of the disk.
    pub(crate) fn times_ns(&self) -> [u64; 2] {
        // SAFETY: The devices are ours, and valid.
        [self.part, self.whole].map(|device| unsafe {
            let stats: *mut DiskStats = device.as_ref().bd_stats.cast();
            let nsecs: [u64; 4] = (*stats).nsecs;
            nsecs.into_iter().sum()
        })
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // SAFETY: `allocate` has made all of these, and there is no other user.
        unsafe {
            for device in [self.part, self.whole] {
                drop(Box::from_raw(device.as_ref().bd_stats.cast::<DiskStats>()));
                drop(Box::from_raw(device.as_ptr()));
            }
            drop(Box::from_raw(self.disk.as_ptr()));
        }
    }
}
