//! A second evaluator: slow, plain, and written from the rules without looking at the first.
//!
//! It reads the JSON of each policy anew for every question, spells every table out, and
//! shares no code with the crate. Documents are taken to be valid.

use serde_json::Value;

use crate::case::{Case, Found, Who};

/// `ALLOW`, `DENY(e)` or `DENY(i)`.
pub(crate) fn outcome(case: &Case) -> &'static str {
    let policies = &case.policies;
    let mut everything: Vec<&Value> = policies.identity.iter().collect();
    everything.extend(&policies.boundary);
    everything.extend(policies.session.iter().flatten());
    everything.extend(
        policies
            .resource
            .as_ref()
            .map(|resource| &resource.document),
    );
    everything.extend(&policies.shares);
    // Organization policies do not bind service-linked roles.
    let exempt = matches!(&case.principal,
        Who::Role { role, .. } if role.split('/').next() == Some("aws-service-role")
            && role.contains('/'));
    if !exempt {
        everything.extend(policies.service_control.iter().flatten());
        everything.extend(policies.resource_control.iter().flatten());
    }
    if everything
        .iter()
        .any(|document| !matching(case, document, "Deny").is_empty())
    {
        return "DENY(e)";
    }
    let levels = policies
        .service_control
        .iter()
        .chain(&policies.resource_control);
    let within_limits = exempt || levels.into_iter().all(|level| any_allows(case, level));
    if within_limits && something_allows(case) {
        "ALLOW"
    } else {
        "DENY(i)"
    }
}

/// What the levels of an organization say, whoever asks.
pub(crate) fn limits(case: &Case, levels: &[Vec<Value>]) -> &'static str {
    let mut all = levels.iter().flatten();
    if all.any(|document| !matching(case, document, "Deny").is_empty()) {
        "DENY(e)"
    } else if levels.iter().all(|level| any_allows(case, level)) {
        "ALLOW"
    } else {
        "DENY(i)"
    }
}

fn any_allows(case: &Case, documents: &[Value]) -> bool {
    documents
        .iter()
        .any(|document| !matching(case, document, "Allow").is_empty())
}

// --- the rules of combination -----------------------------------------------------------

/// How one statement of a resource's policy names the caller.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Named {
    User,
    Role,
    RoleSession,
    FederatedSession,
    Account,
    Everyone,
    Service,
    /// The user behind a federated session.
    Issuer,
}

fn something_allows(case: &Case) -> bool {
    let policies = &case.policies;
    let root = matches!(case.principal, Who::Root { .. });
    let federated = matches!(case.principal, Who::Federated { .. });
    let service = matches!(case.principal, Who::Service { .. });

    let identity = root || any_allows(case, &policies.identity);
    let boundary = match &policies.boundary {
        None => true,
        Some(document) => !matching(case, document, "Allow").is_empty(),
    };
    let session = match &policies.session {
        None => !federated,
        Some(documents) => any_allows(case, documents),
    };
    let own = identity && boundary && session;

    let (rule, mut named): (&str, Vec<Named>) = match &policies.resource {
        None if policies.shares.is_empty() => ("none", Vec::new()),
        None => ("general", Vec::new()),
        Some(resource) => (
            resource.rule.as_str(),
            matching(case, &resource.document, "Allow").concat(),
        ),
    };
    for share in &policies.shares {
        named.extend(matching(case, share, "Allow").concat());
    }
    let has = |name: Named| named.contains(&name);
    let grant = |suffices: &dyn Fn(&str, bool) -> bool| {
        let given = policies
            .grants
            .iter()
            .any(|g| suffices(&g.issuing_account, g.to_account));
        // Boundary and session policy limit grants too; services have neither.
        given && (service || boundary && session)
    };
    let key_rule = rule == "key" || rule == "key, grants only";

    if service {
        let by_name = has(Named::Service) && rule != "key, grants only";
        return by_name || key_rule && grant(&|_, to_account| !to_account);
    }
    let caller = account_of(&case.principal).unwrap();
    let owner = owner_of(case);
    if owner.as_deref() == Some(caller) {
        // Table 2.2, row by row.
        let by_resource = named.iter().any(|name| match name {
            Named::User | Named::RoleSession | Named::FederatedSession | Named::Everyone => true,
            Named::Role | Named::Issuer => boundary && session,
            Named::Account => own,
            Named::Service => false,
        });
        return match rule {
            "none" => own,
            "general" => own || by_resource,
            "key" => by_resource || grant(&|_, to_account| !to_account || own),
            "key, grants only" => grant(&|_, to_account| !to_account || own),
            "trust" => by_resource && !root && boundary && session,
            other => panic!("unknown rule {other}"),
        };
    }
    // Across accounts.
    match rule {
        "none" => false,
        "general" => own && !named.is_empty(),
        "trust" => own && !named.is_empty() && !root,
        "key" => {
            let by_policy = own && !named.is_empty();
            let by_grant = |issuer: &str, to_account: bool| {
                if issuer == caller {
                    !to_account || own
                } else {
                    own
                }
            };
            by_policy || grant(&by_grant)
        }
        "key, grants only" => grant(&|_, to_account| !to_account || own),
        other => panic!("unknown rule {other}"),
    }
}

