//! Percent-encoding: one strict reading of URIs and forms, for signatures and for meaning.
//!
//! Signature, routing and input all decode through this module, so that what was signed is
//! what is acted upon. An incomplete escape (`%4`, `%zz`) is an error, never literal text.

use std::borrow::Cow;

use memchr::memchr2;

/// A percent sign that is not followed by two hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a percent sign must be followed by two hexadecimal digits")]
pub(crate) struct BadEscape;

/// What a `+` stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Plus {
    /// Itself, as in paths.
    Literal,
    /// A space, as in query strings and forms.
    Space,
}

/// A decoded `name=value`; without `=` the value is empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pair<'a> {
    pub(crate) name: Cow<'a, [u8]>,
    pub(crate) value: Cow<'a, [u8]>,
}

/// The pairs of a query string or form in order; empty ones (`a&&b`) are skipped.
pub(crate) fn pairs(raw: &[u8]) -> impl Iterator<Item = Result<Pair<'_>, BadEscape>> {
    raw.split(|byte| *byte == b'&')
        .filter(|piece| !piece.is_empty())
        .map(pair)
}

/// One piece of a query string or form.
pub(crate) fn pair(piece: &[u8]) -> Result<Pair<'_>, BadEscape> {
    let mut halves = piece.splitn(2, |byte| *byte == b'=');
    Ok(Pair {
        name: decode(halves.next().unwrap_or_default(), Plus::Space)?,
        value: decode(halves.next().unwrap_or_default(), Plus::Space)?,
    })
}

/// Decodes `%XX`, and `+` if it stands for a space; borrows if there is nothing to decode.
pub(crate) fn decode(raw: &[u8], plus: Plus) -> Result<Cow<'_, [u8]>, BadEscape> {
    let wanted = if plus == Plus::Space { b'+' } else { b'%' };
    if memchr2(b'%', wanted, raw).is_none() {
        return Ok(Cow::Borrowed(raw));
    }
    let mut decoded = Vec::with_capacity(raw.len());
    let mut rest = raw.iter().copied();
    while let Some(byte) = rest.next() {
        decoded.push(match byte {
            b'%' => {
                let high = nibble(rest.next())?;
                let low = nibble(rest.next())?;
                (high << 4) | low
            }
            b'+' if plus == Plus::Space => b' ',
            other => other,
        });
    }
    Ok(Cow::Owned(decoded))
}

fn nibble(digit: Option<u8>) -> Result<u8, BadEscape> {
    match digit {
        Some(digit @ b'0'..=b'9') => Ok(digit - b'0'),
        Some(digit @ b'a'..=b'f') => Ok(digit - b'a' + 10),
        Some(digit @ b'A'..=b'F') => Ok(digit - b'A' + 10),
        _ => Err(BadEscape),
    }
}

/// Bytes as text; `None` if they are not UTF-8.
pub(crate) fn text(bytes: Cow<'_, [u8]>) -> Option<Cow<'_, str>> {
    match bytes {
        Cow::Borrowed(bytes) => std::str::from_utf8(bytes).ok().map(Cow::Borrowed),
        Cow::Owned(bytes) => String::from_utf8(bytes).ok().map(Cow::Owned),
    }
}

/// Whether AWS leaves the byte unencoded in canonical requests (RFC 3986 unreserved).
fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// Encodes all but unreserved bytes as `%XX` in upper case; borrows if there are none.
pub(crate) fn encode(bytes: Cow<'_, [u8]>) -> Cow<'_, [u8]> {
    if bytes.iter().copied().all(is_unreserved) {
        return bytes;
    }
    let mut encoded = Vec::with_capacity(bytes.len() + 16);
    encode_into(&bytes, &mut encoded);
    Cow::Owned(encoded)
}

/// Appends `bytes` to `out`, all but unreserved ones as `%XX` in upper case.
pub(crate) fn encode_into(bytes: &[u8], out: &mut Vec<u8>) {
    if bytes.iter().copied().all(is_unreserved) {
        out.extend_from_slice(bytes);
        return;
    }
    for byte in bytes.iter().copied() {
        if is_unreserved(byte) {
            out.push(byte);
        } else {
            out.extend_from_slice(&[b'%', digit(byte >> 4), digit(byte & 15)]);
        }
    }
}

fn digit(nibble: u8) -> u8 {
    if nibble < 10 {
        b'0' + nibble
    } else {
        b'A' + (nibble - 10)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(raw: &str, plus: Plus, expected: Result<&[u8], BadEscape>) {
        let decoded = decode(raw.as_bytes(), plus);
        assert_eq!(decoded.as_deref(), expected.as_ref().map(|x| *x), "{raw}");
    }

    #[test]
    fn plus_is_a_space_in_queries_only() {
        check("a+b%2B", Plus::Space, Ok(b"a b+"));
        check("a+b%2B", Plus::Literal, Ok(b"a+b+"));
    }

    #[test]
    fn escapes_of_either_case_decode() {
        check("%c3%A9%00", Plus::Literal, Ok(b"\xc3\xa9\0"));
    }

    #[test]
    fn decoding_happens_once() {
        check("%252e", Plus::Literal, Ok(b"%2e"));
    }

    #[test]
    fn incomplete_escapes_are_refused() {
        for raw in ["%", "%4", "a%zz", "%4g", "%%41", "%+1", "% 1"] {
            check(raw, Plus::Space, Err(BadEscape));
        }
    }

    #[test]
    fn pairs_keep_order_and_skip_nothing_but_empty_pieces() {
        let found: Vec<_> = pairs(b"b=1&&a&=x&a=%3D=&").map(Result::unwrap).collect();
        let texts: Vec<_> = found
            .iter()
            .map(|p| (p.name.as_ref(), p.value.as_ref()))
            .collect();
        let expected: [(&[u8], &[u8]); 4] = [(b"b", b"1"), (b"a", b""), (b"", b"x"), (b"a", b"==")];
        assert_eq!(texts, expected);
    }

    proptest! {
        #[test]
        fn encoding_reads_back(bytes: Vec<u8>) {
            let encoded = encode(Cow::Borrowed(&bytes)).into_owned();
            prop_assert!(encoded.is_ascii());
            let decoded = decode(&encoded, Plus::Space).unwrap();
            prop_assert_eq!(decoded.as_ref(), bytes.as_slice());
        }

        #[test]
        fn any_bytes_decode_or_fail(bytes: Vec<u8>) {
            for pair in pairs(&bytes) {
                let _ = pair;
            }
        }
    }
}
