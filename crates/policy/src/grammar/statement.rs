//! The grammar of one statement.

use std::collections::HashSet;

use super::Reader;
use crate::action::Actions;
use crate::condition::{Condition, Quantifier};
use crate::context::ConditionKey;
use crate::document::{DocumentKind, Effect, Statement};
use crate::error::{Fault, ParseError};
use crate::json::{Node, Value};
use crate::pattern::{Pattern, Piece};
use crate::principal::{PrincipalPattern, Principals};
use crate::resource::{ResourcePattern, Resources};
use crate::text::{Dialect, Text};

/// What a role's trust policy may speak of.
const TRUST_ACTIONS: [&str; 5] = [
    "sts:AssumeRole",
    "sts:AssumeRoleWithSAML",
    "sts:AssumeRoleWithWebIdentity",
    "sts:TagSession",
    "sts:SetSourceIdentity",
];

pub(super) fn parse(reader: &Reader<'_>, node: Node) -> Result<Statement, ParseError> {
    let at = node.at;
    let mut members = reader.object(node, "Statement")?;
    let sid = members
        .take("Sid")
        .map(|node| sid(reader, node))
        .transpose()?
        .flatten();
    let effect = effect(reader, at, members.take("Effect"))?;
    let principal = members.take("Principal");
    let not_principal = members.take("NotPrincipal");
    let principals = principals(reader, at, effect, principal, not_principal)?;
    let action = members.take("Action");
    let not_action = members.take("NotAction");
    let actions = actions(reader, at, action, not_action)?;
    let resource = members.take("Resource");
    let not_resource = members.take("NotResource");
    let resources = resources(reader, at, resource, not_resource)?;
    let conditions = match members.take("Condition") {
        Some(node) => conditions(reader, effect, node)?,
        None => Vec::new(),
    };
    members.finish()?;
    Ok(Statement {
        sid,
        effect,
        principals,
        actions,
        resources,
        conditions,
        at,
    })
}

/// Letters and digits in IAM's own policies; resource policies take any text.
fn sid(reader: &Reader<'_>, node: Node) -> Result<Option<Box<str>>, ParseError> {
    let at = node.at;
    let sid = reader.text(node, "Sid")?;
    let free = matches!(
        reader.kind,
        DocumentKind::KeyPolicy | DocumentKind::Resource
    );
    if !free && !sid.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err(reader.fail(at, Fault::Sid(sid)));
    }
    Ok((!sid.is_empty()).then(|| sid.into_boxed_str()))
}

fn effect(reader: &Reader<'_>, at: usize, node: Option<Node>) -> Result<Effect, ParseError> {
    let at = node.as_ref().map_or(at, |node| node.at);
    match node.map(|node| node.value) {
        Some(Value::Text(effect)) if effect == "Allow" => Ok(Effect::Allow),
        Some(Value::Text(effect)) if effect == "Deny" => Ok(Effect::Deny),
        _ => Err(reader.fail(at, Fault::Effect)),
    }
}

fn principals(
    reader: &Reader<'_>,
    at: usize,
    effect: Effect,
    principal: Option<Node>,
    not_principal: Option<Node>,
) -> Result<Option<Principals>, ParseError> {
    let kind = reader.kind;
    let (node, inverted) = match (principal, not_principal) {
        (Some(_), Some(node)) => return Err(reader.fail(node.at, Fault::Both("Principal"))),
        (Some(node), None) => (node, false),
        (None, Some(node)) => (node, true),
        (None, None) if kind.has_principals() => return Err(reader.fail(at, Fault::NoPrincipal)),
        (None, None) => return Ok(None),
    };
    if !kind.has_principals() {
        return Err(reader.fail(node.at, Fault::PrincipalNotAllowed));
    }
    let never = matches!(kind, DocumentKind::Trust | DocumentKind::ResourceControl);
    if inverted && (never || effect == Effect::Allow) {
        return Err(reader.fail(node.at, Fault::NotSupported("NotPrincipal")));
    }
    let at = node.at;
    let patterns = principal_patterns(reader, node)?;
    if patterns.is_empty() {
        return Err(reader.fail(at, Fault::NoPrincipal));
    }
    let everyone = patterns
        .iter()
        .all(|pattern| *pattern == PrincipalPattern::Everyone);
    if kind == DocumentKind::ResourceControl && !everyone {
        return Err(reader.fail(at, Fault::NotSupported("Principal")));
    }
    Ok(Some(Principals { inverted, patterns }))
}

