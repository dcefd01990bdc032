//! AWS's managed permissions: what a share lets its principals do with a type of resource.

use types::Arn;

use crate::Error;

/// A type of resources that can be shared.
#[derive(Debug)]
pub(crate) struct ResourceType {
    /// As RAM names it: `sagemaker:FeatureGroup`.
    pub(crate) name: &'static str,
    /// The service, as RAM names it.
    pub(crate) service: &'static str,
    /// The kind in the resource part of an ARN.
    kind: &'static str,
    /// Whether it can be shared with single users and roles.
    pub(crate) takes_individuals: bool,
}

/// Every type that can be shared here.
pub(crate) static TYPES: [ResourceType; 2] = [
    ResourceType {
        name: "sagemaker:FeatureGroup",
        service: "sagemaker",
        kind: "feature-group",
        takes_individuals: true,
    },
    ResourceType {
        name: "sagemaker:SagemakerCatalog",
        service: "sagemaker",
        kind: "sagemaker-catalog",
        takes_individuals: false,
    },
];

impl ResourceType {
    /// The type of the resource at `arn`, if it is one that can be shared.
    pub(crate) fn of(arn: &Arn) -> Option<&'static Self> {
        let mut types = TYPES.iter();
        types.find(|known| known.service == arn.service() && arn.resource_of(known.kind).is_some())
    }

    /// The type with this name, whatever the case of its letters.
    pub(crate) fn named(name: &str) -> Option<&'static Self> {
        let mut types = TYPES.iter();
        types.find(|known| known.name.eq_ignore_ascii_case(name))
    }

    /// What a share gives for this type if it does not say.
    pub(crate) fn default_permission(&self) -> Option<&'static Permission> {
        let mut permissions = PERMISSIONS.iter();
        permissions.find(|known| known.resource_type == self.name && known.is_default)
    }
}

/// The type with this name. Fails with `InvalidResourceTypeException`.
pub(crate) fn kind_named(name: &str) -> Result<&'static ResourceType, Error> {
    ResourceType::named(name).ok_or_else(|| Error::InvalidResourceType {
        kind: name.to_owned(),
    })
}

/// A managed permission of AWS's.
#[derive(Debug)]
pub(crate) struct Permission {
    pub(crate) name: &'static str,
    pub(crate) resource_type: &'static str,
    pub(crate) actions: &'static [&'static str],
    /// Whether a share has it that names none for the type.
    pub(crate) is_default: bool,
}

/// The only version that each of them has.
pub(crate) const VERSION: i32 = 1;

const READ: &[&str] = &[
    "sagemaker:BatchGetRecord",
    "sagemaker:DescribeFeatureGroup",
    "sagemaker:DescribeFeatureMetadata",
    "sagemaker:GetRecord",
];

const READ_WRITE: &[&str] = &[
    "sagemaker:BatchGetRecord",
    "sagemaker:DeleteRecord",
    "sagemaker:DescribeFeatureGroup",
    "sagemaker:DescribeFeatureMetadata",
    "sagemaker:GetRecord",
    "sagemaker:PutRecord",
];

const ADMIN: &[&str] = &[
    "sagemaker:BatchGetRecord",
    "sagemaker:DeleteRecord",
    "sagemaker:DescribeFeatureGroup",
    "sagemaker:DescribeFeatureMetadata",
    "sagemaker:GetRecord",
    "sagemaker:PutRecord",
    "sagemaker:UpdateFeatureGroup",
    "sagemaker:UpdateFeatureMetadata",
];

/// All of them, under the names that AWS prints.
pub(crate) static PERMISSIONS: [Permission; 4] = [
    Permission {
        name: "AWSRAMPermissionSageMakerCatalogResourceSearch",
        resource_type: "sagemaker:SagemakerCatalog",
        actions: &["sagemaker:Search"],
        is_default: true,
    },
    Permission {
        name: "AWSRAMPermissionSageMakerFeatureGroupReadOnly",
        resource_type: "sagemaker:FeatureGroup",
        actions: READ,
        is_default: true,
    },
    Permission {
        name: "AWSRAMPermissionSagemakerFeatureGroupAdmin",
        resource_type: "sagemaker:FeatureGroup",
        actions: ADMIN,
        is_default: false,
    },
    Permission {
        name: "AWSRAMPermissionSagemakerFeatureGroupReadWrite",
        resource_type: "sagemaker:FeatureGroup",
        actions: READ_WRITE,
        is_default: false,
    },
];

impl Permission {
    /// The permission with this name. AWS's own pages do not agree on the case of its letters.
    pub(crate) fn named(name: &str) -> Option<&'static Self> {
        let mut permissions = PERMISSIONS.iter();
        permissions.find(|known| known.name.eq_ignore_ascii_case(name))
    }

    /// The ARN.
    pub(crate) fn arn(&self) -> String {
        format!("arn:aws:ram::aws:permission/{}", self.name)
    }

    /// The template of the statements that follow from it.
    pub(crate) fn template(&self) -> serde_json::Value {
        serde_json::json!({ "Effect": "Allow", "Action": self.actions })
    }
}

/// The name in the ARN of a managed permission, if `arn` is one.
pub(crate) fn name_in(arn: &Arn) -> Option<&str> {
    let is_aws = arn.service() == "ram" && arn.account_text() == "aws" && arn.region().is_empty();
    arn.resource_of("permission").filter(|_| is_aws)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_has_one_default_permission() {
        for known in &TYPES {
            let defaults = PERMISSIONS.iter();
            let defaults = defaults.filter(|it| it.resource_type == known.name && it.is_default);
            assert_eq!(defaults.count(), 1, "{}", known.name);
        }
    }

    #[test]
    fn each_permission_gives_what_the_lesser_one_gives() {
        let gives = |more: &[&str], less: &[&str]| less.iter().all(|action| more.contains(action));
        assert!(gives(READ_WRITE, READ) && !gives(READ, READ_WRITE));
        assert!(gives(ADMIN, READ_WRITE) && !gives(READ_WRITE, ADMIN));
    }

    #[test]
    fn both_spellings_name_the_same_permission() {
        let named = |name| Permission::named(name).map(|it| it.name);
        let printed = named("AWSRAMPermissionSagemakerFeatureGroupAdmin");
        assert!(printed.is_some());
        assert_eq!(named("AWSRAMPermissionSageMakerFeatureGroupAdmin"), printed);
        assert_eq!(named("AWSRAMPermissionSageMakerFeatureGroup"), None);
    }
}
