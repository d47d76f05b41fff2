// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Runs the program against a folder that stands in for the kernel's file systems.

mod attach;
mod command;
mod contract;
mod dry_run;
mod filter;
mod help;
mod hits;
mod inject;
mod interface;
mod list;
mod output;
mod privileges;
mod recover;
mod status;
mod tree;
