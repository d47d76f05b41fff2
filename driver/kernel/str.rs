// SPDX-License-Identifier: GPL-2.0-only

//! Text.

use crate::{
    alloc::{flags::GFP_KERNEL, AllocError, KVec},
    error::{
        code::{EINVAL, ENOMEM},
        Result,
    },
    ffi::c_char,
    fmt::{self, Write},
};
use core::ops::Deref;

pub use core::ffi::CStr;

/// Texts of C with the kernel's type of characters.
pub trait CStrExt {
    /// The text at an address.
    ///
    /// # Safety
    ///
    /// A text that ends in NUL must be there, and not change while the result is used.
    unsafe fn from_char_ptr<'a>(text: *const c_char) -> &'a Self;

    /// The address of the text.
    fn as_char_ptr(&self) -> *const c_char;
}

impl CStrExt for CStr {
    unsafe fn from_char_ptr<'a>(text: *const c_char) -> &'a Self {
        // SAFETY: By this function's requirements.
        unsafe { Self::from_ptr(text.cast()) }
    }

    fn as_char_ptr(&self) -> *const c_char {
        self.as_ptr().cast()
    }
}

/// A text of C in memory of its own.
///
/// # Invariants
///
/// The only NUL is at its end.
pub struct CString(KVec<u8>);

impl CString {
    /// Formats a text.
    ///
    /// # Errors
    ///
    /// ENOMEM if there is no memory, and EINVAL if the text has a NUL.
    pub fn try_from_fmt(arguments: fmt::Arguments<'_>) -> Result<Self> {
        let mut text = Text(KVec::new());
        text.write_fmt(arguments).map_err(|fmt::Error| ENOMEM)?;
        let Text(mut bytes) = text;
        if bytes.contains(&0) {
            return Err(EINVAL);
        }
        bytes.push(0, GFP_KERNEL)?;
        // INVARIANT: Just tested, and added.
        Ok(Self(bytes))
    }
}

/// A text that grows.
struct Text(KVec<u8>);

impl Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let added = self.0.extend_from_slice(text.as_bytes(), GFP_KERNEL);
        added.map_err(|AllocError| fmt::Error)
    }
}

impl Deref for CString {
    type Target = CStr;

    fn deref(&self) -> &CStr {
        // SAFETY: By the invariants.
        unsafe { CStr::from_bytes_with_nul_unchecked(&self.0) }
    }
}

impl TryFrom<&CStr> for CString {
    type Error = AllocError;

    fn try_from(text: &CStr) -> Result<Self, AllocError> {
        let mut bytes = KVec::new();
        bytes.extend_from_slice(text.to_bytes_with_nul(), GFP_KERNEL)?;
        // INVARIANT: It was a text of C.
        Ok(Self(bytes))
    }
}

/// Writes a text into bytes. A text that does not fit is cut off, and counted all the same.
pub struct Formatter<'a> {
    bytes: &'a mut [u8],
    written: usize,
}

impl<'a> Formatter<'a> {
    /// Writes into these bytes.
    pub fn new(bytes: &'a mut [u8]) -> Self {
        Self { bytes, written: 0 }
    }

    /// The number of bytes of the text so far.
    pub fn bytes_written(&self) -> usize {
        self.written
    }
}

impl Write for Formatter<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = self.bytes.get_mut(self.written..).unwrap_or_default();
        let fits = room.len().min(text.len());
        room[..fits].copy_from_slice(&text.as_bytes()[..fits]);
        self.written = self.written.saturating_add(text.len());
        if fits < text.len() {
            return Err(fmt::Error);
        }
        Ok(())
    }
}
