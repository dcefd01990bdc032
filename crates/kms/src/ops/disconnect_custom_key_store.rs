//! `DisconnectCustomKeyStore`: makes the keys in a custom key store unavailable.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::kms::{DisconnectCustomKeyStoreRequest, DisconnectCustomKeyStoreResponse};
use types::Service;

use crate::key_stores::{
    Connection, KeyStoreError, connection_changed, event_about, need_about, note_store, of_caller,
};
use crate::{Error, actions};

/// Disconnects a store, or ends a connection that has failed. Its keys are unavailable when this
/// answers, and so is everything that was unwrapped under them.
///
/// Fails with `CustomKeyStoreNotFoundException`, and with `CustomKeyStoreInvalidStateException`
/// for a store that is disconnected or about to be.
#[derive(Debug)]
pub struct DisconnectCustomKeyStore;

impl Operation for DisconnectCustomKeyStore {
    const SERVICE: Service = Service::Kms;
    const NAME: &'static str = "DisconnectCustomKeyStore";
    const ACTIONS: &'static [&'static Action] = &[&actions::DISCONNECT_CUSTOM_KEY_STORE];
    const KIND: Kind = Kind::Mutating;
    type Input = DisconnectCustomKeyStoreRequest;
    type Output = DisconnectCustomKeyStoreResponse;
    type Target = ();
    type Error = Error;

    async fn resolve(_ctx: &Ctx, _input: &Self::Input) -> Result<(Needs, Self::Target), Error> {
        Ok((need_about(&actions::DISCONNECT_CUSTOM_KEY_STORE), ()))
    }

    async fn handle(
        ctx: &Ctx,
        _permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let store = of_caller(ctx, &input.custom_key_store_id)?;
        let refused = |state| KeyStoreError::State {
            state,
            needed: "connected",
        };
        match &store.record.connection {
            Connection::Connected | Connection::Connecting | Connection::Failed { .. } => {}
            Connection::Disconnected => return Err(refused("disconnected").into()),
            Connection::Disconnecting => return Err(refused("being disconnected").into()),
        }
        let effect = connection_changed(&store, Connection::Disconnecting);
        let answer = DisconnectCustomKeyStoreResponse {};
        Ok(note_store(Reply::write(answer, effect), &store.record))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        event_about(&input.custom_key_store_id).request()
    }
}
