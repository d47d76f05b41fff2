// SPDX-License-Identifier: GPL-2.0-only

//! The cgroups to which the kernel accounts I/O, by their paths.
//!
//! A path needs no reference, and may lead to one cgroup after the other: it names the cgroup that
//! is there at the time of an I/O. The kernel never gives the id of a cgroup twice, so an I/O's
//! cgroup need only be compared by its names when its id is new.
//!
//! C header: [`include/linux/cgroup.h`](srctree/include/linux/cgroup.h)

use super::{
    atomic::{AtomicU64, Relaxed},
    layouts::{bio_blkcg_css, cgroup_ancestor, CgroupNamespace},
};
use core::{marker::PhantomData, ptr::NonNull};
use kernel::{
    bindings,
    prelude::*,
    str::{CStrExt, CString},
    sync::{rcu, Arc},
};

/// The longest path from the root of the hierarchy, with the NUL at its end (`PATH_MAX`).
const MOST_PATH: usize = 4_096;

/// A place in the hierarchy of cgroups, whatever cgroup is there.
pub(crate) struct Cgroup {
    /// The path from the root of the whole hierarchy, such as `/tenant/job`.
    path: KVec<u8>,
    /// How many names the path has.
    level: usize,
    /// The number of the place: the id of the cgroup that was there first. No other place has it,
    /// as the kernel gives no id twice.
    number: u64,
    /// The id of the last cgroup that was seen there. Relaxed: a reader that sees an earlier id
    /// compares names instead.
    id: AtomicU64,
}

