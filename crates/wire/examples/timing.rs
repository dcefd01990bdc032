//! Whether time tells how much of a signature was right, or whose it was.
//!
//! Welch's t-test in the manner of dudect: two classes of input, drawn at random, timed one by
//! one, slow outliers cut off. A difference counts when all rounds show it beyond what chance and
//! the place in memory explain, and to the same side. A comparison that stops at the first difference is measured along and
//! must be found: a rig that cannot find that one says nothing about the others.
//!
//! `cargo run --release -p strongroom-wire --example timing`; fails if time tells.
#![expect(clippy::print_stdout, reason = "this prints what it measured")]
#![expect(clippy::disallowed_methods, reason = "this measures, it serves nobody")]
#![expect(clippy::unwrap_used, reason = "nothing but a measurement")]
#![expect(clippy::indexing_slicing, reason = "nothing but a measurement")]

use std::hint::black_box;
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use crypto::mac::{HmacSha256Key, ct_eq};
use http::Request;
use http::request::Parts;
use types::Timestamp;
use wire::sigv4::{DEFAULT_SKEW, PayloadHash, SecretAccessKey, Unverified, Verifier};

/// Beyond this a difference is no accident.
const THRESHOLD: f64 = 10.0;
/// Nanoseconds below which a difference says where something lies and not what it is: fetching it
/// from the second cache takes as long. The control shows three times as much.
const LEAST: f64 = 3.0;
const ROUNDS: usize = 3;
const SAMPLES: usize = 100_000;
/// Tenths of the samples that are kept, the fastest first: interrupts say nothing.
const KEPT: usize = 9;

const ACCESS_KEY: &str = "AKIDEXAMPLEEXAMPLE00";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const SIGNED_AT: u32 = 1_440_938_160;
/// Copies of each input, so that no class owns an address that is faster than others.
const COPIES: usize = 64;

