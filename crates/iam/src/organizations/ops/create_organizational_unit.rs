//! `CreateOrganizationalUnit`: a new unit below the root or another unit.

use pipeline::{Ctx, EventDetail, Kind, Need, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::organizations::{CreateOrganizationalUnitRequest, CreateOrganizationalUnitResponse};
use store::Batch;
use types::Service;

use crate::event::Fields;
use crate::organizations::actions;
use crate::organizations::error::{Conflict, Constraint, Error, Missing};
use crate::organizations::records::NodeKind;
use crate::organizations::scope::NamedNode;
use crate::organizations::{answers, ids, quota, shape, tags, tree};

/// Creates an organizational unit, to which AWS's policies are attached that allow everything.
///
/// Fails with `ParentNotFoundException`, with `DuplicateOrganizationalUnitException` if the
/// parent has a unit of that name, and with `ConstraintViolationException` below the fifth level or
/// beyond 1,000 units. A request with tags needs `organizations:TagResource` too.
#[derive(Debug)]
pub(crate) struct CreateOrganizationalUnit;

impl Operation for CreateOrganizationalUnit {
    const SERVICE: Service = Service::Organizations;
    const NAME: &'static str = "CreateOrganizationalUnit";
    const ACTIONS: &'static [&'static Action] =
        &[&actions::CREATE_ORGANIZATIONAL_UNIT, &actions::TAG_RESOURCE];
    const KIND: Kind = Kind::Mutating;
    type Input = CreateOrganizationalUnitRequest;
    type Output = CreateOrganizationalUnitResponse;
    type Target = (NamedNode, Vec<(String, String)>);
    type Error = Error;

    async fn resolve(
        ctx: &Ctx,
        input: &Self::Input,
    ) -> Result<(Needs, (NamedNode, Vec<(String, String)>)), Error> {
        let parent = NamedNode::of(ctx, &input.parent_id)?;
        let tags = tags::read(input.tags.as_deref())?;
        let keys = tags::request_keys(&tags);
        let mut needs = Needs::one(
            parent
                .need(&actions::CREATE_ORGANIZATIONAL_UNIT)
                .with(keys.clone()),
        );
        if !tags.is_empty() {
            needs.push(Need::anywhere(&actions::TAG_RESOURCE).with(keys));
        }
        Ok((needs, (parent, tags)))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let (parent, tags) = permit.into_target();
        let (view, organization) = (ctx.view(), &parent.organization);
        let parent = parent.parent(Missing::Parent)?;
        if tree::upwards(view, &parent.id).len() > quota::UNIT_DEPTH {
            return Err(Constraint::UnitDepth.into());
        }
        if tree::units_below(view, &parent.id).any(|unit| unit.name == input.name) {
            return Err(Conflict::DuplicateUnit.into());
        }
        quota::another_unit(view)?;
        let id = ids::unit(ctx.entropy(), &organization.root);
        let above = Some(parent.id.clone());
        let mut unit = tree::new_node(id, NodeKind::Unit, above, input.name);
        unit.tags = tags;
        let organizational_unit = Some(shape::unit(view, organization, &unit));
        let mut batch = Batch::default();
        tree::put_below(&mut batch, unit);
        Ok(Reply::write(
            CreateOrganizationalUnitResponse {
                organizational_unit,
            },
            batch,
        ))
    }

    fn event(input: &Self::Input, output: Option<&Self::Output>) -> EventDetail {
        let request = Fields::default()
            .with("parentId", input.parent_id.as_str())
            .with("name", input.name.as_str())
            .maybe("tags", input.tags.as_deref().map(tags::in_event));
        let unit = output.and_then(|output| output.organizational_unit.as_ref());
        answers::of_unit(request, unit)
    }
}