/// An error for which the kernel crate has no name.
fn error(number: u32) -> Error {
    Error::from_errno(-(number as i32))
}

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

    /// Its path from the root of the hierarchy.
    fn path(&self) -> Result<KVec<u8>> {
        /// The kernel cuts a longer path without a word. A byte more tells a cut path from one that
        /// just fits: with it the path is as long as `MOST_PATH`, or longer.
        const BUFFER: usize = MOST_PATH + 1;
        let mut path = KVec::from_elem(0, BUFFER, GFP_KERNEL)?;
        // SAFETY: By the invariants the node is valid, and the buffer has this length.
        let length = unsafe {
            let buffer = path.as_mut_ptr().cast();
            bindings::kernfs_path_from_node(self.0.as_ptr(), core::ptr::null_mut(), buffer, BUFFER)
        };
        match usize::try_from(length) {
            Ok(length) if length < MOST_PATH => {
                path.truncate(length);
                Ok(path)
            }
            _ => Err(error(bindings::ENAMETOOLONG)),
        }
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

/// The directory of the cgroup v2 at this path, in the hierarchy that the current task sees. May
/// sleep, but waits for no I/O.
///
/// This function walks the path itself and does not ask the file system: a task that writes a file
/// of configfs holds a lock on the file's directory, and must not wait for a disk under it, nor for
/// configfs itself.
///
/// # Errors
///
/// ENOENT and ENOTDIR if there is no such cgroup, and EOPNOTSUPP if the kernel accounts no I/O to
/// it because its `io` controller is not enabled.
fn find(path: &str) -> Result<Node> {
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
    let guard = rcu::read_lock();
    // SAFETY: The node of a cgroup's directory has the cgroup in `priv`, until
    // `css_release_work_fn` clears that; the cgroup is freed after a grace period from then
    // (`css_free_rwork_fn` is RCU work). As in `cgroup_get_from_path`.
    let cgroup = unsafe { (&raw const (*node.0.as_ptr()).priv_).read_volatile() };
    let cgroup = NonNull::new(cgroup.cast::<bindings::cgroup>()).ok_or(ENOENT)?;
    let io = bindings::cgroup_subsys_id_io_cgrp_id as usize;
    // SAFETY: The guard keeps the cgroup. This only looks whether the pointer is null.
    let state = unsafe { (&raw const (*cgroup.as_ptr()).subsys[io]).read_volatile() };
    if state.is_null() {
        return Err(error(bindings::EOPNOTSUPP));
    }
    drop(guard);
    Ok(node)
}

impl Cgroup {
    /// The place of the cgroup v2 that is at this path now, in the hierarchy that the current task
    /// sees. May sleep, but waits for no I/O.
    ///
    /// # Errors
    ///
    /// As [`find`], ENOMEM, and ENAMETOOLONG if the path from the root is longer than `PATH_MAX`.
    pub(crate) fn at(path: &str) -> Result<Arc<Self>> {
        let node = find(path)?;
        let path = node.path()?;
        let cgroup = Self {
            level: names(&path).count(),
            path,
            number: node.id(),
            id: AtomicU64::new(node.id()),
        };
        Ok(Arc::new(cgroup, GFP_KERNEL)?)
    }

    /// The number of the place. Objects of the same place have different numbers if another cgroup
    /// came there in between: compare them with [`Cgroup::is_same_place`], and keep one.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// Whether both are the same place.
    pub(crate) fn is_same_place(&self, other: &Self) -> bool {
        self.path == other.path
    }

    /// Learns the id of the cgroup that is there now from a newer object of the same place.
    pub(crate) fn follow(&self, newer: &Self) {
        self.id.store(newer.id(), Relaxed);
    }

    /// The id of the last cgroup that was seen there.
    #[inline]
    pub(crate) fn id(&self) -> u64 {
        self.id.load(Relaxed)
    }
}

/// The names in a path.
fn names(path: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    path.split(|&byte| byte == b'/')
        .filter(|name| !name.is_empty())
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

/// Whether the cgroup is in the hierarchy of cgroups v2. Another hierarchy has ids of its own.
///
/// # Safety
///
/// `cgroup` must be valid.
unsafe fn is_v2(cgroup: NonNull<bindings::cgroup>) -> bool {
    // SAFETY: By this function's requirements; a cgroup keeps its root. The root's address is only
    // compared.
    unsafe { core::ptr::eq((*cgroup.as_ptr()).root, &raw mut bindings::cgrp_dfl_root) }
}

/// Whether the cgroup has this name.
///
/// # Safety
///
/// `cgroup` must be valid.
unsafe fn has_name(cgroup: NonNull<bindings::cgroup>, name: &[u8], _: &rcu::Guard) -> bool {
    // SAFETY: By this function's requirements; a cgroup keeps its directory. The directory's name
    // is freed after a grace period, which the guard holds off, and in the hierarchy of cgroups v2
    // it does not change at all.
    unsafe {
        let found = (&raw const (*(*cgroup.as_ptr()).kn).name).read_volatile();
        CStr::from_char_ptr(found).to_bytes() == name
    }
}

/// The cgroup v2 to which the kernel accounts a bio, and its ancestors; empty if it accounts the
/// bio to none.
///
/// # Invariants
///
/// The cgroup is valid while the lifetime lasts, and a cgroup v2.
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
        // SAFETY: As above.
        let cgroup = cgroup.filter(|cgroup| unsafe { is_v2(*cgroup) });
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

    /// The one of the cgroups at this level; the root's is 0.
    fn member(&self, level: usize) -> Option<NonNull<bindings::cgroup>> {
        let cgroup = self.cgroup.filter(|_| level < self.len() as usize)?;
        let level = i32::try_from(level).ok()?;
        // SAFETY: By the invariants the cgroup is valid, and the level is not above its own. It
        // holds its ancestors.
        NonNull::new(unsafe { cgroup_ancestor(cgroup.as_ptr(), level) })
    }

    /// The ids of the cgroups, from the root on. A removed cgroup has the id 0 here, which names
    /// none.
    pub(crate) fn ids(self) -> impl Iterator<Item = u64> + 'a {
        (0..self.len() as usize).filter_map(move |level| {
            let cgroup = self.member(level)?;
            // SAFETY: By the invariants, the cgroup is valid.
            Some(unsafe {
                if is_removed(cgroup) {
                    0
                } else {
                    id_of(cgroup)
                }
            })
        })
    }

    /// Whether one of the cgroups is at this place, and was not removed.
    #[inline]
    pub(crate) fn include(&self, sought: &Cgroup) -> bool {
        let Some(member) = self.member(sought.level) else {
            return false;
        };
        // SAFETY: By the invariants, the cgroup is valid.
        let (id, is_removed) = unsafe { (id_of(member), is_removed(member)) };
        !is_removed && (id == sought.id() || self.lead_to(sought, id))
    }

    /// Whether the cgroup at this place is one of these, whose id it then has from now on. Another
    /// cgroup differs in its last name, which is compared first, or in an earlier one.
    #[inline(never)]
    fn lead_to(&self, sought: &Cgroup, id: u64) -> bool {
        let guard = rcu::read_lock();
        let mut level = sought.level;
        for name in names(&sought.path).rev() {
            let member = self.member(level);
            // SAFETY: By the invariants, the cgroup is valid.
            if !member.is_some_and(|member| unsafe { has_name(member, name, &guard) }) {
                return false;
            }
            level = level.saturating_sub(1);
        }
        sought.id.store(id, Relaxed);
        true
    }
}
