//! What the cryptographic operations on keys of every kind have in common: whether a key may
//! be used so, and its material ready for that use.

use crypto::rsa::OaepHash;
use crypto::{KeyPair, MacKey, SecretBytes};
use pipeline::Ctx;
use shapes::kms::EncryptionAlgorithmSpec;
use types::Entropy;

use crate::context::EncryptionContext;
use crate::grants::token;
use crate::identifiers::KeyTarget;
use crate::key_stores::{self, Use};
use crate::material::Unwrapped;
use crate::records::{KeyRow, KeyUsage, MaterialId};
use crate::{Error, Keyring, state};

/// What a call wants of its key.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Demand<'a> {
    /// The operation, as messages and the matrix of key states name it.
    pub(crate) operation: &'static str,
    /// What the key must be for.
    pub(crate) usage: KeyUsage,
    pub(crate) grant_tokens: Option<&'a [String]>,
}

/// The key of a cryptographic call, which its usage and state allow.
///
/// Fails with `NotFoundException`, `InvalidGrantTokenException`, `InvalidKeyUsageException`,
/// `DisabledException` and `KMSInvalidStateException`, in this order: AWS looks at what a key is for
/// before its state, and at the state before the algorithm.
pub(crate) fn key_for<'a>(
    ctx: &Ctx,
    target: &'a KeyTarget,
    demand: Demand<'_>,
) -> Result<&'a KeyRow, Error> {
    let key = target.key()?;
    token::check(ctx.view(), ctx.region(), demand.grant_tokens)?;
    if key.record.usage != demand.usage {
        return Err(Error::Usage {
            arn: key.record.arn.clone(),
            usage: key.record.usage,
            operation: demand.operation,
        });
    }
    state::check(&key.record, demand.operation)?;
    Ok(key)
}

/// Fails with `InvalidKeyUsageException` unless the key's algorithms include `algorithm`.
pub(crate) fn check_algorithm<T: Copy + PartialEq>(
    key: &KeyRow,
    algorithms: &[T],
    algorithm: T,
    name: &'static str,
) -> Result<(), Error> {
    if algorithms.contains(&algorithm) {
        return Ok(());
    }
    Err(Error::Algorithm {
        algorithm: name,
        spec: key.record.spec,
    })
}

/// What `compute` makes of the pair of `key`, whose usage has been checked.
///
/// Fails with `ThrottlingException` if the pair is slow and too many wait for the like.
pub(crate) async fn with_pair<T: Send + 'static>(
    ctx: &Ctx,
    key: &KeyRow,
    compute: impl FnOnce(&KeyPair, &dyn Entropy) -> T + Send + 'static,
) -> Result<T, Error> {
    let keyring = ctx.part::<Keyring>()?;
    keyring
        .with_pair((ctx.view(), ctx.account()), key, compute)
        .await
}

/// What `compute` makes of the HMAC key of `key`, whose usage has been checked.
pub(crate) fn mac_of<T>(
    ctx: &Ctx,
    key: &KeyRow,
    compute: impl FnOnce(&MacKey) -> T,
) -> Result<T, Error> {
    match &*ctx.part::<Keyring>()?.current(ctx.view(), key)? {
        Unwrapped::Mac(mac) => Ok(compute(mac)),
        Unwrapped::Symmetric(_) | Unwrapped::Pair(_) => {
            Err(Error::broken("the material of a key is no HMAC key"))
        }
    }
}

/// The hash of an algorithm that encrypts under a key pair; `None` for symmetric encryption.
fn oaep(algorithm: EncryptionAlgorithmSpec) -> Result<Option<OaepHash>, Error> {
    match algorithm {
        EncryptionAlgorithmSpec::SymmetricDefault => Ok(None),
        EncryptionAlgorithmSpec::RsaesOaepSha1 => Ok(Some(OaepHash::Sha1)),
        EncryptionAlgorithmSpec::RsaesOaepSha256 => Ok(Some(OaepHash::Sha256)),
        // INVARIANT: no key spec here lists it.
        EncryptionAlgorithmSpec::Sm2pke => Err(Error::broken("SM2 passed the checks")),
    }
}

