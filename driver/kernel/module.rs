// SPDX-License-Identifier: GPL-2.0-only

//! Modules (the macro `module!` and the root of the kernel's crate).
//!
//! C header: [`include/linux/module.h`](srctree/include/linux/module.h)

use crate::{bindings, error::Error, init::PinInit};

/// The module that the code is in.
pub struct ThisModule(*mut bindings::module);

// SAFETY: Any task may use a module's reference count.
unsafe impl Sync for ThisModule {}
// SAFETY: As above.
unsafe impl Send for ThisModule {}

impl ThisModule {
    /// # Safety
    ///
    /// The pointer must be the `THIS_MODULE` of C.
    pub const unsafe fn from_ptr(module: *mut bindings::module) -> Self {
        Self(module)
    }

    /// The pointer of C.
    pub const fn as_ptr(&self) -> *mut bindings::module {
        self.0
    }
}

/// A module, which the kernel makes when it loads it, and drops when it unloads it.
pub trait InPlaceModule: Sized + Sync + Send {
    /// Makes the module.
    fn init(module: &'static ThisModule) -> impl PinInit<Self, Error>;
}

/// Declares the crate's module.
#[macro_export]
macro_rules! module {
    (
        type: $type:ty,
        name: $name:literal,
        authors: [$($author:literal),* $(,)?],
        description: $description:literal,
        license: $license:literal,
        alias: [$($alias:literal),* $(,)?] $(,)?
    ) => {
        // Not every driver has a use for it.
        #[allow(dead_code)]
        static THIS_MODULE: $crate::ThisModule = {
            extern "C" {
                static mut __this_module: $crate::bindings::module;
            }
            // SAFETY: The kernel's build puts it into each module.
            unsafe { $crate::ThisModule::from_ptr(&raw mut __this_module) }
        };

        const _: () = {
            $crate::__modinfo!(concat!("license=", $license, "\0"));
            $crate::__modinfo!(concat!("description=", $description, "\0"));
            $($crate::__modinfo!(concat!("author=", $author, "\0"));)*
            $($crate::__modinfo!(concat!("alias=", $alias, "\0"));)*

            static mut MODULE: ::core::mem::MaybeUninit<$type> =
                ::core::mem::MaybeUninit::uninit();

            /// # Safety
            ///
            /// Only the kernel may call this, once, when it loads the module.
            #[no_mangle]
            #[link_section = ".init.text"]
            pub unsafe extern "C" fn init_module() -> $crate::ffi::c_int {
                let init = <$type as $crate::InPlaceModule>::init(&THIS_MODULE);
                // SAFETY: The slot is static, and only used by this function and the next.
                let made = unsafe {
                    $crate::init::PinInit::__pinned_init(init, (&raw mut MODULE).cast::<$type>())
                };
                match made {
                    Ok(()) => 0,
                    Err(error) => error.to_errno(),
                }
            }

            /// # Safety
            ///
            /// Only the kernel may call this, once, when it unloads the module.
            #[no_mangle]
            #[link_section = ".exit.text"]
            pub unsafe extern "C" fn cleanup_module() {
                // SAFETY: `init_module` has made the module, or this is not called.
                unsafe { (&raw mut MODULE).cast::<$type>().drop_in_place() };
            }

            // The kernel calls both by their addresses. Without these, objtool would not know it,
            // and would have indirect calls of them fail (`ENDBR`).
            #[used(compiler)]
            #[link_section = ".init.data"]
            static ADDRESS_OF_INIT: unsafe extern "C" fn() -> $crate::ffi::c_int = init_module;
            #[used(compiler)]
            #[link_section = ".exit.data"]
            static ADDRESS_OF_CLEANUP: unsafe extern "C" fn() = cleanup_module;
        };
    };
}

/// Puts a text into the module's information.
#[doc(hidden)]
#[macro_export]
macro_rules! __modinfo {
    ($text:expr) => {
        const _: () = {
            const TEXT: &[u8] = $text.as_bytes();
            // `used` alone would have the linker keep a second section of this name, which the
            // kernel does not read.
            #[used(compiler)]
            #[link_section = ".modinfo"]
            static INFO: [u8; TEXT.len()] = {
                let (mut info, mut place) = ([0; TEXT.len()], 0);
                while place < TEXT.len() {
                    info[place] = TEXT[place];
                    place += 1;
                }
                info
            };
        };
    };
}
