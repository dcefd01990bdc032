//! `DisableKey` while 64 connections put: taking a right away must not queue behind data.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::json;

use crate::client::json_draft;
use crate::clock::tick;
use crate::histogram::Histogram;
use crate::load::{Load, Until};
use crate::report::{Fact, Report, Target};
use crate::stage::{HOT, HOT_RECORDS, Stage};
use crate::world::{self, Draw};

/// Switches another key off and on for the whole time, and measures switching it off.
pub(super) fn measure(stage: &Stage<'_>, report: &mut Report) -> anyhow::Result<()> {
    stage.need(HOT)?;
    let administrator = &stage.world.administrator;
    let other = world::create_key(administrator, "switched while others put")?;
    let input = json!({"KeyId": other}).to_string();
    let sign = |operation| {
        let draft = json_draft("kms", operation, input.clone());
        administrator.sign(&draft, [[]])
    };
    let (off, on) = (
        sign("TrentService.DisableKey"),
        sign("TrentService.EnableKey"),
    );
    let draft = world::put_record(HOT, world::LOADED_AT);
    let draw = Draw::new(HOT_RECORDS, 9).map(|number| [number]);
    let puts = stage.world.user.sign(&draft, draw.take(100_000));
    let address = stage.subject.address();
    let time = stage.size.switching;
    let done = AtomicBool::new(false);
    let (latency, puts_per_second) = std::thread::scope(|threads| {
        let ingesting = threads.spawn(|| {
            let mut load = Load::connect(address, 64)?;
            let measured = load.run(&puts, Until::span(time));
            done.store(true, Ordering::Release);
            let measured = measured?;
            ensure!(measured.refused == 0, "puts were refused");
            anyhow::Ok(measured.throughput())
        });
        let mut latency = Histogram::default();
        let mut load = Load::connect(address, 1)?;
        // The ingestion saturates the server first.
        std::thread::sleep(Duration::from_millis(300));
        let last = tick() + time;
        while !done.load(Ordering::Acquire) && tick() < last {
            let measured = load.run(&off, Until::answers(1))?;
            ensure!(measured.answers == 1, "DisableKey was refused");
            latency.merge(&measured.latency);
            let measured = load.run(&on, Until::answers(1))?;
            ensure!(measured.answers == 1, "EnableKey was refused");
        }
        let rate = ingesting.join().ok().context("the ingestion panicked")??;
        anyhow::Ok((latency, rate))
    })?;
    let fact = Fact::new(
        "DisableKey p99 during saturated ingestion",
        latency.micros_at(0.99) / 1000.0,
        "ms",
    );
    report.add(fact.target(Target::AtMost(50.0)).detail(format!(
        "{} calls, p50 {:.1} ms, largest {:.1} ms, beside {puts_per_second:.0} puts/s",
        latency.count(),
        latency.micros_at(0.5) / 1000.0,
        latency.micros_at(1.0) / 1000.0,
    )));
    Ok(())
}
