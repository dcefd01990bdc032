//! Structs, enums, and the code that reads them.

use std::fmt::Write;

use anyhow::{Context, Result, bail};

use crate::shapes::model::{Kind, Model, Operation, Reference, Shape};
use crate::shapes::names;
use crate::shapes::plan::Plan;

/// All types of a plan, in the order of reaching them.
pub(super) fn write(plan: &Plan<'_>) -> Result<String> {
    let mut out = String::new();
    for name in &plan.order {
        let shape = plan.shape(name)?;
        if shape.kind == Kind::Structure {
            out.push_str(&structure(plan, name, shape).with_context(|| format!("in {name}"))?);
        } else if Plan::is_enum(shape) {
            out.push_str(&enumeration(name, shape)?);
        }
    }
    Ok(out)
}

/// The Rust type of a shape.
pub(super) fn rust_type(plan: &Plan<'_>, name: &str) -> Result<String> {
    let shape = plan.shape(name)?;
    Ok(match shape.kind {
        Kind::Structure => names::type_name(name),
        Kind::String if Plan::is_enum(shape) => names::type_name(name),
        Kind::String if shape.sensitive => "SensitiveString".to_owned(),
        Kind::String => "String".to_owned(),
        Kind::Blob if shape.sensitive => "SensitiveBlob".to_owned(),
        Kind::Blob => "Blob".to_owned(),
        Kind::Boolean => "bool".to_owned(),
        Kind::Integer => "i32".to_owned(),
        Kind::Long => "i64".to_owned(),
        Kind::Float => "f32".to_owned(),
        Kind::Double => "f64".to_owned(),
        Kind::Timestamp => "Timestamp".to_owned(),
        Kind::List => format!(
            "Vec<{}>",
            rust_type(plan, target(shape.member.as_ref(), name)?)?
        ),
        Kind::Map => format!(
            "BTreeMap<String, {}>",
            rust_type(plan, target(shape.value.as_ref(), name)?)?
        ),
    })
}

/// The shape that `reference` of shape `owner` names.
pub(super) fn target<'m>(reference: Option<&'m Reference>, owner: &str) -> Result<&'m str> {
    let reference = reference.with_context(|| format!("{owner} does not say what it holds"))?;
    Ok(&reference.shape)
}

/// A member of a structure with what the templates need of it.
struct Field<'m> {
    member: &'m str,
    reference: &'m Reference,
    shape: &'m Shape,
    rust: String,
    /// The Rust type, without the `Option`.
    kind: String,
    required: bool,
    /// Whether `Debug` must not show it.
    hidden: bool,
}

fn fields<'m>(plan: &Plan<'m>, shape: &'m Shape) -> Result<Vec<Field<'m>>> {
    let members = shape.members.0.iter();
    members
        .map(|(member, reference)| {
            Ok(Field {
                member,
                reference,
                shape: plan.shape(&reference.shape)?,
                rust: names::field(member),
                kind: rust_type(plan, &reference.shape)?,
                required: shape.required.contains(member),
                hidden: is_hidden(plan, &reference.shape)?,
            })
        })
        .collect()
}

