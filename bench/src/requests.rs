//! Requests signed before the run: one template, and for each request what differs.
//!
//! Record names have a fixed length, so that the load generator only patches bytes at fixed
//! offsets into a buffer that it already has.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};

use crypto::digest::sha256;
use types::Timestamp;

use crate::sign::{Credentials, Signer, hex_of};

/// Where a record's name goes in a target or body: `slot(0)`, `slot(1)`, …
pub(crate) fn slot(number: usize) -> String {
    format!("~{number:08}~")
}

/// The name of record `number`; as long as a [`slot`].
pub(crate) fn record_name(number: u64) -> String {
    format!("r{number:09}")
}

/// Bytes of a record's name.
const NAME: usize = 10;

/// Where the signature goes.
const SIGNATURE: &str = "________________________________________________________________";

/// A request before it is signed; target and body may hold [`slot`]s.
#[derive(Debug, Clone)]
pub(crate) struct Draft {
    /// The method.
    pub method: &'static str,
    /// Path and query.
    pub target: String,
    /// The service to sign for.
    pub service: &'static str,
    /// `Content-Type`, for requests with a body.
    pub content_type: Option<&'static str>,
    /// `X-Amz-Target`, for JSON 1.1.
    pub operation: Option<String>,
    /// The body.
    pub body: String,
}

/// A place in the template that differs between requests.
#[derive(Debug, Clone, Copy)]
struct Patch {
    /// Where in the request.
    at: usize,
    /// Where in the request's row of values.
    from: usize,
    /// How long.
    length: usize,
}

/// Signed requests, handed out in turn to any number of connections.
#[derive(Debug)]
pub(crate) struct Requests {
    template: Vec<u8>,
    patches: Vec<Patch>,
    row: usize,
    values: Vec<u8>,
    next: AtomicUsize,
}

impl Requests {
    /// Signs one request for each row of record numbers; every row fills all slots.
    pub(crate) fn sign<R: AsRef<[u64]>>(
        draft: &Draft,
        host: &str,
        region: &str,
        credentials: &Credentials,
        time: Timestamp,
        rows: impl IntoIterator<Item = R>,
    ) -> Self {
        let signer = Signer::new(credentials, region, draft.service, time);
        let (template, mut canonical) = write_out(draft, host, &signer);
        let mut body = draft.body.clone().into_bytes();
        let in_template = slots(&template);
        let in_canonical = slots(&canonical);
        let in_body = slots(&body);
        let names = in_template.iter().map(|(_, slot)| slot + 1).max();
        let names = names.unwrap_or_default();
        let row = names * NAME + SIGNATURE.len();
        let mut patches: Vec<Patch> = in_template
            .iter()
            .map(|(at, slot)| Patch {
                at: *at,
                from: slot * NAME,
                length: NAME,
            })
            .collect();
        if let Some(at) = memchr::memmem::find(&template, SIGNATURE.as_bytes()) {
            patches.push(Patch {
                at,
                from: names * NAME,
                length: SIGNATURE.len(),
            });
        }
        let mut values = Vec::new();
        for numbers in rows {
            let begin = values.len();
            // A draft without slots has no use for them.
            for number in numbers.as_ref().iter().take(names) {
                values.extend_from_slice(record_name(*number).as_bytes());
            }
            let filled = values.get(begin..).unwrap_or_default();
            fill_slots(&mut canonical, &in_canonical, filled);
            fill_slots(&mut body, &in_body, filled);
            let hash = canonical.len() - SIGNATURE.len();
            put(&mut canonical, hash, &hex_of(sha256(&body)));
            let signature = signer.signature(&canonical);
            values.extend_from_slice(&signature);
        }
        Self {
            template,
            patches,
            row,
            values,
            next: AtomicUsize::new(0),
        }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.values.len() / self.row
    }

    /// A buffer to write requests into with [`Requests::write_next`].
    pub(crate) fn buffer(&self) -> Vec<u8> {
        self.template.clone()
    }

    /// Writes the next request into a buffer of [`Requests::buffer`]; starts over at the end.
    pub(crate) fn write_next(&self, buffer: &mut [u8]) {
        let number = self.next.fetch_add(1, Ordering::Relaxed) % self.len().max(1);
        let begin = number * self.row;
        let values = self.values.get(begin..begin + self.row).unwrap_or_default();
        for patch in &self.patches {
            let value = values.get(patch.from..patch.from + patch.length);
            put(buffer, patch.at, value.unwrap_or_default());
        }
    }
}

