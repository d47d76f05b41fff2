// SPDX-License-Identifier: GPL-2.0-only

//! How rustc compiles code for a kernel: its target, and its flags.

use crate::{Work, config::Config, rust::Rustc, words};
use anyhow::{Context, Result};
use serde_json::{Value, json};

/// A target of rustc and its flags. If they change, `core` has to be compiled again.
pub(crate) struct Target {
    /// rustc's description of the target, changed for the kernel.
    pub(crate) specification: String,
    /// The flags.
    pub(crate) flags: Vec<String>,
}

/// Entries of the description that are for programs.
const NOT_FOR_KERNELS: [&str; 9] = [
    "is-builtin",
    "position-independent-executables",
    "static-position-independent-executables",
    "relro-level",
    "metadata",
    "stack-probes",
    "supported-sanitizers",
    "crt-objects-fallback",
    "supported-split-debuginfo",
];

impl Target {
    /// The target of a kernel: rustc's own bare one, with what the kernel's configuration asks for.
    /// Since it starts from rustc's own, it fits each version of rustc.
    pub(crate) fn new(work: &Work<'_>, rustc: &Rustc<'_>) -> Result<Self> {
        let config = work.config;
        let is_x86 = config.has(&["X86_64"]);
        let name = if is_x86 {
            "x86_64-unknown-none"
        } else {
            "aarch64-unknown-none-softfloat"
        };
        let mut print = rustc.command();
        print.extend(words(&[
            "-Zunstable-options",
            "--print",
            "target-spec-json",
        ]));
        print.extend(words(&["--target", name]));
        let printed = rustc.run(&print)?;
        let mut target: Value = serde_json::from_str(&printed)
            .with_context(|| format!("rustc does not describe its target: {printed}"))?;
        let entries = target
            .as_object_mut()
            .context("rustc's target is no object")?;
        NOT_FOR_KERNELS
            .iter()
            .for_each(|name| drop(entries.remove(*name)));
        entries.insert("relocation-model".to_owned(), json!("static"));
        entries.insert("frame-pointer".to_owned(), json!("may-omit"));
        if is_x86 {
            entries.insert("features".to_owned(), json!(x86_features(work)));
            entries.insert("code-model".to_owned(), json!("kernel"));
            entries.insert("disable-redzone".to_owned(), json!(true));
            entries.insert("plt-by-default".to_owned(), json!(false));
        }
        let mut flags = words(&[
            "-Zunstable-options",
            "-Copt-level=2",
            "-Cpanic=abort",
            "-Cforce-unwind-tables=n",
            "-Ccodegen-units=1",
            "-Cembed-bitcode=y",
            "-Cdebuginfo=0",
            "-Coverflow-checks=y",
            "-Zfunction-sections=n",
            "--sysroot=/dev/null",
        ]);
        if config.has(&["FRAME_POINTER"]) || !is_x86 {
            flags.push("-Cforce-frame-pointers=y".to_owned());
        }
        if is_x86 {
            flags.extend(x86_flags(work, rustc)?);
        } else {
            flags.extend(arm64_flags(work));
        }
        if config.has(&["KASAN_GENERIC"]) {
            entries.insert("supported-sanitizers".to_owned(), json!(["kernel-address"]));
            flags.extend(sanitizer_flags(config)?);
        }
        Ok(Self {
            specification: serde_json::to_string_pretty(&target)?,
            flags,
        })
    }
}

fn x86_features(work: &Work<'_>) -> String {
    let mut features =
        String::from("-mmx,-sse,-sse2,-sse3,-ssse3,-sse4.1,-sse4.2,-avx,-avx2,+soft-float");
    if work.config.has(&["MITIGATION_RETPOLINE", "RETPOLINE"]) {
        features += ",+retpoline-external-thunk,+retpoline-indirect-branches\
                     ,+retpoline-indirect-calls";
    }
    if work.config.has(&["MITIGATION_SLS", "SLS"]) {
        features += ",+harden-sls-ijmp,+harden-sls-ret";
    }
    features
}

fn x86_flags(work: &Work<'_>, rustc: &Rustc<'_>) -> Result<Vec<String>> {
    let config = work.config;
    let mut flags = Vec::new();
    let is_tracked = config.has(&["X86_KERNEL_IBT"]);
    if is_tracked {
        flags.push("-Zcf-protection=branch".to_owned());
    }
    if is_tracked || config.has(&["MITIGATION_RETPOLINE", "RETPOLINE"]) {
        flags.push(rustc.without_jump_tables()?);
    }
    if config.has(&["MITIGATION_RETHUNK", "RETHUNK"]) {
        flags.push("-Zfunction-return=thunk-extern".to_owned());
    }
    if config.has(&["CALL_PADDING"]) {
        let bytes = config.value("FUNCTION_PADDING_BYTES").unwrap_or("16");
        flags.push(format!("-Zpatchable-function-entry={bytes},{bytes}"));
    }
    Ok(flags)
}

/// As the kernel's `scripts/Makefile.kasan`, with calls instead of checks in place.
fn sanitizer_flags(config: &Config) -> Result<Vec<String>> {
    let offset = config
        .value("KASAN_SHADOW_OFFSET")
        .context("the kernel has KASAN and does not say where its shadow is")?;
    let mut flags = words(&[
        "-Zsanitizer=kernel-address",
        "-Zsanitizer-recover=kernel-address",
        "-Cllvm-args=-asan-instrumentation-with-call-threshold=0",
        "-Cllvm-args=-asan-stack=0",
        "-Cllvm-args=-asan-globals=0",
    ]);
    flags.push(format!("-Cllvm-args=-asan-mapping-offset={offset}"));
    if config.has(&["CC_HAS_KASAN_MEMINTRINSIC_PREFIX"]) {
        flags.push("-Cllvm-args=-asan-kernel-mem-intrinsic-prefix=1".to_owned());
    }
    Ok(flags)
}

fn arm64_flags(work: &Work<'_>) -> Vec<String> {
    let config = work.config;
    let mut flags = Vec::new();
    let returns = config.has(&["ARM64_PTR_AUTH_KERNEL"]);
    match (returns, config.has(&["ARM64_BTI_KERNEL"])) {
        (true, true) => flags.push("-Zbranch-protection=bti,pac-ret".to_owned()),
        (true, false) => flags.push("-Zbranch-protection=pac-ret".to_owned()),
        (false, true) => flags.push("-Zbranch-protection=bti".to_owned()),
        (false, false) => {}
    }
    if config.has(&["SHADOW_CALL_STACK"]) {
        flags.push("-Zfixed-x18".to_owned());
    }
    flags
}