pub(crate) fn account_of(who: &Who) -> Option<&str> {
    match who {
        Who::User { account, .. }
        | Who::Role { account, .. }
        | Who::Federated { account, .. }
        | Who::Root { account, .. } => Some(account),
        Who::Service { .. } => None,
    }
}

pub(crate) fn owner_of(case: &Case) -> Option<String> {
    if let Some(owner) = &case.owner {
        return Some(owner.clone());
    }
    match &case.resource {
        None => account_of(&case.principal).map(str::to_owned),
        Some(arn) => {
            let account = arn.split(':').nth(4).unwrap();
            (account.len() == 12).then(|| account.to_owned())
        }
    }
}

// --- statements -------------------------------------------------------------------------

/// The case with what a key policy cannot see left out: tags and aliases of the key.
fn as_seen_by(case: &Case, document: &Value) -> Case {
    let mut case = case.clone();
    let of_a_key =
        case.policies.resource.as_ref().is_some_and(|resource| {
            resource.rule.starts_with("key") && resource.document == *document
        });
    if of_a_key {
        case.context.0.retain(|key, _| {
            let key = fold(key);
            !key.starts_with("aws:resourcetag/") && key != "kms:resourcealiases"
        });
    }
    case
}

/// For each statement of this effect that matches, how it names the caller (everyone, in
/// policies without principals).
fn matching(case: &Case, document: &Value, effect: &str) -> Vec<Vec<Named>> {
    let case = &as_seen_by(case, document);
    let new = document["Version"] == "2012-10-17";
    list(&document["Statement"])
        .into_iter()
        .filter(|statement| statement["Effect"] == effect)
        .filter(|statement| action_matches(case, statement))
        .filter(|statement| resource_matches(case, statement, new, effect))
        .filter(|statement| conditions_hold(case, statement, new))
        .map(|statement| naming(case, &statement))
        .filter(|named| !named.is_empty())
        .collect()
}

fn list(value: &Value) -> Vec<Value> {
    match value {
        Value::Array(values) => values.clone(),
        Value::Null => Vec::new(),
        other => vec![other.clone()],
    }
}

fn texts(value: &Value) -> Vec<String> {
    list(value)
        .into_iter()
        .map(|value| match value {
            Value::String(text) => text,
            other => other.to_string(),
        })
        .collect()
}

fn action_matches(case: &Case, statement: &Value) -> bool {
    let asked = symbols_of_text(&case.action.to_lowercase());
    let listed = |value: &Value| {
        texts(value)
            .iter()
            .any(|pattern| glob(&wild(&pattern.to_lowercase()), &asked))
    };
    if statement.get("NotAction").is_some() {
        !texts(&statement["NotAction"]).is_empty() && !listed(&statement["NotAction"])
    } else {
        listed(&statement["Action"])
    }
}

fn naming(case: &Case, statement: &Value) -> Vec<Named> {
    if let Some(principals) = statement.get("NotPrincipal") {
        if case.policies.boundary.is_some() {
            return vec![Named::Everyone];
        }
        let listed = listed_namings(case, principals);
        let needed: &[Named] = match case.principal {
            Who::Root { .. } => &[Named::Account],
            Who::User { .. } => &[Named::Account, Named::User],
            Who::Role { .. } => &[Named::Account, Named::Role, Named::RoleSession],
            Who::Federated { .. } => &[Named::Account, Named::FederatedSession],
            Who::Service { .. } => &[Named::Service],
        };
        let spared = listed.contains(&Named::Everyone) || needed.iter().all(|n| listed.contains(n));
        return if spared {
            Vec::new()
        } else {
            vec![Named::Everyone]
        };
    }
    match statement.get("Principal") {
        Some(principals) => listed_namings(case, principals),
        None => vec![Named::Everyone],
    }
}

