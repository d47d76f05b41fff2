// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! For tests: a folder in which files stand for the kernel's, and settings.

use crate::{
    interface::{Name, Settings, attribute},
    system::Roots,
};
use std::fs;

/// The folder, which is removed when dropped.
pub(super) struct Machine(tempfile::TempDir);

impl Machine {
    pub(super) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(super) fn roots(&self) -> Roots {
        let path = |path: &str| self.0.path().join(path);
        Roots {
            configfs: path("config"),
            sysfs: path("sys"),
            state: path("state"),
            dev: path("dev"),
            proc: path("proc"),
            modules: path("modules"),
            boot: path("boot"),
            tracing: path("tracing"),
        }
    }

    pub(super) fn write(&self, file: &str, text: &str) {
        let file = self.0.path().join(file);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }
}

/// The settings that give attributes these values, as people type them.
pub(super) fn settings(given: &[(Name, &str)]) -> Settings {
    let given = given.iter().map(|(name, text)| {
        let attribute = attribute(*name);
        (attribute, attribute.parse(text).unwrap())
    });
    Settings::new(given).unwrap()
}
