// SPDX-License-Identifier: GPL-2.0-only

//! The cgroups to which the kernel accounts I/O, by ids that it never gives twice.
//!
//! An id needs no reference: once the cgroup is gone, its id names nothing.
//!
//! C header: [`include/linux/cgroup.h`](srctree/include/linux/cgroup.h)

use super::layouts::{bio_blkcg_css, CgroupNamespace};
use core::{marker::PhantomData, ptr::NonNull};
use kernel::{bindings, prelude::*, str::CString, sync::rcu};

/// A reference to a file or directory of the file system of cgroups.
///
/// # Invariants
///
/// The pointer is valid, and this object owns one reference of it.
struct Node(NonNull<bindings::kernfs_node>);

impl Node {
    /// The file or directory `name` in the directory `parent`. May sleep.
    ///
    /// # Safety
    ///
    /// `parent` must be valid and a directory.
    unsafe fn find(parent: NonNull<bindings::kernfs_node>, name: &str) -> Result<Self> {
        let name = CString::try_from_fmt(fmt!("{name}"))?;
        // SAFETY: By this function's requirements; the name ends in NUL, and cgroups have no
        // namespaces. It locks the tree of cgroups for reading, and no holder of that lock waits
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
        // SAFETY: By the invariants this object owns the reference.
        unsafe { bindings::kernfs_put(self.0.as_ptr()) };
    }
}

/// The directory of the cgroup that the current task sees as the root
/// (`current_cgns_cgroup_dfl()`).
fn visible_root() -> Result<NonNull<bindings::kernfs_node>> {
    // SAFETY: The current task is valid while it runs. Only the task itself changes its namespaces.
    // They hold their cgroup namespace, which holds its root's set of cgroups, which holds the
    // cgroups, which hold their directories.
    unsafe {
        let namespaces = (*bindings::get_current()).nsproxy;
        if namespaces.is_null() {
            return Err(ESRCH);
        }
        // The crate `bindings` does not have all of this structure.
        let set = (*(*namespaces).cgroup_ns.cast::<CgroupNamespace>()).root_cset;
        NonNull::new((*(*set).dfl_cgrp).kn).ok_or(ENOENT)
    }
}

/// The id of the cgroup v2 at this path, in the hierarchy that the current task sees. May sleep,
/// but waits for no I/O.
///
/// This function walks the path itself and does not ask the file system: a task that writes a file
/// of configfs holds a lock on the file's directory, and must not wait for a disk under it, nor for
/// configfs itself.
///
/// # Errors
///
/// ENOENT and ENOTDIR if there is no such cgroup, and EOPNOTSUPP if the kernel accounts no I/O to
/// it because its `io` controller is not enabled.
pub(crate) fn cgroup_id(path: &str) -> Result<u64> {
    let root = visible_root()?;
    let mut found: Option<Node> = None;
    for name in path.split('/').filter(|name| !name.is_empty()) {
        let parent = found.as_ref().map_or(root, |node| node.0);
        if found.as_ref().is_some_and(|node| !node.is_directory()) {
            return Err(ENOTDIR);
        }
        // SAFETY: The parent is a directory, and `found` or the current task's namespace holds it.
        found = Some(unsafe { Node::find(parent, name) }?);
    }
    let node = match found {
        Some(node) if !node.is_directory() => return Err(ENOTDIR),
        Some(node) => node,
        None => {
            // SAFETY: The root is valid. INVARIANT: The new reference belongs to the `Node`.
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
    // SAFETY: The guard keeps the cgroup. This only looks whether the pointer is null.
    let state = unsafe { (&raw const (*cgroup.as_ptr()).subsys[io]).read_volatile() };
    if state.is_null() {
        return Err(Error::from_errno(-(bindings::EOPNOTSUPP as i32)));
    }
    Ok(node.id())
}

/// Whether the cgroup was removed, as `cgroup_is_dead()`. Data that its tasks wrote may still be on
/// their way to the disk.
///
/// # Safety
///
/// `cgroup` must be valid.
unsafe fn is_removed(cgroup: NonNull<bindings::cgroup>) -> bool {
    // SAFETY: By this function's requirements. The kernel clears the bit under a lock that we do
    // not hold. A single aligned load of it cannot tear, and a caller that sees the change late
    // acts as if it had come before it.
    let flags = unsafe { (&raw const (*cgroup.as_ptr()).self_.flags).read_volatile() };
    flags & bindings::CSS_ONLINE == 0
}

/// The id of a cgroup, which is the id of its directory.
///
/// # Safety
///
/// `cgroup` must be valid.
unsafe fn id_of(cgroup: NonNull<bindings::cgroup>) -> u64 {
    // SAFETY: By this function's requirements; a cgroup holds its directory, which keeps its id.
    unsafe { (*(*cgroup.as_ptr()).kn).id }
}

/// The cgroup to which the kernel accounts a bio, and its ancestors; empty if it accounts the bio
/// to none.
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
        // SAFETY: A submitted bio holds its `bi_blkg`, which holds its css, which holds its cgroup.
        let cgroup = css.and_then(|css| NonNull::new(unsafe { (*css.as_ptr()).cgroup }));
        // INVARIANT: By this function's requirements the bio stays valid, and so does the cgroup.
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

    /// The cgroups, from the root on.
    fn members(&self) -> impl Iterator<Item = NonNull<bindings::cgroup>> + 'a {
        let of = self.cgroup;
        (0..self.len() as usize).filter_map(move |level| {
            // SAFETY: By the invariants the cgroup is valid. `ancestors` has `level + 1` entries,
            // of which the last is the cgroup itself; it holds all of them.
            unsafe {
                let ancestors = (&raw const (*of?.as_ptr()).__bindgen_anon_1.__bindgen_anon_1)
                    .cast::<*mut bindings::cgroup>();
                NonNull::new(ancestors.add(level).read())
            }
        })
    }

    /// The ids of the cgroups, from the root on. A removed cgroup has the id 0 here, which names
    /// none.
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

    /// Whether one of the cgroups has this id and was not removed.
    pub(crate) fn contains(&self, id: u64) -> bool {
        // SAFETY: By the invariants, the cgroups are valid.
        let found = self
            .members()
            .find(|cgroup| unsafe { id_of(*cgroup) } == id);
        // SAFETY: As above.
        found.is_some_and(|cgroup| !unsafe { is_removed(cgroup) })
    }
}
