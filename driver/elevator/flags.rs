// SPDX-License-Identifier: GPL-2.0-only

//! The operation of a bio or request, and its flags: `blk_opf_t`.
//!
//! C header: [`include/linux/blk_types.h`](srctree/include/linux/blk_types.h)

use kernel::bindings;

/// An operation and its flags.
#[derive(Clone, Copy)]
pub(crate) struct OpFlags(u32);

impl OpFlags {
    /// The operation and flags of a bio or request of C.
    #[inline]
    pub(super) fn from_raw(flags: u32) -> Self {
        Self(flags)
    }

    const REQ_OP_MASK: u32 = (1 << bindings::REQ_OP_BITS) - 1;

    /// How many numbers of operations there can be.
    pub(crate) const OPERATIONS: usize = 1 << bindings::REQ_OP_BITS;

    /// The number of the operation in this kernel's `enum req_op`, below [`Self::OPERATIONS`].
    /// Kernels differ in these numbers.
    #[inline]
    pub(crate) fn operation(self) -> u32 {
        self.0 & Self::REQ_OP_MASK
    }

    /// The flags of a bio that flushes the disk's cache and has no data. The block layer submits it
    /// as a write, and makes the flush of it.
    pub(super) fn of_flush(self) -> Self {
        Self(self.0 & !Self::REQ_OP_MASK | bindings::req_op_REQ_OP_FLUSH)
    }

    /// Whether the disk's cache is to be flushed before the data are written.
    pub(super) fn flushes_before(self) -> bool {
        self.has(bindings::req_flag_bits___REQ_PREFLUSH)
    }

    /// The number of the operation `REQ_OP_XYZ` that has the name `xyz`, if schedulers see it, or a
    /// probe does.
    pub(crate) const fn number_of(name: &str) -> Option<u32> {
        Some(match name.as_bytes() {
            b"read" => bindings::req_op_REQ_OP_READ,
            b"write" => bindings::req_op_REQ_OP_WRITE,
            b"discard" => bindings::req_op_REQ_OP_DISCARD,
            b"secure_erase" => bindings::req_op_REQ_OP_SECURE_ERASE,
            b"write_zeroes" => bindings::req_op_REQ_OP_WRITE_ZEROES,
            b"zone_append" => bindings::req_op_REQ_OP_ZONE_APPEND,
            b"zone_open" => bindings::req_op_REQ_OP_ZONE_OPEN,
            b"zone_close" => bindings::req_op_REQ_OP_ZONE_CLOSE,
            b"zone_finish" => bindings::req_op_REQ_OP_ZONE_FINISH,
            b"zone_reset" => bindings::req_op_REQ_OP_ZONE_RESET,
            b"zone_reset_all" => bindings::req_op_REQ_OP_ZONE_RESET_ALL,
            b"flush" => bindings::req_op_REQ_OP_FLUSH,
            _ => return None,
        })
    }

    #[inline]
    fn has(self, bit: u32) -> bool {
        self.0 & (1 << bit) != 0
    }

    /// Whether it reads data.
    #[inline]
    pub(crate) fn is_read(self) -> bool {
        self.operation() == bindings::req_op_REQ_OP_READ
    }

    /// Whether it writes data.
    #[inline]
    pub(crate) fn is_write(self) -> bool {
        self.operation() == bindings::req_op_REQ_OP_WRITE
    }

    /// Whether a submitter waits for it: `op_is_sync()`.
    pub(crate) fn is_sync(self) -> bool {
        self.is_read()
            || self.has(bindings::req_flag_bits___REQ_SYNC)
            || self.is_fua()
            || self.flushes_before()
    }

    /// Whether its data have to reach the medium before it ends.
    pub(crate) fn is_fua(self) -> bool {
        self.has(bindings::req_flag_bits___REQ_FUA)
    }

    /// Whether the submitter marked it as metadata.
    pub(crate) fn is_metadata(self) -> bool {
        self.has(bindings::req_flag_bits___REQ_META)
    }

    /// Whether it writes memory pages to swap.
    #[inline]
    pub(crate) fn swaps_out(self) -> bool {
        self.has(bindings::req_flag_bits___REQ_SWAP)
    }

    /// Whether it is a command of the driver's own, and no I/O on the disk's sectors
    /// (`blk_op_is_passthrough()`).
    #[inline]
    pub(crate) fn is_passthrough(self) -> bool {
        matches!(
            self.operation(),
            bindings::req_op_REQ_OP_DRV_IN | bindings::req_op_REQ_OP_DRV_OUT
        )
    }

    /// Whether the disk is to write all of it or nothing.
    pub(super) fn is_atomic(self) -> bool {
        self.has(bindings::req_flag_bits___REQ_ATOMIC)
    }

    /// Whether its submitter polls for its completion.
    #[inline]
    pub(super) fn is_polled(self) -> bool {
        self.has(bindings::req_flag_bits___REQ_POLLED)
    }

    /// Whether integrity metadata protect its data.
    pub(super) fn has_integrity(self) -> bool {
        self.has(bindings::req_flag_bits___REQ_INTEGRITY)
    }

    /// Whether it manages zones.
    pub(super) fn manages_zones(self) -> bool {
        matches!(
            self.operation(),
            bindings::req_op_REQ_OP_ZONE_OPEN
                | bindings::req_op_REQ_OP_ZONE_CLOSE
                | bindings::req_op_REQ_OP_ZONE_FINISH
                | bindings::req_op_REQ_OP_ZONE_RESET
                | bindings::req_op_REQ_OP_ZONE_RESET_ALL
        )
    }

    /// The group in which a disk's statistics count it: `op_stat_group()`.
    pub(super) fn statistics_group(self) -> usize {
        let group = match self.operation() {
            bindings::req_op_REQ_OP_DISCARD => bindings::stat_group_STAT_DISCARD,
            // `op_is_write()`: the operations that write have odd numbers.
            operation if operation & 1 != 0 => bindings::stat_group_STAT_WRITE,
            _ => bindings::stat_group_STAT_READ,
        };
        group as usize
    }
}