fn listed_namings(case: &Case, principals: &Value) -> Vec<Named> {
    if principals == "*" {
        return vec![Named::Everyone];
    }
    let mut named = Vec::new();
    for (kind, values) in principals.as_object().unwrap() {
        for value in texts(values) {
            named.extend(match kind.as_str() {
                "AWS" => name_aws(&case.principal, &value),
                "Service" => match &case.principal {
                    Who::Service { service } if *service == value => Some(Named::Service),
                    _ => None,
                },
                _ => None,
            });
        }
    }
    named
}

fn name_aws(who: &Who, value: &str) -> Option<Named> {
    if value == "*" {
        return Some(Named::Everyone);
    }
    if let Some(account) = account_of(who)
        && (value == account || value == format!("arn:aws:iam::{account}:root"))
    {
        return Some(Named::Account);
    }
    match who {
        Who::User { user, account } => {
            (value == format!("arn:aws:iam::{account}:user/{user}")).then_some(Named::User)
        }
        Who::Role {
            role,
            session,
            account,
        } => {
            let name = role.rsplit('/').next().unwrap();
            if value == format!("arn:aws:iam::{account}:role/{role}") {
                Some(Named::Role)
            } else if value == format!("arn:aws:sts::{account}:assumed-role/{name}/{session}") {
                Some(Named::RoleSession)
            } else {
                None
            }
        }
        Who::Federated {
            federated,
            account,
            issuer,
        } => {
            let user = |issuer: &String| value == format!("arn:aws:iam::{account}:user/{issuer}");
            if value == format!("arn:aws:sts::{account}:federated-user/{federated}") {
                Some(Named::FederatedSession)
            } else {
                issuer.as_ref().is_some_and(user).then_some(Named::Issuer)
            }
        }
        Who::Root { .. } | Who::Service { .. } => None,
    }
}

fn resource_matches(case: &Case, statement: &Value, new: bool, effect: &str) -> bool {
    let resource = case.resource.as_deref().unwrap_or("*");
    let mut without_value = false;
    let mut listed = |value: &Value| {
        let mut any = false;
        // What takes away is read widely where names may have colons.
        let wide = (effect == "Deny") == statement.get("Resource").is_some();
        for pattern in texts(value) {
            match symbols(case, &pattern, new, true) {
                None => without_value = true,
                Some(pattern) => any |= resource_listed(&pattern, resource, wide),
            }
        }
        any
    };
    if let Some(values) = statement.get("NotResource") {
        let listed = listed(values);
        let widened = without_value && effect == "Allow";
        !(texts(values).is_empty() || listed || widened)
    } else if let Some(values) = statement.get("Resource") {
        listed(values)
    } else {
        // A trust policy is about its role; a key policy statement has no effect.
        let resource = case.policies.resource.as_ref();
        resource.is_some_and(|resource| resource.rule == "trust")
    }
}

fn resource_listed(pattern: &[Symbol], resource: &str, wide: bool) -> bool {
    if pattern == [Symbol::Star] {
        return true;
    }
    let pattern = split(pattern);
    let resource = split(&symbols_of_text(resource));
    let mut completed = pattern.clone();
    while completed.len() < 6 {
        completed.push(vec![Symbol::Star]);
    }
    let fixed = if wide { 5 } else { usize::MAX };
    segments(&pattern, &resource, fixed) || segments(&completed, &resource, fixed)
}

/// Segment by segment, until so many segments of the text are matched as are `fixed`, and then the
/// rest as one; a `*` at the end of a segment may swallow whole segments after it.
fn segments(pattern: &[Vec<Symbol>], text: &[Vec<Symbol>], fixed: usize) -> bool {
    let (Some(first), Some(found)) = (pattern.first(), text.first()) else {
        return pattern.is_empty() && text.is_empty();
    };
    if fixed == 0 {
        let colon = [Symbol::Plain(':')];
        return glob(&pattern.join(&colon[..]), &text.join(&colon[..]));
    }
    if !glob(first, found) {
        return false;
    }
    let swallows = first.last() == Some(&Symbol::Star);
    let furthest = if swallows { text.len() } else { 1 };
    let mut ways = 1..=furthest;
    ways.any(|next| segments(&pattern[1..], &text[next..], fixed.saturating_sub(next)))
}

// --- text -------------------------------------------------------------------------------

#[derive(Debug, Clone, Copy, PartialEq)]
enum Symbol {
    Plain(char),
    Star,
    Question,
}

fn symbols_of_text(text: &str) -> Vec<Symbol> {
    text.chars().map(Symbol::Plain).collect()
}

fn wild(text: &str) -> Vec<Symbol> {
    text.chars()
        .map(|c| match c {
            '*' => Symbol::Star,
            '?' => Symbol::Question,
            other => Symbol::Plain(other),
        })
        .collect()
}

