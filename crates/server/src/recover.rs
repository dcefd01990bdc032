//! `strongroom recover`: shows what a damaged store has lost, and accepts it if told to.

use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::Arc;

use anyhow::Context as _;
use crypto::SystemEntropy;
use store::embedded::Recovery;
use types::{Clock, Entropy, SystemClock};

use crate::cli::RecoverArgs;
use crate::config::DirectoryConfig;
use crate::directory::{DataDirectory, Start};
use crate::{compose, passphrase, seal};

/// Reports the state of the directory; with `--accept-loss` makes it usable again.
pub fn run(args: &RecoverArgs) -> anyhow::Result<()> {
    let config = DirectoryConfig::of(&args.directory)?;
    let directory = match DataDirectory::open(&config)? {
        Start::Open(directory) => directory,
        Start::Sealed(sealed) => {
            let passphrase = passphrase::read()?;
            let root = seal::open_with_passphrase(sealed.path(), &passphrase)?;
            sealed.open(root)
        }
    };
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
    let options = compose::options(&directory, &clock, &entropy);
    let report = store::embedded::recover(&options, args.accept_loss)?;
    let mut out = std::io::stdout().lock();
    out.write_all(describe(&report, args.accept_loss).as_bytes())
        .context("writing to standard output failed")
}

fn describe(report: &Recovery, accepted: bool) -> String {
    if !report.needed {
        return format!(
            "nothing is missing: the store ends at commit {}\n",
            report.found
        );
    }
    let mut text = format!("last commit in the store:  {}\n", report.found);
    let expected = match report.expected {
        Some(expected) => expected.to_string(),
        None => "unknown, the mark is unreadable".to_owned(),
    };
    let _infallible = writeln!(text, "last commit acknowledged:  {expected}");
    if !report.rows_match {
        text.push_str("some rows are older than the last commit in the store\n");
    }
    if let Some(place) = &report.set_aside {
        let _infallible = writeln!(text, "what could not be read is in {}", place.display());
    }
    text.push_str(if accepted {
        "the loss is accepted; `serve` starts again\n"
    } else {
        "acknowledged changes are missing: rights that they took away would be back.\n\
         Restore a backup, or accept the loss with --accept-loss.\n"
    });
    text
}
