//! Subject and baseline in turns: throughput, latency and CPU of the same requests.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::ensure;
use serde::{Deserialize, Serialize};

use crate::histogram::Histogram;
use crate::load::{Load, Until};
use crate::numbers::{float, median};
use crate::process::Process;
use crate::requests::Requests;

/// Medians over the repetitions; the quantiles are of all repetitions together.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Side {
    /// Answers a second.
    pub per_second: f64,
    /// CPU of the server's process for one answer, in microseconds.
    pub cpu_micros: f64,
    /// Latency that half of the answers did not exceed, in microseconds.
    pub p50: f64,
    /// The same for 99 %.
    pub p99: f64,
    /// The same for 99.9 %.
    pub p999: f64,
}

/// One side of a comparison, while it runs.
#[derive(Debug)]
pub(crate) struct Runner<'a> {
    process: &'a Process,
    address: SocketAddr,
    rates: Vec<f64>,
    cpu: Vec<f64>,
    latency: Histogram,
}

impl<'a> Runner<'a> {
    /// A server to send to, and its process.
    pub(crate) fn new(process: &'a Process, address: SocketAddr) -> Self {
        Self {
            process,
            address,
            rates: Vec::new(),
            cpu: Vec::new(),
            latency: Histogram::default(),
        }
    }

    /// One repetition: connects, warms up, measures.
    pub(crate) fn repeat(
        &mut self,
        requests: &Requests,
        connections: usize,
        time: Duration,
    ) -> anyhow::Result<()> {
        let mut load = Load::connect(self.address, connections)?;
        load.run(requests, Until::span(time / 8))?;
        let before = self.process.cpu_micros()?;
        let measured = load.run(requests, Until::span(time))?;
        let used = self.process.cpu_micros()? - before;
        ensure!(
            measured.refused == 0,
            "{} of {} answers were errors",
            measured.refused,
            measured.answers + measured.refused
        );
        self.rates.push(measured.throughput());
        self.cpu.push(used / float(measured.answers.max(1)));
        self.latency.merge(&measured.latency);
        Ok(())
    }

    /// The medians.
    pub(crate) fn side(&self) -> Side {
        Side {
            per_second: median(&self.rates),
            cpu_micros: median(&self.cpu),
            p50: self.latency.micros_at(0.5),
            p99: self.latency.micros_at(0.99),
            p999: self.latency.micros_at(0.999),
        }
    }
}
