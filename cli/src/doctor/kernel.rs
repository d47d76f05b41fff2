// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The kernel, its configuration and types, and the module.

use super::{module_file::ModuleFile, report::Report};
use crate::{
    error::{Exit, exit},
    system::{
        Roots,
        files::{names, try_read},
    },
};
use std::{fs, path::Path};

/// The module's name in lists of modules.
const MODULE: &str = "chaos_driver";

/// The oldest kernel, in its first two numbers, whose types the build reads by itself.
const OLDEST: (u32, u32) = (5, 10);

/// Options of the kernel, each with the reason why the driver wants it.
const OPTIONS: [(&str, &str); 3] = [
    ("CONFIG_MODULES", "it loads no module"),
    (
        "CONFIG_CONFIGFS_FS",
        "injections are made in configfs, and it has none",
    ),
    (
        "CONFIG_BLK_DEV",
        "it has no layer of block devices, and so no I/O schedulers",
    ),
];

/// The kernel and the module's file. Obstacles to loading the module are told only while it is not
/// loaded.
pub(super) fn look(roots: &Roots, is_loaded: bool, report: &mut Report) {
    let release = try_read(&roots.proc.join("sys/kernel/osrelease")).ok();
    let shown = release.as_deref().unwrap_or("unknown: /proc does not say");
    report.fact("kernel", shown);
    if let Some(release) = &release {
        if !is_loaded {
            look_at_age(release, report);
        }
        look_at_options(roots, release, is_loaded, report);
        look_at_types(roots, release, is_loaded, report);
    }
    look_at_module(roots, release.as_deref(), is_loaded, report);
}

fn look_at_age(release: &str, report: &mut Report) {
    let numbers = release
        .split(['.', '-'])
        .map_while(|number| number.parse().ok());
    let numbers: Vec<u32> = numbers.take(2).collect();
    if numbers.len() == 2 && (numbers[0], numbers[1]) < OLDEST {
        report.problem(
            "kernel-old",
            format!(
                "the kernel {release} is older than {}.{}: build the module with BTF=headers \
                 (driver/kernels.md), or boot a newer kernel",
                OLDEST.0, OLDEST.1
            ),
        );
    }
}

/// The text of the configuration that distributions put beside their kernels.
fn configuration(roots: &Roots, release: &str) -> Option<String> {
    let places = [
        roots.boot.join(format!("config-{release}")),
        roots.modules.join(release).join("config"),
        roots.modules.join(release).join("build/.config"),
    ];
    places
        .iter()
        .find_map(|place| fs::read_to_string(place).ok())
}

fn look_at_options(roots: &Roots, release: &str, is_loaded: bool, report: &mut Report) {
    let Some(text) = configuration(roots, release) else {
        return;
    };
    let has = |option: &str| {
        let mut set = text.lines().filter_map(|line| line.split_once('='));
        set.any(|(name, value)| name == option && value != "n")
    };
    for (option, why) in OPTIONS {
        if !is_loaded && !has(option) {
            report.problem(
                "kernel-option",
                format!("the kernel was built without {option}: {why}; boot one that has it"),
            );
        }
    }
    if !has("CONFIG_BLK_CGROUP") {
        report.problem(
            "kernel-option",
            "the kernel was built without CONFIG_BLK_CGROUP, so that no injection can choose a \
             cgroup, a container or a command's own I/O; leave these filters out, or boot a kernel \
             that has it",
        );
    }
}

/// The kernel's types tell the build how structures are laid out.
fn look_at_types(roots: &Roots, release: &str, is_loaded: bool, report: &mut Report) {
    let Ok(types) = fs::read(roots.sysfs.join("kernel/btf/vmlinux")) else {
        report.fact("types", "none (BTF)");
        if !is_loaded {
            report.problem(
                "types-missing",
                format!(
                    "there is no {}/kernel/btf/vmlinux, the type information (BTF) that tells the \
                     build how the kernel's structures are laid out; boot a kernel with \
                     CONFIG_DEBUG_INFO_BTF, or try BTF=headers (driver/kernels.md)",
                    roots.sysfs.display()
                ),
            );
        }
        return;
    };
    report.fact("types", "there (BTF)");
    let image = roots.modules.join(release).join("build/vmlinux");
    if fs::read(&image).is_ok_and(|bytes| !contains(&bytes, &types)) {
        report.problem(
            "types-differ",
            format!(
                "the types (BTF) in {} are those of another build of the kernel than the running \
                 one, so a module that is built now does not fit: reboot into the kernel that the \
                 headers are of",
                image.display()
            ),
        );
    }
}

