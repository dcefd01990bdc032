//! `ListPolicyVersions`: the versions of a managed policy.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Page, Permit, Reply};
use policy::Action;
use shapes::iam::{ListPolicyVersionsRequest, ListPolicyVersionsResponse, PolicyVersion};
use types::Service;

use crate::event::{self, Fields};
use crate::lookup::NamedPolicy;
use crate::{Error, actions, managed};

/// Lists the versions of a managed policy without their texts, the newest first.
///
/// Fails with `ValidationError` if the ARN is none or for a marker that another listing made,
/// and with `NoSuchEntity` if there is no such policy.
#[derive(Debug)]
pub(crate) struct ListPolicyVersions;

impl Operation for ListPolicyVersions {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "ListPolicyVersions";
    const ACTIONS: &'static [&'static Action] = &[&actions::LIST_POLICY_VERSIONS];
    const KIND: Kind = Kind::ReadOnly;
    const DENIED_CODE: Option<&'static str> = Some(super::ACCESS_DENIED);
    type Input = ListPolicyVersionsRequest;
    type Output = ListPolicyVersionsResponse;
    type Target = NamedPolicy;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, NamedPolicy), Error> {
        let named = NamedPolicy::of(ctx, &input.policy_arn)?;
        Ok((
            Needs::one(named.need_to_read(&actions::LIST_POLICY_VERSIONS)),
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
        let mut versions: Vec<(u32, PolicyVersion)> = policy
            .versions()
            .map(|(number, created)| {
                let version = PolicyVersion {
                    document: None,
                    version_id: Some(managed::version_name(number)),
                    is_default_version: Some(number == policy.default_version()),
                    create_date: Some(created),
                };
                (u32::MAX.saturating_sub(number), version)
            })
            .collect();
        versions.sort_by_key(|(place, _)| *place);
        let cut = page.cut(
            versions
                .into_iter()
                .map(|(place, version)| (format!("{place:010}"), version)),
        );
        Ok(Reply::read(ListPolicyVersionsResponse {
            is_truncated: Some(cut.is_truncated()),
            versions: Some(cut.items),
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
