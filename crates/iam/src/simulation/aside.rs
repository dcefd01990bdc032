//! Simulations run beside the requests, and only a few at a time.

use tokio::sync::Semaphore;

use crate::Error;

/// Whoever may simulate chooses the policies, and so how long it takes: this bounds what is left
/// for others of the machine's cores.
static AT_A_TIME: Semaphore = Semaphore::const_new(2);

/// Waits for a turn and does `work` on a thread of its own; the turn lasts to its end, whether or
/// not somebody still waits for the answer.
pub(crate) async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    // Closed by nobody.
    let turn = AT_A_TIME.acquire().await.ok();
    let work = move || {
        let _turn = turn;
        work()
    };
    tokio::task::spawn_blocking(work).await?
}
