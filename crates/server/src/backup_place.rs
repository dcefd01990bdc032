//! Whether backups can be written to their place, at the start and while the server runs.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{Access, AtFlags, CWD};
use tokio::task::JoinError;
use tracing::{info, warn};

/// How long the place may take to answer before it counts as one that does not.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// How often it is looked at.
const PACE: Duration = Duration::from_mins(1);

/// Fails unless `directory` is one that this process may make files in. Blocks as long as its file
/// system does not answer.
pub(crate) fn usable(directory: &Path) -> io::Result<()> {
    if !std::fs::metadata(directory)?.is_dir() {
        return Err(io::ErrorKind::NotADirectory.into());
    }
    // As who the process acts, which is who writes.
    let needed = Access::WRITE_OK | Access::EXEC_OK;
    Ok(rustix::fs::accessat(
        CWD,
        directory,
        needed,
        AtFlags::EACCESS,
    )?)
}

/// Looks at `directory` once a minute, and says so where it changes: a backup that cannot be made is
/// better known before it is wanted. Never ends.
pub(crate) async fn watch(directory: PathBuf) {
    let mut was_usable = None;
    loop {
        let place = directory.clone();
        let mut look = tokio::task::spawn_blocking(move || usable(&place));
        let answer = tokio::time::timeout(PATIENCE, &mut look).await;
        let answered = answer.is_ok();
        was_usable = Some(note(&directory, was_usable, answer.ok()));
        if !answered {
            // One look at a time: whoever hangs there keeps a thread.
            let _late = look.await;
        }
        tokio::time::sleep(PACE).await;
    }
}

/// Shows what a look at `directory` found, if it got an answer; returns whether it is usable.
fn note(
    directory: &Path,
    was_usable: Option<bool>,
    answer: Option<Result<io::Result<()>, JoinError>>,
) -> bool {
    let is_usable = matches!(answer, Some(Ok(Ok(()))));
    let unusable = if is_usable { 0.0 } else { 1.0 };
    metrics::gauge!("strongroom_backup_place_unusable").set(unusable);
    let directory = directory.display();
    match answer {
        Some(Ok(Ok(()))) if was_usable == Some(false) => {
            info!(%directory, "backups can be written again");
        }
        Some(Ok(Ok(()))) => {}
        _ if was_usable == Some(false) => {}
        Some(Ok(Err(error))) => warn!(%directory, %error, "backups cannot be written"),
        Some(Err(_)) | None => warn!(%directory, "the place of backups does not answer"),
    }
    is_usable
}

#[cfg(test)]
mod tests {
    use metrics_exporter_prometheus::PrometheusBuilder;

    use super::*;

    #[test]
    fn a_place_is_a_directory_that_is_there() {
        let scratch = tempfile::tempdir().unwrap();
        assert!(usable(scratch.path()).is_ok());
        let missing = scratch.path().join("missing");
        let kind = |path: &Path| usable(path).unwrap_err().kind();
        assert_eq!(kind(&missing), io::ErrorKind::NotFound);
        std::fs::write(&missing, "").unwrap();
        assert_eq!(kind(&missing), io::ErrorKind::NotADirectory);
    }

    #[test]
    fn the_gauge_shows_a_place_that_is_gone_or_does_not_answer() {
        let recorder = PrometheusBuilder::new().build_recorder();
        let check = |was_usable, answer, expected: bool| {
            let place = Path::new("/srv/backups");
            let is_usable =
                metrics::with_local_recorder(&recorder, || note(place, was_usable, answer));
            assert_eq!(is_usable, expected);
            let shown = format!("strongroom_backup_place_unusable {}", u8::from(!expected));
            let text = recorder.handle().render();
            assert!(text.lines().any(|line| line == shown), "{text}");
        };
        let gone = || Some(Ok(Err(io::Error::from(io::ErrorKind::NotFound))));
        check(None, Some(Ok(Ok(()))), true);
        check(Some(true), gone(), false);
        check(Some(false), gone(), false);
        check(Some(false), Some(Ok(Ok(()))), true);
        check(Some(true), None, false);
    }
}
