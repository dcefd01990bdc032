//! Child processes: started here, measured from `/proc`, and ended whatever happens, with the
//! processes that they have started themselves: each child leads a process group of its own.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, ensure};
use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, kill_process, kill_process_group, waitid,
};

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
            kill_group(*pid);
        }
        if let Some(scratch) = &running.scratch {
            // Nothing more can be done about it now.
            let _removed = std::fs::remove_dir_all(scratch);
        }
        std::process::exit(130);
    });
    Ok(())
}

fn pid_of(pid: u32) -> Option<Pid> {
    i32::try_from(pid).ok().and_then(Pid::from_raw)
}

/// Kills a child that has not been waited for, and what it has started.
fn kill_group(leader: u32) {
    if let Some(group) = pid_of(leader) {
        // All of it may have ended by itself.
        let _sent = kill_process_group(group, Signal::KILL);
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
    /// Whether its number may be another's by now.
    waited: bool,
}

impl Process {
    /// Starts `command`; its standard output is read by [`Process::line`].
    pub(crate) fn start(command: &mut Command) -> anyhow::Result<Self> {
        let name = command.get_program().to_string_lossy().into_owned();
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .with_context(|| format!("starting `{name}` failed"))?;
        running().pids.insert(child.id());
        let lines = child.stdout.take().map(BufReader::new);
        Ok(Self {
            child,
            lines,
            waited: false,
        })
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
    pub(crate) fn wait(self) -> anyhow::Result<()> {
        self.end()
    }

    /// Asks it to end, and waits; kills it after half a minute.
    pub(crate) fn stop(self) -> anyhow::Result<()> {
        let pid = pid_of(self.pid()).context("no process")?;
        // It may have ended by itself.
        let _sent = kill_process(pid, Signal::TERM);
        let end = tick() + Duration::from_secs(30);
        let look = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
        while waitid(WaitId::Pid(pid), look)?.is_none() {
            ensure!(tick() < end, "the process did not end within 30 s");
            std::thread::sleep(Duration::from_millis(5));
        }
        self.end()
    }

    /// Waits for the child, and ends its group while its number cannot be another's yet.
    fn end(mut self) -> anyhow::Result<()> {
        let pid = pid_of(self.pid()).context("no process")?;
        waitid(
            WaitId::Pid(pid),
            WaitIdOptions::EXITED | WaitIdOptions::NOWAIT,
        )?;
        kill_group(self.pid());
        running().pids.remove(&self.pid());
        let status = self.child.wait()?;
        self.waited = true;
        ensure!(status.success(), "the process ended with {status}");
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.waited {
            return;
        }
        kill_group(self.pid());
        running().pids.remove(&self.pid());
        // Fails only if it has been waited for.
        let _ended = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A shell that does `first`, starts another process, tells its number, and does `rest`.
    fn shell(first: &str, rest: &str) -> (Process, Pid) {
        let mut command = Command::new("sh");
        command.args([
            "-c",
            &format!("{first}\nsleep 60 >/dev/null & echo $!; {rest}"),
        ]);
        let mut process = Process::start(&mut command).unwrap();
        let child = process.line().unwrap().parse().unwrap();
        (process, pid_of(child).unwrap())
    }

    /// Whether it ends, or waits for its parent to be told, within a few seconds.
    fn ends(pid: Pid) -> bool {
        let stat = format!("/proc/{}/stat", pid.as_raw_nonzero());
        let end = tick() + Duration::from_secs(5);
        while tick() < end {
            match std::fs::read_to_string(&stat) {
                Ok(text) if !text.contains(") Z ") => std::thread::yield_now(),
                Ok(_) | Err(_) => return true,
            }
        }
        false
    }

    #[test]
    fn what_a_child_has_started_ends_with_it() {
        let (process, child) = shell("", "exit 0");
        process.wait().unwrap();
        assert!(ends(child));
        let (process, child) = shell("trap 'exit 0' TERM", "while :; do sleep 0.01; done");
        process.stop().unwrap();
        assert!(ends(child));
        let (process, child) = shell("", "wait");
        drop(process);
        assert!(ends(child));
    }
}
