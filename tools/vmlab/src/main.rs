// SPDX-License-Identifier: GPL-2.0-only

//! Prepares a distribution's kernel for building and testing the module, and runs commands in a VM
//! on it.
//!
//! The host's kernel and the host's packages stay as they are: a chroot of the kernel's own suite
//! holds its compilers, headers and QEMU, all below one cache folder. `tools/lab` builds and starts
//! this program.
//!
//! [`prepare`] makes a [`target`] ready in the [`cache`]: the [`chroot`], the distribution's
//! [`kernel`] or an [`own`] one, and the [`base`] of the guest, an [`archive`]; a guest may have
//! [`systemd`], or boot a whole [`system`]. [`module`] builds the module. [`fresh`] makes a chroot
//! that is as a fresh machine. [`guest`] boots a VM, and [`watch`]es it; [`console`] reads the
//! guest's output, and [`complaints`] judges its kernel's log. [`try_`] does all of these in turn.

mod analyzer;
mod archive;
mod base;
mod cache;
mod chroot;
mod complaints;
mod console;
mod emulator;
mod fresh;
mod guest;
mod host;
mod kernel;
mod lab;
mod libraries;
mod module;
mod own;
mod packages;
mod prepare;
mod process;
mod races;
mod source;
mod step;
mod system;
mod systemd;
mod target;
mod try_;
mod watch;

use anyhow::{Context, Result, bail, ensure};
use clap::{Parser, Subcommand, error::ErrorKind};
use lab::Lab;
use process::Failed;
use std::{
    env,
    ffi::{OsStr, OsString},
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};
use step::say;
use target::Targets;

/// Prepares a distribution's kernel for building and testing the module, and runs commands in a VM
/// on it
#[derive(Debug, Parser)]
#[command(name = "tools/lab", args_override_self = true, after_help = AFTER_HELP)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

const AFTER_HELP: &str = "\
TARGET is a name of tools/targets (default: its first). The cache is $CHAOS_LAB_CACHE, else
${XDG_CACHE_HOME:-~/.cache}/chaos-driver.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Make the target ready: chroot, Rust metadata, kernel image and modules
    Prepare {
        target: Option<String>,
        /// Leave out a kernel that the lab builds itself. All runs that use the cache wait for the
        /// rest, and for none of it later
        #[arg(long)]
        chroot: bool,
    },
    /// Run COMMAND in the target's chroot, with the checkout at /src
    Shell {
        #[arg(value_name = "[TARGET] COMMAND", required = true)]
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        words: Vec<OsString>,
    },
    /// Run COMMAND in FOLDER, a chroot as a fresh machine of the target's suite with its kernel;
    /// make it if it is not there
    Fresh {
        target: String,
        folder: PathBuf,
        #[arg(last = true, required = true)]
        command: Vec<OsString>,
    },
    /// Build driver/chaos_driver.ko for the target's kernel
    Build { target: Option<String> },
    /// Print the kernel's release, its package's version and the rustc that built it, one per line
    Kernel { target: Option<String> },
    /// Boot the kernel in a VM and run COMMAND there, without input; exit with its status
    Run {
        /// The kernel, by a name in tools/targets [default: the first]
        target: Option<String>,
        #[command(flatten)]
        options: guest::Options,
        /// The command, as root. The guest has busybox, fio and tc; configfs, tracefs and cgroup2
        /// are mounted
        #[arg(last = true)]
        command: Vec<OsString>,
    },
    /// Write driver/rust-project.json, which describes the kernel crate to editors
    RustAnalyzer { target: Option<String> },
    /// Build the module and the programs, and run the tests whose names contain a WORD in a VM; a
    /// WORD that begins with - leaves tests out
    Try {
        #[arg(value_name = "[TARGET] WORD", required = true)]
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        words: Vec<String>,
    },
    /// List the targets
    Targets,
    /// Remove the cache
    Clean,
}

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return refuse(&error),
    };
    match run(arguments.command) {
        Ok(code) => code.into(),
        Err(error) => match error.downcast_ref::<Failed>() {
            // The failed command has already printed the reason.
            Some(failed) => failed.code.into(),
            None => {
                say(&format!("{error:#}"));
                ExitCode::FAILURE
            }
        },
    }
}

/// Prints the error in the arguments, or the help that the user asks for.
fn refuse(error: &clap::Error) -> ExitCode {
    let text = error.render().to_string();
    match text.strip_prefix("error: ") {
        Some(text) => say(text.trim_end()),
        // A failure here cannot be reported: standard error is gone.
        None => drop(error.print()),
    }
    match error.kind() {
        ErrorKind::DisplayHelp => ExitCode::SUCCESS,
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
        | ErrorKind::InvalidSubcommand
        | ErrorKind::MissingSubcommand => ExitCode::from(2),
        _ => ExitCode::FAILURE,
    }
}

