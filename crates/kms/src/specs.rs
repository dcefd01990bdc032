//! Key specs and usages: which go together at AWS, and which of them exist here.

use shapes::kms::{CreateKeyRequest, KeySpec, KeyUsageType, OriginType};

use crate::Error;

/// Checks what a new key is to be.
///
/// Fails with `ValidationException` where AWS would refuse the combination, and with
/// `UnsupportedOperationException` for keys that AWS has and this deployment does not.
pub(crate) fn check_supported(input: &CreateKeyRequest) -> Result<(), Error> {
    let spec = spec(input)?;
    let usage = match (input.key_usage, spec) {
        (Some(usage), _) => usage,
        (None, KeySpec::SymmetricDefault) => KeyUsageType::EncryptDecrypt,
        (None, _) => {
            let text = "You must specify a KeyUsage value for all KMS keys except for symmetric \
                        encryption keys.";
            return Err(Error::Validation(text.into()));
        }
    };
    if !usages(spec).contains(&usage) {
        let text = format!("KeyUsage {usage} is not compatible with KeySpec {spec}");
        return Err(Error::Validation(text.into()));
    }
    if spec != KeySpec::SymmetricDefault {
        return Err(Error::Unsupported(format!("the key spec {spec}").into()));
    }
    let origin = input.origin.unwrap_or(OriginType::AwsKms);
    if origin != OriginType::AwsKms {
        return Err(Error::Unsupported(
            format!("the key origin {origin}").into(),
        ));
    }
    if input.multi_region == Some(true) {
        return Err(Error::Unsupported("a multi-Region key".into()));
    }
    if input.custom_key_store_id.is_some() || input.xks_key_id.is_some() {
        return Err(Error::Unsupported("a custom key store".into()));
    }
    Ok(())
}

/// The spec, from the parameter or its deprecated synonym.
fn spec(input: &CreateKeyRequest) -> Result<KeySpec, Error> {
    match (input.key_spec, input.customer_master_key_spec) {
        (Some(_), Some(_)) => {
            let text = "You cannot specify KeySpec and CustomerMasterKeySpec in the same \
                        request. CustomerMasterKeySpec is deprecated.";
            Err(Error::Validation(text.into()))
        }
        (Some(spec), None) => Ok(spec),
        (None, Some(old)) => old.as_str().parse().map_err(|source| {
            Error::internal("a deprecated key spec has no current counterpart", source)
        }),
        (None, None) => Ok(KeySpec::SymmetricDefault),
    }
}

/// What keys of a spec may be for (contract §3).
fn usages(spec: KeySpec) -> &'static [KeyUsageType] {
    use KeyUsageType::{
        EncapsulateDecapsulate, EncryptDecrypt, GenerateVerifyMac, KeyAgreement, SignVerify,
    };
    match spec {
        KeySpec::SymmetricDefault => &[EncryptDecrypt],
        KeySpec::Hmac224 | KeySpec::Hmac256 | KeySpec::Hmac384 | KeySpec::Hmac512 => {
            &[GenerateVerifyMac]
        }
        KeySpec::Rsa2048 | KeySpec::Rsa3072 | KeySpec::Rsa4096 => &[EncryptDecrypt, SignVerify],
        KeySpec::EccNistP256 | KeySpec::EccNistP384 | KeySpec::EccNistP521 => {
            &[SignVerify, KeyAgreement]
        }
        KeySpec::EccSecgP256k1
        | KeySpec::EccNistEdwards25519
        | KeySpec::MlDsa44
        | KeySpec::MlDsa65
        | KeySpec::MlDsa87 => &[SignVerify],
        KeySpec::Sm2 => &[EncryptDecrypt, SignVerify, KeyAgreement],
        KeySpec::MlKem512 | KeySpec::MlKem768 | KeySpec::MlKem1024 => &[EncapsulateDecapsulate],
    }
}

#[cfg(test)]
mod tests {
    use shapes::kms::CustomerMasterKeySpec;
    use types::ServiceError;

    use super::*;

    fn check(input: &CreateKeyRequest, expected: Result<(), (&str, &str)>) {
        let found = check_supported(input);
        let found = found.map_err(|error| (error.code().into_owned(), error.public_message()));
        let expected = expected.map_err(|(code, message)| (code.to_owned(), message.to_owned()));
        assert_eq!(found, expected, "{input:?}");
    }

    fn request() -> CreateKeyRequest {
        CreateKeyRequest::default()
    }

    #[test]
    fn symmetric_encryption_is_the_default() {
        check(&request(), Ok(()));
        let usage = Some(KeyUsageType::EncryptDecrypt);
        check(
            &CreateKeyRequest {
                key_usage: usage,
                ..request()
            },
            Ok(()),
        );
    }

    #[test]
    fn the_deprecated_parameter_means_the_same() {
        let old = Some(CustomerMasterKeySpec::SymmetricDefault);
        check(
            &CreateKeyRequest {
                customer_master_key_spec: old,
                ..request()
            },
            Ok(()),
        );
        let both = CreateKeyRequest {
            customer_master_key_spec: old,
            key_spec: Some(KeySpec::SymmetricDefault),
            ..request()
        };
        let text = "You cannot specify KeySpec and CustomerMasterKeySpec in the same request. \
                    CustomerMasterKeySpec is deprecated.";
        check(&both, Err(("ValidationException", text)));
    }

    #[test]
    fn other_specs_need_a_usage() {
        let text = "You must specify a KeyUsage value for all KMS keys except for symmetric \
                    encryption keys.";
        let input = CreateKeyRequest {
            key_spec: Some(KeySpec::Rsa2048),
            ..request()
        };
        check(&input, Err(("ValidationException", text)));
    }

    #[test]
    fn usages_that_do_not_go_with_the_spec_are_refused() {
        let text = "KeyUsage SIGN_VERIFY is not compatible with KeySpec SYMMETRIC_DEFAULT";
        let usage = Some(KeyUsageType::SignVerify);
        let input = CreateKeyRequest {
            key_usage: usage,
            ..request()
        };
        check(&input, Err(("ValidationException", text)));
    }

    #[test]
    fn what_is_not_built_is_said_to_be_unsupported() {
        let unsupported = |input: CreateKeyRequest, what: &str| {
            let text = format!("{what} is not supported");
            check(&input, Err(("UnsupportedOperationException", &text)));
        };
        let rsa = CreateKeyRequest {
            key_spec: Some(KeySpec::Rsa2048),
            key_usage: Some(KeyUsageType::SignVerify),
            ..request()
        };
        unsupported(rsa, "the key spec RSA_2048");
        let external = Some(OriginType::External);
        unsupported(
            CreateKeyRequest {
                origin: external,
                ..request()
            },
            "the key origin EXTERNAL",
        );
        let multi = Some(true);
        unsupported(
            CreateKeyRequest {
                multi_region: multi,
                ..request()
            },
            "a multi-Region key",
        );
        let store = Some("cks-1".to_owned());
        let input = CreateKeyRequest {
            custom_key_store_id: store,
            ..request()
        };
        unsupported(input, "a custom key store");
        let xks = Some("key".to_owned());
        unsupported(
            CreateKeyRequest {
                xks_key_id: xks,
                ..request()
            },
            "a custom key store",
        );
    }
}
