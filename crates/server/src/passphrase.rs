//! A passphrase from the terminal, without echo, or from standard input. Never from an argument.

use std::io::{self, IsTerminal, Write};

use crypto::secret::SecretBytes;
use crypto::shares::PREFIX;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

/// Bytes that a passphrase may have.
pub(crate) const LONGEST: usize = 1024;

/// Bytes that a line may have: a share of a passphrase is longer than it.
const LONGEST_LINE: usize = 4096;

/// No passphrase could be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PassphraseError {
    /// Standard input cannot be read.
    #[error("reading the passphrase failed")]
    Read(#[source] io::Error),
    /// The operator gave up.
    #[error("interrupted")]
    Interrupted,
    /// Nothing was typed, or nothing came.
    #[error("no passphrase was given")]
    Empty,
    /// The line does not end where a passphrase must.
    #[error("a passphrase has at most {LONGEST} bytes")]
    TooLong,
}

/// Reads the first line of standard input; asks for it, without echo, if that is a terminal.
///
/// An interrupt gives the terminal its echo back before the process ends.
pub(crate) fn read() -> Result<SecretBytes, PassphraseError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(PassphraseError::Read)?;
    let quiet = quiet_terminal().map_err(PassphraseError::Read)?;
    let line = runtime.block_on(async {
        tokio::select! {
            line = tokio::task::spawn_blocking(read_line) => {
                line.map_err(|failed| PassphraseError::Read(failed.into()))?
            }
            _interrupted = tokio::signal::ctrl_c() => Err(PassphraseError::Interrupted),
        }
    });
    drop(quiet);
    // The thread may still wait for a line.
    runtime.shutdown_background();
    line
}

fn read_line() -> Result<SecretBytes, PassphraseError> {
    // One spare byte tells a passphrase of the greatest length from a longer one.
    let mut line = Zeroizing::new(vec![0_u8; LONGEST_LINE + 2]);
    let mut filled = 0;
    while let Some(room) = line.get_mut(filled..).filter(|room| !room.is_empty()) {
        let read = rustix::io::read(io::stdin(), room)
            .map_err(|failed| PassphraseError::Read(failed.into()))?;
        filled += read;
        if read == 0 || line.iter().take(filled).any(|byte| *byte == b'\n') {
            break;
        }
    }
    line.truncate(filled);
    let passphrase = first_line(&line).ok_or(PassphraseError::Empty)?;
    let is_share = passphrase.expose().starts_with(PREFIX.as_bytes());
    let longest = if is_share { LONGEST_LINE } else { LONGEST };
    if passphrase.expose().len() > longest {
        return Err(PassphraseError::TooLong);
    }
    Ok(passphrase)
}

/// Whether `passphrase` may seal a directory: it can be given in every way that one is taken,
/// and is not a mere character.
pub(crate) fn may_seal(passphrase: &[u8]) -> bool {
    const SHORTEST: usize = 8;
    (SHORTEST..=LONGEST).contains(&passphrase.len())
        && std::str::from_utf8(passphrase).is_ok_and(|text| !text.contains(char::is_control))
        && !passphrase.starts_with(PREFIX.as_bytes())
}

/// The first line of `text`, unless it is empty.
pub(crate) fn first_line(text: &[u8]) -> Option<SecretBytes> {
    let line = text.split(|byte| *byte == b'\n').next()?;
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    (!line.is_empty()).then(|| SecretBytes::from(line.to_vec()))
}

/// A terminal that does not show what is typed, until it is dropped.
struct Quiet(Termios);

/// Switches echo off and asks, if standard input is a terminal.
fn quiet_terminal() -> io::Result<Option<Quiet>> {
    let stdin = io::stdin();
    if !stdin.is_terminal() {
        return Ok(None);
    }
    let before = tcgetattr(&stdin)?;
    let mut quiet = before.clone();
    quiet.local_modes.remove(LocalModes::ECHO);
    quiet.local_modes.insert(LocalModes::ECHONL);
    tcsetattr(&stdin, OptionalActions::Flush, &quiet)?;
    let guard = Quiet(before);
    let mut out = io::stderr().lock();
    out.write_all(b"Passphrase: ")?;
    out.flush()?;
    Ok(Some(guard))
}

impl Drop for Quiet {
    fn drop(&mut self) {
        let _terminal_gone = tcsetattr(io::stdin(), OptionalActions::Flush, &self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_passphrase_that_could_not_be_given_again_does_not_seal() {
        assert!(may_seal(b"correct horse") && may_seal("grüße aus köln".as_bytes()));
        assert!(may_seal(&[b'x'; LONGEST]));
        for bad in [
            &b""[..],
            b"x",
            b"1234567",
            b"two\nlines",
            b"tab\tinside",
            b"srshare1-00",
            b"not utf-8 \xff",
            &[b'x'; LONGEST + 1],
        ] {
            assert!(!may_seal(bad), "{}", bad.escape_ascii());
        }
        assert!(!may_seal("ü".repeat(LONGEST).as_bytes()));
    }

    fn check(text: &[u8], expected: Option<&[u8]>) {
        let line = first_line(text);
        assert_eq!(line.as_ref().map(SecretBytes::expose), expected);
    }

    #[test]
    fn a_passphrase_is_the_first_line_without_its_end() {
        check(b"correct horse\r\nsecond\n", Some(b"correct horse"));
        check(b" spaces count ", Some(b" spaces count "));
    }

    #[test]
    fn an_empty_line_is_no_passphrase() {
        check(b"\nsecond", None);
        check(b"", None);
    }
}
