//! The canonical request: the one text that client and server must agree on.
//!
//! Rules that are easy to get wrong, each a test case:
//! - The path is encoded twice, after empty and dot segments are removed; only S3 signs
//!   the path as it is, encoded once.
//! - Query parameters are decoded and encoded again, so that `+` and `%20` are one; they
//!   are sorted by encoded name, then by encoded value.
//! - Values of one header are trimmed, inner white space folded, then joined by commas in
//!   the order of arrival.

use super::{AuthError, PayloadHash, Unverified};
use crate::escape::{self, Pair, Plus};

/// Appends the canonical request of `request` to `out`.
///
/// Fails if a signed header is absent or an escape is incomplete.
pub(super) fn write(
    request: &Unverified<'_>,
    payload: &PayloadHash,
    out: &mut Vec<u8>,
) -> Result<(), AuthError> {
    let parts = request.parts();
    out.extend_from_slice(parts.method.as_str().as_bytes());
    out.push(b'\n');
    write_path(parts.uri.path(), request.scope().service() == "s3", out)?;
    out.push(b'\n');
    write_query(parts.uri.query().unwrap_or_default(), out)?;
    out.push(b'\n');
    for name in request.signed_headers() {
        out.extend_from_slice(name.as_bytes());
        out.push(b':');
        write_header(request, name, out)?;
        out.push(b'\n');
    }
    out.push(b'\n');
    out.extend_from_slice(request.signed_header_list().as_bytes());
    out.push(b'\n');
    out.extend_from_slice(payload.as_bytes());
    Ok(())
}

fn write_path(path: &str, is_s3: bool, out: &mut Vec<u8>) -> Result<(), AuthError> {
    if path.is_empty() || path == "/" {
        out.push(b'/');
    } else if is_s3 {
        let decoded = escape::decode(path.as_bytes(), Plus::Literal)
            .map_err(|_source| AuthError::Incomplete(BAD_PATH))?;
        write_encoded_path(decoded.split(|byte| *byte == b'/'), out);
    } else {
        write_normal_path(path.as_bytes(), out);
    }
    Ok(())
}

fn write_encoded_path<'a>(segments: impl Iterator<Item = &'a [u8]>, out: &mut Vec<u8>) {
    for (at, segment) in segments.enumerate() {
        if at > 0 {
            out.push(b'/');
        }
        escape::encode_into(segment, out);
    }
}

/// Removes empty and dot segments and encodes what the client encoded once more.
fn write_normal_path(path: &[u8], out: &mut Vec<u8>) {
    let mut kept: Vec<&[u8]> = Vec::with_capacity(8);
    for segment in path.split(|byte| *byte == b'/') {
        match segment {
            b"" | b"." => {}
            b".." => drop(kept.pop()),
            name => kept.push(name),
        }
    }
    out.push(b'/');
    write_encoded_path(kept.iter().copied(), out);
    if path.last() == Some(&b'/') && !kept.is_empty() {
        out.push(b'/');
    }
}

fn write_query(query: &str, out: &mut Vec<u8>) -> Result<(), AuthError> {
    if query.is_empty() {
        return Ok(());
    }
    let mut pairs = Vec::with_capacity(8);
    for pair in escape::pairs(query.as_bytes()) {
        let Pair { name, value } = pair.map_err(|_source| AuthError::Incomplete(BAD_QUERY))?;
        // Only presigned requests have one: `Unverified` refuses it beside a header.
        if name.as_ref() != b"X-Amz-Signature" {
            pairs.push((escape::encode(name), escape::encode(value)));
        }
    }
    pairs.sort_unstable();
    for (at, (name, value)) in pairs.iter().enumerate() {
        if at > 0 {
            out.push(b'&');
        }
        out.extend_from_slice(name);
        out.push(b'=');
        out.extend_from_slice(value);
    }
    Ok(())
}

fn write_header(request: &Unverified<'_>, name: &str, out: &mut Vec<u8>) -> Result<(), AuthError> {
    if name == "host" {
        write_folded(request.host(), out);
        return Ok(());
    }
    // A head has few headers: looking at each costs less than parsing `name`. The values of
    // one name are in the order of their arrival.
    let headers = request.parts().headers.iter();
    let mut values = headers
        .filter(|(known, _)| known.as_str() == name)
        .map(|(_, value)| value);
    let first = values.next().ok_or(AuthError::SignedHeaderMissing)?;
    write_folded(first.as_bytes(), out);
    for value in values {
        out.push(b',');
        write_folded(value.as_bytes(), out);
    }
    Ok(())
}

