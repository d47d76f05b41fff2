// SPDX-License-Identifier: GPL-2.0-only

//! Looks in a module for functions that the kernel may call by their addresses and that do not
//! begin with ENDBR: a machine with indirect branch tracking would stop at them. Emulation would
//! not.

use std::collections::{HashMap, HashSet};

/// The texts that readelf and objdump print about a module.
pub(crate) struct Printed<'a> {
    /// `readelf -SW`
    pub(crate) sections: &'a str,
    /// `readelf -sW`
    pub(crate) symbols: &'a str,
    /// `readelf -rW`
    pub(crate) relocations: &'a str,
    /// `objdump -dr`
    pub(crate) code: &'a str,
}

/// A place in a section.
type Place = (String, u64);

/// The list of the functions whose ENDBR the kernel removes when it loads the module.
const SEALED: &str = ".ibt_endbr_seal";

impl Printed<'_> {
    /// A function whose address is taken, and that has no ENDBR once the module is loaded.
    pub(crate) fn find_unmarked(&self) -> Option<String> {
        let symbols = self.symbols();
        let (code, marked) = self.code();
        let mut sealed = HashSet::new();
        let mut taken = Vec::new();
        let mut section = "";
        for line in self.relocations.lines() {
            if let Some(rest) = line.strip_prefix("Relocation section '.rela") {
                section = rest.split('\'').next().unwrap_or_default();
                continue;
            }
            let Some((kind, place)) = relocation(line, &symbols) else {
                continue;
            };
            if section == SEALED {
                sealed.insert(place);
            } else if takes_address(section, kind) && code.contains(&place.0) {
                taken.push(place);
            }
        }
        let wrong = taken
            .into_iter()
            .find(|place| !marked.contains(place) || sealed.contains(place));
        wrong.map(|(section, address)| format!("{section}+{address:#x}"))
    }

    /// The places of symbols.
    fn symbols(&self) -> HashMap<String, Place> {
        let sections: HashMap<&str, &str> = self
            .sections
            .lines()
            .filter_map(|line| {
                let (number, rest) = line.split_once('[')?.1.split_once(']')?;
                Some((number.trim(), rest.split_whitespace().next()?))
            })
            .collect();
        let own = sections
            .values()
            .map(|name| ((*name).to_owned(), ((*name).to_owned(), 0)));
        let mut places: HashMap<String, Place> = own.collect();
        places.extend(self.symbols.lines().filter_map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let [_, value, _, _, _, _, section, name] = words[..] else {
                return None;
            };
            let value = u64::from_str_radix(value, 16).ok()?;
            Some((
                name.to_owned(),
                ((*sections.get(section)?).to_owned(), value),
            ))
        }));
        places
    }

    /// The sections that have code, and the places of all ENDBR.
    fn code(&self) -> (HashSet<String>, HashSet<Place>) {
        let (mut sections, mut marked) = (HashSet::new(), HashSet::new());
        let mut section = "";
        for line in self.code.lines() {
            if let Some(name) = line.strip_prefix("Disassembly of section ") {
                section = name.trim_end_matches(':');
                sections.insert(section.to_owned());
                continue;
            }
            let instruction = line.split_once(":\t");
            let marks = instruction.filter(|(_, words)| words.starts_with("endbr64"));
            let address = marks.map(|(address, _)| u64::from_str_radix(address.trim(), 16));
            if let Some(Ok(address)) = address {
                marked.insert((section.to_owned(), address));
            }
        }
        (sections, marked)
    }
}

/// Whether a relocation puts an address into data, or into a register.
fn takes_address(section: &str, kind: &str) -> bool {
    const DATA: [&str; 5] = [
        ".rodata",
        ".data",
        ".init.data",
        ".exit.data",
        ".gnu.linkonce",
    ];
    const CODE: [&str; 3] = [".text", ".init.text", ".exit.text"];
    let is_data = DATA.iter().any(|name| section.starts_with(name));
    is_data && kind == "R_X86_64_64" || CODE.contains(&section) && kind == "R_X86_64_32S"
}

/// The kind of a relocation, and the place that it refers to.
fn relocation<'a>(line: &'a str, symbols: &HashMap<String, Place>) -> Option<(&'a str, Place)> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let [_, _, kind, _, symbol, sign, addend] = words[..] else {
        return None;
    };
    let (section, value) = symbols.get(symbol)?;
    let addend = u64::from_str_radix(addend, 16).ok()?;
    let address = match sign {
        "+" => value.checked_add(addend)?,
        _ => value.checked_sub(addend)?,
    };
    Some((kind, (section.clone(), address)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECTIONS: &str = "  [ 5] .text  PROGBITS  0000 0007f0\n  [18] .rodata  PROGBITS\n";
    const SYMBOLS: &str = "     7: 0000000000000020    16 FUNC    GLOBAL DEFAULT    5 called\n";
    const CODE: &str = "Disassembly of section .text:\n\n0000000000000010 <a>:\n  10:\tendbr64\n  \
                        14:\tjmp    14\n0000000000000020 <called>:\n  20:\tendbr64\n  24:\tnop\n";

    fn unmarked(relocations: &str) -> Option<String> {
        let printed = Printed {
            sections: SECTIONS,
            symbols: SYMBOLS,
            relocations,
            code: CODE,
        };
        printed.find_unmarked()
    }

    fn relocations(section: &str, kind: &str, target: &str) -> String {
        format!("Relocation section '.rela{section}' at\n0008  0001 {kind}  0000 {target}\n")
    }

    #[test]
    fn addresses_in_data_and_in_code_begin_with_endbr() {
        for (section, kind) in [(".rodata", "R_X86_64_64"), (".text", "R_X86_64_32S")] {
            let found = |target| unmarked(&relocations(section, kind, target));
            assert_eq!(found(".text + 10"), None);
            assert_eq!(found("called + 0"), None);
            assert_eq!(found(".rodata + 14"), None);
            assert_eq!(found(".text + 14"), Some(".text+0x14".to_owned()));
            assert_eq!(found("called + 4"), Some(".text+0x24".to_owned()));
        }
        assert_eq!(
            unmarked(&relocations(".text", "R_X86_64_PLT32", "called + 4")),
            None
        );
        assert_eq!(
            unmarked(&relocations(".orc_unwind_ip", "R_X86_64_64", "called + 4")),
            None
        );
    }

    #[test]
    fn an_endbr_that_the_kernel_removes_is_none() {
        let taken = relocations(".init.data", "R_X86_64_64", "called + 0");
        assert_eq!(unmarked(&taken), None);
        let sealed = relocations(SEALED, "R_X86_64_PC32", ".text + 20");
        assert_eq!(unmarked(&(taken + &sealed)), Some(".text+0x20".to_owned()));
    }
}
