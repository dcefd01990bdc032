//! Calls that one service makes to another on the caller's behalf.

use crate::context::OnBehalf;
use crate::execute::attempt;
use crate::{Failure, Operation};

/// Runs `O` as the service of `on_behalf` for its caller, through the same pipeline.
///
/// The inner call is decided from the outer call's snapshot, as the caller, with
/// `kms:ViaService` and `aws:ViaAWSService` set. Its changes and its audit record are
/// committed with the outer call; if that fails, only the record is.
pub async fn call<O: Operation>(
    on_behalf: OnBehalf<'_>,
    input: O::Input,
) -> Result<O::Output, Failure> {
    let ctx = on_behalf.context();
    let (result, mut batch) = attempt::<O>(&ctx, input).await;
    batch.require_all(ctx.view().reads());
    on_behalf.parent.absorb(batch);
    result
}
