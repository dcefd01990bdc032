//! `GenerateRandom`: random bytes.

use pipeline::{Ctx, EventDetail, Kind, Need, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::kms::{GenerateRandomRequest, GenerateRandomResponse};
use types::Service;
use zeroize::Zeroizing;

use crate::symmetric::no_recipient;
use crate::{Error, actions, key_stores};

/// Returns 1 to 1,024 bytes from the operating system's generator, or that of the token behind a
/// custom key store. Nothing of them is kept.
///
/// Fails with `ValidationException` without a number, with `CustomKeyStoreNotFoundException`,
/// with `CustomKeyStoreInvalidStateException` for a store that is not connected, and with
/// `UnsupportedOperationException` for an external key store.
#[derive(Debug)]
pub struct GenerateRandom;

impl Operation for GenerateRandom {
    const SERVICE: Service = Service::Kms;
    const NAME: &'static str = "GenerateRandom";
    const ACTIONS: &'static [&'static Action] = &[&actions::GENERATE_RANDOM];
    const KIND: Kind = Kind::ReadOnly;
    type Input = GenerateRandomRequest;
    type Output = GenerateRandomResponse;
    type Target = usize;
    type Error = Error;

    async fn resolve(_ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Self::Target), Error> {
        no_recipient(input.recipient.as_ref())?;
        let missing = || Error::Validation("NumberOfBytes is required.".into());
        let number = input.number_of_bytes.ok_or_else(missing)?;
        let length = usize::try_from(number).map_err(|_negative| missing())?;
        let need = Need::anywhere(&actions::GENERATE_RANDOM);
        Ok((Needs::one(need), length))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let length = *permit.target();
        let bytes = if let Some(store) = &input.custom_key_store_id {
            let drawn = Box::pin(key_stores::random(ctx, store, length)).await?;
            Zeroizing::new(drawn.expose().to_vec())
        } else {
            let mut bytes = Zeroizing::new(vec![0; length]);
            ctx.entropy().fill(&mut bytes);
            bytes
        };
        Ok(Reply::read(GenerateRandomResponse {
            plaintext: Some(bytes.into()),
            ciphertext_for_recipient: None,
        }))
    }

    fn event(_input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        EventDetail::default()
    }
}
