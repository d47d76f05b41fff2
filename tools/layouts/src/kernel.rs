// SPDX-License-Identifier: GPL-2.0-only

//! The kernel's own description of its types, in BTF.
//!
//! The reader trusts no part of it: types may refer to each other in circles, and numbers may be
//! any.

use anyhow::{Context, Result, bail, ensure};
use btf_rs::{Btf, BtfType, Enum, EnumMember, Type, utils::elf::extract_btf_from_file};
use std::{fs, path::Path};

/// A type's number in the BTF of a kernel.
pub(crate) type Id = u32;

/// Rust in the kernel is for 64-bit machines, as far as the driver goes; BTF does not have the size
/// of pointers.
const POINTER_SIZE: u64 = 8;

/// A structure with a pointer to each function, by the function's name. It stands for the functions
/// in type information of a file that only declares them: compilers describe no declarations.
pub const FUNCTIONS: &str = "chaos_functions";

/// The types of a kernel.
pub struct Kernel(Btf);

/// The place of a member in a structure, and its type.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Member {
    pub(crate) bit_offset: u64,
    pub(crate) is_bit_field: bool,
    pub(crate) type_id: Id,
    /// The way to it from the structure in Rust, with the names that bindgen gives to unnamed
    /// members.
    pub(crate) rust_path: String,
}

impl Kernel {
    /// Reads a file that is BTF alone, as `/sys/kernel/btf/vmlinux`, or has it in an ELF section,
    /// as `vmlinux`.
    ///
    /// # Errors
    ///
    /// If the file cannot be read or is neither.
    pub fn open(path: &Path) -> Result<Self> {
        let mut content = fs::read(path)?;
        if content.starts_with(b"\x7fELF") {
            content = extract_btf_from_file(path)?;
        }
        Self::from_bytes(&content)
    }

    /// Takes BTF.
    ///
    /// # Errors
    ///
    /// If it is not well-formed.
    pub fn from_bytes(content: &[u8]) -> Result<Self> {
        Ok(Self(Btf::from_bytes(content)?))
    }

    pub(crate) fn get(&self, id: Id) -> Result<Type> {
        Ok(self.0.resolve_type_by_id(id)?)
    }

    pub(crate) fn name(&self, named: &dyn BtfType) -> Result<String> {
        // Unnamed types have no offset, or that of the empty string.
        match named.get_name_offset() {
            None | Some(0) => Ok(String::new()),
            Some(_) => Ok(self.0.resolve_name(named)?),
        }
    }

    /// All structures of this name: in different parts of the kernel it may mean different things.
    pub(crate) fn structs(&self, name: &str) -> Result<Vec<Id>> {
        let ids = self.0.resolve_ids_by_name(name)?.into_iter();
        // Some structures have a name by a type definition only.
        let structure = |id| match self.get(id).ok()? {
            Type::Struct(_) => Some(id),
            Type::Typedef(_) => {
                let (id, found) = self.resolve(id).ok()?;
                matches!(found, Type::Struct(_)).then_some(id)
            }
            _ => None,
        };
        Ok(ids.filter_map(structure).collect())
    }

    /// The prototypes of all functions of this name.
    pub(crate) fn functions(&self, name: &str) -> Result<Vec<Id>> {
        let ids = self.0.resolve_ids_by_name(name)?.into_iter();
        let defined = ids.filter_map(|id| match self.get(id) {
            Ok(Type::Func(function)) => function.get_type_id(),
            _ => None,
        });
        let mut prototypes: Vec<Id> = defined.collect();
        for structure in self.structs(FUNCTIONS)? {
            let Some(pointer) = self.member(structure, name)? else {
                continue;
            };
            if let Type::Ptr(to) = self.get(pointer.type_id)? {
                prototypes.push(next(&to)?);
            }
        }
        Ok(prototypes)
    }

    fn types(&self) -> impl Iterator<Item = Type> {
        (1..).map_while(|id| self.get(id).ok())
    }

    /// Whether an enumeration is of signed numbers. Older type information does not say so of any:
    /// there, one with a negative number is.
    pub(crate) fn is_signed(&self, list: &Enum) -> bool {
        let is_told = |found| matches!(found, Type::Enum(list) if list.is_signed());
        let is_negative = |member: &EnumMember| (member.val() as i32) < 0;
        list.is_signed() || list.members.iter().any(is_negative) && !self.types().any(is_told)
    }

    /// Whether any enumeration has this enumerator.
    pub(crate) fn has_enumerator(&self, name: &str) -> bool {
        let is = |member: &EnumMember| self.name(member).is_ok_and(|found| found == name);
        self.types().any(|found| match found {
            Type::Enum(list) => list.members.iter().any(is),
            _ => false,
        })
    }

    /// The type behind type definitions, qualifiers and tags.
    pub(crate) fn resolve(&self, id: Id) -> Result<(Id, Type)> {
        let mut id = id;
        for _ in 0..64 {
            let found = self.get(id)?;
            id = match &found {
                Type::Typedef(to) => next(to)?,
                Type::Const(to) | Type::Volatile(to) | Type::Restrict(to) => next(to)?,
                Type::TypeTag(to) => next(to)?,
                _ => return Ok((id, found)),
            };
        }
        bail!("a type definition leads nowhere");
    }

    /// Finds a member of a structure or union by its name, or by names with points between if it is
    /// deeper inside.
    pub(crate) fn member(&self, structure: Id, path: &str) -> Result<Option<Member>> {
        let (name, inside) = match path.split_once('.') {
            Some((name, inside)) => (name, Some(inside)),
            None => (path, None),
        };
        let Some(outer) = self.direct_member(structure, name, &mut Way::into_members())? else {
            return Ok(None);
        };
        let Some(inside) = inside else {
            return Ok(Some(outer));
        };
        let inner = self.member(self.resolve(outer.type_id)?.0, inside)?;
        Ok(inner.map(|inner| inner.within(outer.bit_offset, &outer.rust_path)))
    }

