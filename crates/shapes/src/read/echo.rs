//! How a message quotes a value: `Value 'x'`, `Value null`, or `Value` alone.

use std::fmt::{self, Write};

use crate::Tree;

/// How many bytes of a value a message quotes.
const MOST_BYTES: usize = 1024;

/// A value as the subject of a message.
#[derive(Debug)]
pub(super) enum Echo<'t, 'a> {
    Null,
    /// Not quoted: a secret, a customer's data, or binary.
    Hidden,
    Value(&'t Tree<'a>),
}

impl fmt::Display for Echo<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("Value null"),
            Self::Hidden => f.write_str("Value"),
            Self::Value(tree) => {
                let mut quote = Quote::default();
                let cut = write_tree(&mut quote, tree).is_err();
                let ellipsis = if cut { "…" } else { "" };
                write!(f, "Value '{}{ellipsis}'", quote.text)
            }
        }
    }
}

/// Collects text and fails once it is longer than a message should quote.
#[derive(Default)]
struct Quote {
    text: String,
}

impl Write for Quote {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let left = MOST_BYTES.saturating_sub(self.text.len());
        let kept = text.floor_char_boundary(left);
        self.text.push_str(text.get(..kept).unwrap_or(text));
        if kept < text.len() {
            Err(fmt::Error)
        } else {
            Ok(())
        }
    }
}

fn write_tree(out: &mut Quote, tree: &Tree<'_>) -> fmt::Result {
    match tree {
        Tree::Null => out.write_str("null"),
        Tree::Bool(flag) => write!(out, "{flag}"),
        Tree::Number(number) => write!(out, "{number}"),
        Tree::Text(text) => out.write_str(text.as_str()),
        Tree::List(members) => {
            out.write_str("[")?;
            for (index, member) in members.iter().enumerate() {
                if index > 0 {
                    out.write_str(", ")?;
                }
                write_tree(out, member)?;
            }
            out.write_str("]")
        }
        Tree::Object(members) => {
            out.write_str("{")?;
            for (index, (name, member)) in members.iter().enumerate() {
                if index > 0 {
                    out.write_str(", ")?;
                }
                write!(out, "{}=", name.as_str())?;
                write_tree(out, member)?;
            }
            out.write_str("}")
        }
    }
}
