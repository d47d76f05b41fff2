// SPDX-License-Identifier: GPL-2.0-only

//! Whom an I/O belongs to: cgroups and PID namespaces, by ids that the kernel never gives twice.
//!
//! An id needs no reference: what it named may go, and then it names nothing any more.
//!
//! C headers: [`include/linux/cgroup.h`](srctree/include/linux/cgroup.h),
//! [`include/linux/pid_namespace.h`](srctree/include/linux/pid_namespace.h)

use super::layouts::{bio_blkcg_css, CgroupNamespace, NsCommon};
use core::{marker::PhantomData, ptr::NonNull};
use kernel::{bindings, prelude::*, str::CString, sync::rcu};

/// A file or directory of the file system of cgroups, held.
///
/// # Invariants
///
/// The pointer is valid, and one reference of it is this object's.
struct Node(NonNull<bindings::kernfs_node>);

impl Node {
    /// What is called `name` in the directory `parent`. May sleep.
    ///
    /// # Safety
    ///
    /// `parent` must be valid, and a directory.
    unsafe fn find(parent: NonNull<bindings::kernfs_node>, name: &str) -> Result<Self> {
        let name = CString::try_from_fmt(fmt!("{name}"))?;
        // SAFETY: By this function's requirements; the name ends in NUL, and cgroups have no namespaces. It locks the tree
        // of cgroups for reading, which nobody holds while he waits for I/O.
        let node = unsafe {
            bindings::kernfs_find_and_get_ns(parent.as_ptr(), name.as_char_ptr(), core::ptr::null())
        };
        // INVARIANT: If there is one, the reference is ours.
        NonNull::new(node).map(Self).ok_or(ENOENT)
    }

    fn is_directory(&self) -> bool {
        // SAFETY: By the invariants the node is valid; its kind does not change.
        let flags = unsafe { (*self.0.as_ptr()).flags };
        u32::from(flags) & bindings::kernfs_node_type_KERNFS_DIR != 0
    }

    fn id(&self) -> u64 {
        // SAFETY: By the invariants the node is valid; its id does not change.
        unsafe { (*self.0.as_ptr()).id }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // SAFETY: By the invariants the reference is ours to give back.
        unsafe { bindings::kernfs_put(self.0.as_ptr()) };
    }
}

/// Whether the block layer has split the bio off another one, which ends after it.
///
/// # Safety
///
/// `bio` must be valid, and submitted to a disk.
pub(super) unsafe fn is_split_off(bio: *mut bindings::bio) -> bool {
    // SAFETY: By this function's requirements; a bio that has not ended keeps its disk. `bio_submit_split_bioset` takes the part
    // that comes first from the disk's pool.
    unsafe {
        let pool = &raw mut (*(*(*bio).bi_bdev).bd_disk).bio_split;
        core::ptr::eq((*bio).bi_pool, pool)
    }
}

/// The directory of the cgroup that the current task sees as the root of all (`current_cgns_cgroup_dfl()`).
fn visible_root() -> Result<NonNull<bindings::kernfs_node>> {
    // SAFETY: The current task is valid while it runs. Only itself changes its namespaces, and they keep the set of cgroups
    // in which the first of them was made, which holds its cgroups, and these their directories.
    unsafe {
        let namespaces = (*bindings::get_current()).nsproxy;
        if namespaces.is_null() {
            return Err(ESRCH);
        }
        // The crate `bindings` does not know all of this structure.
        let set = (*(*namespaces).cgroup_ns.cast::<CgroupNamespace>()).root_cset;
        NonNull::new((*(*set).dfl_cgrp).kn).ok_or(ENOENT)
    }
}

