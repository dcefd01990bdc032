//! `ListChildren`: the ids of what is below the root or a unit.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::organizations::{Child, ChildType, ListChildrenRequest, ListChildrenResponse};
use types::Service;

use crate::event::{self, Fields};
use crate::organizations::actions;
use crate::organizations::error::{Error, Missing};
use crate::organizations::records::NodeKind;
use crate::organizations::scope::NamedNode;
use crate::organizations::{listing, tree};

/// Lists the accounts or the units right below a root or unit.
///
/// Fails with `ParentNotFoundException`.
#[derive(Debug)]
pub(crate) struct ListChildren;

impl Operation for ListChildren {
    const SERVICE: Service = Service::Organizations;
    const NAME: &'static str = "ListChildren";
    const ACTIONS: &'static [&'static Action] = &[&actions::LIST_CHILDREN];
    const KIND: Kind = Kind::ReadOnly;
    type Input = ListChildrenRequest;
    type Output = ListChildrenResponse;
    type Target = NamedNode;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, NamedNode), Error> {
        let parent = NamedNode::of(ctx, &input.parent_id)?;
        Ok((Needs::one(parent.need(&actions::LIST_CHILDREN)), parent))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let parent = permit.target().parent(Missing::Parent)?;
        let kind = match input.child_type {
            ChildType::Account => NodeKind::Account,
            ChildType::OrganizationalUnit => NodeKind::Unit,
        };
        let children = tree::below(ctx.view(), &parent.id, kind).map(|child| {
            let shape = Child {
                id: Some(child.id.clone()),
                r#type: Some(input.child_type),
            };
            (child.id.clone(), shape)
        });
        let listed = [Self::NAME, &parent.id, input.child_type.as_str()];
        let cut = listing::page(
            &listed,
            (input.next_token.as_deref(), input.max_results),
            children,
        )?;
        Ok(Reply::read(ListChildrenResponse {
            children: Some(cut.items),
            next_token: cut.marker,
        }))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        event::request(
            Fields::default()
                .with("parentId", input.parent_id.as_str())
                .with("childType", input.child_type.as_str())
                .maybe("nextToken", input.next_token.as_deref())
                .maybe("maxResults", input.max_results),
        )
    }
}