/// Whether bytes are somewhere in others, which are much longer than those are alike.
fn contains(bytes: &[u8], part: &[u8]) -> bool {
    let Some((first, rest)) = part.split_first() else {
        return true;
    };
    let begins = |at: &usize| bytes[at + 1..].starts_with(rest);
    let places = bytes.iter().enumerate().filter(|(_, byte)| *byte == first);
    places.map(|(at, _)| at).any(|at| begins(&at))
}

fn look_at_module(roots: &Roots, release: Option<&str>, is_loaded: bool, report: &mut Report) {
    let loaded = roots.sysfs.join("module").join(MODULE);
    let file = release.and_then(|release| ModuleFile::installed(roots, release));
    let shown = match (&file, is_loaded) {
        (Some(file), true) => format!("loaded; {} is installed", file.path.display()),
        (None, true) => "loaded".to_owned(),
        (Some(file), false) => format!("not loaded; {} is installed", file.path.display()),
        (None, false) => "not loaded".to_owned(),
    };
    report.fact("module", shown);
    let Some(release) = release else { return };
    match file {
        Some(file) => {
            look_at_file(roots, release, &file, is_loaded, report);
            let note = fs::read(loaded.join("notes/.note.gnu.build-id"));
            let is_another = note.is_ok_and(|note| !contains(&file.bytes, &note));
            if is_loaded && file.is_plain() && is_another {
                report.problem(
                    "module-stale",
                    format!(
                        "the module that is loaded is another build than {}; to load that: kchaos \
                         recover --all; kchaos detach --all; rmmod {MODULE}; modprobe {MODULE}",
                        file.path.display()
                    ),
                );
            }
        }
        None if !is_loaded => report.problem("module-missing", missing(roots, release)),
        None => {}
    }
}

/// The sentence about a module that is not installed for the running kernel.
fn missing(roots: &Roots, release: &str) -> String {
    let others: Vec<String> = names(&roots.modules)
        .into_iter()
        .filter(|other| other != release && ModuleFile::installed(roots, other).is_some())
        .collect();
    let build = "build it there: make && sudo make install; or load one that is built by `insmod \
                 driver/chaos_driver.ko`";
    match others.as_slice() {
        [] => format!(
            "the module {MODULE} is not installed for the kernel {release}; in a source tree, {build}"
        ),
        others => format!(
            "the module {MODULE} is installed for {}, and not for the running kernel {release}; in \
             the source tree, {build}",
            others.join(", ")
        ),
    }
}

fn look_at_file(
    roots: &Roots,
    release: &str,
    file: &ModuleFile,
    is_loaded: bool,
    report: &mut Report,
) {
    let path = file.path.display();
    match file.release() {
        Some(built) if built != release => report.problem(
            "module-misfit",
            format!(
                "{path} was built for the kernel {built}, and {release} runs: build and install it \
                 again: make && sudo make install"
            ),
        ),
        _ if is_loaded => {}
        _ if wants_signature(roots) && file.is_plain() && !file.is_signed() => report.problem(
            "module-unsigned",
            format!(
                "the kernel takes only modules with a signature by a key that it knows (Secure \
                 Boot), and {path} has none: sign it, such as by scripts/sign-file of the kernel's \
                 headers with a key that `mokutil --import` has told the machine"
            ),
        ),
        _ => report.problem(
            "module-not-loaded",
            format!("the module {MODULE} is installed and not loaded: modprobe {MODULE}"),
        ),
    }
}

/// Whether the kernel loads no module without a signature.
fn wants_signature(roots: &Roots) -> bool {
    let says = |file: &Path, word: &str| try_read(file).is_ok_and(|text| text.contains(word));
    let lockdown = roots.sysfs.join("kernel/security/lockdown");
    let enforce = roots.sysfs.join("module/module/parameters/sig_enforce");
    says(&enforce, "Y") || says(&lockdown, "[integrity]") || says(&lockdown, "[confidentiality]")
}

/// The driver's directory in configfs. Returns whether its injections can be looked at.
pub(super) fn look_at_interface(roots: &Roots, report: &mut Report) -> bool {
    match roots.require_known_version() {
        Ok(()) => report.fact("interface", roots.ioem().display().to_string()),
        Err(error) => {
            report.fact("interface", "not there");
            // The module's own line says so already, unless configfs is the reason.
            let is_told = report
                .problems
                .iter()
                .any(|problem| problem.kind.starts_with("module-"));
            let text = format!("{error:#}");
            if !(is_told && text.starts_with("the module")) {
                let kind = match exit(&error) {
                    Exit::Permission => "permission",
                    _ => "interface",
                };
                report.problem(kind, text);
            }
            return false;
        }
    }
    if let Ok(false) = roots.enabled() {
        report.problem("all-off", roots.all_off());
    }
    true
}
