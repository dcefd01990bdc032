//! Which grants may be made.

use std::collections::BTreeSet;

use shapes::kms::{CreateGrantRequest, GrantOperation};

use super::constraints::Constraints;
use super::record::GrantedOperation;
use crate::Error;
use crate::records::{KeyRecord, KeySpec, KeyUsage};
use crate::specs::Family;

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
    if constraints.context.is_some() && !has_context {
        let text = "EncryptionContext is supported only when creating a grant for a symmetric \
                    encryption KMS key.";
        return Err(Error::Validation(text.into()));
    }
    let foreign = operations.iter();
    let foreign: Vec<_> = foreign.filter(|one| !of_key.contains(one)).collect();
    if foreign.is_empty() {
        return Ok(());
    }
    let family = match key.spec.family() {
        Family::Pair(_) => "an asymmetric",
        Family::Symmetric | Family::Mac(_) => "a symmetric",
    };
    let text = format!(
        "Operations [{}] are not supported when creating a grant for {family} KMS key with key usage \
         {}. Valid operations are [{}]",
        listed(foreign),
        key.usage,
        listed(of_key)
    );
    Err(Error::Validation(text.into()))
}

fn listed<'a>(operations: impl IntoIterator<Item = &'a GrantedOperation>) -> String {
    let names = operations.into_iter().map(|operation| operation.as_str());
    names.collect::<Vec<_>>().join(", ")
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
