// SPDX-License-Identifier: GPL-2.0-only

//! Files whose text the kernel makes when they are read.
//!
//! C header: [`include/linux/seq_file.h`](srctree/include/linux/seq_file.h)

use crate::{
    bindings,
    fmt::{self, Write},
    types::Opaque,
};
use core::marker::PhantomData;

/// A file that is being read.
#[repr(transparent)]
pub struct SeqFile {
    file: Opaque<bindings::seq_file>,
    _not_send: PhantomData<*mut ()>,
}

impl SeqFile {
    /// The file at an address.
    ///
    /// # Safety
    ///
    /// It must be valid while the result is used, and no other thread may use it.
    pub unsafe fn from_raw<'a>(file: *mut bindings::seq_file) -> &'a Self {
        // SAFETY: By this function's requirements; the layouts are the same.
        unsafe { &*file.cast() }
    }

    /// Adds text. A text that does not fit is left out, and the kernel asks again for all of it,
    /// with more room.
    pub fn call_printf(&self, arguments: fmt::Arguments<'_>) {
        // An error means that there was no room.
        let _ = Text(self).write_fmt(arguments);
    }
}

struct Text<'a>(&'a SeqFile);

impl Write for Text<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        // SAFETY: The file is valid, and this thread its only user; the text is valid.
        let status = unsafe {
            bindings::seq_write(self.0.file.get(), text.as_ptr().cast(), text.len() as _)
        };
        if status == 0 {
            Ok(())
        } else {
            Err(fmt::Error)
        }
    }
}

/// Adds formatted text to a file.
#[macro_export]
macro_rules! seq_print {
    ($file:expr, $($arguments:tt)+) => {
        $file.call_printf($crate::fmt!($($arguments)+))
    };
}
pub use seq_print;
