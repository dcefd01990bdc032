//! `cargo xtask deny`: the rules of `deny.toml` on licences, packages and registries.
//!
//! For machines without cargo-deny. It reads the settings that stand in our file and no others;
//! published flaws it does not look up.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::say;

#[derive(Debug, Deserialize)]
struct Rules {
    licenses: Licenses,
    bans: Bans,
    sources: Sources,
}

#[derive(Debug, Deserialize)]
struct Licenses {
    allow: BTreeSet<String>,
}

#[derive(Debug, Deserialize)]
struct Bans {
    deny: Vec<Ban>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Ban {
    name: String,
    /// Only a second version is banned.
    #[serde(default)]
    deny_multiple_versions: bool,
    reason: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Sources {
    allow_registry: BTreeSet<String>,
}

#[derive(Debug, Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Debug, Clone, Deserialize)]
struct Package {
    name: String,
    version: String,
    license: Option<String>,
    /// The registry; packages of the workspace have none.
    source: Option<String>,
}

/// Checks all packages that `Cargo.lock` names.
pub(crate) fn run(root: &Path) -> Result<ExitCode> {
    let text =
        std::fs::read_to_string(root.join("deny.toml")).context("reading deny.toml failed")?;
    let rules: Rules = toml::from_str(&text).context("deny.toml is not understood")?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let listed = Command::new(cargo)
        .args([
            "metadata",
            "--format-version",
            "1",
            "--locked",
            "--all-features",
        ])
        .current_dir(root)
        .output()
        .context("running cargo metadata failed")?;
    ensure!(
        listed.status.success(),
        "cargo metadata failed: {}",
        String::from_utf8_lossy(&listed.stderr).trim()
    );
    let metadata: Metadata = serde_json::from_slice(&listed.stdout)?;
    let findings = findings(&rules, &metadata.packages);
    for finding in &findings {
        say(finding);
    }
    if findings.is_empty() {
        say(&format!(
            "deny: {} packages are in order",
            metadata.packages.len()
        ));
        Ok(ExitCode::SUCCESS)
    } else {
        Ok(ExitCode::FAILURE)
    }
}

fn findings(rules: &Rules, packages: &[Package]) -> Vec<String> {
    let mut findings = Vec::new();
    let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for package in packages {
        let Some(source) = &package.source else {
            continue;
        };
        let (name, version) = (package.name.as_str(), package.version.as_str());
        versions.entry(name).or_default().insert(version);
        let registry = source.strip_prefix("registry+").unwrap_or_default();
        if !rules.sources.allow_registry.contains(registry) {
            findings.push(format!("{name} {version}: comes from {source}"));
        }
        match &package.license {
            None => findings.push(format!("{name} {version}: names no licence")),
            Some(license) if !accepts(license, &rules.licenses.allow) => {
                findings.push(format!(
                    "{name} {version}: licence {license} is not allowed"
                ));
            }
            Some(_) => {}
        }
    }
    for ban in &rules.bans.deny {
        let found = versions.get(ban.name.as_str()).map_or(0, BTreeSet::len);
        if found > usize::from(ban.deny_multiple_versions) {
            let what = if ban.deny_multiple_versions {
                "is there twice"
            } else {
                "is banned"
            };
            findings.push(format!("{} {what}: {}", ban.name, ban.reason));
        }
    }
    findings
}

/// Whether an SPDX expression can be satisfied with the licences of `allowed`.
fn accepts(expression: &str, allowed: &BTreeSet<String>) -> bool {
    let spaced = expression
        .replace('(', " ( ")
        .replace(')', " ) ")
        .replace('/', " OR ");
    let mut words = spaced.split_whitespace().peekable();
    let accepted = any(&mut words, allowed);
    accepted && words.next().is_none()
}

type Words<'a> = std::iter::Peekable<std::str::SplitWhitespace<'a>>;

fn any(words: &mut Words<'_>, allowed: &BTreeSet<String>) -> bool {
    let mut accepted = all(words, allowed);
    while words.next_if_eq(&"OR").is_some() {
        // Both sides are always read.
        accepted |= all(words, allowed);
    }
    accepted
}

fn all(words: &mut Words<'_>, allowed: &BTreeSet<String>) -> bool {
    let mut accepted = one(words, allowed);
    while words.next_if_eq(&"AND").is_some() {
        accepted &= one(words, allowed);
    }
    accepted
}

fn one(words: &mut Words<'_>, allowed: &BTreeSet<String>) -> bool {
    if words.next_if_eq(&"(").is_some() {
        let accepted = any(words, allowed);
        return words.next_if_eq(&")").is_some() && accepted;
    }
    let Some(license) = words.next() else {
        return false;
    };
    // "Or later" is satisfied by the version itself.
    let license = license.strip_suffix('+').unwrap_or(license);
    if words.next_if_eq(&"WITH").is_some() {
        let exception = words.next().unwrap_or_default();
        return allowed.contains(&format!("{license} WITH {exception}"));
    }
    allowed.contains(license)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_license(expression: &str, expected: bool) {
        let allowed = ["MIT", "ISC", "Apache-2.0 WITH LLVM-exception"].map(str::to_owned);
        assert_eq!(
            accepts(expression, &allowed.into()),
            expected,
            "{expression}"
        );
    }

    #[test]
    fn one_side_of_or_is_enough() {
        check_license("MIT", true);
        check_license("GPL-3.0 OR MIT", true);
        check_license("MIT/Apache-2.0", true);
        check_license("GPL-3.0", false);
        check_license("", false);
    }

    #[test]
    fn both_sides_of_and_are_needed() {
        check_license("MIT AND ISC", true);
        check_license("MIT AND GPL-3.0", false);
        check_license("MIT AND GPL-3.0 OR ISC", true);
        check_license("MIT AND (GPL-3.0 OR ISC)", true);
        check_license("(MIT OR ISC) AND (GPL-3.0 OR BSL-1.0)", false);
    }

    #[test]
    fn exceptions_and_later_versions_are_read() {
        check_license("Apache-2.0 WITH LLVM-exception", true);
        check_license("MIT WITH LLVM-exception", false);
        check_license("MIT+", true);
    }

    #[test]
    fn broken_expressions_are_refused() {
        check_license("(MIT", false);
        check_license("MIT)", false);
        check_license("MIT ISC", false);
    }

    fn package(name: &str, version: &str, license: Option<&str>, source: &str) -> Package {
        Package {
            name: name.to_owned(),
            version: version.to_owned(),
            license: license.map(str::to_owned),
            source: Some(source.to_owned()),
        }
    }

    fn check_packages(packages: &[Package], expected: &[&str]) {
        let rules: Rules = toml::from_str(
            "[licenses]\nallow = [\"MIT\"]\n[sources]\nallow-registry = [\"https://here\"]\n\
             [bans]\ndeny = [{ name = \"bad\", reason = \"no\" },\n\
             { name = \"pair\", deny-multiple-versions = true, reason = \"one only\" }]\n",
        )
        .unwrap();
        assert_eq!(findings(&rules, packages), expected);
    }

    #[test]
    fn banned_packages_are_found() {
        let here = |name, version| package(name, version, Some("MIT"), "registry+https://here");
        check_packages(&[here("good", "1.0.0"), here("pair", "1.0.0")], &[]);
        check_packages(&[here("bad", "1.0.0")], &["bad is banned: no"]);
        check_packages(
            &[here("pair", "1.0.0"), here("pair", "2.0.0")],
            &["pair is there twice: one only"],
        );
    }

    #[test]
    fn other_licences_and_registries_are_found() {
        check_packages(
            &[
                package("a", "1.0.0", Some("GPL-3.0"), "registry+https://here"),
                package("b", "1.0.0", None, "registry+https://here"),
                package("c", "1.0.0", Some("MIT"), "git+https://here"),
            ],
            &[
                "a 1.0.0: licence GPL-3.0 is not allowed",
                "b 1.0.0: names no licence",
                "c 1.0.0: comes from git+https://here",
            ],
        );
    }
}
