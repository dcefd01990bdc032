//! Reading the simple values: text, numbers, booleans, blobs, timestamps, lists and maps.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use types::Timestamp;
use zeroize::Zeroizing;

use super::{Context, FromTree, ScalarForm};
use crate::constraint::{Constraint, NOT_NULL};
use crate::{
    Blob, List, Map, Path, Range, ReadError, SensitiveBlob, SensitiveString, Size, Text, Tree, time,
};

impl FromTree for String {
    type Rule = Text;

    fn from_tree(
        tree: &Tree<'_>,
        rule: &Text,
        cx: &mut Context,
        at: &Path<'_>,
    ) -> Result<Option<Self>, ReadError> {
        Ok(checked_text(tree, rule, cx, at)?.map(str::to_owned))
    }

    fn constraints(rule: &Text) -> Option<Vec<String>> {
        Some(rule.all().collect())
    }

    fn may_echo(rule: &Text) -> bool {
        rule.echo
    }
}

impl FromTree for SensitiveString {
    type Rule = Text;
    const SENSITIVE: bool = true;

    fn from_tree(
        tree: &Tree<'_>,
        rule: &Text,
        cx: &mut Context,
        at: &Path<'_>,
    ) -> Result<Option<Self>, ReadError> {
        Ok(checked_text(tree, rule, cx, at)?.map(|text| text.to_owned().into()))
    }

    fn constraints(rule: &Text) -> Option<Vec<String>> {
        Some(rule.all().collect())
    }

    fn may_echo(_rule: &Text) -> bool {
        false
    }
}

impl FromTree for Blob {
    type Rule = Size;

    fn from_tree(
        tree: &Tree<'_>,
        rule: &Size,
        cx: &mut Context,
        at: &Path<'_>,
    ) -> Result<Option<Self>, ReadError> {
        let mut bytes = checked_bytes(tree, rule, cx, at)?;
        Ok(bytes
            .as_mut()
            .map(|bytes| Self(std::mem::take(&mut **bytes))))
    }

    fn constraints(rule: &Size) -> Option<Vec<String>> {
        Some(rule.all().collect())
    }

    fn may_echo(_rule: &Size) -> bool {
        false
    }
}

impl FromTree for SensitiveBlob {
    type Rule = Size;
    const SENSITIVE: bool = true;

    fn from_tree(
        tree: &Tree<'_>,
        rule: &Size,
        cx: &mut Context,
        at: &Path<'_>,
    ) -> Result<Option<Self>, ReadError> {
        Ok(checked_bytes(tree, rule, cx, at)?.map(Self::from))
    }

    fn constraints(rule: &Size) -> Option<Vec<String>> {
        Some(rule.all().collect())
    }

    fn may_echo(_rule: &Size) -> bool {
        false
    }
}

impl FromTree for bool {
    type Rule = ();

    fn from_tree(
        tree: &Tree<'_>,
        (): &(),
        cx: &mut Context,
        at: &Path<'_>,
    ) -> Result<Option<Self>, ReadError> {
        match (tree, cx.form) {
            (Tree::Bool(flag), _) => Ok(Some(*flag)),
            (Tree::Text(text), ScalarForm::Text) => match text.as_str() {
                word if word.eq_ignore_ascii_case("true") => Ok(Some(true)),
                word if word.eq_ignore_ascii_case("false") => Ok(Some(false)),
                _ => Err(ReadError::malformed(at, "must be `true` or `false`")),
            },
            _ => Err(ReadError::wrong_type(at, "a boolean", tree.kind())),
        }
    }

    fn constraints((): &()) -> Option<Vec<String>> {
        Some(Vec::new())
    }
}

impl FromTree for i64 {
    type Rule = Range;

    fn from_tree(
        tree: &Tree<'_>,
        rule: &Range,
        cx: &mut Context,
        at: &Path<'_>,
    ) -> Result<Option<Self>, ReadError> {
        checked_integer(tree, rule, cx, at)
    }

