//! Where heads and bodies end, seen before the HTTP library sees them.
//!
//! The library forgives what two readers of one stream may understand differently: a line
//! that ends in a bare line feed, and a length that comes twice. Here neither passes.

use memchr::memchr;

/// Bytes of a line that are kept while the rest of it has not arrived: what is looked for
/// stands at its beginning.
const KEPT: usize = 128;

const BARE_LINE_FEED: &str = "the lines of the head must end in CR LF";
const TWO_LENGTHS: &str = "Content-Length must not come twice";
const NO_NUMBER: &str = "Content-Length must be a number";

/// Follows the requests of a connection.
#[derive(Debug, Default)]
pub(crate) struct Framing {
    head: Head,
    /// Bytes of a body that are still to come.
    body: u64,
    /// Behind a head with a transfer coding: it is refused, and nothing follows it.
    is_over: bool,
    /// The beginning of a line that arrives in parts, how long it is, and its last byte.
    kept: Vec<u8>,
    length: usize,
    last: u8,
}

/// What a head has said so far.
#[derive(Debug, Default)]
struct Head {
    has_begun: bool,
    length: Option<u64>,
    is_coded: bool,
}

impl Framing {
    /// Takes the next bytes of the stream. Fails with what is wrong with the head.
    pub(crate) fn follow(&mut self, mut bytes: &[u8]) -> Result<(), &'static str> {
        while !bytes.is_empty() && !self.is_over {
            if self.body > 0 {
                let body = usize::try_from(self.body).unwrap_or(usize::MAX);
                let here = body.min(bytes.len());
                bytes = bytes.get(here..).unwrap_or_default();
                self.body -= u64::try_from(here).unwrap_or(self.body);
                continue;
            }
            let Some(end) = memchr(b'\n', bytes) else {
                self.keep(bytes);
                break;
            };
            let (line, rest) = bytes.split_at_checked(end).unwrap_or((bytes, &[]));
            bytes = rest.get(1..).unwrap_or_default();
            if self.line(line)? {
                let head = std::mem::take(&mut self.head);
                self.body = head.length.unwrap_or(0);
                self.is_over = head.is_coded;
            }
        }
        Ok(())
    }

    /// Whether a head has begun and not ended; the empty lines before one are none of it.
    pub(crate) fn is_in_head(&self) -> bool {
        self.head.has_begun || (self.length > 0 && self.kept != b"\r")
    }

    fn keep(&mut self, part: &[u8]) {
        let room = KEPT.saturating_sub(self.kept.len());
        self.kept.extend(part.iter().take(room));
        self.length += part.len();
        self.last = part.last().copied().unwrap_or(self.last);
    }

    /// Whether the head ends with this line, whose line feed has arrived.
    fn line(&mut self, line: &[u8]) -> Result<bool, &'static str> {
        if self.length == 0 {
            return self.head.line(line);
        }
        self.keep(line);
        let ends = if self.length > self.kept.len() {
            self.head.long_line(&self.kept, self.last).map(|()| false)
        } else {
            self.head.line(&self.kept)
        };
        self.kept.clear();
        self.length = 0;
        ends
    }
}

impl Head {
    /// Whether the head ends with this line.
    fn line(&mut self, line: &[u8]) -> Result<bool, &'static str> {
        let line = line.strip_suffix(b"\r").ok_or(BARE_LINE_FEED)?;
        if line.is_empty() {
            // Before a request line the library passes over empty lines.
            return Ok(self.has_begun);
        }
        self.has_begun = true;
        if let Some(value) = value_of(line, b"content-length") {
            if self.length.is_some() {
                return Err(TWO_LENGTHS);
            }
            let number = number(value).filter(|_| line.len() < KEPT);
            self.length = Some(number.ok_or(NO_NUMBER)?);
        } else if value_of(line, b"transfer-encoding").is_some() {
            self.is_coded = true;
        }
        Ok(false)
    }

    /// A line that was too long to keep whole: no length is.
    fn long_line(&mut self, beginning: &[u8], last: u8) -> Result<(), &'static str> {
        if last != b'\r' {
            return Err(BARE_LINE_FEED);
        }
        if value_of(beginning, b"content-length").is_some() {
            return Err(NO_NUMBER);
        }
        self.has_begun = true;
        self.is_coded |= value_of(beginning, b"transfer-encoding").is_some();
        Ok(())
    }
}

/// What stands behind the colon, if this is the header `name`, given in lower case.
fn value_of<'l>(line: &'l [u8], name: &[u8]) -> Option<&'l [u8]> {
    let (start, rest) = line.split_at_checked(name.len())?;
    let value = rest.strip_prefix(b":")?;
    start.eq_ignore_ascii_case(name).then_some(value)
}

/// Plain digits, between blanks.
fn number(value: &[u8]) -> Option<u64> {
    let digits = value.trim_ascii();
    let are_digits = digits.iter().all(u8::is_ascii_digit);
    let text = std::str::from_utf8(digits).ok().filter(|_| are_digits)?;
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\na\nb\n\n";

    /// The same whether the bytes come at once, one by one, or in pieces.
    fn check(stream: &str, expected: Result<(), &str>) {
        for size in [stream.len(), 1, 7] {
            let mut framing = Framing::default();
            let followed = stream
                .as_bytes()
                .chunks(size)
                .try_for_each(|part| framing.follow(part));
            assert_eq!(followed, expected, "{stream:?} in pieces of {size}");
        }
    }

    #[test]
    fn requests_may_follow_each_other_whatever_their_bodies_say() {
        check(WHOLE, Ok(()));
        check(&WHOLE.repeat(3), Ok(()));
        check(&format!("\r\n{WHOLE}\r\n\r\n{WHOLE}"), Ok(()));
        check(
            &format!("GET / HTTP/1.1\r\nA: {}\r\n\r\n{WHOLE}", "a".repeat(500)),
            Ok(()),
        );
    }

    #[test]
    fn a_bare_line_feed_ends_no_line_of_a_head() {
        for place in ["HTTP/1.1\r", "x\r", "5\r", "5\r\n\r"] {
            let bare = WHOLE.replacen(place, place.trim_end_matches('\r'), 1);
            check(&bare, Err(BARE_LINE_FEED));
            check(&format!("{WHOLE}{bare}"), Err(BARE_LINE_FEED));
        }
        check(&format!("\n{WHOLE}"), Err(BARE_LINE_FEED));
        let long = format!("GET / HTTP/1.1\r\nA: {}\n", "a".repeat(500));
        check(&long, Err(BARE_LINE_FEED));
    }

    #[test]
    fn a_length_that_comes_twice_is_refused_though_both_agree() {
        for second in ["Content-Length: 5", "content-length:5", "CONTENT-LENGTH: 6"] {
            let twice = WHOLE.replace("\r\n\r\n", &format!("\r\n{second}\r\n\r\n"));
            check(&twice, Err(TWO_LENGTHS));
        }
    }

    #[test]
    fn a_length_is_a_number() {
        let padded = format!("{}5", " ".repeat(200));
        for length in ["", "+5", "5, 5", "0x5", "99999999999999999999", &padded] {
            let stream = format!("POST / HTTP/1.1\r\nContent-Length:{length}\r\n");
            check(&stream, Err(NO_NUMBER));
        }
        check(
            "POST / HTTP/1.1\r\nContent-Length:  5 \r\n\r\n\n\n\n\n\n",
            Ok(()),
        );
    }

    #[test]
    fn nothing_is_read_behind_a_transfer_coding() {
        check(
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\n\n",
            Ok(()),
        );
    }
}
