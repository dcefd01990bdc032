//! `RejectResourceShareInvitation`: the caller's account does not take part in a share.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::ram::{RejectResourceShareInvitationRequest, RejectResourceShareInvitationResponse};
use types::Service;

use crate::actions::REJECT_RESOURCE_SHARE_INVITATION;
use crate::event::{self, Fields};
use crate::invitations::Invited;
use crate::records::Answer;
use crate::{Error, shape};

/// Rejects an invitation.
///
/// Fails with `ResourceShareInvitationArnNotFoundException` for an invitation that the caller's
/// account has not got or that was withdrawn, and with the exception that says so if it was
/// answered before or has expired.
#[derive(Debug)]
pub(crate) struct RejectResourceShareInvitation;

impl Operation for RejectResourceShareInvitation {
    const SERVICE: Service = Service::Ram;
    const NAME: &'static str = "RejectResourceShareInvitation";
    const ACTIONS: &'static [&'static Action] = &[&REJECT_RESOURCE_SHARE_INVITATION];
    const KIND: Kind = Kind::Mutating;
    type Input = RejectResourceShareInvitationRequest;
    type Output = RejectResourceShareInvitationResponse;
    type Target = Invited;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Invited), Error> {
        let invited = Invited::find(ctx, &input.resource_share_invitation_arn)?;
        let need = invited.need(&REJECT_RESOURCE_SHARE_INVITATION);
        Ok((Needs::one(need), invited))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let detail = Self::event(&input, None);
        let call = (Self::NAME, input.client_token.as_deref(), &detail);
        let (invitation, effect) = permit.target().answer(ctx, Answer::Rejected, call)?;
        let answer = RejectResourceShareInvitationResponse {
            resource_share_invitation: Some(shape::invitation(&invitation, ctx.time())),
            client_token: input.client_token,
        };
        Ok(match effect {
            Some(batch) => Reply::write(answer, batch),
            None => Reply::read(answer),
        })
    }

    fn only_takes_away(_input: &Self::Input) -> bool {
        true
    }

    fn event(input: &Self::Input, output: Option<&Self::Output>) -> EventDetail {
        let invitation = output.and_then(|output| output.resource_share_invitation.as_ref());
        Fields::default()
            .maybe(
                "resourceShareInvitationArn",
                &input.resource_share_invitation_arn,
            )
            .maybe("clientToken", &input.client_token)
            .answered(invitation.map(event::invitation))
    }
}
