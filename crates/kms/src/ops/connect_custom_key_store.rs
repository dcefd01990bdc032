//! `ConnectCustomKeyStore`: makes the keys in a custom key store available.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::kms::{ConnectCustomKeyStoreRequest, ConnectCustomKeyStoreResponse};
use types::Service;

use crate::key_stores::{
    Connection, KeyStoreError, Outside, StoreKind, connection_changed, event_about, need_about,
    note_store, of_caller,
};
use crate::{Error, actions};

/// Begins to connect a store, and answers before it is: `DescribeCustomKeyStores` tells when it
/// is, or why it failed. A store that is connected or connecting stays so.
///
/// Fails with `CustomKeyStoreNotFoundException`, with `CustomKeyStoreInvalidStateException` for
/// one that is being disconnected or has failed (which is to be disconnected first), and with
/// `CloudHsmClusterNotActiveException` or `CloudHsmClusterInvalidConfigurationException` if the
/// token is not there or lacks something.
#[derive(Debug)]
pub struct ConnectCustomKeyStore;

impl Operation for ConnectCustomKeyStore {
    const SERVICE: Service = Service::Kms;
    const NAME: &'static str = "ConnectCustomKeyStore";
    const ACTIONS: &'static [&'static Action] = &[&actions::CONNECT_CUSTOM_KEY_STORE];
    const KIND: Kind = Kind::Mutating;
    type Input = ConnectCustomKeyStoreRequest;
    type Output = ConnectCustomKeyStoreResponse;
    type Target = ();
    type Error = Error;

    async fn resolve(_ctx: &Ctx, _input: &Self::Input) -> Result<(Needs, Self::Target), Error> {
        Ok((need_about(&actions::CONNECT_CUSTOM_KEY_STORE), ()))
    }

    async fn handle(
        ctx: &Ctx,
        _permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let store = of_caller(ctx, &input.custom_key_store_id)?;
        let answer = ConnectCustomKeyStoreResponse {};
        let refused = |state| KeyStoreError::State {
            state,
            needed: "disconnected",
        };
        match &store.record.connection {
            Connection::Disconnected => {}
            Connection::Connecting | Connection::Connected => {
                return Ok(note_store(Reply::read(answer), &store.record));
            }
            Connection::Failed { .. } => return Err(refused("failed").into()),
            Connection::Disconnecting => return Err(refused("being disconnected").into()),
        }
        // What the configuration does not name any more fails while connecting, as CLUSTER_NOT_FOUND.
        if let StoreKind::Token { cluster, .. } = &store.record.kind {
            let (record, outside) = (&store.record, ctx.part::<Outside>()?);
            if let Ok(cluster) = outside.cluster(cluster, record.account, &record.region) {
                outside.probe(cluster).await?;
            }
        }
        let effect = connection_changed(&store, Connection::Connecting);
        Ok(note_store(Reply::write(answer, effect), &store.record))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        event_about(&input.custom_key_store_id).request()
    }
}
