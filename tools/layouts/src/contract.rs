// SPDX-License-Identifier: GPL-2.0-only

//! The contract: the kernel's structures and functions that the driver uses, as its author knows
//! them.

use crate::declaration::{Declaration, Token, tokens};
use anyhow::{Result, bail, ensure};
use std::collections::BTreeSet;

/// The kernel that the driver was written for.
#[derive(Debug, Default)]
pub struct Contract {
    pub(crate) structs: Vec<Struct>,
    pub(crate) functions: Vec<Function>,
    /// Enumerators that older kernels lack.
    pub(crate) enumerators: Vec<String>,
    /// Variables that the kernel has to let modules use.
    pub(crate) exported: Vec<String>,
}

/// A function that the driver calls.
#[derive(Clone, Debug)]
pub(crate) struct Function {
    pub(crate) declaration: Declaration,
    /// As older kernels have it; the newest first.
    pub(crate) older: Vec<Declaration>,
    /// Whether some kernels lack it; the driver does not call it there.
    pub(crate) is_optional: bool,
}

/// A member of a structure.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    /// As the newest kernels have it.
    pub(crate) newest: Declaration,
    /// The way to it in Rust, where that is not the way in C.
    pub(crate) rust_path: Option<String>,
    /// As older kernels have it; the newest first.
    pub(crate) older: Vec<Declaration>,
    /// Whether older kernels lack it.
    pub(crate) is_optional: bool,
}

impl Wanted {
    /// Whether kernels differ in it.
    pub(crate) fn has_eras(&self) -> bool {
        self.is_optional || !self.older.is_empty()
    }
}

/// A structure, and the members of it that the driver uses.
#[derive(Clone, Debug)]
pub(crate) struct Struct {
    pub(crate) name: String,
    /// Whether the kernel's headers have it, and so the crate `bindings`; otherwise the generator
    /// writes it.
    pub(crate) in_bindings: bool,
    pub(crate) members: Vec<Wanted>,
}

impl Contract {
    /// Parses a contract.
    ///
    /// # Errors
    ///
    /// The error names the line of the first mistake.
    pub fn parse(text: &str) -> Result<Self> {
        let tokens = tokens(text);
        let mut rest = Rest(&tokens);
        let mut contract = Self::default();
        while let Some(first) = rest.0.first() {
            let is_struct = first.text == "struct" && rest.0.get(2).is_some_and(|t| t.text == "{");
            if first.text == "bindings" || is_struct {
                rest.next()?;
                let found = rest.structure(!is_struct)?;
                ensure!(
                    contract
                        .structs
                        .iter()
                        .all(|other| other.name != found.name),
                    "line {}: {} is described twice",
                    first.line,
                    found.name,
                );
                contract.structs.push(found);
            } else {
                let is_optional = first.text == "optional";
                let is_older = first.text == "or";
                if is_optional || is_older {
                    rest.next()?;
                }
                let named = match rest.0 {
                    [word, name, end, ..]
                        if matches!(&*word.text, "enumerator" | "exported") && end.text == ";" =>
                    {
                        Some((word, name))
                    }
                    _ => None,
                };
                if let Some((word, name)) = named {
                    let is_variable = word.text == "exported";
                    ensure!(
                        is_optional != is_variable && !is_older,
                        "line {}: an enumerator is optional, and a variable is not",
                        word.line
                    );
                    let names = match is_variable {
                        true => &mut contract.exported,
                        false => &mut contract.enumerators,
                    };
                    names.push(name.text.clone());
                    rest.0 = &rest.0[3..];
                    continue;
                }
                let declaration = rest.declaration()?;
                ensure!(
                    declaration.is_function,
                    "line {}: neither a structure nor a function: \"{declaration}\"",
                    first.line,
                );
                match contract.functions.last_mut().filter(|_| is_older) {
                    Some(newest) => newest.older.push(declaration),
                    None => contract.functions.push(Function {
                        declaration,
                        older: Vec::new(),
                        is_optional,
                    }),
                }
            }
        }
        Ok(contract)
    }

