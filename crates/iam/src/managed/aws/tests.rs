//! What each of AWS's policies allows and what it does not.

use std::collections::BTreeMap;

use policy::{
    Action, Attached, ConditionKey, ConditionKeys, Policies, Request, ResourcePolicy, Severity,
    Values, evaluate,
};
use types::{Arn, Principal};

use super::*;

const GROUP: &str = "arn:aws:sagemaker:us-east-1:111122223333:feature-group/g";
const KEY: &str = "arn:aws:kms:us-east-1:111122223333:key/1";
const ROLE: &str = "arn:aws:iam::111122223333:role/r";
const USER: &str = "arn:aws:iam::111122223333:user/u";

/// The condition keys of a request.
#[derive(Default)]
struct Keys(BTreeMap<&'static str, &'static str>);

impl ConditionKeys for Keys {
    fn lookup(&self, key: &ConditionKey) -> Option<Values<'_>> {
        let value = self.0.get(key.as_str())?;
        Some(Values::One((*value).into()))
    }
}

fn find(name: &str) -> &'static AwsPolicy {
    let mut policies = AWS_POLICIES.iter();
    policies.find(|policy| policy.name == name).unwrap()
}

fn allows_with(name: &str, action: &str, resource: &str, keys: &Keys) -> bool {
    let document = find(name).policy.document().unwrap();
    let principal = Principal::User {
        account: "111122223333".parse().unwrap(),
        arn: USER.parse().unwrap(),
        id: "AIDAEXAMPLEEXAMPLE234".parse().unwrap(),
        name: "u".to_owned(),
    };
    let resource: Option<Arn> = (resource != "*").then(|| resource.parse().unwrap());
    let identity = [Attached {
        document: &document,
        name,
        arn: None,
    }];
    let policies = Policies {
        identity: &identity,
        boundary: None,
        session: None,
        resource: ResourcePolicy::None,
        service_control: &[],
        resource_control: &[],
        grants: &[],
    };
    let request = Request {
        principal: &principal,
        action: &Action::parse(action).unwrap(),
        resource: resource.as_ref(),
        resource_account: principal.account(),
        keys,
    };
    evaluate(&request, &policies).is_allowed()
}

/// The policy allows each of the first requests and none of the second: an action and a
/// resource, `*` for none.
fn check(name: &str, allowed: &[(&str, &str)], denied: &[(&str, &str)]) {
    for (action, resource) in allowed {
        let keys = Keys::default();
        assert!(
            allows_with(name, action, resource, &keys),
            "{name}: {action} on {resource}"
        );
    }
    for (action, resource) in denied {
        let keys = Keys::default();
        assert!(
            !allows_with(name, action, resource, &keys),
            "{name}: {action} on {resource}"
        );
    }
}

/// The actions of our own service that there are, as the generated page lists them.
fn own_actions() -> Vec<&'static str> {
    let page = include_str!("../../../../../docs/permissions.md");
    let names = page.split(|c: char| !c.is_ascii_alphanumeric() && c != ':');
    names
        .filter(|name| name.starts_with("strongroom:"))
        .collect()
}

#[test]
fn nobody_but_the_administrator_operates_the_deployment() {
    let actions = own_actions();
    for known in ["strongroom:ExplainRequest", "strongroom:SealServer"] {
        assert!(actions.contains(&known), "{actions:?}");
    }
    for action in actions {
        check("AdministratorAccess", &[(action, "*")], &[]);
        for name in ["PowerUserAccess", "ReadOnlyAccess", "SecurityAudit"] {
            check(name, &[], &[(action, "*")]);
        }
    }
}

/// What gives out data or secrets of keys, and what changes anything: nothing that only looks.
const NEVER_BY_LOOKING: [(&str, &str); 16] = [
    ("kms:Decrypt", KEY),
    ("kms:Encrypt", KEY),
    ("kms:GenerateDataKey", KEY),
    ("kms:GenerateDataKeyWithoutPlaintext", KEY),
    ("kms:ReEncryptFrom", KEY),
    ("kms:Sign", KEY),
    ("kms:PutKeyPolicy", KEY),
    ("kms:CreateGrant", KEY),
    ("iam:CreateAccessKey", USER),
    ("iam:PutUserPolicy", USER),
    ("iam:PassRole", ROLE),
    ("sts:AssumeRole", ROLE),
    ("sts:GetFederationToken", "*"),
    ("sagemaker:PutRecord", GROUP),
    ("sagemaker:DeleteFeatureGroup", GROUP),
    (
        "cloudtrail:StopLogging",
        "arn:aws:cloudtrail:us-east-1:111122223333:trail/t",
    ),
];

