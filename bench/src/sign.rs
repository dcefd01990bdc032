//! Signature Version 4, as a client makes it: fast enough to sign a million requests up front.

use crypto::HmacSha256Key;
use crypto::digest::sha256;
use types::Timestamp;

/// An access key.
#[derive(Clone)]
pub(crate) struct Credentials {
    /// Its public half.
    pub id: String,
    /// Its secret half.
    pub secret: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// Signs requests of one access key to one service at one time.
#[derive(Debug)]
pub(crate) struct Signer {
    key: HmacSha256Key,
    access_key: String,
    time: String,
    scope: String,
}

impl Signer {
    /// A signer for `service` in `region`, at `time`.
    pub(crate) fn new(
        credentials: &Credentials,
        region: &str,
        service: &str,
        time: Timestamp,
    ) -> Self {
        let time = time.to_basic_iso8601();
        let date = time.split('T').next().unwrap_or_default();
        let mut key = format!("AWS4{}", credentials.secret).into_bytes();
        for part in [date, region, service, "aws4_request"] {
            key = HmacSha256Key::new(&key).tag(part.as_bytes()).to_vec();
        }
        Self {
            key: HmacSha256Key::new(&key),
            access_key: credentials.id.clone(),
            scope: format!("{date}/{region}/{service}/aws4_request"),
            time,
        }
    }

    /// The value of `X-Amz-Date`.
    pub(crate) fn time(&self) -> &str {
        &self.time
    }

    /// The header `Authorization` but for the signature at its end.
    pub(crate) fn authorization(&self, signed_headers: &str) -> String {
        format!(
            "AWS4-HMAC-SHA256 Credential={}/{}, SignedHeaders={signed_headers}, Signature=",
            self.access_key, self.scope
        )
    }

    /// The signature of a canonical request, in hexadecimal digits.
    pub(crate) fn signature(&self, canonical_request: &[u8]) -> [u8; 64] {
        let digest = hex_of(sha256(canonical_request));
        let head = ["AWS4-HMAC-SHA256\n", &self.time, &self.scope];
        let [algorithm, time, scope] = head.map(str::as_bytes);
        hex_of(
            self.key
                .tag_parts(&[algorithm, time, b"\n", scope, b"\n", &digest]),
        )
    }
}

/// A digest in hexadecimal digits.
pub(crate) fn hex_of(digest: [u8; 32]) -> [u8; 64] {
    let mut digits = [0; 64];
    if hex::encode_to_slice(digest, &mut digits).is_err() {
        // The lengths are those of the types.
        digits.fill(b'0');
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `get-vanilla` of AWS's published test suite.
    #[test]
    fn the_published_request_gets_the_published_signature() {
        let credentials = Credentials {
            id: "AKIDEXAMPLE".to_owned(),
            secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_owned(),
        };
        let time = Timestamp::new(1_440_938_160, 0);
        let signer = Signer::new(&credentials, "us-east-1", "service", time);
        let canonical = "GET\n/\n\nhost:example.amazonaws.com\nx-amz-date:20150830T123600Z\n\n\
             host;x-amz-date\n\
             e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let expected = "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31";
        assert_eq!(signer.signature(canonical.as_bytes()), expected.as_bytes());
    }
}
