// SPDX-License-Identifier: GPL-2.0-only

//! Generates Rust for structures of the kernel that no header declares, after it has compared all
//! used members with a contract.

mod c;
mod contract;
mod declaration;
mod generate;
mod kernel;
mod update;

pub use contract::Contract;
pub use generate::generate;
pub use kernel::Kernel;
pub use update::update;
