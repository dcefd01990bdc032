//! Which grants may be made.

use std::collections::BTreeSet;

use shapes::kms::{CreateGrantRequest, GrantOperation};

use super::constraints::Constraints;
use super::record::GrantedOperation;
use crate::Error;
use crate::records::{KeyRecord, KeySpec, KeyUsage};

/// The operations that a caller asks for.
///
/// Fails with `ValidationException` if there are none.
pub(crate) fn operations(asked: &[GrantOperation]) -> Result<BTreeSet<GrantedOperation>, Error> {
    let known = asked.iter().map(|operation| {
        GrantedOperation::of_action(operation.as_str())
            .ok_or_else(|| Error::broken("an operation of the service model is not known"))
    });
    let operations: BTreeSet<_> = known.collect::<Result<_, _>>()?;
    if operations.is_empty() {
        return Err(Error::constraint(
            "'[]'",
            "operations",
            "Member must have length greater than or equal to 1",
        ));
    }
    Ok(operations)
}

/// Checks that the parameters name one grantee, at most one retiring principal, and of a
/// service what a grant for it needs.
///
/// Fails with `ValidationException`.
pub(crate) fn check_parties(input: &CreateGrantRequest) -> Result<(), Error> {
    let invalid = |text: &'static str| Err(Error::Validation(text.into()));
    let retiring = (
        input.retiring_principal.is_some(),
        input.retiring_service_principal.is_some(),
    );
    match (&input.grantee_principal, &input.grantee_service_principal) {
        (Some(_), Some(_)) | (None, None) => {
            return invalid("Specify either GranteePrincipal or GranteeServicePrincipal");
        }
        (Some(_), None) => {}
        (None, Some(_)) => {
            let constraints = input.constraints.as_ref();
            if constraints.is_none_or(|constraints| constraints.source_arn.is_none()) {
                return invalid("A grant for a service needs a SourceArn constraint");
            }
            if retiring == (false, false) {
                return invalid(
                    "A grant for a service needs a RetiringPrincipal or a \
                     RetiringServicePrincipal",
                );
            }
        }
    }
    if retiring == (true, true) {
        return invalid("Specify either RetiringPrincipal or RetiringServicePrincipal, not both");
    }
    Ok(())
}

/// Checks that keys like `key` have all `operations` and can be constrained so.
///
/// Fails with `ValidationException`.
pub(crate) fn check_key(
    key: &KeyRecord,
    operations: &BTreeSet<GrantedOperation>,
    constraints: &Constraints,
) -> Result<(), Error> {
    let (of_key, has_context) = of_key(key);
    let mut foreign = operations.iter();
    if let Some(foreign) = foreign.find(|operation| !of_key.contains(operation)) {
        let text = format!(
            "{foreign} is not an operation of keys with spec {} and usage {}",
            key.spec, key.usage
        );
        return Err(Error::Validation(text.into()));
    }
    if constraints.context.is_some() && !has_context {
        let text = "Only grants on symmetric encryption keys constrain the encryption context";
        return Err(Error::Validation(text.into()));
    }
    Ok(())
}

/// The operations of grants on keys like `key`, and whether they have encryption contexts.
fn of_key(key: &KeyRecord) -> (&'static [GrantedOperation], bool) {
    use GrantedOperation::{
        CreateGrant, Decapsulate, Decrypt, DeriveSharedSecret, DescribeKey, Encapsulate, Encrypt,
        GenerateDataKey, GenerateDataKeyPair, GenerateDataKeyPairWithoutPlaintext,
        GenerateDataKeyWithoutPlaintext, GenerateMac, GetPublicKey, ReEncryptFrom, ReEncryptTo,
        RetireGrant, Sign, Verify, VerifyMac,
    };
    let operations: &[GrantedOperation] = match (key.spec, key.usage) {
        (KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt) => &[
            Decrypt,
            Encrypt,
            GenerateDataKey,
            GenerateDataKeyWithoutPlaintext,
            GenerateDataKeyPair,
            GenerateDataKeyPairWithoutPlaintext,
            ReEncryptFrom,
            ReEncryptTo,
            CreateGrant,
            RetireGrant,
            DescribeKey,
        ],
        (_, KeyUsage::EncryptDecrypt) => &[
            Decrypt,
            Encrypt,
            ReEncryptFrom,
            ReEncryptTo,
            GetPublicKey,
            CreateGrant,
            RetireGrant,
            DescribeKey,
        ],
        (_, KeyUsage::SignVerify) => &[
            Sign,
            Verify,
            GetPublicKey,
            CreateGrant,
            RetireGrant,
            DescribeKey,
        ],
        (_, KeyUsage::GenerateVerifyMac) => &[
            GenerateMac,
            VerifyMac,
            CreateGrant,
            RetireGrant,
            DescribeKey,
        ],
        (_, KeyUsage::KeyAgreement) => &[
            DeriveSharedSecret,
            GetPublicKey,
            CreateGrant,
            RetireGrant,
            DescribeKey,
        ],
        (_, KeyUsage::EncapsulateDecapsulate) => &[
            Encapsulate,
            Decapsulate,
            GetPublicKey,
            CreateGrant,
            RetireGrant,
            DescribeKey,
        ],
    };
    (operations, key.spec == KeySpec::SymmetricDefault)
}
