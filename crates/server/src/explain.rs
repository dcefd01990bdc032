//! `strongroom explain`: why a recorded request was allowed or denied.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::{Value, json};

use crate::cli::ExplainArgs;
use crate::client::{self, list, number, print, text};
use crate::signed;

/// How long the subcommand waits for the server.
const PATIENCE: Duration = Duration::from_mins(1);

/// Runs the subcommand.
pub fn run(args: &ExplainArgs) -> anyhow::Result<()> {
    let answer = client::answer(PATIENCE, ask(args))?;
    let shown = if args.ask.json {
        serde_json::to_string_pretty(&answer)? + "\n"
    } else {
        tree(&answer)
    };
    print(&shown)
}

async fn ask(args: &ExplainArgs) -> anyhow::Result<Value> {
    let mut input = json!({ "RequestId": args.request, "At": args.at });
    if let (Some(near), Some(input)) = (&args.near, input.as_object_mut()) {
        input.insert("Near".to_owned(), near.as_str().into());
    }
    signed::own(&args.ask.at, "ExplainRequest", &input).await
}

/// The answer for people: a line for each call, below it its needs and what decides them.
fn tree(answer: &Value) -> String {
    let mut lines = vec![format!(
        "request {}, by the policies of {}",
        text(answer, "RequestId"),
        match text(answer, "At") {
            "request" => "when it was decided",
            other => other,
        }
    )];
    for call in list(answer, "Calls") {
        lines.push(String::new());
        lines.push(heading(call));
        let mut below: Vec<(String, Vec<String>)> = list(call, "Needs")
            .map(|need| (title(need), reasons(need)))
            .collect();
        below.extend(texts(call, "Notes").map(|note| (format!("note: {note}"), Vec::new())));
        branch(&mut lines, &below);
    }
    let lines: Vec<String> = lines.iter().map(|line| printable(line)).collect();
    lines.join("\n") + "\n"
}

fn branch(lines: &mut Vec<String>, below: &[(String, Vec<String>)]) {
    let last = below.len().saturating_sub(1);
    for (number, (title, leaves)) in below.iter().enumerate() {
        let (mark, beside) = if number == last {
            ("└─", "  ")
        } else {
            ("├─", "│ ")
        };
        lines.push(format!("{mark} {title}"));
        let end = leaves.len().saturating_sub(1);
        for (place, leaf) in leaves.iter().enumerate() {
            let mark = if place == end { "└─" } else { "├─" };
            lines.push(format!("{beside} {mark} {leaf}"));
        }
    }
}

/// What was called, by whom, and how it ended.
fn heading(call: &Value) -> String {
    let service = text(call, "EventSource");
    let service = service.strip_suffix(".amazonaws.com").unwrap_or(service);
    let mut line = format!(
        "{service}:{} by {} at {}",
        text(call, "EventName"),
        text(call, "Caller"),
        text(call, "EventTime"),
    );
    if let Some(via) = given(text(call, "InvokedBy")) {
        let _infallible = write!(line, ", called by {via}");
    }
    let ended = match text(call, "ErrorCode") {
        "" => "succeeded",
        code => code,
    };
    let _infallible = write!(line, ": {ended}");
    line
}

fn title(need: &Value) -> String {
    let decision = match text(need, "Decision") {
        "allowed" => "ALLOWED",
        "allowedByOwnAccount" => "ALLOWED by the own account; the other one decides too",
        "explicitDeny" => "DENIED by a Deny",
        "implicitDeny" => "DENIED, nothing allows it",
        other => other,
    };
    let (action, resource) = (text(need, "Action"), text(need, "Resource"));
    format!("{action} on {resource}: {decision}")
}

