//! Child processes: started here, measured from `/proc`, and ended whatever happens.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, ensure};
use rustix::process::{Pid, Signal, kill_process};

use crate::clock::tick;
use crate::numbers::float;

/// What an interrupt must end and remove.
#[derive(Debug, Default)]
struct Running {
    pids: BTreeSet<u32>,
    scratch: Option<PathBuf>,
}

static RUNNING: Mutex<Running> = Mutex::new(Running {
    pids: BTreeSet::new(),
    scratch: None,
});

fn running() -> MutexGuard<'static, Running> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// From now on, SIGINT, SIGTERM and SIGHUP end every child and remove the scratch directory.
pub(crate) fn clean_up_on_signals() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let [mut interrupt, mut terminate, mut hangup] = runtime.block_on(async {
        use tokio::signal::unix::{SignalKind, signal};
        anyhow::Ok([
            signal(SignalKind::interrupt())?,
            signal(SignalKind::terminate())?,
            signal(SignalKind::hangup())?,
        ])
    })?;
    std::thread::spawn(move || {
        runtime.block_on(async {
            tokio::select! {
                _received = interrupt.recv() => {}
                _received = terminate.recv() => {}
                _received = hangup.recv() => {}
            }
        });
        let running = running();
        for pid in &running.pids {
            send(*pid, Signal::KILL);
        }
        if let Some(scratch) = &running.scratch {
            // Nothing more can be done about it now.
            let _removed = std::fs::remove_dir_all(scratch);
        }
        std::process::exit(130);
    });
    Ok(())
}

fn send(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        // It may have ended by itself.
        let _sent = kill_process(pid, signal);
    }
}

/// A directory that is removed at the end, also after a signal.
#[derive(Debug)]
pub(crate) struct Scratch {
    path: PathBuf,
}

impl Scratch {
    /// Makes `path`, which must not exist.
    pub(crate) fn make(path: PathBuf) -> anyhow::Result<Self> {
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::create_dir(&path)
            .with_context(|| format!("making `{}` failed", path.display()))?;
        running().scratch = Some(path.clone());
        Ok(Self { path })
    }

    /// A directory in it, made if it is missing.
    pub(crate) fn directory(&self, name: &str) -> anyhow::Result<PathBuf> {
        let path = self.path.join(name);
        std::fs::create_dir_all(&path)?;
        Ok(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        running().scratch = None;
        // A leftover is in a directory of build products.
        let _removed = std::fs::remove_dir_all(&self.path);
    }
}

/// A running child. It is killed when dropped.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    lines: Option<BufReader<ChildStdout>>,
}

impl Process {
    /// Starts `command`; its standard output is read by [`Process::line`].
    pub(crate) fn start(command: &mut Command) -> anyhow::Result<Self> {
        let name = command.get_program().to_string_lossy().into_owned();
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("starting `{name}` failed"))?;
        running().pids.insert(child.id());
        let lines = child.stdout.take().map(BufReader::new);
        Ok(Self { child, lines })
    }

    /// The next line of its standard output.
    pub(crate) fn line(&mut self) -> anyhow::Result<String> {
        let lines = self.lines.as_mut().context("its output is not read")?;
        let mut line = String::new();
        let length = lines.read_line(&mut line)?;
        ensure!(length > 0, "the process ended early");
        line.truncate(line.trim_end().len());
        Ok(line)
    }

    /// The process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// User and system time so far, in microseconds, of all its threads.
    pub(crate) fn cpu_micros(&self) -> anyhow::Result<f64> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid()))?;
        // The name, in parentheses, may hold anything.
        let (_, fields) = stat.rsplit_once(") ").context("no process name")?;
        let ticks: u64 = fields
            .split(' ')
            .skip(11)
            .take(2)
            .map(str::parse::<u64>)
            .sum::<Result<_, _>>()?;
        Ok(float(ticks) * 1e6 / float(rustix::param::clock_ticks_per_second()))
    }

    /// A line of `/proc/PID/status` in KiB, such as `VmRSS`.
    pub(crate) fn status_kib(&self, name: &str) -> anyhow::Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid()))?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
            .with_context(|| format!("no {name} in the process's status"))?;
        let number = line.split_whitespace().next().unwrap_or_default();
        Ok(number.parse()?)
    }

    /// Waits until the process uses less than 3 % of a core for half a second, at most `patience`.
    pub(crate) fn settle(&self, patience: Duration) -> anyhow::Result<()> {
        let end = tick() + patience;
        let window = Duration::from_millis(500);
        while tick() < end {
            let before = self.cpu_micros()?;
            std::thread::sleep(window);
            if self.cpu_micros()? - before < 15_000.0 {
                break;
            }
        }
        Ok(())
    }

    /// Waits until it ends by itself.
    pub(crate) fn wait(mut self) -> anyhow::Result<()> {
        let status = self.child.wait()?;
        ensure!(status.success(), "the process ended with {status}");
        Ok(())
    }

    /// Asks it to end, and waits; kills it after half a minute.
    pub(crate) fn stop(mut self) -> anyhow::Result<()> {
        send(self.child.id(), Signal::TERM);
        let end = tick() + Duration::from_secs(30);
        while tick() < end {
            if let Some(status) = self.child.try_wait()? {
                ensure!(status.success(), "the process ended with {status}");
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        anyhow::bail!("the process did not end within 30 s")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        running().pids.remove(&self.child.id());
        // Both fail only if it has ended and been waited for.
        let _killed = self.child.kill();
        let _ended = self.child.wait();
    }
}
