//! `GetRecord` beside Feast's feature server: two workers, 20 features of one entity, on Redis.
//!
//! Feast is asked for records of a set as large as the hot set, by the same load generator over
//! as many connections. It checks no signature, no permission and no key.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::json;

use super::redis::{Redis, free_port};
use crate::client::Client;
use crate::clock::tick;
use crate::compare::Runner;
use crate::process::Process;
use crate::report::{Fact, Report, Target};
use crate::requests::{Draft, slot};
use crate::stage::{HOT, HOT_RECORDS, Stage};
use crate::world::{self, Draw};

const CONNECTIONS: usize = 64;

/// Requests signed for either side.
const SIGNED: usize = 200_000;

/// How long Feast may take to start: it imports for long.
const PATIENCE: Duration = Duration::from_mins(2);

/// Measures both in turns and adds the ratio of the medians.
pub(super) fn measure(stage: &Stage<'_>, report: &mut Report) -> anyhow::Result<()> {
    stage.need(HOT)?;
    let programs = std::env::var_os("SR_BENCH_FEAST").map(PathBuf::from);
    let programs = programs.context("SR_BENCH_FEAST names no directory: use make bench-peers")?;
    let redis = Redis::start(&stage.scratch.directory("peer-redis")?)?;
    let feast = Feast::start(&programs, &stage.scratch.directory("feast")?, redis.port())?;
    let rows = || {
        Draw::new(HOT_RECORDS, 7)
            .map(|number| [number])
            .take(SIGNED)
    };
    let user = &stage.world.user;
    let ours = user.sign(&world::get_record(HOT), rows());
    // Feast ignores the signature; the headers are of the same length.
    let caller = Client {
        address: feast.address,
        credentials: user.credentials.clone(),
    };
    let theirs = caller.sign(&get_online_features(), rows());
    let mut subject = Runner::new(&stage.subject.process, stage.subject.address());
    let mut peer = Runner::new(&feast.process, feast.address);
    for _repetition in 0..stage.size.repetitions {
        subject.repeat(&ours, CONNECTIONS, stage.size.time)?;
        peer.repeat(&theirs, CONNECTIONS, stage.size.time * 2)?;
    }
    let (subject, peer) = (subject.side(), peer.side());
    let fact = Fact::new(
        "GetRecord hot, throughput of Feast's feature server",
        subject.per_second / peer.per_second,
        "",
    );
    report.add(fact.target(Target::AtLeast(100.0)).detail(format!(
        "{:.0}/s, p50 {:.2} ms, p99 {:.2} ms; {} with two workers on {}: {:.0}/s, p50 {:.1} ms, \
         p99 {:.1} ms; {CONNECTIONS} connections each",
        subject.per_second,
        subject.p50 / 1000.0,
        subject.p99 / 1000.0,
        version(&programs),
        super::redis::version(),
        peer.per_second,
        peer.p50 / 1000.0,
        peer.p99 / 1000.0,
    )));
    feast.process.stop()
}

/// 20 features of the record in slot 0.
fn get_online_features() -> Draft {
    let features: Vec<String> = (0..20)
        .map(|number| format!("record:f{number:02}"))
        .collect();
    let input = json!({"features": features, "entities": {"id": [slot(0)]}});
    Draft {
        method: "POST",
        target: "/get-online-features".to_owned(),
        service: "feast",
        content_type: Some("application/json"),
        operation: None,
        body: input.to_string(),
    }
}

/// The program's version, for the table.
fn version(programs: &Path) -> String {
    let told = Command::new(programs.join("feast")).arg("version").output();
    let text = told.map(|told| String::from_utf8_lossy(&told.stdout).into_owned());
    let text = text.unwrap_or_default();
    let version = text
        .split('"')
        .find(|part| part.starts_with(|first: char| first.is_ascii_digit()));
    format!("Feast {}", version.unwrap_or("?"))
}

/// A running feature server.
#[derive(Debug)]
struct Feast {
    process: Process,
    address: SocketAddr,
}

impl Feast {
    /// Makes the repository in `directory`, loads it into Redis, and serves it.
    fn start(programs: &Path, directory: &Path, redis: u16) -> anyhow::Result<Self> {
        let log = || {
            File::options()
                .append(true)
                .create(true)
                .open(directory.join("feast.log"))
        };
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("feast/prepare.py");
        let mut command = Command::new(programs.join("python"));
        command
            .arg(script)
            .args([redis.to_string(), HOT_RECORDS.to_string()])
            .arg(directory)
            .env("FEAST_USAGE", "False")
            .stderr(log()?);
        let told = || std::fs::read_to_string(directory.join("feast.log")).unwrap_or_default();
        let prepared = Process::start(&mut command)?.wait();
        prepared.with_context(|| format!("preparing Feast failed: {}", told()))?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?));
        let mut command = Command::new(programs.join("feast"));
        command
            .current_dir(directory)
            .args([
                "serve",
                "-h",
                "127.0.0.1",
                "-p",
                &address.port().to_string(),
            ])
            // Its workers restart after so many requests, and drop their connections, unless told otherwise.
            .args(["--workers", "2", "--no-access-log", "--max-requests", "0"])
            .env("FEAST_USAGE", "False")
            .stderr(log()?);
        let process = Process::start(&mut command)?;
        let end = tick() + PATIENCE;
        while !answers(address) {
            ensure!(tick() < end, "Feast does not answer: {}", told());
            std::thread::sleep(Duration::from_millis(200));
        }
        Ok(Self { process, address })
    }
}

/// Whether a record is found, with a value for each feature.
fn answers(address: SocketAddr) -> bool {
    let caller = Client {
        address,
        credentials: crate::sign::Credentials {
            id: String::new(),
            secret: String::new(),
        },
    };
    caller
        .exchange(&get_online_features(), &[7])
        .and_then(|answer| answer.checked("get-online-features"))
        .is_ok_and(|answer| answer.body.matches("7.5").count() == 20)
}
