//! When a certificate ends: the one thing of it that TLS does not tell.

use std::time::Duration;

use der::asn1::{AnyRef, GeneralizedTime, UtcTime};
use der::{Decode, Reader, SliceReader, Tag};
use types::Timestamp;

/// The end of the validity of an X.509 certificate in DER (RFC 5280, 4.1.2.5); `None` if it cannot
/// be read. Nothing is verified: that is for whoever speaks TLS.
pub(super) fn end_of(certificate: &[u8]) -> Option<Timestamp> {
    let end = validity_end(certificate).ok()?;
    let seconds = i64::try_from(end.as_secs()).ok()?;
    Some(Timestamp::new(seconds, 0))
}

fn validity_end(certificate: &[u8]) -> der::Result<Duration> {
    let certificate = AnyRef::from_der(certificate)?;
    let mut parts = SliceReader::new(certificate.value())?;
    let signed: AnyRef<'_> = parts.decode()?;
    let mut fields = SliceReader::new(signed.value())?;
    let first: AnyRef<'_> = fields.decode()?;
    // The version may be left out: then this was the serial number.
    let before_validity = if first.header().tag() == Tag::Integer {
        2
    } else {
        3
    };
    for _algorithm_and_issuer in 0..before_validity {
        let _passed: AnyRef<'_> = fields.decode()?;
    }
    let validity: AnyRef<'_> = fields.decode()?;
    let mut times = SliceReader::new(validity.value())?;
    let _begin: AnyRef<'_> = times.decode()?;
    let end: AnyRef<'_> = times.decode()?;
    if end.header().tag() == Tag::UtcTime {
        return Ok(end.decode_as::<UtcTime>()?.to_unix_duration());
    }
    Ok(end.decode_as::<GeneralizedTime>()?.to_unix_duration())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tag, length and content.
    fn value(tag: u8, content: &[u8]) -> Vec<u8> {
        let length = u8::try_from(content.len()).unwrap();
        assert!(length < 128);
        [&[tag, length], content].concat()
    }

    /// What of a certificate comes before its subject.
    fn certificate(version: &[u8], (tag, end): (u8, &[u8])) -> Vec<u8> {
        let begin = value(0x17, b"260101000000Z");
        let validity = value(0x30, &[begin, value(tag, end)].concat());
        let (serial, algorithm, issuer) = (value(2, &[5]), value(0x30, &[]), value(0x30, &[]));
        let fields = [version, &serial, &algorithm, &issuer, &validity].concat();
        value(0x30, &value(0x30, &fields))
    }

    fn check(certificate: &[u8], expected: Option<&str>) {
        let end = end_of(certificate).map(Timestamp::to_iso8601);
        assert_eq!(end.as_deref(), expected, "{certificate:02x?}");
    }

    #[test]
    fn the_end_is_read_in_both_forms_with_and_without_a_version() {
        let third = value(0xa0, &value(2, &[2]));
        for version in [&third[..], &[]] {
            let near = certificate(version, (0x17, b"271128010203Z"));
            check(&near, Some("2027-11-28T01:02:03Z"));
            let far = certificate(version, (0x18, b"20511128010203Z"));
            check(&far, Some("2051-11-28T01:02:03Z"));
        }
    }

    #[test]
    fn what_is_no_certificate_has_no_end() {
        let whole = certificate(&[], (0x17, b"271128010203Z"));
        for length in 0..whole.len() {
            check(&whole[..length], None);
        }
        check(&certificate(&[], (0x17, b"271328010203Z")), None);
        check(&certificate(&[], (0x0c, b"271128010203Z")), None);
    }
}
