//! Dependencies: allowed edges, one table of versions, primitives in one crate.

use toml::{Table, Value};

use super::Finding;
use super::layers::{self, TESTKIT};

/// Packages that only some crates may depend on, and why.
const RESTRICTED: &[(&[&str], &[&str], &str)] = &[
    (
        &[
            "aws-lc-rs",
            "aws-lc-sys",
            "ring",
            "openssl",
            "argon2",
            "aes",
            "aes-gcm",
            "chacha20poly1305",
            "sha2",
            "hmac",
            "hkdf",
            "p256",
            "p384",
            "rsa",
            "ed25519-dalek",
        ],
        &["crypto"],
        "only crates/crypto calls cryptographic primitives",
    ),
    (
        &["cryptoki", "cryptoki-sys"],
        &["token", TESTKIT],
        "only crates/token calls PKCS#11",
    ),
    (
        &["rustls", "tokio-rustls"],
        &["server", TESTKIT],
        "only the server speaks TLS",
    ),
];

/// Whether `file` is the manifest of a member of the root workspace.
pub(super) fn is_member(file: &str) -> bool {
    file == "xtask/Cargo.toml" || crate_of(file).is_some()
}

/// The directory name of the crate that `file` is the manifest of.
fn crate_of(file: &str) -> Option<&str> {
    let name = file.strip_prefix("crates/")?.strip_suffix("/Cargo.toml")?;
    (!name.contains('/')).then_some(name)
}

/// Checks one manifest.
pub(super) fn check(file: &str, text: &str) -> Vec<Finding> {
    let manifest: Table = match text.parse() {
        Ok(manifest) => manifest,
        Err(error) => return vec![Finding::error(file, format!("is not valid: {error}"))],
    };
    let mut findings = Vec::new();
    if let Some(name) = crate_of(file)
        && layers::find(name).is_none()
    {
        findings.push(Finding::error(
            file,
            "the crate is missing in the table of layers (xtask/src/tidy/layers.rs)",
        ));
    }
    for (section, dependencies) in sections(&manifest) {
        for (name, dependency) in dependencies {
            findings.extend(check_version(file, name, dependency));
            findings.extend(check_edge(file, section, name));
            findings.extend(check_restricted(file, name));
        }
    }
    findings
}

/// The tables of dependencies, also those for some targets only.
fn sections(manifest: &Table) -> Vec<(&str, &Table)> {
    let targets = manifest.get("target").and_then(Value::as_table);
    let targets = targets.into_iter().flat_map(Table::values);
    let tables = std::iter::once(manifest).chain(targets.filter_map(Value::as_table));
    tables
        .flat_map(|table| {
            ["dependencies", "dev-dependencies", "build-dependencies"]
                .into_iter()
                .filter_map(|section| Some((section, table.get(section)?.as_table()?)))
        })
        .collect()
}

fn check_version(file: &str, name: &str, dependency: &Value) -> Option<Finding> {
    let shared = dependency
        .get("workspace")
        .and_then(Value::as_bool)
        .unwrap_or(false);
    let own = ["version", "path", "git", "registry", "package"]
        .into_iter()
        .any(|key| dependency.get(key).is_some());
    (!shared || own).then(|| {
        Finding::error(
            file,
            format!("`{name}` must come from [workspace.dependencies] in the root Cargo.toml"),
        )
    })
}

fn check_edge(file: &str, section: &str, name: &str) -> Option<Finding> {
    layers::find(name)?;
    let Some(from) = crate_of(file) else {
        return Some(Finding::error(file, format!("xtask must not use `{name}`")));
    };
    let from = layers::find(from)?;
    let for_tests = section == "dev-dependencies" && name == TESTKIT;
    (!from.may_use.contains(&name) && !for_tests).then(|| {
        Finding::error(
            file,
            format!(
                "`{}` must not depend on `{name}` (xtask/src/tidy/layers.rs)",
                from.name
            ),
        )
    })
}

fn check_restricted(file: &str, name: &str) -> Option<Finding> {
    let from = crate_of(file).unwrap_or_default();
    RESTRICTED
        .iter()
        .find(|(packages, allowed, _)| packages.contains(&name) && !allowed.contains(&from))
        .map(|(_, _, reason)| Finding::error(file, format!("`{name}`: {reason}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_all(file: &str, text: &str, expected: &[&str]) {
        let problems: Vec<String> = check(file, text)
            .into_iter()
            .map(|finding| finding.problem)
            .collect();
        assert_eq!(problems, expected);
    }

    #[test]
    fn shared_versions_and_downward_edges_are_in_order() {
        check_all(
            "crates/kms/Cargo.toml",
            "[dependencies]\ntypes.workspace = true\nserde = { workspace = true, features = \
             [\"rc\"] }\n[dev-dependencies]\ntestkit.workspace = true\n",
            &[],
        );
    }

    #[test]
    fn upward_edges_are_found() {
        check_all(
            "crates/types/Cargo.toml",
            "[dependencies]\nkms.workspace = true\n",
            &["`types` must not depend on `kms` (xtask/src/tidy/layers.rs)"],
        );
        check_all(
            "crates/kms/Cargo.toml",
            "[dependencies]\ntestkit.workspace = true\n",
            &["`kms` must not depend on `testkit` (xtask/src/tidy/layers.rs)"],
        );
        check_all(
            "crates/kms/Cargo.toml",
            "[target.'cfg(unix)'.dependencies]\nserver.workspace = true\n",
            &["`kms` must not depend on `server` (xtask/src/tidy/layers.rs)"],
        );
    }

    #[test]
    fn versions_outside_of_the_table_are_found() {
        for version in [
            "\"1\"",
            "{ version = \"1\" }",
            "{ workspace = true, path = \"x\" }",
        ] {
            check_all(
                "xtask/Cargo.toml",
                &format!("[dependencies]\nserde = {version}\n"),
                &["`serde` must come from [workspace.dependencies] in the root Cargo.toml"],
            );
        }
    }

    #[test]
    fn primitives_outside_of_crypto_are_found() {
        let text = "[dependencies]\naws-lc-rs.workspace = true\n";
        check_all("crates/crypto/Cargo.toml", text, &[]);
        check_all(
            "crates/kms/Cargo.toml",
            text,
            &["`aws-lc-rs`: only crates/crypto calls cryptographic primitives"],
        );
        let text = "[dependencies]\nrustls.workspace = true\n";
        check_all("crates/server/Cargo.toml", text, &[]);
        check_all(
            "crates/wire/Cargo.toml",
            text,
            &["`rustls`: only the server speaks TLS"],
        );
    }

    #[test]
    fn an_unknown_crate_is_found() {
        check_all(
            "crates/surprise/Cargo.toml",
            "",
            &["the crate is missing in the table of layers (xtask/src/tidy/layers.rs)"],
        );
    }

    #[test]
    fn only_members_of_the_workspace_are_checked() {
        assert!(is_member("crates/kms/Cargo.toml"));
        assert!(is_member("xtask/Cargo.toml"));
        assert!(!is_member("Cargo.toml"));
        assert!(!is_member("fuzz/Cargo.toml"));
        assert!(!is_member("crates/kms/fuzz/Cargo.toml"));
    }
}
