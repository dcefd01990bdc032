//! How long reading and verifying the signature of a `GetRecord` takes.
//!
//! `cargo run --release -p strongroom-wire --example sigv4_speed`
#![expect(clippy::print_stdout, reason = "this prints what it measured")]
#![expect(clippy::disallowed_methods, reason = "this measures, it serves nobody")]
#![expect(clippy::unwrap_used, reason = "nothing but a measurement")]

use std::hint::black_box;
use std::time::{Duration, Instant, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use http::Request;
use types::Timestamp;
use wire::sigv4::{DEFAULT_SKEW, PayloadHash, SecretAccessKey, Unverified, Verifier};
use wire::{Envelope, Limits};

const ACCESS_KEY: &str = "AKIDEXAMPLEEXAMPLE00";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const SIGNED_AT: u64 = 1_440_938_160;
const ROUNDS: u32 = 200_000;

/// A call as an SDK sends it: a session token, two parameters, a few unsigned headers.
fn get_record() -> Request<()> {
    let path = "/FeatureGroup/weather?RecordIdentifierValueAsString=JFK%232013-01-01T00%3A00%3A00Z";
    let host = "127.0.0.1:4700";
    let mut request = Request::get(format!("http://{host}{path}"))
        .header("host", host)
        .header("accept", "application/json")
        .header(
            "amz-sdk-invocation-id",
            "2a0f5a3e-5f43-4c5b-9a51-7b7d6c1b9f10",
        )
        .header("amz-sdk-request", "attempt=1")
        .body(())
        .unwrap();
    let identity = Credentials::new(ACCESS_KEY, SECRET, None, None, "speed").into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region("us-east-1")
        .name("sagemaker")
        .time(SystemTime::UNIX_EPOCH + Duration::from_secs(SIGNED_AT))
        .settings(SigningSettings::default())
        .build()
        .unwrap()
        .into();
    let uri = request.uri().to_string();
    let headers: Vec<_> = request
        .headers()
        .iter()
        .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
        .collect();
    let signable =
        SignableRequest::new("GET", uri, headers.into_iter(), SignableBody::Bytes(b"")).unwrap();
    let (instructions, _) = sign(signable, &parameters).unwrap().into_parts();
    instructions.apply_to_request_http1x(&mut request);
    request
        .headers_mut()
        .insert("user-agent", "aws-sdk/1.0".parse().unwrap());
    *request.uri_mut() = path.parse().unwrap();
    request
}

fn measure(what: &str, mut step: impl FnMut()) {
    for _ in 0..ROUNDS / 10 {
        step();
    }
    let start = Instant::now();
    for _ in 0..ROUNDS {
        step();
    }
    let nanos = start.elapsed().as_nanos() / u128::from(ROUNDS);
    println!("{what:<28} {nanos:>7} ns");
}

fn main() {
    let (parts, ()) = get_record().into_parts();
    let verifier = Verifier::new(DEFAULT_SKEW, 64);
    let secret = SecretAccessKey::new(SECRET.as_bytes());
    let payload = PayloadHash::of(b"");
    let now = Timestamp::new(i64::try_from(SIGNED_AT).unwrap(), 0);
    let limits = Limits::default();
    let unverified = Unverified::from_request(&parts).unwrap();

    measure("check the head", || {
        black_box(limits.check(black_box(&parts)).unwrap());
    });
    measure("read the signature", || {
        black_box(Unverified::from_request(black_box(&parts)).unwrap());
    });
    measure("find the operation", || {
        black_box(Envelope::from_request(black_box(&parts), unverified.scope()).unwrap());
    });
    measure("hash an empty body", || {
        black_box(PayloadHash::of(black_box(b"")));
    });
    measure("verify, key cached", || {
        black_box(
            verifier
                .verify(black_box(&unverified), &secret, &payload, now)
                .unwrap(),
        );
    });
    measure("make the secret", || {
        black_box(SecretAccessKey::new(black_box(SECRET.as_bytes())));
    });
    let envelope = Envelope::from_request(&parts, unverified.scope()).unwrap();
    measure("read the input", || {
        black_box(envelope.call(black_box(b"")).unwrap());
    });
}
