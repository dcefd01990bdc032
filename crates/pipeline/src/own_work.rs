//! What services do of their own accord, which no caller asks for: background work.

use std::sync::Arc;

use store::{Batch, CommitError, Committed, Lane, View};
use tracing::error;
use types::{Arn, Entropy, Region, RequestId, Service, Timestamp};

use crate::authorize::authorize_at_once;
use crate::error::Denial;
use crate::written::Share;
use crate::{
    Caller, Ctx, Failure, MissingPart, Needs, Operation, Origin, PassedRole, Services, record,
};

/// Work of a service for one resource, in the service's own name.
///
/// Nothing is allowed to it but what the policies and grants of a resource allow the service:
/// it has no identity policies.
#[derive(Debug)]
pub struct OwnWork {
    ctx: Ctx,
    service: Service,
    source: Arn,
}

/// What a role that was passed to a service may do: its rights count, not the service's.
#[derive(Debug)]
pub struct RoleWork {
    ctx: Ctx,
}

impl RoleWork {
    /// What the work sees.
    pub fn view(&self) -> &View {
        self.ctx.view()
    }

    /// Decides `needs`; grants nothing, and records nothing.
    ///
    /// Fails with the first denial.
    pub fn decide(&self, needs: &Needs) -> Result<(), Box<Denial>> {
        let bounds = self.ctx.caller_bounds();
        authorize_at_once(&self.ctx, needs, bounds.as_ref(), false)
            .map(drop)
            .map_err(Box::new)
    }
}

impl OwnWork {
    /// Work of `service` in `region` for the resource at `source`, which policies see as
    /// `aws:SourceArn`, on what the store holds now.
    pub fn new(services: &Arc<Services>, service: Service, region: &Region, source: Arn) -> Self {
        let view = View::plain(services.store().snapshot());
        Self::seeing(view, services, service, region, source)
    }

    /// The same for work that changes something: whatever it reads is a precondition of its
    /// commit.
    pub fn changing(
        services: &Arc<Services>,
        service: Service,
        region: &Region,
        source: Arn,
    ) -> Self {
        let view = View::recording(services.store().snapshot());
        Self::seeing(view, services, service, region, source)
    }

    fn seeing(
        view: View,
        services: &Arc<Services>,
        service: Service,
        region: &Region,
        source: Arn,
    ) -> Self {
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
            ctx: ctx.about(source.clone()),
            service,
            source,
        }
    }

    /// The session of the role at `role`, which was passed to the service for the resource that
    /// it works for.
    ///
    /// `None` if the service may not assume the role now. Fails if the deployment has no part that knows roles.
    pub fn in_role(&self, role: &Arn, session: &str) -> Result<Option<RoleWork>, MissingPart> {
        let of = (&self.source, session);
        let role = PassedRole::unrecorded(&self.ctx, role, self.service, of)?;
        let ctx = role.map(|role| role.by().context());
        // In a closed account nobody acts.
        let open = |ctx: &Ctx| ctx.caller_bounds().is_none_or(|bounds| !bounds.closed);
        Ok(ctx.filter(open).map(|ctx| RoleWork { ctx }))
    }

    /// What the work sees.
    pub fn view(&self) -> &View {
        self.ctx.view()
    }

    /// What outlives the work.
    pub fn services(&self) -> &Arc<Services> {
        self.ctx.services()
    }

    /// When the work began.
    pub fn time(&self) -> Timestamp {
        self.ctx.time()
    }

    /// The source of randomness.
    pub fn entropy(&self) -> &dyn Entropy {
        self.ctx.entropy()
    }

    /// Calls `O` in the service's own name, decided from what the work sees. Its changes and its
    /// record are committed with the work ([`Self::commit`], [`Self::give_up`]).
    ///
    /// Fails as the call does: denied, throttled, or with the operation's own error.
    pub async fn call<O: Operation>(&self, input: O::Input) -> Result<O::Output, Failure> {
        let by = self.ctx.in_own_name(self.service, self.source.clone());
        crate::call::<O>(by, input).await
    }

    /// Has `work` done once the changes of [`Self::commit`] are durable, or if nobody can tell
    /// whether they are; never if that fails.
    pub fn afterwards_or_in_doubt(&self, work: impl FnOnce() + Send + 'static) {
        self.ctx.afterwards_or_in_doubt(work);
    }

    /// Commits `batch` and what the calls have left, if nothing that was read has changed. The
    /// account that owns the resource has caused it: it is taken from what that may write, and
    /// never refused.
    ///
    /// Fails as a commit of the store does, with a conflict if what was read has changed. Then what
    /// the calls changed never was, but those that changed nothing were made, a `Decrypt` for
    /// example, and their records are committed alone.
    pub async fn commit(self, mut batch: Batch) -> Result<Committed, CommitError> {
        let effects = self.ctx.take_effects();
        let records = effects.copy_of_appends();
        batch.merge(effects);
        batch.require_all(self.ctx.view().reads());
        let committed = self.ctx.commit(batch, Share::Permitted).await;
        match &committed {
            Ok(_) => self.ctx.committed(),
            Err(CommitError::Unknown { .. }) => self.ctx.in_doubt(),
            Err(_failed) => self.record_alone(records).await,
        }
        committed
    }

    /// Commits the records of the calls that changed nothing, and no changes.
    pub async fn give_up(self) {
        let records = self.ctx.take_effects().only_appends();
        self.record_alone(records).await;
    }

    async fn record_alone(&self, records: Batch) {
        if records.is_empty() {
            return;
        }
        match self.ctx.commit(records, Share::Permitted).await {
            Ok(_) => self.ctx.recorded(),
            Err(failed) => {
                if matches!(failed, CommitError::Unknown { .. }) {
                    self.ctx.recorded();
                }
                error!(error = %failed, "audit record could not be committed");
            }
        }
    }

    /// Decides `needs`; grants nothing but to go on.
    ///
    /// Fails with the first denial. Nothing is recorded: work that is tried again and again
    /// says with [`Self::record`] what is worth a record.
    pub fn decide(&self, needs: &Needs) -> Result<(), Box<Denial>> {
        authorize_at_once(&self.ctx, needs, None, false)
            .map(drop)
            .map_err(Box::new)
    }

    /// Records that the service was refused what it needed, in the history of the account that
    /// owns the resource it works for. Commits on its own.
    pub async fn record(&self, denial: &Denial, needs: &Needs) {
        // The decision with its reasons, which a repeated one does without.
        let explained = authorize_at_once(&self.ctx, needs, None, true).err();
        let denial = explained.as_ref().unwrap_or(denial);
        record::denied_on_behalf(&self.ctx, denial, needs);
        let mut batch = Batch::new(Lane::Events);
        batch.merge(self.ctx.take_effects());
        if batch.is_empty() {
            return;
        }
        if let Err(failed) = self.ctx.commit(batch, Share::Refused).await {
            error!(error = %failed, "audit record could not be committed");
        }
    }
}
