//! What the operations that encrypt and decrypt have in common.

use pipeline::{Ctx, Operation as _};
use shapes::kms::{DataKeySpec, EncryptionAlgorithmSpec, RecipientInfo};
use store::{AnyTable, Revision, Snapshot, View};
use types::{Arn, Timestamp};
use zeroize::Zeroizing;

use crate::context::{self, EncryptionContext};
use crate::grants::record::GRANTS;
use crate::identifiers::KeyTarget;
use crate::key_stores::KEY_STORES;
use crate::records::{KEYS, KeyOrigin, KeyRow, KeyUsage, revision_in, row_at};
use crate::uses::{Demand, check_algorithm, key_for};
use crate::{Decrypt, Error, GenerateDataKey, GenerateDataKeyWithoutPlaintext, state, uses};

/// What decides whether a cryptographic call may go on once it is allowed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Checks<'a> {
    /// The operation, as the matrix of key states names it.
    pub(crate) operation: &'static str,
    pub(crate) algorithm: Option<EncryptionAlgorithmSpec>,
    pub(crate) context: Option<&'a EncryptionContext>,
    pub(crate) grant_tokens: Option<&'a [String]>,
}

/// The key of a cryptographic call, which its state and usage allow, as they do the call's
/// algorithm and encryption context.
pub(crate) fn usable_key<'a>(
    ctx: &Ctx,
    target: &'a KeyTarget,
    checks: Checks<'_>,
) -> Result<&'a KeyRow, Error> {
    let demand = Demand {
        operation: checks.operation,
        usage: KeyUsage::EncryptDecrypt,
        grant_tokens: checks.grant_tokens,
    };
    let key = key_for(ctx, target, demand)?;
    let algorithm = checks.algorithm.unwrap_or(DEFAULT_ALGORITHM);
    let algorithms = key.record.spec.encryption_algorithms();
    if is_of_data_keys(checks.operation) && !algorithms.contains(&algorithm) {
        return Err(Error::AsymmetricDataKey);
    }
    check_algorithm(key, algorithms, algorithm, algorithm.as_str())?;
    if let Some(context) = checks.context {
        context::check(context, algorithm)?;
    }
    Ok(key)
}

/// Whether `operation` makes data keys, for which AWS has a text of its own. Those that make pairs do
/// not count.
fn is_of_data_keys(operation: &str) -> bool {
    [GenerateDataKey::NAME, GenerateDataKeyWithoutPlaintext::NAME].contains(&operation)
}

/// What encrypts when the caller names no algorithm.
pub(crate) const DEFAULT_ALGORITHM: EncryptionAlgorithmSpec =
    EncryptionAlgorithmSpec::SymmetricDefault;

/// Whether the key at `arn` can encrypt and decrypt now.
///
/// For services that keep data under the key. Returns the commit that wrote the key's row as
/// it is now: what was unwrapped under it may be used for as long as that stays the same.
/// Fails with KMS's own error: `NotFoundException`, `DisabledException` or
/// `KMSInvalidStateException`, the last for imported material that has ended by `now`, too.
pub fn usable(view: &View, arn: &Arn, now: Timestamp) -> Result<Revision, Error> {
    let missing = || Error::KeyNotFound { arn: arn.clone() };
    let row = row_at(arn).ok_or_else(missing)?;
    // Asked for every record that is read: what is here and as it is stored is looked at in place.
    if let Some(key) = view.get(&KEYS, &row)
        && key.record.held.is_none()
        && key.record.state_at(now) == key.record.state
    {
        if !key.record.is_at(arn) {
            return Err(missing());
        }
        state::check(key.record, Decrypt::NAME)?;
        return Ok(key.revision);
    }
    let key = KeyRow::at(view, arn).ok_or_else(missing)?;
    let key = key.seen_at(now);
    state::check(&key.record, Decrypt::NAME)?;
    Ok(key.revision)
}

/// The commit that wrote the key at `arn` as it is now, or the custom key store that holds it,
/// whatever its state; `None` if there is no such key.
pub fn key_revision(snapshot: &Snapshot, arn: &Arn) -> Option<Revision> {
    revision_in(snapshot, &row_at(arn)?)
}

/// Whether the key at `arn` is in a custom key store: what was unwrapped under it may be used for
/// a short time only, since its owner can take it away without a word here.
pub fn is_held_outside(view: &View, arn: &Arn) -> bool {
    KeyRow::at(view, arn).is_some_and(|key| key.record.held.is_some())
}