/// The id of the cgroup v2 of this path, in the hierarchy as the current task sees it. May sleep, but waits for no I/O.
///
/// The path is walked here, and not by the file system: who writes a file of configfs holds a lock on its directory, which
/// must not wait for a disk, nor for configfs itself.
///
/// # Errors
///
/// ENOENT and ENOTDIR if there is none, and EOPNOTSUPP if I/O is not accounted to it because its `io` controller is not
/// enabled.
pub(crate) fn cgroup_id(path: &str) -> Result<u64> {
    let root = visible_root()?;
    let mut found: Option<Node> = None;
    for name in path.split('/').filter(|name| !name.is_empty()) {
        let parent = found.as_ref().map_or(root, |node| node.0);
        if found.as_ref().is_some_and(|node| !node.is_directory()) {
            return Err(ENOTDIR);
        }
        // SAFETY: The parent is held by `found` or the current task's namespace, and a directory.
        found = Some(unsafe { Node::find(parent, name) }?);
    }
    let node = match found {
        Some(node) if !node.is_directory() => return Err(ENOTDIR),
        Some(node) => node,
        None => {
            // SAFETY: The root is valid, and gets a reference for `Node`. INVARIANT: That is ours.
            unsafe { bindings::kernfs_get(root.as_ptr()) };
            Node(root)
        }
    };
    let _guard = rcu::read_lock();
    // SAFETY: The node of a cgroup's directory has the cgroup in `priv`, until `css_release_work_fn` clears that; the
    // cgroup is freed after a grace period from then (`css_free_rwork_fn` is RCU work). As in `cgroup_get_from_path`.
    let cgroup = unsafe { (&raw const (*node.0.as_ptr()).priv_).read_volatile() };
    let cgroup = NonNull::new(cgroup.cast::<bindings::cgroup>()).ok_or(ENOENT)?;
    let io = bindings::cgroup_subsys_id_io_cgrp_id as usize;
    // SAFETY: The guard keeps the cgroup. Only whether the pointer is null is looked at.
    let state = unsafe { (&raw const (*cgroup.as_ptr()).subsys[io]).read_volatile() };
    if state.is_null() {
        return Err(Error::from_errno(-(bindings::EOPNOTSUPP as i32)));
    }
    Ok(node.id())
}

/// Whether the cgroup is the one of this id, or below it, and the one of this id has not been removed.
///
/// # Safety
///
/// `cgroup` must be valid.
unsafe fn is_below(cgroup: NonNull<bindings::cgroup>, id: u64) -> bool {
    let cgroup = cgroup.as_ptr();
    // SAFETY: By this function's requirements the cgroup is valid. `ancestors` has `level + 1` entries, itself being the
    // last, all of which it holds; and their nodes as long as they live.
    unsafe {
        let ancestors = (&raw const (*cgroup).__bindgen_anon_1.__bindgen_anon_1)
            .cast::<*mut bindings::cgroup>();
        let level = usize::try_from((*cgroup).level).unwrap_or(0);
        (0..=level)
            .map(|level| ancestors.add(level).read())
            .find(|ancestor| (*(**ancestor).kn).id == id)
            .is_some_and(|ancestor| !is_removed(ancestor))
    }
}

/// Whether somebody has removed the cgroup: what was written in it may still be on its way to the disk. As
/// `cgroup_is_dead()`.
///
/// # Safety
///
/// `cgroup` must be valid.
unsafe fn is_removed(cgroup: *const bindings::cgroup) -> bool {
    // SAFETY: By this function's requirements. The bit goes under a lock that is not ours; a single aligned load of it cannot
    // tear, and who sees it late is as good as one who came before.
    unsafe { (&raw const (*cgroup).self_.flags).read_volatile() & bindings::CSS_ONLINE == 0 }
}

/// Whether the I/O of this bio is accounted to the cgroup of this id, or to one below it.
///
/// # Safety
///
/// `bio` must be valid and submitted, or null.
pub(super) unsafe fn bio_is_in_cgroup(bio: *mut bindings::bio, id: u64) -> bool {
    // SAFETY: By this function's requirements. A submitted bio holds its `bi_blkg`, which holds its css, and this its
    // cgroup.
    unsafe {
        let css = bio_blkcg_css(bio);
        !css.is_null() && NonNull::new((*css).cgroup).is_some_and(|cgroup| is_below(cgroup, id))
    }
}

