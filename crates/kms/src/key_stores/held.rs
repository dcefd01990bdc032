//! Encrypting and decrypting with keys in custom key stores.
//!
//! ```text
//! 55 bytes  header (`crate::ciphertext`), format version 2 for tokens, 4 for external key stores; 3 for
//!           those of earlier releases
//! version 2:
//! n bytes   what the token's key sealed: 32 random bytes, `crypto::committing`
//! version 4:
//! 32 bytes  SHA-256 of what the external key encrypted
//! and then, which is all of version 3:
//! 1 byte    length of the initialization vector, 12 or 16
//! n bytes   initialization vector
//! 16 bytes  authentication tag
//! 1 byte    length of the proxy's metadata, 0 to 20
//! n bytes   the proxy's metadata
//! n bytes   what the external key encrypted: `crypto::committing` under the key's own material
//! ```
//!
//! Associated data are the same as those of other KMS ciphertexts. A proxy gets the SHA-256 hash of them
//! and of the first 32 bytes of version 4, so that it learns nothing of the encryption context. What it
//! decrypts must have that hash: it cannot answer with what it was given for another ciphertext of the
//! same key and context, which would open here too. Of version 3 nothing says so.

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
            let (proxy, name) = (proxy_of(used)?, sha256(&inner));
            let encrypted = proxy.encrypt(id, &told(&aad, Some(&name)), &inner).await;
            let encrypted = to_bytes(&encrypted.map_err(of_proxy)?)?;
            [name.as_slice(), &encrypted].concat()
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
    if !is_of_key(&found, header_of(used)?.0) {
        return Err(Error::InvalidCiphertext);
    }
    let aad = associated_data(header, context)?;
    match &used.held.backing {
        Backing::Token { label } => open_on_token(used, label, aad, sealed).await,
        Backing::Proxy { id } => {
            let malformed = Error::InvalidCiphertext;
            let (name, sealed) = named(found.form, sealed).ok_or(malformed)?;
            let encrypted = of_bytes(sealed).ok_or(Error::InvalidCiphertext)?;
            let inner = own_material(used)?;
            let proxy = proxy_of(used)?;
            let opened = proxy.decrypt(id, &told(&aad, name), &encrypted).await;
            let opened = opened.map_err(of_proxy)?;
            if name.is_some_and(|name| *name != sha256(opened.expose())) {
                return Err(KeyStoreError::Cryptographic(Fault::Altered).into());
            }
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

/// Whether a ciphertext with the header `found` is of the key whose ciphertexts have the other: of
/// earlier releases too.
fn is_of_key(found: &Header, mut header: Header) -> bool {
    if found.form == Form::ProxyUnnamed && header.form == Form::Proxy {
        header.form = Form::ProxyUnnamed;
    }
    *found == header
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

/// What a proxy is told to bind: a hash of the associated data, and of what says which message it gets,
/// if that is said.
fn told(aad: &[u8], name: Option<&[u8; 32]>) -> [u8; 32] {
    let name = name.map_or(&[][..], |name| name.as_slice());
    sha256(&[aad, name].concat())
}

/// What says which message the external key encrypted, if the form has it, and the rest.
fn named(form: Form, sealed: &[u8]) -> Option<(Option<&[u8; 32]>, &[u8])> {
    if form == Form::ProxyUnnamed {
        return Some((None, sealed));
    }
    let (name, rest) = sealed.split_first_chunk()?;
    Some((Some(name), rest))
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

    /// Opens a ciphertext that was made once with what its external key manager was asked and answered.
    fn opens(fixture: &str, form: Form) {
        let part = |name| fixtures::bytes(fixture, name);
        let (blob, stored) = (part("ciphertext"), Stored::open());
        let (material, aad, sealed) = fixtures::parts(&blob, form);
        assert_eq!(Some(material), stored.key().record.material);
        let (name, sealed) = named(form, sealed).unwrap();
        assert_eq!(
            name.copied(),
            (form == Form::Proxy).then(|| sha256(&part("answered")))
        );
        let asked = of_bytes(sealed).unwrap();
        assert_eq!(asked.iv, part("iv"));
        assert_eq!(asked.tag, *part("tag"));
        assert_eq!(asked.metadata, part("metadata"));
        assert_eq!(asked.ciphertext, part("asked"));
        assert_eq!(told(&aad, name), *part("asked-aad"));
        let material = stored.material();
        let inner = symmetric(&material).unwrap();
        let plaintext = inner.open(&aad, &part("answered")).unwrap();
        assert_eq!(plaintext.expose(), b"secret");
    }

    #[test]
    fn ciphertexts_of_earlier_releases_are_of_their_key_and_of_no_other() {
        let header = |form, material| Header {
            form,
            account: "111122223333".parse().unwrap(),
            key: "1234abcd-12ab-34cd-56ef-1234567890ab".parse().unwrap(),
            material: MaterialId([material; 32]),
        };
        let check = |found, form, expected| {
            assert_eq!(is_of_key(&found, header(form, 7)), expected, "{found:?}");
        };
        check(header(Form::Proxy, 7), Form::Proxy, true);
        check(header(Form::ProxyUnnamed, 7), Form::Proxy, true);
        check(header(Form::ProxyUnnamed, 8), Form::Proxy, false);
        check(header(Form::ProxyUnnamed, 7), Form::Token, false);
        check(header(Form::Token, 7), Form::Token, true);
        check(header(Form::Token, 7), Form::Proxy, false);
    }

    #[test]
    fn the_fixture_of_version_3_opens_with_what_its_proxy_answered() {
        let fixture = include_str!("../../testdata/formats/external.txt");
        opens(fixture, Form::ProxyUnnamed);
    }

    #[test]
    fn the_fixture_of_version_4_opens_with_what_its_proxy_answered() {
        let fixture = include_str!("../../testdata/formats/external-4.txt");
        opens(fixture, Form::Proxy);
    }
}
