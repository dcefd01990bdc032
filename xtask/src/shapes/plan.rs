//! Which shapes of a model are generated, and in which role.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use super::model::{Kind, Model, Operation, Reference, Shape};
use super::names;

/// One service's entry in `xtask/operations.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Choice {
    /// The Rust module.
    pub(super) module: String,
    /// The variant of `types::Service`.
    pub(super) service: String,
    /// String shapes that hold customers' data.
    #[serde(default)]
    pub(super) unquoted: BTreeSet<String>,
    /// Structures of responses of which only some members are generated.
    #[serde(default)]
    pub(super) only: BTreeMap<String, BTreeSet<String>>,
    /// The operations to generate.
    pub(super) operations: Vec<String>,
}

impl Choice {
    /// Takes out of `model` the members that are not to be generated.
    ///
    /// Fails if a structure or a member does not exist.
    pub(super) fn narrow(&self, model: &mut Model) -> Result<()> {
        for (name, kept) in &self.only {
            let shape = (model.shapes.get_mut(name))
                .with_context(|| format!("`only` names {name}, which does not exist"))?;
            let members = &mut shape.members.0;
            let unknown = |kept: &&String| members.iter().all(|(member, _)| member != *kept);
            if let Some(member) = kept.iter().find(unknown) {
                bail!("`only` names {name}.{member}, which does not exist");
            }
            members.retain(|(member, _)| kept.contains(member));
        }
        Ok(())
    }
}

/// What to generate for one service.
#[derive(Debug)]
pub(super) struct Plan<'m> {
    pub(super) model: &'m Model,
    pub(super) choice: &'m Choice,
    /// The chosen operations, sorted by name.
    pub(super) operations: Vec<&'m Operation>,
    /// Names of all shapes that are reached, in the order of reaching them.
    pub(super) order: Vec<&'m str>,
    /// Shapes in requests.
    pub(super) read: BTreeSet<&'m str>,
    /// Shapes in responses.
    pub(super) written: BTreeSet<&'m str>,
}

/// The name of the generic input and output in the runtime of `crates/shapes`.
pub(super) const EMPTY: &str = "Empty";

/// Type names that generated types would hide.
const RESERVED: &[&str] = &[
    "Blob",
    "Box",
    "BTreeMap",
    "Context",
    "Empty",
    "Err",
    "List",
    "Map",
    "None",
    "Object",
    "Ok",
    "Option",
    "Path",
    "Range",
    "Result",
    "Size",
    "Some",
    "String",
    "Text",
    "Timestamp",
    "Tree",
    "Vec",
];

impl<'m> Plan<'m> {
    /// Finds everything that the chosen operations reach.
    ///
    /// Fails if the model uses something that the runtime does not do.
    pub(super) fn new(model: &'m Model, choice: &'m Choice) -> Result<Self> {
        let mut plan = Self {
            model,
            choice,
            operations: Vec::new(),
            order: Vec::new(),
            read: BTreeSet::new(),
            written: BTreeSet::new(),
        };
        let chosen: BTreeSet<&String> = choice.operations.iter().collect();
        for name in chosen {
            let operation = model
                .operations
                .get(name)
                .with_context(|| format!("there is no operation {name}"))?;
            plan.add(operation).with_context(|| format!("in {name}"))?;
        }
        for shape in &choice.unquoted {
            if plan.shape(shape)?.kind != Kind::String {
                bail!("`unquoted` names {shape}, which is no string");
            }
        }
        for shape in choice.only.keys() {
            if plan.read.contains(shape.as_str()) {
                bail!("`only` names {shape}, which is in requests: nothing of those is left out");
            }
        }
        plan.check_names()?;
        Ok(plan)
    }

