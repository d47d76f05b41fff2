// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The record of a change that takes several writes: if its kchaos is killed in between, the next
//! one undoes the change, or finishes it once the time or the count of the injection has begun
//! anew, which nothing undoes.

use super::order;
use crate::{
    error::note,
    interface::{Name, attribute, attributes::ENABLED, existing::all},
    system::{
        Roots,
        files::{read_own, try_read},
        step::{Step, inode},
    },
};
use std::{
    ffi::{OsStr, OsString},
    fs, io,
    path::{Path, PathBuf},
};

/// The name of the record beside the files of injections. No injection has it: the driver has a
/// file `enabled` beside them.
pub(super) const RECORD: &str = ENABLED;

/// A file of an injection, and a text for it.
type Write = (String, String);

/// The record of a change. The lock allows only one at a time.
#[derive(Debug, PartialEq)]
struct Record {
    /// The inode number of the injection's directory.
    number: u64,
    /// All writes of the change.
    writes: Vec<Write>,
    /// The writes that lead back, through the same states.
    undo: Vec<Write>,
    /// The first write that begins a time or a count anew, if the file then tells that it was made.
    begun: Option<Write>,
    /// The writes from the first one on that begins a time or a count anew.
    finish: Vec<Write>,
}

impl Record {
    fn text(self) -> Option<String> {
        let parts = (self.number, self.writes, self.undo, self.begun, self.finish);
        serde_json::to_string(&parts).ok()
    }

    fn parse(text: &str) -> Option<Self> {
        let (number, writes, undo, begun, finish) = serde_json::from_str(text).ok()?;
        Some(Self {
            number,
            writes,
            undo,
            begun,
            finish,
        })
    }
}

/// The steps that save the record of a change and remove it; none for a change of one write, which
/// cannot be half done.
pub(super) struct Marks {
    pub(super) begin: Step,
    pub(super) end: Step,
}

impl Marks {
    /// Of a change by the writes `first`, which can be undone, and `last`. An injection that cannot
    /// be read has none: the change then fails.
    pub(super) fn new(roots: &Roots, name: &OsStr, first: &[Step], last: &[Step]) -> Option<Self> {
        if first.len() + last.len() < 2 {
            return None;
        }
        let directory = roots.injection(name);
        let writes = |steps: &[Step]| -> Vec<Write> { steps.iter().filter_map(write).collect() };
        let (first, last) = (writes(first), writes(last));
        let former = |file: &str| try_read(&directory.join(file)).ok();
        let mut undo = Vec::new();
        let mut known: Vec<Write> = Vec::new();
        for (file, value) in first.iter().chain(&last).filter(|write| !begins(write)) {
            let before = known.iter().rfind(|(other, _)| other == file);
            let before = match before {
                Some((_, value)) => value.clone(),
                None => former(file)?,
            };
            undo.push((file.clone(), before));
            known.push((file.clone(), value.clone()));
        }
        undo.reverse();
        let begun = match last.first() {
            Some((file, value)) if former(file)? != *value => last.first().cloned(),
            _ => None,
        };
        let record = Record {
            number: inode(&directory).ok()?,
            writes: first.iter().chain(&last).cloned().collect(),
            undo,
            begun,
            finish: last,
        };
        let file = file(roots);
        Some(Self {
            begin: Step::Save {
                file: file.clone(),
                value: record.text()?,
            },
            end: Step::RemoveFile(file),
        })
    }
}

/// The file of the record.
fn file(roots: &Roots) -> PathBuf {
    roots.needs().join(RECORD)
}

fn write(step: &Step) -> Option<Write> {
    let Step::Set { file, value } = step else {
        return None;
    };
    Some((file.file_name()?.to_str()?.to_owned(), value.clone()))
}

/// Whether a write begins a time or a count anew.
fn begins((file, _): &Write) -> bool {
    Name::named(file).is_some_and(order::begins)
}

