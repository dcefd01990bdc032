//! `RotateRootKey`: a new root key in the place of the one before, while the server goes on.

use pipeline::{Ctx, EventDetail, Kind, Need, Needs, Operation, Permit, Reply};
use policy::Action;
use serde_json::{Value, json};
use shapes::strongroom::{RotateRootKeyInput, SealChangedOutput, SecretText};
use types::Service;

use crate::Error;
use crate::ops::rewrap_seal::{change, shown};

static ROTATE_ROOT_KEY: Action = Action::from_static("strongroom:RotateRootKey");

/// Makes a new root key under the same seal. The one before opens nothing in the directory any
/// more.
///
/// Only principals of the first account may call it, if their policies allow it, and only with
/// what opens the seal, unless the server opens it by itself: who opens it stays the same. Fails
/// with `InvalidSealException` if that does not open it, and with `ThrottlingException` while
/// another change runs and for a time that grows with each wrong secret. The secret is not in the
/// record.
#[derive(Debug)]
pub(crate) struct RotateRootKey;

impl Operation for RotateRootKey {
    const SERVICE: Service = Service::Strongroom;
    const NAME: &'static str = "RotateRootKey";
    const ACTIONS: &'static [&'static Action] = &[&ROTATE_ROOT_KEY];
    const KIND: Kind = Kind::Mutating;
    type Input = RotateRootKeyInput;
    type Output = SealChangedOutput;
    type Target = ();
    type Error = Error;

    async fn resolve(_ctx: &Ctx, _input: &Self::Input) -> Result<(Needs, ()), Error> {
        Ok((Needs::one(Need::anywhere(&ROTATE_ROOT_KEY)), ()))
    }

    async fn handle(
        ctx: &Ctx,
        _permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        change(ctx, "RotateRootKey", move |seals| {
            let current = input.current.as_ref().map(SecretText::expose);
            seals.rotate(current)
        })
        .await
    }

    fn event(_input: &Self::Input, output: Option<&Self::Output>) -> EventDetail {
        EventDetail {
            request: json!({}),
            response: output.map_or(Value::Null, shown),
            ..EventDetail::default()
        }
    }
}
