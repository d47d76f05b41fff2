// SPDX-License-Identifier: GPL-2.0-only

//! The files by which people configure injections: `/sys/kernel/config/ioem`.
//!
//! One directory is one injection. A value is decimal text with one optional newline; what is not a number gets EINVAL, what
//! is out of range ERANGE, and nothing changes. What `cat` prints, `echo` accepts.
//!
//! C header: [`include/linux/configfs.h`](srctree/include/linux/configfs.h)

use crate::THIS_MODULE;
use crate::{
    config::{self, InjectionId},
    policy::{
        parse::{number, ParseError},
        settings::Attribute,
    },
};
use core::fmt::Display;
use kernel::{
    configfs::{AttributeOperations, Group, GroupOperations, Subsystem},
    configfs_attrs,
    page::PAGE_SIZE,
    prelude::*,
    str::{CString, Formatter},
};

/// Version of this interface: it grows when a program that uses it has to change.
const INTERFACE_VERSION: u32 = 1;

/// The directory `ioem`.
///
/// It must stay zero-sized: the kernel crate finds the data of a subsystem's own directory at the place where those of a
/// subdirectory would be.
#[pin_data]
pub(crate) struct Root {}

const _: () = assert!(size_of::<Root>() == 0);

impl Root {
    /// Registers the directory.
    pub(crate) fn new() -> impl PinInit<Subsystem<Self>, Error> {
        let files = configfs_attrs! {
            container: Subsystem<Root>,
            data: Root,
            child: Directory,
            attributes: [
                version: 0,
                enabled: 1,
            ],
        };
        Subsystem::new(c"ioem", files, try_pin_init!(Self {}))
    }
}

#[vtable]
impl GroupOperations for Root {
    type Child = Directory;

    fn make_group(&self, name: &CStr) -> Result<impl PinInit<Group<Directory>, Error>> {
        let files = configfs_attrs! {
            container: Group<Directory>,
            data: Directory,
            // The numbers are places in `Attribute::ALL`.
            attributes: [
                enabled: 0,
                delay_us: 1,
                jitter_us: 2,
                correlation: 3,
                period_us: 4,
                quota: 5,
            ],
        };
        // Ends the injection if there is no memory for its directory.
        let directory = Directory {
            injection: config::lock().add_injection()?,
        };
        Ok(Group::new(CString::try_from(name)?, files, Ok(directory)))
    }
}

/// `version`.
#[vtable]
impl AttributeOperations<0> for Root {
    type Data = Self;

    fn show(_root: &Self, page: &mut [u8; PAGE_SIZE]) -> Result<usize> {
        show(page, &INTERFACE_VERSION)
    }
}

/// `enabled`: writing 0 releases everything everywhere.
#[vtable]
impl AttributeOperations<1> for Root {
    type Data = Self;

    fn show(_root: &Self, page: &mut [u8; PAGE_SIZE]) -> Result<usize> {
        show(page, &u8::from(config::lock().enabled()))
    }

    fn store(_root: &Self, page: &[u8]) -> Result {
        let enabled = number(page, 0, 1)? == 1;
        config::lock().set_enabled(enabled)
    }
}

/// The directory of an injection. configfs drops it within `rmdir`, since an open file holds no reference of it.
pub(crate) struct Directory {
    injection: InjectionId,
}

impl Drop for Directory {
    fn drop(&mut self) {
        config::lock().end_injection(self.injection);
    }
}

#[vtable]
impl<const PLACE: u64> AttributeOperations<PLACE> for Directory {
    type Data = Self;

    fn show(directory: &Self, page: &mut [u8; PAGE_SIZE]) -> Result<usize> {
        let settings = config::lock().settings(directory.injection)?;
        show(page, &settings.show(attribute(PLACE)?))
    }

    fn store(directory: &Self, page: &[u8]) -> Result {
        config::lock().set(directory.injection, attribute(PLACE)?, page)
    }
}

fn attribute(place: u64) -> Result<Attribute> {
    let place = usize::try_from(place).map_err(|_| EINVAL)?;
    Attribute::ALL.get(place).copied().ok_or(EINVAL)
}

fn show(page: &mut [u8; PAGE_SIZE], value: &dyn Display) -> Result<usize> {
    use kernel::fmt::Write;
    let mut text = Formatter::new(page);
    text.write_fmt(core::format_args!("{value}\n"))?;
    Ok(text.bytes_written())
}

impl From<ParseError> for Error {
    fn from(error: ParseError) -> Self {
        match error {
            ParseError::NotANumber => EINVAL,
            ParseError::OutOfRange => ERANGE,
        }
    }
}