    /// Adds another contract, which may describe more members of the same structures. One may
    /// describe a structure as private, and the other as one of the crate `bindings`: then there
    /// are both in Rust.
    pub fn add(&mut self, other: Self) {
        for more in other.structs {
            let is_same = |known: &&mut Struct| {
                (&known.name, known.in_bindings) == (&more.name, more.in_bindings)
            };
            let Some(known) = self.structs.iter_mut().find(is_same) else {
                self.structs.push(more);
                continue;
            };
            for member in more.members {
                let is_known = |other: &Wanted| other.newest.name == member.newest.name;
                if !known.members.iter().any(is_known) {
                    known.members.push(member);
                }
            }
        }
        self.functions.extend(other.functions);
        self.enumerators.extend(other.enumerators);
        self.exported.extend(other.exported);
    }

    /// The names of the functions, each once.
    #[must_use]
    pub fn functions(&self) -> BTreeSet<&str> {
        let names = self.functions.iter();
        names.map(|found| &*found.declaration.name).collect()
    }

    /// The structure of this name; rather that of the crate `bindings`.
    pub(crate) fn find(&self, name: &str) -> Option<&Struct> {
        let mut found = self.structs.iter().filter(|found| found.name == name);
        let first = found.next();
        found.find(|found| found.in_bindings).or(first)
    }
}

/// The tokens that are still to be parsed.
struct Rest<'a>(&'a [Token]);

