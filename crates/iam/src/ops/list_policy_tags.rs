//! `ListPolicyTags`: the tags of a managed policy.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Page, Permit, Reply};
use policy::Action;
use shapes::iam::{ListPolicyTagsRequest, ListPolicyTagsResponse};
use types::Service;

use crate::event::{self, Fields};
use crate::lookup::NamedPolicy;
use crate::{Error, actions, tags};

/// Lists the tags of a managed policy, by key; AWS's own have none.
///
/// Fails with `ValidationError` if the ARN is none or for a marker that another listing made,
/// and with `NoSuchEntity` if there is no such policy.
#[derive(Debug)]
pub(crate) struct ListPolicyTags;

impl Operation for ListPolicyTags {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "ListPolicyTags";
    const ACTIONS: &'static [&'static Action] = &[&actions::LIST_POLICY_TAGS];
    const KIND: Kind = Kind::ReadOnly;
    const DENIED_CODE: Option<&'static str> = Some(super::ACCESS_DENIED);
    type Input = ListPolicyTagsRequest;
    type Output = ListPolicyTagsResponse;
    type Target = NamedPolicy;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, NamedPolicy), Error> {
        let named = NamedPolicy::of(ctx, &input.policy_arn)?;
        Ok((
            Needs::one(named.need_to_read(&actions::LIST_POLICY_TAGS)),
            named,
        ))
    }

    async fn handle(
        _ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let policy = permit.target().found()?;
        let page = Page::new(
            &[Self::NAME, policy.id()],
            input.marker.as_deref(),
            input.max_items,
        )?;
        let cut = page.cut(tags::by_key(policy.tags()));
        Ok(Reply::read(ListPolicyTagsResponse {
            is_truncated: Some(cut.is_truncated()),
            tags: cut.items,
            marker: cut.marker,
        }))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        let arn = input.policy_arn.as_str();
        let request = Fields::default()
            .with("policyArn", arn)
            .page(input.marker.as_deref(), input.max_items);
        event::about_policy(request, arn)
    }
}
