//! Encrypting and decrypting with keys in custom key stores.
//!
//! ```text
//! 55 bytes  header (`crate::ciphertext`), format version 2 for tokens, 3 for external key stores
//! version 2:
//! n bytes   what the token's key sealed: 32 random bytes, `crypto::committing`
//! version 3:
//! 1 byte    length of the initialization vector, 12 or 16
//! n bytes   initialization vector
//! 16 bytes  authentication tag
//! 1 byte    length of the proxy's metadata, 0 to 20
//! n bytes   the proxy's metadata
//! n bytes   what the external key encrypted: `crypto::committing` under the key's own material
//! ```
//!
//! Associated data are the same as those of other KMS ciphertexts. A proxy gets their SHA-256
//! hash, so that it learns nothing of the encryption context.

use std::sync::Arc;

use crypto::SecretBytes;
use crypto::digest::sha256;
use pipeline::{Ctx, Reply};
use types::Principal;
use zeroize::Zeroizing;

use super::fault::Fault;
use super::record::{Backing, Held, StoreKind};
use super::tokens::token_failure;
use super::xks::{Asking, Encrypted, MOST_METADATA, RequestMetadata, Xks};
use super::{KeyStoreError, Outside, StoreRow};
use crate::ciphertext::{Form, Header, associated_data};
use crate::context::EncryptionContext;
use crate::material::Unwrapped;
use crate::records::{KeyRecord, KeyRow, MaterialId};
use crate::{Error, Keyring};

/// A key in a custom key store, and what it is used for. The caller has checked its state.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Use<'a> {
    pub(crate) ctx: &'a Ctx,
    pub(crate) key: &'a KeyRow,
    pub(crate) held: &'a Held,
    /// The operation of KMS.
    pub(crate) operation: &'static str,
}

/// Encrypts under a key in a custom key store.
///
/// Fails with `KMSInvalidStateException` if what is behind the store refuses or is not as it
/// must be, and with `KeyUnavailableException` or `DependencyTimeoutException` if a token does
/// not answer.
pub(crate) async fn encrypt(
    used: Use<'_>,
    context: &EncryptionContext,
    plaintext: &[u8],
) -> Result<Vec<u8>, Error> {
    let (header, _) = header_of(used)?;
    let header = header
        .encode()
        .map_err(|_malformed| Error::broken("a key id does not fit the ciphertext's header"))?;
    let aad = associated_data(&header, context)?;
    let sealed = match &used.held.backing {
        Backing::Token { label } => seal_on_token(used, label, aad, plaintext).await?,
        Backing::Proxy { id } => {
            let (entropy, inner) = (used.ctx.entropy(), own_material(used)?);
            let inner = symmetric(&inner)?.seal(entropy, &aad, plaintext);
            let proxy = proxy_of(used)?;
            let encrypted = proxy.encrypt(id, &sha256(&aad), &inner).await;
            to_bytes(&encrypted.map_err(of_proxy)?)?
        }
    };
    Ok([header.as_slice(), &sealed].concat())
}

/// Decrypts what [`encrypt`] made of this key.
///
/// Fails with `InvalidCiphertextException` for what is no such ciphertext, and as [`encrypt`]
/// does. An external key store says of a wrong context too that the call's state is invalid.
pub(crate) async fn decrypt(
    used: Use<'_>,
    context: &EncryptionContext,
    blob: &[u8],
) -> Result<SecretBytes, Error> {
    let (found, header, sealed) =
        Header::split(blob).map_err(|_malformed| Error::InvalidCiphertext)?;
    if found != header_of(used)?.0 {
        return Err(Error::InvalidCiphertext);
    }
    let aad = associated_data(header, context)?;
    match &used.held.backing {
        Backing::Token { label } => open_on_token(used, label, aad, sealed).await,
        Backing::Proxy { id } => {
            let encrypted = of_bytes(sealed).ok_or(Error::InvalidCiphertext)?;
            let inner = own_material(used)?;
            let proxy = proxy_of(used)?;
            let opened = proxy.decrypt(id, &sha256(&aad), &encrypted).await;
            let opened = opened.map_err(of_proxy)?;
            let plaintext = symmetric(&inner)?.open(&aad, opened.expose());
            plaintext.map_err(|_silent| KeyStoreError::Cryptographic(Fault::Altered).into())
        }
    }
}

