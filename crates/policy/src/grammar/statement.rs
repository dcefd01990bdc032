//! The grammar of one statement.

use std::collections::HashSet;

use types::fold_case;

use super::Reader;
use crate::action::{ActionPattern, Actions};
use crate::condition::{Condition, Quantifier};
use crate::context::ConditionKey;
use crate::document::{DocumentKind, Effect, Span, Statement};
use crate::error::{Fault, Places};
use crate::json::{Node, Value};
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

/// Reads a statement; `None` if something is wrong with it, which was then reported.
pub(super) fn parse(
    reader: &Reader<'_>,
    node: Node,
    sids: &mut HashSet<Box<str>>,
    places: &mut Places<'_>,
) -> Option<Statement> {
    let at = node.at;
    let span = Span {
        start: places.of(at),
        end: places.of(node.end),
    };
    let mut members = reader.object(node, "Statement")?;
    let sid = members.take("Sid").and_then(|node| sid(reader, node, sids));
    let effect = effect(reader, at, members.take("Effect"));
    let principal = members.take("Principal");
    let not_principal = members.take("NotPrincipal");
    let principals = principals(reader, at, effect, principal, not_principal);
    let action = members.take("Action");
    let not_action = members.take("NotAction");
    let actions = actions(reader, at, action, not_action);
    let resource = members.take("Resource");
    let not_resource = members.take("NotResource");
    let resources = resources(reader, at, effect, (resource, not_resource));
    let conditions = match members.take("Condition") {
        Some(node) => conditions(reader, effect, node),
        None => Some(Vec::new()),
    };
    members.finish();
    let statement = Statement {
        sid,
        effect: effect?,
        principals: principals.ok()?,
        actions: actions?,
        resources: resources.ok()?,
        conditions: conditions?,
        at,
        span,
    };
    allowed_in_resource_control(reader, &statement);
    Some(statement)
}

/// A resource control policy denies. It allows in one form only, that of `RCPFullAWSAccess`,
/// and names the service of what it denies.
fn allowed_in_resource_control(reader: &Reader<'_>, statement: &Statement) {
    if reader.kind != DocumentKind::ResourceControl {
        return;
    }
    let all = |action: &ActionPattern| matches!(&*action.text, "*" | "*:*");
    let any = statement.actions.patterns.iter().any(all);
    match statement.effect {
        Effect::Allow => {
            let everything = statement.actions.patterns.iter().all(all)
                && statement.conditions.is_empty()
                && statement
                    .resources
                    .as_ref()
                    .is_none_or(Resources::are_everything);
            if !everything {
                reader.report(statement.at, Fault::AllowInResourceControl);
            }
        }
        Effect::Deny if any => reader.report(statement.at, Fault::BareActionInResourceControl),
        Effect::Deny => {}
    }
}

/// Letters and digits in IAM's own policies; resource policies take any text.
fn sid(reader: &Reader<'_>, node: Node, sids: &mut HashSet<Box<str>>) -> Option<Box<str>> {
    let at = node.at;
    let sid = reader.text(node, "Sid")?;
    let free = matches!(
        reader.kind,
        DocumentKind::KeyPolicy | DocumentKind::Resource
    );
    if !free && !sid.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return reader.fail(at, Fault::Sid(sid));
    }
    if sid.is_empty() {
        return None;
    }
    let boxed = sid.clone().into_boxed_str();
    if !sids.insert(boxed.clone()) {
        return reader.fail(at, Fault::DuplicateSid(sid));
    }
    Some(boxed)
}

fn effect(reader: &Reader<'_>, at: usize, node: Option<Node>) -> Option<Effect> {
    let at = node.as_ref().map_or(at, |node| node.at);
    match node.map(|node| node.value) {
        Some(Value::Text(effect)) if effect == "Allow" => Some(Effect::Allow),
        Some(Value::Text(effect)) if effect == "Deny" => Some(Effect::Deny),
        Some(Value::Text(effect))
            if effect.eq_ignore_ascii_case("allow") || effect.eq_ignore_ascii_case("deny") =>
        {
            reader.fail(at, Fault::EffectLetters(effect))
        }
        _ => reader.fail(at, Fault::Effect),
    }
}

/// Something is wrong, and that was reported.
struct Reported;

fn refuse(reader: &Reader<'_>, at: usize, fault: Fault) -> Reported {
    reader.report(at, fault);
    Reported
}

