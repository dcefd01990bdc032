//! Requests of one kind beside bare hyper, which answers them with the same bytes.

use crate::client::Client;
use crate::compare::Runner;
use crate::numbers::median;
use crate::report::{Fact, Report, Target, Traffic};
use crate::requests::Draft;
use crate::stage::{HOT, HOT_OWNED, HOT_RECORDS, Stage, UNIFORM, UNIFORM_OWNED};
use crate::subject::{Bare, Subject};
use crate::world::{self, Draw};

/// The row that the budget explains.
pub(crate) const HOT_NAME: &str = "GetRecord, hot, customer key";

/// The same under the AWS owned key.
pub(super) const HOT_OWNED_NAME: &str = "GetRecord, hot, AWS owned key";

/// Requests signed for one row: far more records than are asked for in a row twice.
const SIGNED: usize = 400_000;

/// Records of a uniform set that are read before it is measured: more than memory keeps.
const READ_BEFORE: u64 = 4_000_000;

/// One kind of requests.
#[derive(Debug)]
pub(crate) struct Kind<'a> {
    /// What it is called in the table.
    pub name: &'a str,
    /// The request.
    pub draft: Draft,
    /// Records named by one request.
    pub width: usize,
    /// Records to draw from.
    pub records: u64,
    /// Requests to sign.
    pub signed: usize,
}

impl<'a> Kind<'a> {
    /// Requests that name one record each.
    pub(crate) fn single(name: &'a str, draft: Draft, records: u64) -> Self {
        Self {
            name,
            draft,
            width: 1,
            records,
            signed: SIGNED,
        }
    }

    /// Measures both servers in turns and adds the row.
    pub(crate) fn measure(
        &self,
        stage: &Stage<'_>,
        caller: &Client,
        connections: usize,
        report: &mut Report,
    ) -> anyhow::Result<Traffic> {
        self.measure_on((stage, &stage.subject), caller, connections, report)
    }

    /// The same of another server than the one of the run.
    pub(crate) fn measure_on(
        &self,
        (stage, subject): (&Stage<'_>, &Subject),
        caller: &Client,
        connections: usize,
        report: &mut Report,
    ) -> anyhow::Result<Traffic> {
        // Every repetition has drawn what no earlier one has.
        let mut draw = Draw::new(self.records, self.records ^ 0x5eed);
        let rows = (0..self.signed).map(|_| draw.by_ref().take(self.width).collect::<Vec<u64>>());
        let requests = caller.sign(&self.draft, rows);
        let sample: Vec<u64> = (0..self.records).take(self.width).collect();
        let answer = caller.exchange(&self.draft, &sample)?.checked(self.name)?;
        let bare = Bare::start(&stage.scratch.directory("bare")?, &answer)?;
        let mut ours = Runner::new(&subject.process, subject.address());
        let mut baseline = Runner::new(&bare.process, bare.address);
        for _repetition in 0..stage.size.repetitions {
            ours.repeat(&requests, connections, stage.size.time)?;
            baseline.repeat(&requests, connections, stage.size.time)?;
        }
        let row = Traffic {
            name: self.name.to_owned(),
            connections,
            subject: ours.side(),
            bare: baseline.side(),
        };
        report.add_traffic(&row);
        Ok(row)
    }
}

/// Hot sets under both kinds of keys; one connection too, for the latency.
pub(super) fn get_hot(stage: &Stage<'_>, report: &mut Report) -> anyhow::Result<()> {
    stage.need(HOT)?;
    stage.need(HOT_OWNED)?;
    let user = &stage.world.user;
    let owned = world::get_record(HOT_OWNED);
    Kind::single(HOT_OWNED_NAME, owned, HOT_RECORDS).measure(stage, user, 64, report)?;
    let hot = Kind::single(HOT_NAME, world::get_record(HOT), HOT_RECORDS);
    let row = hot.measure(stage, user, 64, report)?;
    let above = Fact::new("GetRecord hot, CPU above bare hyper", row.above(), "µs");
    report.add(above.target(Target::AtMost(8.0)).detail("goal 5, dream 3"));
    let ratio = Fact::new("GetRecord hot, throughput of bare hyper's", row.ratio(), "");
    report.add(ratio.target(Target::AtLeast(0.5)).detail("goal 0.65"));
    hot.measure(stage, user, 1, report)?;
    Ok(())
}

/// Uniform sets under both kinds of keys, of which memory holds what it can.
pub(super) fn get_uniform(stage: &Stage<'_>, report: &mut Report) -> anyhow::Result<()> {
    let user = &stage.world.user;
    for (name, group) in [
        ("GetRecord, uniform, customer key", UNIFORM),
        ("GetRecord, uniform, AWS owned key", UNIFORM_OWNED),
    ] {
        stage.need(group)?;
        stage
            .world
            .read(group, stage.records(group).min(READ_BEFORE))?;
        let kind = Kind::single(name, world::get_record(group), stage.records(group));
        let row = kind.measure(stage, user, 64, report)?;
        if group == UNIFORM {
            let fact = Fact::new("GetRecord uniform, CPU above bare hyper", row.above(), "µs");
            let records = stage.records(group);
            report.add(
                fact.target(Target::AtMost(14.0))
                    .detail(format!("over {records} records")),
            );
            super::keys::numbers_of_records(stage, report)?;
        }
    }
    Ok(())
}

/// The median of `part` as a part of the median of `whole`.
pub(super) fn ratio_of_medians(part: &[f64], whole: &[f64]) -> f64 {
    let whole = median(whole);
    if whole > 0.0 {
        median(part) / whole
    } else {
        0.0
    }
}