#[test]
fn every_policy_is_read_and_has_the_form_of_aws() {
    let mut before = String::new();
    for policy in &AWS_POLICIES {
        let document = policy.policy.document().unwrap();
        assert_eq!(document.text(), policy.policy.text(), "{}", policy.name);
        assert_eq!(policy.id.len(), 21, "{}", policy.name);
        assert!(policy.arn().parse::<Arn>().is_ok());
        let name = policy.name.to_lowercase();
        assert!(before < name, "listings page by name: {name}");
        before = name;
        let findings = policy::lint(document.text(), policy::DocumentKind::Identity);
        let errors = findings
            .iter()
            .filter(|found| found.severity == Severity::Error);
        assert_eq!(errors.count(), 0, "{findings:?}");
    }
}

#[test]
fn the_dates_are_those_of_aws() {
    let date = |name| find(name).created().to_iso8601();
    assert_eq!(date("AdministratorAccess"), "2015-02-06T18:39:46Z");
    assert_eq!(
        date("AmazonSageMakerFeatureStoreAccess"),
        "2020-12-01T16:24:05Z"
    );
}

#[test]
fn the_administrator_does_everything() {
    check("AdministratorAccess", &NEVER_BY_LOOKING, &[]);
}

#[test]
fn a_power_user_manages_no_identities() {
    check(
        "PowerUserAccess",
        &[
            ("sagemaker:PutRecord", GROUP),
            ("kms:Decrypt", KEY),
            ("kms:CreateKey", "*"),
            ("s3:PutObject", "arn:aws:s3:::b/k"),
            ("iam:ListRoles", "*"),
            ("iam:CreateServiceLinkedRole", ROLE),
            ("organizations:DescribeOrganization", "*"),
        ],
        &[
            ("iam:PassRole", ROLE),
            ("iam:CreateUser", USER),
            ("iam:PutUserPolicy", USER),
            ("iam:GetUser", USER),
            ("organizations:CreateAccount", "*"),
            ("organizations:ListAccounts", "*"),
            ("account:CloseAccount", "*"),
        ],
    );
}

#[test]
fn whoever_only_reads_opens_nothing_that_a_key_protects() {
    check(
        "ReadOnlyAccess",
        &[
            ("sagemaker:DescribeFeatureGroup", GROUP),
            ("sagemaker:ListFeatureGroups", "*"),
            ("kms:DescribeKey", KEY),
            ("kms:GetKeyPolicy", KEY),
            ("kms:ListGrants", KEY),
            ("iam:GetUser", USER),
            ("iam:SimulatePrincipalPolicy", USER),
            ("organizations:ListAccounts", "*"),
            ("cloudtrail:LookupEvents", "*"),
            ("s3:GetObject", "arn:aws:s3:::b/k"),
            ("athena:GetQueryResults", "*"),
        ],
        &NEVER_BY_LOOKING,
    );
    check(
        "ReadOnlyAccess",
        &[],
        &[
            ("sagemaker:GetRecord", GROUP),
            ("sagemaker:BatchGetRecord", GROUP),
            ("sagemaker:ListRecords", GROUP),
            ("s3:PutObject", "arn:aws:s3:::b/k"),
            ("athena:StartQueryExecution", "*"),
        ],
    );
}

#[test]
fn an_auditor_sees_settings_and_no_data() {
    check(
        "SecurityAudit",
        &[
            ("sagemaker:DescribeFeatureGroup", GROUP),
            ("kms:GetKeyPolicy", KEY),
            ("kms:ListGrants", KEY),
            ("iam:GetAccountAuthorizationDetails", "*"),
            ("iam:GetUserPolicy", USER),
            ("iam:GenerateCredentialReport", "*"),
            ("organizations:ListPolicies", "*"),
            ("cloudtrail:DescribeTrails", "*"),
            ("s3:GetBucketPolicy", "arn:aws:s3:::b"),
        ],
        &NEVER_BY_LOOKING,
    );
    check(
        "SecurityAudit",
        &[],
        &[
            ("sagemaker:GetRecord", GROUP),
            ("sagemaker:ListRecords", GROUP),
            ("s3:GetObject", "arn:aws:s3:::b/k"),
            ("kms:GetParametersForImport", KEY),
            ("athena:GetQueryResults", "*"),
        ],
    );
}

#[test]
fn iam_is_managed_and_seen() {
    check(
        "IAMFullAccess",
        &[
            ("iam:CreateUser", USER),
            ("iam:PassRole", ROLE),
            ("iam:PutUserPolicy", USER),
            ("organizations:DescribePolicy", "*"),
        ],
        &[
            ("organizations:AttachPolicy", "*"),
            ("kms:Decrypt", KEY),
            ("sts:AssumeRole", ROLE),
            ("sagemaker:GetRecord", GROUP),
        ],
    );
    check(
        "IAMReadOnlyAccess",
        &[
            ("iam:GetUser", USER),
            ("iam:ListUsers", "*"),
            ("iam:SimulateCustomPolicy", "*"),
        ],
        &NEVER_BY_LOOKING,
    );
}

