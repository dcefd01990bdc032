//! The worked decisions under `testdata/decisions`, one file per rule.

use std::collections::BTreeSet;
use std::path::Path;

use policy::AllowedBy;
use serde::Deserialize;

use crate::case::Case;
use crate::naive;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    title: String,
    /// Where AWS documents it: of a file whose cases are from several pages, each case says so.
    source: Option<String>,
    cases: Vec<Case>,
}

/// Checks every case of a file: decision, reason, message, and the naive evaluator's opinion.
fn check(file: &str) {
    let rule = read(file);
    for case in &rule.cases {
        let name = format!("{}: {}", rule.title, case.name);
        let expected = case.expect.as_ref().unwrap();
        assert_eq!(case.outcome(), expected.decision, "{name}");
        assert_eq!(naive::outcome(case), expected.decision, "{name}, naively");
        let (decision, explanation) = case.decide();
        let by = decision.allowed_by().map(|by| match by {
            AllowedBy::RootUser => "root user",
            AllowedBy::IdentityPolicy => "identity-based policy",
            AllowedBy::ResourcePolicy => "resource-based policy",
            AllowedBy::BothAccounts => "both accounts",
            AllowedBy::Grant { .. } => "grant",
        });
        assert_eq!(by, expected.by.as_deref(), "{name}");
        let policy = decision.denial().map(|denial| denial.policy.name());
        assert_eq!(policy, expected.policy.as_deref(), "{name}");
        assert!(!explanation.reasons().is_empty(), "{name} has no reason");
        if let Some(message) = &expected.message {
            assert_eq!(case.message(), *message, "{name}");
        }
    }
}

fn read(file: &str) -> Rule {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("testdata/decisions")
        .join(file);
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

macro_rules! rules {
    ($($name:ident: $file:literal,)*) => {
        $(
            #[test]
            fn $name() {
                check($file);
            }
        )*

        /// Which page says so, one for each case, and how many cases there are; the names within
        /// a file differ.
        #[test]
        fn every_case_has_a_source() {
            let mut cases = 0;
            for file in [$($file),*] {
                let rule = read(file);
                assert!(!rule.title.is_empty(), "{file}");
                for case in &rule.cases {
                    let page = case.source.as_ref().or(rule.source.as_ref());
                    let one = page.is_some_and(|page| !page.is_empty() && !page.contains([',', ';']));
                    assert!(one, "{file}: `{}` is from {page:?}", case.name);
                }
                let names: BTreeSet<&str> = rule.cases.iter().map(|c| c.name.as_str()).collect();
                assert_eq!(names.len(), rule.cases.len(), "{file} has a name twice");
                assert!(!names.is_empty() && rule.cases.iter().all(|c| c.expect.is_some()), "{file}");
                cases += names.len();
            }
            assert!(cases >= 300, "{cases} cases");
        }

        /// The 25 worked decisions that the rules were written from, by their numbers. The
        /// sixth is about operations that are not usable across accounts, whatever policies
        /// say: the pipeline refuses them, as `kms/tests/it/keys.rs` shows.
        #[test]
        fn the_worked_decisions_are_all_there() {
            let listed = [$($file),*];
            for number in (1..=25).filter(|number| *number != 6) {
                let prefix = format!("{number:02}-");
                assert!(listed.iter().any(|file| file.starts_with(&prefix)), "{prefix}");
            }
        }

        /// Files without a test would be dead.
        #[test]
        fn every_file_is_checked() {
            let listed = [$($file),*];
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/decisions");
            for entry in std::fs::read_dir(folder).unwrap() {
                let name = entry.unwrap().file_name().into_string().unwrap();
                assert!(listed.contains(&name.as_str()), "{name} has no test");
            }
        }
    };
}

rules! {
    account_principal_delegates_only: "01-account-principal-delegates-only.json",
    identity_policy_needs_the_key_policy: "02-identity-policy-needs-the-key-policy.json",
    key_policy_names_the_user: "03-key-policy-names-the-user.json",
    foreign_key_with_both_accounts: "04-foreign-key-with-both-accounts.json",
    foreign_key_needs_the_identity_policy: "05-foreign-key-needs-the-identity-policy.json",
    grant_from_the_callers_account: "07-grant-from-the-callers-account.json",
    grant_is_the_only_source: "08-grant-is-the-only-source.json",
    create_grant_by_policy_or_parent_grant: "09-create-grant-by-policy-or-parent-grant.json",
    deny_beats_grants: "10-deny-beats-grants.json",
    retire_grant: "11-retire-grant.json",
    key_policy_through_a_service: "12-key-policy-through-a-service.json",
    resource_policy_names_the_role: "13-resource-policy-names-the-role.json",
    resource_policy_names_the_session: "14-resource-policy-names-the-session.json",
    resource_policy_names_the_user: "15-resource-policy-names-the-user.json",
    everyone_with_a_principal_condition: "16-everyone-with-a-principal-condition.json",
    assume_role: "17-assume-role.json",
    not_principal_and_boundaries: "18-not-principal-and-boundaries.json",
    federated_session_without_policy: "19-federated-session-without-policy.json",
    set_operators_and_absent_keys: "20-set-operators-and-absent-keys.json",
    missing_key_and_negated_operator: "21-missing-key-and-negated-operator.json",
    multi_factor_authentication: "22-multi-factor-authentication.json",
    arn_operators_compare_components: "23-arn-operators-compare-components.json",
    policy_variables: "24-policy-variables.json",
    aliases_tags_and_trust: "25-aliases-tags-and-trust.json",
    root_user: "30-root-user.json",
    organizations: "31-organizations.json",
    callers_without_an_account: "32-callers-without-an-account.json",
    operations_without_a_resource: "33-operations-without-a-resource.json",
    key_policy_statements_without_effect: "34-key-policy-statements-without-effect.json",
    naming_in_a_resource_policy: "40-naming-in-a-resource-policy.json",
    sources_of_access_to_a_key: "41-sources-of-access-to-a-key.json",
    across_accounts: "42-across-accounts.json",
    condition_operators: "43-condition-operators.json",
    a_deny_anywhere_denies: "44-a-deny-anywhere-denies.json",
    actions_and_resources: "45-actions-and-resources.json",
    services: "46-services.json",
    along_the_organization: "47-along-the-organization.json",
    variables: "48-variables.json",
    trust_policies: "49-trust-policies.json",
    condition_keys: "50-condition-keys.json",
    aliases_and_tags_do_not_count_in_key_policies: "35-aliases-and-tags-in-key-policies.json",
}