    fn constraints(rule: &Range) -> Option<Vec<String>> {
        Some(rule.all().collect())
    }
}

impl FromTree for i32 {
    type Rule = Range;

    fn from_tree(
        tree: &Tree<'_>,
        rule: &Range,
        cx: &mut Context,
        at: &Path<'_>,
    ) -> Result<Option<Self>, ReadError> {
        let Some(wide) = checked_integer(tree, rule, cx, at)? else {
            return Ok(None);
        };
        match Self::try_from(wide) {
            Ok(value) => Ok(Some(value)),
            Err(_source) => Err(ReadError::malformed(at, "is too large for an integer")),
        }
    }

    fn constraints(rule: &Range) -> Option<Vec<String>> {
        Some(rule.all().collect())
    }
}

impl FromTree for Timestamp {
    type Rule = ();

    fn from_tree(
        tree: &Tree<'_>,
        (): &(),
        _cx: &mut Context,
        at: &Path<'_>,
    ) -> Result<Option<Self>, ReadError> {
        let read = match tree {
            Tree::Number(number) => time::from_epoch(number),
            Tree::Text(text) => Self::parse_iso8601(text.as_str()).ok(),
            Tree::Null | Tree::Bool(_) | Tree::List(_) | Tree::Object(_) => {
                return Err(ReadError::wrong_type(at, "a timestamp", tree.kind()));
            }
        };
        match read {
            Some(timestamp) => Ok(Some(timestamp)),
            None => Err(ReadError::malformed(at, "is not a timestamp")),
        }
    }

    fn constraints((): &()) -> Option<Vec<String>> {
        Some(Vec::new())
    }
}

impl<T: FromTree> FromTree for Vec<T> {
    type Rule = List<T::Rule>;

    fn from_tree(
        tree: &Tree<'_>,
        rule: &Self::Rule,
        cx: &mut Context,
        at: &Path<'_>,
    ) -> Result<Option<Self>, ReadError> {
        let members: &[Tree<'_>] = match tree {
            Tree::List(members) => members,
            // Query protocols write an empty list as an empty text.
            Tree::Text(text) if cx.form == ScalarForm::Text && text.as_str().is_empty() => &[],
            _ => return Err(ReadError::wrong_type(at, "a list", tree.kind())),
        };
        let echo = T::may_echo(rule.member);
        for constraint in rule.size.broken(members.len()) {
            cx.report_value(at, tree, echo, constraint);
        }
        let before = cx.count;
        let mut values = Self::with_capacity(members.len());
        for (index, member) in members.iter().enumerate() {
            let place = at.index(index);
            if *member == Tree::Null {
                cx.report_null(&place);
            } else if let Some(value) = T::from_tree(member, rule.member, cx, &place)? {
                values.push(value);
            }
        }
        if cx.count > before
            && let Some(mut all) = T::constraints(rule.member)
        {
            cx.roll_back(before);
            if members.contains(&Tree::Null) {
                all.push(NOT_NULL.to_owned());
            }
            cx.report_value(at, tree, echo, Constraint::on_members(&all));
        }
        Ok(Some(values))
    }

    fn may_echo(rule: &Self::Rule) -> bool {
        T::may_echo(rule.member)
    }
}

impl<T: FromTree> FromTree for BTreeMap<String, T> {
    type Rule = Map<T::Rule>;