/// The principals; none for a kind of policy that has none.
fn principals(
    reader: &Reader<'_>,
    at: usize,
    effect: Option<Effect>,
    principal: Option<Node>,
    not_principal: Option<Node>,
) -> Result<Option<Principals>, Reported> {
    let kind = reader.kind;
    let (node, inverted) = match (principal, not_principal) {
        (Some(_), Some(node)) => return Err(refuse(reader, node.at, Fault::Both("Principal"))),
        (Some(node), None) => (node, false),
        (None, Some(node)) => (node, true),
        (None, None) if kind.has_principals() => {
            return Err(refuse(reader, at, Fault::NoPrincipal));
        }
        (None, None) => return Ok(None),
    };
    if !kind.has_principals() {
        return Err(refuse(reader, node.at, Fault::PrincipalNotAllowed));
    }
    let never = matches!(kind, DocumentKind::Trust | DocumentKind::ResourceControl);
    if inverted && (never || effect == Some(Effect::Allow)) {
        reader.report(node.at, Fault::NotSupported("NotPrincipal"));
    }
    let at = node.at;
    let patterns = principal_patterns(reader, node).ok_or(Reported)?;
    if patterns.is_empty() {
        return Err(refuse(reader, at, Fault::NoPrincipal));
    }
    let everyone = patterns
        .iter()
        .all(|pattern| *pattern == PrincipalPattern::Everyone);
    if kind == DocumentKind::ResourceControl && !everyone {
        return Err(refuse(reader, at, Fault::NotSupported("Principal")));
    }
    Ok(Some(Principals { inverted, patterns }))
}

fn principal_patterns(reader: &Reader<'_>, node: Node) -> Option<Vec<PrincipalPattern>> {
    let at = node.at;
    let map = match node.value {
        Value::Text(text) if text == "*" => return Some(vec![PrincipalPattern::Everyone]),
        Value::Text(value) => {
            let kind = "*".to_owned();
            return reader.fail(at, Fault::Principal { kind, value });
        }
        Value::Object(map) => map,
        Value::Null | Value::Bare(_) | Value::List(_) => {
            return reader.wrong_type(at, "Principal", "`\"*\"` or an object");
        }
    };
    let mut patterns = Vec::new();
    let mut complete = true;
    for (key, node) in map {
        let parse: fn(&str) -> Result<PrincipalPattern, Fault> = match key.as_str() {
            "AWS" => PrincipalPattern::parse_aws,
            "Service" => PrincipalPattern::parse_service,
            "Federated" => PrincipalPattern::parse_federated,
            "CanonicalUser" => PrincipalPattern::parse_canonical,
            _ => {
                complete = false;
                reader.report(node.at, Fault::UnknownElement(key));
                continue;
            }
        };
        let values = reader.values(node, "Principal");
        complete &= values.is_some();
        for (at, value) in values.unwrap_or_default() {
            match parse(&value) {
                Ok(pattern) => patterns.push(pattern),
                Err(fault) => {
                    complete = false;
                    reader.report(at, fault);
                }
            }
        }
    }
    complete.then_some(patterns)
}

/// The element or its negation.
enum Either {
    /// The node, and whether it is the negation.
    One(Node, bool),
    Neither,
}

/// `None` if the statement has both, which was then reported.
fn either(
    reader: &Reader<'_>,
    plain: Option<Node>,
    not: Option<Node>,
    name: &'static str,
) -> Option<Either> {
    match (plain, not) {
        (Some(_), Some(node)) => reader.fail(node.at, Fault::Both(name)),
        (Some(node), None) => Some(Either::One(node, false)),
        (None, Some(node)) => Some(Either::One(node, true)),
        (None, None) => Some(Either::Neither),
    }
}

fn actions(
    reader: &Reader<'_>,
    at: usize,
    action: Option<Node>,
    not_action: Option<Node>,
) -> Option<Actions> {
    let optional = reader.kind == DocumentKind::KeyPolicy;
    let (at, values, inverted) = match either(reader, action, not_action, "Action")? {
        Either::One(node, inverted) => (node.at, reader.values(node, "Action")?, inverted),
        Either::Neither => (at, Vec::new(), false),
    };
    if values.is_empty() && !optional {
        return reader.fail(at, Fault::NoActions);
    }
    let never = matches!(
        reader.kind,
        DocumentKind::Trust | DocumentKind::ResourceControl
    );
    if inverted && never {
        reader.report(at, Fault::NotSupported("NotAction"));
    }
    let patterns = all(reader, values, |value| action_pattern(reader.kind, value))?;
    Some(Actions::new(inverted, patterns))
}

/// Compiles every value and reports each that cannot be; `None` if there was one.
fn all<T>(
    reader: &Reader<'_>,
    values: Vec<(usize, String)>,
    compile: impl Fn(&str) -> Result<T, Fault>,
) -> Option<Vec<T>> {
    let count = values.len();
    let compiled: Vec<T> = values
        .into_iter()
        .filter_map(|(at, value)| {
            compile(&value)
                .map_err(|fault| reader.report(at, fault))
                .ok()
        })
        .collect();
    (compiled.len() == count).then_some(compiled)
}

