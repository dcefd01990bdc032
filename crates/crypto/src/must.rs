//! The end of the process when a primitive fails that cannot fail on checked inputs.

use std::io::Write as _;

/// Returns the value of `outcome`, or aborts the process and names `what` on standard error.
///
/// Going on would mean to encrypt under, or answer with, undefined bytes.
pub(crate) fn succeed<T, E>(outcome: Result<T, E>, what: &str) -> T {
    match outcome {
        Ok(value) => value,
        Err(_opaque) => abort(what),
    }
}

/// Aborts the process, naming `what` on standard error.
pub(crate) fn abort(what: &str) -> ! {
    // The process ends in any case, whether or not the line can be written.
    drop(writeln!(
        std::io::stderr(),
        "fatal: cryptographic primitive failed: {what}"
    ));
    std::process::abort()
}
