//! Single calls: what the set-up needs, signed and checked, one connection each.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::Value;

use crate::clock::now;
use crate::load::content_length;
use crate::requests::{Draft, Requests};
use crate::sign::Credentials;

/// The region that everything is signed for.
pub(crate) const REGION: &str = "us-east-1";

/// A caller of one server.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    /// The server.
    pub address: SocketAddr,
    /// Who calls.
    pub credentials: Credentials,
}

impl Client {
    /// Signs `draft` once for each row of record numbers.
    pub(crate) fn sign<R: AsRef<[u64]>>(
        &self,
        draft: &Draft,
        rows: impl IntoIterator<Item = R>,
    ) -> Requests {
        let host = self.address.to_string();
        Requests::sign(draft, &host, REGION, &self.credentials, now(), rows)
    }

    /// Sends one request; the whole answer, head and body, whatever its status.
    pub(crate) fn exchange(&self, draft: &Draft, row: &[u64]) -> anyhow::Result<Answer> {
        let requests = self.sign(draft, [row]);
        let mut request = requests.buffer();
        requests.write_next(&mut request);
        exchange(self.address, &request)
    }

    /// A JSON 1.1 call, for example `TrentService.CreateKey` of `kms`.
    pub(crate) fn json(
        &self,
        service: &'static str,
        operation: &str,
        input: &Value,
    ) -> anyhow::Result<Value> {
        let draft = json_draft(service, operation, input.to_string());
        let answer = self.exchange(&draft, &[])?.checked(operation)?;
        serde_json::from_str(&answer.body).context("an answer that is no JSON")
    }

    /// A query call of IAM; the XML of the answer.
    pub(crate) fn iam(
        &self,
        operation: &str,
        parameters: &[(&str, &str)],
    ) -> anyhow::Result<String> {
        let mut body = format!("Action={operation}&Version=2010-05-08");
        for (name, value) in parameters {
            body.extend(["&", *name, "=", &percent_encoded(value)]);
        }
        let draft = Draft {
            method: "POST",
            target: "/".to_owned(),
            service: "iam",
            content_type: Some("application/x-www-form-urlencoded"),
            operation: None,
            body,
        };
        Ok(self.exchange(&draft, &[])?.checked(operation)?.body)
    }
}

/// A JSON 1.1 request.
pub(crate) fn json_draft(service: &'static str, operation: &str, body: String) -> Draft {
    Draft {
        method: "POST",
        target: "/".to_owned(),
        service,
        content_type: Some("application/x-amz-json-1.1"),
        operation: Some(operation.to_owned()),
        body,
    }
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    /// Status line and headers, with the empty line.
    pub head: String,
    /// What follows.
    pub body: String,
}

impl Answer {
    /// Fails with the body if the status is not 200.
    pub(crate) fn checked(self, what: &str) -> anyhow::Result<Self> {
        if self.head.get(9..12) != Some("200") {
            let status = self.head.lines().next().unwrap_or_default();
            bail!("{what}: {status}: {}", self.body);
        }
        Ok(self)
    }
}

/// Sends `request` on a connection of its own and reads the answer.
pub(crate) fn exchange(address: SocketAddr, request: &[u8]) -> anyhow::Result<Answer> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    stream.set_nodelay(true)?;
    stream.write_all(request)?;
    let mut received = Vec::new();
    let mut part = [0; 16 * 1024];
    loop {
        if let Some(answer) = complete(&received)? {
            return Ok(answer);
        }
        let length = stream.read(&mut part)?;
        if length == 0 {
            bail!("the connection was closed before the answer was complete");
        }
        received.extend_from_slice(part.get(..length).unwrap_or_default());
    }
}

fn complete(received: &[u8]) -> anyhow::Result<Option<Answer>> {
    let Some(end) = memchr::memmem::find(received, b"\r\n\r\n") else {
        return Ok(None);
    };
    let (head, body) = received.split_at(end + 4);
    let length = content_length(head).context("an answer without content-length")?;
    if body.len() < length {
        return Ok(None);
    }
    Ok(Some(Answer {
        head: String::from_utf8(head.to_vec())?,
        body: String::from_utf8(body.to_vec())?,
    }))
}

fn percent_encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' => {
                encoded.push(char::from(byte));
            }
            _ => encoded.push_str(&format_args!("%{byte:02X}").to_string()),
        }
        encoded
    })
}

/// The text of the first element `name` of an XML document.
pub(crate) fn element<'x>(xml: &'x str, name: &str) -> anyhow::Result<&'x str> {
    let (_, rest) = xml
        .split_once(&format!("<{name}>"))
        .with_context(|| format!("no {name} in the answer"))?;
    let (text, _) = rest.split_once('<').context("an element without end")?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_complete_when_its_announced_length_has_arrived() {
        let head = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n";
        let read = |text: String| complete(text.as_bytes()).unwrap().map(|answer| answer.body);
        assert_eq!(read(head.replace("\r\n\r\n", "\r\n")), None);
        assert_eq!(read(format!("{head}ab")), None);
        assert_eq!(read(format!("{head}abc")).as_deref(), Some("abc"));
    }

    #[test]
    fn elements_are_found_by_name() {
        assert_eq!(element("<a><b>x</b></a>", "b").unwrap(), "x");
        assert!(element("<a/>", "b").is_err());
    }
}
