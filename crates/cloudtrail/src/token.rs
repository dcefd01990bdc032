//! `NextToken`: a position in the history, bound to the parameters of the listing.

use store::LogCursor;

/// Bytes of the parameters' hash that a token carries.
const HASH: usize = 16;

/// A token that continues behind `cursor` with the same `parameters`.
pub(crate) fn encode(cursor: LogCursor, parameters: &[u8]) -> String {
    let mut bytes = Vec::with_capacity(20 + HASH);
    bytes.extend_from_slice(&cursor.segment.to_be_bytes());
    bytes.extend_from_slice(&cursor.revision.to_be_bytes());
    bytes.extend_from_slice(&cursor.index.to_be_bytes());
    bytes.extend_from_slice(&binding(parameters));
    hex::encode(bytes)
}

/// The position that `token` names, if it was made for these `parameters`.
pub(crate) fn decode(token: &str, parameters: &[u8]) -> Option<LogCursor> {
    let bytes = hex::decode(token).ok()?;
    let (segment, rest) = bytes.split_first_chunk::<8>()?;
    let (revision, rest) = rest.split_first_chunk::<8>()?;
    let (index, hash) = rest.split_first_chunk::<4>()?;
    (hash == binding(parameters)).then(|| LogCursor {
        segment: u64::from_be_bytes(*segment),
        revision: u64::from_be_bytes(*revision),
        index: u32::from_be_bytes(*index),
    })
}

/// Who is asking and for what; not a secret, a check against mistakes.
fn binding(parameters: &[u8]) -> [u8; HASH] {
    let mut hash = [0; HASH];
    for (to, from) in hash.iter_mut().zip(crypto::digest::sha256(parameters)) {
        *to = from;
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    const CURSOR: LogCursor = LogCursor {
        segment: 20_000,
        revision: 77,
        index: 3,
    };

    #[test]
    fn a_token_names_its_position() {
        assert_eq!(decode(&encode(CURSOR, b"a"), b"a"), Some(CURSOR));
    }

    #[test]
    fn a_token_for_other_parameters_is_refused() {
        assert_eq!(decode(&encode(CURSOR, b"a"), b"b"), None);
    }

    #[test]
    fn what_is_not_a_token_is_refused() {
        for text in ["", "zz", "00", &"0".repeat(72), "é"] {
            assert_eq!(decode(text, b"a"), None, "{text}");
        }
    }
}
