//! A naive signer that also signs what no SDK would send.

use http::Request;

use crypto::digest::sha256;
use crypto::mac::HmacSha256Key;

pub(super) const HOST: &str = "example.amazonaws.com";
pub(super) const DATE: &str = "20150830T123600Z";
pub(super) const ACCESS_KEY: &str = "AKIDEXAMPLEEXAMPLE00";
pub(super) const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

/// A request to be signed: `POST /` to KMS unless told otherwise.
#[derive(Clone)]
pub(super) struct Draft {
    method: &'static str,
    path: String,
    query: Vec<String>,
    signed: Vec<(String, String)>,
    unsigned: Vec<(String, String)>,
    without: Vec<&'static str>,
    body: Vec<u8>,
    secret: String,
    date: String,
    day: String,
}

impl Draft {
    pub(super) fn new() -> Self {
        Self {
            method: "POST",
            path: "/".to_owned(),
            query: Vec::new(),
            signed: vec![
                ("host".to_owned(), HOST.to_owned()),
                (
                    "x-amz-target".to_owned(),
                    "TrentService.ListKeys".to_owned(),
                ),
            ],
            unsigned: Vec::new(),
            without: Vec::new(),
            body: b"{}".to_vec(),
            secret: SECRET.to_owned(),
            date: DATE.to_owned(),
            day: "20150830".to_owned(),
        }
    }

    pub(super) fn header(mut self, name: &str, value: &str) -> Self {
        self.signed.push((name.to_owned(), value.to_owned()));
        self
    }

    /// A header that is sent but not signed.
    pub(super) fn unsigned(mut self, name: &str, value: &str) -> Self {
        self.unsigned.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sends the header but leaves it out of the signature.
    pub(super) fn without_signing(mut self, name: &'static str) -> Self {
        self.without.push(name);
        self
    }

    /// A parameter, already encoded.
    pub(super) fn query(mut self, pair: &str) -> Self {
        self.query.push(pair.to_owned());
        self
    }

    pub(super) fn secret(mut self, secret: &str) -> Self {
        self.secret = secret.to_owned();
        self
    }

    pub(super) fn body(mut self, body: &[u8]) -> Self {
        self.body = body.to_vec();
        self
    }

    pub(super) fn day(mut self, day: &str) -> Self {
        self.day = day.to_owned();
        self
    }

    pub(super) fn sign(mut self) -> Request<Vec<u8>> {
        if !self.signed.iter().any(|(name, _)| name == "date") {
            self.signed
                .push(("x-amz-date".to_owned(), self.date.clone()));
        }
        let (list, signature) = self.signature();
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={ACCESS_KEY}/{}, SignedHeaders={list}, Signature={signature}",
            self.scope()
        );
        self.unsigned
            .push(("authorization".to_owned(), authorization));
        self.build()
    }

    pub(super) fn presign(mut self, expires: &str) -> Request<Vec<u8>> {
        let names = self.signed_names().join("%3B");
        let scope = self.scope().replace('/', "%2F");
        self.query.extend([
            "X-Amz-Algorithm=AWS4-HMAC-SHA256".to_owned(),
            format!("X-Amz-Credential={ACCESS_KEY}%2F{scope}"),
            format!("X-Amz-Date={}", self.date),
            format!("X-Amz-Expires={expires}"),
            format!("X-Amz-SignedHeaders={names}"),
        ]);
        let (_, signature) = self.signature();
        self.query.push(format!("X-Amz-Signature={signature}"));
        self.build()
    }

    fn scope(&self) -> String {
        format!("{}/us-east-1/kms/aws4_request", self.day)
    }

    fn signed_names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.signed.iter().map(|(name, _)| name.as_str()).collect();
        names.retain(|name| !self.without.contains(name));
        names.sort_unstable();
        names.dedup();
        names
    }

    fn signature(&self) -> (String, String) {
        let names = self.signed_names();
        let mut headers = String::new();
        for name in &names {
            let values: Vec<String> = self
                .signed
                .iter()
                .filter(|(other, _)| other == name)
                .map(|(_, value)| value.split_whitespace().collect::<Vec<_>>().join(" "))
                .collect();
            headers += &[name, ":", &values.join(","), "\n"].concat();
        }
        let mut query = self.query.clone();
        query.sort();
        let list = names.join(";");
        let canonical = format!(
            "{}\n{}\n{}\n{headers}\n{list}\n{}",
            self.method,
            self.path,
            query.join("&"),
            hex::encode(sha256(&self.body))
        );
        let to_sign = format!(
            "AWS4-HMAC-SHA256\n{}\n{}\n{}",
            self.date,
            self.scope(),
            hex::encode(sha256(canonical.as_bytes()))
        );
        let mut key = format!("AWS4{}", self.secret).into_bytes();
        for part in self.scope().split('/') {
            key = HmacSha256Key::new(&key).tag(part.as_bytes()).to_vec();
        }
        (
            list,
            hex::encode(HmacSha256Key::new(&key).tag(to_sign.as_bytes())),
        )
    }

    fn build(self) -> Request<Vec<u8>> {
        let uri = if self.query.is_empty() {
            self.path
        } else {
            format!("{}?{}", self.path, self.query.join("&"))
        };
        let mut request = Request::builder().method(self.method).uri(uri);
        for (name, value) in self.signed.iter().chain(&self.unsigned) {
            request = request.header(name, value);
        }
        request.body(self.body).unwrap()
    }
}
