//! What a customer's key costs a `GetRecord`, and what many records in one group cost it.

use crate::compare::{Runner, Side};
use crate::report::{Fact, Report, Target};
use crate::requests::Requests;
use crate::stage::{HOT, HOT_OWNED, HOT_RECORDS, Stage, UNIFORM};
use crate::subject::Subject;
use crate::world::{self, Draw};

/// Requests signed for one side.
pub(super) const SIGNED: usize = 200_000;

/// Connections of the comparison of keys.
const CONNECTIONS: usize = 64;

/// The hot set under a customer managed key, in turns with the same under the AWS owned key.
pub(super) fn measure(stage: &Stage<'_>, report: &mut Report) -> anyhow::Result<()> {
    stage.need(HOT)?;
    stage.need(HOT_OWNED)?;
    let sign = |group| {
        let draw = Draw::new(HOT_RECORDS, 11).map(|number| [number]);
        let draft = world::get_record(group);
        stage.world.user.sign(&draft, draw.take(SIGNED))
    };
    let (customer, owned) = in_turns(
        (stage, &stage.subject),
        (&sign(HOT), &sign(HOT_OWNED)),
        CONNECTIONS,
    )?;
    let more = |of_customer: f64, of_owned: f64| (of_customer / of_owned - 1.0) * 100.0;
    let fact = Fact::new(
        "GetRecord under a customer key, CPU above the AWS owned key's",
        more(customer.cpu_micros, owned.cpu_micros),
        "%",
    );
    report.add(fact.target(Target::AtMost(5.0)).detail(format!(
        "{:.1} and {:.1} µs an answer; p50 {:.0} and {:.0} µs",
        customer.cpu_micros, owned.cpu_micros, customer.p50, owned.p50,
    )));
    Ok(())
}

/// The records of the uniform set, in turns with those of the hot one: one group each, under the same
/// key. Whoever calls this has read the uniform set.
pub(super) fn numbers_of_records(stage: &Stage<'_>, report: &mut Report) -> anyhow::Result<()> {
    stage.need(HOT)?;
    let sign = |group, records| {
        let draw = Draw::new(records, 17).map(|number| [number]);
        let draft = world::get_record(group);
        stage.world.user.sign(&draft, draw.take(SIGNED))
    };
    let records = stage.records(UNIFORM);
    let (all, few) = (sign(UNIFORM, records), sign(HOT, HOT_RECORDS));
    let (many, hot) = in_turns((stage, &stage.subject), (&all, &few), 1)?;
    let name = format!("GetRecord over {records} records of a group, p50 beside {HOT_RECORDS}");
    report.add(beside(&name, &many, &hot));
    Ok(())
}

/// The p50 over many things beside that over few: how many there are must hardly matter.
pub(super) fn beside(name: &str, many: &Side, few: &Side) -> Fact {
    let fact = Fact::new(name, many.p50 / few.p50, "");
    fact.target(Target::AtMost(1.3)).detail(format!(
        "{:.0} and {:.0} µs; p99 {:.0} and {:.0} µs",
        many.p50, few.p50, many.p99, few.p99,
    ))
}

/// Measures the two kinds of requests to `subject` in turns.
pub(super) fn in_turns(
    (stage, subject): (&Stage<'_>, &Subject),
    (one, other): (&Requests, &Requests),
    connections: usize,
) -> anyhow::Result<(Side, Side)> {
    let runner = || Runner::new(&subject.process, subject.address());
    let (mut first, mut second) = (runner(), runner());
    for _repetition in 0..stage.size.repetitions {
        first.repeat(one, connections, stage.size.time)?;
        second.repeat(other, connections, stage.size.time)?;
    }
    Ok((first.side(), second.side()))
}
