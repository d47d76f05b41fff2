// SPDX-License-Identifier: GPL-2.0-only

//! Directories and files by which users configure the kernel.
//!
//! Configfs may be a module, whose types the kernel's type information lacks. So the layouts of its
//! public structures come from `constants.c`, and `helpers.c` compares the rest.
//!
//! C header: [`include/linux/configfs.h`](srctree/include/linux/configfs.h)

use crate::{
    alloc::{flags::GFP_KERNEL, room_for_one},
    bindings,
    error::{
        code::{EINVAL, ENOMEM},
        to_result, Error, Result,
    },
    ffi::{c_char, c_void},
    init::{pin_init_from_closure, PinInit},
    page::PAGE_SIZE,
    str::{CStrExt, CString},
    types::Opaque,
    ThisModule,
};
use core::{ffi::CStr, marker::PhantomData, mem::offset_of};

/// A file of a directory with this data.
pub trait AttributeOperations<const ID: u64 = 0> {
    /// The directory's data.
    type Data;
    /// `#[vtable]` sets it.
    const HAS_SHOW: bool = false;
    /// Whether users can write it; `#[vtable]` sets it.
    const HAS_STORE: bool = false;

    /// Writes the file's text, and returns its length.
    ///
    /// # Errors
    ///
    /// The reader gets the error.
    fn show(data: &Self::Data, page: &mut [u8; PAGE_SIZE]) -> Result<usize>;

    /// Takes a text.
    ///
    /// # Errors
    ///
    /// The writer gets the error.
    fn store(_data: &Self::Data, _page: &[u8]) -> Result {
        Err(EINVAL)
    }
}

/// A directory in which users make directories.
pub trait GroupOperations {
    /// The data of a directory that a user makes.
    type Child: 'static;
    /// `#[vtable]` sets it.
    const HAS_MAKE_GROUP: bool = false;

    /// Makes a directory of this name.
    ///
    /// # Errors
    ///
    /// The user gets the error.
    fn make_group(&self, name: &CStr) -> Result<impl PinInit<Group<Self::Child>, Error>>;
}

/// A directory of C and its data.
///
/// # Safety
///
/// The directory of C must be at the beginning, and `OFFSET` must be that of the data.
pub unsafe trait Container {
    /// The data.
    type Data;
    /// Their offset.
    const OFFSET: usize;

    /// The data of a directory.
    ///
    /// # Safety
    ///
    /// `item` must be the address of a container of this type, which is valid while the result is
    /// used.
    unsafe fn data<'a>(item: *mut c_void) -> &'a Self::Data {
        // SAFETY: By this function's requirements.
        unsafe { &*item.byte_add(Self::OFFSET).cast() }
    }
}

/// A directory that a user has made, with its data.
#[repr(C)]
pub struct Group<D> {
    group: Opaque<bindings::config_group>,
    data: D,
}

// SAFETY: `repr(C)` puts the first field at the beginning.
unsafe impl<D> Container for Group<D> {
    type Data = D;
    const OFFSET: usize = offset_of!(Self, data);
}

impl<D> Group<D> {
    /// Makes a directory.
    #[allow(clippy::new_ret_no_self)]
    pub fn new(
        name: CString,
        item_type: &'static ItemType<Self, D>,
        data: impl PinInit<D, Error>,
    ) -> impl PinInit<Self, Error> {
        // SAFETY: The slot is valid and pinned. This initializes both fields, the one that can fail
        // first.
        unsafe {
            pin_init_from_closure(move |slot: *mut Self| {
                data.__pinned_init(&raw mut (*slot).data)?;
                let group = (&raw mut (*slot).group).cast();
                bindings::chaos_init_group(group, name.as_char_ptr(), item_type.as_ptr());
                Ok(())
            })
        }
    }
}

/// A directory below `/sys/kernel/config`, with its data.
///
/// # Invariants
///
/// The subsystem is registered.
#[repr(C)]
pub struct Subsystem<D> {
    subsystem: Opaque<bindings::configfs_subsystem>,
    data: D,
}

// SAFETY: `repr(C)` puts the first field at the beginning, and C's structure begins with a group.
unsafe impl<D> Container for Subsystem<D> {
    type Data = D;
    const OFFSET: usize = offset_of!(Self, data);
}

// SAFETY: Any task may unregister the subsystem and drop the data, and several tasks use these at
// once.
unsafe impl<D: Send + Sync> Send for Subsystem<D> {}
// SAFETY: A shared reference allows nothing.
unsafe impl<D: Sync> Sync for Subsystem<D> {}

