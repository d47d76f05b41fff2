// SPDX-License-Identifier: GPL-2.0-only

//! Type information of a kernel, made type by type.

/// BTF as the kernel's `include/uapi/linux/btf.h` describes it.
#[derive(Default)]
pub(crate) struct Btf {
    types: Vec<u8>,
    strings: Vec<u8>,
    count: u32,
}

impl Btf {
    pub(crate) fn new() -> Self {
        Self {
            strings: vec![0],
            ..Self::default()
        }
    }

    pub(crate) fn string(&mut self, text: &str) -> u32 {
        if text.is_empty() {
            return 0;
        }
        let offset = self.strings.len() as u32;
        self.strings.extend(text.as_bytes());
        self.strings.push(0);
        offset
    }

    /// Adds a type and the data after its head; returns its number.
    pub(crate) fn add(
        &mut self,
        kind: u32,
        length: usize,
        name: &str,
        size_or_type: u32,
        rest: &[u32],
    ) -> u32 {
        let name = self.string(name);
        for word in [name, (kind << 24) | length as u32, size_or_type]
            .iter()
            .chain(rest)
        {
            self.types.extend(word.to_le_bytes());
        }
        self.count += 1;
        self.count
    }

    pub(crate) fn int(&mut self, name: &str, bytes: u32, encoding: u32) -> u32 {
        self.add(1, 0, name, bytes, &[(encoding << 24) | (bytes * 8)])
    }

    pub(crate) fn pointer(&mut self, to: u32) -> u32 {
        self.add(2, 0, "", to, &[])
    }

    pub(crate) fn structure(
        &mut self,
        name: &str,
        bytes: u32,
        members: &[(&str, u32, u32)],
    ) -> u32 {
        let mut rest = Vec::new();
        for (name, id, bit_offset) in members {
            rest.extend([self.string(name), *id, *bit_offset]);
        }
        self.add(4, members.len(), name, bytes, &rest)
    }

    pub(crate) fn prototype(&mut self, result: u32, parameters: &[u32]) -> u32 {
        let rest: Vec<u32> = parameters.iter().flat_map(|id| [0, *id]).collect();
        self.add(13, parameters.len(), "", result, &rest)
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = vec![0x9f, 0xeb, 1, 0];
        let (types, strings) = (self.types.len() as u32, self.strings.len() as u32);
        for word in [24, 0, types, types, strings] {
            bytes.extend(u32::to_le_bytes(word));
        }
        bytes.extend(&self.types);
        bytes.extend(&self.strings);
        bytes
    }
}
