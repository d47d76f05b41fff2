// SPDX-License-Identifier: GPL-2.0-only

//! Writes of which the driver gets the first blocks only.
//!
//! The scheduler shortens the request and its bio before the dispatch. The driver serves the short
//! request, and the block layer ends the bio at the end of its iterator, as ever. Submitters go by
//! the size that they asked for, and not by the iterator of a bio that has ended.
//!
//! C header: [`include/linux/bio.h`](srctree/include/linux/bio.h)

use super::{Request, RequestData, Status};
use core::marker::PhantomData;
use kernel::bindings;

/// A request whose data can be torn between two blocks.
///
/// # Invariants
///
/// The request is valid, and the borrowed handle its only user. It writes data, and has one bio, of
/// `blocks` times `block_bytes` bytes.
pub(crate) struct Tearable<'a, D: RequestData> {
    request: *mut bindings::request,
    blocks: u32,
    block_bytes: u32,
    _borrow: PhantomData<&'a mut Request<D>>,
}

impl<D: RequestData> Request<D> {
    /// The request as one that can be torn, if it can be.
    ///
    /// These requests cannot:
    ///
    /// * Requests of several bios, or of an operation that has no data of its own.
    /// * Writes to zones, since the block layer goes by the place of the last one
    ///   (`blk_zone_wplug_prepare_bio`).
    /// * Writes that the disk is to do whole or not at all.
    /// * A request with an `end_io` that takes the status of the request for that of the bio (the
    ///   paths of dm-multipath). A flush sequence has an `end_io` that does not.
    /// * Data with integrity metadata or a key of the block layer, which belong to units that may
    ///   be larger than a block.
    pub(crate) fn tearable(&mut self) -> Option<Tearable<'_, D>> {
        const ZONE: u16 = 1 << bindings::BIO_ZONE_WRITE_PLUGGING;
        const FLUSH_SEQUENCE: u32 = 1 << bindings::rqf_flags___RQF_FLUSH_SEQ;
        const SPECIAL_PAYLOAD: u32 = 1 << bindings::rqf_flags___RQF_SPECIAL_PAYLOAD;
        let flags = self.flags();
        let (request, bio) = (self.as_raw().as_ptr(), self.bio());
        let is_refused = flags.has_integrity() || flags.is_atomic();
        if bio.is_null() || !flags.is_write() || is_refused {
            return None;
        }
        // SAFETY: By the type's invariants; a request's bios are valid until it ends, and the queue
        // is valid as long as the request.
        let (block_bytes, bytes) = unsafe {
            let is_usual = (*bio).bi_next.is_null()
                && (*bio).bi_flags & ZONE == 0
                && (*request).rq_flags & SPECIAL_PAYLOAD == 0
                && ((*request).end_io.is_none() || (*request).rq_flags & FLUSH_SEQUENCE != 0)
                && (*bio).bi_iter.bi_size == (*request).__data_len;
            #[cfg(CONFIG_BLK_INLINE_ENCRYPTION)]
            let is_usual = is_usual && (*bio).bi_crypt_context.is_null();
            if !is_usual {
                return None;
            }
            (
                (*(*request).q).limits.logical_block_size,
                (*request).__data_len,
            )
        };
        if bytes.checked_rem(block_bytes) != Some(0) {
            return None;
        }
        // INVARIANT: As was just seen.
        Some(Tearable {
            request,
            blocks: bytes.checked_div(block_bytes)?,
            block_bytes,
            _borrow: PhantomData,
        })
    }
}

impl<D: RequestData> Tearable<'_, D> {
    /// How many blocks it has.
    pub(crate) fn blocks(&self) -> u32 {
        self.blocks
    }

    /// Has the driver get the first blocks only, so many of them. The I/O ends with this status,
    /// if the driver has no error. Does nothing unless some blocks are left, and some are not.
    ///
    /// The block layer writes a status into a bio only where there is an error (`bio_endio()`,
    /// `blk_update_request()`), so that a status that the bio has before stays.
    pub(crate) fn tear(self, blocks: u32, status: Status) {
        if blocks == 0 || blocks >= self.blocks {
            return;
        }
        let bytes = blocks.saturating_mul(self.block_bytes);
        // SAFETY: By the type's invariants. The request keeps the number of its segments, and
        // drivers map no more than so many (`blk_rq_map_sg()`).
        unsafe {
            let bio = (*self.request).bio;
            (*bio).bi_iter.bi_size = bytes;
            (*self.request).__data_len = bytes;
            if status != Status::DONE {
                (*bio).bi_status = status.number();
            }
        }
    }
}