    fn from_tree(
        tree: &Tree<'_>,
        rule: &Self::Rule,
        cx: &mut Context,
        at: &Path<'_>,
    ) -> Result<Option<Self>, ReadError> {
        let entries = match tree {
            Tree::Object(entries) => entries.as_slice(),
            Tree::Text(text) if cx.form == ScalarForm::Text && text.as_str().is_empty() => &[],
            _ => return Err(ReadError::wrong_type(at, "a map", tree.kind())),
        };
        let echo = Self::may_echo(rule);
        let before = cx.count;
        let mut values = Self::new();
        for (key, entry) in entries {
            let place = at.key(key.as_str());
            if *entry == Tree::Null {
                cx.report_null(&place);
            } else if let Some(value) = T::from_tree(entry, rule.value, cx, &place)? {
                values.insert(key.as_str().to_owned(), value);
            }
        }
        if cx.count > before
            && let Some(mut all) = T::constraints(rule.value)
        {
            cx.roll_back(before);
            if entries.iter().any(|(_, entry)| *entry == Tree::Null) {
                all.push(NOT_NULL.to_owned());
            }
            cx.report_value(at, tree, echo, Constraint::on_values(&all));
        }
        if entries
            .iter()
            .any(|(key, _)| rule.key.broken(key.as_str()).next().is_some())
        {
            let all: Vec<String> = rule.key.all().collect();
            cx.report_value(at, tree, echo, Constraint::on_keys(&all));
        }
        for constraint in rule.size.broken(values.len()) {
            cx.report_value(at, tree, echo, constraint);
        }
        Ok(Some(values))
    }

    fn may_echo(rule: &Self::Rule) -> bool {
        rule.key.echo && T::may_echo(rule.value)
    }
}

/// Reads a value of an enumeration; `names` are all of them.
pub(crate) fn enumeration<T: std::str::FromStr>(
    tree: &Tree<'_>,
    names: &[&str],
    cx: &mut Context,
    at: &Path<'_>,
) -> Result<Option<T>, ReadError> {
    let Tree::Text(text) = tree else {
        return Err(ReadError::wrong_type(at, "a string", tree.kind()));
    };
    if let Ok(value) = text.as_str().parse() {
        return Ok(Some(value));
    }
    cx.report_value(at, tree, true, Constraint::one_of(names));
    Ok(None)
}

fn checked_text<'t>(
    tree: &'t Tree<'_>,
    rule: &Text,
    cx: &mut Context,
    at: &Path<'_>,
) -> Result<Option<&'t str>, ReadError> {
    let Tree::Text(text) = tree else {
        return Err(ReadError::wrong_type(at, "a string", tree.kind()));
    };
    let before = cx.count;
    for constraint in rule.broken(text.as_str()) {
        cx.report_value(at, tree, rule.echo, constraint);
    }
    Ok((cx.count == before).then(|| text.as_str()))
}

fn checked_bytes(
    tree: &Tree<'_>,
    rule: &Size,
    cx: &mut Context,
    at: &Path<'_>,
) -> Result<Option<Zeroizing<Vec<u8>>>, ReadError> {
    let Tree::Text(text) = tree else {
        return Err(ReadError::wrong_type(at, "a base64 string", tree.kind()));
    };
    let encoded = text.as_str();
    // Reserved at once: a buffer that grew would leave copies of a secret behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(encoded.len() / 4 * 3 + 3));
    if STANDARD.decode_vec(encoded, &mut bytes).is_err() {
        return Err(ReadError::malformed(at, "is not valid base64"));
    }
    let before = cx.count;
    for constraint in rule.broken(bytes.len()) {
        cx.report_value(at, tree, false, constraint);
    }
    Ok((cx.count == before).then_some(bytes))
}

fn checked_integer(
    tree: &Tree<'_>,
    rule: &Range,
    cx: &mut Context,
    at: &Path<'_>,
) -> Result<Option<i64>, ReadError> {
    let read = match (tree, cx.form) {
        (Tree::Number(number), _) => number.as_i64(),
        (Tree::Text(text), ScalarForm::Text) => text.as_str().parse().ok(),
        _ => return Err(ReadError::wrong_type(at, "an integer", tree.kind())),
    };
    let Some(value) = read else {
        return Err(ReadError::malformed(at, "is not an integer in range"));
    };
    let before = cx.count;
    for constraint in rule.broken(value) {
        cx.report_value(at, tree, true, constraint);
    }
    Ok((cx.count == before).then_some(value))
}
