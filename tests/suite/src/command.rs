// SPDX-License-Identifier: GPL-2.0-only

//! Starts programs and reads what they print; reads the environment.

use anyhow::{Context, Result, bail};
use rustix::{
    pipe::{PipeFlags, pipe_with},
    process::{Signal, set_parent_process_death_signal},
};
use std::{
    env,
    fmt::Display,
    fs::File,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    str::FromStr,
    sync::Mutex,
    thread,
};

/// The folder of the checkout.
pub(crate) fn top() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// A command of these words, the first of which is the program.
pub(crate) fn command(words: &[&str]) -> Command {
    let mut command = Command::new(words[0]);
    command.args(&words[1..]);
    command
}

/// A command of the lab.
pub(crate) fn lab(words: &[&str]) -> Command {
    let mut command = Command::new("tools/lab");
    command.args(words);
    command
}

/// As people would type it.
fn name(command: &Command) -> String {
    let words = [command.get_program()]
        .into_iter()
        .chain(command.get_args());
    let words: Vec<_> = words.map(|word| word.to_string_lossy()).collect();
    words.join(" ")
}

/// Fails with the status of a command that failed.
pub(crate) fn must_succeed(command: &Command, status: ExitStatus) -> Result<()> {
    if !status.success() {
        bail!("{} failed: {status}", name(command));
    }
    Ok(())
}

/// Runs a command, whose output is people's to see.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command
        .status()
        .with_context(|| format!("starting {}", name(command)))?;
    must_succeed(command, status)
}

/// The output of a command; if it fails, its errors are in the error.
pub(crate) fn text_of(command: &mut Command) -> Result<String> {
    let output = command
        .output()
        .with_context(|| format!("starting {}", name(command)))?;
    must_succeed(command, output.status).with_context(|| {
        String::from_utf8_lossy(&output.stderr)
            .trim_end()
            .to_owned()
    })?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Starts a command without input, and gives what it prints, errors included, in their order. The
/// command ends when the calling thread does, also if a signal kills this program.
pub(crate) fn start(command: &mut Command) -> Result<(Child, File)> {
    let bind = || Ok(set_parent_process_death_signal(Some(Signal::TERM))?);
    // SAFETY: Between fork and exec, the closure makes one system call, and allocates no memory.
    unsafe { command.pre_exec(bind) };
    let (reader, writer) = pipe_with(PipeFlags::CLOEXEC).context("making a pipe")?;
    let errors = writer.try_clone().context("making a pipe")?;
    let child = command
        .stdin(Stdio::null())
        .stdout(writer)
        .stderr(errors)
        .spawn();
    // The command holds the pipe open as well, and its reader would wait for that.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let child = child.with_context(|| format!("starting {}", name(command)))?;
    Ok((child, File::from(reader)))
}

/// The release of the kernel that the lab has for its first target.
pub(crate) fn kernel_release() -> Result<String> {
    let kernel = text_of(&mut lab(&["kernel"]))?;
    let release = kernel.lines().next();
    Ok(release.context("the lab names no kernel")?.to_owned())
}

/// The architecture that cargo builds for, unless told otherwise.
pub(crate) fn host() -> Result<String> {
    let version = text_of(&mut command(&["rustc", "-vV"]))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("rustc -vV names no host")?.to_owned())
}

/// The lab's cache, with the files that all checkouts share.
pub(crate) fn cache() -> Result<PathBuf> {
    if let Some(folder) = variable("CHAOS_LAB_CACHE") {
        return Ok(PathBuf::from(folder));
    }
    let caches =
        match variable("XDG_CACHE_HOME") {
            Some(folder) => PathBuf::from(folder),
            None => Path::new(&variable("HOME").context(
                "HOME is not set: set it, or CHAOS_LAB_CACHE, to tell where the cache is",
            )?)
            .join(".cache"),
        };
    Ok(caches.join("chaos-driver"))
}

/// A variable of the environment; an empty one is none.
pub(crate) fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

/// The words of a variable, or of `otherwise`.
pub(crate) fn words_of(name: &str, otherwise: &str) -> Vec<String> {
    let words = variable(name).unwrap_or_else(|| otherwise.to_owned());
    words.split_whitespace().map(str::to_owned).collect()
}

/// The number that a variable has, or `otherwise`.
pub(crate) fn number_of<N: FromStr + Display>(name: &str, otherwise: N) -> Result<N> {
    let Some(value) = variable(name) else {
        return Ok(otherwise);
    };
    match value.parse() {
        Ok(number) => Ok(number),
        Err(_) => bail!("{name} is a number, as {otherwise}, and not '{value}'"),
    }
}

/// How many processors this machine has.
pub(crate) fn processors() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// Does the work for each item, at most so many at a time; the results are in the items' order.
pub(crate) fn for_each<T: Sync, R: Send>(
    items: &[T],
    at_a_time: usize,
    work: impl Fn(&T) -> R + Sync,
) -> Vec<R> {
    let next = Mutex::new(items.iter().enumerate());
    let take = || next.lock().expect("no worker panics here").next();
    let done = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..at_a_time.max(1) {
            scope.spawn(|| {
                while let Some((place, item)) = take() {
                    let result = work(item);
                    let mut done = done.lock().expect("no worker panics here");
                    done.push((place, result));
                }
            });
        }
    });
    let mut done = done.into_inner().expect("all workers have ended");
    done.sort_by_key(|(place, _)| *place);
    done.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        io::Read,
        sync::atomic::{AtomicUsize, Ordering},
    };

    #[test]
    fn both_outputs_come_in_their_order() {
        let script = "echo one; echo two >&2; echo three";
        let (mut child, mut output) = start(&mut command(&["sh", "-c", script])).unwrap();
        let mut text = String::new();
        output.read_to_string(&mut text).unwrap();
        assert_eq!(text, "one\ntwo\nthree\n");
        assert!(child.wait().unwrap().success());
    }

    #[test]
    fn a_command_ends_with_the_thread_that_started_it() {
        let sleep = || start(&mut command(&["sleep", "100"])).unwrap().0;
        let mut child = thread::spawn(sleep).join().unwrap();
        assert_eq!(child.wait().unwrap().to_string(), "signal: 15 (SIGTERM)");
    }

    #[test]
    fn a_failure_names_the_command() {
        let error = run(&mut command(&["sh", "-c", "exit 3"])).unwrap_err();
        assert_eq!(error.to_string(), "sh -c exit 3 failed: exit status: 3");
    }

    #[test]
    fn at_most_so_many_are_worked_on_at_a_time() {
        let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let items: Vec<u32> = (0..20).collect();
        let results = for_each(&items, 3, |item| {
            most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            thread::yield_now();
            now.fetch_sub(1, Ordering::SeqCst);
            item * 2
        });
        assert_eq!(
            results,
            items.iter().map(|item| item * 2).collect::<Vec<_>>()
        );
        assert!(most.into_inner() <= 3);
    }
}