impl<'a> Rest<'a> {
    fn next(&mut self) -> Result<&'a Token> {
        let Some((first, rest)) = self.0.split_first() else {
            bail!("the file ends in the middle of a description");
        };
        self.0 = rest;
        Ok(first)
    }

    /// Parses the part after `struct` or `bindings`.
    fn structure(&mut self, in_bindings: bool) -> Result<Struct> {
        let name = self.next()?;
        ensure!(
            name.is_word() && !name.text.contains('.'),
            "line {}: a structure's name is expected, not \"{}\"",
            name.line,
            name.text,
        );
        let mut members: Vec<Wanted> = Vec::new();
        let open = self.next()?;
        match &*open.text {
            ";" => {}
            "{" => {
                while self.0.first().is_none_or(|token| token.text != "}") {
                    self.member(&name.text, open.line, &mut members)?;
                }
                self.next()?;
            }
            other => bail!("line {}: \"{{\" is expected, not \"{other}\"", open.line),
        }
        Ok(Struct {
            name: name.text.clone(),
            in_bindings,
            members,
        })
    }

    /// Parses a member, or what it is in older kernels.
    fn member(&mut self, of: &str, start: usize, members: &mut Vec<Wanted>) -> Result<()> {
        let line = self.0.first().map_or(start, |token| token.line);
        let is_next = |rest: &Self, word: &str| rest.0.first().is_some_and(|t| t.text == word);
        let (is_older, is_optional) = (is_next(self, "or"), is_next(self, "optional"));
        if is_older || is_optional {
            self.next()?;
        }
        let (declaration, rust_path) = self.declaration_as()?;
        ensure!(
            !declaration.is_function,
            "line {line}: a structure has no functions: \"{declaration}\"",
        );
        if is_older {
            let Some(newest) = members.last_mut() else {
                bail!("line {line}: \"or\" stands behind a member of newer kernels");
            };
            newest.older.push(declaration);
            return Ok(());
        }
        ensure!(
            members
                .iter()
                .all(|other| other.newest.name != declaration.name),
            "line {line}: {of}.{} is described twice",
            declaration.name,
        );
        members.push(Wanted {
            newest: declaration,
            rust_path,
            older: Vec::new(),
            is_optional,
        });
        Ok(())
    }

    /// Parses up to the next semicolon.
    fn declaration(&mut self) -> Result<Declaration> {
        Ok(self.declaration_as()?.0)
    }

    /// Parses up to the next semicolon, before which may be `as` and the way to it in Rust.
    fn declaration_as(&mut self) -> Result<(Declaration, Option<String>)> {
        let length = self
            .0
            .iter()
            .position(|token| matches!(&*token.text, ";" | "{" | "}"));
        let (words, rest) = self.0.split_at(length.unwrap_or(self.0.len()));
        let line = words.first().or(rest.first()).map_or(0, |token| token.line);
        match rest.first() {
            Some(end) if end.text == ";" => {}
            Some(end) => bail!(
                "line {}: \";\" is expected before \"{}\"",
                end.line,
                end.text
            ),
            None if line == 0 => bail!("the file ends in the middle of a description"),
            None => bail!("line {line}: a declaration without \";\" at its end"),
        }
        self.0 = &rest[1..];
        let (words, rust_path) = match words {
            [words @ .., word, path] if word.text == "as" => (words, Some(path.text.clone())),
            words => (words, None),
        };
        let Some(declaration) = Declaration::new(words) else {
            bail!("line {line}: a declaration such as \"int name;\" is expected");
        };
        Ok((declaration, rust_path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_kinds_are_parsed() {
        let contract = Contract::parse(
            "# A comment.\nstruct a { # another\n int b;\n void (*c)(struct d *,\n  int);\n}\n\
             bindings e { void *f.g[2]; }\nbindings h;\nstruct i *j(void);\noptional int k(int);\n\
             optional enumerator L;\nexported m;",
        )
        .unwrap();
        let structs: Vec<_> = contract
            .structs
            .iter()
            .map(|found| (&*found.name, found.in_bindings, found.members.len()))
            .collect();
        assert_eq!(structs, [("a", false, 2), ("e", true, 1), ("h", true, 0)]);
        let functions: Vec<_> = contract
            .functions
            .iter()
            .map(|found| (found.declaration.to_string(), found.is_optional))
            .collect();
        let expected = [("struct i *j(void)", false), ("int k(int)", true)];
        assert_eq!(
            functions,
            expected.map(|(text, is_optional)| (text.to_owned(), is_optional))
        );
        assert_eq!(contract.enumerators, ["L"]);
        assert_eq!(contract.exported, ["m"]);
    }

    #[test]
    fn mistakes_are_told_with_their_line() {
        for (text, message) in [
            (
                "\nint a;",
                "line 2: neither a structure nor a function: \"int a\"",
            ),
            (
                "struct a {\nint;\n}",
                "line 2: a declaration such as \"int name;\" is expected",
            ),
            (
                "struct a {\nint b\n}",
                "line 3: \";\" is expected before \"}\"",
            ),
            (
                "struct a {\nint b;\nint b;\n}",
                "line 3: a.b is described twice",
            ),
            ("struct a {}\nbindings a;", "line 2: a is described twice"),
            (
                "struct a {\nint b(void);\n}",
                "line 2: a structure has no functions: \"int b(void)\"",
            ),
            (
                "struct a {\n int b;",
                "the file ends in the middle of a description",
            ),
            (
                "struct a {\n int b",
                "line 2: a declaration without \";\" at its end",
            ),
            ("bindings a\nb;", "line 2: \"{\" is expected, not \"b\""),
            (
                "bindings\n;",
                "line 2: a structure's name is expected, not \";\"",
            ),
            ("\nbindings", "the file ends in the middle of a description"),
            ("}", "line 1: \";\" is expected before \"}\""),
            (
                "struct a {\n or int b; }",
                "line 2: \"or\" stands behind a member of newer kernels",
            ),
            (
                "enumerator a;",
                "line 1: an enumerator is optional, and a variable is not",
            ),
            (
                "\noptional exported a;",
                "line 2: an enumerator is optional, and a variable is not",
            ),
            (
                "optional struct a {}",
                "line 1: \";\" is expected before \"{\"",
            ),
        ] {
            assert_eq!(
                Contract::parse(text).unwrap_err().to_string(),
                message,
                "{text}"
            );
        }
    }
}
