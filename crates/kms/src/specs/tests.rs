//! Which combinations of spec, usage and origin a new key may have.

use types::ServiceError;

use super::*;

fn check(input: &CreateKeyRequest, expected: Result<KeyForm, (&str, &str)>) {
    let found = KeyForm::of_request(input);
    let found = found.map_err(|error| (error.code().into_owned(), error.public_message()));
    let expected = expected.map_err(|(code, message)| (code.to_owned(), message.to_owned()));
    assert_eq!(found, expected, "{input:?}");
}

fn request(spec: Option<shapes::kms::KeySpec>, usage: Option<KeyUsageType>) -> CreateKeyRequest {
    CreateKeyRequest {
        key_spec: spec,
        key_usage: usage,
        ..CreateKeyRequest::default()
    }
}

#[test]
fn symmetric_encryption_is_the_default() {
    check(&request(None, None), Ok(KeyForm::SYMMETRIC));
    let usage = Some(KeyUsageType::EncryptDecrypt);
    check(&request(None, usage), Ok(KeyForm::SYMMETRIC));
}

#[test]
fn the_deprecated_parameter_means_the_same() {
    let old = CreateKeyRequest {
        customer_master_key_spec: Some(CustomerMasterKeySpec::SymmetricDefault),
        ..CreateKeyRequest::default()
    };
    check(&old, Ok(KeyForm::SYMMETRIC));
    let both = CreateKeyRequest {
        key_spec: Some(shapes::kms::KeySpec::SymmetricDefault),
        ..old
    };
    let text = "You cannot specify KeySpec and CustomerMasterKeySpec in the same request. \
                CustomerMasterKeySpec is deprecated.";
    check(&both, Err(("ValidationException", text)));
}

/// The table of AWS's "Key spec reference": every spec with every usage.
#[test]
fn every_spec_has_the_usages_that_aws_gives_it() {
    use KeyUsageType::{
        EncapsulateDecapsulate, EncryptDecrypt, GenerateVerifyMac, KeyAgreement, SignVerify,
    };
    let all = [
        EncryptDecrypt,
        SignVerify,
        GenerateVerifyMac,
        KeyAgreement,
        EncapsulateDecapsulate,
    ];
    let mut possible = 0;
    for spec in KeySpec::ALL {
        let allowed: &[KeyUsageType] = match spec.as_str() {
            "SYMMETRIC_DEFAULT" => &[EncryptDecrypt],
            name if name.starts_with("HMAC_") => &[GenerateVerifyMac],
            name if name.starts_with("RSA_") => &[EncryptDecrypt, SignVerify],
            name if name.starts_with("ECC_NIST_P") => &[SignVerify, KeyAgreement],
            name if name.starts_with("ML_KEM_") => &[EncapsulateDecapsulate],
            _ => &[SignVerify],
        };
        for usage in all {
            let found = KeyForm::of_request(&request(spec.on_wire().0, Some(usage)));
            assert_eq!(found.is_ok(), allowed.contains(&usage), "{spec} {usage}");
            possible += usize::from(found.is_ok());
        }
    }
    assert_eq!((KeySpec::ALL.len(), possible), (19, 25));
}

#[test]
fn other_specs_need_a_usage() {
    let text = "You must specify a KeyUsage value for all KMS keys except for symmetric \
                encryption keys.";
    let input = request(Some(shapes::kms::KeySpec::Rsa2048), None);
    check(&input, Err(("ValidationException", text)));
}

#[test]
fn usages_that_do_not_go_with_the_spec_are_refused() {
    let text = "KeyUsage SIGN_VERIFY is not compatible with KeySpec SYMMETRIC_DEFAULT";
    let input = request(None, Some(KeyUsageType::SignVerify));
    check(&input, Err(("ValidationException", text)));
}

#[test]
fn sm2_is_answered_as_in_a_region_that_lacks_it() {
    let input = request(
        Some(shapes::kms::KeySpec::Sm2),
        Some(KeyUsageType::SignVerify),
    );
    let text = "the key spec SM2 is not supported";
    check(&input, Err(("UnsupportedOperationException", text)));
    assert!(data_key_pair(DataKeyPairSpec::Sm2).is_err());
}

#[test]
fn material_of_some_specs_cannot_be_imported() {
    for spec in KeySpec::ALL {
        let input = CreateKeyRequest {
            origin: Some(OriginType::External),
            ..request(spec.on_wire().0, Some(spec.usages()[0].on_wire()))
        };
        let refused = ["ECC_NIST_EDWARDS25519", "ML_"];
        let refused = refused.iter().any(|name| spec.as_str().starts_with(name));
        assert_eq!(KeyForm::of_request(&input).is_err(), refused, "{spec}");
    }
}

#[test]
fn a_key_store_and_an_external_key_go_with_their_origins_only() {
    let in_store = |origin, external: Option<&str>| CreateKeyRequest {
        custom_key_store_id: Some("cks-1".to_owned()),
        xks_key_id: external.map(str::to_owned),
        origin,
        ..CreateKeyRequest::default()
    };
    let form = |origin| KeyForm {
        origin,
        ..KeyForm::SYMMETRIC
    };
    let token = in_store(Some(OriginType::AwsCloudhsm), None);
    check(&token, Ok(form(KeyOrigin::AwsCloudhsm)));
    let external = in_store(Some(OriginType::ExternalKeyStore), Some("one"));
    check(&external, Ok(form(KeyOrigin::ExternalKeyStore)));
    let text = "CustomKeyStoreId must be given with the origins AWS_CLOUDHSM and \
                EXTERNAL_KEY_STORE, and with no other";
    check(&in_store(None, None), Err(("ValidationException", text)));
    let nowhere = CreateKeyRequest {
        custom_key_store_id: None,
        ..token.clone()
    };
    check(&nowhere, Err(("ValidationException", text)));
    let text = "XksKeyId must be given with the origin EXTERNAL_KEY_STORE, and with no other";
    let both = in_store(Some(OriginType::AwsCloudhsm), Some("one"));
    check(&both, Err(("ValidationException", text)));
    let none = in_store(Some(OriginType::ExternalKeyStore), None);
    check(&none, Err(("ValidationException", text)));
    let multi_region = CreateKeyRequest {
        multi_region: Some(true),
        ..token
    };
    let text = "a multi-Region key in a custom key store is not supported";
    check(&multi_region, Err(("UnsupportedOperationException", text)));
}

#[test]
fn only_the_algorithms_of_the_usage_are_listed() {
    let signing = Algorithms::of(KeySpec::Rsa2048, KeyUsage::SignVerify);
    assert_eq!(signing.signing.map(|list| list.len()), Some(6));
    assert!(signing.encryption.is_none());
    let encryption = Algorithms::of(KeySpec::Rsa2048, KeyUsage::EncryptDecrypt);
    assert!(encryption.signing.is_none() && encryption.encryption.is_some());
    let agreement = Algorithms::of(KeySpec::EccNistP256, KeyUsage::KeyAgreement);
    assert!(agreement.signing.is_none() && agreement.agreement.is_some());
}
