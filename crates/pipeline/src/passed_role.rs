//! The role that a caller passes to a service: whether the service may assume it, and what it
//! then does as that role.

use std::sync::Arc;

use policy::{Action, Beside, Policies, Request, ResourcePolicy};
use types::{Arn, Principal, Service};

use crate::authorize::{attach_levels, levels};
use crate::sources::Principals;
use crate::{ByService, Caller, Ctx, Failure, KeySet, MissingPart, record};

static ASSUME_ROLE: Action = Action::from_static("sts:AssumeRole");

/// Whether the trust policy of the role at `role` and the resource control policies of its account
/// let `service` assume it on behalf of the resource at `source`.
///
/// This grants nothing. It serves operations that were already granted `iam:PassRole`, and
/// that AWS refuses for a role which does not exist or does not trust the service. Fails if the deployment has no
/// part that knows roles.
pub fn service_may_assume(
    ctx: &Ctx,
    role: &Arn,
    service: Service,
    source: &Arn,
) -> Result<bool, MissingPart> {
    let directory = &ctx.part::<Principals>()?.0;
    let Some(trust) = directory.trust_policy(ctx.view(), role) else {
        return Ok(false);
    };
    let name = service.principal();
    let text = |truth: bool| if truth { "true" } else { "false" };
    let keys = KeySet::default()
        .one("aws:currenttime", ctx.time().to_iso8601())
        .one("aws:epochtime", ctx.time().seconds().to_string())
        .one("aws:requestedregion", ctx.region().as_str())
        .one("aws:securetransport", text(true))
        .one("aws:principalisawsservice", text(true))
        .one("aws:principalservicename", name)
        .many("aws:principalservicenameslist", vec![name.to_owned()])
        .one("aws:viaawsservice", text(false))
        .one("aws:sourcearn", source.as_str())
        .maybe(
            "aws:sourceaccount",
            source.account().map(|account| account.to_string()),
        )
        .maybe(
            "aws:resourceaccount",
            role.account().map(|account| account.to_string()),
        );
    let keys = in_organization(ctx, keys, source, ["aws:sourceorgid", "aws:sourceorgpaths"]);
    let keys = in_organization(
        ctx,
        keys,
        role,
        ["aws:resourceorgid", "aws:resourceorgpaths"],
    );
    let request = Request {
        principal: &Principal::Service { name },
        action: &ASSUME_ROLE,
        resource: Some(role),
        resource_account: role.account(),
        keys: &keys,
    };
    let bounds = role.account().map(|account| ctx.bounds(account));
    let resource_control = bounds
        .as_ref()
        .map_or(&[][..], |bounds| &bounds.resource_control);
    let resource_control = attach_levels(resource_control);
    let policies = Policies {
        resource: ResourcePolicy::Trust(&trust),
        resource_control: &levels(&resource_control),
        ..Policies::NONE
    };
    let decided = ctx.steps().decide(|steps| {
        let beside = Beside {
            steps: Some(steps),
            ..Beside::default()
        };
        policy::evaluate_with(&request, &policies, &beside)
    });
    Ok(decided.is_allowed())
}

/// The session of a role that a service has assumed.
///
/// It belongs to the request on whose snapshot the role's trust policy let the service in, and
/// acts on that snapshot only.
#[derive(Debug)]
pub struct PassedRole<'c> {
    ctx: &'c Ctx,
    caller: Arc<Caller>,
    service: Service,
}

impl<'c> PassedRole<'c> {
    /// Assumes the role at `role` as `service`, for the resource at `source`, in a session of
    /// this name; leaves the record of an `AssumeRole` in the history of the role's account.
    ///
    /// `None` if there is no such role or its trust policy does not let the service assume it.
    /// Only for operations that were granted `iam:PassRole` on the role, then or when the
    /// resource was made.
    pub fn assume(
        ctx: &'c Ctx,
        role: &Arn,
        service: Service,
        (source, session): (&Arn, &str),
    ) -> Result<Option<Self>, Failure> {
        let assumed = Self::unrecorded(ctx, role, service, (source, session))?;
        if let Some(assumed) = &assumed {
            let caller = &assumed.caller.principal;
            record::role_assumed(ctx, (service, source), (role, session), caller)?;
        }
        Ok(assumed)
    }

    /// The same without a record: for looking at what the role may do, and doing nothing.
    pub(crate) fn unrecorded(
        ctx: &'c Ctx,
        role: &Arn,
        service: Service,
        (source, session): (&Arn, &str),
    ) -> Result<Option<Self>, MissingPart> {
        if !service_may_assume(ctx, role, service, source)? {
            return Ok(None);
        }
        let directory = &ctx.part::<Principals>()?.0;
        let name = role.resource().rsplit('/').next();
        let (Some(account), Some(role_id), Some(name)) =
            (role.account(), directory.unique_id(ctx.view(), role), name)
        else {
            return Ok(None);
        };
        let principal = Principal::AssumedRole {
            account,
            role_arn: role.clone(),
            role_id,
            role_name: name.to_owned(),
            session: session.to_owned(),
        };
        let caller = Arc::new(Caller::new(principal, None));
        Ok(Some(Self {
            ctx,
            caller,
            service,
        }))
    }

    /// What the service does in this session; see [`crate::call`].
    pub fn by(&self) -> ByService<'c> {
        self.ctx.in_role(self.service, Arc::clone(&self.caller))
    }
}

/// Adds where the account that `arn` names is in the organization, under the names of the two
/// keys that say so.
fn in_organization(ctx: &Ctx, keys: KeySet, arn: &Arn, [id, paths]: [&'static str; 2]) -> KeySet {
    let Some(account) = arn.account() else {
        return keys;
    };
    let bounds = ctx.bounds(account);
    let path = bounds.path.iter().cloned().collect();
    keys.maybe(id, bounds.organization.clone())
        .many(paths, path)
}
