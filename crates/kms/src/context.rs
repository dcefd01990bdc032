//! Encryption contexts: their canonical form and the condition keys made of them.

use std::collections::BTreeMap;

use pipeline::KeySet;
use shapes::kms::EncryptionAlgorithmSpec;
use types::differ_in_case_only;

use crate::Error;

/// An encryption context: pairs of text, bound to a ciphertext and shown in policies and
/// records. No context and an empty one are the same.
pub type EncryptionContext = BTreeMap<String, String>;

/// Bytes that the keys and values of a context may have.
pub(crate) const MOST_BYTES: usize = 8192;

/// The bytes that a context adds to a ciphertext's associated data.
///
/// The number of pairs, then every key and value behind its length, in the order of the
/// keys' UTF-8 bytes: independent of how the caller ordered them, and different for
/// different contexts. Numbers are 8 bytes, big-endian.
///
/// Fails as [`check`] does.
pub(crate) fn canonical(context: &EncryptionContext) -> Result<Vec<u8>, Error> {
    check(context, EncryptionAlgorithmSpec::SymmetricDefault)?;
    let text: usize = context
        .iter()
        .map(|(key, value)| key.len() + value.len() + 16)
        .sum();
    let mut bytes = Vec::with_capacity(8 + text);
    push_number(&mut bytes, context.len());
    for part in context.iter().flat_map(|(key, value)| [key, value]) {
        push_number(&mut bytes, part.len());
        bytes.extend_from_slice(part.as_bytes());
    }
    Ok(bytes)
}

/// Checks that `context` can be bound by `algorithm`.
///
/// Fails with `ValidationException` for keys that differ in case only: condition keys do not
/// tell them apart, so no policy could say which of their values it decides on. For more than
/// 8,192 bytes of keys and values. And for any context if the algorithm is none of symmetric encryption, which alone binds it.
pub(crate) fn check(
    context: &EncryptionContext,
    algorithm: EncryptionAlgorithmSpec,
) -> Result<(), Error> {
    let invalid = |text: &'static str| Err(Error::Validation(text.into()));
    if algorithm != EncryptionAlgorithmSpec::SymmetricDefault && !context.is_empty() {
        return invalid(
            "EncryptionContext is not supported when encrypting/decrypting with asymmetric CMKs.",
        );
    }
    check_size(context)?;
    if differ_in_case_only(context.keys().map(String::as_str)) {
        return invalid("the encryption context has keys that differ in case only");
    }
    Ok(())
}

/// Checks that a decision may look at `context`: whatever the caller sends, policies and grants are
/// asked about a bounded number of pairs.
///
/// Fails with `ValidationException` for more than 8,192 bytes of keys and values.
fn check_size(context: &EncryptionContext) -> Result<(), Error> {
    let pairs = context.iter();
    let bytes: usize = pairs.map(|(key, value)| key.len() + value.len()).sum();
    if bytes > MOST_BYTES {
        let text = "the encryption context has more than 8192 bytes";
        return Err(Error::Validation(text.into()));
    }
    Ok(())
}

fn push_number(bytes: &mut Vec<u8>, number: usize) {
    let number = u64::try_from(number).unwrap_or(u64::MAX);
    bytes.extend_from_slice(&number.to_be_bytes());
}

/// The condition keys of a cryptographic call under `context`: `kms:EncryptionContext:<key>`,
/// `kms:EncryptionContextKeys` and `kms:EncryptionAlgorithm`, which AWS sets even when the
/// caller leaves the algorithm out.
pub fn encryption_context_keys(context: &EncryptionContext) -> KeySet {
    keys_of(Some(context), None)
}

/// The condition keys of a cryptographic call, which is decided by them.
///
/// Fails with `ValidationException` for a context of more than 8,192 bytes.
pub(crate) fn cryptographic_keys(
    context: Option<&EncryptionContext>,
    algorithm: Option<EncryptionAlgorithmSpec>,
) -> Result<KeySet, Error> {
    if let Some(context) = context {
        check_size(context)?;
    }
    Ok(keys_of(context, algorithm))
}

fn keys_of(
    context: Option<&EncryptionContext>,
    algorithm: Option<EncryptionAlgorithmSpec>,
) -> KeySet {
    let algorithm = algorithm.unwrap_or(EncryptionAlgorithmSpec::SymmetricDefault);
    let keys = KeySet::default().one("kms:encryptionalgorithm", algorithm.as_str());
    let Some(context) = context else {
        return keys;
    };
    keys.map("kms:encryptioncontext", context).many(
        "kms:encryptioncontextkeys",
        context.keys().cloned().collect(),
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn context(pairs: &[(&str, &str)]) -> EncryptionContext {
        pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn pairs_are_sorted_and_prefixed_by_their_lengths() {
        let mut expected = vec![0, 0, 0, 0, 0, 0, 0, 2];
        for part in ["a", "xy", "b", ""] {
            expected.extend_from_slice(&u64::try_from(part.len()).unwrap().to_be_bytes());
            expected.extend_from_slice(part.as_bytes());
        }
        let form = canonical(&context(&[("b", ""), ("a", "xy")]));
        assert_eq!(form.unwrap(), expected);
    }

    #[test]
    fn keys_that_differ_in_case_only_are_refused() {
        for pairs in [[("team", "a"), ("Team", "b")], [("é", "a"), ("É", "a")]] {
            let refused = canonical(&context(&pairs));
            assert!(matches!(refused, Err(Error::Validation(_))), "{pairs:?}");
        }
        assert!(canonical(&context(&[("a", "Team"), ("b", "team")])).is_ok());
    }

    #[test]
    fn a_context_has_8192_bytes_at_most() {
        let of = |length: usize| canonical(&context(&[("a", &"x".repeat(length))]));
        assert!(of(8191).is_ok());
        assert!(matches!(of(8192), Err(Error::Validation(_))));
    }

    #[test]
    fn moving_text_between_key_and_value_changes_the_form() {
        let form = |pairs| canonical(&context(pairs)).unwrap();
        assert_ne!(form(&[("ab", "c")]), form(&[("a", "bc")]));
        assert_ne!(form(&[("a", ""), ("b", "")]), form(&[("a", "b")]));
    }

    proptest! {
        #[test]
        fn different_contexts_have_different_forms(
            first in prop::collection::btree_map(".{0,3}", ".{0,3}", 0..4),
            second in prop::collection::btree_map(".{0,3}", ".{0,3}", 0..4),
        ) {
            let forms = canonical(&first).ok().zip(canonical(&second).ok());
            let Some((a, b)) = forms else {
                return Ok(());
            };
            prop_assert_eq!(first == second, a == b);
        }
    }
}