/// Appends a header's value without outer white space and with single inner spaces.
fn write_folded(value: &[u8], out: &mut Vec<u8>) {
    if memchr::memchr2(b' ', b'\t', value).is_none() {
        out.extend_from_slice(value);
        return;
    }
    let words = value
        .split(|byte| matches!(byte, b' ' | b'\t'))
        .filter(|word| !word.is_empty());
    for (at, word) in words.enumerate() {
        if at > 0 {
            out.push(b' ');
        }
        out.extend_from_slice(word);
    }
}

pub(super) const BAD_PATH: &str = "the path has an incomplete percent escape";
pub(super) const BAD_QUERY: &str = "the query string has an incomplete percent escape";

#[cfg(test)]
mod tests {
    use super::*;

    fn path(path: &str, expected: &str) {
        let mut out = Vec::new();
        write_path(path, false, &mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), expected, "{path}");
    }

    fn s3_path(path: &str, expected: &str) {
        let mut out = Vec::new();
        write_path(path, true, &mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), expected, "{path}");
    }

    fn query(query: &str, expected: &str) {
        let mut out = Vec::new();
        write_query(query, &mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), expected, "{query}");
    }

    fn folded(value: &str, expected: &str) {
        let mut out = Vec::new();
        write_folded(value.as_bytes(), &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), expected, "{value}");
    }

    #[test]
    fn an_empty_path_is_a_slash() {
        path("", "/");
        path("/", "/");
    }

    #[test]
    fn paths_are_encoded_twice() {
        path("/FeatureGroup/a%2Fb", "/FeatureGroup/a%252Fb");
        path("/a%20b", "/a%2520b");
        path("/a:b@c~d", "/a%3Ab%40c~d");
    }

    #[test]
    fn empty_and_dot_segments_are_removed() {
        path("//", "/");
        path("//example//", "/example/");
        path("/./", "/");
        path("/./example", "/example");
        path("/example/..", "/");
        path("/example1/example2/../..", "/");
        path("/../../a", "/a");
    }

    #[test]
    fn encoded_dot_segments_are_names() {
        path("/a/%2e%2e/b", "/a/%252e%252e/b");
    }

    #[test]
    fn s3_paths_are_encoded_once_and_kept() {
        s3_path("/a%20b//./c/../%7Ed", "/a%20b//./c/../~d");
    }

    #[test]
    fn query_parameters_are_sorted_by_encoded_name_then_value() {
        query("b=1&a=2&a=1&A=3", "A=3&a=1&a=2&b=1");
        query("a=%C3%A9&a=z", "a=%C3%A9&a=z");
        query("a-b=1&a=2&a%2Fb=3", "a=2&a%2Fb=3&a-b=1");
    }

    #[test]
    fn plus_and_escaped_space_are_one() {
        query("a=x+y", "a=x%20y");
        query("a=x%20y", "a=x%20y");
        query("a=x%2By", "a=x%2By");
    }

    #[test]
    fn parameters_without_a_value_get_an_equals_sign() {
        query("b&a=", "a=&b=");
    }

    #[test]
    fn lower_case_escapes_are_raised_and_needless_ones_undone() {
        query("a=%2f&b=%41", "a=%2F&b=A");
    }

    #[test]
    fn the_signature_itself_is_left_out() {
        query("X-Amz-Signature=00&a=1", "a=1");
        query("X%2DAmz%2DSignature=00&a=1", "a=1");
    }

    #[test]
    fn incomplete_escapes_in_the_query_are_refused() {
        let refused = write_query("a=%4", &mut Vec::new());
        assert_eq!(refused, Err(AuthError::Incomplete(BAD_QUERY)));
    }

    #[test]
    fn white_space_is_folded() {
        folded("  a   b  c ", "a b c");
        folded("a\t \tb", "a b");
        folded("\"a   b\"", "\"a b\"");
        folded("", "");
    }
}