impl<D> Subsystem<D> {
    /// Registers a directory.
    #[allow(clippy::new_ret_no_self)]
    pub fn new(
        name: &'static CStr,
        item_type: &'static ItemType<Self, D>,
        data: impl PinInit<D, Error>,
    ) -> impl PinInit<Self, Error> {
        // SAFETY: The slot is valid and pinned. This initializes both fields, or none.
        unsafe {
            pin_init_from_closure(move |slot: *mut Self| {
                data.__pinned_init(&raw mut (*slot).data)?;
                // INVARIANT: It is registered, or there is no object.
                let registered = to_result(bindings::chaos_register_subsystem(
                    (&raw mut (*slot).subsystem).cast(),
                    name.as_char_ptr(),
                    item_type.as_ptr(),
                ));
                if registered.is_err() {
                    (&raw mut (*slot).data).drop_in_place();
                }
                registered
            })
        }
    }
}

impl<D> Drop for Subsystem<D> {
    fn drop(&mut self) {
        // SAFETY: By the invariants. No directory is left in it, as each has a reference of the
        // module.
        unsafe { bindings::chaos_unregister_subsystem(self.subsystem.get()) };
    }
}

/// The type of a directory: its files, and what users may do in it.
#[repr(transparent)]
pub struct ItemType<C, D> {
    item_type: Opaque<bindings::config_item_type>,
    _of: PhantomData<(C, D)>,
}

// SAFETY: C only reads it.
unsafe impl<C, D> Sync for ItemType<C, D> {}

impl<C, D> ItemType<C, D> {
    const fn as_ptr(&self) -> *mut bindings::config_item_type {
        self.item_type.get()
    }

    const fn of(
        files: *mut *mut bindings::configfs_attribute,
        owner: &ThisModule,
        item: &'static bindings::configfs_item_operations,
        group: *const bindings::configfs_group_operations,
    ) -> Self {
        Self {
            item_type: Opaque::new(bindings::config_item_type {
                ct_owner: owner.as_ptr(),
                ct_item_ops: item,
                ct_group_ops: group,
                ct_attrs: files,
                ct_bin_attrs: core::ptr::null_mut(),
            }),
            _of: PhantomData,
        }
    }
}

impl<D> ItemType<Group<D>, D> {
    const ITEM: bindings::configfs_item_operations =
        bindings::configfs_item_operations::new(Some(release::<D>));

    /// The type of directories that users make.
    #[doc(hidden)]
    pub const fn of_group<const N: usize>(files: &'static Files<N>, owner: &ThisModule) -> Self {
        Self::of(files.as_ptr(), owner, &Self::ITEM, core::ptr::null())
    }
}

impl<D: GroupOperations> ItemType<Subsystem<D>, D> {
    const ITEM: bindings::configfs_item_operations = bindings::configfs_item_operations::new(None);
    const GROUP: bindings::configfs_group_operations =
        bindings::configfs_group_operations::new(Some(make::<Subsystem<D>>), Some(drop_item));

    /// The type of a subsystem in which users make directories.
    #[doc(hidden)]
    pub const fn of_subsystem<const N: usize>(
        files: &'static Files<N>,
        owner: &ThisModule,
    ) -> Self {
        Self::of(files.as_ptr(), owner, &Self::ITEM, &Self::GROUP)
    }
}

/// A file.
#[doc(hidden)]
#[repr(transparent)]
pub struct Attribute(Opaque<bindings::configfs_attribute>);

// SAFETY: C only reads it.
unsafe impl Sync for Attribute {}

impl Attribute {
    /// The file `ID` of directories of the type `C`.
    pub const fn new<C: Container, const ID: u64>(name: &'static CStr) -> Self
    where
        C::Data: AttributeOperations<ID, Data = C::Data>,
    {
        Self(Opaque::new(bindings::configfs_attribute {
            ca_name: name.as_ptr().cast(),
            ca_owner: core::ptr::null_mut(),
            // As the kernel's crate.
            ca_mode: 0o660,
            show: Some(show::<C, ID>),
            store: if <C::Data as AttributeOperations<ID>>::HAS_STORE {
                Some(store::<C, ID>)
            } else {
                None
            },
        }))
    }
}

/// The files of a directory, which null ends.
#[doc(hidden)]
#[repr(transparent)]
pub struct Files<const N: usize>(Opaque<[*mut bindings::configfs_attribute; N]>);

// SAFETY: C only reads it.
unsafe impl<const N: usize> Sync for Files<N> {}

impl<const N: usize> Files<N> {
    /// Makes the list, which must be longer than the files are many.
    pub const fn new(attributes: &'static [Attribute]) -> Self {
        let (mut files, mut place) = ([core::ptr::null_mut(); N], 0);
        while place < attributes.len() {
            files[place] = attributes[place].0.get();
            place += 1;
        }
        assert!(place < N);
        Self(Opaque::new(files))
    }

