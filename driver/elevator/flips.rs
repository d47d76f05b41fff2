// SPDX-License-Identifier: GPL-2.0-only

//! Bits of the data of a read that are flipped before its held completion ends.
//!
//! The places of the bits are found while the scheduler has the request, as the block layer moves
//! the iterators of its bios later. The memory of the data stays until the bios have ended.
//!
//! C header: [`include/linux/bvec.h`](srctree/include/linux/bvec.h)

use super::OpFlags;
use kernel::{bindings, page::PAGE_SIZE};

/// The place of a bit in memory; with a null page, there is no such bit.
#[derive(Clone, Copy)]
#[repr(C)]
pub(super) struct Flip {
    page: *mut bindings::page,
    /// The number of the bit in the page.
    bit: usize,
}

impl Flip {
    /// No bit.
    pub(super) const NONE: Self = Self {
        page: core::ptr::null_mut(),
        bit: 0,
    };

    /// Flips the bit.
    ///
    /// # Safety
    ///
    /// The page must be valid, and the caller may write the byte of the bit.
    pub(super) unsafe fn apply(self) {
        if self.page.is_null() {
            return;
        }
        let (byte, mask) = (self.bit / 8, 1u8 << (self.bit % 8));
        // SAFETY: By this function's requirements; `Places` only makes bits within the page. The
        // mapping is the last one of this CPU until it ends.
        unsafe {
            let address = bindings::kmap_local_page(self.page).cast::<u8>();
            *address.add(byte) ^= mask;
            bindings::kunmap_local(address.cast_const().cast());
        }
    }
}

/// Finds the places of bits of a request's data, in rising order.
///
/// # Invariants
///
/// `bio` is null, or a valid bio of the request, and `vector` and `done` are in its vectors, as far
/// as `left` bytes of it go. The place is `before` bytes behind the start of the request's data.
struct Places {
    bio: *mut bindings::bio,
    /// The vector.
    vector: usize,
    /// How many bytes of the vector are passed.
    done: u32,
    /// How many bytes of the bio are left.
    left: u32,
    before: u64,
}

impl Places {
    /// The start of a bio.
    ///
    /// # Safety
    ///
    /// `bio` must be null, or valid and have data, with all bios that follow it, as long as the
    /// result is used.
    unsafe fn start_of(bio: *mut bindings::bio, before: u64) -> Self {
        // SAFETY: By this function's requirements.
        let (vector, done, left) = unsafe {
            match bio.is_null() {
                true => (0, 0, 0),
                false => {
                    let iterator = &raw const (*bio).bi_iter;
                    let index = (*iterator).bi_idx as usize;
                    (index, (*iterator).bi_bvec_done, (*iterator).bi_size)
                }
            }
        };
        // INVARIANT: The iterator of a bio is within its vectors.
        Self {
            bio,
            vector,
            done,
            left,
            before,
        }
    }

    /// Goes on to a bit, which must not come before the last one. `None` beyond the data.
    fn find(&mut self, bit: u64) -> Option<Flip> {
        let byte = bit / 8;
        loop {
            if self.bio.is_null() {
                return None;
            }
            if self.left == 0 {
                // SAFETY: By the type's invariants.
                *self = unsafe { Self::start_of((*self.bio).bi_next, self.before) };
                continue;
            }
            // SAFETY: By the type's invariants, as some bytes of the bio are left.
            let (page, length, offset) = unsafe {
                let vector = (*self.bio).bi_io_vec.add(self.vector);
                ((*vector).bv_page, (*vector).bv_len, (*vector).bv_offset)
            };
            let here = length.saturating_sub(self.done).min(self.left);
            let ahead = byte.saturating_sub(self.before);
            if ahead < here.into() {
                // No overflow: a vector is less than 4 GiB long.
                let at = (offset as usize)
                    .saturating_add(self.done as usize)
                    .saturating_add(ahead as usize);
                let bit_of_byte = (bit % 8) as usize;
                return Some(Flip {
                    // The pages of a vector follow each other, as `bvec_kmap_local()` has it.
                    page: page.wrapping_add(at / PAGE_SIZE),
                    bit: (at % PAGE_SIZE)
                        .saturating_mul(8)
                        .saturating_add(bit_of_byte),
                });
            }
            // INVARIANT: The next vector begins here, if any byte is left.
            self.before = self.before.saturating_add(here.into());
            self.left = self.left.saturating_sub(here);
            self.vector = self.vector.saturating_add(1);
            self.done = 0;
        }
    }
}

/// The place of each of these bits of the data of bios, which come in rising order.
///
/// # Safety
///
/// `first` must be valid, with all bios that follow it, as long as the result is used.
pub(super) unsafe fn places_of(
    first: *mut bindings::bio,
    flags: OpFlags,
    bits: impl Iterator<Item = u64>,
) -> impl Iterator<Item = Flip> {
    let bio = match flags.is_read() {
        true => first,
        false => core::ptr::null_mut(),
    };
    // SAFETY: By this function's requirements. Bios of a read have data.
    let mut places = unsafe { Places::start_of(bio, 0) };
    bits.map(move |bit| places.find(bit).unwrap_or(Flip::NONE))
}
