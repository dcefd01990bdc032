//! The policies that AWS owns and every account has.
//!
//! Names, ARNs and dates are AWS's; what the policies say is written for the services that
//! exist here, and has one version.

use std::sync::LazyLock;

use types::Timestamp;

use super::AWS;
use crate::records::PolicyText;

/// The ARN of the policy that the first administrator gets.
pub(crate) const ADMINISTRATOR_ACCESS: &str = "arn:aws:iam::aws:policy/AdministratorAccess";

/// An AWS managed policy. Not stored: it is the same in every account and cannot be changed.
#[derive(Debug)]
pub(crate) struct AwsPolicy {
    pub(super) name: &'static str,
    pub(super) path: &'static str,
    pub(super) id: &'static str,
    pub(super) description: &'static str,
    /// When AWS made its policy of this name, in seconds since 1970.
    created: i64,
    /// Compiled when it is first asked for.
    pub(super) policy: LazyLock<PolicyText>,
}

impl AwsPolicy {
    pub(super) fn arn(&self) -> String {
        format!("arn:aws:iam::{AWS}:policy{}{}", self.path, self.name)
    }

    pub(super) fn created(&self) -> Timestamp {
        Timestamp::new(self.created, 0)
    }
}

/// The policy in a file of `managed/aws`, without the line's end that files have.
fn text(file: &'static str) -> PolicyText {
    PolicyText::from(file.trim_end().to_owned())
}

/// Every AWS managed policy of this release, by name without regard to case.
pub(super) static AWS_POLICIES: [AwsPolicy; 12] = [
    AwsPolicy {
        name: "AdministratorAccess",
        path: "/",
        id: "ANPAIWMBCKSKIEE64ZLYK",
        description: "Every action on every resource of the account.",
        created: 1_423_247_986,
        policy: LazyLock::new(|| text(include_str!("aws/AdministratorAccess.json"))),
    },
    AwsPolicy {
        name: "AmazonS3FullAccess",
        path: "/",
        id: "ANPAIFIR6V6BVTRAHWINE",
        description: "Every action on every bucket and object.",
        created: 1_423_248_058,
        policy: LazyLock::new(|| text(include_str!("aws/AmazonS3FullAccess.json"))),
    },
    AwsPolicy {
        name: "AmazonS3ReadOnlyAccess",
        path: "/",
        id: "ANPAIZTJ4DXE7G6AGAE6M",
        description: "Reading every bucket and object.",
        created: 1_423_248_059,
        policy: LazyLock::new(|| text(include_str!("aws/AmazonS3ReadOnlyAccess.json"))),
    },
    AwsPolicy {
        name: "AmazonSageMakerFeatureStoreAccess",
        path: "/",
        id: "ANPAZKAPJZG4FSTOREACC",
        description: "What the role of an offline store needs.",
        created: 1_606_839_845,
        policy: LazyLock::new(|| text(include_str!("aws/AmazonSageMakerFeatureStoreAccess.json"))),
    },
    AwsPolicy {
        name: "AmazonSageMakerFullAccess",
        path: "/",
        id: "ANPAJZ5IWYMXO5QDB4QOG",
        description: "Every action of SageMaker, and what it takes to use it.",
        created: 1_511_960_879,
        policy: LazyLock::new(|| text(include_str!("aws/AmazonSageMakerFullAccess.json"))),
    },
    AwsPolicy {
        name: "AmazonSageMakerReadOnly",
        path: "/",
        id: "ANPAJTZ2FTFCQ6CFLQA2O",
        description: "Seeing feature groups and reading their records.",
        created: 1_511_960_829,
        policy: LazyLock::new(|| text(include_str!("aws/AmazonSageMakerReadOnly.json"))),
    },
    AwsPolicy {
        name: "AWSKeyManagementServicePowerUser",
        path: "/",
        id: "ANPAJNPP7PPPPMJRV2SA4",
        description: "Making keys and aliases, and seeing all of them; neither using nor deleting keys.",
        created: 1_423_248_040,
        policy: LazyLock::new(|| text(include_str!("aws/AWSKeyManagementServicePowerUser.json"))),
    },
    AwsPolicy {
        name: "IAMFullAccess",
        path: "/",
        id: "ANPAI7XKCFMBPM3QQRRVQ",
        description: "Every action of IAM.",
        created: 1_423_248_038,
        policy: LazyLock::new(|| text(include_str!("aws/IAMFullAccess.json"))),
    },
    AwsPolicy {
        name: "IAMReadOnlyAccess",
        path: "/",
        id: "ANPAJKSO7NDY4T57MWDSQ",
        description: "Seeing everything of IAM.",
        created: 1_423_248_039,
        policy: LazyLock::new(|| text(include_str!("aws/IAMReadOnlyAccess.json"))),
    },
    AwsPolicy {
        name: "PowerUserAccess",
        path: "/",
        id: "ANPAJYRXTHIB4FOVS3ZXS",
        description: "Everything but identities, the organization and the server itself.",
        created: 1_423_247_987,
        policy: LazyLock::new(|| text(include_str!("aws/PowerUserAccess.json"))),
    },
    AwsPolicy {
        name: "ReadOnlyAccess",
        path: "/",
        id: "ANPAILL3HVNFSB6DCOWYQ",
        description: "Seeing everything and reading objects; neither records nor what keys protect.",
        created: 1_423_247_988,
        policy: LazyLock::new(|| text(include_str!("aws/ReadOnlyAccess.json"))),
    },
    AwsPolicy {
        name: "SecurityAudit",
        path: "/",
        id: "ANPAIX2T3QCXHR2OGGCTO",
        description: "Seeing how everything is set up and who may do what; no data.",
        created: 1_423_248_061,
        policy: LazyLock::new(|| text(include_str!("aws/SecurityAudit.json"))),
    },
];

#[cfg(test)]
mod tests;
