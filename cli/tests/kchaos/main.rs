// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Runs the program against a folder that stands in for the kernel's file systems.

mod attach;
mod auto;
mod change;
mod command;
mod dry_run;
mod filter;
mod help;
mod inject;
mod interface;
mod list;
mod output;
mod pairs;
mod privileges;
mod recover;
mod status;
mod tree;
