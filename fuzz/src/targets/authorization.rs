//! The `Authorization` header: read or refused, and never right by accident.

use http::Request;
use http::request::Parts;
use types::Timestamp;
use wire::sigv4::{DEFAULT_SKEW, PayloadHash, SecretAccessKey, Unverified, Verifier};

pub(crate) fn run(data: &[u8]) -> bool {
    let request = Request::post("/FeatureGroup/weather?RecordIdentifierValueAsString=a")
        .header("host", "h")
        .header("x-amz-date", "20150830T123600Z")
        .header("x-amz-target", "TrentService.ListKeys")
        .header("authorization", data)
        .body(());
    request.is_ok_and(|request| verify(&request.into_parts().0))
}

/// Reads and verifies the signature of `parts`, which nobody made.
pub(crate) fn verify(parts: &Parts) -> bool {
    let unverified = match Unverified::from_request(parts) {
        Ok(unverified) => unverified,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return false;
        }
    };
    let verifier = Verifier::new(DEFAULT_SKEW, 8);
    let secret = SecretAccessKey::new(b"wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
    // 2015-08-30T12:36:00Z, and the time that the request claims.
    for now in [Timestamp::new(1_440_938_160, 0), unverified.signed_at()] {
        let outcome = verifier.verify(&unverified, &secret, &PayloadHash::of(b""), now);
        assert!(outcome.is_err(), "a signature was forged");
    }
    true
}
