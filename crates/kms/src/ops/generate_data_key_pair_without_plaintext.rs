//! `GenerateDataKeyPairWithoutPlaintext`: a key pair, its private key
//! encrypted under a KMS key only.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::kms::{
    GenerateDataKeyPairWithoutPlaintextRequest, GenerateDataKeyPairWithoutPlaintextResponse,
};
use types::Service;

use crate::data_key_pair::Asked;
use crate::identifiers::KeyTarget;
use crate::{Error, actions};

/// Makes a key pair and returns the private key encrypted. Nothing of it is kept here;
/// `Decrypt` brings the private key back.
///
/// Fails with `InvalidKeyUsageException` unless the key is for symmetric encryption, and as
/// `Encrypt` does over the key's state.
#[derive(Debug)]
pub struct GenerateDataKeyPairWithoutPlaintext;

impl Operation for GenerateDataKeyPairWithoutPlaintext {
    const SERVICE: Service = Service::Kms;
    const NAME: &'static str = "GenerateDataKeyPairWithoutPlaintext";
    const ACTIONS: &'static [&'static Action] =
        &[&actions::GENERATE_DATA_KEY_PAIR_WITHOUT_PLAINTEXT];
    const KIND: Kind = Kind::ReadOnly;
    type Input = GenerateDataKeyPairWithoutPlaintextRequest;
    type Output = GenerateDataKeyPairWithoutPlaintextResponse;
    type Target = KeyTarget;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Self::Target), Error> {
        asked(input).resolve(ctx, &actions::GENERATE_DATA_KEY_PAIR_WITHOUT_PLAINTEXT)
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let made = asked(&input).make(ctx, permit.target()).await?;
        Ok(Reply::read(GenerateDataKeyPairWithoutPlaintextResponse {
            private_key_ciphertext_blob: Some(made.blob.into()),
            public_key: Some(made.public_key.into()),
            key_id: Some(made.key),
            key_pair_spec: Some(input.key_pair_spec),
            key_material_id: made.material,
        }))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        asked(input).event()
    }
}

fn asked(input: &GenerateDataKeyPairWithoutPlaintextRequest) -> Asked<'_> {
    Asked {
        operation: GenerateDataKeyPairWithoutPlaintext::NAME,
        key_id: &input.key_id,
        spec: input.key_pair_spec,
        context: input.encryption_context.as_ref(),
        grant_tokens: input.grant_tokens.as_deref(),
        dry_run: input.dry_run,
    }
}
