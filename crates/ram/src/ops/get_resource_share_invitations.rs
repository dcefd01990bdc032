//! `GetResourceShareInvitations`: the invitations that an account has got.

use std::collections::BTreeSet;

use pipeline::{Ctx, EventDetail, Kind, Need, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::ram::{GetResourceShareInvitationsRequest, GetResourceShareInvitationsResponse};
use types::Service;

use crate::actions::GET_RESOURCE_SHARE_INVITATIONS;
use crate::bounds::bounded;
use crate::event::Fields;
use crate::invitations::Invited;
use crate::records::{INVITATIONS, invitations_to};
use crate::shares::Named;
use crate::{Error, listing, shape};

/// Lists the invitations that the caller's account has got, answered and expired ones included.
///
/// Fails with `ResourceShareInvitationArnNotFoundException` for one that is named but not among
/// them.
#[derive(Debug)]
pub(crate) struct GetResourceShareInvitations;

impl Operation for GetResourceShareInvitations {
    const SERVICE: Service = Service::Ram;
    const NAME: &'static str = "GetResourceShareInvitations";
    const ACTIONS: &'static [&'static Action] = &[&GET_RESOURCE_SHARE_INVITATIONS];
    const KIND: Kind = Kind::ReadOnly;
    type Input = GetResourceShareInvitationsRequest;
    type Output = GetResourceShareInvitationsResponse;
    type Target = ();
    type Error = Error;

    async fn resolve(_ctx: &Ctx, _input: &Self::Input) -> Result<(Needs, ()), Error> {
        let need = Need::anywhere(&GET_RESOURCE_SHARE_INVITATIONS);
        Ok((Needs::one(need), ()))
    }

    async fn handle(
        ctx: &Ctx,
        _permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let account = ctx.account().ok_or(Error::NoAccount)?;
        let mut named = BTreeSet::new();
        let texts = input.resource_share_invitation_arns.as_deref();
        for text in bounded("resourceShareInvitationArns", texts)? {
            let invited = Invited::find(ctx, text)?;
            named.insert(invited.invitation()?.id.clone());
        }
        let mut shares = BTreeSet::new();
        let texts = input.resource_share_arns.as_deref();
        for text in bounded("resourceShareArns", texts)? {
            shares.insert(Named::find(ctx, text)?.arn);
        }
        let prefix = invitations_to(account, ctx.region());
        let rows = ctx.view().scan(&INVITATIONS, &prefix, None);
        let chosen = rows.map(|(_, row)| row.record).filter(|invitation| {
            (named.is_empty() || named.contains(&invitation.id))
                && (shares.is_empty() || shares.contains(&invitation.share_arn()))
        });
        let all = chosen.map(|invitation| {
            let shown = shape::invitation(invitation, ctx.time());
            (invitation.id.clone(), shown)
        });
        let detail = Self::event(&input, None);
        let page = (input.next_token.as_deref(), input.max_results);
        let cut = listing::page(Self::NAME, detail, page, all)?;
        Ok(Reply::read(GetResourceShareInvitationsResponse {
            resource_share_invitations: Some(cut.items),
            next_token: cut.marker,
        }))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        Fields::default()
            .maybe(
                "resourceShareInvitationArns",
                &input.resource_share_invitation_arns,
            )
            .maybe("resourceShareArns", &input.resource_share_arns)
            .maybe("nextToken", &input.next_token)
            .maybe("maxResults", input.max_results)
            .request()
    }
}
