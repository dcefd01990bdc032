//! Time: skew, lifetimes of presigned requests, days of scopes.

use std::time::Duration;

use super::*;

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

fn is_accepted(request: &Request<Vec<u8>>, now: Timestamp) -> bool {
    match verify_at(request, SECRET, now) {
        Ok(()) => true,
        Err(
            AuthError::Expired { .. }
            | AuthError::NotYetCurrent { .. }
            | AuthError::PresignExpired { .. },
        ) => false,
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn a_captured_request_is_worthless_outside_its_window() {
    let request = Draft::new().sign();
    let at = signing_time();
    assert!(is_accepted(&request, at.saturating_add(seconds(300))));
    assert!(!is_accepted(&request, at.saturating_add(seconds(301))));
    assert!(!is_accepted(
        &request,
        at.saturating_add(seconds(86_400 * 365))
    ));
    assert!(is_accepted(&request, at.saturating_sub(seconds(300))));
    assert!(!is_accepted(&request, at.saturating_sub(seconds(301))));
}

#[test]
fn a_presigned_request_lives_from_skew_before_its_date_to_its_expiry() {
    let request = Draft::new().presign("900");
    let at = signing_time();
    assert!(is_accepted(&request, at.saturating_add(seconds(900))));
    assert!(!is_accepted(&request, at.saturating_add(seconds(901))));
    assert!(is_accepted(&request, at.saturating_sub(seconds(300))));
    assert!(!is_accepted(&request, at.saturating_sub(seconds(301))));
}

#[test]
fn presigned_requests_live_one_second_to_seven_days() {
    accepted(&Draft::new().presign("1"));
    accepted(&Draft::new().presign("604800"));
    let bad = "'X-Amz-Expires' must be a number of seconds from 1 to 604800.";
    for expires in [
        "0",
        "604801",
        "-1",
        "%2B5",
        "5.0",
        "",
        "1e3",
        "99999999999999999999",
    ] {
        refused(&Draft::new().presign(expires), AuthError::Incomplete(bad));
    }
}

#[test]
fn a_presigned_request_needs_an_expiry() {
    let request = Draft::new().presign("60");
    let uri = request.uri().to_string().replace("&X-Amz-Expires=60", "");
    let (mut parts, body) = request.into_parts();
    parts.uri = uri.parse().unwrap();
    refused(
        &Request::from_parts(parts, body),
        AuthError::Incomplete("AWS query-string parameters must include 'X-Amz-Expires'."),
    );
}

#[test]
fn the_scope_has_the_day_of_the_date() {
    for day in ["20150829", "20150831", "2015083", "201508300", ""] {
        refused(&Draft::new().day(day).sign(), AuthError::ScopeDate);
        refused(&Draft::new().day(day).presign("60"), AuthError::ScopeDate);
    }
}

#[test]
fn the_time_is_checked_without_a_key() {
    let (parts, _) = Draft::new().sign().into_parts();
    let unverified = Unverified::from_request(&parts).unwrap();
    let late = signing_time().saturating_add(seconds(301));
    assert_eq!(verifier().check_time(&unverified, signing_time()), Ok(()));
    let refusal = verifier().check_time(&unverified, late).unwrap_err();
    assert_eq!(
        refusal.to_string(),
        "Signature expired: 20150830T123600Z is now earlier than 20150830T123601Z \
         (20150830T124101Z - 5 min.)"
    );
    let early = signing_time().saturating_sub(seconds(301));
    let refusal = verifier().check_time(&unverified, early).unwrap_err();
    assert_eq!(
        refusal.to_string(),
        "Signature not yet current: 20150830T123600Z is still later than 20150830T123559Z \
         (20150830T123059Z + 5 min.)"
    );
}

#[test]
fn a_signed_date_header_is_enough() {
    accepted(
        &Draft::new()
            .header("date", "Sun, 30 Aug 2015 12:36:00 GMT")
            .sign(),
    );
    let unsigned = Draft::new()
        .header("date", "Sun, 30 Aug 2015 12:36:00 GMT")
        .without_signing("date");
    refused(
        &unsigned.sign(),
        AuthError::UnsignedHeader("date".to_owned()),
    );
}
