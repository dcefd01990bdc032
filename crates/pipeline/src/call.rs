//! Calls that one service makes to another, on the caller's behalf or in its own name.

use crate::context::ByService;
use crate::execute::{Attempt, attempt};
use crate::{Failure, Operation};

/// Runs `O` as the service of `by`, through the same pipeline.
///
/// The inner call is decided from the outer call's snapshot: on the caller's behalf as the
/// caller, with `kms:ViaService` and `aws:ViaAWSService` set; in the service's own name as the
/// service, with `aws:SourceArn` and `aws:SourceAccount`. Its changes and its audit record are
/// committed with the outer call; if that fails, the record is only if the inner call changed
/// nothing: what was never done is not told.
pub async fn call<O: Operation>(by: ByService<'_>, input: O::Input) -> Result<O::Output, Failure> {
    let ctx = by.context();
    let Attempt {
        result, mut batch, ..
    } = attempt::<O>(&ctx, input).await;
    batch.require_all(ctx.view().reads());
    by.parent.absorb(batch);
    by.parent.wait_for(&ctx, result.is_ok());
    result
}
