//! Which of our crates may depend on which: downwards only.

/// A crate and the crates that it may depend on.
pub(super) struct Crate {
    pub(super) name: &'static str,
    pub(super) may_use: &'static [&'static str],
}

/// Every crate under `crates/`, lower ones first: a crate uses only what stands before it.
///
/// A new edge is a design decision with its own commit.
pub(super) const CRATES: &[Crate] = &[
    row("types", &[]),
    row("policy", &["types"]),
    row("crypto", &["types"]),
    row("token", &["types", "crypto"]),
    row("shapes", &["types"]),
    row("wire", &["types", "crypto", "shapes"]),
    row("store", &["types", "crypto"]),
    row("audit", &["types", "store"]),
    row("pipeline", &["types", "policy", "shapes", "store", "audit"]),
    row("iam", SERVICE),
    row(
        "kms",
        &[
            "types", "policy", "crypto", "token", "shapes", "store", "audit", "pipeline",
        ],
    ),
    row("cloudtrail", SERVICE),
    row(
        "ram",
        &[
            "types", "policy", "crypto", "shapes", "store", "audit", "pipeline", "iam",
        ],
    ),
    row(
        "operator",
        &[
            "types", "policy", "crypto", "shapes", "store", "audit", "pipeline", "iam",
        ],
    ),
    row(
        "s3",
        &[
            "types", "policy", "shapes", "store", "audit", "pipeline", "kms",
        ],
    ),
    row("online", &["types", "crypto", "store"]),
    row(
        "featurestore",
        &[
            "types", "policy", "crypto", "shapes", "store", "audit", "pipeline", "iam", "kms",
            "ram", "s3", "online",
        ],
    ),
    row(
        "server",
        &[
            "types",
            "policy",
            "crypto",
            "token",
            "shapes",
            "wire",
            "store",
            "audit",
            "pipeline",
            "iam",
            "kms",
            "cloudtrail",
            "ram",
            "operator",
            "s3",
            "online",
            "featurestore",
        ],
    ),
    row(
        TESTKIT,
        &[
            "types",
            "policy",
            "crypto",
            "token",
            "shapes",
            "wire",
            "store",
            "audit",
            "pipeline",
            "iam",
            "kms",
            "cloudtrail",
            "ram",
            "operator",
            "s3",
            "online",
            "featurestore",
            "server",
        ],
    ),
];

/// What tests may use besides the crate's own edges.
pub(super) const TESTKIT: &str = "testkit";

/// What a service is built on.
const SERVICE: &[&str] = &[
    "types", "policy", "crypto", "shapes", "store", "audit", "pipeline",
];

const fn row(name: &'static str, may_use: &'static [&'static str]) -> Crate {
    Crate { name, may_use }
}

/// The crate in directory `crates/<name>`.
pub(super) fn find(name: &str) -> Option<&'static Crate> {
    CRATES.iter().find(|known| known.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_edge_leads_downwards() {
        for (at, from) in CRATES.iter().enumerate() {
            for name in from.may_use {
                let is_below = CRATES[..at].iter().any(|below| below.name == *name);
                assert!(is_below, "{} -> {name}", from.name);
            }
        }
    }
}
