//! What a run found: kept as JSON, printed as a table, written as Markdown.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use crate::compare::Side;
use crate::machine::Machine;
use crate::rows::HOT_NAME;
use crate::run::say;

/// Everything that one run found.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Report {
    /// Where, when and how.
    pub machine: Machine,
    /// The load average at the end.
    pub load_after: String,
    /// Requests of one kind, each next to bare hyper.
    pub traffic: Vec<Traffic>,
    /// Numbers with a target, and some without.
    pub facts: Vec<Fact>,
    /// Where the time of a `GetRecord` goes.
    pub budget: Vec<Step>,
    /// What could not be measured, and why.
    pub missing: Vec<String>,
}

/// Requests of one kind.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Traffic {
    /// What was sent.
    pub name: String,
    /// Connections.
    pub connections: usize,
    /// Strongroom.
    pub subject: Side,
    /// Bare hyper, given the same requests.
    pub bare: Side,
}

impl Traffic {
    /// Strongroom's throughput as a part of bare hyper's.
    pub(crate) fn ratio(&self) -> f64 {
        self.subject.per_second / self.bare.per_second
    }

    /// CPU above bare hyper, in microseconds a request.
    pub(crate) fn above(&self) -> f64 {
        self.subject.cpu_micros - self.bare.cpu_micros
    }
}

/// One number.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Fact {
    /// Of what.
    pub name: String,
    /// The number.
    pub value: f64,
    /// Its unit.
    pub unit: String,
    /// What it should be.
    pub target: Option<Target>,
    /// How it came about, if that needs saying.
    pub detail: String,
}

/// What a number should be.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) enum Target {
    /// No more.
    AtMost(f64),
    /// No less.
    AtLeast(f64),
}

impl Fact {
    /// A number without a target.
    pub(crate) fn new(name: &str, value: f64, unit: &str) -> Self {
        Self {
            name: name.to_owned(),
            value,
            unit: unit.to_owned(),
            target: None,
            detail: String::new(),
        }
    }

    /// With a target.
    pub(crate) fn target(mut self, target: Target) -> Self {
        self.target = Some(target);
        self
    }

    /// With an explanation.
    pub(crate) fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }

    /// Whether the target is met; `None` without one.
    pub(crate) fn is_met(&self) -> Option<bool> {
        match self.target? {
            Target::AtMost(most) => Some(self.value <= most),
            Target::AtLeast(least) => Some(self.value >= least),
        }
    }

    fn target_text(&self) -> String {
        match self.target {
            None => String::new(),
            Some(Target::AtMost(most)) => format!("≤ {}", amount(most)),
            Some(Target::AtLeast(least)) => format!("≥ {}", amount(least)),
        }
    }

    fn verdict(&self) -> &'static str {
        match self.is_met() {
            None => "",
            Some(true) => "PASS",
            Some(false) => "MISS",
        }
    }
}

/// One line of the budget.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Step {
    /// The step.
    pub name: String,
    /// Its cost, in nanoseconds.
    pub nanos: f64,
    /// What was timed, or what it is the difference of.
    pub detail: String,
}

