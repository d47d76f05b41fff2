// SPDX-License-Identifier: GPL-2.0-only

//! The pages of kchaos: one of the program, and one of each verb and effect.

use crate::{Page, help};
use anyhow::Result;
use clap::{Command, CommandFactory};
use clap_mangen::Man;
use kchaos::Arguments;

/// The pages, with a date.
pub(crate) fn pages(date: &str) -> Result<Vec<Page>> {
    let mut pages = Vec::new();
    add(&mut pages, &command(), date)?;
    Ok(pages)
}

/// The program, with the options that each verb inherits. The verb `help` has no page: all that it
/// prints is in the pages of the verbs.
pub(crate) fn command() -> Command {
    let mut command = Arguments::command().disable_help_subcommand(true);
    command.build();
    command
}

/// The verbs of a command that people see.
pub(crate) fn verbs(command: &Command) -> impl Iterator<Item = &Command> {
    let verbs = command.get_subcommands();
    verbs.filter(|verb| !verb.is_hide_set() && verb.get_name() != "help")
}

/// The name of a command's page, such as `kchaos-inject-ioem`.
pub(crate) fn name(command: &Command) -> &str {
    command
        .get_display_name()
        .unwrap_or_else(|| command.get_name())
}

fn add(pages: &mut Vec<Page>, command: &Command, date: &str) -> Result<()> {
    pages.push(page(command, date)?);
    for verb in verbs(command) {
        add(pages, verb, date)?;
    }
    Ok(())
}

/// The lines of its usage.
fn usage(command: &Command) -> String {
    let usage = command.clone().render_usage().to_string();
    let usage = usage.strip_prefix("Usage:").unwrap_or(&usage);
    usage.trim().replace("\n       kchaos", "\nkchaos")
}

/// The other pages that its readers may look for.
fn others(command: &Command) -> Vec<(String, &'static str)> {
    let mut others: Vec<_> = verbs(command)
        .map(|verb| (name(verb).to_owned(), "1"))
        .collect();
    let words: Vec<&str> = name(command).split('-').collect();
    let above = (1..words.len()).map(|count| (words[..count].join("-"), "1"));
    others.extend(above);
    others.push(("ioem".to_owned(), "4"));
    others
}

fn page(command: &Command, date: &str) -> Result<Page> {
    let named = name(command).to_owned();
    // The texts behind the options have sections of their own, which clap_mangen would join.
    let behind = command.get_after_long_help().or(command.get_after_help());
    let behind = help::sections(&behind.map(ToString::to_string).unwrap_or_default());
    let man = Man::new(command.clone())
        .title(named.to_uppercase())
        .section("1")
        .date(date)
        .source(format!("kchaos {}", env!("CARGO_PKG_VERSION")))
        .manual("Chaos Driver");
    let mut text = Vec::new();
    man.render_title(&mut text)?;
    man.render_name_section(&mut text)?;
    help::synopsis(&usage(command)).to_writer(&mut text)?;
    man.render_description_section(&mut text)?;
    man.render_options_section(&mut text)?;
    if verbs(command).next().is_some() {
        man.render_subcommands_section(&mut text)?;
    }
    behind.to_writer(&mut text)?;
    help::see_also(&others(command)).to_writer(&mut text)?;
    Ok(Page {
        file: format!("{named}.1"),
        // clap_mangen begins a paragraph by an empty line between two ends of lines.
        text: String::from_utf8(text)?.replace("\n.br\n\n.br\n", "\n.sp\n"),
    })
}
