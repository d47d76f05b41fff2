// SPDX-License-Identifier: GPL-2.0-only

//! The modes of files in configfs: the kernel crate gives each file the mode 0660.
//!
//! C header: [`include/linux/configfs.h`](srctree/include/linux/configfs.h)

use kernel::{
    bindings,
    configfs::ItemType,
    prelude::*,
    str::{CStr, CStrExt},
};

/// The mode of a file that can only be read. It gives nobody a right that 0660 does not give.
const READ_ONLY: bindings::umode_t = 0o440;

/// Makes the files of these names such that they can only be read, in each directory that is made
/// from now on.
pub(crate) fn set_read_only<C, D>(files: &'static ItemType<C, D>, names: &[&CStr]) {
    // The kernel crate does not say where in the type the kernel's structure lies; but nothing
    // precedes a field of the type's own size.
    const {
        assert!(size_of::<ItemType<C, D>>() == size_of::<bindings::config_item_type>());
    }
    let files = core::ptr::from_ref(files).cast::<bindings::config_item_type>();
    // SAFETY: As above, this is the kernel's structure. Only `configfs_attrs!` makes one without
    // unsafe code: its list of attributes ends with null, they are static, and a name ends with
    // NUL. All are in `Opaque`s, so this may write them. Other tasks only read a mode, and a single
    // aligned store of it cannot tear.
    unsafe {
        let mut place = (*files).ct_attrs;
        while !(*place).is_null() {
            let attribute = *place;
            if names.contains(&CStr::from_char_ptr((*attribute).ca_name)) {
                (&raw mut (*attribute).ca_mode).write_volatile(READ_ONLY);
            }
            place = place.add(1);
        }
    }
}
