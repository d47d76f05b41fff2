// SPDX-License-Identifier: GPL-2.0-only

//! The kernel's types as C, to be compared with the contract and shown to people.

use crate::{
    declaration::{Declaration, tokens},
    kernel::{Id, Kernel, Way, next},
};
use anyhow::{Context, Result};
use btf_rs::{BtfType, Type};

impl Kernel {
    /// The declaration of `name` with a type in C; a function if the type is a prototype.
    pub(crate) fn declare(&self, id: Id, name: &str) -> Result<Declaration> {
        let text = self.declarator(id, name.to_owned(), &mut Way::along_declaration())?;
        Declaration::new(&tokens(&text)).with_context(|| format!("\"{text}\" declares nothing"))
    }

    /// C declares from the inside out: `inner` is the declaration so far. `way` leads here.
    fn declarator(&self, id: Id, inner: String, way: &mut Way) -> Result<String> {
        way.enter(id)?;
        let named = |kind: &str, named: &dyn BtfType| -> Result<String> {
            let name = self.name(named)?;
            let name = if name.is_empty() { "{}" } else { &name };
            Ok(format!("{kind} {name} {inner}"))
        };
        let text = match self.get(id)? {
            Type::Void => format!("void {inner}"),
            Type::Int(int) => named("", &int)?,
            Type::Float(float) => named("", &float)?,
            Type::Typedef(definition) => named("", &definition)?,
            Type::Struct(structure) => named("struct", &structure)?,
            Type::Union(union) => named("union", &union)?,
            Type::Enum(list) => named("enum", &list)?,
            Type::Enum64(list) => named("enum", &list)?,
            Type::Fwd(forward) if forward.is_union() => named("union", &forward)?,
            Type::Fwd(forward) => named("struct", &forward)?,
            Type::Const(to) => self.qualified("const", next(&to)?, inner, way)?,
            Type::Volatile(to) => self.qualified("volatile", next(&to)?, inner, way)?,
            Type::Restrict(to) => self.qualified("restrict", next(&to)?, inner, way)?,
            // Hints for checkers, such as `__rcu`.
            Type::TypeTag(to) => self.declarator(next(&to)?, inner, way)?,
            Type::Ptr(to) => {
                let to = next(&to)?;
                let inner = match self.get(to)? {
                    Type::Array(_) | Type::FuncProto(_) => format!("(*{inner})"),
                    _ => format!("*{inner}"),
                };
                self.declarator(to, inner, way)?
            }
            Type::Array(array) => {
                self.declarator(next(&array)?, format!("{inner}[{}]", array.len()), way)?
            }
            Type::FuncProto(prototype) => {
                let mut parameters = Vec::new();
                for parameter in &prototype.parameters {
                    parameters.push(if parameter.is_variadic() {
                        "...".to_owned()
                    } else {
                        self.declarator(next(parameter)?, String::new(), way)?
                    });
                }
                if parameters.is_empty() {
                    parameters.push("void".to_owned());
                }
                let inner = format!("{inner}({})", parameters.join(", "));
                self.declarator(prototype.return_type_id(), inner, way)?
            }
            other => anyhow::bail!("a {} is not the type of anything", other.name()),
        };
        way.leave();
        Ok(text)
    }

    fn qualified(&self, word: &str, to: Id, inner: String, way: &mut Way) -> Result<String> {
        // Qualifiers of a pointer stand behind its star, those of other types before the whole
        // type.
        if matches!(self.get(to)?, Type::Ptr(_)) {
            self.declarator(to, format!("{word} {inner}"), way)
        } else {
            Ok(format!("{word} {}", self.declarator(to, inner, way)?))
        }
    }
}
