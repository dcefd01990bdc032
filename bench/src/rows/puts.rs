//! Durable `PutRecord`: beside bare hyper, beside the engine alone, and beside Redis.

use anyhow::Context;

use super::engine::Engine;
use super::redis::{self, Redis};
use super::traffic::{Kind, ratio_of_medians};
use crate::load::{Load, Until};
use crate::numbers::{float, median};
use crate::report::{Fact, Report, Target};
use crate::run::say;
use crate::stage::{HOT, HOT_RECORDS, Stage};
use crate::world::{self, Draw};

/// Connections of the comparison with Redis.
const MANY: usize = 64;

/// Adds the rows, then both comparisons.
pub(super) fn measure(stage: &Stage<'_>, report: &mut Report) -> anyhow::Result<()> {
    stage.need(HOT)?;
    for connections in [1, 16, MANY] {
        let draft = world::put_record(HOT, world::LOADED_AT);
        let kind = Kind {
            signed: 100_000,
            ..Kind::single("PutRecord, durable", draft, HOT_RECORDS)
        };
        kind.measure(stage, &stage.world.user, connections, report)?;
    }
    compare(stage, report)
}

/// Strongroom, the engine and Redis in turns, each as long and on the same file system.
fn compare(stage: &Stage<'_>, report: &mut Report) -> anyhow::Result<()> {
    let draft = world::put_record(HOT, world::LOADED_AT);
    let draw = Draw::new(HOT_RECORDS, 3).map(|number| [number]);
    let requests = stage.world.user.sign(&draft, draw.take(100_000));
    let mut redis = match Redis::start(&stage.scratch.directory("redis")?) {
        Ok(redis) => Some(redis),
        Err(absent) => {
            report
                .missing
                .push(format!("PutRecord beside Redis: {absent:#}"));
            None
        }
    };
    let engine = Engine::open(&stage.scratch.directory("engine")?)?;
    let time = stage.size.time;
    let (mut ours, mut alone, mut theirs) = (Vec::new(), Vec::new(), Vec::new());
    let (mut puts, mut groups) = (0, 0);
    let mark = stage.directory()?.join("data");
    for _repetition in 0..stage.size.repetitions {
        let before = Mark::read(&mark)?;
        let mut load = Load::connect(stage.subject.address(), MANY)?;
        let measured = load.run(&requests, Until::span(time))?;
        anyhow::ensure!(measured.refused == 0, "puts were refused");
        ours.push(measured.throughput());
        let after = Mark::read(&mark)?;
        puts += after.revision - before.revision;
        groups += after.sequence - before.sequence;
        alone.push(engine.puts_per_second(puts.div_ceil(groups.max(1)), time)?);
        if let Some(redis) = &mut redis {
            theirs.push(redis.sets_per_second(MANY, time)?);
        }
    }
    let mean = float(puts) / float(groups.max(1));
    let fact = Fact::new(
        "PutRecord at 64 connections, of the engine alone",
        ratio_of_medians(&ours, &alone),
        "",
    );
    report.add(fact.target(Target::AtLeast(0.5)).detail(format!(
        "{:.0}/s in groups of {mean:.1}; the engine alone {:.0}/s in batches of that size, \
         one SyncData each",
        median(&ours),
        median(&alone),
    )));
    report.add(Fact::new(
        "mean size of a group commit at 64 connections",
        mean,
        "puts",
    ));
    if redis.is_some() {
        let fact = Fact::new(
            "PutRecord at 64 connections, of Redis SET",
            ratio_of_medians(&ours, &theirs),
            "",
        );
        report.add(fact.target(Target::AtLeast(0.7)).detail(format!(
            "{:.0}/s; {} with appendfsync always, redis-benchmark -c 64 -d 1200: {:.0}/s",
            median(&ours),
            redis::version(),
            median(&theirs),
        )));
    }
    say("  engine and Redis compared");
    Ok(())
}

/// How far the store has come, as its `commit.mark` says: every group commit has a sequence
/// number, every commit in it a revision (docs/storage-formats.md).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Mark {
    sequence: u64,
    revision: u64,
}

impl Mark {
    /// The newer of the two slots of the mark below the data directory.
    fn read(data: &std::path::Path) -> anyhow::Result<Self> {
        let file = find(data, "commit.mark").context("no commit.mark in the data directory")?;
        let bytes = std::fs::read(file)?;
        let slots = [0, 4096]
            .into_iter()
            .filter_map(|at| Self::of(bytes.get(at..)?));
        slots
            .max_by_key(|mark| mark.sequence)
            .context("an unknown format of commit.mark")
    }

    fn of(slot: &[u8]) -> Option<Self> {
        let rest = slot.strip_prefix(b"srmark\0\x01")?;
        let (sequence, rest) = rest.split_first_chunk()?;
        let (revision, _) = rest.split_first_chunk()?;
        Some(Self {
            sequence: u64::from_be_bytes(*sequence),
            revision: u64::from_be_bytes(*revision),
        })
    }
}

fn find(directory: &std::path::Path, name: &str) -> Option<std::path::PathBuf> {
    for entry in std::fs::read_dir(directory).ok()?.flatten() {
        let path = entry.path();
        if path.file_name().is_some_and(|found| found == name) {
            return Some(path);
        }
        if path.is_dir()
            && let Some(found) = find(&path, name)
        {
            return Some(found);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_holds_sequence_and_revision() {
        let mut slot = b"srmark\0\x01".to_vec();
        slot.extend([7_u64, 300].map(u64::to_be_bytes).concat());
        let expected = Mark {
            sequence: 7,
            revision: 300,
        };
        assert_eq!(Mark::of(&slot), Some(expected));
        assert_eq!(Mark::of(&slot[1..]), None);
    }
}
