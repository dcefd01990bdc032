//! `ListRoots`: the root of the organization.

use std::sync::Arc;

use pipeline::{Ctx, EventDetail, Kind, Need, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::organizations::{ListRootsRequest, ListRootsResponse};
use types::Service;

use crate::event::{self, Fields};
use crate::organizations::actions;
use crate::organizations::error::Error;
use crate::organizations::records::OrganizationRecord;
use crate::organizations::{listing, scope, shape, tree};

/// Lists the one root, with the policy types that are enabled in it.
#[derive(Debug)]
pub(crate) struct ListRoots;

impl Operation for ListRoots {
    const SERVICE: Service = Service::Organizations;
    const NAME: &'static str = "ListRoots";
    const ACTIONS: &'static [&'static Action] = &[&actions::LIST_ROOTS];
    const KIND: Kind = Kind::ReadOnly;
    type Input = ListRootsRequest;
    type Output = ListRootsResponse;
    type Target = Arc<OrganizationRecord>;
    type Error = Error;

    async fn resolve(
        ctx: &Ctx,
        _input: &Self::Input,
    ) -> Result<(Needs, Arc<OrganizationRecord>), Error> {
        let organization = scope::management(ctx)?;
        Ok((
            Needs::one(Need::anywhere(&actions::LIST_ROOTS)),
            organization,
        ))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let organization = permit.target();
        let root = tree::node(ctx.view(), &organization.root);
        let roots = root.map(|root| (root.id.clone(), shape::root(organization, &root)));
        let cut = listing::page(
            &[Self::NAME],
            (input.next_token.as_deref(), input.max_results),
            roots,
        )?;
        Ok(Reply::read(ListRootsResponse {
            roots: Some(cut.items),
            next_token: cut.marker,
        }))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        event::request(
            Fields::default()
                .maybe("nextToken", input.next_token.as_deref())
                .maybe("maxResults", input.max_results),
        )
    }
}
