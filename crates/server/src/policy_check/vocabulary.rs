//! The names that policies can use: what the services here ask for, and what AWS has besides.

use std::collections::BTreeSet;

use policy::{KnownKey, Vocabulary};
use types::Service;

use crate::router::Router;

/// Actions of AWS's without an operation of the same name in the service models.
const WITHOUT_OPERATION: &[&str] = &[
    "cloudtrail:CreateServiceLinkedChannel",
    "cloudtrail:DeleteServiceLinkedChannel",
    "cloudtrail:GetEventDataStoreData",
    "cloudtrail:GetServiceLinkedChannel",
    "cloudtrail:ListServiceLinkedChannels",
    "cloudtrail:UpdateServiceLinkedChannel",
    "iam:DeleteCloudFrontPublicKey",
    "iam:GetCloudFrontPublicKey",
    "iam:ListCloudFrontPublicKeys",
    "iam:ListSTSRegionalEndpointsStatus",
    "iam:PassRole",
    "iam:SetSTSRegionalEndpointStatus",
    "iam:UpdateCloudFrontPublicKey",
    "iam:UploadCloudFrontPublicKey",
    "kms:ReEncryptFrom",
    "kms:ReEncryptTo",
    "kms:SynchronizeMultiRegionKey",
    "sagemaker:BatchGetMetrics",
    "sagemaker:BatchPutMetrics",
    "sagemaker:CallPartnerAppApi",
    "sagemaker:CreateSharedModel",
    "sagemaker:DeleteHumanLoop",
    "sagemaker:DescribeHumanLoop",
    "sagemaker:DescribeSharedModel",
    "sagemaker:GetDeployments",
    "sagemaker:GetDeviceRegistration",
    "sagemaker:InvokeEndpoint",
    "sagemaker:InvokeEndpointAsync",
    "sagemaker:InvokeEndpointWithBidirectionalStream",
    "sagemaker:InvokeEndpointWithResponseStream",
    "sagemaker:ListHumanLoops",
    "sagemaker:ListSharedModelEvents",
    "sagemaker:ListSharedModelVersions",
    "sagemaker:ListSharedModels",
    "sagemaker:PutLineageGroupPolicy",
    "sagemaker:SendHeartbeat",
    "sagemaker:SendSharedModelEvent",
    "sagemaker:StartHumanLoop",
    "sagemaker:StopHumanLoop",
    "sagemaker:UpdateSharedModel",
    "sts:GetServiceBearerToken",
    "sts:SetContext",
    "sts:SetSourceIdentity",
    "sts:TagSession",
];

/// Prefixes of AWS's services, one a line: the signing names of botocore's models, and those
/// of services that have no model.
const SERVICES: &str = include_str!("services.txt");

/// Every name that is known.
pub(super) struct Names {
    actions: Vec<&'static str>,
    at_aws: Vec<String>,
    services: Vec<&'static str>,
    keys: Vec<KnownKey<'static>>,
}

impl Names {
    /// What the registered operations ask for, and what AWS has.
    pub(super) fn known() -> Self {
        let operations = Router::complete().operations();
        let actions: BTreeSet<&str> = operations
            .iter()
            .flat_map(|operation| operation.actions)
            .copied()
            .chain(s3::internal_actions())
            .map(policy::Action::as_str)
            .collect();
        let models = Service::ALL
            .into_iter()
            .filter_map(|service| Some((service, shapes::service_model(service)?)));
        let at_aws = models.flat_map(|(service, model)| {
            let prefix = service.action_prefix();
            let operations = model.known.iter();
            operations.map(move |operation| format!("{prefix}:{}", operation.name))
        });
        let further = WITHOUT_OPERATION.iter().map(|name| (*name).to_owned());
        Self {
            actions: actions.into_iter().collect(),
            at_aws: at_aws.chain(further).collect(),
            services: SERVICES.lines().collect(),
            keys: [
                iam::CONDITION_KEYS,
                kms::CONDITION_KEYS,
                s3::CONDITION_KEYS,
                featurestore::CONDITION_KEYS,
                ram::CONDITION_KEYS,
            ]
            .concat(),
        }
    }

    /// The further actions that AWS has, for [`Self::vocabulary`].
    pub(super) fn at_aws(&self) -> Vec<&str> {
        self.at_aws.iter().map(String::as_str).collect()
    }

    /// The names as the lint takes them.
    pub(super) fn vocabulary<'a>(&'a self, at_aws: &'a [&'a str]) -> Vocabulary<'a> {
        Vocabulary {
            actions: &self.actions,
            at_aws,
            services: &self.services,
            keys: &self.keys,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::*;

    #[test]
    fn every_service_here_asks_for_actions_that_are_known() {
        let names = Names::known();
        for action in [
            "sagemaker:GetRecord",
            "kms:Decrypt",
            "iam:CreateUser",
            "sts:AssumeRole",
        ] {
            assert!(names.actions.contains(&action), "{action}");
        }
        for action in [
            "kms:ReplicateKey",
            "sts:TagSession",
            "sagemaker:InvokeEndpoint",
        ] {
            assert!(names.at_aws.iter().any(|known| known == action), "{action}");
        }
        assert!(names.services.is_sorted() && names.services.contains(&"ec2"));
    }

    /// The literals `"kms:…"` in lower case are the condition keys that operations set.
    #[test]
    fn every_condition_key_that_an_operation_sets_is_known() {
        let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let prefixes = [
            "iam:",
            "kms:",
            "organizations:",
            "s3:",
            "sagemaker:",
            "sts:",
        ];
        let names = Names::known();
        let mut set = BTreeSet::new();
        for file in ["iam", "kms", "s3", "featurestore", "pipeline"]
            .iter()
            .flat_map(|name| sources(&crates.join(name).join("src")))
        {
            let text = std::fs::read_to_string(file).unwrap();
            let literals = text.split('"').skip(1).step_by(2);
            set.extend(
                literals
                    .filter(|literal| prefixes.iter().any(|p| literal.starts_with(p)))
                    .filter(|literal| literal.bytes().all(|b| b.is_ascii_lowercase() || b == b':'))
                    .map(str::to_owned),
            );
        }
        assert!(set.len() > 20, "the search finds too little: {set:?}");
        for key in &set {
            let known = names.keys.iter().any(|known| {
                known
                    .name
                    .trim_end_matches([':', '/'])
                    .eq_ignore_ascii_case(key)
            });
            assert!(known, "`{key}` is set and not in the list of its service");
        }
    }

    fn sources(folder: &Path) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(folder).unwrap();
        entries
            .map(|entry| entry.unwrap().path())
            .flat_map(|path| {
                if path.is_dir() {
                    sources(&path)
                } else {
                    vec![path]
                }
            })
            .collect()
    }
}
