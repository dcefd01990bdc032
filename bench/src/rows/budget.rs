//! Where the time of a `GetRecord` goes: the steps that are public functions, timed one by one
//! on a signed request and a sealed record of this run; and what has no function of its own, as
//! the difference between requests that do it and such that do not. What is left of the measured
//! time is one line of its own.

use std::hint::black_box;
use std::time::Duration;

use anyhow::Context;
use crypto::SystemEntropy;
use crypto::secret::Key32;
use http::Request;
use http::request::Parts;
use online::{
    CellKey, DataKey, EventTime, GroupNumber, Header, IndexKey, PayloadWriter, SealedCell, Version,
};
use wire::sigv4::{PayloadHash, SecretAccessKey, Unverified, Verifier};
use wire::{Envelope, Limits};

use super::traffic::{HOT_NAME, HOT_OWNED_NAME, Kind};
use crate::clock::{now, tick};
use crate::numbers::{float, median, nanos};
use crate::report::{Report, Step};
use crate::requests::Draft;
use crate::stage::{DELETED, DELETED_OWNED, HOT, HOT_RECORDS, Stage};
use crate::world::{self, LOADED_AT};

/// Calls of one timing, and timings of which the median counts.
const CALLS: u64 = 20_000;
const TIMINGS: usize = 5;

/// Connections of what is compared with the hot set: as many as that has.
const MANY: usize = 64;

/// Adds the lines.
pub(super) fn measure(stage: &Stage<'_>, report: &mut Report) -> anyhow::Result<()> {
    let user = &stage.world.user;
    let requests = user.sign(&world::get_record(HOT), [[7]]);
    let mut request = requests.buffer();
    requests.write_next(&mut request);
    let parts = parts_of(std::str::from_utf8(&request)?)?;
    parse(&parts, report)?;
    verify(&parts, &user.credentials.secret, report)?;
    open(report)?;
    differences(stage, report)
}

/// What the timed steps leave of requests that do less.
///
/// A record that was deleted is authenticated, decided, hashed and read for like any other, and
/// then the answer is `{}`.
fn differences(stage: &Stage<'_>, report: &mut Report) -> anyhow::Result<()> {
    let (Some(hot), Some(hot_owned)) = (report.row(HOT_NAME), report.row(HOT_OWNED_NAME)) else {
        report
            .missing
            .push("the budget's differences: they need the row get-hot".to_owned());
        return Ok(());
    };
    let (above, own_key) = (
        hot.above(),
        hot.subject.cpu_micros - hot_owned.subject.cpu_micros,
    );
    let timed = |report: &Report, name: &str| {
        let mut steps = report.budget.iter();
        let step = steps.find(|step| step.name == name);
        step.map_or(0.0, |step| step.nanos)
    };
    let live = above_of(stage, report, "GET /health/live", live())?;
    let deleted = |report: &mut Report, name, group| {
        stage.need(group)?;
        above_of(stage, report, name, world::get_record(group))
    };
    let owned = deleted(report, "GetRecord, deleted, AWS owned key", DELETED_OWNED)?;
    let customer = deleted(report, "GetRecord, deleted, customer key", DELETED)?;
    let before_reading: f64 = ["parse", "SigV4", "hash"]
        .map(|name| timed(report, name))
        .iter()
        .sum();
    let answer = (above - customer) * 1000.0 - timed(report, "open");
    let mut explain = |name: &str, nanos: f64, detail: &str| {
        report.budget.push(Step {
            name: name.to_owned(),
            nanos,
            detail: detail.to_owned(),
        });
    };
    explain(
        "listener",
        live * 1000.0,
        "difference: /health/live, above bare hyper",
    );
    explain(
        "caller, group, read",
        (owned - live) * 1000.0 - before_reading,
        "difference: authenticated, decided on the group, cell read; AWS owned key",
    );
    explain(
        "customer key",
        own_key * 1000.0,
        "difference: decided on the key, its state, its data keys",
    );
    explain(
        "encode",
        answer,
        "difference: data key found, answer written",
    );
    Ok(())
}

