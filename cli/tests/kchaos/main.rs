// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Runs the program against a folder that stands in for the kernel's file systems.

mod attach;
mod auto;
mod change;
mod command;
mod contract;
mod dry_run;
mod files;
mod filter;
mod guard;
mod halves;
mod hang;
mod help;
mod hits;
mod inject;
mod interface;
mod list;
mod lock;
mod names;
mod output;
mod own;
mod pairs;
mod privileges;
mod recover;
mod sectors;
mod signals;
mod slips;
mod stack;
mod status;
mod tree;
mod unit;
mod unseen;
mod whose;
mod words;
mod zeros;
