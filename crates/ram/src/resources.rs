//! What can be shared: which resources there are is known to the services that own them.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use pipeline::Ctx;
use store::View;
use types::{AccountId, Arn, PARTITION};

use crate::Error;
use crate::bounds::bounded;
use crate::permissions::ResourceType;

/// A service whose resources can be shared.
pub trait ShareableResources: fmt::Debug + Send + Sync {
    /// Whether the resource at `arn` exists as `view` shows it. Of another service's resources
    /// it says no.
    fn exists(&self, view: &View, arn: &Arn) -> bool;

    /// The ARN that policies are decided on for the resource that a caller calls `arn`; `None` if
    /// that is not one of the service's own. A caller may write a name in another case.
    fn canonical(&self, arn: &Arn) -> Option<Arn>;
}

/// The services whose resources can be shared, as a shared part.
#[derive(Debug, Default)]
pub struct Shareable(pub Vec<Arc<dyn ShareableResources>>);

/// Reads the ARNs of resources that a caller names, each once and as the service that owns the
/// resource writes it.
///
/// Fails with `MalformedArnException`, with `InvalidParameterException` for what cannot be shared
/// and for what is in another region, and as [`bounded`] does.
pub(crate) fn named(ctx: &Ctx, texts: Option<&[String]>) -> Result<Vec<Arn>, Error> {
    let Shareable(services) = ctx.part()?;
    let (mut arns, mut seen) = (Vec::new(), BTreeSet::new());
    for text in bounded("resourceArns", texts)? {
        let arn: Arn = text.parse().map_err(|_source| Error::malformed_arn(text))?;
        if arn.partition() != PARTITION || arn.account().is_none() {
            return Err(Error::malformed_arn(text));
        }
        if ResourceType::of(&arn).is_none() {
            return Err(Error::invalid(format!(
                "`{text}` is not of a type that can be shared"
            )));
        }
        if arn.region() != ctx.region().as_str() {
            return Err(Error::invalid(format!(
                "`{text}` is not in region {}",
                ctx.region()
            )));
        }
        let mut services = services.iter();
        let canonical = services.find_map(|service| service.canonical(&arn));
        let arn = canonical.unwrap_or(arn);
        if seen.insert(arn.clone()) {
            arns.push(arn);
        }
    }
    Ok(arns)
}

/// Checks that every resource exists and belongs to `owner`.
///
/// Fails with `UnknownResourceException`. Only for callers who may share them.
pub(crate) fn check(ctx: &Ctx, owner: AccountId, arns: &[Arn]) -> Result<(), Error> {
    match missing(ctx, owner, arns)? {
        Some(arn) => Err(Error::Unknown {
            what: format!("Resource {arn}"),
        }),
        None => Ok(()),
    }
}

/// The first of the resources that does not exist or does not belong to `owner`. Only for callers
/// who may share them.
pub(crate) fn missing<'a>(
    ctx: &Ctx,
    owner: AccountId,
    arns: &'a [Arn],
) -> Result<Option<&'a Arn>, Error> {
    let Shareable(services) = ctx.part()?;
    Ok(arns.iter().find(|arn| {
        let mut services = services.iter();
        let exists = services.any(|service| service.exists(ctx.view(), arn));
        arn.account() != Some(owner) || !exists
    }))
}
