//! In which regions calls are accepted: those of the configuration, and one for what has none.

use types::{Region, Service};
use wire::Envelope;
use wire::sigv4::Scope;

/// Those of our own operations that are not about a region of the configuration.
const OF_THE_DEPLOYMENT: [&str; 5] = [
    "CreateBackup",
    "ExplainRequest",
    "RewrapSeal",
    "RotateRootKey",
    "SealServer",
];

/// The region of a scope, if a deployment with `regions` may answer for it.
pub(super) fn of_scope(scope: &Scope<'_>, regions: &[Region]) -> Option<Region> {
    let mut configured = regions.iter();
    if let Some(region) = configured.find(|region| region.as_str() == scope.region()) {
        return Some(region.clone());
    }
    let global = matches!(
        scope.service(),
        "iam" | "sts" | "organizations" | "cloudtrail" | "strongroom"
    );
    (global && scope.region() == Region::GLOBAL).then(Region::global)
}

/// Whether what is called is in `region`, which [`of_scope`] has let pass: our own service has
/// operations of both kinds.
pub(super) fn has(envelope: &Envelope<'_>, region: &Region, regions: &[Region]) -> bool {
    let operation = envelope.operation();
    envelope.service() != Service::Strongroom
        || regions.contains(region)
        || operation.is_some_and(|name| OF_THE_DEPLOYMENT.contains(&name))
}

#[cfg(test)]
mod tests {
    use http::request::Parts;
    use wire::sigv4::Unverified;

    use super::*;

    /// The head of a call of `target` that is signed for `service` in `region`.
    fn head(service: &str, region: &str, target: &str) -> Parts {
        let scope = format!("20260101/{region}/{service}/aws4_request");
        let signature = format!(
            "AWS4-HMAC-SHA256 Credential=AKIAEXAMPLEEXAMPLE23/{scope}, \
             SignedHeaders=host;x-amz-date;x-amz-target, Signature={}",
            "0".repeat(64)
        );
        let request = http::Request::post("/")
            .header("host", "localhost")
            .header("content-type", "application/x-amz-json-1.1")
            .header("x-amz-date", "20260101T000000Z")
            .header("x-amz-target", target)
            .header("authorization", signature);
        request.body(()).unwrap().into_parts().0
    }

    fn regions() -> Vec<Region> {
        vec!["eu-west-3".parse().unwrap(), "eu-west-1".parse().unwrap()]
    }

    fn check(service: &str, region: &str, expected: Option<&str>) {
        let head = head(service, region, "x");
        let signature = Unverified::from_request(&head).unwrap();
        let found = of_scope(signature.scope(), &regions());
        assert_eq!(
            found.as_ref().map(Region::as_str),
            expected,
            "{service} {region}"
        );
    }

    #[test]
    fn calls_are_in_the_regions_of_the_configuration() {
        for service in ["kms", "sagemaker", "iam", "strongroom"] {
            check(service, "eu-west-1", Some("eu-west-1"));
            check(service, "eu-west-2", None);
        }
    }

    #[test]
    fn services_without_a_region_are_signed_for_one_more_and_no_others_are() {
        for service in ["iam", "sts", "organizations", "cloudtrail", "strongroom"] {
            check(service, "us-east-1", Some("us-east-1"));
            check(service, "us-west-2", None);
        }
        for service in ["kms", "sagemaker", "ram", "s3", "anything"] {
            check(service, "us-east-1", None);
        }
    }

    #[test]
    fn what_is_about_a_region_is_not_called_in_the_one_that_is_only_signed_for() {
        let called = |service: &str, target: &str| {
            let head = head(service, "us-east-1", target);
            let signature = Unverified::from_request(&head).unwrap();
            let region = of_scope(signature.scope(), &regions()).unwrap();
            let envelope = Envelope::from_request(&head, signature.scope()).unwrap();
            has(&envelope, &region, &regions())
        };
        assert!(called("strongroom", "Strongroom.SealServer"));
        assert!(!called("strongroom", "Strongroom.CreateBucket"));
        assert!(called(
            "organizations",
            "AWSOrganizationsV20161128.ListRoots"
        ));
    }
}