    /// The shape called `name`.
    pub(super) fn shape(&self, name: &str) -> Result<&'m Shape> {
        self.model
            .shapes
            .get(name)
            .with_context(|| format!("there is no shape {name}"))
    }

    /// Whether the shape is a generated enum.
    pub(super) fn is_enum(shape: &Shape) -> bool {
        shape.kind == Kind::String && (1..=100).contains(&shape.values.len())
    }

    /// The errors of the chosen operations, sorted by shape.
    pub(super) fn errors(&self) -> BTreeMap<&'m str, &'m Shape> {
        let references = self
            .operations
            .iter()
            .flat_map(|operation| &operation.errors);
        references
            .filter_map(|error| Some((error.shape.as_str(), self.model.shapes.get(&error.shape)?)))
            .collect()
    }

    fn add(&mut self, operation: &'m Operation) -> Result<()> {
        if operation.http.status.is_some_and(|status| status != 200) {
            bail!("success with another status than 200 is not supported");
        }
        if let Some(input) = &operation.input {
            self.reach(&input.shape, true, &mut Vec::new())?;
        }
        if let Some(output) = &operation.output {
            let shape = self.shape(&output.shape)?;
            if let Some((name, _)) = shape
                .members
                .0
                .iter()
                .find(|(_, member)| member.location.is_some())
            {
                bail!("the output member {name} is outside of the body: not supported");
            }
            self.reach(&output.shape, false, &mut Vec::new())?;
        }
        for error in &operation.errors {
            self.shape(&error.shape)?;
        }
        self.operations.push(operation);
        Ok(())
    }

    fn reach(&mut self, name: &'m str, reading: bool, above: &mut Vec<&'m str>) -> Result<()> {
        if let Some(first) = above.iter().position(|one| *one == name) {
            return self.check_circle(above.get(first..).unwrap_or_default());
        }
        let shape = self.shape(name)?;
        self.check_shape(name, shape, reading)?;
        if !self.order.contains(&name) {
            self.order.push(name);
        }
        let role = if reading {
            &mut self.read
        } else {
            &mut self.written
        };
        if !role.insert(name) {
            return Ok(());
        }
        above.push(name);
        for (member, reference) in &shape.members.0 {
            if reference.jsonvalue || (reference.location.is_none() && renamed(member, reference)) {
                bail!("{name}.{member} has another form on the wire: not supported");
            }
            self.reach(&reference.shape, reading, above)?;
        }
        for reference in [&shape.member, &shape.key, &shape.value]
            .into_iter()
            .flatten()
        {
            if reference.location_name.is_some() {
                bail!("{name} has members with another name on the wire: not supported");
            }
            self.reach(&reference.shape, reading, above)?;
        }
        above.pop();
        Ok(())
    }

    /// A structure may contain itself in a list or a map, which is as large as any other.
    fn check_circle(&self, circle: &[&str]) -> Result<()> {
        for name in circle {
            if matches!(self.shape(name)?.kind, Kind::List | Kind::Map) {
                return Ok(());
            }
        }
        bail!("{} contains itself: not supported", circle.join(", "))
    }

    fn check_shape(&self, name: &str, shape: &Shape, reading: bool) -> Result<()> {
        if shape.sensitive && !matches!(shape.kind, Kind::String | Kind::Blob) {
            bail!("{name} is sensitive but neither text nor binary: not supported");
        }
        if shape.sensitive && Self::is_enum(shape) {
            bail!("{name} is a sensitive enumeration: not supported");
        }
        if reading && matches!(shape.kind, Kind::Float | Kind::Double) {
            bail!("{name} is a float in a request: not supported");
        }
        if let Some(key) = &shape.key
            && (self.shape(&key.shape)?.kind != Kind::String
                // What is written is ours: the keys of a response are the text of the values.
                || reading && Self::is_enum(self.shape(&key.shape)?))
        {
            bail!("the keys of {name} are no plain text: not supported");
        }
        if let Some(member) = &shape.member
            && self.shape(&member.shape)?.kind == Kind::Timestamp
        {
            bail!("{name} is a list of timestamps: not supported");
        }
        if let Some(value) = &shape.value
            && self.shape(&value.shape)?.kind == Kind::Timestamp
        {
            bail!("{name} is a map of timestamps: not supported");
        }
        Ok(())
    }

    /// Rust names must not collide with each other or with what generated code uses.
    fn check_names(&self) -> Result<()> {
        let mut types = BTreeMap::new();
        let mut constants = BTreeMap::new();
        for name in &self.order {
            let shape = self.shape(name)?;
            if shape.kind == Kind::Structure || Self::is_enum(shape) {
                let rust = names::type_name(name);
                if RESERVED.contains(&rust.as_str()) {
                    bail!("{name} would be called {rust}, which generated code uses");
                }
                if let Some(other) = types.insert(rust, name) {
                    bail!("{name} and {other} would have the same name");
                }
            } else if let Some(other) = constants.insert(names::constant(name), name) {
                bail!("the rules of {name} and {other} would have the same name");
            }
        }
        for operation in &self.operations {
            if let Some(other) = constants.get(&names::constant(&operation.name)) {
                bail!(
                    "operation {} and {other} would have the same name",
                    operation.name
                );
            }
        }
        Ok(())
    }
}

/// Whether a member in the body is called differently there.
fn renamed(member: &str, reference: &Reference) -> bool {
    reference
        .location_name
        .as_ref()
        .is_some_and(|name| name != member)
}