/// The id of the custom key store that the key at `arn` is in, if it is in one.
pub fn store_of(view: &View, arn: &Arn) -> Option<String> {
    let key = KeyRow::at(view, arn)?;
    let held = key.record.held.as_ref();
    held.map(|held| held.store.to_string())
}

/// Whether the material of the key at `arn` was made here and is only here: what its owner may do to
/// it, the owner tells KMS, and KMS alone. Imported material and custom key stores have an owner's
/// own ways of taking away.
pub fn is_made_here(view: &View, arn: &Arn) -> bool {
    let key = KeyRow::at(view, arn);
    key.is_some_and(|key| key.record.origin == KeyOrigin::AwsKms && key.record.held.is_none())
}

/// The last change of any key, key policy, grant or key store: as long as it stays the same, so
/// do the rights that they give, and whether keys can be used.
pub fn rights_changed(snapshot: &Snapshot) -> Revision {
    let tables: [&dyn AnyTable; 3] = [&KEYS, &GRANTS, &KEY_STORES];
    let changed = tables.map(|table| snapshot.table_changed(table));
    changed.into_iter().max().unwrap_or_default()
}

/// Refuses attestation: there is no authority here whose documents could be verified.
pub(crate) fn no_recipient(recipient: Option<&RecipientInfo>) -> Result<(), Error> {
    if recipient.is_none() {
        return Ok(());
    }
    let text = "the attestation document of Recipient could not be verified";
    Err(Error::Validation(text.into()))
}

/// Ends a call whose `DryRun` is set where it would have succeeded.
pub(crate) fn end_dry_run(dry_run: Option<bool>) -> Result<(), Error> {
    if dry_run == Some(true) {
        Err(Error::DryRun)
    } else {
        Ok(())
    }
}

/// The length of the data key that a caller asks for.
///
/// Fails with `ValidationException` unless exactly one of the two says it.
pub(crate) fn data_key_length(
    spec: Option<DataKeySpec>,
    bytes: Option<i32>,
) -> Result<usize, Error> {
    let either = || Error::Validation("Please specify either number of bytes or key spec.".into());
    match (spec, bytes) {
        (Some(DataKeySpec::Aes256), None) => Ok(32),
        (Some(DataKeySpec::Aes128), None) => Ok(16),
        (None, Some(bytes)) => usize::try_from(bytes).map_err(|_negative| either()),
        (None, None) | (Some(_), Some(_)) => Err(either()),
    }
}

/// A new data key and its encrypted form.
pub(crate) struct DataKey {
    pub(crate) plaintext: Zeroizing<Vec<u8>>,
    pub(crate) blob: Vec<u8>,
}

impl DataKey {
    /// Draws a data key of `length` bytes, which `encrypt` encrypts.
    pub(crate) fn draw(
        ctx: &Ctx,
        length: usize,
        encrypt: impl FnOnce(&[u8]) -> Result<Vec<u8>, Error>,
    ) -> Result<Self, Error> {
        let mut plaintext = Zeroizing::new(vec![0; length]);
        ctx.entropy().fill(&mut plaintext);
        let blob = encrypt(&plaintext)?;
        Ok(Self { plaintext, blob })
    }
}

/// Draws a data key of `length` bytes and encrypts it under `key` for `operation`.
pub(crate) async fn data_key(
    ctx: &Ctx,
    (key, operation): (&KeyRow, &'static str),
    context: &EncryptionContext,
    length: usize,
) -> Result<DataKey, Error> {
    let mut plaintext = Zeroizing::new(vec![0; length]);
    ctx.entropy().fill(&mut plaintext);
    let blob = uses::encrypt_symmetric(ctx, (key, operation), context, &plaintext).await?;
    Ok(DataKey { plaintext, blob })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_length(spec: Option<DataKeySpec>, bytes: Option<i32>, expected: Option<usize>) {
        assert_eq!(
            data_key_length(spec, bytes).ok(),
            expected,
            "{spec:?} {bytes:?}"
        );
    }

    #[test]
    fn exactly_one_parameter_gives_the_length() {
        check_length(Some(DataKeySpec::Aes256), None, Some(32));
        check_length(Some(DataKeySpec::Aes128), None, Some(16));
        check_length(None, Some(1), Some(1));
        check_length(None, Some(1024), Some(1024));
        check_length(None, None, None);
        check_length(Some(DataKeySpec::Aes256), Some(32), None);
    }
}
