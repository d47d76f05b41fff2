// SPDX-License-Identifier: GPL-2.0-only

//! Substitutes on the host for the parts of the kernel crate that the driver's files use.

pub(crate) mod alloc;
pub(crate) mod bindings;
pub(crate) mod bio;
pub(crate) mod clock;
pub(crate) mod page;
pub(crate) mod prelude;
mod rbtree;
pub(crate) mod sync;

/// As `container_of!` of the kernel crate.
macro_rules! container_of {
    ($pointer:expr, $container:ty, $($field:tt)*) => {
        $pointer
            .byte_sub(core::mem::offset_of!($container, $($field)*))
            .cast::<$container>()
    };
}
pub(crate) use container_of;

/// As `warn_on!` of the kernel crate, but a warning of the kernel fails the test.
macro_rules! warn_on {
    ($condition:expr) => {
        // A second panic would hide the first.
        assert!(
            !$condition || std::thread::panicking(),
            "the kernel would warn: {}",
            stringify!($condition)
        )
    };
}
pub(crate) use warn_on;
