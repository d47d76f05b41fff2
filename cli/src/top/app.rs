// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The state of the view: the last looks, the selected injection, and the question to answer.

use super::{
    act::{Act, CHANGE, Outcome, RECOVER},
    keys::Key,
    sample::{Disk, Injection, Look},
};
use crate::show::columns::printable;
use std::collections::{BTreeMap, VecDeque};

/// The most points of a disk's history.
const HISTORY: usize = 240;

/// The mean times of a disk, each since the look before.
pub(super) type History = VecDeque<Option<u64>>;

/// The meaning of the keys now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// They select an injection, and begin to change it.
    Look,
    /// Each ends the help.
    Help,
    /// They write a line of options.
    Change { name: String, line: String },
    /// They say whether to go on.
    Confirm { question: String, act: Act },
}

/// The answer of the state to a key.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    Stay,
    Quit,
    Redraw,
    Act(Act),
}

/// The state.
pub(super) struct App {
    /// The look before the last one, from which rates are counted.
    before: Option<Look>,
    last: Option<Look>,
    pub(super) injections: Vec<Injection>,
    pub(super) disks: Vec<Disk>,
    pub(super) history: BTreeMap<String, History>,
    /// The place of the selected injection, if there is any.
    pub(super) selected: usize,
    pub(super) mode: Mode,
    /// Why nothing can be seen, or that all injections are off.
    pub(super) trouble: Option<String>,
    /// The sentences about the last verb, or about a key that does nothing.
    pub(super) said: Vec<String>,
    /// The verb at work.
    pub(super) running: Option<Act>,
}

impl App {
    /// A state in which nothing was seen.
    pub(super) fn new() -> Self {
        Self {
            before: None,
            last: None,
            injections: Vec::new(),
            disks: Vec::new(),
            history: BTreeMap::new(),
            selected: 0,
            mode: Mode::Look,
            trouble: None,
            said: Vec::new(),
            running: None,
        }
    }

    /// Takes a look that came after an interval.
    pub(super) fn see(&mut self, look: Look) {
        self.before = self.last.take();
        self.show(look);
        let disks = self.disks.iter();
        let named: BTreeMap<&str, Option<u64>> =
            disks.map(|disk| (&*disk.name, disk.mean_us)).collect();
        self.history.retain(|disk, _| named.contains_key(&**disk));
        for (disk, mean_us) in named {
            let history = self.history.entry(disk.to_owned()).or_default();
            history.push_back(mean_us);
            let more = history.len().saturating_sub(HISTORY);
            history.drain(..more);
        }
    }

    /// Takes a look that came soon after another one. Rates are counted from the look before that.
    pub(super) fn see_change(&mut self, look: Look) {
        self.show(look);
    }

    /// Takes note that nothing can be seen.
    pub(super) fn see_nothing(&mut self, why: &str) {
        (self.before, self.last) = (None, None);
        self.injections.clear();
        self.disks.clear();
        self.history.clear();
        self.trouble = Some(why.to_owned());
    }

    fn show(&mut self, look: Look) {
        let name = self.selection().map(|selected| selected.name.clone());
        self.injections = look.injections(self.before.as_ref());
        self.disks = look.disks(self.before.as_ref());
        self.trouble = look.all_off.clone();
        let mut names = self.injections.iter().map(|seen| &seen.name);
        let place = name.and_then(|name| names.position(|other| *other == name));
        let last = self.injections.len().saturating_sub(1);
        self.selected = place.unwrap_or(self.selected).min(last);
        self.last = Some(look);
    }

    /// The selected injection.
    pub(super) fn selection(&self) -> Option<&Injection> {
        self.injections.get(self.selected)
    }

    /// Takes note of the end of a verb.
    pub(super) fn done(&mut self, outcome: Outcome) {
        let command = self.running.take().map(|act| act.command());
        let command = command.unwrap_or_default();
        self.said = vec![match outcome.is_done {
            true => format!("{command}: done"),
            false => format!("{command} has failed:"),
        }];
        self.said.extend(outcome.told);
    }

    /// Takes a key, and says what is to be done.
    pub(super) fn press(&mut self, key: Key) -> Step {
        match key {
            Key::Interrupt => return Step::Quit,
            Key::Redraw => return Step::Redraw,
            _ => {}
        }
        match std::mem::replace(&mut self.mode, Mode::Look) {
            Mode::Look => self.press_looking(key),
            Mode::Help => Step::Stay,
            Mode::Change { name, line } => self.press_changing(key, name, line),
            Mode::Confirm { question, act } => self.press_confirming(key, question, act),
        }
    }

    fn press_looking(&mut self, key: Key) -> Step {
        self.said.clear();
        match key {
            Key::Up | Key::Letter('k') => self.selected = self.selected.saturating_sub(1),
            Key::Down | Key::Letter('j') => {
                let last = self.injections.len().saturating_sub(1);
                self.selected = self.selected.saturating_add(1).min(last);
            }
            Key::Letter('?' | 'h') => self.mode = Mode::Help,
            Key::Letter('q') => return Step::Quit,
            Key::Letter(letter @ ('p' | 'c' | 'r' | 'R')) => return self.begin(letter),
            _ => {}
        }
        Step::Stay
    }

    /// Begins what a letter stands for, unless a verb is at work.
    fn begin(&mut self, letter: char) -> Step {
        if let Some(act) = &self.running {
            self.say(&format!("`{}` is still at work", act.command()));
            return Step::Stay;
        }
        if letter == 'R' {
            self.mode = Mode::Confirm {
                question: "end all injections? y/n".to_owned(),
                act: Act::recover_all(),
            };
            return Step::Stay;
        }
        let Some(selected) = self.selection() else {
            self.say("there is no injection to do that with");
            return Step::Stay;
        };
        let name = selected.name.clone();
        match letter {
            'p' => {
                let switch = if selected.is_enabled { "0" } else { "1" };
                let flags = vec!["--enabled".to_owned(), switch.to_owned()];
                return self.start(Act::on(CHANGE, &name, flags));
            }
            'c' => {
                let line = String::new();
                self.mode = Mode::Change { name, line };
            }
            _ => {
                self.mode = Mode::Confirm {
                    question: format!("end {}? y/n", printable(&name)),
                    act: Act::on(RECOVER, &name, Vec::new()),
                };
            }
        }
        Step::Stay
    }

    fn press_changing(&mut self, key: Key, name: String, mut line: String) -> Step {
        match key {
            Key::Escape => return Step::Stay,
            Key::Enter if line.trim().is_empty() => return Step::Stay,
            Key::Enter => match shlex::split(&line) {
                Some(flags) => return self.start(Act::on(CHANGE, &name, flags)),
                None => self.say("a quotation mark has no end"),
            },
            Key::Back => drop(line.pop()),
            Key::Clear => line.clear(),
            Key::Letter(letter) => line.push(letter),
            _ => {}
        }
        self.mode = Mode::Change { name, line };
        Step::Stay
    }

    fn press_confirming(&mut self, key: Key, question: String, act: Act) -> Step {
        match key {
            Key::Letter('y') => return self.start(act),
            Key::Letter('n') | Key::Escape => {}
            // A key by mistake is no answer.
            _ => self.mode = Mode::Confirm { question, act },
        }
        Step::Stay
    }

    fn start(&mut self, act: Act) -> Step {
        self.said.clear();
        self.running = Some(act.clone());
        Step::Act(act)
    }

    fn say(&mut self, sentence: &str) {
        self.said = vec![sentence.to_owned()];
    }
}

#[cfg(test)]
mod tests;