fn action_pattern(kind: DocumentKind, text: &str) -> Result<ActionPattern, Fault> {
    if kind == DocumentKind::Trust {
        let known = TRUST_ACTIONS
            .iter()
            .any(|action| action.eq_ignore_ascii_case(text));
        let vendor = text.split_once(':').is_some();
        if vendor && !known || text == "*" {
            return Err(Fault::TrustAction(text.to_owned()));
        }
    }
    if text != "*" {
        check_action(text)?;
    }
    match Text::compile(text, Dialect::Like, false) {
        Ok(Text::Fixed(pattern)) => Ok(ActionPattern::new(text, pattern)),
        // Without variables the text is always fixed.
        Ok(Text::Template(..)) | Err(_) => Err(Fault::NoOperation(text.to_owned())),
    }
}

fn check_action(text: &str) -> Result<(), Fault> {
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
    Ok(())
}

/// The resources; none for a trust policy.
fn resources(
    reader: &Reader<'_>,
    at: usize,
    effect: Option<Effect>,
    (resource, not_resource): (Option<Node>, Option<Node>),
) -> Result<Option<Resources>, Reported> {
    if reader.kind == DocumentKind::Trust {
        return match (resource, not_resource) {
            (Some(node), _) => Err(refuse(
                reader,
                node.at,
                Fault::ResourceNotAllowed("Resource"),
            )),
            (None, Some(node)) => Err(refuse(
                reader,
                node.at,
                Fault::ResourceNotAllowed("NotResource"),
            )),
            (None, None) => Ok(None),
        };
    }
    let (at, values, inverted) =
        match either(reader, resource, not_resource, "Resource").ok_or(Reported)? {
            Either::One(mut node, inverted) => {
                drop_nulls(reader.kind, &mut node);
                let at = node.at;
                let values = reader.values(node, "Resource").ok_or(Reported)?;
                (at, values, inverted)
            }
            Either::Neither => (at, Vec::new(), false),
        };
    if values.is_empty() && reader.kind != DocumentKind::KeyPolicy {
        return Err(refuse(reader, at, Fault::NoResources));
    }
    let takes_away = match effect {
        Some(Effect::Deny) => !inverted,
        Some(Effect::Allow) => inverted,
        None => false,
    };
    let compile =
        |value: &str| ResourcePattern::parse(value, reader.kind, reader.variables, takes_away);
    let patterns = all(reader, values, compile).ok_or(Reported)?;
    Ok(Some(Resources { inverted, patterns }))
}

/// IAM passes over `null` in a list of resources.
fn drop_nulls(kind: DocumentKind, node: &mut Node) {
    if let Value::List(nodes) = &mut node.value
        && kind.is_of_a_principal()
    {
        nodes.retain(|node| !matches!(node.value, Value::Null));
    }
}

fn conditions(reader: &Reader<'_>, effect: Option<Effect>, node: Node) -> Option<Vec<Condition>> {
    let mut conditions = Vec::new();
    let mut complete = true;
    for (operator, block) in reader.object(node, "Condition")?.members {
        let Some(block) = reader.object(block, "Condition") else {
            complete = false;
            continue;
        };
        let mut known = HashSet::new();
        for (name, node) in block.members {
            let at = node.at;
            let condition = reader
                .values(node, "Condition")
                .and_then(|values| condition(reader, at, &operator, &name, values));
            if !known.insert(fold_case(&name).into_owned()) {
                reader.report(at, Fault::DuplicateKey(name));
                continue;
            }
            let Some(condition) = condition else {
                complete = false;
                continue;
            };
            if effect == Some(Effect::Allow) && is_overly_permissive(reader.kind, &condition) {
                reader.report(at, Fault::OverlyPermissive(name));
            }
            conditions.push(condition);
        }
    }
    complete.then_some(conditions)
}

fn condition(
    reader: &Reader<'_>,
    at: usize,
    operator: &str,
    name: &str,
    values: Vec<(usize, String)>,
) -> Option<Condition> {
    // IAM stores keys that name no service in policies of principals. No request has them.
    let vendor = reader.kind.is_of_a_principal() || reader.kind == DocumentKind::Trust;
    if !vendor && !name.contains(':') {
        reader.report(at, Fault::NoVendor(name.to_owned()));
    }
    let values: Vec<String> = values.into_iter().map(|(_, value)| value).collect();
    let key = ConditionKey::new(name);
    Condition::parse(operator, key, &values, reader.variables)
        .map_err(|fault| reader.report(at, fault))
        .ok()
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
