// SPDX-License-Identifier: GPL-2.0-only

//! The cgroups that I/O is accounted to, by ids that the kernel never gives twice.
//!
//! An id needs no reference: the cgroup may go, and then its id names nothing any more.
//!
//! C header: [`include/linux/cgroup.h`](srctree/include/linux/cgroup.h)

use super::layouts::{bio_blkcg_css, CgroupNamespace};
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
        // SAFETY: By this function's requirements; the name ends in NUL, and cgroups have no
        // namespaces. It locks the tree of cgroups for reading, which nobody holds while he waits
        // for I/O.
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

/// The directory of the cgroup that is the root of all for the current task
/// (`current_cgns_cgroup_dfl()`).
fn visible_root() -> Result<NonNull<bindings::kernfs_node>> {
    // SAFETY: The current task is valid while it runs. Only itself changes its namespaces, and they
    // keep the set of cgroups in which the first of them was made, which holds its cgroups, and
    // these their directories.
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

/// The id of the cgroup v2 of this path, in the hierarchy as the current task sees it. May sleep,
/// but waits for no I/O.
///
/// The path is walked here, and not by the file system: who writes a file of configfs holds a lock
/// on its directory, which must not wait for a disk, nor for configfs itself.
///
/// # Errors
///
/// ENOENT and ENOTDIR if there is none, and EOPNOTSUPP if I/O is not accounted to it because its
/// `io` controller is not enabled.
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
    // SAFETY: The node of a cgroup's directory has the cgroup in `priv`, until
    // `css_release_work_fn` clears that; the cgroup is freed after a grace period from then
    // (`css_free_rwork_fn` is RCU work). As in `cgroup_get_from_path`.
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

/// Whether somebody has removed the cgroup: data that were written in it may still be on their way
/// to the disk. As `cgroup_is_dead()`.
///
/// # Safety
///
/// `cgroup` must be valid.
unsafe fn is_removed(cgroup: NonNull<bindings::cgroup>) -> bool {
    // SAFETY: By this function's requirements. The bit goes under a lock that is not ours. A single
    // aligned load of it cannot tear, and a caller that sees the change late is as good as one that
    // came before.
    let flags = unsafe { (&raw const (*cgroup.as_ptr()).self_.flags).read_volatile() };
    flags & bindings::CSS_ONLINE == 0
}

/// The id of a cgroup: that of its directory.
///
/// # Safety
///
/// `cgroup` must be valid.
unsafe fn id_of(cgroup: NonNull<bindings::cgroup>) -> u64 {
    // SAFETY: By this function's requirements; a cgroup holds its directory, which keeps its id.
    unsafe { (*(*cgroup.as_ptr()).kn).id }
}

/// The cgroup that a bio is accounted to, and those above it; none if the kernel accounts to none.
///
/// # Invariants
///
/// The cgroup is valid while the lifetime lasts.
pub(crate) struct Lineage<'a> {
    cgroup: Option<NonNull<bindings::cgroup>>,
    _bio: PhantomData<&'a bindings::bio>,
}

impl<'a> Lineage<'a> {
    /// The lineage of a bio's cgroup.
    ///
    /// # Safety
    ///
    /// `bio` must be null, or valid and submitted while the result is used.
    pub(crate) unsafe fn of(bio: *mut bindings::bio) -> Self {
        // SAFETY: By this function's requirements.
        let css =
            NonNull::new(bio).and_then(|bio| NonNull::new(unsafe { bio_blkcg_css(bio.as_ptr()) }));
        // SAFETY: A submitted bio holds its `bi_blkg`, which holds its css, and this its cgroup.
        let cgroup = css.and_then(|css| NonNull::new(unsafe { (*css.as_ptr()).cgroup }));
        // INVARIANT: By this function's requirements the bio, and so the cgroup, stays.
        Self {
            cgroup,
            _bio: PhantomData,
        }
    }

    /// How many cgroups these are.
    pub(crate) fn len(&self) -> u32 {
        self.cgroup.map_or(0, |cgroup| {
            // SAFETY: By the invariants. The root's level is 0.
            u32::try_from(unsafe { (*cgroup.as_ptr()).level })
                .map_or(0, |level| level.saturating_add(1))
        })
    }

    /// All of them, from the root on.
    fn members(&self) -> impl Iterator<Item = NonNull<bindings::cgroup>> + 'a {
        let of = self.cgroup;
        (0..self.len() as usize).filter_map(move |level| {
            // SAFETY: By the invariants the cgroup is valid. `ancestors` has `level + 1` entries,
            // of which the last is itself; it holds all of them.
            unsafe {
                let ancestors = (&raw const (*of?.as_ptr()).__bindgen_anon_1.__bindgen_anon_1)
                    .cast::<*mut bindings::cgroup>();
                NonNull::new(ancestors.add(level).read())
            }
        })
    }

    /// Their ids, from the root on. The id of a removed cgroup is 0 here, which names none.
    pub(crate) fn ids(&self) -> impl Iterator<Item = u64> + 'a {
        // SAFETY: By the invariants, the cgroups are valid.
        self.members().map(|cgroup| unsafe {
            if is_removed(cgroup) {
                0
            } else {
                id_of(cgroup)
            }
        })
    }

    /// Whether one of them has this id, and has not been removed.
    pub(crate) fn contains(&self, id: u64) -> bool {
        // SAFETY: By the invariants, the cgroups are valid.
        let found = self
            .members()
            .find(|cgroup| unsafe { id_of(*cgroup) } == id);
        // SAFETY: As above.
        found.is_some_and(|cgroup| !unsafe { is_removed(cgroup) })
    }
}
