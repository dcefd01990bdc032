//! What subcommands share: asking a server and waiting for its answer, reading that, and printing.

use std::ffi::OsString;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use serde_json::Value;

/// Where the system has the certificates of its authorities.
const SYSTEM: &str = "/etc/ssl/certs/ca-certificates.crt";

/// The certificates that a server's certificate must come from if neither a flag nor
/// `STRONGROOM_CA_FILE` says so: those of `AWS_CA_BUNDLE`, as the AWS CLI takes them, else of
/// `SSL_CERT_FILE`, else the system's. A variable that is empty says nothing.
pub(crate) fn authorities() -> PathBuf {
    authorities_of(|name| std::env::var_os(name))
}

fn authorities_of(variable: impl Fn(&str) -> Option<OsString>) -> PathBuf {
    let named = ["AWS_CA_BUNDLE", "SSL_CERT_FILE"].into_iter();
    let named = named.filter_map(variable).find(|value| !value.is_empty());
    named.map_or_else(|| SYSTEM.into(), PathBuf::from)
}

/// A runtime for a subcommand, on the thread that asks for it.
pub(crate) fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("starting the runtime failed")
}

/// What `work`, which asks a server, comes to; fails if that takes longer than `patience`.
pub(crate) fn answer<T>(
    patience: Duration,
    work: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<T> {
    runtime()?.block_on(in_time(patience, work))
}

/// The same for whoever asks more than once.
pub(crate) async fn in_time<T>(
    patience: Duration,
    work: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<T> {
    let answer = tokio::time::timeout(patience, work).await;
    answer.context("the server did not answer in time")?
}

/// Writes `text` to standard output, at once.
pub(crate) fn print(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .context("writing to standard output failed")
}

/// The text `name` of an answer; empty if it has none.
pub(crate) fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// The number `name` of an answer; 0 if it has none.
pub(crate) fn number(value: &Value, name: &str) -> u64 {
    value.get(name).and_then(Value::as_u64).unwrap_or_default()
}

/// The elements of the list `name` of an answer.
pub(crate) fn list<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    let items = value.get(name).and_then(Value::as_array);
    items.into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(variables: &[(&str, &str)], expected: &str) {
        let of = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| OsString::from(value))
        };
        assert_eq!(authorities_of(of), PathBuf::from(expected));
    }

    #[test]
    fn authorities_are_those_of_aws_then_those_of_openssl_then_the_systems() {
        let (aws, openssl) = (("AWS_CA_BUNDLE", "/aws.pem"), ("SSL_CERT_FILE", "/ssl.pem"));
        check(&[openssl, aws], "/aws.pem");
        check(&[openssl], "/ssl.pem");
        check(&[("AWS_CA_BUNDLE", ""), openssl], "/ssl.pem");
        check(&[("AWS_CA_BUNDLE", ""), ("SSL_CERT_FILE", "")], SYSTEM);
        check(&[], SYSTEM);
    }
}
