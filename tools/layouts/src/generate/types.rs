// SPDX-License-Identifier: GPL-2.0-only

//! The types of C in Rust.

use super::{Bindings, Generator, camel_case};
use crate::kernel::{Id, next};
use anyhow::{Context, Result, bail};
use btf_rs::Type;

impl Generator<'_> {
    /// The type in Rust.
    pub(crate) fn rust_type(&self, id: Id) -> Result<String> {
        if let Some(defined) = self.defined(id)? {
            return Ok(defined);
        }
        let (_, found) = self.kernel.resolve(id)?;
        Ok(match found {
            Type::Int(int) => match (self.kernel.name(&int)?.as_str(), int.is_signed()) {
                ("char", _) => "ffi::c_char".to_owned(),
                ("_Bool" | "bool", _) => "bool".to_owned(),
                // As in the kernel's crate.
                ("long unsigned int" | "unsigned long", _) if self.bindings == Bindings::Own => {
                    "usize".to_owned()
                }
                (_, true) => format!("i{}", int.size() * 8),
                (_, false) => format!("u{}", int.size() * 8),
            },
            Type::Struct(structure) => self.named(&self.kernel.name(&structure)?)?,
            Type::Enum(list) => {
                let kind = if self.kernel.is_signed(&list) {
                    "i"
                } else {
                    "u"
                };
                format!("{kind}{}", list.size() * 8)
            }
            Type::Array(array) => format!("[{}; {}]", self.rust_type(next(&array)?)?, array.len()),
            Type::Ptr(to) => self.pointer(next(&to)?)?,
            other => bail!("a {} is not supported", other.name()),
        })
    }

    fn pointer(&self, to: Id) -> Result<String> {
        if let Type::FuncProto(_) = self.kernel.resolve(to)?.1 {
            let (parameters, result) = self.prototype(to, false)?;
            return Ok(format!(
                "Option<unsafe extern \"C\" fn({parameters}){result}>"
            ));
        }
        let kind = if matches!(self.kernel.get(to)?, Type::Const(_)) {
            "const"
        } else {
            "mut"
        };
        let pointee = match self.kernel.resolve(to)?.1 {
            // The driver only hands on a type that the contract does not name.
            Type::Struct(structure) => self
                .named(&self.kernel.name(&structure)?)
                .unwrap_or_else(|_| "ffi::c_void".to_owned()),
            Type::Int(_) | Type::Ptr(_) => self.rust_type(to)?,
            _ => "ffi::c_void".to_owned(),
        };
        Ok(format!("*{kind} {pointee}"))
    }

    /// The name of a structure in Rust.
    fn named(&self, name: &str) -> Result<String> {
        let found = self.contract.find(name);
        let found =
            found.with_context(|| format!("the contract does not describe struct {name}"))?;
        Ok(match (found.in_bindings, self.bindings) {
            (true, Bindings::Kernel) => format!("bindings::{name}"),
            (true, Bindings::Own) => name.to_owned(),
            (false, _) => camel_case(name),
        })
    }

    /// The name in Rust of a structure that has a name in C by a type definition only.
    fn defined(&self, id: Id) -> Result<Option<String>> {
        match self.kernel.get(id)? {
            Type::Typedef(definition) => {
                let name = self.kernel.name(&definition)?;
                match self.contract.find(&name) {
                    Some(_) => Ok(Some(self.named(&name)?)),
                    None => self.defined(next(&definition)?),
                }
            }
            _ => Ok(None),
        }
    }
}