fn run(command: Command) -> Result<u8> {
    let program = env::current_exe().context("cannot find the lab's own program")?;
    let top = checkout_of(&program)?;
    let targets = Targets::read(&top)?;
    let lab = |name: Option<&str>| Lab::new(top.clone(), targets.get(name)?);
    match command {
        Command::Prepare { target, chroot } => {
            let lab = lab(target.as_deref())?;
            match chroot {
                true => drop(lab.prepare_chroot()?),
                false => drop(lab.prepare()?),
            }
        }
        Command::Shell { mut words } => {
            let name = first_target(&targets, &mut words);
            ensure!(!words.is_empty(), "shell needs a command.");
            let lab = lab(name.as_ref().and_then(|name| name.to_str()))?;
            let _ready = lab.prepare()?;
            lab.chroot.run(&process::Output::Shown, &words)?;
        }
        Command::Fresh {
            target,
            folder,
            command,
        } => lab(Some(&target))?.run_fresh(&folder, &command)?,
        Command::Build { target } => lab(target.as_deref())?.build()?,
        Command::Kernel { target } => {
            let text = lab(target.as_deref())?.describe_kernel()?;
            io::stdout().write_all(text.as_bytes())?;
        }
        Command::Run {
            target,
            options,
            command,
        } => {
            if let Some(name) = target.as_deref().filter(|name| !targets.has(name)) {
                bail!(
                    "there is no target '{name}' (tools/targets has them), or '--' is missing \
                     before the command."
                );
            }
            ensure!(!command.is_empty(), "run needs a command after --.");
            return lab(target.as_deref())?.run(&options, &command);
        }
        Command::RustAnalyzer { target } => lab(target.as_deref())?.describe_crates()?,
        Command::Try { mut words } => {
            let name = first_target(&targets, &mut words);
            return Ok(u8::from(!lab(name.as_deref())?.try_tests(&words)?));
        }
        Command::Targets => {
            let text: String = targets
                .lines()
                .iter()
                .map(|line| line.to_owned() + "\n")
                .collect();
            io::stdout().write_all(text.as_bytes())?;
        }
        Command::Clean => prepare::clean()?,
    }
    Ok(0)
}

/// Takes the first word away if it is a target's name.
fn first_target<S: AsRef<OsStr>>(targets: &Targets, words: &mut Vec<S>) -> Option<S> {
    let first = words.first()?.as_ref().to_str()?;
    targets.has(first).then(|| words.remove(0))
}

/// The checkout that a path is in. `tools/lab` builds this program there.
fn checkout_of(path: &Path) -> Result<PathBuf> {
    let is_top = |folder: &&Path| folder.join("tools/targets").exists();
    let top = path.ancestors().find(is_top);
    Ok(top
        .with_context(|| format!("{} is in no checkout", path.display()))?
        .to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn read(words: &[&str]) -> Result<Command, clap::Error> {
        let words = ["tools/lab"].iter().chain(words);
        Arguments::try_parse_from(words).map(|arguments| arguments.command)
    }

    #[test]
    fn the_command_line_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn the_last_of_an_option_counts_and_several_files_do() {
        let words = [
            "run",
            "forky",
            "--seconds",
            "5",
            "--file",
            "a=/b",
            "--boot",
            "-x",
            "--file",
        ];
        let rest = [
            "c=/d=e",
            "--seconds",
            "9000",
            "--serial",
            "--",
            "sh",
            "-c",
            "x",
        ];
        let Command::Run {
            target,
            options,
            command,
        } = read(&[&words[..], &rest].concat()).unwrap()
        else {
            panic!("another command");
        };
        assert_eq!(target.as_deref(), Some("forky"));
        assert_eq!(command, ["sh", "-c", "x"]);
        let options = format!("{options:?}");
        assert!(options.contains("seconds: 9000"), "{options}");
        assert!(options.contains(r#"boot: ["-x"]"#), "{options}");
        assert!(
            options.contains(r#"file: [("a", "b"), ("c", "d=e")]"#),
            "{options}"
        );
    }

    #[test]
    fn words_with_a_hyphen_are_the_commands_own() {
        let Command::Shell { words } = read(&["shell", "sh", "-ec", "x", "--", "y"]).unwrap()
        else {
            panic!("another command");
        };
        assert_eq!(words, ["sh", "-ec", "x", "--", "y"]);
        let Command::Try { words } = read(&["try", "filter", "-swap"]).unwrap() else {
            panic!("another command");
        };
        assert_eq!(words, ["filter", "-swap"]);
        assert!(matches!(
            read(&["try", "-swap", "filter"]),
            Ok(Command::Try { .. })
        ));
    }

    #[test]
    fn values_that_cannot_be_are_refused() {
        for words in [
            &["run", "--cpus", "0", "--", "x"][..],
            &["run", "--seconds", "soon", "--", "x"],
            &["run", "--clock", "sun", "--", "x"],
            &["run", "--file", "a", "--", "x"],
            &["run", "--nosuch", "--", "x"],
            &["prepare", "forky", "more"],
            &["nosuch"],
        ] {
            assert!(read(words).is_err(), "{words:?}");
        }
    }

    #[test]
    fn only_a_command_that_is_none_has_another_exit_status() {
        let status = |words| format!("{:?}", refuse(&read(words).unwrap_err()));
        assert_eq!(status(&["nosuch"]), format!("{:?}", ExitCode::from(2)));
        assert_eq!(status(&[]), format!("{:?}", ExitCode::from(2)));
        assert_eq!(
            status(&["run", "--cpus", "0"]),
            format!("{:?}", ExitCode::from(1))
        );
        assert_eq!(status(&["--help"]), format!("{:?}", ExitCode::SUCCESS));
    }

    #[test]
    fn a_target_may_come_first() {
        let top = checkout_of(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap();
        let targets = Targets::read(&top).unwrap();
        let mut words = vec!["forky", "forky"];
        assert_eq!(first_target(&targets, &mut words), Some("forky"));
        assert_eq!(words, ["forky"]);
        let mut words = vec!["ls", "forky"];
        assert_eq!(first_target(&targets, &mut words), None);
    }
}
