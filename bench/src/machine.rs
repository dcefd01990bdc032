//! Where, when and how a run was made.

use serde::{Deserialize, Serialize};

use crate::clock::now;

/// The machine and the moment.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Machine {
    /// The processor.
    pub cpu: String,
    /// How many of them.
    pub cores: usize,
    /// Memory in MiB.
    pub memory_mib: u64,
    /// The kernel.
    pub kernel: String,
    /// The commit, if this is a checkout.
    pub commit: String,
    /// The command.
    pub command: String,
    /// The load average of the last minute when it began.
    pub load: String,
    /// When it began, UTC.
    pub date: String,
}

impl Machine {
    /// This one, now.
    pub(crate) fn this(command: &str) -> Self {
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let field = |text: &str, name: &str| {
            text.lines()
                .find_map(|line| line.strip_prefix(name)?.split_once(':'))
                .map(|(_, value)| value.trim().to_owned())
                .unwrap_or_default()
        };
        let memory = field(&read("/proc/meminfo"), "MemTotal");
        let memory = memory.split(' ').next().unwrap_or_default().parse::<u64>();
        Self {
            cpu: field(&read("/proc/cpuinfo"), "model name"),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory_mib: memory.unwrap_or_default() / 1024,
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            load: load_average(),
            commit: commit(),
            command: command.to_owned(),
            date: now().to_iso8601(),
        }
    }

    /// In one paragraph.
    pub(crate) fn text(&self) -> String {
        format!(
            "`{}` on {}: {}, {} cores, {} MiB, Linux {}, commit {}.\n",
            self.command,
            self.date,
            self.cpu,
            self.cores,
            self.memory_mib,
            self.kernel,
            self.commit
        )
    }
}

/// The load average of the last minute.
pub(crate) fn load_average() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or_default().to_owned()
}

fn commit() -> String {
    let asked = std::process::Command::new("git")
        .args(["describe", "--always", "--dirty"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output();
    match asked {
        Ok(told) if told.status.success() => {
            String::from_utf8_lossy(&told.stdout).trim().to_owned()
        }
        _ => "unknown".to_owned(),
    }
}
