// SPDX-License-Identifier: GPL-2.0-only

//! The definition of one structure in Rust, with the members that the driver uses at their places.

use crate::generate::{Generator, Placed};
use anyhow::{Context, Result, ensure};
use std::fmt::Write;

/// A definition that gets its members in the order in which they are in memory.
pub(crate) struct Definition<'a, 'g> {
    generator: &'g Generator<'a>,
    c_name: &'g str,
    name: &'g str,
    fields: String,
    /// Structures around members that are deeper inside.
    around: String,
    asserts: String,
    members: usize,
    end: u64,
}

impl<'a, 'g> Definition<'a, 'g> {
    /// A structure without members.
    pub(crate) fn new(generator: &'g Generator<'a>, c_name: &'g str, name: &'g str) -> Self {
        Self {
            generator,
            c_name,
            name,
            fields: String::new(),
            around: String::new(),
            asserts: String::new(),
            members: 0,
            end: 0,
        }
    }

    /// Adds a member.
    pub(crate) fn add(&mut self, placed: &Placed) -> Result<()> {
        let (kernel, visibility) = (self.generator.kernel, self.generator.visibility());
        let (name, type_id) = (self.name, placed.member.type_id);
        let offset = placed.member.bit_offset / 8;
        self.fill(offset, &format!("_unused_{}", self.members))?;
        let path = &placed.rust_path;
        let mut fields: Vec<&str> = path.split('.').collect();
        let inside = fields.split_off(1);
        let mut rust_type = self.generator.rust_type(type_id)?;
        for (depth, field) in inside.iter().enumerate().rev() {
            let around = format!("{name}_{}", [&fields, &inside[..depth]].concat().join("_"));
            ensure!(
                !self.around.contains(&format!("struct {around} ")),
                "two members of {} lie in one structure",
                self.c_name
            );
            let (around_text, derives) = (&mut self.around, self.generator.derives());
            writeln!(
                around_text,
                "\n/// A part of `struct {}`.\n{derives}#[repr(C)]\n{visibility} struct {around} {{\n    \
                 /// The used member.\n    {visibility} {field}: {rust_type},\n}}",
                self.c_name
            )?;
            rust_type = around;
        }
        let declared = kernel.declare(type_id, &placed.name)?;
        writeln!(self.fields, "    /// `{declared}`")?;
        writeln!(self.fields, "    {visibility} {}: {rust_type},", fields[0])?;
        writeln!(
            self.asserts,
            "    assert!(core::mem::offset_of!({name}, {path}) == {offset});"
        )?;
        self.end = offset.saturating_add(kernel.size(type_id)?);
        self.members += 1;
        Ok(())
    }

    /// Fills the memory up to a place.
    fn fill(&mut self, offset: u64, field: &str) -> Result<()> {
        let gap = offset.checked_sub(self.end).context("members overlap")?;
        if gap > 0 {
            writeln!(self.fields, "    {field}: [u8; {gap}],")?;
        }
        Ok(())
    }

    /// The definition, of this size and alignment.
    pub(crate) fn finish(mut self, size: u64, alignment: u64) -> Result<String> {
        self.fill(size, "_unused_end")
            .context("a member is outside of it")?;
        let Self {
            c_name,
            name,
            fields,
            around,
            asserts,
            ..
        } = &self;
        let (visibility, derives) = (self.generator.visibility(), self.generator.derives());
        Ok(format!(
            "{around}\n/// `struct {c_name}`.\n{derives}#[repr(C, align({alignment}))]\n{visibility} struct {name} \
             {{\n{fields}}}\n\nconst _: () = {{\n    assert!(size_of::<{name}>() == {size});\n{asserts}}};\n"
        ))
    }
}