/// A number with as many digits as it deserves.
fn amount(value: f64) -> String {
    match value.abs() {
        large if large >= 1000.0 => {
            let digits = format!("{value:.0}");
            let mut grouped = String::new();
            for (at, digit) in digits.chars().enumerate() {
                if at > 0 && (digits.len() - at).is_multiple_of(3) && !grouped.ends_with('-') {
                    grouped.push(',');
                }
                grouped.push(digit);
            }
            grouped
        }
        middle if middle >= 100.0 => format!("{value:.0}"),
        small if small >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// A table: the heads of its columns and its lines.
struct Table {
    heads: Vec<&'static str>,
    lines: Vec<Vec<String>>,
}

impl Table {
    /// As Markdown, aligned so that it reads well as plain text too.
    fn write(&self) -> String {
        let heads: Vec<String> = self.heads.iter().map(|head| (*head).to_owned()).collect();
        let mut widths: Vec<usize> = heads.iter().map(|head| head.chars().count()).collect();
        for line in &self.lines {
            for (width, cell) in widths.iter_mut().zip(line) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let mut text = write_line(&heads, &widths);
        let rules = widths.iter().enumerate().map(|(column, width)| {
            let rule = "-".repeat(width + 1);
            if column == 0 {
                format!("|{rule}-")
            } else {
                format!("|{rule}:")
            }
        });
        text.extend(rules);
        text.push_str("|\n");
        for line in &self.lines {
            text.push_str(&write_line(line, &widths));
        }
        text
    }
}

/// The first column to the left, the others to the right.
fn write_line(cells: &[String], widths: &[usize]) -> String {
    let mut text = String::new();
    for (column, (cell, width)) in cells.iter().zip(widths).enumerate() {
        // Writing to a string cannot fail.
        let _written = if column == 0 {
            write!(text, "| {cell:<width$} ")
        } else {
            write!(text, "| {cell:>width$} ")
        };
    }
    text.push_str("|\n");
    text
}

impl Report {
    /// Nothing found yet.
    pub(crate) fn new(machine: Machine) -> Self {
        Self {
            machine,
            load_after: String::new(),
            traffic: Vec::new(),
            facts: Vec::new(),
            budget: Vec::new(),
            missing: Vec::new(),
        }
    }

    /// The row of this name at many connections.
    pub(crate) fn row(&self, name: &str) -> Option<&Traffic> {
        let mut rows = self.traffic.iter();
        rows.find(|row| row.name == name && row.connections > 1)
    }

    /// Adds a row, and says so.
    pub(crate) fn add_traffic(&mut self, row: &Traffic) {
        say(&format!(
            "  {}, {} connections: {}/s, {:.2} of bare hyper, {:+.2} µs CPU above it",
            row.name,
            row.connections,
            amount(row.subject.per_second),
            row.ratio(),
            row.above(),
        ));
        self.traffic.push(row.clone());
    }

    /// Adds a number, and says so.
    pub(crate) fn add(&mut self, fact: Fact) {
        say(&format!(
            "  {}: {} {} {}",
            fact.name,
            amount(fact.value),
            fact.unit,
            fact.verdict()
        ));
        self.facts.push(fact);
    }

    /// The report as tables.
    pub(crate) fn text(&self) -> String {
        let mut parts = vec![format!(
            "{}Load average: {} before, {} after.\n",
            self.machine.text(),
            self.machine.load,
            self.load_after
        )];
        if !self.traffic.is_empty() {
            parts.push(self.traffic_table());
        }
        if !self.facts.is_empty() {
            parts.push(self.facts_table());
            parts.extend(self.details());
        }
        if !self.budget.is_empty() {
            parts.push(self.budget_table());
        }
        if !self.missing.is_empty() {
            let lines: Vec<String> = self.missing.iter().map(|why| format!("- {why}")).collect();
            parts.push(format!("Not measured:\n\n{}\n", lines.join("\n")));
        }
        parts.join("\n")
    }

    fn traffic_table(&self) -> String {
        let mut lines = Vec::new();
        for row in &self.traffic {
            let side = |name: String, side: &Side, ratio: String, above: String| {
                let mut line = vec![
                    name,
                    amount(side.per_second),
                    format!("{:.2}", side.cpu_micros),
                ];
                line.extend([side.p50, side.p99, side.p999].map(amount));
                line.extend([ratio, above]);
                line
            };
            let name = format!("{}, {} conn.", row.name, row.connections);
            let (ratio, above) = (
                format!("{:.2}", row.ratio()),
                format!("{:+.2}", row.above()),
            );
            lines.push(side(name, &row.subject, ratio, above));
            lines.push(side(
                "· bare hyper".to_owned(),
                &row.bare,
                String::new(),
                String::new(),
            ));
        }
        let table = Table {
            heads: vec![
                "Requests",
                "per second",
                "CPU µs",
                "p50 µs",
                "p99 µs",
                "p99.9 µs",
                "of bare",
                "CPU above",
            ],
            lines,
        };
        table.write()
    }

    /// The lines, each with its share of the whole CPU of an answer if that was measured.
    fn budget_table(&self) -> String {
        let hot = self.row(HOT_NAME);
        let whole = hot.map(|row| row.subject.cpu_micros * 1000.0);
        let line = |name: &str, nanos: f64, detail: &str| {
            let share = whole.map_or_else(String::new, |whole| {
                format!("{:.1} %", nanos / whole * 100.0)
            });
            vec![
                name.to_owned(),
                format!("{nanos:.0}"),
                share,
                detail.to_owned(),
            ]
        };
        let sum: f64 = self.budget.iter().map(|step| step.nanos).sum();
        let mut lines = Vec::new();
        if let Some(row) = hot {
            let bare = row.bare.cpu_micros * 1000.0;
            lines.push(line("HTTP in and out", bare, "bare hyper, the same bytes"));
        }
        let steps = self.budget.iter();
        lines.extend(steps.map(|step| line(&step.name, step.nanos, &step.detail)));
        if let Some(row) = hot {
            let above = row.above() * 1000.0;
            lines.push(line("the rest", above - sum, "what no line explains"));
            lines.push(line("above bare hyper", above, "all but the first line"));
            let whole = row.subject.cpu_micros * 1000.0;
            lines.push(line("whole", whole, "measured"));
        }
        let table = Table {
            heads: vec!["Budget of a GetRecord", "ns", "share", "what it is"],
            lines,
        };
        table.write()
    }

    fn facts_table(&self) -> String {
        let line = |fact: &Fact| {
            vec![
                fact.name.clone(),
                amount(fact.value),
                fact.unit.clone(),
                fact.target_text(),
                fact.verdict().to_owned(),
            ]
        };
        let table = Table {
            heads: vec!["Measure", "value", "unit", "target", ""],
            lines: self.facts.iter().map(line).collect(),
        };
        table.write()
    }

    fn details(&self) -> Option<String> {
        let lines: Vec<String> = self
            .facts
            .iter()
            .filter(|fact| !fact.detail.is_empty())
            .map(|fact| format!("- {}: {}", fact.name, fact.detail))
            .collect();
        (!lines.is_empty()).then(|| lines.join("\n") + "\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_have_three_digits_or_all_of_them() {
        let shown = [
            0.0,
            0.512,
            9.999,
            12.34,
            123.4,
            1234.5,
            1_234_567.0,
            -12_345.0,
        ]
        .map(amount);
        let expected = [
            "0.00",
            "0.51",
            "10.00",
            "12.3",
            "123",
            "1,234",
            "1,234,567",
            "-12,345",
        ];
        assert_eq!(shown, expected);
    }

    #[test]
    fn a_target_is_met_or_missed() {
        let fact = Fact::new("x", 2.0, "s");
        assert_eq!(fact.is_met(), None);
        assert_eq!(
            fact.clone().target(Target::AtMost(2.0)).is_met(),
            Some(true)
        );
        assert_eq!(fact.target(Target::AtLeast(2.1)).verdict(), "MISS");
    }

    #[test]
    fn a_table_is_aligned() {
        let table = Table {
            heads: vec!["a", "b"],
            lines: vec![vec!["long".to_owned(), "µ".to_owned()]],
        };
        assert_eq!(table.write(), "| a    | b |\n|------|--:|\n| long | µ |\n");
    }
}
