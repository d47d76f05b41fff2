// SPDX-License-Identifier: GPL-2.0-only

//! A release has the same bytes wherever, whenever and by whomever it is made.

use crate::{
    checks::{Checks, Transcript, ensure},
    command::command,
    test::remove,
};
use anyhow::Result;
use std::{fs, path::Path};

/// The folder of the two clones.
const FOLDER: &str = "target/reproducible";

/// A clone of the commit that is checked out.
struct Clone {
    /// Its place in the folder.
    place: &'static str,
    /// The command that decides who has rights to its files.
    umask: &'static str,
    /// Commands of the shell that makes the release there, before it does.
    first: &'static str,
}

/// Two clones that differ in their place, and in the length of its name; in the age and the rights
/// of their files; and in the time zone.
const CLONES: [Clone; 2] = [
    Clone {
        place: "one",
        umask: "umask 022",
        first: "export TZ=UTC",
    },
    Clone {
        place: "another/place",
        umask: "umask 077",
        first: "export TZ=Asia/Kathmandu
            find . -name .git -prune -o -type f -exec touch -d 2001-01-01 {} +",
    },
];

/// The folders in a clone that have the results.
const RESULTS: [&str; 2] = ["target/dist", "target/rpm"];

pub(crate) fn reproducible() -> Result<bool> {
    let mut checks = Checks::default();
    remove(Path::new(FOLDER))?;
    let mut made = true;
    for clone in &CLONES {
        let name = format!("a release of the clone {}", clone.place);
        let release = checks.check(&name, |transcript| release(transcript, clone));
        made &= release.is_some();
    }
    if made {
        for folder in RESULTS {
            let name = format!("{folder} has the same bytes in both");
            checks.check(&name, |transcript| compare(transcript, folder));
        }
        checks.check("the clones go", |_| remove(Path::new(FOLDER)));
    }
    Ok(checks.summary())
}

/// Makes the clone, and in it a release and the packages of rpm.
fn release(transcript: &mut Transcript, clone: &Clone) -> Result<()> {
    let script = format!(
        "{umask}
        git clone --quiet . {FOLDER}/{place}
        cd {FOLDER}/{place}
        {first}
        make --no-print-directory release rpm
        rm -rf target/rpm/parts target/rpm/build target/rpm/log target/packages",
        umask = clone.umask,
        first = clone.first,
        place = clone.place
    );
    transcript.run(&mut command(&["sh", "-ec", &script]))
}

/// All files of a folder are the same in both clones, and there are some.
fn compare(transcript: &mut Transcript, folder: &str) -> Result<()> {
    let [one, other] = CLONES.map(|clone| Path::new(FOLDER).join(clone.place).join(folder));
    ensure(fs::read_dir(&one)?.count() > 1, "nothing is in the folder")?;
    transcript.run(command(&["diff", "--recursive", "--brief"]).args([one, other]))
}
