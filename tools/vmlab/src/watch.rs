// SPDX-License-Identifier: GPL-2.0-only

//! Waits for a guest's end; ends the guest when its time is up or a signal tells the lab to end.

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};
use std::{
    io,
    process::Child,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread::sleep,
    time::{Duration, Instant},
};

/// The pause between two looks at the guest's output and at QEMU.
const TURN: Duration = Duration::from_millis(50);

/// The time that QEMU may take to end after SIGTERM.
const GRACE: Duration = Duration::from_secs(5);

/// How a guest ended.
pub(crate) enum End {
    /// The guest ended by itself, or QEMU failed.
    Exited,
    /// The guest took too long.
    TimedOut,
    /// This signal told the lab to end.
    Signalled(u8),
}

/// The signals that tell the lab to end.
pub(crate) struct Signals(Arc<AtomicUsize>);

impl Signals {
    /// From here on, these signals no longer end the lab by themselves.
    pub(crate) fn listen() -> io::Result<Self> {
        let told = Arc::new(AtomicUsize::new(0));
        for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
            let number = signal.as_raw();
            signal_hook::flag::register_usize(number, Arc::clone(&told), number as usize)?;
        }
        Ok(Self(told))
    }

    fn told(&self) -> Option<u8> {
        let signal = self.0.load(Ordering::Relaxed);
        u8::try_from(signal).ok().filter(|signal| *signal != 0)
    }
}

/// Waits for QEMU to end; ends it when its time is up or a signal tells the lab to end.
pub(crate) fn watch(
    mut qemu: Child,
    deadline: Instant,
    signals: &Signals,
    mut each_turn: impl FnMut() -> io::Result<()>,
) -> Result<End> {
    loop {
        let has_ended = qemu.try_wait()?;
        each_turn()?;
        if has_ended.is_some() {
            return Ok(End::Exited);
        }
        if let Some(signal) = signals.told() {
            stop(qemu)?;
            return Ok(End::Signalled(signal));
        }
        if Instant::now() > deadline {
            stop(qemu)?;
            return Ok(End::TimedOut);
        }
        sleep(TURN);
    }
}

/// Asks QEMU to end, so that it writes its buffers out, and kills it if it does not.
fn stop(mut qemu: Child) -> Result<()> {
    let start = Instant::now();
    let pid = i32::try_from(qemu.id()).ok().and_then(Pid::from_raw);
    kill_process(pid.context("QEMU has a process number")?, Signal::TERM)?;
    while qemu.try_wait()?.is_none() {
        if start.elapsed() > GRACE {
            qemu.kill()?;
        }
        sleep(TURN);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::Follower;
    use std::{fs::File, process::Command};

    fn sleeping(script: &str) -> Child {
        Command::new("sh").args(["-c", script]).spawn().unwrap()
    }

    fn signals(number: usize) -> Signals {
        Signals(Arc::new(AtomicUsize::new(number)))
    }

    #[test]
    fn a_guest_that_takes_too_long_is_ended() {
        let start = Instant::now();
        let end = watch(sleeping("exec sleep 100"), start, &signals(0), || Ok(())).unwrap();
        assert!(matches!(end, End::TimedOut));
        assert!(start.elapsed() < GRACE);
    }

    #[test]
    fn a_lab_that_is_told_to_end_ends_its_guest() {
        let deadline = Instant::now() + GRACE;
        let told = signals(15);
        let end = watch(sleeping("exec sleep 100"), deadline, &told, || Ok(())).unwrap();
        assert!(matches!(end, End::Signalled(15)));
    }

    #[test]
    fn output_is_copied_once_more_after_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("output");
        File::create(&path).unwrap();
        let mut seen = Vec::new();
        let mut follower = Follower::open(&path, &mut seen).unwrap();
        let child = sleeping(&format!("sleep 0.01; echo late >{}", path.display()));
        let deadline = Instant::now() + GRACE;
        watch(child, deadline, &signals(0), || follower.copy()).unwrap();
        assert_eq!(seen, b"late\n");
    }
}
