//! `strongroom usage`: how often keys were used in a month, by whom and for what, and the cost.

use std::time::Duration;

use serde_json::{Value, json};

use crate::cli::UsageArgs;
use crate::client::{self, list, number, print, text};
use crate::signed;

/// How long the subcommand waits for the server.
const PATIENCE: Duration = Duration::from_mins(1);

/// Runs the subcommand.
pub fn run(args: &UsageArgs) -> anyhow::Result<()> {
    let pages = client::answer(PATIENCE, ask(args))?;
    let shown = if args.ask.json {
        let pages: Result<Vec<_>, _> = pages.iter().map(serde_json::to_string).collect();
        pages?.join("\n") + "\n"
    } else {
        table(&pages)
    };
    print(&shown)
}

/// Every page of the report.
async fn ask(args: &UsageArgs) -> anyhow::Result<Vec<Value>> {
    let mut input = serde_json::Map::new();
    for (name, value) in [("Month", &args.month), ("KeyArn", &args.key)] {
        if let Some(value) = value {
            input.insert(name.to_owned(), json!(value));
        }
    }
    let mut pages = Vec::new();
    loop {
        let request = Value::Object(input.clone());
        let page = signed::own(&args.ask.at, "GetKeyUsage", &request).await?;
        let next = page.get("NextToken").cloned();
        pages.push(page);
        match next {
            Some(token) => input.insert("NextToken".to_owned(), token),
            None => return Ok(pages),
        };
    }
}

/// The report for people: a line for each key, below it one for each caller and operation.
fn table(pages: &[Value]) -> String {
    let first = pages.first().cloned().unwrap_or_default();
    let (month, currency) = (text(&first, "Month"), text(&first, "Currency"));
    let mut lines = vec![format!("usage of keys in {month}, in {currency}")];
    for key in pages.iter().flat_map(|page| list(page, "Keys")) {
        lines.push(format!(
            "{}: {} calls for {}, the key {}",
            text(key, "KeyArn"),
            number(key, "Calls"),
            text(key, "CostOfCalls"),
            text(key, "CostOfKey"),
        ));
        lines.extend(list(key, "Uses").map(|used| {
            format!(
                "  {:>12}  {:>20}  {}  {}",
                number(used, "Calls"),
                text(used, "Cost"),
                text(used, "Operation"),
                text(used, "Caller"),
            )
        }));
    }
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_become_one_table() {
        let page = |key: &str| {
            json!({
                "Month": "2026-11", "Currency": "USD",
                "Keys": [{
                    "KeyArn": key, "Calls": 3, "CostOfCalls": "0.000009000",
                    "CostOfKey": "0.500000000",
                    "Uses": [{"Caller": "arn:u", "Operation": "Encrypt", "Calls": 3,
                              "Cost": "0.000009000"}],
                }],
            })
        };
        let expected = "usage of keys in 2026-11, in USD\n\
            arn:k1: 3 calls for 0.000009000, the key 0.500000000\n             \
            \x20            3           0.000009000  Encrypt  arn:u\n\
            arn:k2: 3 calls for 0.000009000, the key 0.500000000\n             \
            \x20            3           0.000009000  Encrypt  arn:u\n";
        let shown = table(&[page("arn:k1"), page("arn:k2")]);
        let squeezed = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(squeezed(&shown), squeezed(expected));
        assert_eq!(shown.lines().count(), 5);
    }
}
