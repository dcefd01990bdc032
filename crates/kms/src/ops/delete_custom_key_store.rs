//! `DeleteCustomKeyStore`: ends a custom key store, and leaves what is behind it as it is.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::kms::{DeleteCustomKeyStoreRequest, DeleteCustomKeyStoreResponse};
use store::Batch;
use types::Service;

use crate::key_stores::{
    KEY_STORES, KeyStoreError, STORE_SECRETS, check_disconnected, event_about, holds_keys,
    need_about, note_store, of_caller, store_row,
};
use crate::{Error, actions};

/// Deletes an empty store and its credential.
///
/// Fails with `CustomKeyStoreNotFoundException`, with `CustomKeyStoreInvalidStateException`
/// unless the store is disconnected, and with `CustomKeyStoreHasCMKsException` as long as there
/// are keys in it, those that are being deleted included.
#[derive(Debug)]
pub struct DeleteCustomKeyStore;

impl Operation for DeleteCustomKeyStore {
    const SERVICE: Service = Service::Kms;
    const NAME: &'static str = "DeleteCustomKeyStore";
    const ACTIONS: &'static [&'static Action] = &[&actions::DELETE_CUSTOM_KEY_STORE];
    const KIND: Kind = Kind::Mutating;
    type Input = DeleteCustomKeyStoreRequest;
    type Output = DeleteCustomKeyStoreResponse;
    type Target = ();
    type Error = Error;

    async fn resolve(_ctx: &Ctx, _input: &Self::Input) -> Result<(Needs, Self::Target), Error> {
        Ok((need_about(&actions::DELETE_CUSTOM_KEY_STORE), ()))
    }

    async fn handle(
        ctx: &Ctx,
        _permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let store = of_caller(ctx, &input.custom_key_store_id)?;
        check_disconnected(&store.record)?;
        if holds_keys(ctx.view(), &store.record) {
            return Err(KeyStoreError::HasKeys.into());
        }
        let record = &store.record;
        let row = store_row(record.account, &record.region, &record.id);
        let mut effect = Batch::default();
        effect.delete(&STORE_SECRETS, row.clone());
        effect.delete(&KEY_STORES, row);
        let answer = DeleteCustomKeyStoreResponse {};
        Ok(note_store(Reply::write(answer, effect), record))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        event_about(&input.custom_key_store_id).request()
    }
}
