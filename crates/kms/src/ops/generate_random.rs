//! `GenerateRandom`: random bytes.

use pipeline::{Ctx, EventDetail, Kind, Need, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::kms::{GenerateRandomRequest, GenerateRandomResponse};
use types::Service;
use zeroize::Zeroizing;

use crate::symmetric::no_recipient;
use crate::{Error, actions};

/// Returns 1 to 1,024 bytes from the operating system's generator. Nothing of them is kept.
///
/// Fails with `ValidationException` without a number, and with
/// `UnsupportedOperationException` for a custom key store.
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
        if input.custom_key_store_id.is_some() {
            return Err(Error::Unsupported("a custom key store".into()));
        }
        let missing = || Error::Validation("NumberOfBytes is required.".into());
        let number = input.number_of_bytes.ok_or_else(missing)?;
        let length = usize::try_from(number).map_err(|_negative| missing())?;
        let need = Need::anywhere(&actions::GENERATE_RANDOM);
        Ok((Needs::one(need), length))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        _input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let mut bytes = Zeroizing::new(vec![0; *permit.target()]);
        ctx.entropy().fill(&mut bytes);
        Ok(Reply::read(GenerateRandomResponse {
            plaintext: Some(bytes.into()),
            ciphertext_for_recipient: None,
        }))
    }

    fn event(_input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        EventDetail::default()
    }
}
