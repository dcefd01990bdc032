//! Invitations to the caller's account, and what becomes of an answer.

use std::sync::Arc;

use pipeline::sources::{ResourceFacts, ResourceRule};
use pipeline::{Ctx, EventDetail, KeySet, Need};
use policy::Action;
use store::{Batch, Lane};
use types::{AccountId, Arn, PARTITION};

use crate::records::{
    Answer, INVITATIONS, InvitationRecord, SHARES, ShareRecord, Standing, invitation_row, share_row,
};
use crate::shared::{Change, write_policies};
use crate::tokens::Token;
use crate::{Error, joining};

/// The invitation that a call names; the caller's account may not have got it.
#[derive(Debug)]
pub(crate) struct Invited {
    pub(crate) account: AccountId,
    arn: Arn,
    pub(crate) invitation: Option<Arc<InvitationRecord>>,
}

impl Invited {
    /// Looks `text` up among the invitations of the caller's account.
    ///
    /// Fails with `MalformedArnException` for what is no invitation's ARN.
    pub(crate) fn find(ctx: &Ctx, text: &str) -> Result<Self, Error> {
        let malformed = || Error::malformed_arn(text);
        let account = ctx.account().ok_or(Error::NoAccount)?;
        let arn: Arn = text.parse().map_err(|_source| malformed())?;
        let id = arn.resource_of("resource-share-invitation");
        let id = id.ok_or_else(malformed)?;
        if arn.partition() != PARTITION || arn.service() != "ram" || arn.account().is_none() {
            return Err(malformed());
        }
        let row = invitation_row(account.as_str(), ctx.region().as_str(), id);
        let invitation = ctx.view().get_shared(&INVITATIONS, &row);
        let invitation = invitation.filter(|known| known.arn() == arn);
        Ok(Self {
            account,
            arn,
            invitation,
        })
    }

    /// The need of `action` on it. Its ARN names the sender, but it is the receiver whose
    /// policies decide.
    pub(crate) fn need(&self, action: &'static Action) -> Need {
        let sender = self.arn.account().map(String::from);
        let keys = KeySet::default().maybe("ram:shareowneraccountid", sender);
        Need::on(action, self.arn.clone())
            .with(keys)
            .known(ResourceFacts {
                account: Some(self.account),
                rule: ResourceRule::None,
                keys: None,
            })
    }

    /// The invitation. Fails with `ResourceShareInvitationArnNotFoundException`.
    pub(crate) fn invitation(&self) -> Result<&Arc<InvitationRecord>, Error> {
        let invitation = self.invitation.as_ref();
        invitation.ok_or_else(|| Error::InvitationNotFound {
            arn: self.arn.to_string(),
        })
    }

    /// The share that the invitation is to; `None` once that is deleted.
    pub(crate) fn share(&self, ctx: &Ctx) -> Option<Arc<ShareRecord>> {
        let invitation = self.invitation.as_ref()?;
        let row = share_row(
            invitation.sender.as_str(),
            invitation.region.as_str(),
            &invitation.share,
        );
        ctx.view().get_shared(&SHARES, &row)
    }

    /// The invitation as it is after the call of `operation` that answers it, and what that changes:
    /// nothing, if the client token says that it has answered it before.
    ///
    /// `detail` has the call's parameters. Fails as [`Token::find`] and [`Self::answered`] do.
    pub(crate) fn answer(
        &self,
        ctx: &Ctx,
        answer: Answer,
        (operation, token, detail): (&'static str, Option<&str>, &EventDetail),
    ) -> Result<(Arc<InvitationRecord>, Option<Batch>), Error> {
        let token = Token::find(ctx, self.account, operation, token, detail)?;
        if token.as_ref().is_some_and(|token| token.used_for.is_some()) {
            return Ok((Arc::clone(self.invitation()?), None));
        }
        let (answered, mut batch) = self.answered(ctx, answer)?;
        if let Some(token) = token {
            token.keep(ctx, self.account, &mut batch, &answered.id);
        }
        Ok((Arc::new(answered), Some(batch)))
    }

    /// The invitation with `answer`, and what that changes.
    ///
    /// Fails with the exception that says why it cannot be answered any more, with
    /// `ResourceShareInvitationArnNotFoundException` if the share does not want it any more, and
    /// as [`joining::condition`] does if it is accepted.
    fn answered(&self, ctx: &Ctx, answer: Answer) -> Result<(InvitationRecord, Batch), Error> {
        let invitation = self.invitation()?;
        match invitation.answer {
            Some(Answer::Accepted) => return Err(Error::AlreadyAccepted),
            Some(Answer::Rejected) => return Err(Error::AlreadyRejected),
            None if invitation.is_expired(ctx.time()) => return Err(Error::InvitationExpired),
            None => {}
        }
        let share = self.share(ctx);
        let gone = || Error::InvitationNotFound {
            arn: self.arn.to_string(),
        };
        let mut share = ShareRecord::clone(&*share.ok_or_else(gone)?);
        let organization = match answer {
            Answer::Accepted => joining::condition(ctx.view(), &share)?,
            Answer::Rejected => None,
        };
        let mut principals = share.principals.iter_mut();
        let known = principals
            .find(|known| matches!(&known.standing, Standing::Invited(id) if *id == invitation.id));
        let known = known.ok_or_else(gone)?;
        known.updated = ctx.time();
        known.standing = match answer {
            Answer::Accepted => Standing::Joined { organization },
            Answer::Rejected => Standing::Rejected,
        };
        let mut batch = Batch::new(Lane::Metadata);
        write_policies(&mut batch, ctx, Change::Put(&share), share.resources.keys())?;
        let answered = InvitationRecord {
            answer: Some(answer),
            ..InvitationRecord::clone(invitation)
        };
        batch.put(&SHARES, share.row(), share);
        batch.put(&INVITATIONS, answered.row(), answered.clone());
        Ok((answered, batch))
    }
}
