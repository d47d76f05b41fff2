// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! A terminal for a program: keys are typed, and its screen is read.

use rustix::{
    fs::{Mode, OFlags, open},
    process::{Pid, Signal, kill_process},
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{Termios, Winsize, tcgetattr, tcsetwinsize},
};
use std::{
    ffi::OsStr,
    fs::File,
    io::{Read, Write},
    os::fd::{AsFd, OwnedFd},
    path::PathBuf,
    process::{Child, Command},
    sync::{Arc, Mutex},
    thread::{JoinHandle, sleep, spawn},
    time::{Duration, Instant},
};

/// The time after which a screen that was waited for does not come any more.
const PATIENCE: Duration = Duration::from_secs(60);

/// A program on a terminal of its own.
pub(crate) struct Pty {
    keys: File,
    terminal: OwnedFd,
    /// The modes of the terminal before the program.
    before: Termios,
    child: Mutex<Child>,
    printed: Arc<Mutex<Vec<u8>>>,
    _reader: JoinHandle<()>,
}

impl Pty {
    /// Starts a program, for which no signal is ignored.
    pub(crate) fn start(
        words: &[&str],
        environment: impl IntoIterator<Item = (&'static str, PathBuf)>,
    ) -> Self {
        let main = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&main).unwrap();
        unlockpt(&main).unwrap();
        let name = ptsname(&main, Vec::new()).unwrap();
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let terminal = open(name.as_c_str(), flags, Mode::empty()).unwrap();
        resize(&main, 80, 24);
        let before = tcgetattr(&terminal).unwrap();
        let end = || terminal.try_clone().unwrap();
        // Each of these programs becomes the next one.
        let child = Command::new("env")
            .args(["--default-signal", "setsid", "--ctty"])
            .args(words.iter().map(OsStr::new))
            .env_remove("NO_COLOR")
            .env("TERM", "xterm")
            .envs(environment)
            .stdin(end())
            .stdout(end())
            .stderr(end())
            .spawn()
            .unwrap();
        let printed = Arc::new(Mutex::new(Vec::new()));
        let (all, mut screen) = (Arc::clone(&printed), File::from(main.try_clone().unwrap()));
        let reader = spawn(move || {
            let mut bytes = [0; 4_096];
            while let Ok(length @ 1..) = screen.read(&mut bytes) {
                all.lock().unwrap().extend_from_slice(&bytes[..length]);
            }
        });
        Self {
            keys: File::from(main),
            terminal,
            before,
            child: Mutex::new(child),
            printed,
            _reader: reader,
        }
    }

    pub(crate) fn types(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
    }

    pub(crate) fn resize(&self, columns: u16, rows: u16) {
        resize(&self.keys, columns, rows);
    }

    pub(crate) fn kill(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child.lock().unwrap());
        kill_process(pid, signal).unwrap();
    }

    /// Waits until a line of the screen has this text.
    pub(crate) fn shows(&self, text: &str) {
        self.until(text, |lines| lines.iter().any(|line| line.contains(text)));
    }

    /// Waits until this line of the screen begins with this text.
    pub(crate) fn shows_in(&self, row: usize, text: &str) {
        self.until(text, |lines| {
            lines.get(row).is_some_and(|line| line.starts_with(text))
        });
    }

    fn until(&self, text: &str, is_so: impl Fn(&[String]) -> bool) {
        let begin = Instant::now();
        loop {
            let lines = screen(&self.text());
            if is_so(&lines) {
                return;
            }
            assert!(begin.elapsed() < PATIENCE, "no {text} on {lines:#?}");
            sleep(Duration::from_millis(20));
        }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.printed.lock().unwrap()).into_owned()
    }

    /// Whether the program has used a colour.
    pub(crate) fn is_coloured(&self) -> bool {
        let text = self.text();
        let sequences = text.split("\x1b[").skip(1);
        let mut styles = sequences.filter_map(|rest| {
            let end = rest.find(|letter: char| letter.is_ascii_alphabetic())?;
            rest[end..].starts_with('m').then(|| &rest[..end])
        });
        styles.any(|style| {
            let mut numbers = style.split(';').filter_map(|number| number.parse().ok());
            numbers.any(|number| matches!(number, 30..=38 | 40..=48 | 90..=107))
        })
    }

    /// The exit code of the program, once it has ended.
    pub(crate) fn code(&self) -> Option<i32> {
        let begin = Instant::now();
        loop {
            if let Some(status) = self.child.lock().unwrap().try_wait().unwrap() {
                return status.code();
            }
            let lines = screen(&self.text());
            assert!(begin.elapsed() < PATIENCE, "no end, but {lines:#?}");
            sleep(Duration::from_millis(20));
        }
    }

    /// The same of a program that has had a screen of its own, and has given all back.
    pub(crate) fn end(&self) -> Option<i32> {
        let code = self.code();
        let after = tcgetattr(&self.terminal).unwrap();
        let modes = |termios: &Termios| {
            let (input, output) = (termios.input_modes, termios.output_modes);
            (input, output, termios.local_modes, termios.control_modes)
        };
        assert_eq!(modes(&after), modes(&self.before));
        // The reader may not have had all of it.
        let (begin, last) = (Instant::now(), "\x1b[?25h");
        while !self.text().ends_with(last) {
            assert!(begin.elapsed() < PATIENCE, "{:?}", self.text());
            sleep(Duration::from_millis(20));
        }
        let text = self.text();
        let place = |sequence| text.rfind(sequence);
        assert!(place("\x1b[?1049h").is_some(), "{text:?}");
        assert!(place("\x1b[?1049l") > place("\x1b[?1049h"), "{text:?}");
        code
    }
}

fn resize(terminal: impl AsFd, columns: u16, rows: u16) {
    let size = Winsize {
        ws_row: rows,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    tcsetwinsize(terminal, size).unwrap();
}

/// The lines that a terminal shows after this output.
fn screen(text: &str) -> Vec<String> {
    let mut lines: Vec<Vec<char>> = Vec::new();
    let (mut row, mut column) = (0, 0);
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\x1b' => {
                let mut sequence = String::new();
                for letter in letters.by_ref() {
                    sequence.push(letter);
                    if letter.is_ascii_alphabetic() {
                        break;
                    }
                }
                let body = sequence.trim_start_matches('[');
                if let Some(place) = body.strip_suffix('H') {
                    let numbers = place.split(';').map(|number| number.parse().unwrap_or(1));
                    let place: Vec<usize> = numbers.collect();
                    (row, column) = (place[0] - 1, place.get(1).map_or(0, |column| column - 1));
                } else if body.ends_with('J') {
                    lines.clear();
                }
            }
            '\r' => column = 0,
            '\n' => row += 1,
            _ => {
                lines.resize(lines.len().max(row + 1), Vec::new());
                let line = &mut lines[row];
                line.resize(line.len().max(column + 1), ' ');
                line[column] = letter;
                column += 1;
            }
        }
    }
    lines
        .into_iter()
        .map(|line| line.into_iter().collect())
        .collect()
}
