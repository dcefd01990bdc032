//! Data key pairs: made here, the private key encrypted under a symmetric key, then forgotten.

use crypto::SecretBytes;
use pipeline::{Ctx, EventDetail, Needs};
use policy::Action;
use shapes::kms::DataKeyPairSpec;

use crate::context::{EncryptionContext, cryptographic_keys};
use crate::event::Fields;
use crate::identifiers::{Forms, KeyTarget};
use crate::prices::Class;
use crate::symmetric::{Checks, end_dry_run, usable_key};
use crate::{Error, Keyring, last_usage, specs};

/// What the operations that make a data key pair are asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    /// The operation, as the matrix of key states names it.
    pub(crate) operation: &'static str,
    pub(crate) key_id: &'a str,
    pub(crate) spec: DataKeyPairSpec,
    pub(crate) context: Option<&'a EncryptionContext>,
    pub(crate) grant_tokens: Option<&'a [String]>,
    pub(crate) dry_run: Option<bool>,
}

/// A new data key pair.
pub(crate) struct NewDataKeyPair {
    /// The private key as PKCS#8 in DER.
    pub(crate) private_key: SecretBytes,
    /// The same, encrypted.
    pub(crate) blob: Vec<u8>,
    /// The public key as `SubjectPublicKeyInfo` in DER.
    pub(crate) public_key: Vec<u8>,
    /// The ARN of the key that encrypted it.
    pub(crate) key: String,
    /// The id of the material that did.
    pub(crate) material: Option<String>,
}

impl Asked<'_> {
    /// The key, and the need of `action` on it.
    pub(crate) fn resolve(
        self,
        ctx: &Ctx,
        action: &'static Action,
    ) -> Result<(Needs, KeyTarget), Error> {
        specs::data_key_pair(self.spec)?;
        let target = KeyTarget::find(ctx, self.key_id, Forms::KeysAndAliases)?;
        let keys = cryptographic_keys(self.context, None)?;
        let keys = keys.one("kms:datakeypairspec", self.spec.as_str());
        let need = target.need(action).across_accounts().with(keys);
        Ok((Needs::one(need), target))
    }

    /// Makes a pair and encrypts its private key under the key.
    ///
    /// Fails with `UnsupportedOperationException` for a key in a custom key store, with
    /// `ThrottlingException` if too many wait for RSA pairs, with `DryRunOperationException`, and
    /// as [`usable_key`] does.
    pub(crate) async fn make(self, ctx: &Ctx, target: &KeyTarget) -> Result<NewDataKeyPair, Error> {
        let checks = Checks {
            operation: self.operation,
            algorithm: None,
            context: self.context,
            grant_tokens: self.grant_tokens,
        };
        let key = usable_key(ctx, target, checks)?;
        if key.record.held.is_some() {
            let (arn, origin) = (key.record.arn.clone(), key.record.origin);
            return Err(Error::Origin { arn, origin });
        }
        end_dry_run(self.dry_run)?;
        let keyring = ctx.part::<Keyring>()?;
        let pair = keyring
            .draw_pair(ctx.account(), specs::data_key_pair(self.spec)?)
            .await?;
        let private_key = pair.to_pkcs8();
        let nothing = EncryptionContext::new();
        let context = self.context.unwrap_or(&nothing);
        let blob = keyring.encrypt(ctx.view(), key, context, private_key.expose())?;
        let class = Class::of_data_key_pair(self.spec);
        last_usage::note_as(ctx, key, self.operation, class)?;
        Ok(NewDataKeyPair {
            private_key,
            blob,
            public_key: pair.public_key(),
            key: key.record.arn.to_string(),
            material: key.record.material.map(|id| id.to_string()),
        })
    }

    /// The request as its record shows it.
    pub(crate) fn event(self) -> EventDetail {
        Fields::default()
            .with("keyId", self.key_id.to_owned())
            .with("keyPairSpec", self.spec.as_str())
            .context(self.context)
            .maybe("dryRun", self.dry_run)
            .request()
    }
}
