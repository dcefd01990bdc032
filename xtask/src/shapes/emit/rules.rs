//! Constraints and patterns as statics.

use std::collections::BTreeMap;
use std::fmt::Write;

use anyhow::{Context, Result, bail};
use serde_json::Number;

use super::types::{rule, rust_type, target};
use crate::shapes::model::{Kind, Shape};
use crate::shapes::plan::Plan;
use crate::shapes::{names, pattern};

/// The rules of all shapes in requests; what cannot be enforced is added to `refused`.
pub(super) fn write(plan: &Plan<'_>, refused: &mut Vec<String>) -> Result<String> {
    let mut out = String::new();
    let mut patterns = Patterns::default();
    for name in plan
        .order
        .iter()
        .copied()
        .filter(|name| plan.read.contains(name))
    {
        let shape = plan.shape(name)?;
        let text = match shape.kind {
            Kind::String if Plan::is_enum(shape) => continue,
            Kind::Structure | Kind::Boolean | Kind::Timestamp => continue,
            Kind::String => {
                let pattern = match &shape.pattern {
                    Some(pattern) => patterns.add(name, pattern, refused)?,
                    None => "None".to_owned(),
                };
                let echo = !shape.sensitive && !plan.choice.unquoted.contains(name);
                format!(
                    "Text = Text {{ {}, pattern: {pattern}, echo: {echo} }}",
                    limits(shape)?
                )
            }
            Kind::Blob => format!("Size = {}", size(shape)?),
            Kind::Integer | Kind::Long => format!("Range = Range {{ {} }}", limits(shape)?),
            Kind::List => {
                let member = target(shape.member.as_ref(), name)?;
                format!(
                    "List<{}> = List {{ size: {}, member: {} }}",
                    rule_type(plan, member)?,
                    size(shape)?,
                    rule(plan, member)?
                )
            }
            Kind::Map => {
                let (key, value) = (
                    target(shape.key.as_ref(), name)?,
                    target(shape.value.as_ref(), name)?,
                );
                format!(
                    "Map<{}> = Map {{ size: {}, key: {}, value: {} }}",
                    rule_type(plan, value)?,
                    size(shape)?,
                    rule(plan, key)?,
                    rule(plan, value)?
                )
            }
            Kind::Float | Kind::Double => bail!("{name} is a float in a request"),
        };
        writeln!(out, "static {}: {text};\n", names::constant(name))?;
    }
    out.push_str(&patterns.text);
    writeln!(
        out,
        "/// Every pattern, so that a test can prove that each compiles.\n#[cfg(test)]\n\
         pub(super) static PATTERNS: crate::pattern::Patterns = &[{}];",
        patterns.names()
    )?;
    Ok(out)
}

/// The type of a shape's rule.
fn rule_type(plan: &Plan<'_>, name: &str) -> Result<String> {
    let shape = plan.shape(name)?;
    Ok(match shape.kind {
        Kind::String if !Plan::is_enum(shape) => "Text".to_owned(),
        Kind::Blob => "Size".to_owned(),
        Kind::Integer | Kind::Long => "Range".to_owned(),
        Kind::List => format!(
            "List<{}>",
            rule_type(plan, target(shape.member.as_ref(), name)?)?
        ),
        Kind::Map => format!(
            "Map<{}>",
            rule_type(plan, target(shape.value.as_ref(), name)?)?
        ),
        _ => {
            rust_type(plan, name)?;
            "()".to_owned()
        }
    })
}

fn size(shape: &Shape) -> Result<String> {
    Ok(format!("Size {{ {} }}", limits(shape)?))
}

fn limits(shape: &Shape) -> Result<String> {
    let (min, max) = (limit(shape.min.as_ref())?, limit(shape.max.as_ref())?);
    Ok(format!("min: {min}, max: {max}"))
}

fn limit(number: Option<&Number>) -> Result<String> {
    match number {
        None => Ok("None".to_owned()),
        Some(number) => {
            let whole = number
                .as_i64()
                .with_context(|| format!("the limit {number} is no integer"))?;
            Ok(format!("Some({})", grouped(whole)))
        }
    }
}

/// The number with an underscore before every three digits.
fn grouped(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut out = if number < 0 { "-" } else { "" }.to_owned();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push('_');
        }
        out.push(digit);
    }
    out
}

/// The patterns of a service, each once.
#[derive(Default)]
struct Patterns {
    /// The name of the static by the pattern's text.
    known: BTreeMap<String, String>,
    text: String,
}

impl Patterns {
    /// The expression for the pattern of shape `shape`.
    fn add(&mut self, shape: &str, text: &str, refused: &mut Vec<String>) -> Result<String> {
        if let Some(name) = self.known.get(text) {
            return Ok(format!("Some(&{name})"));
        }
        let translated = match pattern::translate(text) {
            Ok(translated) => translated,
            Err(problem) => {
                refused.push(format!("the pattern of `{shape}` (it has {problem})"));
                return Ok("None".to_owned());
            }
        };
        let name = format!("{}_PATTERN", names::constant(shape));
        let regex = format!("{}_REGEX", names::constant(shape));
        writeln!(
            self.text,
            "static {name}: Pattern = Pattern {{ text: {}, test: {} }};\n",
            raw(text),
            translated.test.replace("&REGEX", &format!("&{regex}"))
        )?;
        if let Some(expression) = translated.regex {
            writeln!(
                self.text,
                "static {regex}: LazyRegex = LazyLock::new(|| compile({}));\n",
                raw(&expression)
            )?;
        }
        self.known.insert(text.to_owned(), name.clone());
        Ok(format!("Some(&{name})"))
    }

    fn names(&self) -> String {
        let names: Vec<String> = self.known.values().map(|name| format!("&{name}")).collect();
        names.join(", ")
    }
}

/// A string literal, raw only if that spares escapes.
fn raw(text: &str) -> String {
    if text.contains("\"#") {
        format!("{text:?}")
    } else if text.contains('"') {
        format!("r#\"{text}\"#")
    } else if text.contains('\\') {
        format!("r\"{text}\"")
    } else {
        format!("\"{text}\"")
    }
}
