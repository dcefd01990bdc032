//! Redis, started here, loaded by its own `redis-benchmark`.

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, ensure};

use crate::clock::tick;
use crate::numbers::float;
use crate::process::Process;

/// A running server that syncs every write.
#[derive(Debug)]
pub(super) struct Redis {
    _process: Process,
    port: u16,
    rate: f64,
}

/// The server's program and version, for the table.
pub(super) fn version() -> String {
    let told = Command::new("redis-server").arg("--version").output();
    let text = told.map(|told| String::from_utf8_lossy(&told.stdout).into_owned());
    let text = text.unwrap_or_default();
    let version = text.split(' ').find_map(|word| word.strip_prefix("v="));
    format!("Redis {}", version.unwrap_or("?"))
}

/// A port that was free just now.
pub(super) fn free_port() -> anyhow::Result<u16> {
    let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(socket.local_addr()?.port())
}

impl Redis {
    /// Starts it in an empty directory.
    pub(super) fn start(directory: &Path) -> anyhow::Result<Self> {
        let port = free_port()?;
        let mut command = Command::new("redis-server");
        command
            .args(["--bind", "127.0.0.1", "--port", &port.to_string()])
            .args(["--appendonly", "yes", "--appendfsync", "always"])
            .args(["--save", "", "--daemonize", "no", "--loglevel", "warning"])
            .arg("--logfile")
            .arg(directory.join("redis.log"))
            .arg("--dir")
            .arg(directory);
        let process = Process::start(&mut command)?;
        let end = tick() + Duration::from_secs(10);
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            ensure!(tick() < end, "Redis does not answer");
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(Self {
            _process: process,
            port,
            rate: 0.0,
        })
    }

    /// Where it listens, on the loopback address.
    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// `SET` of 1,200 bytes on 10,000 keys for about `time`; the rate that the tool reports.
    pub(super) fn sets_per_second(
        &mut self,
        connections: usize,
        time: Duration,
    ) -> anyhow::Result<f64> {
        if self.rate == 0.0 {
            self.rate = self.run(connections, 10_000)?;
        }
        let wanted = self.rate * time.as_secs_f64();
        let mut count = 1_000;
        while float(count) < wanted {
            count += 1_000;
        }
        self.rate = self.run(connections, count)?;
        Ok(self.rate)
    }

    fn run(&self, connections: usize, count: u64) -> anyhow::Result<f64> {
        let mut command = Command::new("redis-benchmark");
        command
            .args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "--csv"])
            .args(["-t", "set", "-d", "1200", "-r", "10000"])
            .args(["-c", &connections.to_string(), "-n", &count.to_string()]);
        let mut process = Process::start(&mut command)?;
        let rate = loop {
            let line = process.line().context("redis-benchmark told no rate")?;
            if let Some(rest) = line.strip_prefix("\"SET\",\"") {
                break rest.split('"').next().unwrap_or_default().parse()?;
            }
        };
        process.wait()?;
        Ok(rate)
    }
}
