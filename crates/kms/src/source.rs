//! What is to be decrypted: a ciphertext, and the key that it or the caller names.

use crypto::SecretBytes;
use pipeline::{Ctx, Need};
use policy::Action;
use shapes::kms::{DryRunModifierType, EncryptionAlgorithmSpec};
use types::KeyId;

use crate::ciphertext::Header;
use crate::context::EncryptionContext;
use crate::identifiers::{Forms, KeyTarget, UNSAID};
use crate::records::{KeyRow, MaterialId};
use crate::symmetric::{Checks, DEFAULT_ALGORITHM, usable_key};
use crate::{Error, uses};

/// The key that is to decrypt, and how it was found.
#[derive(Debug)]
pub struct Source {
    /// The key.
    pub(crate) key: KeyTarget,
    /// What the ciphertext says of itself; `None` if it is not one of ours.
    header: Option<Header>,
    /// Whether the caller chose the key, not the ciphertext.
    named: bool,
}

/// What has become of a ciphertext.
#[derive(Debug)]
pub(crate) enum Opened<'a> {
    /// The key that it was under, what it holds, and the material that it was made with if it
    /// is symmetric and held here.
    Plaintext(&'a KeyRow, SecretBytes, Option<MaterialId>),
    /// A dry run does not look at it.
    Ignored,
}

impl Source {
    /// Finds the key for `blob`, which the caller names or which the ciphertext names.
    ///
    /// Fails with `InvalidCiphertextException` if neither does, and with `ValidationException` if
    /// `algorithm` is one of key pairs, whose ciphertexts name none, and `key_id`, whose parameter is
    /// `member`, is missing.
    pub(crate) fn find(
        ctx: &Ctx,
        (key_id, member): (Option<&String>, &str),
        blob: Option<&[u8]>,
        algorithm: Option<EncryptionAlgorithmSpec>,
    ) -> Result<Self, Error> {
        let symmetric = algorithm.is_none_or(|algorithm| algorithm == DEFAULT_ALGORITHM);
        if !symmetric && key_id.is_none() {
            let text = format!("{member} must not be null");
            return Err(Error::Validation(text.into()));
        }
        let header = blob.and_then(|blob| Header::split(blob).ok());
        let header = header.map(|(header, _, _)| header);
        let key = match (key_id, &header) {
            // A bare key id may also be that of another account's key, if the ciphertext
            // says so.
            (Some(id), Some(header)) if id.parse::<KeyId>().as_ref() == Ok(&header.key) => {
                KeyTarget::of_key(ctx, header.account, &header.key)
            }
            (Some(id), _) => KeyTarget::find(ctx, id, Forms::KeysAndAliases)?,
            (None, Some(header)) => KeyTarget::of_key(ctx, header.account, &header.key),
            (None, None) => return Err(Error::InvalidCiphertext),
        };
        Ok(Self {
            key,
            header,
            named: key_id.is_some(),
        })
    }

    /// The need of `action` on the key. A denial shows what the caller named: the ciphertext, or the
    /// key.
    pub(crate) fn need(&self, action: &'static Action) -> Need {
        let need = self.key.need(action);
        if self.named {
            need
        } else {
            need.shown_as(OF_THE_CIPHERTEXT)
        }
    }

    /// Decrypts `blob` under `context`; passes it over if it is `None`.
    ///
    /// Fails with `InvalidCiphertextException`, with `IncorrectKeyException` if the caller
    /// named another key, both before the key's usage and state are looked at, as at AWS, and as
    /// [`usable_key`] does. With `AccessDeniedException` if the ciphertext names a key that is not there.
    pub(crate) async fn open(
        &self,
        ctx: &Ctx,
        (checks, action): (Checks<'_>, &'static Action),
        blob: Option<&[u8]>,
        context: &EncryptionContext,
    ) -> Result<Opened<'_>, Error> {
        if !self.named && self.key.key().is_err() {
            // Of another deployment or region, or of a key that is gone: AWS does not tell that from
            // another's key.
            return Err(Error::Denied(denied(ctx, action)));
        }
        let algorithm = checks.algorithm.unwrap_or(DEFAULT_ALGORITHM);
        if blob.is_some() && algorithm == DEFAULT_ALGORITHM {
            self.check_key()?;
        }
        let key = usable_key(ctx, &self.key, checks)?;
        let Some(blob) = blob else {
            return Ok(Opened::Ignored);
        };
        if algorithm != DEFAULT_ALGORITHM {
            let plaintext = uses::decrypt_oaep(ctx, key, algorithm, blob).await?;
            return Ok(Opened::Plaintext(key, plaintext, None));
        }
        let used = (key, checks.operation);
        let (plaintext, material) = uses::decrypt_symmetric(ctx, used, context, blob).await?;
        Ok(Opened::Plaintext(key, plaintext, material))
    }

    /// Whether a symmetric ciphertext is one, and of this key.
    fn check_key(&self) -> Result<(), Error> {
        let key = &self.key.key()?.record;
        let header = self.header.as_ref().ok_or(Error::InvalidCiphertext)?;
        if header.account != key.account || header.key != key.id {
            return Err(Error::IncorrectKey);
        }
        Ok(())
    }
}

/// How AWS's denials name a key that only the ciphertext names.
const OF_THE_CIPHERTEXT: &str = "the resource associated with this ciphertext";

/// The text of a denial of `action` on a key that is not there.
fn denied(ctx: &Ctx, action: &Action) -> String {
    let name = ctx.caller().principal.display_name();
    format!(
        "User: {name} is not authorized to perform: {} on {OF_THE_CIPHERTEXT} {UNSAID}",
        action.as_str()
    )
}

/// The parameters that say whether the ciphertext of a dry run counts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DryRun<'a> {
    pub(crate) dry_run: Option<bool>,
    pub(crate) modifiers: Option<&'a [DryRunModifierType]>,
}

impl DryRun<'_> {
    /// Whether the ciphertext is passed over.
    pub(crate) fn ignores_ciphertext(&self) -> bool {
        let modifiers = self.modifiers.unwrap_or_default();
        modifiers.contains(&DryRunModifierType::IgnoreCiphertext)
    }

    /// Checks what must be there when the ciphertext counts, and when it does not; `member` is
    /// the name of the parameter that names the key.
    ///
    /// Fails with `ValidationException`.
    pub(crate) fn check(&self, has_key: bool, has_blob: bool, member: &str) -> Result<(), Error> {
        let missing = |member| Error::constraint("null", member, "Member must not be null");
        match (self.ignores_ciphertext(), self.dry_run == Some(true)) {
            (true, false) => Err(Error::Validation(
                "DryRunModifiers can be used with DryRun only".into(),
            )),
            (true, true) if !has_key => Err(missing(member)),
            (false, _) if !has_blob => Err(missing("ciphertextBlob")),
            (true, true) | (false, _) => Ok(()),
        }
    }
}
