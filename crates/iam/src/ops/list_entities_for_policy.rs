//! `ListEntitiesForPolicy`: the users, groups and roles that use a managed policy.

use std::collections::BTreeMap;

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Page, Permit, Reply};
use policy::Action;
use shapes::iam::{
    EntityType, ListEntitiesForPolicyRequest, ListEntitiesForPolicyResponse, PolicyGroup,
    PolicyRole, PolicyUsageType, PolicyUser,
};
use store::View;
use types::Service;

use crate::event::{self, Fields};
use crate::lookup::{self, NamedPolicy};
use crate::records::{AttachmentRecord, Entity, EntityKind, GroupRecord, RoleRecord, UserRecord};
use crate::tables::{self, Use};
use crate::{Error, actions};

/// Lists the users, groups and roles of the caller's account that a managed policy is attached
/// to or bounds, groups before roles before users, each kind by name.
///
/// `EntityFilter`, `PathPrefix` (of the users, groups and roles) and `PolicyUsageFilter` select.
/// Fails with `ValidationError` if the ARN is none or for a marker that another listing made,
/// and with `NoSuchEntity` if there is no such policy.
#[derive(Debug)]
pub(crate) struct ListEntitiesForPolicy;

impl Operation for ListEntitiesForPolicy {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "ListEntitiesForPolicy";
    const ACTIONS: &'static [&'static Action] = &[&actions::LIST_ENTITIES_FOR_POLICY];
    const KIND: Kind = Kind::ReadOnly;
    const DENIED_CODE: Option<&'static str> = Some(super::ACCESS_DENIED);
    type Input = ListEntitiesForPolicyRequest;
    type Output = ListEntitiesForPolicyResponse;
    type Target = NamedPolicy;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, NamedPolicy), Error> {
        let named = NamedPolicy::of(ctx, &input.policy_arn)?;
        Ok((
            Needs::one(named.need_to_read(&actions::LIST_ENTITIES_FOR_POLICY)),
            named,
        ))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let named = permit.target();
        let policy = named.found()?;
        let path = input.path_prefix.as_deref().unwrap_or("/");
        let listing = [
            Self::NAME,
            policy.id(),
            named.account.as_str(),
            path,
            input.entity_filter.map_or("", EntityType::as_str),
            input
                .policy_usage_filter
                .map_or("", PolicyUsageType::as_str),
        ];
        let page = Page::new(&listing, input.marker.as_deref(), input.max_items)?;
        let usages: &[Use] = match input.policy_usage_filter {
            None => &[Use::Permissions, Use::Boundary],
            Some(PolicyUsageType::PermissionsPolicy) => &[Use::Permissions],
            Some(PolicyUsageType::PermissionsBoundary) => &[Use::Boundary],
        };
        let cut = page.cut(found(
            ctx.view(),
            named,
            usages,
            (path, input.entity_filter),
        ));
        let (is_truncated, marker) = (cut.is_truncated(), cut.marker);
        let (mut groups, mut roles, mut users) = (Vec::new(), Vec::new(), Vec::new());
        for (kind, name, id) in cut.items {
            let (name, id) = (Some(name), Some(id));
            match kind {
                EntityKind::Group => groups.push(PolicyGroup {
                    group_name: name,
                    group_id: id,
                }),
                EntityKind::Role => roles.push(PolicyRole {
                    role_name: name,
                    role_id: id,
                }),
                EntityKind::User => users.push(PolicyUser {
                    user_name: name,
                    user_id: id,
                }),
            }
        }
        Ok(Reply::read(ListEntitiesForPolicyResponse {
            policy_groups: Some(groups),
            policy_users: Some(users),
            policy_roles: Some(roles),
            is_truncated: Some(is_truncated),
            marker,
        }))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        let arn = input.policy_arn.as_str();
        let request = Fields::default()
            .with("policyArn", arn)
            .maybe("entityFilter", input.entity_filter.map(EntityType::as_str))
            .maybe("pathPrefix", input.path_prefix.as_deref())
            .maybe(
                "policyUsageFilter",
                input.policy_usage_filter.map(PolicyUsageType::as_str),
            )
            .page(input.marker.as_deref(), input.max_items);
        event::about_policy(request, arn)
    }
}

/// Whether entities of this kind pass the filter; those that filter for policies pass none.
fn is_wanted(kind: EntityKind, filter: Option<EntityType>) -> bool {
    match filter {
        None => true,
        Some(EntityType::User) => kind == EntityKind::User,
        Some(EntityType::Group) => kind == EntityKind::Group,
        Some(EntityType::Role) => kind == EntityKind::Role,
        Some(EntityType::LocalManagedPolicy | EntityType::AWSManagedPolicy) => false,
    }
}

/// Kind, name and unique id.
type PolicyEntity = (EntityKind, String, String);

/// Who uses the policy, by place in the listing: those whose path begins with a prefix, and of the
/// kind that is wanted. Who is bounded by a policy that is attached to it too appears once.
fn found(
    view: &View,
    policy: &NamedPolicy,
    uses: &[Use],
    (path, filter): (&str, Option<EntityType>),
) -> BTreeMap<String, PolicyEntity> {
    let mut found = BTreeMap::new();
    for usage in uses {
        let prefix = tables::attachments_as(policy.account, &policy.arn, *usage);
        for (_, row) in view.scan(&tables::ATTACHMENTS, &prefix, None) {
            if is_wanted(row.record.kind, filter)
                && let Some((place, entity)) = entity(view, row.record, path)
            {
                found.insert(place, entity);
            }
        }
    }
    found
}

/// Who uses the policy, with its place in the listing, if its path begins with `path`.
fn entity(view: &View, mark: &AttachmentRecord, path: &str) -> Option<(String, PolicyEntity)> {
    match mark.kind {
        EntityKind::User => entity_of::<UserRecord>(view, mark, path),
        EntityKind::Group => entity_of::<GroupRecord>(view, mark, path),
        EntityKind::Role => entity_of::<RoleRecord>(view, mark, path),
    }
}

fn entity_of<E: Entity>(
    view: &View,
    mark: &AttachmentRecord,
    path: &str,
) -> Option<(String, PolicyEntity)> {
    let record = lookup::with_id::<E>(view, &mark.id)?;
    let name = record.name();
    let place = format!("{}/{}", E::KIND.word(), name.to_lowercase());
    record.path().starts_with(path).then(|| {
        let entity = (E::KIND, name.to_owned(), mark.id.to_string());
        (place, entity)
    })
}
