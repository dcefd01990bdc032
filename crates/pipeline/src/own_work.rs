//! What services do of their own accord, which no caller asks for: background work.

use std::sync::Arc;

use store::View;
use tracing::error;
use types::{Arn, Region, RequestId, Service};

use crate::authorize::authorize;
use crate::error::Denial;
use crate::{Caller, Ctx, Needs, Origin, Services, record};

/// Work of a service for one resource, in the service's own name.
///
/// Nothing is allowed to it but what the policies and grants of a resource allow the service:
/// it has no identity policies.
#[derive(Debug)]
pub struct OwnWork {
    ctx: Ctx,
}

impl OwnWork {
    /// Work of `service` in `region` for the resource at `source`, which policies see as
    /// `aws:SourceArn`, on what the store holds now.
    pub fn new(services: &Arc<Services>, service: Service, region: &Region, source: Arn) -> Self {
        let view = View::plain(services.store().snapshot());
        let id = RequestId::generate(services.entropy());
        let ctx = Ctx::new(
            Arc::clone(services),
            view,
            Caller::of_service(service),
            Origin::default(),
            region.clone(),
            id,
        );
        Self {
            ctx: ctx.about(source),
        }
    }

    /// What the work sees.
    pub fn view(&self) -> &View {
        self.ctx.view()
    }

    /// Decides `needs`; grants nothing but to go on.
    ///
    /// Fails with the first denial. Nothing is recorded: work that is tried again and again
    /// says with [`Self::record`] what is worth a record.
    pub fn decide(&self, needs: &Needs) -> Result<(), Box<Denial>> {
        authorize(&self.ctx, needs, None, false)
            .map(drop)
            .map_err(Box::new)
    }

    /// Records that the service was refused what it needed, in the history of the account that
    /// owns the resource it works for. Commits on its own.
    pub async fn record(&self, denial: &Denial, needs: &Needs) {
        // The decision with its reasons, which a repeated one does without.
        let explained = authorize(&self.ctx, needs, None, true).err();
        let denial = explained.as_ref().unwrap_or(denial);
        record::denied_on_behalf(&self.ctx, denial, needs);
        let batch = self.ctx.take_effects();
        if batch.is_empty() {
            return;
        }
        if let Err(failed) = self.ctx.services().store().commit(batch).await {
            error!(error = %failed, "audit record could not be committed");
        }
    }
}
