//! `ListParents`: the root or unit that something is below.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::organizations::{ListParentsRequest, ListParentsResponse, Parent, ParentType};
use types::Service;

use crate::event::{self, Fields};
use crate::organizations::actions;
use crate::organizations::error::{Error, Missing};
use crate::organizations::listing;
use crate::organizations::scope::NamedNode;

/// Lists the one parent of a unit or account.
///
/// Fails with `ChildNotFoundException`.
#[derive(Debug)]
pub(crate) struct ListParents;

impl Operation for ListParents {
    const SERVICE: Service = Service::Organizations;
    const NAME: &'static str = "ListParents";
    const ACTIONS: &'static [&'static Action] = &[&actions::LIST_PARENTS];
    const KIND: Kind = Kind::ReadOnly;
    type Input = ListParentsRequest;
    type Output = ListParentsResponse;
    type Target = NamedNode;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, NamedNode), Error> {
        let child = NamedNode::of(ctx, &input.child_id)?;
        Ok((Needs::one(child.need(&actions::LIST_PARENTS)), child))
    }

    async fn handle(
        _ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let child = permit.target().found(Missing::Child)?;
        let parent = child.parent.as_deref().ok_or(Missing::Child)?;
        let kind = if parent.starts_with("r-") {
            ParentType::Root
        } else {
            ParentType::OrganizationalUnit
        };
        let shape = Parent {
            id: Some(parent.to_owned()),
            r#type: Some(kind),
        };
        let parents = [(parent.to_owned(), shape)];
        let cut = listing::page(
            &[Self::NAME, &child.id],
            (input.next_token.as_deref(), input.max_results),
            parents,
        )?;
        Ok(Reply::read(ListParentsResponse {
            parents: Some(cut.items),
            next_token: cut.marker,
        }))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        event::request(
            Fields::default()
                .with("childId", input.child_id.as_str())
                .maybe("nextToken", input.next_token.as_deref())
                .maybe("maxResults", input.max_results),
        )
    }
}
