//! `ListPendingInvitationResources`: what an invitation is about.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::ram::{
    ListPendingInvitationResourcesRequest, ListPendingInvitationResourcesResponse,
    ResourceRegionScopeFilter,
};
use types::Service;

use crate::actions::LIST_PENDING_INVITATION_RESOURCES;
use crate::event::Fields;
use crate::invitations::Invited;
use crate::records::Answer;
use crate::{Error, listing, shape};

/// Lists the resources of the share that the caller's account is invited to; none once it has
/// accepted.
///
/// Fails with `ResourceShareInvitationArnNotFoundException` for an invitation that it has not
/// got, and with the exception that says so if it has expired or was rejected.
#[derive(Debug)]
pub(crate) struct ListPendingInvitationResources;

impl Operation for ListPendingInvitationResources {
    const SERVICE: Service = Service::Ram;
    const NAME: &'static str = "ListPendingInvitationResources";
    const ACTIONS: &'static [&'static Action] = &[&LIST_PENDING_INVITATION_RESOURCES];
    const KIND: Kind = Kind::ReadOnly;
    type Input = ListPendingInvitationResourcesRequest;
    type Output = ListPendingInvitationResourcesResponse;
    type Target = Invited;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Invited), Error> {
        let invited = Invited::find(ctx, &input.resource_share_invitation_arn)?;
        let need = invited.need(&LIST_PENDING_INVITATION_RESOURCES);
        Ok((Needs::one(need), invited))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let invited = permit.target();
        let invitation = invited.invitation()?;
        match invitation.answer {
            Some(Answer::Rejected) => return Err(Error::AlreadyRejected),
            None if invitation.is_expired(ctx.time()) => return Err(Error::InvitationExpired),
            Some(Answer::Accepted) | None => {}
        }
        // Of an invitation that was accepted nothing is pending: what the share has now is for
        // those to see who still take part.
        let pending = invitation.answer.is_none();
        let share = invited.share(ctx).filter(|_| pending);
        // Everything that can be shared here belongs to a region.
        let global = input.resource_region_scope == Some(ResourceRegionScopeFilter::Global);
        let share = share.as_ref().filter(|_| !global);
        let all = share.into_iter().flat_map(|share| {
            let resources = share.resources.keys();
            resources.map(|arn| (arn.to_string(), shape::resource(share, arn, None)))
        });
        let detail = Self::event(&input, None);
        let page = (input.next_token.as_deref(), input.max_results);
        let cut = listing::page(Self::NAME, detail, page, all)?;
        Ok(Reply::read(ListPendingInvitationResourcesResponse {
            resources: Some(cut.items),
            next_token: cut.marker,
        }))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        Fields::default()
            .maybe(
                "resourceShareInvitationArn",
                &input.resource_share_invitation_arn,
            )
            .maybe("resourceRegionScope", input.resource_region_scope)
            .maybe("nextToken", &input.next_token)
            .maybe("maxResults", input.max_results)
            .request()
    }
}
