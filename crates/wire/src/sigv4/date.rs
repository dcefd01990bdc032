//! The date of a request: `X-Amz-Date`, else `Date`.

use http::request::Parts;
use http::{HeaderName, HeaderValue};
use types::Timestamp;

use super::AuthError;
use super::unverified::{AMZ_DATE, DATE_HEADER};

/// When a request claims to be signed, with the text that its string to sign carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RequestDate {
    at: Timestamp,
    text: [u8; 16],
}

impl RequestDate {
    /// Reads `YYYYMMDDTHHMMSSZ`.
    pub(super) fn basic(text: &str) -> Result<Self, AuthError> {
        let at = Timestamp::parse_basic_iso8601(text)
            .map_err(|_source| AuthError::Incomplete(BAD_DATE))?;
        let text = text
            .as_bytes()
            .try_into()
            .map_err(|_source| AuthError::Incomplete(BAD_DATE))?;
        Ok(Self { at, text })
    }

    /// The instant.
    pub(super) fn at(&self) -> Timestamp {
        self.at
    }

    /// `YYYYMMDDTHHMMSSZ`.
    pub(super) fn text(&self) -> &[u8; 16] {
        &self.text
    }

    /// Whether it lies on `day` (`YYYYMMDD`).
    pub(super) fn is_on(&self, day: &str) -> bool {
        self.text.get(..8) == Some(day.as_bytes())
    }
}

/// The date of a request that is signed in its headers, and the header that has it.
///
/// Fails if there is none or the first of `X-Amz-Date` and `Date` cannot be read: a bad
/// `X-Amz-Date` never falls back.
pub(super) fn of_header(parts: &Parts) -> Result<(RequestDate, &'static HeaderName), AuthError> {
    if let Some(value) = parts.headers.get(&AMZ_DATE) {
        return Ok((RequestDate::basic(readable(value)?)?, &AMZ_DATE));
    }
    let value = parts
        .headers
        .get(&DATE_HEADER)
        .ok_or(AuthError::Incomplete(NO_DATE))?;
    let text = readable(value)?;
    let date = match from_http(text) {
        Some(at) => RequestDate::basic(&at.to_basic_iso8601())?,
        None => RequestDate::basic(text)?,
    };
    Ok((date, &DATE_HEADER))
}

fn readable(value: &HeaderValue) -> Result<&str, AuthError> {
    value
        .to_str()
        .map_err(|_source| AuthError::Incomplete(BAD_DATE))
}

/// Reads `Sun, 06 Nov 1994 08:49:37 GMT`, the one form that HTTP still lets clients send.
fn from_http(text: &str) -> Option<Timestamp> {
    let (weekday, rest) = text.split_once(", ")?;
    if !WEEKDAYS.contains(&weekday) || rest.len() != 24 {
        return None;
    }
    let mut words = rest.split(' ');
    let (day, month, year) = (words.next()?, words.next()?, words.next()?);
    let (time, zone) = (words.next()?, words.next()?);
    let month = MONTHS.iter().position(|name| *name == month)? + 1;
    if zone != "GMT" {
        return None;
    }
    Timestamp::parse_iso8601(&format!("{year}-{month:02}-{day}T{time}Z")).ok()
}

const WEEKDAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];
const NO_DATE: &str =
    "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.";
const BAD_DATE: &str = "Date must be in ISO-8601 'basic format', e.g. 20150830T123600Z.";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(headers: &[(&str, &str)], expected: Result<(&str, &str), &'static str>) {
        let mut request = http::Request::builder();
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let found = of_header(&parts).map(|(date, header)| {
            (
                String::from_utf8(date.text().to_vec()).unwrap(),
                header.to_string(),
            )
        });
        let expected = expected
            .map(|(text, header)| (text.to_owned(), header.to_owned()))
            .map_err(AuthError::Incomplete);
        assert_eq!(found, expected, "{headers:?}");
    }

    #[test]
    fn x_amz_date_goes_before_date() {
        check(
            &[
                ("date", "Sun, 06 Nov 1994 08:49:37 GMT"),
                ("x-amz-date", "20150830T123600Z"),
            ],
            Ok(("20150830T123600Z", "x-amz-date")),
        );
    }

    #[test]
    fn date_is_read_in_both_forms() {
        check(
            &[("date", "Sun, 06 Nov 1994 08:49:37 GMT")],
            Ok(("19941106T084937Z", "date")),
        );
        check(
            &[("date", "20150830T123600Z")],
            Ok(("20150830T123600Z", "date")),
        );
    }

    #[test]
    fn no_date_is_refused() {
        check(&[], Err(NO_DATE));
    }

    #[test]
    fn a_bad_x_amz_date_does_not_fall_back() {
        check(
            &[("x-amz-date", "today"), ("date", "20150830T123600Z")],
            Err(BAD_DATE),
        );
    }

    #[test]
    fn other_forms_are_refused() {
        for text in [
            "2015-08-30T12:36:00Z",
            "20150830T123600",
            "20150230T123600Z",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
            "Sun, 06 Nov 1994 08:49:37 CET",
            "Sun, 6 Nov 1994 08:49:37 GMT",
            "20150830T123600Z ",
            "",
        ] {
            // `HeaderValue` keeps outer white space that a listener would have removed.
            check(&[("x-amz-date", text)], Err(BAD_DATE));
            check(&[("date", text)], Err(BAD_DATE));
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text: String) {
            let _ = from_http(&text);
            let _ = RequestDate::basic(&text);
        }
    }
}
