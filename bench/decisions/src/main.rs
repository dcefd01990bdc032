//! Times decisions of `policy` beside those of Cedar, in one process, on sets that say the same.
//!
//! Prints one line for each number, or with `--json` the facts of a report of
//! `strongroom-bench`. Both engines are asked everything before anything is timed, and must
//! agree.

mod cedar;
mod ours;
#[path = "../../../crates/policy/tests/allocations/set.rs"]
mod set;

use std::hint::black_box;
use std::time::{Duration, Instant};

use anyhow::ensure;
use serde_json::{Value, json};
use set::Question;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Timings of which the median counts, and how long each takes.
const TIMINGS: usize = 101;
const ONE_TIMING: Duration = Duration::from_millis(5);

/// Ten policies of so many statements.
const POLICIES: usize = 10;
const STATEMENTS: [usize; 4] = [4, 10, 30, 100];
/// The set that has a target.
const MEASURED: usize = 10;

/// What both engines answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    Allow,
    Deny,
    /// By a statement that denies; Cedar makes no difference where nothing allows.
    DenyExplicitly,
}

fn main() -> anyhow::Result<()> {
    let mut facts = Vec::new();
    for statements in STATEMENTS {
        measure(statements, &mut facts)?;
    }
    if std::env::args().any(|argument| argument == "--json") {
        println!("{}", serde_json::to_string_pretty(&facts)?);
    } else {
        facts.iter().for_each(print);
    }
    Ok(())
}

fn measure(statements: usize, facts: &mut Vec<Value>) -> anyhow::Result<()> {
    let rules = set::rules(POLICIES, statements);
    let documents = ours::documents(&rules);
    let ours = ours::Engine::new(&documents);
    let cedar = cedar::Engine::new(&rules)?;
    let questions = [
        ("allow", Question::allowed(&rules), Answer::Allow),
        ("deny", Question::denied(&rules), Answer::Deny),
        (
            "explicit deny",
            Question::denied_explicitly(&rules),
            Answer::DenyExplicitly,
        ),
    ];
    let all = POLICIES * statements;
    for (name, question, expected) in &questions {
        let mine = ours.question(question)?;
        let theirs = cedar.question(question)?;
        ensure!(ours.decide(&mine) == *expected, "ours differs on {name}");
        ensure!(
            cedar.decide(&theirs) == *expected,
            "Cedar differs on {name}"
        );
        let (median, slowest) = time(|| {
            black_box(ours.decide(black_box(&mine)));
        });
        let (beside, _) = time(|| {
            black_box(cedar.decide(black_box(&theirs)));
        });
        let target =
            (statements == MEASURED && *name != "explicit deny").then(|| json!({ "AtMost": 1.0 }));
        facts.push(json!({
            "name": format!("decision over {all} statements, {name}"),
            "value": median,
            "unit": "µs",
            "target": target,
            "detail": format!("slowest of {TIMINGS} timings {slowest:.2} µs; Cedar {} {beside:.1} µs",
                cedar::VERSION),
        }));
    }
    Ok(())
}

/// The microseconds of one call: the median of many timings, and the slowest.
fn time(mut call: impl FnMut()) -> (f64, f64) {
    let mut calls = 1_u32;
    // As many calls as take a timing's time; what is warm by then is warm.
    while timed(calls, &mut call) < ONE_TIMING {
        calls *= 2;
    }
    let one = |_| timed(calls, &mut call).as_secs_f64() * 1e6 / f64::from(calls);
    let mut timings: Vec<f64> = (0..TIMINGS).map(one).collect();
    timings.sort_by(f64::total_cmp);
    (timings[TIMINGS / 2], timings[TIMINGS - 1])
}

fn timed(calls: u32, call: &mut impl FnMut()) -> Duration {
    let started = Instant::now();
    for _call in 0..calls {
        call();
    }
    started.elapsed()
}

fn print(fact: &Value) {
    let value = fact["value"].as_f64().unwrap_or_default();
    let verdict = match fact["target"]["AtMost"].as_f64() {
        None => "    ",
        Some(most) if value <= most => "PASS",
        Some(_) => "MISS",
    };
    let name = fact["name"].as_str().unwrap_or_default();
    let detail = fact["detail"].as_str().unwrap_or_default();
    println!("{name:<46} {value:>8.3} µs {verdict}  {detail}");
}
