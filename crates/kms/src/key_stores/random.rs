//! Random bytes of a token.

use crypto::SecretBytes;
use pipeline::Ctx;

use super::record::StoreKind;
use super::tokens::{store_failure, store_lost};
use super::{Outside, check_connected, of_caller};
use crate::Error;

/// `length` bytes of the generator of the token behind the caller's store `id`.
///
/// Fails with `CustomKeyStoreNotFoundException`, with `UnsupportedOperationException` for an
/// external key store, with `CustomKeyStoreInvalidStateException` unless the store is connected,
/// and as the token does.
pub(crate) async fn random(ctx: &Ctx, id: &str, length: usize) -> Result<SecretBytes, Error> {
    let store = of_caller(ctx, id)?;
    let StoreKind::Token { cluster, .. } = &store.record.kind else {
        let what = "GenerateRandom with an external key store";
        return Err(Error::Unsupported(what.into()));
    };
    check_connected(&store.record)?;
    let secret = store.secret(ctx.view())?;
    let token = ctx.part::<Outside>()?.token(&store, cluster, &secret);
    let token = token.map_err(store_lost)?;
    let drawn = token.run(move |session| session.random(length)).await;
    drawn.map_err(store_failure)
}
