// SPDX-License-Identifier: GPL-2.0-only

//! The packages beside those of Debian: of rpm, of the AUR and of cargo. Each is built on this
//! machine; those of rpm and of the AUR are compared with Debian's.

use super::{FOLDER, has};
use crate::{
    checks::{Checks, Transcript, ensure},
    command::{command, text_of},
    test::remove,
};
use anyhow::Result;
use std::{collections::BTreeSet, fs, path::Path};

/// The folder of the packages of rpm.
const RPM: &str = "target/rpm";

/// The folder in which makepkg works.
const AUR: &str = "target/aur";

/// The folder of the program that cargo installs.
const INSTALLED: &str = "target/cargo-installed";

/// The packages, which have the same names everywhere.
const PACKAGES: [&str; 2] = ["kchaos", "chaos-driver-dkms"];

/// Fills a folder as `make release` does, without a commit, and has makepkg run the functions of
/// PKGBUILD as a user other than root. That user has no cargo, and needs none, since `make deb` has
/// built the programs. `true` stands for cargo, and for the pacman of Arch Linux.
const MAKEPKG: &str = r#"
    version=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml)
    host=$(rustc -vV | sed -n "s/^host: //p")
    name=chaos-driver-$version
    git ls-files -z | tar -czf "$1/$name.tar.gz" --transform "s|^|$name/|" --null -T -
    sum=$(sha256sum "$1/$name.tar.gz" | cut -d " " -f 1)
    sed "s/@VERSION@/$version/; s/@SHA256@/$sum/" tools/packages/aur/PKGBUILD.in >"$1/PKGBUILD"
    cp tools/packages/aur/kchaos.install "$1"
    built=target/packages/$host/release
    mkdir -p "$1/src/$name/$built" "$1/bin"
    for program in kchaos layouts module-build packages; do
        cp $built/$program "$1/src/$name/$built"
    done
    printf '#!/bin/sh\necho host: %s\n' "$host" >"$1/bin/rustc"
    chmod +x "$1/bin/rustc"
    chown -R 65534:65534 "$1"
    cd "$1"
    exec setpriv --reuid=65534 --regid=65534 --clear-groups env HOME="$PWD" \
        PATH="$PWD/bin:/usr/bin:/bin" CARGO=true PACMAN=true PKGEXT=.pkg.tar \
        SOURCE_DATE_EPOCH=1 makepkg --nodeps
"#;

pub(super) fn others(checks: &mut Checks) {
    rpm(checks);
    aur(checks);
    cargo(checks);
}

/// The files of a package, by their places on a machine. Each distribution has its own places for
/// documents, licences, and completions of zsh: these are left out.
fn common(listed: &str) -> BTreeSet<String> {
    let files = listed.lines().map(|line| {
        let path = line.trim_start_matches(['.', '/']).trim_end_matches(".gz");
        path.to_owned()
    });
    let own = [
        "share/doc/",
        "share/licenses/",
        "share/lintian/",
        "/zsh/",
        "build-id",
    ];
    files
        .filter(|path| path.starts_with("usr/") && !path.ends_with('/'))
        .filter(|path| !own.iter().any(|part| path.contains(part)))
        .collect()
}

/// The files of a package of Debian.
fn of_debian(package: &str) -> Result<BTreeSet<String>> {
    let list = format!("dpkg-deb --fsys-tarfile {FOLDER}/{package}_*.deb | tar -t");
    Ok(common(&text_of(&mut command(&["sh", "-ec", &list]))?))
}

/// Fails if a package has other files than that of Debian.
fn same_files(transcript: &mut Transcript, package: &str, listed: &str) -> Result<()> {
    let (own, debian) = (common(listed), of_debian(package)?);
    for path in own.symmetric_difference(&debian) {
        transcript.say(&format!("only one of the packages {package} has {path}"));
    }
    ensure(debian.len() > 5 && own == debian, "the files differ")
}

fn rpm(checks: &mut Checks) -> Option<()> {
    if !has("rpmbuild") {
        return None;
    }
    checks
        .check_command(
            "make rpm",
            command(&["make", "--no-print-directory", "rpm"]),
        )
        .then_some(())?;
    checks.check("they have the files of Debian's packages", |transcript| {
        PACKAGES.iter().try_for_each(|package| {
            let list = format!(
                "rpm -qp --qf '[%{{FILENAMES}} %{{FILEMODES:perms}}\\n]' \
                 {RPM}/{package}-[0-9]*.rpm | grep -v ' d' | cut -d ' ' -f 1"
            );
            let listed = text_of(&mut command(&["sh", "-ec", &list]))?;
            same_files(transcript, package, &listed)
        })
    });
    if has("rpmlint") {
        let look = format!("rpmlint --config tools/packages/rpm/rpmlint.toml {RPM}/*.rpm");
        checks.check_command("rpmlint finds no error", command(&["sh", "-c", &look]));
    }
    Some(())
}

fn aur(checks: &mut Checks) -> Option<()> {
    if !["makepkg", "fakeroot", "bsdtar"].into_iter().all(has) {
        return None;
    }
    checks.check("makepkg builds the packages of the AUR", |transcript| {
        let folder = Path::new(AUR);
        remove(folder)?;
        fs::create_dir_all(folder)?;
        transcript.run(&mut command(&["sh", "-ec", MAKEPKG, "makepkg", AUR]))
    })?;
    checks.check("they have the files of Debian's packages", |transcript| {
        PACKAGES.iter().try_for_each(|package| {
            let list = format!("tar -tf {AUR}/{package}-[0-9]*.pkg.tar");
            let listed = text_of(&mut command(&["sh", "-ec", &list]))?;
            same_files(transcript, package, &listed)
        })
    })?;
    checks.check("their folder goes", |_| remove(Path::new(AUR)))
}

/// The crates that can be published build from their packages alone, and all others refuse it.
fn cargo(checks: &mut Checks) {
    let published = ["chaos-policy", "kchaos"];
    let mut package = command(&["cargo", "package", "--quiet", "--locked", "--allow-dirty"]);
    for name in published {
        package.args(["--package", name]);
    }
    checks.check_command(
        "cargo packages kchaos and its rules, and builds these",
        package,
    );
    checks.check("no other crate can be published", |_| {
        let read = "cargo metadata --no-deps --format-version 1 --locked";
        let metadata = text_of(&mut command(&["sh", "-c", read]))?;
        let metadata: serde_json::Value = serde_json::from_str(&metadata)?;
        let crates = metadata["packages"].as_array().into_iter().flatten();
        let open = crates.filter(|of| of["publish"].is_null());
        let open: BTreeSet<_> = open.filter_map(|of| of["name"].as_str()).collect();
        ensure(open == BTreeSet::from(published), "others are published")
    });
    let install = [
        "cargo", "install", "--quiet", "--locked", "--path", "cli", "--root", INSTALLED,
    ];
    if checks.check_command("cargo installs kchaos from its folder", command(&install)) {
        let version = format!("{INSTALLED}/bin/kchaos");
        checks.check_command("it runs", command(&[&version, "--version"]));
        checks.check("it goes", |_| Ok(fs::remove_dir_all(INSTALLED)?));
    }
}
