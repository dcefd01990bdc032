//! `ListAccessKeys`: the access keys of a user, or of the caller itself.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Page, Permit, Reply};
use policy::Action;
use shapes::iam::{ListAccessKeysRequest, ListAccessKeysResponse};
use types::Service;

use crate::event::{self, Fields};
use crate::lookup::Subject;
use crate::{Error, actions, shape, tables};

/// Lists access keys, never their secrets.
///
/// Fails with `NoSuchEntity` if there is no such user, and with `ValidationError` for a
/// marker that another listing made.
#[derive(Debug)]
pub(crate) struct ListAccessKeys;

impl Operation for ListAccessKeys {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "ListAccessKeys";
    const ACTIONS: &'static [&'static Action] = &[&actions::LIST_ACCESS_KEYS];
    const KIND: Kind = Kind::ReadOnly;
    const DENIED_CODE: Option<&'static str> = Some(super::ACCESS_DENIED);
    type Input = ListAccessKeysRequest;
    type Output = ListAccessKeysResponse;
    type Target = Subject;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Subject), Error> {
        let subject = Subject::of(ctx, input.user_name.as_deref())?;
        Ok((
            Needs::one(subject.need(&actions::LIST_ACCESS_KEYS)),
            subject,
        ))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let subject = permit.target();
        let mut ids = match subject {
            Subject::Root(account) => account.root_keys.clone(),
            Subject::User(named) => named.found()?.access_keys.clone(),
        };
        ids.sort();
        let listing = [Self::NAME, subject.arn().as_str()].map(str::to_owned);
        let listing = listing.each_ref().map(String::as_str);
        let page = Page::new(&listing, input.marker.as_deref(), input.max_items)?;
        let keys = ids.into_iter().filter_map(|id| {
            let key = ctx
                .view()
                .get(&tables::ACCESS_KEYS, &tables::access_key(&id))?;
            Some((id.to_string(), shape::access_key(key.record)))
        });
        let cut = page.cut(keys);
        Ok(Reply::read(ListAccessKeysResponse {
            is_truncated: Some(cut.is_truncated()),
            access_key_metadata: cut.items,
            marker: cut.marker,
        }))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        event::request(
            Fields::default()
                .maybe("userName", input.user_name.as_deref())
                .page(input.marker.as_deref(), input.max_items),
        )
    }
}
