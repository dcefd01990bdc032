//! Start-up to the first answer, and the memory of a server that does nothing.

use std::path::Path;
use std::time::Duration;

use serde_json::json;

use crate::clock::tick;
use crate::numbers::{float, median};
use crate::report::{Fact, Report, Target};
use crate::stage::{Stage, UNIFORM};
use crate::subject::Subject;

/// Spans from starting the process to the end of its first signed answer, in milliseconds, and
/// the resident memory two seconds later, in MiB.
#[derive(Debug, Default)]
pub(super) struct Starts {
    pub spans: Vec<f64>,
    pub memory: Vec<f64>,
}

impl Starts {
    /// Starts the server, waits for an answer, and stops it; looks at its memory if it may `idle`.
    pub(super) fn once(
        &mut self,
        binary: &Path,
        directory: &Path,
        idle: bool,
    ) -> anyhow::Result<()> {
        let started = tick();
        let subject = Subject::start(binary, directory)?;
        let administrator = &subject.administrator;
        administrator.json("kms", "TrentService.ListKeys", &json!({}))?;
        let span = tick().saturating_sub(started);
        self.spans.push(span.as_secs_f64() * 1000.0);
        if idle {
            std::thread::sleep(Duration::from_secs(2));
            subject.process.settle(Duration::from_secs(10))?;
            self.memory
                .push(float(subject.process.status_kib("VmRSS")?) / 1024.0);
        }
        subject.process.stop()
    }
}

/// On empty directories, and on one that has been used.
pub(super) fn fresh(stage: &Stage<'_>, report: &mut Report) -> anyhow::Result<()> {
    let (mut first, mut again) = (Starts::default(), Starts::default());
    for number in 0..stage.size.starts {
        let directory = stage.scratch.directory(&format!("start.{number}"))?;
        first.once(&stage.places.server, &directory, false)?;
        again.once(&stage.places.server, &directory, number == 0)?;
        std::fs::remove_dir_all(directory)?;
    }
    let fact = Fact::new(
        "start-up to the first signed answer",
        median(&again.spans),
        "ms",
    );
    report.add(fact.target(Target::AtMost(200.0)));
    let fact = Fact::new("the same on an empty directory", median(&first.spans), "ms");
    report.add(fact.target(Target::AtMost(200.0)));
    let fact = Fact::new("idle memory (VmRSS)", median(&again.memory), "MiB");
    report.add(fact.target(Target::AtMost(64.0)));
    Ok(())
}

/// Loads what a restart shall find.
pub(super) fn prepare_restart(stage: &Stage<'_>) -> anyhow::Result<()> {
    stage.need(UNIFORM)
}

/// Stops the server of the run and starts it on everything that the run has loaded.
pub(crate) fn loaded(stage: Stage<'_>, report: &mut Report) -> anyhow::Result<()> {
    let directory = stage.directory()?;
    let Stage {
        size,
        places,
        subject,
        ..
    } = stage;
    subject.process.stop()?;
    let mut starts = Starts::default();
    for number in 0..size.starts {
        starts.once(&places.server, &directory, number == 0)?;
    }
    let name = format!("start-up with {} records loaded", size.uniform);
    let fact = Fact::new(&name, median(&starts.spans), "ms");
    report.add(fact.target(Target::AtMost(200.0)));
    report.add(Fact::new(
        "idle memory with them",
        median(&starts.memory),
        "MiB",
    ));
    Ok(())
}
