//! `RewrapSeal`: puts the root key under another seal, while the server goes on.

use std::sync::Arc;

use pipeline::{Ctx, EventDetail, Kind, Need, Needs, Operation, Permit, Reply};
use policy::Action;
use serde_json::{Value, json};
use shapes::strongroom::{RewrapSealInput, SealChangedOutput, SecretText};
use types::{Principal, Service};

use crate::Error;
use crate::intent::carry_out;
use crate::seals::{SealKind, SealRefused, SealState, Seals};

static REWRAP_SEAL: Action = Action::from_static("strongroom:RewrapSeal");

/// Puts the root key under a new key file or passphrase; what opened the seal before does not
/// open it any more.
///
/// Only principals of the first account may call it, if their policies allow it, and only with
/// what opens the seal now: neither is enough alone. Fails with `InvalidSealException` if that
/// does not open it or the new one cannot be used, with `SealHeldElsewhereException` under a KMS
/// elsewhere or a token, whose holder would else not be asked, with `ThrottlingException` while
/// another change runs and for a time that grows with each wrong secret, and with
/// `ValidationException` for an unknown kind of seal. Neither secret is in the record.
#[derive(Debug)]
pub(crate) struct RewrapSeal;

impl Operation for RewrapSeal {
    const SERVICE: Service = Service::Strongroom;
    const NAME: &'static str = "RewrapSeal";
    const ACTIONS: &'static [&'static Action] = &[&REWRAP_SEAL];
    const KIND: Kind = Kind::Mutating;
    type Input = RewrapSealInput;
    type Output = SealChangedOutput;
    type Target = ();
    type Error = Error;

    async fn resolve(_ctx: &Ctx, _input: &Self::Input) -> Result<(Needs, ()), Error> {
        Ok((Needs::one(Need::anywhere(&REWRAP_SEAL)), ()))
    }

    async fn handle(
        ctx: &Ctx,
        _permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let kind = match input.new_kind.as_str() {
            "key-file" => SealKind::KeyFile,
            "passphrase" => SealKind::Passphrase,
            _ => {
                let kind = input.new_kind;
                return Err(Error::SealKind { kind });
            }
        };
        change(ctx, "RewrapSeal", move |seals| {
            let current = input.current.as_ref().map(SecretText::expose);
            seals.rewrap(current, kind, input.new.expose())
        })
        .await
    }

    fn event(input: &Self::Input, output: Option<&Self::Output>) -> EventDetail {
        EventDetail {
            request: json!({ "newKind": input.new_kind }),
            response: output.map_or(Value::Null, shown),
            ..EventDetail::default()
        }
    }
}

/// What the record shows of a changed seal.
pub(crate) fn shown(output: &SealChangedOutput) -> Value {
    json!({ "kind": output.kind, "rootKeyGeneration": output.root_key_generation })
}

/// Changes the seal beside the async threads, and records its beginning and its end as `what`.
pub(crate) async fn change(
    ctx: &Ctx,
    what: &'static str,
    change: impl FnOnce(&dyn crate::KeepSeal) -> Result<SealState, SealRefused> + Send + 'static,
) -> Result<Reply<SealChangedOutput>, Error> {
    let part = ctx.part::<Seals>();
    let Seals(seals) = part.map_err(|missing| Error::Seal(Box::new(missing)))?;
    let account = ctx.account().ok_or(Error::NoAccount)?;
    if seals.owner(ctx.view()) != Some(account) {
        return Err(Error::NotTheFirstAccount);
    }
    let seals = Arc::clone(seals);
    let turn = seals.turn(&who(&ctx.caller().principal));
    let mut turn = turn.map_err(|wait| {
        let seconds = wait.as_millis().div_ceil(1000);
        Error::SealTooSoon {
            seconds: u64::try_from(seconds).unwrap_or(u64::MAX),
        }
    })?;
    let work = move || {
        let changed = change(&*seals);
        match &changed {
            Ok(_) => turn.tried(false),
            Err(SealRefused::Wrong) => turn.tried(true),
            Err(_) => {}
        }
        changed
    };
    let outcome = |changed: &Result<_, SealRefused>| match changed {
        Ok(_) => "changed",
        Err(_) => "unchanged",
    };
    let changed = carry_out(ctx, account, what, json!({}), work, outcome).await?;
    let state = changed.map_err(|refused| match refused {
        SealRefused::Wrong => Error::WrongSeal,
        SealRefused::Secret => Error::SealSecret,
        SealRefused::Unusable => Error::UnusableSeal,
        SealRefused::Elsewhere => Error::SealElsewhere,
        SealRefused::Failed(source) => Error::Seal(source),
    })?;
    Ok(Reply::read(SealChangedOutput {
        kind: state.kind.to_owned(),
        root_key_generation: state.generation,
    }))
}

/// Who a wrong secret counts against: a role, and not its sessions, of which anybody who may take
/// it makes as many as he likes.
fn who(principal: &Principal) -> String {
    match principal {
        Principal::AssumedRole { role_arn, .. } => role_arn.to_string(),
        Principal::FederatedUser { account, .. } => account.to_string(),
        Principal::Root { .. }
        | Principal::User { .. }
        | Principal::WebIdentity(_)
        | Principal::Service { .. } => principal.display_name(),
    }
}
