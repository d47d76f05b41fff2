// SPDX-License-Identifier: GPL-2.0-only

//! The drawings of the benchmark, for other programs that draw.

pub mod svg;