/// Adds to the record of a cryptographic call which key store its key is in.
pub(crate) fn note<T>(reply: Reply<T>, key: &KeyRecord) -> Reply<T> {
    let Some(held) = &key.held else {
        return reply;
    };
    let reply = reply.noting("customKeyStoreId", held.store.as_str());
    match &held.backing {
        Backing::Token { .. } => reply,
        Backing::Proxy { id } => reply.noting("xksKeyId", id.as_str()),
    }
}

/// The header of every ciphertext of the key.
fn header_of(used: Use<'_>) -> Result<(Header, MaterialId), Error> {
    let record = &used.key.record;
    let (form, material) = match &used.held.backing {
        Backing::Token { label } => (Form::Token, MaterialId(sha256(label.as_bytes()))),
        Backing::Proxy { .. } => {
            let material = record.material;
            let missing = || Error::broken("a key of an external key store has no own material");
            (Form::Proxy, material.ok_or_else(missing)?)
        }
    };
    let header = Header {
        form,
        account: record.account,
        key: record.id.clone(),
        material,
    };
    Ok((header, material))
}

fn own_material(used: Use<'_>) -> Result<Arc<Unwrapped>, Error> {
    let keyring = used.ctx.part::<Keyring>()?;
    keyring.current(used.ctx.view(), used.key)
}

fn symmetric(material: &Unwrapped) -> Result<&crypto::CommittingKey, Error> {
    match material {
        Unwrapped::Symmetric(key) => Ok(key),
        Unwrapped::Mac(_) | Unwrapped::Pair(_) => Err(Error::broken("not a symmetric key")),
    }
}

fn store_of(used: Use<'_>) -> Result<StoreRow, Error> {
    StoreRow::of_key(used.ctx.view(), &used.key.record, &used.held.store)
}

fn open_token(used: Use<'_>) -> Result<Arc<token::Token>, Error> {
    let store = store_of(used)?;
    let StoreKind::Token { cluster, .. } = &store.record.kind else {
        return Err(Error::broken(
            "a key on a token is in an external key store",
        ));
    };
    let secret = store.secret(used.ctx.view())?;
    let outside = used.ctx.part::<Outside>()?;
    let token = outside.token(&store, cluster, &secret);
    token.map_err(|failed| match failed {
        Error::KeyStore(KeyStoreError::ClusterNotFound) => KeyStoreError::NotConfigured.into(),
        failed => failed,
    })
}

async fn seal_on_token(
    used: Use<'_>,
    label: &str,
    aad: Vec<u8>,
    plaintext: &[u8],
) -> Result<Vec<u8>, Error> {
    let token = open_token(used)?;
    let (services, label) = (Arc::clone(used.ctx.services()), label.to_owned());
    let plaintext = Zeroizing::new(plaintext.to_vec());
    let sealed =
        token.run(move |session| session.seal(&label, services.entropy(), &aad, &plaintext));
    sealed.await.map_err(token_failure)
}

async fn open_on_token(
    used: Use<'_>,
    label: &str,
    aad: Vec<u8>,
    sealed: &[u8],
) -> Result<SecretBytes, Error> {
    let token = open_token(used)?;
    let (label, sealed) = (label.to_owned(), sealed.to_vec());
    let opened = token.run(move |session| session.open(&label, &aad, &sealed));
    opened.await.map_err(token_failure)
}

