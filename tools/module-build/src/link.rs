// SPDX-License-Identifier: GPL-2.0-only

//! Has the kernel's own build link the module, and looks at the result.

use crate::{Work, bindings::flags_of, config::Config, endbr::Printed, words};
use anyhow::{Context, Result, bail, ensure};
use std::{fs, io::ErrorKind, path::Path};

/// The module, and what it is made of.
const KBUILD: &str = "\
obj-m := chaos_driver.o
chaos_driver-y := helpers.o rust.o
$(obj)/rust.o: $(src)/rust.bin
\tcp $< $@
";

impl Work<'_> {
    /// Links the module, and puts it into `driver`.
    pub(crate) fn link(&self, object: &Path, newest: &[String]) -> Result<()> {
        let folder = self.folder.join("link");
        for name in ["helpers.c", "helpers.h"] {
            self.copy_c(name, "link")?;
        }
        self.write(
            "link/Kbuild",
            (KBUILD.to_owned() + &flags_of(newest)).as_bytes(),
        )?;
        let outside = self.machine.outside(&folder);
        fs::copy(self.machine.outside(object), outside.join("rust.bin"))?;
        self.show_to_objtool(&folder.join("rust.bin").display().to_string())?;
        // modpost asks this file of what the object was made.
        let rust = folder.join("rust").display().to_string();
        let known = format!(
            "savedcmd_{rust}.o := cp {rust}.bin {rust}.o\nsource_{rust}.o := {rust}.bin\n\
             deps_{rust}.o := {rust}.bin\n"
        );
        self.write("link/.rust.o.cmd", known.as_bytes())?;
        self.make(&folder, &["modules"])?;
        let module = outside.join("chaos_driver.ko");
        self.check(&folder.join("chaos_driver.ko").display().to_string())?;
        let place = self.build.top.join("driver/chaos_driver.ko");
        fs::copy(&module, self.machine.outside(&place))
            .with_context(|| format!("cannot write {}", place.display()))?;
        // So that a build with the kernel's crate links its own module again.
        let linked = place.with_file_name(".chaos_driver.ko.cmd");
        match fs::remove_file(self.machine.outside(&linked)) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Has objtool look at rustc's object, where the kernel's build does not show it the linked
    /// module.
    fn show_to_objtool(&self, object: &str) -> Result<()> {
        let config = self.config;
        let sees_linked = config.has(&["X86_KERNEL_IBT", "LTO_CLANG"]);
        if sees_linked || !config.has(&["OBJTOOL", "STACK_VALIDATION"]) {
            return Ok(());
        }
        let objtool = self.build.headers.join("tools/objtool/objtool");
        let objtool = objtool.display().to_string();
        let mut command = vec![objtool];
        if config.has(&["OBJTOOL"]) {
            let retpoline = config.has(&["MITIGATION_RETPOLINE", "RETPOLINE"]);
            for (option, is_on) in [
                ("--orc", config.has(&["UNWINDER_ORC"])),
                ("--retpoline", retpoline),
                ("--rethunk", config.has(&["MITIGATION_RETHUNK", "RETHUNK"])),
                ("--sls", config.has(&["MITIGATION_SLS", "SLS"])),
                ("--static-call", true),
                ("--uaccess", true),
                ("--module", true),
            ] {
                if is_on {
                    command.push(option.to_owned());
                }
            }
        } else {
            // Before 5.19.
            command.extend(words(&[
                "orc",
                "generate",
                "--module",
                "--no-fp",
                "--retpoline",
                "--uaccess",
            ]));
        }
        command.push(object.to_owned());
        self.run(&command).map(drop)
    }

    /// Checks what emulation and a first load do not show.
    fn check(&self, module: &str) -> Result<()> {
        let sections = self.run(&words(&["readelf", "-SW", module]))?;
        let count = sections.matches(" .modinfo ").count();
        ensure!(
            count == 1,
            "{module} has {count} sections .modinfo, and the kernel reads the first"
        );
        let symbols = self.run(&words(&["readelf", "-sW", module]))?;
        let undefined = symbols
            .lines()
            .find(|line| line.contains(" UND _R") || line.contains(" UND _ZN"));
        ensure!(
            undefined.is_none(),
            "{module} lacks a function of Rust: {}",
            undefined.unwrap_or_default()
        );
        if self.config.has(&["X86_64"]) {
            let code = self.run(&words(&["objdump", "-dr", "--no-show-raw-insn", module]))?;
            let protections = Protections::of(self.config);
            if let Some(wrong) = protections.find_wrong(&code) {
                bail!("{module} has an instruction that this kernel must not run: {wrong}");
            }
            if self.config.has(&["X86_KERNEL_IBT"]) {
                let relocations = self.run(&words(&["readelf", "-rW", module]))?;
                let printed = Printed {
                    sections: &sections,
                    symbols: &symbols,
                    relocations: &relocations,
                    code: &code,
                };
                let wrong = printed.find_unmarked();
                ensure!(
                    wrong.is_none(),
                    "{module} has a function that the kernel may call by its address, and that \
                     does not begin with endbr64: {}",
                    wrong.unwrap_or_default()
                );
            }
        }
        Ok(())
    }
}

