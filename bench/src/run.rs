//! `strongroom-bench run`: every row, in one run.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::Args;

use crate::compare::{Runner, Side};
use crate::process::Scratch;
use crate::requests::Draft;
use crate::subject::{Bare, Subject};
use crate::world::{self, Draw, World};

/// Flags of `run`.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// Smaller sets and fewer repetitions; to see that everything works.
    #[arg(long)]
    quick: bool,
    /// The server's program [default: `strongroom` beside this one].
    #[arg(long, value_name = "FILE")]
    server: Option<PathBuf>,
    /// Where data is written [default: `target/bench`].
    #[arg(long, value_name = "DIR")]
    scratch: Option<PathBuf>,
}

/// Prints one line; a closed pipe is no reason to fail.
pub(crate) fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    let _closed = writeln!(out, "{line}");
}

/// Where programs and data are.
#[derive(Debug)]
pub(crate) struct Places {
    /// The program of the server.
    pub server: PathBuf,
    directory: PathBuf,
}

impl Places {
    /// Finds the server beside this program unless told where it is.
    pub(crate) fn find(server: Option<&Path>, directory: Option<&Path>) -> anyhow::Result<Self> {
        let here = std::env::current_exe()?;
        let beside = here.with_file_name("strongroom");
        let server = server.map_or(beside, Path::to_owned);
        ensure!(
            server.is_file(),
            "no server at `{}`: cargo build --release --package strongroom",
            server.display()
        );
        let target = here
            .parent()
            .and_then(Path::parent)
            .context("no target directory")?;
        let directory = directory.map_or_else(|| target.join("bench"), Path::to_owned);
        Ok(Self { server, directory })
    }

    /// A scratch directory of this process.
    pub(crate) fn scratch(&self) -> PathBuf {
        self.directory.join(format!("work.{}", std::process::id()))
    }
}

/// Measures and prints.
pub(crate) fn run(args: &RunArgs) -> anyhow::Result<()> {
    let places = Places::find(args.server.as_deref(), args.scratch.as_deref())?;
    let scratch = Scratch::make(places.scratch())?;
    let subject = Subject::start(&places.server, &scratch.directory("subject")?)?;
    let world = World::make(&subject)?;
    let uniform = if args.quick { 100_000 } else { 1_000_000 };
    for (group, key, records) in [
        ("hot-owned", None, 10_000),
        ("hot", Some(world.key.as_str()), 10_000),
        ("uniform", Some(world.key.as_str()), uniform),
    ] {
        world.create_group(group, key)?;
        let rate = world.load(group, records)?;
        say(&format!("{group}: {records} records loaded, {rate:.0}/s"));
    }
    subject.process.settle(Duration::from_secs(60))?;
    let answer = world.user.exchange(&world::get_record("hot"), &[0])?;
    let bare = Bare::start(&scratch.directory("bare")?, &answer.checked("capturing")?)?;
    for (name, group, records, connections) in [
        ("GetRecord, hot, AWS owned key", "hot-owned", 10_000, 64),
        ("GetRecord, hot, customer key", "hot", 10_000, 64),
        ("GetRecord, uniform, customer key", "uniform", uniform, 64),
        ("GetRecord, hot, 1 connection", "hot", 10_000, 1),
    ] {
        let (subject, bare) = compare(
            args,
            &subject,
            &bare,
            &world,
            &world::get_record(group),
            records,
            connections,
        )?;
        print_pair(name, &subject, &bare);
    }
    Ok(())
}

fn compare(
    args: &RunArgs,
    subject: &Subject,
    bare: &Bare,
    world: &World,
    draft: &Draft,
    records: u64,
    connections: usize,
) -> anyhow::Result<(Side, Side)> {
    let (repetitions, time) = if args.quick { (3, 1000) } else { (5, 2000) };
    let draw = Draw::new(records, 1).map(|number| [number]);
    let requests = world.user.sign(draft, draw.take(400_000));
    let mut measured = Runner::new(&subject.process, subject.address());
    let mut baseline = Runner::new(&bare.process, bare.address);
    for _ in 0..repetitions {
        measured.repeat(&requests, connections, Duration::from_millis(time))?;
        baseline.repeat(&requests, connections, Duration::from_millis(time))?;
    }
    Ok((measured.side(), baseline.side()))
}

fn print_pair(name: &str, subject: &Side, bare: &Side) {
    let line = |name: &str, side: &Side| {
        say(&format!(
            "{name:<36} {:>9.0}/s {:>7.2} µs CPU  p50 {:>7.0} p99 {:>7.0} p99.9 {:>7.0} µs",
            side.per_second, side.cpu_micros, side.p50, side.p99, side.p999
        ));
    };
    line(name, subject);
    line("  bare hyper", bare);
    say(&format!(
        "  {:.2} of bare's throughput, {:+.2} µs CPU above bare",
        subject.per_second / bare.per_second,
        subject.cpu_micros - bare.cpu_micros
    ));
}