/// Whether text that must not be shown is in the shape itself or in its members or keys.
fn is_hidden(plan: &Plan<'_>, name: &str) -> Result<bool> {
    let shape = plan.shape(name)?;
    if plan.choice.unquoted.contains(name) {
        return Ok(true);
    }
    for inner in [&shape.member, &shape.key, &shape.value]
        .into_iter()
        .flatten()
    {
        if is_hidden(plan, &inner.shape)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn structure(plan: &Plan<'_>, name: &str, shape: &Shape) -> Result<String> {
    let rust = names::type_name(name);
    let fields = fields(plan, shape)?;
    let read = plan.read.contains(name);
    let written = plan.written.contains(name);
    let hides = fields.iter().any(|field| field.hidden);

    let mut derives = vec!["Clone", "PartialEq"];
    if !hides {
        derives.insert(0, "Debug");
    }
    if has_default(plan, name)? {
        derives.push("Default");
    }
    if written {
        derives.push("serde::Serialize");
    }
    let mut out = format!("/// {}\n", purpose(plan, name));
    writeln!(
        out,
        "#[derive({})]\npub struct {rust} {{",
        derives.join(", ")
    )?;
    for field in &fields {
        writeln!(out, "/// {}", description(field)?)?;
        if written {
            writeln!(out, "#[serde({})]", serde_attributes(field))?;
        }
        let kind = &field.kind;
        if field.required {
            writeln!(out, "pub {}: {kind},", field.rust)?;
        } else {
            writeln!(out, "pub {}: Option<{kind}>,", field.rust)?;
        }
    }
    out.push_str("}\n\n");
    if hides {
        out.push_str(&debug(&rust, &fields)?);
    }
    let mut operations = plan.operations.iter();
    if operations.any(|operation| refers(operation.input.as_ref(), name)) {
        writeln!(out, "impl Input for {rust} {{}}\n")?;
    }
    let mut operations = plan.operations.iter();
    if operations.any(|operation| refers(operation.output.as_ref(), name)) {
        writeln!(out, "impl Output for {rust} {{}}\n")?;
    }
    if read {
        out.push_str(&reader(plan, &rust, shape, &fields)?);
    }
    Ok(out)
}

fn refers(reference: Option<&Reference>, name: &str) -> bool {
    reference.is_some_and(|reference| reference.shape == name)
}

fn purpose(plan: &Plan<'_>, name: &str) -> String {
    for operation in &plan.operations {
        if refers(operation.input.as_ref(), name) {
            return format!("The request of `{}`.", operation.name);
        }
        if refers(operation.output.as_ref(), name) {
            return format!("The response of `{}`.", operation.name);
        }
    }
    format!("AWS's `{name}`.")
}

/// The member's name at AWS and its limits: facts, no prose of the model.
fn description(field: &Field<'_>) -> Result<String> {
    let mut out = format!("`{}`", field.member);
    let what = match field.shape.kind {
        Kind::Integer | Kind::Long | Kind::Float | Kind::Double => "value",
        Kind::String | Kind::Blob | Kind::List | Kind::Map => "length",
        Kind::Structure | Kind::Boolean | Kind::Timestamp => "",
    };
    match (&field.shape.min, &field.shape.max) {
        _ if what.is_empty() || Plan::is_enum(field.shape) => {}
        (Some(min), Some(max)) if min == max => write!(out, ", {what} {min}")?,
        (Some(min), Some(max)) => write!(out, ", {what} {min} to {max}")?,
        (Some(min), None) => write!(out, ", {what} at least {min}")?,
        (None, Some(max)) => write!(out, ", {what} at most {max}")?,
        (None, None) => {}
    }
    out.push('.');
    Ok(out)
}

fn serde_attributes(field: &Field<'_>) -> String {
    let mut attributes = vec![format!("rename = \"{}\"", field.member)];
    if !field.required {
        attributes.push("skip_serializing_if = \"Option::is_none\"".to_owned());
    }
    if field.shape.kind == Kind::Timestamp {
        let function = if field.required {
            "write"
        } else {
            "write_option"
        };
        attributes.push(format!("serialize_with = \"crate::time::{function}\""));
    }
    attributes.join(", ")
}

/// Whether the structure can derive `Default`: enums and timestamps have no default value.
fn has_default(plan: &Plan<'_>, name: &str) -> Result<bool> {
    let shape = plan.shape(name)?;
    Ok(match shape.kind {
        Kind::Structure => {
            for (member, reference) in &shape.members.0 {
                if shape.required.contains(member) && !has_default(plan, &reference.shape)? {
                    return Ok(false);
                }
            }
            true
        }
        Kind::String => !Plan::is_enum(shape),
        Kind::Timestamp => false,
        Kind::List
        | Kind::Map
        | Kind::Blob
        | Kind::Boolean
        | Kind::Integer
        | Kind::Long
        | Kind::Float
        | Kind::Double => true,
    })
}

fn debug(rust: &str, fields: &[Field<'_>]) -> Result<String> {
    let mut out = format!(
        "/// Without customers' data.\nimpl std::fmt::Debug for {rust} {{\n\
         fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {{\n\
         f.debug_struct(\"{rust}\")"
    );
    for field in fields {
        let name = &field.rust;
        if !field.hidden {
            write!(out, ".field(\"{name}\", &self.{name})")?;
        } else if field.required {
            write!(out, ".field(\"{name}\", &NotShown)")?;
        } else {
            write!(
                out,
                ".field(\"{name}\", &self.{name}.as_ref().map(|_| NotShown))"
            )?;
        }
    }
    out.push_str(".finish()\n}\n}\n\n");
    Ok(out)
}

fn reader(plan: &Plan<'_>, rust: &str, shape: &Shape, fields: &[Field<'_>]) -> Result<String> {
    let mut out = format!(
        "impl FromTree for {rust} {{\ntype Rule = ();\n\n\
         fn from_tree(tree: &Tree<'_>, (): &(), cx: &mut Context, at: &Path<'_>) \
         -> Result<Option<Self>, ReadError> {{\n"
    );
    if fields.is_empty() {
        out.push_str("cx.object(tree, at)?;\nOk(Some(Self {}))\n}\n}\n\n");
        return Ok(out);
    }
    out.push_str("let object = cx.object(tree, at)?;\n");
    if shape.union {
        let members: Vec<String> = fields
            .iter()
            .map(|field| format!("\"{}\"", field.member))
            .collect();
        writeln!(out, "object.exactly_one(&[{}], at)?;", members.join(", "))?;
    }
    for field in fields {
        let how = if field.required {
            "required"
        } else {
            "optional"
        };
        let rule = rule(plan, &field.reference.shape)?;
        let call = format!("object.{how}(\"{}\", {rule}, cx, at)", field.member);
        if field.reference.location.is_some() && !is_text(plan, &field.reference.shape)? {
            writeln!(out, "let {} = cx.as_text(|cx| {call})?;", field.rust)?;
        } else {
            writeln!(out, "let {} = {call}?;", field.rust)?;
        }
    }
    let required: Vec<&str> = fields
        .iter()
        .filter(|field| field.required)
        .map(|field| field.rust.as_str())
        .collect();
    match required.as_slice() {
        [] => {}
        [one] => writeln!(out, "let Some({one}) = {one} else {{ return Ok(None); }};")?,
        many => {
            let patterns: Vec<String> = many.iter().map(|name| format!("Some({name})")).collect();
            writeln!(
                out,
                "let ({}) = ({}) else {{ return Ok(None); }};",
                patterns.join(", "),
                many.join(", ")
            )?;
        }
    }
    let names: Vec<&str> = fields.iter().map(|field| field.rust.as_str()).collect();
    writeln!(out, "Ok(Some(Self {{ {} }}))\n}}\n}}\n", names.join(", "))?;
    Ok(out)
}

/// Whether the value has the same form inside and outside of a JSON body.
fn is_text(plan: &Plan<'_>, name: &str) -> Result<bool> {
    let shape = plan.shape(name)?;
    Ok(match shape.kind {
        Kind::String | Kind::Blob | Kind::Timestamp => true,
        Kind::List => is_text(plan, target(shape.member.as_ref(), name)?)?,
        _ => false,
    })
}

/// The expression for a reference to the rule of a shape.
pub(super) fn rule(plan: &Plan<'_>, name: &str) -> Result<String> {
    let shape = plan.shape(name)?;
    Ok(match shape.kind {
        Kind::Structure | Kind::Boolean | Kind::Timestamp => "&()".to_owned(),
        Kind::String if Plan::is_enum(shape) => "&()".to_owned(),
        Kind::String | Kind::Blob | Kind::Integer | Kind::Long | Kind::List | Kind::Map => {
            format!("&{}", names::constant(name))
        }
        Kind::Float | Kind::Double => bail!("{name} is a float in a request"),
    })
}

fn enumeration(name: &str, shape: &Shape) -> Result<String> {
    let mut out = format!(
        "enumeration! {{\n    /// AWS's `{name}`.\n    {} {{\n",
        names::type_name(name)
    );
    let mut variants = Vec::new();
    for value in &shape.values {
        let variant = names::variant(value);
        if variants.contains(&variant) {
            bail!("two values of {name} would be called {variant}");
        }
        if value.contains(['"', '\\']) {
            bail!("{name} has a value with quotes");
        }
        writeln!(out, "        {variant} = \"{value}\",")?;
        variants.push(variant);
    }
    out.push_str("    }\n}\n\n");
    Ok(out)
}

/// The members of a request with their places, for the operation table.
pub(super) fn input_members<'m>(
    model: &'m Model,
    operation: &Operation,
) -> &'m [(String, Reference)] {
    operation
        .input
        .as_ref()
        .and_then(|input| model.shapes.get(&input.shape))
        .map_or(&[], |shape| &shape.members.0)
}