/// The cgroups that the I/O of a bio is accounted to: its own, and those above it.
pub(super) struct Lineage<'a> {
    cgroup: *const bindings::cgroup,
    _bio: PhantomData<&'a bindings::bio>,
}

impl Lineage<'_> {
    /// # Safety
    ///
    /// `bio` must be valid and submitted, or null, while the result is used.
    pub(super) unsafe fn of(bio: *mut bindings::bio) -> Self {
        // SAFETY: By this function's requirements. A submitted bio holds its `bi_blkg`, which holds its css, and this its cgroup.
        let cgroup = unsafe {
            let css = if bio.is_null() {
                core::ptr::null_mut()
            } else {
                bio_blkcg_css(bio)
            };
            if css.is_null() {
                core::ptr::null_mut()
            } else {
                (*css).cgroup
            }
        };
        Self {
            cgroup,
            _bio: PhantomData,
        }
    }

    /// How many they are.
    pub(super) fn len(&self) -> u32 {
        if self.cgroup.is_null() {
            return 0;
        }
        // SAFETY: The cgroup is valid: see `of`. The root's level is 0.
        u32::try_from(unsafe { (*self.cgroup).level }).map_or(0, |level| level.saturating_add(1))
    }

    /// Their ids, from the root on; 0 for one that somebody has removed, which no filter names.
    pub(super) fn ids(&self) -> impl Iterator<Item = u64> {
        let cgroup = self.cgroup;
        (0..self.len() as usize).map(move |level| {
            // SAFETY: As in `is_below`.
            unsafe {
                let ancestors = (&raw const (*cgroup).__bindgen_anon_1.__bindgen_anon_1)
                    .cast::<*mut bindings::cgroup>();
                let ancestor = ancestors.add(level).read();
                if is_removed(ancestor) {
                    0
                } else {
                    (*(*ancestor).kn).id
                }
            }
        })
    }
}

/// The id of a PID namespace.
///
/// # Safety
///
/// `namespace` must be valid.
unsafe fn namespace_id(namespace: NonNull<bindings::pid_namespace>) -> u64 {
    // SAFETY: By this function's requirements. The crate `bindings` does not know the member, since it is one of an
    // anonymous structure of a named type; the layout is the kernel's own.
    unsafe { (*(&raw const (*namespace.as_ptr()).ns).cast::<NsCommon>()).ns_id }
}

/// The id of the PID namespace of the process that the current task knows by this number.
///
/// # Errors
///
/// ESRCH if there is no such process.
pub(crate) fn pid_namespace_id(pid: i32) -> Result<u64> {
    // SAFETY: May be called by a task; gives a reference or null.
    let pid = NonNull::new(unsafe { bindings::find_get_pid(pid) }).ok_or(ESRCH)?;
    // SAFETY: The reference is ours. The structure has `level + 1` numbers, and holds the namespaces of all of them; that
    // of the last is the process's own (`ns_of_pid`).
    let id = unsafe {
        let last = (*pid.as_ptr())
            .numbers
            .as_ptr()
            .add((*pid.as_ptr()).level as usize);
        NonNull::new((*last).ns).map(|namespace| namespace_id(namespace))
    };
    // SAFETY: The reference was ours.
    unsafe { bindings::put_pid(pid.as_ptr()) };
    id.ok_or(ESRCH)
}

/// The id of the PID namespace of the current task; 0 if it is about to be gone.
pub(super) fn current_pid_namespace_id() -> u64 {
    // SAFETY: May be called for the current task, which keeps its namespace while it runs.
    unsafe {
        let namespace = bindings::task_active_pid_ns(bindings::get_current());
        NonNull::new(namespace).map_or(0, |namespace| namespace_id(namespace))
    }
}