    /// Finds a member by its name, also in unnamed structures and unions inside. `way` leads here.
    fn direct_member(&self, id: Id, name: &str, way: &mut Way) -> Result<Option<Member>> {
        let (Type::Struct(structure) | Type::Union(structure)) = self.get(id)? else {
            return Ok(None);
        };
        way.enter(id)?;
        let mut unnamed = 0;
        for member in &structure.members {
            let type_id = next(member)?;
            let bit_offset = u64::from(member.bit_offset());
            let member_name = self.name(member)?;
            if member_name == name {
                return Ok(Some(Member {
                    bit_offset,
                    is_bit_field: member.bitfield_size().unwrap_or(0) > 0 || bit_offset % 8 > 0,
                    type_id,
                    rust_path: rust_name(name),
                }));
            }
            let (type_id, resolved) = self.resolve(type_id)?;
            if member_name.is_empty() && matches!(resolved, Type::Struct(_) | Type::Union(_)) {
                unnamed += 1;
                if let Some(inner) = self.direct_member(type_id, name, way)? {
                    let outer = format!("__bindgen_anon_{unnamed}");
                    return Ok(Some(inner.within(bit_offset, &outer)));
                }
            }
        }
        way.leave();
        Ok(None)
    }

    /// The size of a type in bytes.
    pub(crate) fn size(&self, id: Id) -> Result<u64> {
        Ok(self.size_and_alignment(id, &mut Way::into_members())?.0)
    }

    /// The alignment of a type as far as its members demand it; BTF has no alignment by attributes.
    pub(crate) fn alignment(&self, id: Id) -> Result<u64> {
        Ok(self.size_and_alignment(id, &mut Way::into_members())?.1)
    }

    fn size_and_alignment(&self, id: Id, way: &mut Way) -> Result<(u64, u64)> {
        let (id, found) = self.resolve(id)?;
        way.enter(id)?;
        let scalar = |size: usize| -> Result<(u64, u64)> {
            let size = size as u64;
            ensure!(
                size.is_power_of_two() && size <= 16,
                "a number has {size} bytes"
            );
            Ok((size, size))
        };
        let result = match found {
            Type::Int(int) => scalar(int.size())?,
            Type::Enum(list) => scalar(list.size())?,
            Type::Enum64(list) => scalar(list.size())?,
            Type::Float(float) => scalar(float.size())?,
            Type::Ptr(_) => (POINTER_SIZE, POINTER_SIZE),
            Type::Array(array) => {
                let (size, alignment) = self.size_and_alignment(next(&array)?, way)?;
                let size = size.checked_mul(array.len() as u64);
                (size.context("an array is too large")?, alignment)
            }
            Type::Struct(structure) | Type::Union(structure) => {
                let mut alignment = 1;
                for member in &structure.members {
                    alignment = alignment.max(self.size_and_alignment(next(member)?, way)?.1);
                }
                // Packed structures have a smaller one, such as `struct bvec_iter`.
                let size = structure.size() as u64;
                while size % alignment != 0 {
                    alignment /= 2;
                }
                (size, alignment)
            }
            other => bail!("a {} has no size", other.name()),
        };
        way.leave();
        Ok(result)
    }
}

impl Member {
    /// The same member, as seen from around the member at `bit_offset` that has it inside.
    fn within(mut self, bit_offset: u64, rust_path: &str) -> Self {
        self.bit_offset += bit_offset;
        self.rust_path = format!("{rust_path}.{}", self.rust_path);
        self
    }
}

/// The type that another one refers to.
pub(crate) fn next(from: &dyn BtfType) -> Result<Id> {
    from.get_type_id().context("a type refers to none")
}

/// The way through types to the present one, which must come back to none of them, and end.
pub(crate) struct Way {
    types: Vec<Id>,
    /// The number of types that there may still be, on all the branches of the way.
    left: u32,
}

impl Way {
    /// A way into members; large structures have thousands.
    pub(crate) fn into_members() -> Self {
        Self::new(100_000)
    }

    /// A way along one declaration, each type of which becomes a piece of text.
    pub(crate) fn along_declaration() -> Self {
        Self::new(1_000)
    }

    fn new(left: u32) -> Self {
        Self {
            types: Vec::new(),
            left,
        }
    }

    /// Notes a type.
    pub(crate) fn enter(&mut self, id: Id) -> Result<()> {
        // Void leads to no other type.
        ensure!(
            id == 0 || !self.types.contains(&id),
            "a type contains itself"
        );
        ensure!(self.types.len() < 64, "types are nested too deeply");
        self.left = self
            .left
            .checked_sub(1)
            .context("a type is made of too many others")?;
        self.types.push(id);
        Ok(())
    }

    /// Goes back from the last type.
    pub(crate) fn leave(&mut self) {
        self.types.pop();
    }
}

/// The name of a C member in Rust: bindgen appends a line to keywords.
pub(crate) fn rust_name(name: &str) -> String {
    const KEYWORDS: &[&str] = &[
        "abstract", "as", "async", "await", "become", "box", "crate", "dyn", "final", "fn", "impl",
        "in", "let", "loop", "macro", "match", "mod", "move", "mut", "override", "priv", "pub",
        "ref", "self", "super", "trait", "try", "type", "unsafe", "use", "virtual", "where",
        "yield",
    ];
    let suffix = if KEYWORDS.contains(&name) { "_" } else { "" };
    format!("{name}{suffix}")
}
