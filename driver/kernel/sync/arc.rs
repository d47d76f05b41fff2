// SPDX-License-Identifier: GPL-2.0-only

//! References that are counted.

use crate::{
    alloc::{room_for_one, AllocError, Flags},
    bindings,
    error::{Error, Result},
    init::PinInit,
    warn_on,
};
use core::{
    marker::PhantomData,
    mem::{offset_of, ManuallyDrop},
    ops::Deref,
    ptr::NonNull,
    sync::atomic::{fence, AtomicI32, Ordering},
};

/// The count of an object that leaks, because a count has overflowed: far from both ends.
const SATURATED: i32 = i32::MIN / 2;

#[repr(C)]
struct Counted<T> {
    count: AtomicI32,
    value: T,
}

/// A counted reference of an object that does not move.
///
/// # Invariants
///
/// The object is valid, and one of its counts belongs to this reference.
pub struct Arc<T> {
    object: NonNull<Counted<T>>,
    _owns: PhantomData<Counted<T>>,
}

// SAFETY: References in several threads give shared references of the value, and the last one
// drops it.
unsafe impl<T: Sync + Send> Send for Arc<T> {}
// SAFETY: As above: a shared reference can be cloned.
unsafe impl<T: Sync + Send> Sync for Arc<T> {}

impl<T> Arc<T> {
    /// Makes an object of a value.
    ///
    /// # Errors
    ///
    /// There is no memory.
    pub fn new(value: T, flags: Flags) -> Result<Self, AllocError> {
        let object = room_for_one::<Counted<T>>(flags)?;
        let count = AtomicI32::new(1);
        // SAFETY: The memory is ours, and large enough.
        unsafe { object.write(Counted { count, value }) };
        // INVARIANT: The count is this reference's.
        Ok(Self {
            object,
            _owns: PhantomData,
        })
    }

    /// Makes an object by an initializer.
    ///
    /// # Errors
    ///
    /// There is no memory, or the initializer fails.
    pub fn pin_init<E>(init: impl PinInit<T, E>, flags: Flags) -> Result<Self>
    where
        Error: From<E>,
    {
        let object = room_for_one::<Counted<T>>(flags)?;
        let raw = object.as_ptr();
        // SAFETY: The memory is ours, and large enough. The value does not move before it is
        // dropped, as no code moves it out of an `Arc`.
        unsafe {
            (&raw mut (*raw).count).write(AtomicI32::new(1));
            if let Err(error) = init.__pinned_init(&raw mut (*raw).value) {
                bindings::kfree(raw.cast());
                return Err(error.into());
            }
        }
        // INVARIANT: The count is this reference's.
        Ok(Self {
            object,
            _owns: PhantomData,
        })
    }

    /// Gives the reference up as a pointer of the value.
    pub fn into_raw(self) -> *const T {
        let this = ManuallyDrop::new(self);
        Self::as_ptr(&this)
    }

    /// The address of the value.
    pub fn as_ptr(this: &Self) -> *const T {
        // SAFETY: By the invariants the object is valid.
        unsafe { &raw const (*this.object.as_ptr()).value }
    }

    /// Takes a reference back.
    ///
    /// # Safety
    ///
    /// The pointer must come from `into_raw` or `as_ptr`, and a count of the object must belong to
    /// the result.
    pub unsafe fn from_raw(value: *const T) -> Self {
        // SAFETY: By this function's requirements the value is in an object.
        let object = unsafe {
            let object = value.byte_sub(offset_of!(Counted<T>, value));
            NonNull::new_unchecked(object.cast_mut().cast())
        };
        // INVARIANT: By this function's requirements.
        Self {
            object,
            _owns: PhantomData,
        }
    }

    /// Borrows the reference.
    pub fn as_arc_borrow(&self) -> ArcBorrow<'_, T> {
        ArcBorrow {
            object: self.object,
            _borrow: PhantomData,
        }
    }

    /// Whether both are references of one object.
    pub fn ptr_eq(this: &Self, other: &Self) -> bool {
        this.object == other.object
    }

    fn count(&self) -> &AtomicI32 {
        // SAFETY: By the invariants the object is valid.
        unsafe { &self.object.as_ref().count }
    }

    /// Has the object leak: its counts are wrong (`refcount_warn_saturate`).
    #[cold]
    fn saturate(&self) {
        self.count().store(SATURATED, Ordering::Relaxed);
        warn_on!(true);
    }
}

impl<T> Deref for Arc<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: By the invariants.
        unsafe { &self.object.as_ref().value }
    }
}

impl<T> Clone for Arc<T> {
    fn clone(&self) -> Self {
        // Relaxed: the owner of a reference hands it on by means that order memory.
        if self.count().fetch_add(1, Ordering::Relaxed) <= 0 {
            self.saturate();
        }
        // INVARIANT: The new count is the new reference's.
        Self {
            object: self.object,
            _owns: PhantomData,
        }
    }
}

impl<T> Drop for Arc<T> {
    fn drop(&mut self) {
        // Release and acquire: the thread that drops the value sees all that others did with it.
        match self.count().fetch_sub(1, Ordering::Release) {
            1 => {
                fence(Ordering::Acquire);
                // SAFETY: This was the last reference. The memory comes from `room_for_one`.
                unsafe {
                    (&raw mut (*self.object.as_ptr()).value).drop_in_place();
                    bindings::kfree(self.object.as_ptr().cast());
                }
            }
            count if count <= 0 => self.saturate(),
            _ => {}
        }
    }
}

impl<T> From<ArcBorrow<'_, T>> for Arc<T> {
    fn from(borrow: ArcBorrow<'_, T>) -> Self {
        // SAFETY: A reference lives while it is borrowed. The temporary one is not dropped, so it
        // needs no count.
        let borrowed = ManuallyDrop::new(unsafe { Self::from_raw(&raw const *borrow) });
        Self::clone(&borrowed)
    }
}

/// A borrowed [`Arc`].
///
/// # Invariants
///
/// The object is valid, and keeps a count while the lifetime lasts.
pub struct ArcBorrow<'a, T> {
    object: NonNull<Counted<T>>,
    _borrow: PhantomData<&'a T>,
}

impl<T> ArcBorrow<'_, T> {
    /// Borrows a reference that was given up.
    ///
    /// # Safety
    ///
    /// The pointer must come from [`Arc::into_raw`] or [`Arc::as_ptr`], and the object must keep a
    /// count while the result is used.
    pub unsafe fn from_raw(value: *const T) -> Self {
        // SAFETY: By this function's requirements; the temporary reference is not dropped.
        let borrowed = ManuallyDrop::new(unsafe { Arc::from_raw(value) });
        // INVARIANT: By this function's requirements.
        Self {
            object: borrowed.object,
            _borrow: PhantomData,
        }
    }
}

impl<T> Clone for ArcBorrow<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for ArcBorrow<'_, T> {}

impl<T> Deref for ArcBorrow<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: By the invariants.
        unsafe { &self.object.as_ref().value }
    }
}