/// The text with its variables replaced; `None` if one has no value.
fn symbols(case: &Case, text: &str, new: bool, wildcards: bool) -> Option<Vec<Symbol>> {
    let plain = |text: &str| {
        if wildcards {
            wild(text)
        } else {
            symbols_of_text(text)
        }
    };
    if !new {
        return Some(plain(text));
    }
    let mut result = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        let end = at + rest[at..].find('}').unwrap();
        result.extend(plain(&rest[..at]));
        let inside = &rest[at + 2..end];
        if ["*", "?", "$"].contains(&inside) {
            result.extend(symbols_of_text(inside));
        } else {
            let (name, default) = match inside.split_once(',') {
                Some((name, default)) => (name, Some(default.trim().trim_matches('\''))),
                None => (inside, None),
            };
            let value = match context(case, name) {
                Some(Found::One(value)) => value,
                Some(Found::Many(values)) if !values.is_empty() => return None,
                _ => default?.to_owned(),
            };
            result.extend(symbols_of_text(&value));
        }
        rest = &rest[end + 1..];
    }
    result.extend(plain(rest));
    Some(result)
}

fn context(case: &Case, name: &str) -> Option<Found> {
    let entries = &case.context.0;
    let (_, found) = entries.iter().find(|(key, _)| fold(key) == fold(name))?;
    Some(found.clone())
}

/// Lower case, letter by letter; but a letter that would become an ASCII one stays what it is.
fn fold(text: &str) -> String {
    let mut folded = String::new();
    for letter in text.chars() {
        let lower: String = letter.to_lowercase().collect();
        let disguised = !letter.is_ascii() && lower.chars().any(|l| l.is_ascii());
        if disguised {
            folded.push(letter);
        } else {
            folded.push_str(&lower);
        }
    }
    folded
}

fn glob(pattern: &[Symbol], text: &[Symbol]) -> bool {
    match pattern.first() {
        None => text.is_empty(),
        Some(Symbol::Star) => (0..=text.len()).any(|skipped| glob(&pattern[1..], &text[skipped..])),
        Some(Symbol::Question) => !text.is_empty() && glob(&pattern[1..], &text[1..]),
        Some(plain) => text.first() == Some(plain) && glob(&pattern[1..], &text[1..]),
    }
}

fn split(text: &[Symbol]) -> Vec<Vec<Symbol>> {
    text.split(|symbol| *symbol == Symbol::Plain(':'))
        .map(<[Symbol]>::to_vec)
        .collect()
}

// --- conditions -------------------------------------------------------------------------

pub(crate) fn conditions_hold(case: &Case, statement: &Value, new: bool) -> bool {
    let Some(blocks) = statement.get("Condition") else {
        return true;
    };
    blocks.as_object().unwrap().iter().all(|(operator, keys)| {
        keys.as_object()
            .unwrap()
            .iter()
            .all(|(key, values)| holds(case, operator, key, &texts(values), new))
    })
}

fn holds(case: &Case, operator: &str, key: &str, wanted: &[String], new: bool) -> bool {
    let found = match context(case, key) {
        Some(Found::Many(values)) if values.is_empty() => None,
        other => other,
    };
    let values = match &found {
        None => Vec::new(),
        Some(Found::One(value)) => vec![value.clone()],
        Some(Found::Many(values)) => values.clone(),
    };
    let empty = values.iter().all(String::is_empty);
    if operator == "Null" {
        return wanted
            .iter()
            .any(|want| want.eq_ignore_ascii_case("true") == empty);
    }
    let (set, rest) = match operator.split_once(':') {
        Some((set, rest)) => (set, rest),
        None => ("", operator),
    };
    let if_exists = rest.ends_with("IfExists");
    let base = rest.trim_end_matches("IfExists");
    let negated = base.contains("Not");
    let positive = base.replace("Not", "");
    let one = |value: &String| {
        let any = wanted
            .iter()
            .any(|want| compare(case, &positive, want, value, new));
        if negated { !any } else { any }
    };
    match (set, found) {
        ("ForAllValues", None) => true,
        ("ForAnyValue", None) => if_exists,
        (_, None) => negated || if_exists,
        ("ForAllValues", Some(_)) => empty || values.iter().all(one),
        ("ForAnyValue", Some(_)) => !empty && values.iter().any(one),
        (_, Some(Found::Many(_))) => false,
        (_, Some(Found::One(value))) => one(&value),
    }
}