/// The CPU above bare hyper of requests that name records of a hot set, in microseconds.
fn above_of(
    stage: &Stage<'_>,
    report: &mut Report,
    name: &str,
    draft: Draft,
) -> anyhow::Result<f64> {
    let kind = Kind::single(name, draft, HOT_RECORDS);
    let row = kind.measure(stage, &stage.world.user, MANY, report)?;
    Ok(row.above())
}

/// What the server answers before it looks for a signature.
fn live() -> Draft {
    Draft {
        method: "GET",
        target: "/health/live".to_owned(),
        service: "sagemaker",
        content_type: None,
        operation: None,
        body: String::new(),
    }
}

fn parse(parts: &Parts, report: &mut Report) -> anyhow::Result<()> {
    let limits = Limits::default();
    add(
        report,
        "parse",
        "head checked, signature and operation found",
        || {
            limits
                .check(black_box(parts))
                .context("the head was refused")?;
            let signature = Unverified::from_request(black_box(parts))?;
            let envelope = Envelope::from_request(parts, signature.scope());
            let envelope = envelope.context("no operation was found")?;
            black_box(envelope.call(b"").context("the input was not read")?);
            Ok(())
        },
    )
}

fn verify(parts: &Parts, secret: &str, report: &mut Report) -> anyhow::Result<()> {
    let verifier = Verifier::new(Duration::from_mins(5), 4096);
    let signature = Unverified::from_request(parts)?;
    add(
        report,
        "SigV4",
        "body hashed, signature verified, signing key cached",
        || {
            let secret = SecretAccessKey::new(black_box(secret.as_bytes()));
            let payload = PayloadHash::of(b"");
            let caller = verifier.verify(black_box(&signature), &secret, &payload, now());
            black_box(caller?);
            Ok(())
        },
    )
}

fn open(report: &mut Report) -> anyhow::Result<()> {
    let index = IndexKey::new(&Key32::generate(&SystemEntropy));
    let data = DataKey::new(1, &Key32::generate(&SystemEntropy));
    let name = crate::requests::record_name(7);
    add(report, "hash", "identifier to the cell's key", || {
        black_box(CellKey::new(GroupNumber(1), &index, black_box(&name)));
        Ok(())
    })?;
    let key = CellKey::new(GroupNumber(1), &index, &name);
    let header = Header {
        data_key: 1,
        version: Version {
            event_time: EventTime::parse_text(LOADED_AT)?,
            sequence: 1,
        },
        expires_at: None,
        deleted: false,
    };
    let mut payload = PayloadWriter::new(&name, 512);
    payload.identifier_feature(0);
    for (number, value) in world::values(LOADED_AT).iter().enumerate().skip(1) {
        payload.feature(number, value);
    }
    let sealed = SealedCell::seal(&SystemEntropy, &data, &key, header, &payload.finish())?;
    let stored = sealed.into_stored();
    add(
        report,
        "open",
        "cell copied, opened and its features walked",
        || {
            let cell = SealedCell::from_stored(black_box(&stored).clone())?;
            let payload = cell.open(&data, &key)?;
            for feature in payload.record()?.features() {
                black_box(feature?);
            }
            Ok(())
        },
    )
}

/// Times `step` and adds its line.
fn add(
    report: &mut Report,
    name: &str,
    detail: &str,
    mut step: impl FnMut() -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut timings = Vec::new();
    for _timing in 0..TIMINGS {
        let started = tick();
        for _call in 0..CALLS {
            step()?;
        }
        timings.push(float(nanos(tick().saturating_sub(started))) / float(CALLS));
    }
    report.budget.push(Step {
        name: name.to_owned(),
        nanos: median(&timings),
        detail: detail.to_owned(),
    });
    Ok(())
}

/// The head of a request as hyper hands it over.
fn parts_of(text: &str) -> anyhow::Result<Parts> {
    let mut lines = text.lines().take_while(|line| !line.is_empty());
    let mut first = lines.next().unwrap_or_default().split(' ');
    let mut request = Request::builder()
        .method(first.next().unwrap_or_default())
        .uri(first.next().unwrap_or_default());
    for line in lines {
        let (name, value) = line.split_once(": ").context("a header without value")?;
        request = request.header(name, value);
    }
    Ok(request.body(())?.into_parts().0)
}
