//! Whether a request is signed as the API has it: SigV4 for the service `kms-xks-proxy`.

use std::collections::BTreeMap;

use crypto::digest::sha256;
use crypto::mac::HmacSha256Key;

use super::Request;

/// Whether `request` is signed with one of `credentials`, host and date included.
pub(super) fn is_good(request: &Request, credentials: &BTreeMap<String, String>) -> bool {
    check(request, credentials).unwrap_or(false)
}

fn check(request: &Request, credentials: &BTreeMap<String, String>) -> Option<bool> {
    let given = request.header("authorization")?;
    let given = given.strip_prefix("AWS4-HMAC-SHA256 ")?;
    let parts: BTreeMap<&str, &str> = given
        .split(',')
        .filter_map(|part| part.trim().split_once('='))
        .collect();
    let (id, scope) = parts.get("Credential")?.split_once('/')?;
    let secret = credentials.get(id)?;
    let names: Vec<&str> = parts.get("SignedHeaders")?.split(';').collect();
    if !names.contains(&"host") || !names.contains(&"x-amz-date") {
        return Some(false);
    }
    let mut headers = String::new();
    for name in &names {
        headers.extend([name, ":", request.header(name)?.trim(), "\n"]);
    }
    let canonical = format!(
        "POST\n{}\n\n{headers}\n{}\n{}",
        request.path,
        names.join(";"),
        hex::encode(sha256(&request.body))
    );
    let date = request.header("x-amz-date")?;
    let scope_parts: Vec<&str> = scope.split('/').collect();
    let [day, _region, service, end] = scope_parts.as_slice() else {
        return Some(false);
    };
    if !date.starts_with(day) || *service != "kms-xks-proxy" || *end != "aws4_request" {
        return Some(false);
    }
    let digest = hex::encode(sha256(canonical.as_bytes()));
    let to_sign = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{digest}");
    let mut key = HmacSha256Key::new(&[b"AWS4", secret.as_bytes()].concat());
    for part in scope_parts {
        key = HmacSha256Key::new(&key.tag(part.as_bytes())[..]);
    }
    let expected = hex::encode(key.tag(to_sign.as_bytes()));
    Some(parts.get("Signature") == Some(&expected.as_str()))
}
