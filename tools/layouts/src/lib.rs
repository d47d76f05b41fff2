// SPDX-License-Identifier: GPL-2.0-only

//! Generates Rust for structures of the kernel that no header declares, after it has compared all
//! used members with a contract.

mod c;
mod contract;
mod declaration;
mod define;
mod generate;
mod kernel;
mod update;

pub use contract::Contract;
pub use generate::{OwnBindings, generate, generate_own};
pub use kernel::{FUNCTIONS, Kernel};
pub use update::update;