/// Encrypts under `key` with one of its algorithms.
///
/// Fails with `ValidationException` for a plaintext that is too long for RSA.
pub(crate) async fn encrypt(
    ctx: &Ctx,
    (key, operation): (&KeyRow, &'static str),
    algorithm: EncryptionAlgorithmSpec,
    context: &EncryptionContext,
    plaintext: &[u8],
) -> Result<Vec<u8>, Error> {
    let Some(hash) = oaep(algorithm)? else {
        return encrypt_symmetric(ctx, (key, operation), context, plaintext).await;
    };
    let plaintext = SecretBytes::from(plaintext.to_vec());
    let encrypt =
        move |pair: &KeyPair, _: &dyn Entropy| pair.encrypt_oaep(hash, plaintext.expose());
    let encrypted = with_pair(ctx, key, encrypt).await?;
    encrypted.map_err(|_too_long| too_long(key, algorithm))
}

/// Encrypts under the symmetric `key` for `operation`, wherever the key is held.
pub(crate) async fn encrypt_symmetric(
    ctx: &Ctx,
    (key, operation): (&KeyRow, &'static str),
    context: &EncryptionContext,
    plaintext: &[u8],
) -> Result<Vec<u8>, Error> {
    let Some(held) = &key.record.held else {
        let keyring = ctx.part::<Keyring>()?;
        return keyring.encrypt(ctx.view(), key, context, plaintext);
    };
    let used = Use {
        ctx,
        key,
        held,
        operation,
    };
    // Few keys are held outside: the way there is not part of every request.
    Box::pin(key_stores::encrypt(used, context, plaintext)).await
}

/// Decrypts what [`encrypt_symmetric`] made, and says which material of KMS that was.
pub(crate) async fn decrypt_symmetric(
    ctx: &Ctx,
    (key, operation): (&KeyRow, &'static str),
    context: &EncryptionContext,
    blob: &[u8],
) -> Result<(SecretBytes, Option<MaterialId>), Error> {
    let Some(held) = &key.record.held else {
        let keyring = ctx.part::<Keyring>()?;
        let (plaintext, material) = keyring.decrypt(ctx.view(), key, context, blob)?;
        return Ok((plaintext, Some(material)));
    };
    let used = Use {
        ctx,
        key,
        held,
        operation,
    };
    let plaintext = Box::pin(key_stores::decrypt(used, context, blob)).await?;
    Ok((plaintext, None))
}

/// Decrypts what [`encrypt`] or anyone else encrypted under the public key of `key`.
///
/// Fails with `InvalidCiphertextException`.
pub(crate) async fn decrypt_oaep(
    ctx: &Ctx,
    key: &KeyRow,
    algorithm: EncryptionAlgorithmSpec,
    blob: &[u8],
) -> Result<SecretBytes, Error> {
    let hash = oaep(algorithm)?.ok_or_else(|| Error::broken("not an algorithm of RSA"))?;
    let blob = blob.to_vec();
    let decrypt = move |pair: &KeyPair, _: &dyn Entropy| pair.decrypt_oaep(hash, &blob);
    let opened = with_pair(ctx, key, decrypt).await?;
    opened.map_err(|_silent| Error::InvalidCiphertext)
}

fn too_long(key: &KeyRow, algorithm: EncryptionAlgorithmSpec) -> Error {
    let spec = key.record.spec;
    let modulus = spec
        .as_str()
        .trim_start_matches("RSA_")
        .parse()
        .unwrap_or(0_usize)
        / 8;
    let hash = match algorithm {
        EncryptionAlgorithmSpec::RsaesOaepSha1 => 20,
        _ => 32,
    };
    let most = modulus.saturating_sub(2 * hash + 2);
    let text = format!(
        "Algorithm {algorithm} and key spec {spec} cannot encrypt data larger than {most} bytes."
    );
    Error::Validation(text.into())
}
