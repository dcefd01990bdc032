//! `SealServer`: seals the running server, until somebody unseals it.

use std::sync::Arc;

use pipeline::{Ctx, EventDetail, Kind, Need, Needs, Operation, Permit, Reply};
use policy::Action;
use serde_json::{Value, json};
use shapes::strongroom::{SealServerInput, SealServerOutput};
use types::Service;

use crate::Error;
use crate::seals::Seals;

static SEAL_SERVER: Action = Action::from_static("strongroom:SealServer");

/// Seals the server: it lets the calls that have begun end, forgets every key, and from then on
/// answers health and unseal alone. The same passphrase, or shares of it, open it again. Neither
/// the disk, nor what its callers have used up, keeps it from that: if it must, it seals without a
/// record, and the log of the server says so.
///
/// Only principals of the first account may call it, if their policies allow it; no secret is
/// needed. Fails with `SealOpensItselfException` unless the server waits for a passphrase when it
/// starts: one that opens by itself is sealed by stopping it.
#[derive(Debug)]
pub(crate) struct SealServer;

impl Operation for SealServer {
    const SERVICE: Service = Service::Strongroom;
    const NAME: &'static str = "SealServer";
    const ACTIONS: &'static [&'static Action] = &[&SEAL_SERVER];
    const KIND: Kind = Kind::Mutating;
    const EMERGENCY: bool = true;
    type Input = SealServerInput;
    type Output = SealServerOutput;
    type Target = ();
    type Error = Error;

    async fn resolve(_ctx: &Ctx, _input: &Self::Input) -> Result<(Needs, ()), Error> {
        Ok((Needs::one(Need::anywhere(&SEAL_SERVER)), ()))
    }

    async fn handle(
        ctx: &Ctx,
        _permit: Permit<Self>,
        _input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let part = ctx.part::<Seals>();
        let Seals(seals) = part.map_err(|missing| Error::Seal(Box::new(missing)))?;
        let account = ctx.account().ok_or(Error::NoAccount)?;
        if seals.owner(ctx.view()) != Some(account) {
            return Err(Error::NotTheFirstAccount);
        }
        if !seals.waits_for_a_passphrase().map_err(Error::Seal)? {
            return Err(Error::OpensItself);
        }
        // Once the call is recorded, or if it cannot be.
        let seals = Arc::clone(seals);
        ctx.afterwards(move || seals.seal());
        Ok(Reply::read(SealServerOutput { sealed: true }))
    }

    fn event(_input: &Self::Input, output: Option<&Self::Output>) -> EventDetail {
        EventDetail {
            request: json!({}),
            response: output.map_or(Value::Null, |output| json!({ "sealed": output.sealed })),
            ..EventDetail::default()
        }
    }
}
