//! Batches: of records as they usually are, and the largest that are legal.

use std::time::Duration;

use super::traffic::Kind;
use crate::large;
use crate::report::Report;
use crate::stage::{HOT, HOT_RECORDS, Stage};
use crate::subject::Subject;
use crate::world::{self, World};

/// Records of one `BatchGetRecord`.
const READ: usize = 100;

/// Entries of one `BatchWriteRecord`.
const WRITTEN: usize = 25;

/// The text of each record in the largest `BatchWriteRecord`: all of them make a body of nearly
/// 8 MiB.
const LARGEST_WRITTEN: usize = 335_000;

/// The text of each record in the largest answer of a `BatchGetRecord`: nearly 16 MiB.
const LARGEST_READ: usize = 165_000;

/// Connections of the largest: what they send and await at a time fits into the server's bounds.
const FEW: usize = 4;

/// The group of large records, under a customer managed key.
const LARGE: &str = "large";

/// Adds the rows.
pub(super) fn measure(stage: &Stage<'_>, report: &mut Report) -> anyhow::Result<()> {
    stage.need(HOT)?;
    let user = &stage.world.user;
    let kind = Kind {
        width: READ,
        signed: 10_000,
        ..Kind::single(
            "BatchGetRecord of 100, customer key",
            world::batch_get_record(HOT, READ),
            HOT_RECORDS,
        )
    };
    kind.measure(stage, user, 64, report)?;
    largest(stage, report)
}

/// On a server of its own: what they write is much, and the other rows are not about it.
fn largest(stage: &Stage<'_>, report: &mut Report) -> anyhow::Result<()> {
    let directory = stage.scratch.directory("batches")?;
    let subject = Subject::start(&stage.places.server, &directory)?;
    let world = World::make(&subject)?;
    world.create_group_of(LARGE, Some(&world.key), large::features())?;
    let records = u64::try_from(READ)?;
    world.send(&large::put(LARGE, LARGEST_READ), records)?;
    subject.process.settle(Duration::from_mins(1))?;
    let kind = Kind {
        width: READ,
        signed: 100,
        ..Kind::single(
            "BatchGetRecord of 100 times 165 kB",
            world::batch_get_record(LARGE, READ),
            records,
        )
    };
    kind.measure_on((stage, &subject), &world.user, FEW, report)?;
    // A call writes no more than 3 MiB and gives the rest back: the answer is large too.
    let kind = Kind {
        width: WRITTEN,
        signed: 20,
        ..Kind::single(
            "BatchWriteRecord of 25 times 335 kB",
            large::batch_write(LARGE, WRITTEN, LARGEST_WRITTEN),
            records,
        )
    };
    kind.measure_on((stage, &subject), &world.user, FEW, report)?;
    subject.process.stop()?;
    std::fs::remove_dir_all(directory)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_batch_is_one_that_the_server_reads() {
        let body = large::batch_write(LARGE, WRITTEN, LARGEST_WRITTEN).body;
        assert!(body.len() > 7 << 20, "{}", body.len());
        assert!(body.len() <= 8 << 20, "{}", body.len());
        assert_eq!(body.matches("\"text\"").count(), WRITTEN);
    }
}