/// What stands behind a decision, a line each.
fn reasons(need: &Value) -> Vec<String> {
    let mut lines: Vec<String> = list(need, "Matched")
        .map(|matched| {
            let naming = match text(matched, "Principal") {
                "" => String::new(),
                naming => format!(", for {naming}"),
            };
            let effect = text(matched, "Effect");
            format!("{effect}: {}{naming}", statement(matched))
        })
        .collect();
    if let Some(missing) = given(text(need, "Missing")) {
        lines.push(format!("missing: {missing}"));
    }
    for (member, limit) in [
        ("AllowedByOrganization", "the service control policies"),
        ("AllowedByResourceControl", "the resource control policies"),
        ("AllowedByBoundary", "the permissions boundary"),
        ("AllowedBySession", "the session policies"),
    ] {
        match need.get(member).and_then(Value::as_bool) {
            Some(true) => lines.push(format!("within {limit}")),
            Some(false) => lines.push(format!("not within {limit}")),
            None => {}
        }
    }
    lines.extend(list(need, "NearMisses").map(|near| {
        format!(
            "nearly: {}, but for {}",
            statement(near),
            text(near, "ButFor")
        )
    }));
    lines.extend(texts(need, "SmallestChange").map(|change| format!("to allow it: {change}")));
    lines.extend(texts(need, "Notes").map(|note| format!("note: {note}")));
    lines
}

fn statement(statement: &Value) -> String {
    let mut line = String::new();
    if let Some(sid) = given(text(statement, "Sid")) {
        let _infallible = write!(line, "statement `{sid}` of ");
    }
    let (kind, name) = (text(statement, "PolicyType"), text(statement, "PolicyName"));
    let _infallible = write!(line, "{kind} `{name}`");
    if let Some(level) = given(text(statement, "Level")) {
        let _infallible = write!(line, " at `{level}`");
    }
    let _infallible = write!(line, ", line {}", number(statement, "Line"));
    line
}

/// Names come from policies: what would command a terminal is replaced.
fn printable(line: &str) -> String {
    line.chars()
        .map(|letter| {
            if letter.is_control() {
                '\u{fffd}'
            } else {
                letter
            }
        })
        .collect()
}

/// A text that is there.
fn given(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

fn texts<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = &'a str> {
    list(value, name).filter_map(Value::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_becomes_a_tree() {
        let answer = json!({
            "RequestId": "r-1", "At": "now",
            "Calls": [{
                "EventSource": "kms.amazonaws.com", "EventName": "Decrypt",
                "EventTime": "2026-03-01T12:00:00Z", "Caller": "arn:aws:iam::111122223333:user/A",
                "InvokedBy": "sagemaker.amazonaws.com", "ErrorCode": "AccessDenied",
                "Needs": [{
                    "Action": "kms:Decrypt", "Resource": "arn:k", "Decision": "implicitDeny",
                    "Matched": [{
                        "Effect": "Allow", "PolicyType": "resource-based policy",
                        "PolicyName": "default", "Line": 3, "Principal": "the account",
                    }],
                    "Missing": "no identity-based policy allows it", "AllowedByBoundary": true,
                    "NearMisses": [{
                        "Effect": "Allow", "PolicyType": "identity-based policy",
                        "PolicyName": "p", "Sid": "S", "Line": 1, "ButFor": "its resources",
                    }],
                    "SmallestChange": ["allow the action in the identity-based policy"],
                }],
                "Notes": ["old"],
            }],
        });
        let expected = "request r-1, by the policies of now\n\
            \n\
            kms:Decrypt by arn:aws:iam::111122223333:user/A at 2026-03-01T12:00:00Z, called by \
            sagemaker.amazonaws.com: AccessDenied\n\
            ├─ kms:Decrypt on arn:k: DENIED, nothing allows it\n\
            │  ├─ Allow: resource-based policy `default`, line 3, for the account\n\
            │  ├─ missing: no identity-based policy allows it\n\
            │  ├─ within the permissions boundary\n\
            │  ├─ nearly: statement `S` of identity-based policy `p`, line 1, but for its resources\n\
            │  └─ to allow it: allow the action in the identity-based policy\n\
            └─ note: old\n";
        assert_eq!(tree(&answer), expected);
    }

    #[test]
    fn names_do_not_command_the_terminal() {
        let answer = json!({ "RequestId": "r\u{1b}[2J\u{9b}1m", "At": "now" });
        let expected = "request r\u{fffd}[2J\u{fffd}1m, by the policies of now\n";
        assert_eq!(tree(&answer), expected);
    }
}
