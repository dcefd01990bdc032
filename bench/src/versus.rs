//! `strongroom-bench versus`: two programs of the server in turns, for what a change costs.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::ensure;
use clap::Args;

use crate::compare::Runner;
use crate::process::Scratch;
use crate::profile::{self, Traffic};
use crate::run::{Places, say};
use crate::subject::Subject;
use crate::world::World;

/// Flags of `versus`.
#[derive(Debug, Args)]
pub(crate) struct VersusArgs {
    /// The other program of the server.
    #[arg(long, value_name = "FILE")]
    other: PathBuf,
    /// The kinds of traffic.
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        default_value = "get-hot,get-hot-owned,put"
    )]
    traffic: Vec<Traffic>,
    /// Repetitions of each program, in turns.
    #[arg(long, default_value_t = 9)]
    repetitions: usize,
    /// How long one repetition is, in milliseconds.
    #[arg(long, default_value_t = 1500)]
    time: u64,
    /// Connections.
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// The server's program [default: `strongroom` beside this one].
    #[arg(long, value_name = "FILE")]
    server: Option<PathBuf>,
    /// Where data is written [default: `target/bench`].
    #[arg(long, value_name = "DIR")]
    scratch: Option<PathBuf>,
}

/// Measures the same traffic to both in turns, and prints each side and the ratios.
pub(crate) fn run(args: &VersusArgs) -> anyhow::Result<()> {
    ensure!(
        args.other.is_file(),
        "no server at `{}`",
        args.other.display()
    );
    let places = Places::find(args.server.as_deref(), args.scratch.as_deref())?;
    let scratch = Scratch::make(places.scratch())?;
    let one = Subject::start(&places.server, &scratch.directory("one")?)?;
    let other = Subject::start(&args.other, &scratch.directory("other")?)?;
    let (world, other_world) = (World::make(&one)?, World::make(&other)?);
    for traffic in &args.traffic {
        let requests = profile::prepare(*traffic, 10_000, &world)?;
        let other_requests = profile::prepare(*traffic, 10_000, &other_world)?;
        one.process.settle(Duration::from_mins(1))?;
        other.process.settle(Duration::from_mins(1))?;
        let mut first = Runner::new(&one.process, one.address());
        let mut second = Runner::new(&other.process, other.address());
        let time = Duration::from_millis(args.time);
        for _repetition in 0..args.repetitions {
            first.repeat(&requests, args.connections, time)?;
            second.repeat(&other_requests, args.connections, time)?;
        }
        let (first, second) = (first.side(), second.side());
        say(&format!(
            "{traffic:?}: CPU {:.2} µs, other {:.2} µs, ratio {:.3}; per second {:.0}, other {:.0}, \
             ratio {:.3}; p50 {:.0}, other {:.0} µs",
            first.cpu_micros,
            second.cpu_micros,
            first.cpu_micros / second.cpu_micros,
            first.per_second,
            second.per_second,
            first.per_second / second.per_second,
            first.p50,
            second.p50,
        ));
    }
    Ok(())
}
