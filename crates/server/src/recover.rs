//! `strongroom recover`: shows what a damaged store has lost, and accepts it if told to.

use std::io::Write;
use std::sync::Arc;

use anyhow::Context as _;
use crypto::secret::SystemEntropy;
use types::{Clock, Entropy, SystemClock};

use crate::cli::RecoverArgs;
use crate::compose;
use crate::config::DirectoryConfig;
use crate::directory::DataDirectory;

/// Reports the state of the directory; with `--accept-loss` makes it usable again.
pub fn run(args: &RecoverArgs) -> anyhow::Result<()> {
    let config = DirectoryConfig::of(&args.directory)?;
    let directory = DataDirectory::open(&config)?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
    let options = compose::options(&directory, &clock, &entropy);
    let report = store::recover(&options, args.accept_loss)?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "last commit in the store:     {}", report.found)
        .and_then(|()| writeln!(out, "last commit acknowledged:     {}", report.expected))
        .and_then(|()| {
            let lost = report.expected.saturating_sub(report.found);
            match (lost, args.accept_loss) {
                (0, _) => writeln!(out, "nothing is missing"),
                (lost, false) => writeln!(
                    out,
                    "{lost} acknowledged commits are missing; rights that they took away would be \
                     back.\nRestore a backup, or accept the loss with --accept-loss."
                ),
                (lost, true) => writeln!(out, "{lost} commits given up; `serve` starts again"),
            }
        })
        .context("writing to standard output failed")
}