fn main() -> ExitCode {
    let found = [
        expect("an early exit (control)", true, &mut early_exit()),
        expect("comparison: first or last byte", false, &mut comparison()),
        expect("MAC: first or last byte", false, &mut mac()),
        signature(),
        unknown_key(),
    ];
    if found.iter().all(|as_expected| *as_expected) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Two tags that differ from the right one in the first and in the last byte.
fn guesses(right: [u8; 32]) -> [[u8; 32]; 2] {
    let mut guesses = [right; 2];
    guesses[0][0] ^= 1;
    guesses[1][31] ^= 1;
    guesses
}

fn early_exit() -> impl FnMut(usize, usize) {
    let right = HmacSha256Key::new(SECRET.as_bytes()).tag(b"message");
    let guesses = guesses(right);
    move |class, _copy| {
        let guess = guesses[class];
        let same = black_box(&right)
            .iter()
            .zip(black_box(&guess))
            .all(|(left, right)| black_box(left) == right);
        black_box(same);
    }
}

fn comparison() -> impl FnMut(usize, usize) {
    let right = HmacSha256Key::new(SECRET.as_bytes()).tag(b"message");
    let guesses = guesses(right);
    move |class, _copy| {
        let guess = guesses[class];
        black_box(ct_eq(black_box(&right), black_box(&guess)));
    }
}

fn mac() -> impl FnMut(usize, usize) {
    let key = HmacSha256Key::new(SECRET.as_bytes());
    let guesses = guesses(key.tag(b"message"));
    move |class, _copy| {
        let guess = guesses[class];
        black_box(key.verify(black_box(b"message"), black_box(&guess)));
    }
}

/// Whole verifications of signatures that are wrong at one end or the other.
fn signature() -> bool {
    let right = signed();
    let wrong: Vec<[Parts; 2]> = (0..COPIES)
        .map(|_copy| [with_wrong_digit(&right, 0), with_wrong_digit(&right, 63)])
        .collect();
    let unverified: Vec<[Unverified<'_>; 2]> = wrong
        .iter()
        .map(|pair| {
            pair.each_ref()
                .map(|it| Unverified::from_request(it).unwrap())
        })
        .collect();
    let verifier = Verifier::new(DEFAULT_SKEW, 64);
    let secret = SecretAccessKey::new(SECRET.as_bytes());
    let payload = PayloadHash::of(b"");
    let now = Timestamp::new(i64::from(SIGNED_AT), 0);
    expect(
        "signature: first or last digit",
        false,
        &mut |class, copy| {
            let request = &unverified[copy][class];
            let refused = verifier.verify(black_box(request), &secret, &payload, now);
            black_box(refused.unwrap_err());
        },
    )
}

/// The same wrong signature under a key that exists and under one that does not.
///
/// Where a signing key lies in its cache, drawn for each cache, is worth some nanoseconds: any two
/// keys differ by as much. So each copy has a cache and a secret of its own.
fn unknown_key() -> bool {
    let right = signed();
    let wrong: Vec<Parts> = (0..COPIES)
        .map(|_copy| with_wrong_digit(&right, 63))
        .collect();
    let unverified: Vec<Unverified<'_>> = wrong
        .iter()
        .map(|it| Unverified::from_request(it).unwrap())
        .collect();
    let known: Vec<(Verifier, SecretAccessKey)> = (0..COPIES)
        .map(|copy| {
            let secret = format!("{SECRET}{copy}");
            let secret = SecretAccessKey::new(secret.as_bytes());
            (Verifier::new(DEFAULT_SKEW, 64), secret)
        })
        .collect();
    let payload = PayloadHash::of(b"");
    let now = Timestamp::new(i64::from(SIGNED_AT), 0);
    expect("key: unknown or wrong secret", false, &mut |class, copy| {
        let request = black_box(&unverified[copy]);
        let (verifier, secret) = &known[copy];
        let refused = if class == 0 {
            verifier.verify(request, secret, &payload, now).unwrap_err()
        } else {
            verifier.refuse_unknown(request, &payload, now)
        };
        black_box(refused);
    })
}

/// A request that is signed rightly.
fn signed() -> Parts {
    let uri = "http://example.amazonaws.com/FeatureGroup/weather?RecordIdentifierValueAsString=a";
    let mut request = Request::get(uri)
        .header("host", "example.amazonaws.com")
        .body(())
        .unwrap();
    let identity = Credentials::new(ACCESS_KEY, SECRET, None, None, "timing").into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region("us-east-1")
        .name("sagemaker")
        .time(SystemTime::UNIX_EPOCH + Duration::from_secs(u64::from(SIGNED_AT)))
        .settings(SigningSettings::default())
        .build()
        .unwrap()
        .into();
    let headers = [("host", "example.amazonaws.com")];
    let signable =
        SignableRequest::new("GET", uri, headers.into_iter(), SignableBody::Bytes(b"")).unwrap();
    let (instructions, _) = sign(signable, &parameters).unwrap().into_parts();
    instructions.apply_to_request_http1x(&mut request);
    request.into_parts().0
}

/// `parts` with another hexadecimal digit at `position` of the signature.
fn with_wrong_digit(parts: &Parts, position: usize) -> Parts {
    let mut text = parts.headers["authorization"].as_bytes().to_vec();
    let at = text.len() - 64 + position;
    text[at] = if text[at] == b'0' { b'1' } else { b'0' };
    let mut changed = parts.clone();
    let value = http::HeaderValue::from_bytes(&text).unwrap();
    changed.headers.insert("authorization", value);
    changed
}

/// Measures `step(class, copy)` and says whether time tells the classes apart, as `expected`.
fn expect(what: &str, expected: bool, step: &mut dyn FnMut(usize, usize)) -> bool {
    let rounds: Vec<Difference> = (0..ROUNDS).map(|round| measure(round, step)).collect();
    let told =
        rounds.iter().all(Difference::is_longer) || rounds.iter().all(Difference::is_shorter);
    let verdict = match (told, told == expected) {
        (true, true) => "told apart, as it must be",
        (false, true) => "not told apart",
        (true, false) => "TOLD APART",
        (false, false) => "NOT TOLD APART: this rig finds nothing here",
    };
    let shown: Vec<String> = rounds
        .iter()
        .map(|it| format!("{:+.1} ({:+.1} ns)", it.t, it.nanoseconds))
        .collect();
    println!("{what:<32} t = {:<48} {verdict}", shown.join(", "));
    told == expected
}

/// Welch's t of one round.
fn measure(round: usize, step: &mut dyn FnMut(usize, usize)) -> Difference {
    let mut chance = 0x9e37_79b9_7f4a_7c15_u64 ^ u64::try_from(round).unwrap();
    let mut times: [Vec<f64>; 2] = [Vec::new(), Vec::new()];
    for sample in 0..SAMPLES + SAMPLES / 10 {
        chance ^= chance << 13;
        chance ^= chance >> 7;
        chance ^= chance << 17;
        let class = usize::from(chance & 1 == 1);
        let copy = usize::try_from(chance >> 8).unwrap() % COPIES;
        let started = Instant::now();
        step(class, copy);
        let spent = started.elapsed();
        if sample >= SAMPLES / 10 {
            times[class].push(spent.as_secs_f64() * 1e9);
        }
    }
    let limit = cut(&times);
    for class in &mut times {
        class.retain(|time| *time <= limit);
    }
    welch(&times[0], &times[1])
}

/// The time that most samples of both classes together stay below.
fn cut(times: &[Vec<f64>; 2]) -> f64 {
    let mut all = times.concat();
    all.sort_by(f64::total_cmp);
    all[all.len() * KEPT / 10]
}

struct Difference {
    /// In standard errors.
    t: f64,
    /// Of the means.
    nanoseconds: f64,
}

impl Difference {
    /// Whether the first class takes longer by more than chance and place explain.
    fn is_longer(&self) -> bool {
        self.t > THRESHOLD && self.nanoseconds > LEAST
    }

    fn is_shorter(&self) -> bool {
        self.t < -THRESHOLD && self.nanoseconds < -LEAST
    }
}

fn welch(left: &[f64], right: &[f64]) -> Difference {
    let (left, right) = (Moments::of(left), Moments::of(right));
    let nanoseconds = left.mean - right.mean;
    let t = nanoseconds / (left.error + right.error).sqrt();
    Difference { t, nanoseconds }
}

struct Moments {
    mean: f64,
    /// The squared error of the mean.
    error: f64,
}

impl Moments {
    fn of(values: &[f64]) -> Self {
        let count = f64::from(u32::try_from(values.len()).unwrap());
        let mean = values.iter().sum::<f64>() / count;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        Self {
            mean,
            error: squares / (count - 1.0) / count,
        }
    }
}