    const fn as_ptr(&self) -> *mut *mut bindings::configfs_attribute {
        self.0.get().cast()
    }
}

/// # Safety
///
/// Only configfs may call this, for a file of a directory of the type `C`, with a page to write.
unsafe extern "C" fn show<C: Container, const ID: u64>(
    item: *mut c_void,
    page: *mut c_char,
) -> isize
where
    C::Data: AttributeOperations<ID, Data = C::Data>,
{
    // SAFETY: By this function's requirements; any bytes are a value of the array.
    let (data, page) = unsafe { (C::data(item), &mut *page.cast::<[u8; PAGE_SIZE]>()) };
    match <C::Data as AttributeOperations<ID>>::show(data, page) {
        Ok(length) => length as isize,
        Err(error) => error.to_errno() as isize,
    }
}

/// # Safety
///
/// Only configfs may call this, for a file of a directory of the type `C`, with a text.
unsafe extern "C" fn store<C: Container, const ID: u64>(
    item: *mut c_void,
    page: *const c_char,
    length: usize,
) -> isize
where
    C::Data: AttributeOperations<ID, Data = C::Data>,
{
    // SAFETY: By this function's requirements.
    let (data, text) = unsafe { (C::data(item), core::slice::from_raw_parts(page, length)) };
    match <C::Data as AttributeOperations<ID>>::store(data, text) {
        Ok(()) => length as isize,
        Err(error) => error.to_errno() as isize,
    }
}

/// Drops a directory that a user has removed, and whose last reference is gone.
///
/// # Safety
///
/// Only configfs may call this, for a directory that `make` has made.
unsafe extern "C" fn release<D>(item: *mut c_void) {
    // SAFETY: By this function's requirements; nobody uses the directory any more.
    unsafe {
        item.cast::<Group<D>>().drop_in_place();
        bindings::kfree(item);
    }
}

/// Makes a directory.
///
/// # Safety
///
/// Only configfs may call this, for a directory of the type `C`, with a name.
unsafe extern "C" fn make<C: Container>(item: *mut c_void, name: *const c_char) -> *mut c_void
where
    C::Data: GroupOperations,
{
    // SAFETY: By this function's requirements.
    let (data, name) = unsafe { (C::data(item), CStr::from_char_ptr(name)) };
    let init = match data.make_group(name) {
        Ok(init) => init,
        Err(error) => return error.to_ptr(),
    };
    let room = room_for_one::<Group<<C::Data as GroupOperations>::Child>>(GFP_KERNEL);
    let Ok(room) = room else {
        return ENOMEM.to_ptr();
    };
    // SAFETY: The memory is ours, large enough, and `release` frees it.
    unsafe {
        match init.__pinned_init(room.as_ptr()) {
            Ok(()) => room.as_ptr().cast(),
            Err(error) => {
                bindings::kfree(room.as_ptr().cast());
                error.to_ptr()
            }
        }
    }
}

/// Gives the reference of a directory back that a user removes.
///
/// # Safety
///
/// Only configfs may call this.
unsafe extern "C" fn drop_item(_group: *mut c_void, item: *mut c_void) {
    // SAFETY: By this function's requirements.
    unsafe { bindings::config_item_put(item) };
}

/// The type of directories with these files.
#[macro_export]
macro_rules! configfs_attrs {
    (
        container: Subsystem<$of:ty>,
        data: $data:ty,
        child: $child:ty,
        attributes: [$($file:ident: $id:literal),* $(,)?] $(,)?
    ) => {
        $crate::__configfs_attrs!(
            $crate::configfs::Subsystem<$of>, $data, of_subsystem, [$($file: $id),*]
        )
    };
    (
        container: Group<$of:ty>,
        data: $data:ty,
        attributes: [$($file:ident: $id:literal),* $(,)?] $(,)?
    ) => {
        $crate::__configfs_attrs!(
            $crate::configfs::Group<$of>, $data, of_group, [$($file: $id),*]
        )
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __configfs_attrs {
    ($container:ty, $data:ty, $of:ident, [$($file:ident: $id:literal),*]) => {{
        const COUNT: usize = [$($id as u64),*].len();
        static ATTRIBUTES: [$crate::configfs::Attribute; COUNT] = [
            $($crate::configfs::Attribute::new::<$container, $id>(
                $crate::__c_text!(::core::stringify!($file))
            )),*
        ];
        static FILES: $crate::configfs::Files<{ COUNT + 1 }> =
            $crate::configfs::Files::new(&ATTRIBUTES);
        static TYPE: $crate::configfs::ItemType<$container, $data> =
            $crate::configfs::ItemType::$of(&FILES, &THIS_MODULE);
        &TYPE
    }};
}