/// The protections of an x86 kernel that its compiler has to provide.
#[derive(Clone, Copy)]
struct Protections {
    /// Indirect calls and jumps go through thunks.
    thunks: bool,
    /// So do returns.
    return_thunks: bool,
}

impl Protections {
    fn of(config: &Config) -> Self {
        Self {
            thunks: config.has(&["MITIGATION_RETPOLINE", "RETPOLINE"]),
            return_thunks: config.has(&["MITIGATION_RETHUNK", "RETHUNK"]),
        }
    }

    /// A wrong line in what objdump prints, with relocations.
    fn find_wrong<'a>(&self, code: &'a str) -> Option<&'a str> {
        let mut lines = code.lines().peekable();
        while let Some(line) = lines.next() {
            let Some((_, instruction)) = line.split_once(":\t") else {
                continue;
            };
            let mut parts = instruction.split_whitespace();
            let (name, operands) = (parts.next().unwrap_or_default(), parts.next());
            // The kernel replaces a call through `pv_ops` by a direct one when it loads the module.
            let is_replaced = lines.peek().is_some_and(|next| next.contains("\tpv_ops"));
            let is_indirect = operands.is_some_and(|operands| operands.starts_with('*'));
            // The state of these registers belongs to user space.
            let has_vectors = instruction.contains("%xmm") || instruction.contains("%ymm");
            if has_vectors
                || self.thunks && is_indirect && !is_replaced
                || self.return_thunks && name.starts_with("ret")
            {
                return Some(line);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Protections = Protections {
        thunks: true,
        return_thunks: true,
    };
    const NONE: Protections = Protections {
        thunks: false,
        return_thunks: false,
    };

    #[test]
    fn instructions_without_protection_are_found() {
        let good = "0000000000000010 <init_module>:\n  10:\tendbr64\n  14:\tcall   19 <f>\n  \
                    19:\tjmp    1e <__x86_return_thunk>\n";
        assert_eq!(ALL.find_wrong(good), None);
        for (wrong, of) in [
            ("  20:\tcall   *%rax", ALL),
            ("  20:\tjmp    *0x8(%rdi)", ALL),
            ("  20:\tret", ALL),
            ("  20:\tmovaps %xmm0,(%rdi)", NONE),
        ] {
            assert_eq!(of.find_wrong(wrong), Some(wrong));
        }
        assert_eq!(NONE.find_wrong("  20:\tcall   *%rax\n  22:\tret\n"), None);
        let replaced = "  20:\tcallq  *0x0\n\t\t\t23: R_X86_64_32S\tpv_ops+0x2a0\n";
        assert_eq!(ALL.find_wrong(replaced), None);
        let other = replaced.replace("pv_ops", "other");
        assert!(ALL.find_wrong(&other).is_some());
    }
}
