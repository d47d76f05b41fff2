// SPDX-License-Identifier: GPL-2.0-only

//! Reads any arguments as kchaos does, one a line, and does not run the command.
//!
//! If kchaos accepts settings, the driver must accept them too, with the same meaning.

#![no_main]

use chaos_fuzz::is_written_as_told;
use chaos_policy::policy::settings::Settings;
use clap::{Command, CommandFactory, Error, FromArgMatches};
use kchaos::args::{Arguments, Fault, Verb};
use libfuzzer_sys::fuzz_target;
use std::{cell::RefCell, ffi::OsStr, os::unix::ffi::OsStrExt, path::Path};

thread_local! {
    /// Made once: describing all flags takes much longer than reading them.
    static COMMAND: RefCell<Command> = RefCell::new(Arguments::command());
}

/// As [`clap::Parser::try_parse_from`].
fn read<'a>(words: impl Iterator<Item = &'a OsStr>) -> Result<Arguments, Error> {
    COMMAND.with_borrow_mut(|command| {
        let mut matches = command.try_get_matches_from_mut(words)?;
        let arguments = Arguments::from_arg_matches_mut(&mut matches);
        arguments.map_err(|error| error.format(command))
    })
}

fuzz_target!(|data: &[u8]| {
    let words = data.split(|&byte| byte == b'\n').map(OsStr::from_bytes);
    let words = [OsStr::new("kchaos")].into_iter().chain(words);
    let arguments = match read(words) {
        Ok(arguments) => arguments,
        Err(error) => {
            let text = error.render().to_string();
            assert!(!text.trim().is_empty());
            return;
        }
    };
    let Verb::Inject(inject) = arguments.verb else {
        return;
    };
    if let Some(name) = &inject.name {
        // The name stays in the driver's directory.
        assert_eq!(
            Path::new("/ioem").join(name).parent(),
            Some(Path::new("/ioem"))
        );
    }
    let Fault::Ioem { effect } = &inject.fault;
    let (_, task) = effect.parts();
    let mut driver = Settings::new();
    for (attribute, value) in &task.settings.values {
        let same = attribute.name;
        if is_written_as_told(same) {
            let text = attribute.file_text(value);
            assert_eq!(driver.set(same, text.as_bytes()), Ok(()), "{text:?}");
            assert_eq!(driver.show(same).to_string(), text);
        }
    }
});
