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
    let requests = prepare(args.traffic, args.records, &world)?;
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
    let group = group(traffic);
    match traffic {
        Traffic::GetHot | Traffic::GetHotOwned | Traffic::GetUniform => world::get_record(group),
        Traffic::Batch => world::batch_get_record(group, 100),
        Traffic::Put => world::put_record(group, world::LOADED_AT),
        Traffic::GenerateDataKey => world::generate_data_key(&world.key),
    }
}

/// The group of the records: each kind of traffic has its own.
fn group(traffic: Traffic) -> &'static str {
    match traffic {
        Traffic::GetHot => "hot",
        Traffic::GetHotOwned => "hot-owned",
        Traffic::GetUniform => "uniform",
        Traffic::Batch => "batches",
        Traffic::Put => "puts",
        Traffic::GenerateDataKey => "none",
    }
}

fn row(traffic: Traffic) -> Vec<u64> {
    (0..if traffic == Traffic::Batch { 100 } else { 1 }).collect()
}

/// Makes and loads the group of `traffic`, of so many records if it is uniform, and signs its
/// requests.
pub(crate) fn prepare(traffic: Traffic, records: u64, world: &World) -> anyhow::Result<Requests> {
    let key = (traffic != Traffic::GetHotOwned).then_some(world.key.as_str());
    let group = group(traffic);
    world.create_group(group, key)?;
    let records = if traffic == Traffic::GetUniform {
        records
    } else {
        10_000
    };
    let rate = world.load(group, records)?;
    say(&format!("{records} records loaded, {rate:.0}/s"));
    if traffic == Traffic::GetUniform {
        world.read(group, records)?;
    }
    let width = row(traffic).len();
    let rows = if width == 1 { 500_000 } else { 5_000 };
    let mut draw = Draw::new(records, 1);
    let draft = draft(traffic, world);
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
