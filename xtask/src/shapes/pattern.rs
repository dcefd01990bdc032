//! Java patterns of the models as tests that the runtime of `crates/shapes` understands.
//!
//! AWS matches whole texts with Java's defaults: `\w` and `\d` are ASCII, `.` is no line
//! terminator. A pattern that uses more than is understood here is reported, not guessed.

mod parse;

use std::fmt::Write;

use self::parse::{Class, Node};

/// A pattern as Rust code.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Translated {
    /// The expression for `Pattern::test`; `REGEX` stands for the name of the static below.
    pub(super) test: String,
    /// The regular expression, if the test needs one.
    pub(super) regex: Option<String>,
}

/// Translates `pattern`; the error says what is not understood.
pub(super) fn translate(pattern: &str) -> Result<Translated, String> {
    let alternatives = parse::parse(pattern)?;
    let quick = sole(&alternatives).map(flat);
    if let Some(nodes) = &quick
        && let Some(test) = set(nodes).or_else(|| whole_words(nodes))
    {
        return Ok(Translated { test, regex: None });
    }
    let regex = Some(expression(&alternatives)?);
    let behind_prefix = quick.as_deref().and_then(|nodes| match nodes {
        [Node::Repeat(_, 0, Some(1)), rest @ ..] => words(rest),
        _ => None,
    });
    let test = match behind_prefix {
        Some(words) => format!("Test::WordsOr({words}, &REGEX)"),
        None => "Test::Regex(&REGEX)".to_owned(),
    };
    Ok(Translated { test, regex })
}

fn sole(alternatives: &[Vec<Node>]) -> Option<&[Node]> {
    match alternatives {
        [only] => Some(only),
        _ => None,
    }
}

/// The nodes with groups that only bracket written out.
fn flat(nodes: &[Node]) -> Vec<Node> {
    let mut out = Vec::new();
    for node in nodes {
        match node {
            Node::Group(alternatives) => match sole(alternatives) {
                Some(inner) => out.extend(flat(inner)),
                None => out.push(node.clone()),
            },
            Node::Class(_) | Node::Repeat(..) => out.push(node.clone()),
        }
    }
    out
}

/// `[…]*` and `[…]{n,}` as a set.
fn set(nodes: &[Node]) -> Option<String> {
    let [Node::Repeat(inner, min, None)] = nodes else {
        return None;
    };
    let Node::Class(class) = &**inner else {
        return None;
    };
    if !class.properties.is_empty() {
        return None;
    }
    let mut others = String::new();
    for (low, high) in class.ranges.iter().filter(|(_, high)| *high > 0x7f) {
        let low = (*low).max(0x80);
        let _infallible = write!(others, "('\\u{{{low:x}}}', '\\u{{{high:x}}}'), ");
    }
    Some(format!(
        "Test::Set {{ set: CharSet {{ ascii: {}, others: &[{others}] }}, min: {min} }}",
        bits(class)
    ))
}

/// `A(B*A){0,n}` with disjoint ASCII classes as words.
fn words(nodes: &[Node]) -> Option<String> {
    let nodes = flat(nodes);
    let [Node::Class(end), Node::Repeat(more, 0, Some(most))] = nodes.as_slice() else {
        return None;
    };
    let Node::Group(alternatives) = &**more else {
        return None;
    };
    let [Node::Repeat(joint, 0, None), Node::Class(again)] = sole(alternatives)? else {
        return None;
    };
    let Node::Class(joint) = &**joint else {
        return None;
    };
    let plain = [end, joint]
        .iter()
        .all(|class| class.is_ascii() && class.properties.is_empty());
    if end != again || !plain || end.ascii() & joint.ascii() != 0 {
        return None;
    }
    let (ends, joints, most) = (bits(end), bits(joint), most.checked_add(1)?);
    Some(format!(
        "Words {{ ends: {ends}, joints: {joints}, most: {most} }}"
    ))
}

fn whole_words(nodes: &[Node]) -> Option<String> {
    words(nodes).map(|words| format!("Test::Words({words})"))
}

fn bits(class: &Class) -> String {
    let digits = format!("{:032x}", class.ascii());
    let mut out = "0x".to_owned();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && at % 4 == 0 {
            out.push('_');
        }
        out.push(digit);
    }
    out
}

/// The pattern in the syntax of the `regex` crate.
fn expression(alternatives: &[Vec<Node>]) -> Result<String, String> {
    let mut out = String::new();
    for (at, nodes) in alternatives.iter().enumerate() {
        if at > 0 {
            out.push('|');
        }
        for node in nodes {
            out.push_str(&node_expression(node)?);
        }
    }
    Ok(out)
}

fn node_expression(node: &Node) -> Result<String, String> {
    Ok(match node {
        Node::Class(class) => class_expression(class)?,
        Node::Group(alternatives) => format!("(?:{})", expression(alternatives)?),
        Node::Repeat(inner, min, max) => {
            let inner = node_expression(inner)?;
            match (min, max) {
                (0, None) => format!("{inner}*"),
                (1, None) => format!("{inner}+"),
                (0, Some(1)) => format!("{inner}?"),
                (min, None) => format!("{inner}{{{min},}}"),
                (min, Some(max)) => format!("{inner}{{{min},{max}}}"),
            }
        }
    })
}

fn class_expression(class: &Class) -> Result<String, String> {
    let mut out = String::new();
    for (low, high) in &class.ranges {
        out.push_str(&character(*low)?);
        if high > low {
            out.push('-');
            out.push_str(&character(*high)?);
        }
    }
    let single = matches!(class.ranges.as_slice(), [(low, high)] if low == high);
    if single && class.properties.is_empty() {
        return Ok(out);
    }
    for property in &class.properties {
        let _infallible = write!(out, "\\p{{{property}}}");
    }
    if out.is_empty() {
        return Err("an empty class".to_owned());
    }
    Ok(format!("[{out}]"))
}

fn character(code: u32) -> Result<String, String> {
    let character = char::from_u32(code).ok_or_else(|| format!("U+{code:04X} is no character"))?;
    Ok(if character.is_ascii_alphanumeric() {
        character.to_string()
    } else {
        format!("\\x{{{code:x}}}")
    })
}

#[cfg(test)]
mod tests;
