// SPDX-License-Identifier: GPL-2.0-only

//! The manual of Chaos Driver: a book of the documents in the checkout, in the order of
//! `SUMMARY.md`.
//!
//! The checkout has no copy of a document. [`book`] gathers all documents in a folder for mdBook,
//! with links that fit there; [`html`] checks the pages that mdBook has made; [`pictures`] draws
//! the effect of the driver's rules.

pub mod book;
pub mod html;
mod markdown;
mod path;
pub mod pictures;
