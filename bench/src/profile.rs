//! `strongroom-bench profile`: load that stays on while a profiler watches the server.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::load::{Load, Until};
use crate::numbers::float;
use crate::process::{Process, Scratch};
use crate::requests::Requests;
use crate::run::{Places, say};
use crate::subject::{Bare, Subject};
use crate::world::{self, Draw, World};

/// What the load consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Traffic {
    /// `GetRecord` of 10,000 records under a customer managed key.
    GetHot,
    /// The same under the AWS owned key.
    GetHotOwned,
    /// `GetRecord` over all `--records`.
    GetUniform,
    /// `BatchGetRecord` of 100.
    Batch,
    /// `PutRecord`.
    Put,
    /// `kms:GenerateDataKey`.
    GenerateDataKey,
}

/// Flags of `profile`.
#[derive(Debug, Args)]
pub(crate) struct ProfileArgs {
    /// The traffic.
    #[arg(long, value_enum, default_value = "get-hot")]
    traffic: Traffic,
    /// How long, in seconds.
    #[arg(long, default_value_t = 30)]
    seconds: u64,
    /// Connections.
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// Records of `get-uniform`.
    #[arg(long, default_value_t = 1_000_000)]
    records: u64,
    /// Send to bare hyper instead.
    #[arg(long)]
    bare: bool,
    /// The server's program [default: `strongroom` beside this one].
    #[arg(long, value_name = "FILE")]
    server: Option<PathBuf>,
    /// Where data is written [default: `target/bench`].
    #[arg(long, value_name = "DIR")]
    scratch: Option<PathBuf>,
}

/// Starts a server, prints its process id, and keeps it busy.
pub(crate) fn run(args: &ProfileArgs) -> anyhow::Result<()> {
    let places = Places::find(args.server.as_deref(), args.scratch.as_deref())?;
    let scratch = Scratch::make(places.scratch())?;
    let subject = Subject::start(&places.server, &scratch.directory("profile")?)?;
    let world = World::make(&subject)?;
    let requests = prepare(args, &world)?;
    subject.process.settle(Duration::from_secs(30))?;
    if args.bare {
        let answer = world
            .user
            .exchange(&draft(args.traffic, &world), &row(args.traffic))?;
        let bare = Bare::start(&scratch.directory("bare")?, &answer.checked("capturing")?)?;
        keep_busy(args, &bare.process, bare.address, &requests)
    } else {
        keep_busy(args, &subject.process, subject.address(), &requests)
    }
}

fn draft(traffic: Traffic, world: &World) -> crate::requests::Draft {
    match traffic {
        Traffic::GetHot | Traffic::GetHotOwned | Traffic::GetUniform => {
            world::get_record("records")
        }
        Traffic::Batch => world::batch_get_record("records", 100),
        Traffic::Put => world::put_record("records", world::LOADED_AT),
        Traffic::GenerateDataKey => world::generate_data_key(&world.key),
    }
}

fn row(traffic: Traffic) -> Vec<u64> {
    (0..if traffic == Traffic::Batch { 100 } else { 1 }).collect()
}

fn prepare(args: &ProfileArgs, world: &World) -> anyhow::Result<Requests> {
    let key = (args.traffic != Traffic::GetHotOwned).then_some(world.key.as_str());
    world.create_group("records", key)?;
    let records = if args.traffic == Traffic::GetUniform {
        args.records
    } else {
        10_000
    };
    let rate = world.load("records", records)?;
    say(&format!("{records} records loaded, {rate:.0}/s"));
    if args.traffic == Traffic::GetUniform {
        world.read("records", records)?;
    }
    let width = row(args.traffic).len();
    let rows = if width == 1 { 500_000 } else { 5_000 };
    let mut draw = Draw::new(records, 1);
    let draft = draft(args.traffic, world);
    Ok(world.user.sign(
        &draft,
        (0..rows).map(|_| draw.by_ref().take(width).collect::<Vec<u64>>()),
    ))
}

fn keep_busy(
    args: &ProfileArgs,
    process: &Process,
    address: std::net::SocketAddr,
    requests: &Requests,
) -> anyhow::Result<()> {
    say(&format!(
        "pid {} is under load for {} s",
        process.pid(),
        args.seconds
    ));
    let mut load = Load::connect(address, args.connections)?;
    for second in 1..=args.seconds {
        let before = process.cpu_micros()?;
        let measured = load.run(requests, Until::span(Duration::from_secs(1)))?;
        let used = process.cpu_micros()? - before;
        say(&format!(
            "{second:>4} s {:>9.0}/s  {:>7.2} µs CPU  p50 {:>7.1} µs  p99 {:>8.1} µs  p99.9 {:>8.1} µs  errors {}",
            measured.throughput(),
            used / float(measured.answers.max(1)),
            measured.latency.micros_at(0.5),
            measured.latency.micros_at(0.99),
            measured.latency.micros_at(0.999),
            measured.refused,
        ));
    }
    Ok(())
}