fn principal_patterns(
    reader: &Reader<'_>,
    node: Node,
) -> Result<Vec<PrincipalPattern>, ParseError> {
    let at = node.at;
    let map = match node.value {
        Value::Text(text) if text == "*" => return Ok(vec![PrincipalPattern::Everyone]),
        Value::Text(value) => {
            return Err(reader.fail(
                at,
                Fault::Principal {
                    kind: "*".to_owned(),
                    value,
                },
            ));
        }
        Value::Object(map) => map,
        Value::Null | Value::Bare(_) | Value::List(_) => {
            return Err(reader.wrong_type(at, "Principal", "`\"*\"` or an object"));
        }
    };
    let mut patterns = Vec::new();
    for (key, node) in map {
        let parse: fn(&str) -> Result<PrincipalPattern, Fault> = match key.as_str() {
            "AWS" => PrincipalPattern::parse_aws,
            "Service" => PrincipalPattern::parse_service,
            "Federated" => PrincipalPattern::parse_federated,
            "CanonicalUser" => PrincipalPattern::parse_canonical,
            _ => return Err(reader.fail(node.at, Fault::UnknownElement(key))),
        };
        for (at, value) in reader.values(node, "Principal")? {
            patterns.push(parse(&value).map_err(|fault| reader.fail(at, fault))?);
        }
    }
    Ok(patterns)
}

/// The element or its negation. `None` if the statement has neither.
fn either(
    reader: &Reader<'_>,
    plain: Option<Node>,
    not: Option<Node>,
    name: &'static str,
) -> Result<Option<(Node, bool)>, ParseError> {
    match (plain, not) {
        (Some(_), Some(node)) => Err(reader.fail(node.at, Fault::Both(name))),
        (Some(node), None) => Ok(Some((node, false))),
        (None, Some(node)) => Ok(Some((node, true))),
        (None, None) => Ok(None),
    }
}

fn actions(
    reader: &Reader<'_>,
    at: usize,
    action: Option<Node>,
    not_action: Option<Node>,
) -> Result<Actions, ParseError> {
    let optional = reader.kind == DocumentKind::KeyPolicy;
    let (at, values, inverted) = match either(reader, action, not_action, "Action")? {
        Some((node, inverted)) => (node.at, reader.values(node, "Action")?, inverted),
        None => (at, Vec::new(), false),
    };
    if values.is_empty() && !optional {
        return Err(reader.fail(at, Fault::NoActions));
    }
    let never = matches!(
        reader.kind,
        DocumentKind::Trust | DocumentKind::ResourceControl
    );
    if inverted && never {
        return Err(reader.fail(at, Fault::NotSupported("NotAction")));
    }
    let pattern = |(at, value): (usize, String)| {
        action_pattern(reader.kind, &value).map_err(|fault| reader.fail(at, fault))
    };
    let patterns = values.into_iter().map(pattern).collect::<Result<_, _>>()?;
    Ok(Actions { inverted, patterns })
}

