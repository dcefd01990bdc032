//! AWS's texts for documents that are refused: those of IAM and STS, of KMS, and of Organizations.
#![deny(clippy::wildcard_enum_match_arm)]

use super::Fault;
use crate::document::DocumentKind;

/// The text for `fault` in a document of `kind`, as far as that is known.
pub(super) fn of(kind: Option<DocumentKind>, fault: &Fault) -> String {
    match kind {
        Some(DocumentKind::ServiceControl | DocumentKind::ResourceControl) => {
            "The provided policy document does not meet the requirements of the specified \
             policy type."
                .to_owned()
        }
        Some(DocumentKind::KeyPolicy) => key_policy_message(fault),
        Some(DocumentKind::Identity | DocumentKind::Boundary | DocumentKind::Session) | None => {
            identity_message(fault)
        }
        Some(DocumentKind::Resource | DocumentKind::Trust) => iam_message(fault),
    }
}

fn key_policy_message(fault: &Fault) -> String {
    if matches!(fault, Fault::NoPrincipal | Fault::Principal { .. }) {
        "Policy contains a statement with one or more invalid principals.".to_owned()
    } else {
        iam_message(fault)
    }
}

/// Text that is not JSON is a syntax error where a policy of a principal is expected, and
/// called invalid JSON where one of a resource is.
fn identity_message(fault: &Fault) -> String {
    if matches!(fault, Fault::Json | Fault::DuplicateKey(_)) {
        SYNTAX.to_owned()
    } else {
        iam_message(fault)
    }
}

fn iam_message(fault: &Fault) -> String {
    match fault {
        Fault::Json | Fault::DuplicateKey(_) => "This policy contains invalid Json".to_owned(),
        Fault::OldVersion => "Policy document must be version 2012-10-17 or greater.".to_owned(),
        Fault::Sid(_) => "Statement IDs (SID) must be alpha-numeric. Check that your input \
                          satisfies the regular expression [0-9A-Za-z]*"
            .to_owned(),
        Fault::DuplicateSid(_) => {
            "Statement IDs (SID) in a single policy must be unique.".to_owned()
        }
        Fault::NoActions => "Policy statement must contain actions.".to_owned(),
        Fault::NoResources => "Policy statement must contain resources.".to_owned(),
        Fault::NoPrincipal => "Missing required field Principal".to_owned(),
        Fault::PrincipalNotAllowed => "Policy document should not specify a principal.".to_owned(),
        Fault::ResourceNotAllowed(element) => format!("Has prohibited field {element}."),
        Fault::Principal { kind, value } => {
            format!("Invalid principal in policy: \"{kind}\":\"{value}\"")
        }
        Fault::NoVendor(_) => {
            "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.".to_owned()
        }
        Fault::Colons(_) => "Actions/Condition can contain only one colon.".to_owned(),
        Fault::Vendor(vendor) => format!("Vendor {vendor} is not valid"),
        Fault::TrustAction(_) => "Trust Policy statement actions can only be sts:AssumeRole, \
                                  sts:AssumeRoleWithSAML,  and sts:AssumeRoleWithWebIdentity"
            .to_owned(),
        Fault::NotAnArn(resource) => {
            format!("Resource {resource} must be in ARN format or \"*\".")
        }
        Fault::Partition {
            partition,
            resource,
        } => {
            let resource = completed(resource);
            format!("Partition \"{partition}\" is not valid for resource \"{resource}\".")
        }
        Fault::ResourceVendor(_) => {
            "Resource vendor must be fully qualified and cannot contain regexes.".to_owned()
        }
        Fault::IamRegion(resource) => {
            format!("IAM resource {resource} cannot contain region information.")
        }
        Fault::S3Region(resource) => {
            format!("Resource {resource} can not contain region information.")
        }
        Fault::IamPath(_) => {
            let kinds = IAM_RESOURCES.join(", ");
            format!("IAM resource path must either be \"*\" or start with {kinds}.")
        }
        Fault::ShortArn(_) | Fault::ConditionValue { .. } | Fault::EffectLetters(_) => {
            "The policy failed legacy parsing".to_owned()
        }
        Fault::OverlyPermissive(key) => overly_permissive_message(key),
        Fault::TooDeep
        | Fault::TooLong { .. }
        | Fault::Character(_)
        | Fault::UnknownElement(_)
        | Fault::Type { .. }
        | Fault::Version
        | Fault::NoStatement
        | Fault::Effect
        | Fault::Both(_)
        | Fault::NotSupported(_)
        | Fault::NoOperation(_)
        | Fault::Variable(_)
        | Fault::AllowInResourceControl
        | Fault::BareActionInResourceControl
        | Fault::Operator(_) => SYNTAX.to_owned(),
    }
}

/// A resource as AWS shows it beside its partition: with the prefix `arn` and, where segments
/// are missing, `*` for each.
fn completed(resource: &str) -> String {
    let rest = resource.split_once(':').map_or("", |(_, rest)| rest);
    let given = rest.splitn(5, ':').count();
    format!("arn:{rest}{}", ":*".repeat(5_usize.saturating_sub(given)))
}

fn overly_permissive_message(key: &str) -> String {
    let tag = key.to_ascii_lowercase().starts_with("aws:requesttag");
    let (name, what) = if tag {
        ("", "tag")
    } else {
        (":EncryptionContext", "encryption context")
    };
    format!(
        "OverlyPermissiveCondition{name}: Using the ForAllValues set operator with a \
         single-valued condition key matches requests without the specified {what} or with an \
         unspecified {what}. To fix, remove ForAllValues."
    )
}

const SYNTAX: &str = "Syntax errors in policy.";

/// What the resource part of an IAM resource begins with.
pub(crate) const IAM_RESOURCES: [&str; 13] = [
    "user/",
    "federated-user/",
    "role/",
    "group/",
    "instance-profile/",
    "mfa/",
    "server-certificate/",
    "policy/",
    "sms-mfa/",
    "saml-provider/",
    "oidc-provider/",
    "report/",
    "access-report/",
];
