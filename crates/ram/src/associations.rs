//! Principals and resources of shares, as answers show them.

use pipeline::Ctx;
use shapes::ram::{
    ResourceShareAssociation, ResourceShareAssociationStatus as Status,
    ResourceShareAssociationType as Kind,
};
use types::{Arn, Timestamp};

use crate::event::Fields;
use crate::joining;
use crate::records::{Participant, ShareRecord, Standing};

/// A principal of `share`.
pub(crate) fn of_principal(
    ctx: &Ctx,
    share: &ShareRecord,
    known: &Participant,
) -> ResourceShareAssociation {
    principal(share, known, status_of(ctx, share, known))
}

/// A principal that this very call has added to `share`, or found there: whoever is invited has an
/// invitation that can be accepted, though it may only now be committed, and the view has it not.
pub(crate) fn of_added(share: &ShareRecord, known: &Participant) -> ResourceShareAssociation {
    let status = match &known.standing {
        Standing::Joined { .. } => (Status::Associated, None),
        Standing::Invited(_) => (Status::Associating, None),
        Standing::Rejected => REJECTED,
    };
    principal(share, known, status)
}

/// What is said of those who do not want to take part.
const REJECTED: (Status, Option<&str>) = (
    Status::Failed,
    Some("the invitation to the resource share was rejected"),
);

fn principal(
    share: &ShareRecord,
    known: &Participant,
    (status, message): (Status, Option<&'static str>),
) -> ResourceShareAssociation {
    ResourceShareAssociation {
        associated_entity: Some(known.principal.text().to_owned()),
        association_type: Some(Kind::Principal),
        status: Some(status),
        status_message: message.map(str::to_owned),
        creation_time: Some(known.created),
        last_updated_time: Some(known.updated),
        external: Some(known.external),
        ..about(share)
    }
}

/// A resource of `share`, which is there since `since`.
pub(crate) fn of_resource(
    share: &ShareRecord,
    arn: &Arn,
    since: Timestamp,
) -> ResourceShareAssociation {
    ResourceShareAssociation {
        associated_entity: Some(arn.to_string()),
        association_type: Some(Kind::Resource),
        status: Some(Status::Associated),
        creation_time: Some(since),
        last_updated_time: Some(since),
        external: Some(false),
        ..about(share)
    }
}

/// What `association` is once it has ended at `now`.
pub(crate) fn ended(
    association: ResourceShareAssociation,
    now: Timestamp,
) -> ResourceShareAssociation {
    ResourceShareAssociation {
        status: Some(Status::Disassociated),
        status_message: None,
        last_updated_time: Some(now),
        ..association
    }
}

/// How far a principal is, and why it does not come further. What depends on an organization is
/// there as long as both accounts are in it.
pub(crate) fn status_of(
    ctx: &Ctx,
    share: &ShareRecord,
    known: &Participant,
) -> (Status, Option<&'static str>) {
    match &known.standing {
        Standing::Joined { .. } => (Status::Associated, None),
        Standing::Rejected => REJECTED,
        Standing::Invited(id) => {
            let invitation = joining::invitation_of(ctx, share, known, id);
            if invitation.is_some_and(|invitation| invitation.is_pending(ctx.time())) {
                (Status::Associating, None)
            } else {
                (
                    Status::Failed,
                    Some("the invitation to the resource share has expired"),
                )
            }
        }
    }
}

fn about(share: &ShareRecord) -> ResourceShareAssociation {
    ResourceShareAssociation {
        resource_share_arn: Some(share.arn().to_string()),
        resource_share_name: Some(share.name.clone()),
        ..ResourceShareAssociation::default()
    }
}

/// Associations as records show them.
pub(crate) fn in_event(made: &[ResourceShareAssociation]) -> Vec<serde_json::Value> {
    let made = made.iter();
    made.map(|it| {
        Fields::default()
            .maybe("resourceShareArn", &it.resource_share_arn)
            .maybe("associatedEntity", &it.associated_entity)
            .maybe("associationType", it.association_type)
            .maybe("status", it.status)
            .maybe("external", it.external)
            .value()
    })
    .collect()
}
