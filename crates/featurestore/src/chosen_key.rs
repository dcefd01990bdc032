//! The KMS key that a caller chose for a group, and what it takes to use it.

use pipeline::{Ctx, KeySet, Need};
use policy::Action;
use shapes::kms::{DescribeKeyRequest, KeySpec, KeyState, KeyUsageType};
use types::{AccountId, Arn, Service};

use crate::actions::{
    DECRYPT, DESCRIBE_KEY, ENCRYPT, GENERATE_DATA_KEY, LIST_ALIASES, LIST_GRANTS, RE_ENCRYPT_FROM,
    RE_ENCRYPT_TO, RETIRE_GRANT,
};
use crate::schema::encryption_context;
use crate::{Error, grant};

/// The key.
#[derive(Debug)]
pub(crate) struct ChosenKey {
    /// The key's ARN, or of a key or alias that does not exist what the caller named.
    pub(crate) arn: Arn,
    /// What the caller named.
    named: Arn,
    /// Why there is no such key.
    missing: Option<kms::Error>,
}

impl ChosenKey {
    /// Finds the key. Whether it exists is told to those only who are allowed to use it.
    pub(crate) fn find(ctx: &Ctx, account: AccountId, text: &str) -> Result<Self, Error> {
        match kms::resolve_key_arn(ctx.view(), account, ctx.region(), text) {
            Ok(arn) => {
                let named = if text.starts_with("alias/") {
                    Arn::new("kms", Some(ctx.region()), Some(account), text)
                } else {
                    text.parse().unwrap_or_else(|_bare_id| arn.clone())
                };
                Ok(Self {
                    arn,
                    named,
                    missing: None,
                })
            }
            Err(missing @ (kms::Error::KeyNotFound { .. } | kms::Error::AliasNotFound { .. })) => {
                let arn = missing_arn(&missing)
                    .ok_or_else(|| Error::broken("a missing key has no ARN"))?;
                Ok(Self {
                    named: arn.clone(),
                    arn,
                    missing: Some(missing),
                })
            }
            Err(error) => Err(Error::of_key(error)),
        }
    }

    /// The key's ARN, if there is one.
    pub(crate) fn found(&self) -> Option<&Arn> {
        Some(&self.arn).filter(|_| self.missing.is_none())
    }

    /// Everything that SageMaker may do with the key for the group of this name, ARN and id:
    /// what it calls at once, and what it must be able to do later.
    ///
    /// All of it is decided under the group's encryption context. `kms:ListAliases` has no key
    /// as its resource, so that an identity policy alone can allow it.
    pub(crate) fn needs(&self, ctx: &Ctx, group: (&str, &Arn, &str)) -> Result<Vec<Need>, Error> {
        let (_, arn, id) = group;
        let context = encryption_context(arn.as_str(), id);
        let cryptographic = kms::encryption_context_keys(&context);
        let same_key = KeySet::default().one("kms:reencryptonsamekey", "true");
        let of_grant = KeySet::default()
            .one("kms:grantconstrainttype", grant::CONSTRAINT)
            .map("kms:encryptioncontext", &context)
            .many(
                "kms:encryptioncontextkeys",
                context.keys().cloned().collect(),
            );
        let for_service = KeySet::default().one("kms:grantisforawsresource", "true");
        let mut needs = vec![
            self.need(&DESCRIBE_KEY),
            self.need(&GENERATE_DATA_KEY).with(cryptographic.clone()),
            self.need(&ENCRYPT).with(cryptographic.clone()),
            self.need(&DECRYPT).with(cryptographic.clone()),
            self.need(&RE_ENCRYPT_FROM)
                .with(cryptographic.clone())
                .with(same_key.clone()),
            self.need(&RE_ENCRYPT_TO).with(cryptographic).with(same_key),
            self.need(&RETIRE_GRANT).with(of_grant),
            self.need(&LIST_GRANTS).with(for_service),
        ];
        if self.missing.is_none() {
            let request = grant::request(&self.arn, group);
            let need = kms::create_grant_need(ctx, &request, Service::SageMaker);
            needs.push(need.map_err(Error::of_key)?.named(self.named.clone()));
        }
        if self.named.resource().starts_with("alias/") {
            needs.push(Need::anywhere(&LIST_ALIASES).via(Service::SageMaker));
        }
        Ok(needs)
    }

    fn need(&self, action: &'static Action) -> Need {
        Need::on(action, self.arn.clone())
            .named(self.named.clone())
            .via(Service::SageMaker)
            .across_accounts()
    }

    /// The key's ARN, if it is an enabled symmetric key.
    pub(crate) async fn checked(self, ctx: &Ctx) -> Result<Arn, Error> {
        if let Some(missing) = self.missing {
            return Err(Error::of_key(missing));
        }
        let request = DescribeKeyRequest {
            key_id: self.arn.to_string(),
            ..DescribeKeyRequest::default()
        };
        let on_behalf = ctx.on_behalf_of(Service::SageMaker);
        let call = pipeline::call::<kms::DescribeKey>(on_behalf, request);
        let answer = Box::pin(call).await.map_err(Error::of_key_call)?;
        let key = answer
            .key_metadata
            .ok_or_else(|| Error::broken("KMS described no key"))?;
        let symmetric = key.key_usage == Some(KeyUsageType::EncryptDecrypt)
            && key.key_spec == Some(KeySpec::SymmetricDefault);
        if !symmetric {
            return Err(Error::validation(
                "the KMS key must be a symmetric encryption key.",
            ));
        }
        kms::usable(ctx.view(), &self.arn, ctx.time()).map_err(Error::of_key)?;
        if key.key_state != Some(KeyState::Enabled) {
            return Err(Error::validation("the KMS key must be enabled."));
        }
        Ok(self.arn)
    }
}

fn missing_arn(error: &kms::Error) -> Option<Arn> {
    match error {
        kms::Error::KeyNotFound { arn } | kms::Error::AliasNotFound { arn } => Some(arn.clone()),
        _ => None,
    }
}
