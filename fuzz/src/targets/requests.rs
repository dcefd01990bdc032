//! Whole requests: bounds, signature, envelope, and the input of every operation.
//!
//! The first line is the service of the credential scope, then comes the request as
//! `METHOD URI`, headers, an empty line and the body, with single line feeds.

use std::collections::HashMap;
use std::sync::LazyLock;

use http::Request;
use pipeline::{Operation, Registry};
use types::Service;
use wire::sigv4::Unverified;
use wire::{Call, Envelope, Limits};

type Reads = fn(&Call<'_>) -> Result<(), wire::Error>;

/// How the input of every operation of this server is read.
#[derive(Default)]
struct Readers(HashMap<(Service, &'static str), Reads>);

impl Registry for Readers {
    fn add<O: Operation>(&mut self) {
        self.0.insert((O::SERVICE, O::NAME), |call| {
            call.read::<O::Input>().map(|_input| ())
        });
    }
}

static READERS: LazyLock<Readers> = LazyLock::new(|| {
    let mut readers = Readers::default();
    iam::register(&mut readers);
    kms::register(&mut readers);
    cloudtrail::register(&mut readers);
    featurestore::register(&mut readers);
    readers
});

pub(crate) fn run(data: &[u8]) -> bool {
    let Some((parts, body)) = request(data) else {
        return false;
    };
    let refused = |error: &wire::Error, service| {
        let refusal = error.refusal(wire::protocol_of(&parts), service);
        assert!(!refusal.code.is_empty() && !refusal.message.is_empty());
        assert!(refusal.message.len() < 100_000, "a refusal without bounds");
        false
    };
    if let Err(error) = Limits::default().check(&parts) {
        return refused(&error, None);
    }
    let unverified = match Unverified::from_request(&parts) {
        Ok(unverified) => unverified,
        Err(error) => return refused(&error.into(), None),
    };
    let envelope = match Envelope::from_request(&parts, unverified.scope()) {
        Ok(envelope) => envelope,
        Err(error) => return refused(&error, None),
    };
    match envelope.call(body) {
        Ok(call) => {
            if let Some(named) = envelope.operation() {
                assert_eq!(named, call.operation(), "head and body name two operations");
            }
            let of_call = |(service, name): &(Service, &str)| {
                *service == call.service() && *name == call.operation()
            };
            let mut readers = READERS.0.iter();
            match readers.find(|(named, _)| of_call(named)) {
                None => false,
                Some((_, reads)) => match reads(&call) {
                    Ok(()) => true,
                    Err(error) => refused(&error, Some(call.service())),
                },
            }
        }
        Err(error) => refused(&error, Some(envelope.service())),
    }
}

/// Reads the request of the form above and signs it wrongly, so that it can be read.
fn request(data: &[u8]) -> Option<(http::request::Parts, &[u8])> {
    let end = data.windows(2).position(|pair| pair == b"\n\n")?;
    let (head, body) = (data.get(..end)?, data.get(end + 2..)?);
    let mut lines = head.split(|byte| *byte == b'\n');
    let scope = std::str::from_utf8(lines.next()?).ok()?;
    let mut first = lines.next()?.splitn(2, |byte| *byte == b' ');
    let mut request = Request::builder()
        .method(first.next()?)
        .uri(first.next()?)
        .header("host", "h")
        .header("x-amz-date", "20150830T123600Z");
    let mut signed = vec!["host".to_owned(), "x-amz-date".to_owned()];
    for line in lines {
        let at = line.iter().position(|byte| *byte == b':')?;
        let (name, value) = (line.get(..at)?, line.get(at + 1..)?.trim_ascii());
        signed.push(String::from_utf8_lossy(name).to_lowercase());
        request = request.header(name, value);
    }
    signed.sort();
    signed.dedup();
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLEEXAMPLE00/20150830/us-east-1/{scope}/aws4_request, \
         SignedHeaders={}, Signature={}",
        signed.join(";"),
        "0".repeat(64)
    );
    let request = request
        .header("authorization", authorization)
        .body(())
        .ok()?;
    Some((request.into_parts().0, body))
}