/// The proxy of an external key store.
fn proxy_of(used: Use<'_>) -> Result<Xks<'_>, Error> {
    let (ctx, store) = (used.ctx, store_of(used)?);
    let outside = ctx.part::<Outside>()?;
    let record = &store.record;
    let asking = Asking {
        account: record.account,
        // Not the store's own row, which ends with this function.
        region: &used.key.record.region,
        store: Some(&used.held.store),
        clock: ctx.services().clock().as_ref(),
        metadata: metadata_of(ctx, used.operation, Some(&used.key.record)),
    };
    let secret = store.secret(ctx.view())?;
    Xks::new(outside, &record.kind, secret, asking).map_err(|_not_allowed| {
        let fault = Fault::None(super::NoAnswer::NotAllowed);
        KeyStoreError::Cryptographic(fault).into()
    })
}

fn of_proxy(fault: Fault) -> Error {
    KeyStoreError::Cryptographic(fault).into()
}

/// What a proxy is told of a request.
pub(crate) fn metadata_of(
    ctx: &Ctx,
    operation: &'static str,
    key: Option<&KeyRecord>,
) -> RequestMetadata {
    let principal = &ctx.caller().principal;
    let via = ctx.via().map(|service| {
        let (prefix, region) = (service.action_prefix(), ctx.region());
        format!("{prefix}.{region}.amazonaws.com")
    });
    RequestMetadata {
        aws_principal_arn: Some(match principal {
            Principal::AssumedRole { role_arn, .. } => role_arn.to_string(),
            _ => principal.display_name(),
        }),
        kms_key_arn: key.map(|key| key.arn.to_string()),
        kms_operation: operation,
        kms_request_id: ctx.id().to_string(),
        kms_via_service: via,
    }
}

fn to_bytes(encrypted: &Encrypted) -> Result<Vec<u8>, Error> {
    let length = |bytes: &[u8]| {
        u8::try_from(bytes.len()).map_err(|source| Error::internal("a proxy's part", source))
    };
    let (iv, metadata) = ([length(&encrypted.iv)?], [length(&encrypted.metadata)?]);
    let parts: [&[u8]; 6] = [
        &iv,
        &encrypted.iv,
        &encrypted.tag,
        &metadata,
        &encrypted.metadata,
        &encrypted.ciphertext,
    ];
    Ok(parts.concat())
}

fn of_bytes(bytes: &[u8]) -> Option<Encrypted> {
    let (length, rest) = bytes.split_first()?;
    let (iv, rest) = rest.split_at_checked(usize::from(*length))?;
    let (tag, rest) = rest.split_first_chunk::<16>()?;
    let (length, rest) = rest.split_first()?;
    let (metadata, ciphertext) = rest.split_at_checked(usize::from(*length))?;
    let is_sound = matches!(iv.len(), 12 | 16) && metadata.len() <= MOST_METADATA;
    is_sound.then(|| Encrypted {
        iv: iv.to_vec(),
        tag: *tag,
        metadata: metadata.to_vec(),
        ciphertext: ciphertext.to_vec(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{self, Stored};

    fn reads_back(iv: usize, metadata: usize) {
        let encrypted = Encrypted {
            iv: vec![1; iv],
            tag: [2; 16],
            metadata: vec![3; metadata],
            ciphertext: vec![4; 81],
        };
        let bytes = to_bytes(&encrypted).unwrap();
        assert_eq!(of_bytes(&bytes), Some(encrypted));
    }

    #[test]
    fn what_a_proxy_made_reads_back() {
        reads_back(12, 0);
        reads_back(16, 20);
    }

    #[test]
    fn what_no_proxy_may_make_is_refused() {
        for bytes in [&[][..], &[12], &[13; 200], &[12; 40], &[255; 300]] {
            assert_eq!(of_bytes(bytes), None, "{bytes:?}");
        }
    }

    /// A ciphertext that was made once, and what its external key manager was asked and answered.
    #[test]
    fn the_fixture_of_version_3_opens_with_what_its_proxy_answered() {
        let fixture = include_str!("../../testdata/formats/external.txt");
        let part = |name| fixtures::bytes(fixture, name);
        let (blob, stored) = (part("ciphertext"), Stored::open());
        let (material, aad, sealed) = fixtures::parts(&blob, Form::Proxy);
        assert_eq!(Some(material), stored.key().record.material);
        let asked = of_bytes(sealed).unwrap();
        assert_eq!(asked.iv, part("iv"));
        assert_eq!(asked.tag, *part("tag"));
        assert_eq!(asked.metadata, part("metadata"));
        assert_eq!(asked.ciphertext, part("asked"));
        assert_eq!(sha256(&aad), *part("asked-aad"));
        let material = stored.material();
        let inner = symmetric(&material).unwrap();
        let plaintext = inner.open(&aad, &part("answered")).unwrap();
        assert_eq!(plaintext.expose(), b"secret");
    }
}
