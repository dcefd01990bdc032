//! What a customer's key costs a `GetRecord`, and what many groups with a key each, or many records in
//! one group, cost it.

use crate::compare::{Runner, Side};
use crate::numbers::float;
use crate::report::{Fact, Report, Target};
use crate::requests::{Requests, record_name};
use crate::run::say;
use crate::stage::{HOT, HOT_OWNED, HOT_RECORDS, Stage, UNIFORM};
use crate::world::{self, Draw};

/// Requests signed for one side.
const SIGNED: usize = 200_000;

/// Connections of the comparison of keys.
const CONNECTIONS: usize = 64;

/// Both comparisons.
pub(super) fn measure(stage: &Stage<'_>, report: &mut Report) -> anyhow::Result<()> {
    kinds_of_keys(stage, report)?;
    numbers_of_groups(stage, report)
}

/// The hot set under a customer managed key, in turns with the same under the AWS owned key.
fn kinds_of_keys(stage: &Stage<'_>, report: &mut Report) -> anyhow::Result<()> {
    stage.need(HOT)?;
    stage.need(HOT_OWNED)?;
    let sign = |group| {
        let draw = Draw::new(HOT_RECORDS, 11).map(|number| [number]);
        let draft = world::get_record(group);
        stage.world.user.sign(&draft, draw.take(SIGNED))
    };
    let (customer, owned) = in_turns(stage, (&sign(HOT), &sign(HOT_OWNED)), CONNECTIONS)?;
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

/// The same record of one group, in turns with that of many groups, each under a key of its own.
fn numbers_of_groups(stage: &Stage<'_>, report: &mut Report) -> anyhow::Result<()> {
    let groups = stage.size.groups;
    make_groups(stage, groups)?;
    let sign = |groups: u64| {
        let draw = Draw::new(groups, 13).map(|number| [number]);
        let draft = world::get_record_of_group();
        stage.world.user.sign(&draft, draw.take(SIGNED))
    };
    // Each data key is unwrapped once before: what is measured is not how soon that is.
    let all = stage
        .world
        .user
        .sign(&world::get_record_of_group(), (0..groups).map(|n| [n]));
    warm(stage, &all, groups)?;
    let (many, one) = in_turns(stage, (&sign(groups), &sign(1)), 1)?;
    let fact = Fact::new(
        &format!("GetRecord over {groups} groups with a key each, p50 beside one group's"),
        many.p50 / one.p50,
        "",
    );
    report.add(fact.target(Target::AtMost(1.3)).detail(format!(
        "{:.0} and {:.0} µs; p99 {:.0} and {:.0} µs",
        many.p50, one.p50, many.p99, one.p99,
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
    let (many, hot) = in_turns(stage, (&all, &few), 1)?;
    let fact = Fact::new(
        &format!("GetRecord over {records} records of a group, p50 beside {HOT_RECORDS}"),
        many.p50 / hot.p50,
        "",
    );
    report.add(fact.target(Target::AtMost(1.3)).detail(format!(
        "{:.0} and {:.0} µs; p99 {:.0} and {:.0} µs",
        many.p50, hot.p50, many.p99, hot.p99,
    )));
    Ok(())
}

/// Makes the groups, each under a key of its own, with one record each.
fn make_groups(stage: &Stage<'_>, groups: u64) -> anyhow::Result<()> {
    let started = crate::clock::tick();
    for number in 0..groups {
        let name = world::group_of(&record_name(number));
        let key = world::create_key(&stage.world.administrator, &name)?;
        stage.world.create_group(&name, Some(&key))?;
        stage.world.load_one(&name)?;
    }
    let seconds = crate::clock::tick().saturating_sub(started).as_secs_f64();
    let rate = float(groups) / seconds;
    say(&format!(
        "  {groups} groups made with a key and a record each, {rate:.0}/s"
    ));
    stage
        .subject
        .process
        .settle(std::time::Duration::from_secs(90))
}

/// Sends each of `requests` once.
fn warm(stage: &Stage<'_>, requests: &Requests, count: u64) -> anyhow::Result<()> {
    let mut load = crate::load::Load::connect(stage.subject.address(), 16)?;
    let measured = load.run(requests, crate::load::Until::answers(count))?;
    anyhow::ensure!(
        measured.refused == 0,
        "{} of {count} groups could not be read",
        measured.refused
    );
    Ok(())
}

/// Measures the two kinds of requests to the subject in turns.
fn in_turns(
    stage: &Stage<'_>,
    (one, other): (&Requests, &Requests),
    connections: usize,
) -> anyhow::Result<(Side, Side)> {
    let runner = || Runner::new(&stage.subject.process, stage.subject.address());
    let (mut first, mut second) = (runner(), runner());
    for _repetition in 0..stage.size.repetitions {
        first.repeat(one, connections, stage.size.time)?;
        second.repeat(other, connections, stage.size.time)?;
    }
    Ok((first.side(), second.side()))
}
