//! Disk use of a record set after all of it was overwritten ten times.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crate::clock::tick;
use crate::numbers::{float, float_len};
use crate::report::{Fact, Report, Target};
use crate::run::say;
use crate::stage::Stage;
use crate::subject::Subject;
use crate::world::{CELL_KEY, World, sealed_length};

/// How often everything is overwritten.
const TIMES: usize = 10;

/// How long the server may take to tidy up afterwards.
const PATIENCE: Duration = Duration::from_mins(2);

/// Loads a set into a server of its own, overwrites it, and watches the directory.
pub(super) fn measure(stage: &Stage<'_>, report: &mut Report) -> anyhow::Result<()> {
    let directory = stage.scratch.directory("disk")?;
    let subject = Subject::start(&stage.places.server, &directory)?;
    let world = World::make(&subject)?;
    world.create_group("overwritten", Some(&world.key))?;
    let data = directory.join("data");
    let empty = size_of(&data);
    let count = stage.size.overwritten;
    let (peak, over) = (AtomicU64::new(0), AtomicBool::new(false));
    let written = std::thread::scope(|threads| {
        threads.spawn(|| {
            while !over.load(Ordering::Acquire) {
                peak.fetch_max(size_of(&data), Ordering::AcqRel);
                std::thread::sleep(Duration::from_millis(100));
            }
        });
        // The first of them is the load itself.
        let put = || (0..=TIMES).try_for_each(|_| world.load("overwritten", count).map(drop));
        let written = put().and_then(|()| settle(&subject, &data));
        over.store(true, Ordering::Release);
        written
    });
    let after = written?;
    let journal = size_where(&data, &|path| {
        path.extension().is_some_and(|it| it == "jnl")
    });
    let live = float(count) * float_len(sealed_length() + CELL_KEY);
    let peak = float(peak.load(Ordering::Acquire));
    let mib = |bytes: f64| bytes / 1024.0 / 1024.0;
    let fact = Fact::new(
        "disk use after overwriting all ten times",
        float(after) / live,
        "× live",
    );
    report.add(fact.target(Target::AtMost(2.0)).detail(format!(
        "{count} records, {:.1} MiB live (keys and sealed values); {:.1} MiB used, {:.1} MiB \
         of it the engine's journal; {:.1} MiB before the first record",
        mib(live),
        mib(float(after)),
        mib(float(journal)),
        mib(float(empty)),
    )));
    report
        .add(Fact::new("its peak", peak / live, "× live").detail(format!("{:.1} MiB", mib(peak))));
    say("  disk use watched");
    subject.process.stop()?;
    std::fs::remove_dir_all(directory)?;
    Ok(())
}

/// How long the use must not have fallen: the store lets old tables go some time after it
/// merged them, and begins anew when anything is committed meanwhile.
const STILL: Duration = Duration::from_secs(30);

/// The size once it has not fallen for [`STILL`].
fn settle(subject: &Subject, data: &Path) -> anyhow::Result<u64> {
    let (begun, mut fell, mut least) = (tick(), tick(), u64::MAX);
    while tick() < begun + PATIENCE && tick() < fell + STILL {
        subject.process.settle(Duration::from_secs(1))?;
        let now = size_of(data);
        if now < least {
            (least, fell) = (now, tick());
        }
    }
    Ok(size_of(data))
}

/// Bytes of the blocks of all files below `directory`; files may vanish meanwhile.
fn size_of(directory: &Path) -> u64 {
    size_where(directory, &|_| true)
}

/// The same of the files that `counts` says.
fn size_where(directory: &Path, counts: &dyn Fn(&Path) -> bool) -> u64 {
    let Ok(entries) = std::fs::read_dir(directory) else {
        return 0;
    };
    entries
        .flatten()
        .filter_map(|entry| {
            let kind = entry.metadata().ok()?;
            let path = entry.path();
            Some(if kind.is_dir() {
                size_where(&path, counts)
            } else if counts(&path) {
                kind.blocks() * 512
            } else {
                0
            })
        })
        .sum()
}
