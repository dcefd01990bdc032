//! Signing algorithms and message types: which go together, and what is signed.

use crypto::signing::{Hash, Message, Scheme};
use pipeline::KeySet;
use shapes::kms::{MessageType, SigningAlgorithmSpec};

use crate::Error;

/// The condition keys of `Sign` and `Verify`. AWS sets the message type even when the caller
/// leaves it out.
pub(crate) fn condition_keys(
    algorithm: SigningAlgorithmSpec,
    message_type: Option<MessageType>,
) -> KeySet {
    KeySet::default()
        .one("kms:signingalgorithm", algorithm.as_str())
        .one("kms:messagetype", shown(message_type))
}

/// The message type as policies and records see it.
pub(crate) fn shown(message_type: Option<MessageType>) -> &'static str {
    message_type.unwrap_or(MessageType::Raw).as_str()
}

/// The scheme of `algorithm`, and what it makes of `message`.
///
/// Fails with `ValidationException` if the message type does not go with the algorithm, and
/// for a digest of the wrong length.
pub(crate) fn prepare(
    algorithm: SigningAlgorithmSpec,
    message_type: Option<MessageType>,
    message: &[u8],
) -> Result<(Scheme, Message<'_>), Error> {
    use SigningAlgorithmSpec as Algorithm;
    let scheme = match algorithm {
        Algorithm::RsassaPssSha256 => Scheme::RsaPss(Hash::Sha256),
        Algorithm::RsassaPssSha384 => Scheme::RsaPss(Hash::Sha384),
        Algorithm::RsassaPssSha512 => Scheme::RsaPss(Hash::Sha512),
        Algorithm::RsassaPkcs1V15Sha256 => Scheme::RsaPkcs1(Hash::Sha256),
        Algorithm::RsassaPkcs1V15Sha384 => Scheme::RsaPkcs1(Hash::Sha384),
        Algorithm::RsassaPkcs1V15Sha512 => Scheme::RsaPkcs1(Hash::Sha512),
        Algorithm::EcdsaSha256 | Algorithm::EcdsaSha384 | Algorithm::EcdsaSha512 => Scheme::Ecdsa,
        Algorithm::Ed25519Sha512 => Scheme::Ed25519,
        Algorithm::Ed25519PhSha512 => Scheme::Ed25519ph,
        Algorithm::MlDsaShake256 => Scheme::MlDsa,
        // INVARIANT: no key spec here lists it.
        Algorithm::Sm2dsa => return Err(Error::broken("SM2 passed the checks")),
    };
    let message_type = message_type.unwrap_or(MessageType::Raw);
    let message = match (message_type, scheme) {
        (MessageType::Raw, Scheme::Ed25519ph)
        | (MessageType::Digest, Scheme::Ed25519 | Scheme::MlDsa) => {
            return Err(wrong_type(algorithm, message_type));
        }
        (MessageType::Raw, _) => Message::Raw(message),
        (MessageType::Digest, scheme) => {
            if message.len() != digest_length(algorithm) {
                return Err(wrong_length(algorithm));
            }
            // AWS hashes what it is given as a digest once more for Ed25519ph.
            match scheme {
                Scheme::Ed25519ph => Message::Raw(message),
                _ => Message::Digest(message),
            }
        }
        (MessageType::ExternalMu, Scheme::MlDsa) => Message::Mu(
            message
                .try_into()
                .map_err(|_length| wrong_length(algorithm))?,
        ),
        (MessageType::ExternalMu, _) => return Err(wrong_type(algorithm, message_type)),
    };
    Ok((scheme, message))
}

/// The length of the algorithm's hash, which its name ends in.
fn digest_length(algorithm: SigningAlgorithmSpec) -> usize {
    match algorithm.as_str().rsplit_once('_') {
        Some((_, "256")) => 32,
        Some((_, "384")) => 48,
        _ => 64,
    }
}

fn wrong_length(algorithm: SigningAlgorithmSpec) -> Error {
    Error::Validation(format!("Digest is invalid length for algorithm {algorithm}.").into())
}

fn wrong_type(algorithm: SigningAlgorithmSpec, message_type: MessageType) -> Error {
    let text = format!("MessageType {message_type} is not valid for algorithm {algorithm}.");
    Error::Validation(text.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(
        algorithm: SigningAlgorithmSpec,
        message_type: MessageType,
        length: usize,
        expected: Option<(Scheme, Message<'_>)>,
    ) {
        let message = vec![7; length];
        let found = prepare(algorithm, Some(message_type), &message).ok();
        assert_eq!(found, expected, "{algorithm} {message_type} {length}");
    }

    #[test]
    fn a_digest_has_the_length_of_the_hash() {
        for (algorithm, scheme, length) in [
            (SigningAlgorithmSpec::EcdsaSha256, Scheme::Ecdsa, 32),
            (SigningAlgorithmSpec::EcdsaSha384, Scheme::Ecdsa, 48),
            (SigningAlgorithmSpec::EcdsaSha512, Scheme::Ecdsa, 64),
            (
                SigningAlgorithmSpec::RsassaPssSha384,
                Scheme::RsaPss(Hash::Sha384),
                48,
            ),
        ] {
            let digest = vec![7; length];
            let expected = Some((scheme, Message::Digest(&digest)));
            check(algorithm, MessageType::Digest, length, expected);
            check(algorithm, MessageType::Digest, length - 1, None);
            check(algorithm, MessageType::Digest, length + 1, None);
            check(algorithm, MessageType::ExternalMu, 64, None);
        }
    }

    #[test]
    fn edwards_signatures_have_one_message_type_each() {
        let bytes = [7; 64];
        let pure = Some((Scheme::Ed25519, Message::Raw(&bytes)));
        check(
            SigningAlgorithmSpec::Ed25519Sha512,
            MessageType::Raw,
            64,
            pure,
        );
        check(
            SigningAlgorithmSpec::Ed25519Sha512,
            MessageType::Digest,
            64,
            None,
        );
        let hashed = Some((Scheme::Ed25519ph, Message::Raw(&bytes[..])));
        check(
            SigningAlgorithmSpec::Ed25519PhSha512,
            MessageType::Digest,
            64,
            hashed,
        );
        check(
            SigningAlgorithmSpec::Ed25519PhSha512,
            MessageType::Digest,
            63,
            None,
        );
        check(
            SigningAlgorithmSpec::Ed25519PhSha512,
            MessageType::Raw,
            64,
            None,
        );
    }

    #[test]
    fn only_ml_dsa_signs_a_mu_of_64_bytes() {
        let bytes = [7; 64];
        let algorithm = SigningAlgorithmSpec::MlDsaShake256;
        let mu = Some((Scheme::MlDsa, Message::Mu(&bytes)));
        check(algorithm, MessageType::ExternalMu, 64, mu);
        check(algorithm, MessageType::ExternalMu, 63, None);
        check(algorithm, MessageType::Digest, 64, None);
        let pure = Some((Scheme::MlDsa, Message::Raw(&bytes[..5])));
        check(algorithm, MessageType::Raw, 5, pure);
    }
}