#[test]
fn a_power_user_of_keys_makes_them_and_uses_none() {
    check(
        "AWSKeyManagementServicePowerUser",
        &[
            ("kms:CreateKey", "*"),
            ("kms:CreateAlias", KEY),
            ("kms:DescribeKey", KEY),
            ("kms:GetKeyPolicy", KEY),
            ("kms:TagResource", KEY),
            ("kms:GenerateRandom", "*"),
            ("iam:ListRoles", "*"),
        ],
        &[
            ("kms:Decrypt", KEY),
            ("kms:GenerateDataKey", KEY),
            ("kms:ScheduleKeyDeletion", KEY),
            ("kms:DisableKey", KEY),
            ("kms:PutKeyPolicy", KEY),
            ("kms:CreateGrant", KEY),
            ("iam:CreateUser", USER),
        ],
    );
}

#[test]
fn sagemaker_is_managed_within_its_own_buckets_and_tables() {
    check(
        "AmazonSageMakerFullAccess",
        &[
            ("sagemaker:CreateFeatureGroup", GROUP),
            ("sagemaker:PutRecord", GROUP),
            ("kms:DescribeKey", KEY),
            ("iam:ListRoles", "*"),
            ("s3:PutObject", "arn:aws:s3:::my-sagemaker-store/k"),
            (
                "glue:GetTable",
                "arn:aws:glue:us-east-1:111122223333:table/sagemaker_featurestore/t",
            ),
        ],
        &[
            ("kms:Decrypt", KEY),
            ("kms:CreateGrant", KEY),
            ("iam:PassRole", ROLE),
            ("iam:CreateRole", ROLE),
            ("s3:GetObject", "arn:aws:s3:::payroll/k"),
            (
                "glue:GetTable",
                "arn:aws:glue:us-east-1:111122223333:table/payroll/t",
            ),
        ],
    );
}

#[test]
fn roles_are_handed_to_sagemaker_only() {
    let passes = |service: &'static str, resource: &str| {
        let keys = Keys(BTreeMap::from([("iam:passedtoservice", service)]));
        allows_with("AmazonSageMakerFullAccess", "iam:PassRole", resource, &keys)
    };
    assert!(passes("sagemaker.amazonaws.com", ROLE));
    for service in [
        "lambda.amazonaws.com",
        "ec2.amazonaws.com",
        "SageMaker.amazonaws.com",
        "",
    ] {
        assert!(!passes(service, ROLE), "{service}");
    }
    assert!(!passes("sagemaker.amazonaws.com", USER));
}

#[test]
fn sagemaker_is_read() {
    check(
        "AmazonSageMakerReadOnly",
        &[
            ("sagemaker:DescribeFeatureGroup", GROUP),
            ("sagemaker:GetRecord", GROUP),
            ("sagemaker:BatchGetRecord", GROUP),
            ("sagemaker:ListFeatureGroups", "*"),
            ("kms:DescribeKey", KEY),
        ],
        &NEVER_BY_LOOKING,
    );
}

#[test]
fn the_role_of_an_offline_store_writes_its_bucket_and_no_records() {
    check(
        "AmazonSageMakerFeatureStoreAccess",
        &[
            ("s3:PutObject", "arn:aws:s3:::my-sagemaker-store/data/k"),
            ("s3:GetBucketAcl", "arn:aws:s3:::my-sagemaker-store"),
            ("s3:GetObject", "arn:aws:s3:::my-sagemaker-store/metadata/k"),
            (
                "glue:UpdateTable",
                "arn:aws:glue:us-east-1:111122223333:table/sagemaker_featurestore/t",
            ),
        ],
        &[
            ("s3:PutObject", "arn:aws:s3:::payroll/data/k"),
            ("s3:GetObject", "arn:aws:s3:::my-sagemaker-store/data/k"),
            ("s3:DeleteObject", "arn:aws:s3:::my-sagemaker-store/data/k"),
            ("sagemaker:GetRecord", GROUP),
            ("kms:Decrypt", KEY),
        ],
    );
}

#[test]
fn buckets_are_managed_and_read() {
    let object = "arn:aws:s3:::b/k";
    let own = [
        ("s3:PutObject", object),
        ("s3:DeleteBucket", "arn:aws:s3:::b"),
    ];
    let others = [("kms:Decrypt", KEY), ("sagemaker:GetRecord", GROUP)];
    check("AmazonS3FullAccess", &own, &others);
    check(
        "AmazonS3ReadOnlyAccess",
        &[
            ("s3:GetObject", object),
            ("s3:ListBucket", "arn:aws:s3:::b"),
        ],
        &[own, others].concat(),
    );
    check("AmazonS3ReadOnlyAccess", &[], &NEVER_BY_LOOKING);
}
