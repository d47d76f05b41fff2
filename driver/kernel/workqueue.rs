// SPDX-License-Identifier: GPL-2.0-only

//! Work that the kernel's own threads do.
//!
//! C header: [`include/linux/workqueue.h`](srctree/include/linux/workqueue.h)

use crate::{
    bindings,
    init::{pin_init_from_closure, PinInit},
    str::CStrExt,
    sync::{Arc, LockClassKey},
    types::Opaque,
};
use core::{ffi::CStr, marker::PhantomData};

/// A queue of work. C's headers only declare its structure.
#[repr(transparent)]
pub struct Queue(Opaque<crate::ffi::c_void>);

// SAFETY: Any task may queue work, and several may at once.
unsafe impl Send for Queue {}
// SAFETY: As above.
unsafe impl Sync for Queue {}

impl Queue {
    /// Queues work.
    ///
    /// # Errors
    ///
    /// The work is queued already; the reference comes back.
    pub fn enqueue<W: RawWorkItem + Send + 'static>(&self, work: W) -> W::EnqueueOutput {
        // SAFETY: The function queues the work as it has to. A worker may have the reference, as
        // its type says.
        unsafe {
            work.__enqueue(|work| {
                bindings::queue_work_on(
                    bindings::WORK_CPU_UNBOUND as crate::ffi::c_int,
                    self.0.get(),
                    work,
                )
            })
        }
    }
}

/// The kernel's own queue of work that may take long.
pub fn system_long() -> &'static Queue {
    // SAFETY: The queue is there as long as the kernel, and has at least one byte.
    unsafe { &*bindings::chaos_system_long_wq().cast::<Queue>() }
}

/// The work of a `T` that is in an [`Arc`].
#[repr(transparent)]
pub struct Work<T> {
    work: Opaque<bindings::work_struct>,
    _of: PhantomData<T>,
}

// SAFETY: Any task may queue the work, and several may at once.
unsafe impl<T> Send for Work<T> {}
// SAFETY: As above.
unsafe impl<T> Sync for Work<T> {}

impl<T: HasWork<T> + WorkItem<Pointer = Arc<T>>> Work<T> {
    /// Work that is not queued.
    #[allow(clippy::new_ret_no_self)]
    pub fn new(name: &'static CStr, class: &'static LockClassKey) -> impl PinInit<Self> {
        // SAFETY: The slot is valid and pinned, and C initializes all of it.
        unsafe {
            pin_init_from_closure(move |slot: *mut Self| {
                let name = name.as_char_ptr();
                bindings::chaos_init_work(slot.cast(), run::<T>, name, class.as_ptr());
                Ok(())
            })
        }
    }
}

impl<T> Work<T> {
    /// The work of C.
    ///
    /// # Safety
    ///
    /// `this` must be valid.
    pub unsafe fn raw_get(this: *const Self) -> *mut bindings::work_struct {
        this.cast_mut().cast()
    }
}

/// An object whose work a thread of the kernel does.
pub trait WorkItem {
    /// The kind of pointer by which the queue has the object: [`Arc`].
    type Pointer;

    /// Does the work.
    fn run(this: Self::Pointer);
}

/// An object with work.
///
/// # Safety
///
/// `OFFSET` must be the offset of a field of the type `Work<T>`.
pub unsafe trait HasWork<T> {
    /// The work's offset.
    const OFFSET: usize;
}

/// A reference of an object with work.
///
/// # Safety
///
/// `__enqueue` must give the function work that is initialized, and that stays valid until it has
/// run.
pub unsafe trait RawWorkItem {
    /// The result: success, or the reference.
    type EnqueueOutput;

    /// Has a function queue the work.
    ///
    /// # Safety
    ///
    /// If the function returns true, it must have queued the work that it gets, so that the work
    /// runs exactly once. If it returns false, it must not have.
    unsafe fn __enqueue(
        self,
        queue: impl FnOnce(*mut bindings::work_struct) -> bool,
    ) -> Self::EnqueueOutput;
}

// SAFETY: The work is a field of an object, and keeps a reference of it.
unsafe impl<T: HasWork<T> + WorkItem<Pointer = Self>> RawWorkItem for Arc<T> {
    type EnqueueOutput = Result<(), Self>;

    unsafe fn __enqueue(
        self,
        queue: impl FnOnce(*mut bindings::work_struct) -> bool,
    ) -> Result<(), Self> {
        let object = self.into_raw();
        // SAFETY: The object is valid, and its work a field of it.
        let work = unsafe { object.byte_add(T::OFFSET) };
        if queue(work.cast_mut().cast()) {
            // `run` takes the reference.
            return Ok(());
        }
        // SAFETY: The reference was given up above, and no work has it.
        Err(unsafe { Self::from_raw(object) })
    }
}

/// # Safety
///
/// Only queued work may call this.
unsafe extern "C" fn run<T: HasWork<T> + WorkItem<Pointer = Arc<T>>>(
    work: *mut bindings::work_struct,
) {
    // SAFETY: The work is a field of an object, of which `__enqueue` gave up a reference.
    T::run(unsafe { Arc::from_raw(work.byte_sub(T::OFFSET).cast::<T>().cast_const()) });
}

/// Makes work, with a name for the kernel's checks of locks.
#[macro_export]
macro_rules! new_work {
    ($name:literal) => {
        $crate::workqueue::Work::new($crate::__c_text!($name), $crate::__lock_class!())
    };
}

/// Says which field of a type is its work.
#[macro_export]
macro_rules! impl_has_work {
    (impl$({$($generics:tt)*})? HasWork<$of:ty> for $type:ty { self.$field:ident }) => {
        // SAFETY: The compiler checks the type of the field.
        unsafe impl$(<$($generics)*>)? $crate::workqueue::HasWork<$of> for $type {
            const OFFSET: usize = {
                const fn is_work<T>(_: *const $crate::workqueue::Work<T>) {}
                let object = ::core::mem::MaybeUninit::<Self>::uninit();
                // SAFETY: The place is in the object; it is not read.
                is_work::<$of>(unsafe { &raw const (*object.as_ptr()).$field });
                ::core::mem::forget(object);
                ::core::mem::offset_of!(Self, $field)
            };
        }
    };
}
