//! Statements that another statement of the same document makes pointless.

use super::Report;
use crate::document::{Document, Effect, Statement};

/// Comparing every statement with every other stops after this many pairs of values.
const MAX_WORK: usize = 200_000;

pub(super) fn check(report: &mut Report<'_>, document: &Document) {
    let mut work = 0;
    for (index, statement) in document.statements.iter().enumerate() {
        for (other_index, other) in document.statements.iter().enumerate() {
            work += cost(statement, other);
            if work > MAX_WORK {
                return;
            }
            let denied = statement.effect == Effect::Allow && other.effect == Effect::Deny;
            let same = statement.effect == other.effect
                && other_index != index
                // Of two equal statements the later one is the redundant one.
                && (other_index < index || !covers(statement, other));
            if !(denied || same) || !covers(other, statement) {
                continue;
            }
            let line = other.span().start.0;
            if denied {
                let message =
                    format!("the Deny on line {line} covers all of this: it never allows");
                report.warn(statement.at, "unreachable-statement", message);
            } else {
                let message = format!("the statement on line {line} covers all of this already");
                report.warn(statement.at, "redundant-statement", message);
            }
            break;
        }
    }
}

fn cost(one: &Statement, other: &Statement) -> usize {
    let resources = |s: &Statement| s.resources.as_ref().map_or(1, |r| r.patterns.len());
    let actions = |s: &Statement| s.actions.patterns.len();
    1 + actions(one) * actions(other) + resources(one) * resources(other)
}

/// Whether `wide` surely matches every request that `narrow` matches. When in doubt, no.
fn covers(wide: &Statement, narrow: &Statement) -> bool {
    let principals = match (&wide.principals, &narrow.principals) {
        (None, None) => true,
        (Some(wide), Some(narrow)) => {
            !wide.inverted
                && !narrow.inverted
                && (wide.patterns.contains(&crate::PrincipalPattern::Everyone)
                    || narrow.patterns.iter().all(|p| wide.patterns.contains(p)))
        }
        (None, Some(_)) | (Some(_), None) => false,
    };
    if !wide.conditions.is_empty() || !principals {
        return false;
    }
    let actions = !wide.actions.inverted
        && !narrow.actions.inverted
        && !narrow.actions.patterns.is_empty()
        && narrow.actions.patterns.iter().all(|narrow| {
            let narrow = narrow.text.to_ascii_lowercase();
            wide.actions
                .patterns
                .iter()
                .any(|wide| includes(&wide.text.to_ascii_lowercase(), &narrow))
        });
    let resources = match (&wide.resources, &narrow.resources) {
        (None, None) => true,
        (Some(wide), _) if wide.are_everything() => true,
        (Some(wide), Some(narrow)) => {
            !wide.inverted
                && !narrow.inverted
                && !narrow.patterns.is_empty()
                && narrow.patterns.iter().all(|narrow| {
                    wide.patterns
                        .iter()
                        .any(|wide| includes(&wide.written, &narrow.written))
                })
        }
        (None, Some(_)) | (Some(_), None) => false,
    };
    actions && resources
}

/// Whether a pattern surely covers all that another covers: they are equal, or the first is
/// text and a closing `*` and the second begins with that text. When in doubt, no.
pub(super) fn includes(wide: &str, narrow: &str) -> bool {
    if wide == narrow || wide == "*" {
        return true;
    }
    match wide.strip_suffix('*') {
        Some(prefix) => !prefix.contains(['*', '?', '$']) && narrow.starts_with(prefix),
        None => false,
    }
}
