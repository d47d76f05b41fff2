// SPDX-License-Identifier: GPL-2.0-only

//! Types from the kernel's headers, for kernels without type information. The kernel's own build
//! compiles `driver/kernel/types.c`, and pahole turns the object's debug information into BTF.

use crate::{Work, words};
use anyhow::{Context, Result, ensure};
use layouts::{Contract, FUNCTIONS};
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// Kernels may ask their compiler for less debug information.
const KBUILD: &str = "\
obj-m := types.o
ccflags-y := -g -gdwarf-4 -fno-eliminate-unused-debug-types
ccflags-y += $(call cc-option,-gno-split-dwarf)
ccflags-y += $(call cc-option,-femit-struct-debug-detailed=all)
";

impl Work<'_> {
    /// A file with the types of the contract's structures and functions, in this process's paths.
    /// Modules may use `exports`.
    pub(crate) fn types_of_headers(
        &self,
        source: Option<&Path>,
        contract: &Contract,
        exports: &BTreeSet<String>,
    ) -> Result<PathBuf> {
        let version = self.run(&words(&["pahole", "--version"])).context(
            "there is no pahole, which reads types from debug information: install it (Debian: \
             apt-get install dwarves)",
        )?;
        let mut kbuild = KBUILD.to_owned();
        if let Some(source) = source {
            self.check_source(source)?;
            kbuild += &format!("ccflags-y += -iquote {}\n", source.display());
        }
        let folder = self.folder.join("types");
        self.copy_c("types.c", "types")?;
        self.write("types/Kbuild", kbuild.as_bytes())?;
        self.write("types/functions.h", b"")?;
        self.make(&folder, &["types.i"])?;
        let headers = fs::read(self.machine.outside(&folder.join("types.i")))?;
        let headers = String::from_utf8_lossy(&headers);
        let (declared, unknown): (Vec<&str>, Vec<&str>) = contract
            .functions()
            .into_iter()
            .partition(|name| declares(&headers, name));
        let callable = unknown.into_iter().filter(|name| exports.contains(*name));
        let undeclared: Vec<&str> = callable.collect();
        ensure!(
            undeclared.is_empty(),
            "modules may call {}, but no header that driver/kernel/types.c includes declares it{}",
            undeclared.join(" and "),
            self.where_more_headers_are(source)
        );
        self.write("types/functions.h", pointers_to(&declared).as_bytes())?;
        self.make(&folder, &["types.o"])?;
        let [object, types] = ["types.o", "types.btf"].map(|name| folder.join(name));
        fs::copy(self.machine.outside(&object), self.machine.outside(&types))?;
        // Some versions call another program than binutils' objcopy.
        let mut encode = words(&["env", "LLVM_OBJCOPY=objcopy", "pahole", "-J"]);
        encode.push(types.display().to_string());
        self.run(&encode).with_context(|| {
            let version = version.trim();
            format!("pahole {version} makes no type information; 1.13 and later do")
        })?;
        Ok(self.machine.outside(&types))
    }

    /// The end of a sentence about something that no header declares.
    pub(crate) fn where_more_headers_are(&self, source: Option<&Path>) -> String {
        if let Some(source) = source {
            return format!(" (SOURCE is {})", source.display());
        }
        let mut numbers = self.config.release.split('.');
        let series = [numbers.next(), numbers.next()].map(Option::unwrap_or_default);
        format!(
            ": set SOURCE to the folder of the kernel's source, which has the headers of block/ \
             (Debian: apt-get install linux-source-{}, and unpack its archive in /usr/src)",
            series.join(".")
        )
    }

    /// Checks that a folder has the source of this kernel.
    fn check_source(&self, source: &Path) -> Result<()> {
        let version = |folder: &Path| -> Result<String> {
            let folder = folder.display().to_string();
            let printed = self.run(&words(&["make", "-s", "-C", &folder, "kernelversion"]));
            // make may warn of programs that only a build would need.
            let is_version = |line: &&str| line.starts_with(|c: char| c.is_ascii_digit());
            let found = printed.map(|text| text.lines().find(is_version).map(str::to_owned));
            let no_source = || format!("there is no kernel's source in {folder}");
            found.with_context(no_source)?.with_context(no_source)
        };
        let (here, wanted) = (version(source)?, version(&self.build.headers)?);
        ensure!(
            here == wanted,
            "the source in {} is Linux {}, and the headers in {} are Linux {}: set SOURCE to a \
             source of that version",
            source.display(),
            here,
            self.build.headers.display(),
            wanted
        );
        Ok(())
    }
}

/// Whether preprocessed headers have the name of a function before a parenthesis.
fn declares(headers: &str, name: &str) -> bool {
    let in_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    headers.match_indices(name).any(|(place, _)| {
        let (before, after) = (&headers[..place], &headers[place + name.len()..]);
        !before.ends_with(in_word) && after.trim_start().starts_with('(')
    })
}

/// A structure in C with a pointer to each function.
fn pointers_to(functions: &[&str]) -> String {
    let members = functions
        .iter()
        .map(|name| format!("\ttypeof({name}) *{name};\n"));
    let members: String = members.collect();
    format!("struct {FUNCTIONS} {{\n{members}}};\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_found_by_their_whole_names() {
        let headers = "extern void put_pid(struct pid *pid);\nint get\n (void);\nint seq;\n";
        for (name, is_declared) in [
            ("put_pid", true),
            ("get", true),
            ("pid", false),
            ("put", false),
            ("seq", false),
        ] {
            assert_eq!(declares(headers, name), is_declared, "{name}");
        }
    }

    #[test]
    fn each_function_gets_a_pointer_of_its_name() {
        assert_eq!(
            pointers_to(&["a", "b"]),
            "struct chaos_functions {\n\ttypeof(a) *a;\n\ttypeof(b) *b;\n};\n"
        );
    }
}