/// The request's bytes and its canonical form, both with slots.
fn write_out(draft: &Draft, host: &str, signer: &Signer) -> (Vec<u8>, Vec<u8>) {
    let time = signer.time();
    let mut headers = vec![("host", host), ("x-amz-date", time)];
    if let Some(content_type) = draft.content_type {
        headers.insert(0, ("content-type", content_type));
    }
    if let Some(operation) = &draft.operation {
        headers.push(("x-amz-target", operation));
    }
    let names: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
    let names = names.join(";");
    let lines: Vec<String> = headers
        .iter()
        .map(|(name, value)| format!("{name}:{value}\n"))
        .collect();
    let lines = lines.concat();
    let (path, query) = draft.target.split_once('?').unwrap_or((&draft.target, ""));
    let canonical = format!(
        "{}\n{path}\n{query}\n{lines}\n{names}\n{SIGNATURE}",
        draft.method
    );
    // The headers that boto3 sends.
    let mut text = format!(
        "{} {} HTTP/1.1\r\nHost: {host}\r\n",
        draft.method, draft.target
    );
    text.push_str("Accept-Encoding: identity\r\n");
    if let Some(operation) = &draft.operation {
        let _written = write!(text, "X-Amz-Target: {operation}\r\n");
    }
    if let Some(content_type) = draft.content_type {
        let _written = write!(text, "Content-Type: {content_type}\r\n");
    }
    text.push_str(
        "User-Agent: Boto3/1.40.0 md/Botocore#1.40.0 ua/2.1 os/linux lang/python#3.11 \
         md/pyimpl#CPython cfg/retry-mode#legacy Botocore/1.40.0\r\n",
    );
    let _written = write!(
        text,
        "X-Amz-Date: {time}\r\nAuthorization: {}{SIGNATURE}\r\n",
        signer.authorization(&names)
    );
    text.push_str(
        "amz-sdk-invocation-id: 2a0f5a3e-5f43-4c5b-9a51-7b7d6c1b9f10\r\n\
         amz-sdk-request: attempt=1\r\n",
    );
    if draft.method != "GET" {
        let _written = write!(text, "Content-Length: {}\r\n", draft.body.len());
    }
    text.push_str("\r\n");
    text.push_str(&draft.body);
    (text.into_bytes(), canonical.into_bytes())
}

/// Where the slots are, and which.
fn slots(text: &[u8]) -> Vec<(usize, usize)> {
    memchr::memchr_iter(b'~', text)
        .filter_map(|at| {
            let inside = text.get(at + 1..at + NAME - 1)?;
            let ends = text.get(at + NAME - 1) == Some(&b'~');
            let number = std::str::from_utf8(inside).ok()?.parse().ok()?;
            ends.then_some((at, number))
        })
        .collect()
}

fn fill_slots(text: &mut [u8], slots: &[(usize, usize)], names: &[u8]) {
    for (at, slot) in slots {
        let name = names.get(slot * NAME..(slot + 1) * NAME);
        put(text, *at, name.unwrap_or_default());
    }
}

fn put(text: &mut [u8], at: usize, bytes: &[u8]) {
    if let Some(place) = text.get_mut(at..at + bytes.len()) {
        place.copy_from_slice(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signed(draft: &Draft, rows: &[Vec<u64>]) -> Requests {
        let credentials = Credentials {
            id: "AKIDEXAMPLE".to_owned(),
            secret: "secret".to_owned(),
        };
        let time = Timestamp::new(1_440_938_160, 0);
        Requests::sign(draft, "h", "us-east-1", &credentials, time, rows)
    }

    fn draft(target: &str, body: String) -> Draft {
        Draft {
            method: "PUT",
            target: target.to_owned(),
            service: "sagemaker",
            content_type: Some("application/json"),
            operation: None,
            body,
        }
    }

    fn next(requests: &Requests) -> String {
        let mut buffer = requests.buffer();
        requests.write_next(&mut buffer);
        String::from_utf8(buffer).unwrap()
    }

    #[test]
    fn a_patched_request_is_the_one_that_signing_it_alone_makes() {
        let body = format!("{{\"a\":\"{}\",\"b\":\"{}\"}}", slot(1), slot(0));
        let target = format!("/x?y={}", slot(0));
        let requests = signed(&draft(&target, body), &[vec![1, 2], vec![33, 44]]);
        next(&requests);
        let second = next(&requests);
        assert!(second.starts_with("PUT /x?y=r000000033 HTTP/1.1\r\n"));
        let body = "{\"a\":\"r000000044\",\"b\":\"r000000033\"}";
        assert!(second.ends_with(body));
        let alone = signed(&draft("/x?y=r000000033", body.to_owned()), &[vec![]]);
        assert_eq!(second, next(&alone));
    }

    #[test]
    fn requests_start_over_at_the_end() {
        let requests = signed(&draft(&slot(0), String::new()), &[vec![1], vec![2]]);
        let first = next(&requests);
        assert_ne!(first, next(&requests));
        assert_eq!(first, next(&requests));
    }
}