/// Undoes or finishes a change whose kchaos was killed. Only for a kchaos that has the lock: no
/// other is making a change.
pub(super) fn settle(roots: &Roots) {
    let Ok(text) = read_own(&file(roots)) else {
        return;
    };
    let found = Record::parse(&text).and_then(|record| Some((of(roots, record.number)?, record)));
    if let Some((name, record)) = found {
        let directory = roots.injection(&name);
        let is_ours = record.is_untouched(&directory);
        let settled = is_ours.then(|| record.settle(&directory)).transpose();
        let name = name.to_string_lossy();
        let told = match settled {
            Ok(None) => format!("{name} stays as it is, as somebody has changed it since"),
            Ok(Some(true)) => format!("{name} has all its new settings now"),
            Ok(Some(false)) => format!("{name} has its former settings back"),
            Err(error) => format!("{name} has a part of its new settings ({error})"),
        };
        note(&format!("{told}: a kchaos was killed while it changed it"));
    }
    // The next kchaos tries again to remove a file that stays.
    let _ = fs::remove_file(file(roots));
}

/// The injection whose directory has this inode number.
fn of(roots: &Roots, number: u64) -> Option<OsString> {
    let mut names = all(roots).ok()?.into_iter();
    names.find(|name| inode(&roots.injection(name)).is_ok_and(|other| other == number))
}

/// Whether a change is half done. The verbs that only look leave it so.
pub(crate) fn is_pending(roots: &Roots) -> bool {
    read_own(&file(roots)).is_ok()
}

impl Record {
    /// Whether each file has a value of the change, or the one before it.
    fn is_untouched(&self, directory: &Path) -> bool {
        let known = || self.writes.iter().chain(&self.undo);
        known().all(|(file, _)| {
            // The time and the count have no former value in the record.
            let Some(name) = Name::named(file).filter(|name| !order::begins(*name)) else {
                return true;
            };
            let meaning = |text: &str| attribute(name).parse_file(text).ok();
            let now = try_read(&directory.join(file)).ok();
            let now = now.and_then(|text| meaning(&text));
            known().any(|(other, value)| other == file && meaning(value) == now)
        })
    }

    /// Leads the injection in this directory to one end of the change; returns whether to the new.
    fn settle(&self, directory: &Path) -> io::Result<bool> {
        let has =
            |(file, value): &Write| try_read(&directory.join(file)).is_ok_and(|now| now == *value);
        let is_begun = self.begun.as_ref().is_some_and(has);
        let writes = if is_begun { &self.finish } else { &self.undo };
        for write in writes.iter().filter(|write| !begins(write) || !has(write)) {
            let (file, value) = write.clone();
            let file = directory.join(file);
            Step::Set { file, value }.run()?;
        }
        Ok(is_begun)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(file: &str, value: &str) -> Step {
        Step::Set {
            file: Path::new("/x").join(file),
            value: value.to_owned(),
        }
    }

    fn writes(pairs: &[(&str, &str)]) -> Vec<Write> {
        let pairs = pairs.iter();
        pairs
            .map(|(file, value)| ((*file).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn the_way_back_is_that_of_the_change() {
        let folder = tempfile::tempdir().unwrap();
        let roots = Roots {
            configfs: folder.path().to_owned(),
            state: folder.path().join("run"),
            ..Roots::from_environment()
        };
        let directory = roots.injection(OsStr::new("x"));
        fs::create_dir_all(&directory).unwrap();
        for (file, value) in [
            ("probability", "50"),
            ("device", "a\nb"),
            ("duration_ms", "0"),
        ] {
            fs::write(directory.join(file), format!("{value}\n")).unwrap();
        }
        let first = [set("probability", "0"), set("device", "c")];
        let record = |last: &[Step]| {
            let marks = Marks::new(&roots, OsStr::new("x"), &first, last).unwrap();
            let Step::Save { value, .. } = marks.begin else {
                panic!("{:?}", marks.begin);
            };
            Record::parse(&value).unwrap()
        };
        let found = record(&[set("duration_ms", "5"), set("probability", "50")]);
        let undo = [
            ("probability", "0"),
            ("device", "a\nb"),
            ("probability", "50"),
        ];
        let finish = [("duration_ms", "5"), ("probability", "50")];
        let expected = Record {
            number: inode(&directory).unwrap(),
            writes: writes(&[
                ("probability", "0"),
                ("device", "c"),
                ("duration_ms", "5"),
                ("probability", "50"),
            ]),
            undo: writes(&undo),
            begun: Some(writes(&finish[..1]).remove(0)),
            finish: writes(&finish),
        };
        assert_eq!(found, expected);
        // The file cannot tell whether the same time was written once more.
        let same = record(&[set("duration_ms", "0"), set("probability", "50")]);
        assert_eq!(same.begun, None);
        assert!(Marks::new(&roots, OsStr::new("x"), &first[..1], &[]).is_none());
    }
}
