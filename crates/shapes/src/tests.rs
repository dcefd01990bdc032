//! The generated modules as a whole: patterns compile, tables are complete and sorted.

use types::Service;

use crate::generated::{PATTERNS, SERVICES};
use crate::{Location, Protocol, Test, operation, service_model};

#[test]
fn every_expression_compiles() {
    let mut expressions = 0;
    for pattern in PATTERNS.iter().copied().flatten() {
        let (Test::Regex(regex) | Test::WordsOr(_, regex)) = &pattern.test else {
            continue;
        };
        assert!(regex.is_some(), "{}", pattern.text);
        expressions += 1;
    }
    assert!(expressions > 5);
}

#[test]
fn the_tables_can_be_searched() {
    for service in SERVICES {
        assert!(service.operations.is_sorted_by_key(|model| model.name));
        assert!(service.known.is_sorted_by_key(|known| known.name));
        for model in service.operations {
            let found = operation(service.service, model.name).unwrap();
            assert_eq!(found.name, model.name);
            assert!(service.known(model.name).unwrap().generated);
        }
        let generated = service.known.iter().filter(|known| known.generated);
        assert_eq!(generated.count(), service.operations.len());
    }
}

#[test]
fn every_service_of_aws_has_a_model() {
    for service in Service::ALL {
        let has_model = service_model(service).is_some();
        assert_eq!(has_model, service != Service::Strongroom, "{service:?}");
    }
}

#[test]
fn what_aws_has_and_we_lack_is_known() {
    let kms = service_model(Service::Kms).unwrap();
    assert!(!kms.known("ReEncrypt").unwrap().generated);
    assert!(kms.operation("ReEncrypt").is_none());
    assert!(kms.known("MakeCoffee").is_none());
}

#[test]
fn protocols_carry_their_own_facts() {
    let kms = service_model(Service::Kms).unwrap();
    assert_eq!(kms.protocol, Protocol::Json);
    assert_eq!(kms.target_prefix, Some("TrentService"));
    let iam = service_model(Service::Iam).unwrap();
    assert_eq!(iam.protocol, Protocol::Query);
    assert_eq!(iam.api_version, "2010-05-08");
    assert_eq!(
        iam.xml_namespace,
        Some("https://iam.amazonaws.com/doc/2010-05-08/")
    );
    let create_user = iam.operation("CreateUser").unwrap();
    assert_eq!(create_user.result_wrapper, Some("CreateUserResult"));
    assert!(!iam.operation("DeleteUser").unwrap().has_output);
}

#[test]
fn rest_members_say_where_they_travel() {
    let get_record = operation(Service::FeatureStoreRuntime, "GetRecord").unwrap();
    let binding = |member| {
        let mut bindings = get_record.bindings.iter();
        bindings.find(|binding| binding.member == member).unwrap()
    };
    assert_eq!(binding("FeatureGroupName").location, Location::Uri);
    let names = binding("FeatureNames");
    assert_eq!(
        (names.location, names.name),
        (Location::Query, "FeatureName")
    );
    assert!(names.list);
}

fn check_status(service: Service, code: &str, status: u16) {
    let model = service_model(service).unwrap();
    assert_eq!(model.error(code).unwrap().status(), status, "{code}");
}

#[test]
fn errors_have_the_modelled_or_the_usual_status() {
    check_status(Service::Iam, "NoSuchEntity", 404);
    check_status(Service::FeatureStoreRuntime, "AccessForbidden", 403);
    check_status(Service::Kms, "NotFoundException", 400);
    check_status(Service::Kms, "KMSInternalException", 500);
    check_status(Service::SageMaker, "ResourceInUse", 400);
}