fn action_pattern(kind: DocumentKind, text: &str) -> Result<Pattern, Fault> {
    if kind == DocumentKind::Trust {
        let known = TRUST_ACTIONS
            .iter()
            .any(|action| action.eq_ignore_ascii_case(text));
        let vendor = text.split_once(':').is_some();
        if vendor && !known || text == "*" {
            return Err(Fault::TrustAction(text.to_owned()));
        }
    }
    if text == "*" {
        return Ok(Pattern::Any);
    }
    let (vendor, name) = text
        .split_once(':')
        .ok_or_else(|| Fault::NoVendor(text.to_owned()))?;
    if name.contains(':') {
        return Err(Fault::Colons(text.to_owned()));
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    if vendor.is_empty() || vendor != "*" && !vendor.chars().all(plain) {
        return Err(Fault::Vendor(vendor.to_owned()));
    }
    if name.is_empty() {
        return Err(Fault::NoOperation(text.to_owned()));
    }
    if (vendor, name) == ("*", "*") {
        return Ok(Pattern::Any);
    }
    match Text::compile(text, Dialect::Like, false) {
        Ok(Text::Fixed(pattern)) => Ok(pattern),
        // Without variables the text is always fixed; covering nothing is the safe answer.
        Ok(Text::Template(..)) | Err(_) => Ok(Pattern::new(vec![Piece::One { colons: true }])),
    }
}

fn resources(
    reader: &Reader<'_>,
    at: usize,
    resource: Option<Node>,
    not_resource: Option<Node>,
) -> Result<Option<Resources>, ParseError> {
    if reader.kind == DocumentKind::Trust {
        return match (resource, not_resource) {
            (Some(node), _) => Err(reader.fail(node.at, Fault::ResourceNotAllowed("Resource"))),
            (None, Some(node)) => {
                Err(reader.fail(node.at, Fault::ResourceNotAllowed("NotResource")))
            }
            (None, None) => Ok(None),
        };
    }
    let (at, values, inverted) = match either(reader, resource, not_resource, "Resource")? {
        Some((node, inverted)) => (node.at, reader.values(node, "Resource")?, inverted),
        None => (at, Vec::new(), false),
    };
    if values.is_empty() && reader.kind != DocumentKind::KeyPolicy {
        return Err(reader.fail(at, Fault::NoResources));
    }
    let pattern = |(at, value): (usize, String)| {
        ResourcePattern::parse(&value, reader.kind, reader.variables)
            .map_err(|fault| reader.fail(at, fault))
    };
    let patterns = values.into_iter().map(pattern).collect::<Result<_, _>>()?;
    Ok(Some(Resources { inverted, patterns }))
}

fn conditions(
    reader: &Reader<'_>,
    effect: Effect,
    node: Node,
) -> Result<Vec<Condition>, ParseError> {
    let mut conditions = Vec::new();
    for (operator, block) in reader.object(node, "Condition")?.members {
        let mut known = HashSet::new();
        for (name, node) in reader.object(block, "Condition")?.members {
            let at = node.at;
            let fail = |fault| reader.fail(at, fault);
            if !name.contains(':') {
                return Err(fail(Fault::NoVendor(name)));
            }
            if !known.insert(ConditionKey::new(&name).as_str().to_owned()) {
                return Err(fail(Fault::DuplicateKey(name)));
            }
            let values: Vec<String> = reader
                .values(node, "Condition")?
                .into_iter()
                .map(|(_, value)| value)
                .collect();
            let condition = Condition::parse(&operator, &name, &values, reader.variables);
            let condition = condition.map_err(fail)?;
            if effect == Effect::Allow && is_overly_permissive(reader.kind, &condition) {
                return Err(fail(Fault::OverlyPermissive(name)));
            }
            conditions.push(condition);
        }
    }
    Ok(conditions)
}

/// `ForAllValues` over one entry of the encryption context or one request tag holds for
/// requests without it. KMS does not store such an Allow.
fn is_overly_permissive(kind: DocumentKind, condition: &Condition) -> bool {
    let names = ["kms:encryptioncontext", "aws:requesttag"];
    kind == DocumentKind::KeyPolicy
        && condition.quantifier == Quantifier::All
        && condition.key.suffix().is_some()
        && names.contains(&condition.key.name())
}