fn compare(case: &Case, operator: &str, want: &str, found: &str, new: bool) -> bool {
    let text = |wildcards| symbols(case, want, new, wildcards);
    let same_text = |ignore_case: bool| {
        text(false).is_some_and(|symbols| {
            let want: String = symbols
                .iter()
                .map(|symbol| match symbol {
                    Symbol::Plain(c) => *c,
                    Symbol::Star | Symbol::Question => panic!("plain text has no wildcards"),
                })
                .collect();
            if ignore_case {
                fold(&want) == fold(found)
            } else {
                want == found
            }
        })
    };
    match operator {
        "StringEquals" => same_text(false),
        "StringEqualsIgnoreCase" => same_text(true),
        "StringLike" => text(true).is_some_and(|want| glob(&want, &symbols_of_text(found))),
        "ArnEquals" | "ArnLike" => text(true).is_some_and(|want| arn_like(&want, found)),
        "Bool" => same_text(true) && ["true", "false"].contains(&found.to_lowercase().as_str()),
        "BinaryEquals" => want == found,
        "IpAddress" => in_range(want, found),
        _ if operator.starts_with("Numeric") => {
            let pair = want.parse::<f64>().ok().zip(found.parse::<f64>().ok());
            pair.is_some_and(|(want, found)| ordered(operator, found.partial_cmp(&want)))
        }
        _ if operator.starts_with("Date") => {
            let pair = date(want).zip(date(found));
            pair.is_some_and(|(want, found)| ordered(operator, Some(found.cmp(&want))))
        }
        other => panic!("unknown operator {other}"),
    }
}

fn ordered(operator: &str, order: Option<std::cmp::Ordering>) -> bool {
    let order = order.unwrap();
    let name = operator
        .trim_start_matches("Numeric")
        .trim_start_matches("Date");
    match name {
        "Equals" => order.is_eq(),
        "LessThan" => order.is_lt(),
        "LessThanEquals" => order.is_le(),
        "GreaterThan" => order.is_gt(),
        "GreaterThanEquals" => order.is_ge(),
        other => panic!("unknown comparison {other}"),
    }
}

fn arn_like(want: &[Symbol], found: &str) -> bool {
    if found.matches(':').count() < 5 {
        return false;
    }
    if want == [Symbol::Star] {
        return true;
    }
    let parts = |text: &[Symbol]| -> Vec<Vec<Symbol>> {
        text.splitn(6, |symbol| *symbol == Symbol::Plain(':'))
            .map(<[Symbol]>::to_vec)
            .collect()
    };
    let (want, found) = (parts(want), parts(&symbols_of_text(found)));
    want.len() == 6
        && want
            .iter()
            .zip(&found)
            .all(|(want, found)| glob(want, found))
}

fn in_range(range: &str, address: &str) -> bool {
    let (network, bits) = match range.split_once('/') {
        Some((network, bits)) => (network, bits.parse::<usize>().unwrap()),
        None => (range, 128),
    };
    match (bits_of(network), bits_of(address)) {
        (Some(network), Some(address)) => {
            let bits = bits.min(network.len());
            network.len() == address.len() && network[..bits] == address[..bits]
        }
        _ => false,
    }
}

fn bits_of(address: &str) -> Option<String> {
    let octets = match address.parse().ok()? {
        std::net::IpAddr::V4(v4) => v4.octets().to_vec(),
        std::net::IpAddr::V6(v6) => v6.octets().to_vec(),
    };
    let bits: Vec<String> = octets.iter().map(|octet| format!("{octet:08b}")).collect();
    Some(bits.concat())
}

/// The dates that the random policies and the vectors use, in half seconds since 1970.
fn date(text: &str) -> Option<i64> {
    Some(match text {
        "1970" | "1970-01-01T00:00:00Z" | "0" => 0,
        "1" | "1.0" => 2,
        "-2" => -4,
        "2026" | "2026-01-01" | "1767225600" => 2 * 1_767_225_600,
        "2026-11-23T20:47:00Z" | "2026-11-23T22:47:00+02:00" | "1795466820" => 2 * 1_795_466_820,
        "2026-11-23T20:47:00.5Z" => 2 * 1_795_466_820 + 1,
        "2026-11-23" => 2 * 1_795_392_000,
        "2026-11-23T23:59:59Z" => 2 * 1_795_478_399,
        "2026-11-24" | "2026-11-24T00:00:00Z" | "2026-11-24T01:00:00+01:00" | "1795478400" => {
            2 * 1_795_478_400
        }
        "2026-11-24T00:00:00.5Z" => 2 * 1_795_478_400 + 1,
        "2026-11-24T00:00:01Z" => 2 * 1_795_478_401,
        "2026-11-25" => 2 * 1_795_564_800,
        _ => return None,
    })
}
