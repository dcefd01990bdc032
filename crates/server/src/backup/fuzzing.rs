//! A door for the fuzz target of backups; no part of the interface.

use crypto::aead::XaesKey;
use crypto::digest::sha256;
use crypto::kdf::derive_key;
use crypto::secret::Key32;
use types::Entropy;

use super::{BackupError, FORMAT, MAGIC, Sealed, place};

#[derive(Debug)]
struct Zeros;

impl Entropy for Zeros {
    fn fill(&self, target: &mut [u8]) {
        target.fill(0);
    }
}

/// Whether these bytes are the stream of a backup, once they are under a right seal.
///
/// # Panics
///
/// If they are a backup as they are, which nobody has sealed, or if more comes out than went in.
pub fn read(data: &[u8]) -> bool {
    let backups = Key32::generate(&Zeros);
    let as_it_is = Sealed::read(data).and_then(|sealed| sealed.unsealed(&backups));
    assert!(as_it_is.is_err(), "nobody has sealed this");
    let items = items(&under_a_right_seal(data, &backups), &backups);
    if let Ok(length) = &items {
        assert!(*length <= data.len(), "{length} bytes");
    }
    items.is_ok()
}

/// How long the keys and values of all items are together.
fn items(backup: &[u8], backups: &Key32) -> Result<usize, BackupError> {
    let mut reader = Sealed::read(backup)?.unsealed(backups)?;
    let mut length = reader.shred().len();
    while let Some(item) = reader.item()? {
        length += item.key.len() + item.value.len();
    }
    Ok(length)
}

/// A backup of one chunk, with an id of zeros and an empty seal.
fn under_a_right_seal(stream: &[u8], backups: &Key32) -> Vec<u8> {
    let head = [MAGIC, &FORMAT[..], &[0; 32], &[0; 4]].concat();
    let key = XaesKey::new(&derive_key(backups, "backup", &[0; 32]));
    let sealed = key.seal(&Zeros, &place(&sha256(&head), 0, true), stream);
    let length = u32::try_from(sealed.len()).unwrap_or(u32::MAX);
    [&head, &length.to_be_bytes()[..], &sealed].concat()
}
