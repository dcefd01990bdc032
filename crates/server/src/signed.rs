//! A signed call of one of the server's own services, for subcommands.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use bytes::Bytes;
use crypto::digest::sha256;
use crypto::mac::HmacSha256Key;
use crypto::secret::SecretBytes;
use http::{Request, StatusCode, Uri};
use serde_json::Value;
use types::{Clock, Region, SystemClock, Timestamp};
use zeroize::Zeroizing;

use crate::cli::{ClientArgs, RegionalArgs};
use crate::unseal_client::Target;

/// A service that speaks JSON, and where it is called.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Api<'a> {
    /// Its name in signatures.
    pub(crate) service: &'static str,
    /// What stands before the operation in `X-Amz-Target`.
    pub(crate) target: &'static str,
    /// The region.
    pub(crate) region: &'a str,
}

/// Our own service, where what is asked concerns the whole deployment.
pub(crate) const OWN: Api<'static> = Api {
    service: "strongroom",
    target: "Strongroom",
    region: Region::GLOBAL,
};

/// The headers that are signed when there is no session token.
const SIGNED: &str = "content-type;host;x-amz-date;x-amz-target";

const MEDIA: &str = "application/x-amz-json-1.1";

/// An access key.
pub(crate) struct Credentials {
    id: String,
    secret: SecretBytes,
    token: Option<String>,
}

impl Credentials {
    /// The credentials of the environment, or else of a file: that of
    /// `AWS_SHARED_CREDENTIALS_FILE`, or the one that the server wrote into the data directory.
    ///
    /// Fails with what was looked for if there are none.
    fn find(args: &ClientArgs) -> anyhow::Result<Self> {
        if let Some(found) = Self::of_environment() {
            return Ok(found);
        }
        let shared = variable("AWS_SHARED_CREDENTIALS_FILE").map(PathBuf::from);
        let of_server = args.data.as_ref().map(|data| data.join("credentials"));
        let Some(path) = shared.or(of_server) else {
            bail!(
                "there are no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or \
                 AWS_SHARED_CREDENTIALS_FILE, or name the server's data directory with --data"
            );
        };
        let profile = variable("AWS_PROFILE").unwrap_or_else(|| "default".to_owned());
        Self::read(&path, &profile)
    }

    /// Those of `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`, if set.
    pub(crate) fn of_environment() -> Option<Self> {
        Some(Self {
            id: variable("AWS_ACCESS_KEY_ID")?,
            secret: SecretBytes::from(variable("AWS_SECRET_ACCESS_KEY")?.into_bytes()),
            token: variable("AWS_SESSION_TOKEN"),
        })
    }

    /// Those of a profile in a file of AWS's shared-credentials format.
    pub(crate) fn read(path: &Path, profile: &str) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path).map(Zeroizing::new);
        let text = text.with_context(|| format!("reading `{}` failed", path.display()))?;
        Self::of_profile(&text, profile).with_context(|| {
            let path = path.display();
            format!("`{path}` has no access key for the profile `{profile}`")
        })
    }

    /// The access key of `profile` in a file of AWS's shared-credentials format.
    fn of_profile(text: &str, profile: &str) -> Option<Self> {
        let lines = text.lines().map(str::trim);
        let mut within = lines.skip_while(|line| *line != format!("[{profile}]"));
        within.next();
        let (mut id, mut secret, mut token) = (None, None, None);
        for line in within.take_while(|line| !line.starts_with('[')) {
            match line
                .split_once('=')
                .map(|(key, value)| (key.trim(), value.trim()))
            {
                Some(("aws_access_key_id", value)) => id = Some(value.to_owned()),
                Some(("aws_secret_access_key", value)) => {
                    secret = Some(SecretBytes::from(value.as_bytes().to_vec()));
                }
                Some(("aws_session_token", value)) => token = Some(value.to_owned()),
                _ => {}
            }
        }
        Some(Self {
            id: id?,
            secret: secret?,
            token,
        })
    }

    /// The headers that sign a JSON call of `service`.
    fn sign(
        &self,
        (api, target): (Api<'_>, &str),
        host: &str,
        body: &[u8],
        now: Timestamp,
    ) -> Vec<(&'static str, String)> {
        let date = now.to_basic_iso8601();
        let day = date.get(..8).unwrap_or_default();
        let Api {
            service, region, ..
        } = api;
        let scope = format!("{day}/{region}/{service}/aws4_request");
        let mut signed = SIGNED.to_owned();
        let token = self.token.as_ref().map_or_else(String::new, |token| {
            signed = SIGNED.replace("date;", "date;x-amz-security-token;");
            format!("x-amz-security-token:{token}\n")
        });
        let payload = hex::encode(sha256(body));
        let canonical = format!(
            "POST\n/\n\ncontent-type:{MEDIA}\nhost:{host}\nx-amz-date:{date}\n{token}\
             x-amz-target:{target}\n\n{signed}\n{payload}"
        );
        let digest = hex::encode(sha256(canonical.as_bytes()));
        let to_sign = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{digest}");
        let seed = Zeroizing::new([b"AWS4", self.secret.expose()].concat());
        let mut key = HmacSha256Key::new(&seed);
        for part in [day, region, service, "aws4_request"] {
            let derived = Zeroizing::new(key.tag(part.as_bytes()));
            key = HmacSha256Key::new(derived.as_slice());
        }
        let signature = hex::encode(key.tag(to_sign.as_bytes()));
        let id = &self.id;
        let mut headers = vec![
            ("host", host.to_owned()),
            ("content-type", MEDIA.to_owned()),
            ("x-amz-date", date),
            ("x-amz-target", target.to_owned()),
            (
                "authorization",
                format!(
                    "AWS4-HMAC-SHA256 Credential={id}/{scope}, SignedHeaders={signed}, \
                     Signature={signature}"
                ),
            ),
        ];
        headers.extend(
            self.token
                .clone()
                .map(|token| ("x-amz-security-token", token)),
        );
        headers
    }
}

/// A call that was not answered with success.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    /// The service refused it.
    #[error("{operation} failed: {code}: {message}{reason}")]
    Refused {
        /// The operation.
        operation: String,
        /// The error's code.
        code: String,
        /// What the service says.
        message: String,
        /// Which policies, in parentheses, or nothing.
        reason: String,
    },
    /// The answer is none that such a call has.
    #[error("the answer cannot be understood")]
    Unreadable,
    /// There was no answer in time.
    #[error("there was no answer within {} s", .0.as_secs())]
    Late(Duration),
    /// The call could not be made.
    #[error(transparent)]
    Other(#[from] anyhow::Error),
}

/// Calls `operation` of a service and returns its answer.
///
/// Fails with the error's code and text if the server refuses.
pub(crate) async fn call(
    args: &ClientArgs,
    api: Api<'_>,
    operation: &str,
    input: &Value,
) -> anyhow::Result<Value> {
    let credentials = Credentials::find(args)?;
    let place = (&args.endpoint, args.authorities.ca_file.as_path());
    Ok(call_with(&credentials, place, api, operation, input).await?)
}

/// The same of our own service in the region that `at` names.
pub(crate) async fn own(
    at: &RegionalArgs,
    operation: &str,
    input: &Value,
) -> anyhow::Result<Value> {
    let region = at.region()?;
    let api = Api {
        region: region.as_str(),
        ..OWN
    };
    call(&at.client, api, operation, input).await
}

/// [`call`] with these credentials, of the server at an endpoint that these authorities vouch
/// for.
pub(crate) async fn call_with(
    credentials: &Credentials,
    (endpoint, ca_file): (&Uri, &Path),
    api: Api<'_>,
    operation: &str,
    input: &Value,
) -> Result<Value, CallError> {
    let server = Target::parse(endpoint)?;
    let body = serde_json::to_vec(input).context("the request cannot be made")?;
    // What the body says may be secret.
    let body = Bytes::from_owner(Zeroizing::new(body));
    let host = server.host();
    let target = format!("{}.{operation}", api.target);
    let called = (api, target.as_str());
    let now = SystemClock::new().now();
    let mut request = Request::post("/");
    for (name, value) in credentials.sign(called, &host, &body, now) {
        request = request.header(name, value);
    }
    let request = request.body(http_body_util::Full::new(body));
    let request = request.context("the request cannot be made")?;
    let (status, answer) = server.send(ca_file, request).await?;
    let answer: Value = serde_json::from_slice(&answer).unwrap_or_default();
    if status == StatusCode::OK {
        return Ok(answer);
    }
    let part = |name: &str| answer.get(name).and_then(Value::as_str).unwrap_or_default();
    let reason = part("Reason");
    // AWS writes `message` or `Message`, and the code behind a namespace.
    let message = match part("message") {
        "" => part("Message"),
        message => message,
    };
    let code = part("__type");
    Err(CallError::Refused {
        operation: operation.to_owned(),
        code: code.rsplit('#').next().unwrap_or(code).to_owned(),
        message: message.to_owned(),
        reason: if reason.is_empty() {
            String::new()
        } else {
            format!(" ({reason})")
        },
    })
}

/// Whether the service refused a call because there were too many.
pub(crate) fn is_throttled(error: &anyhow::Error) -> bool {
    let refused = error.downcast_ref::<CallError>();
    matches!(refused, Some(CallError::Refused { code, .. }) if code == "ThrottlingException")
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Credentials({}, ***)", self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "[other]\naws_access_key_id = AKIAOTHER\naws_secret_access_key = x\n\n\
        [default]\naws_access_key_id=AKIADEFAULT\naws_secret_access_key = a=b\n[last]\n\
        aws_access_key_id = AKIALAST\n";

    fn check(profile: &str, expected: Option<(&str, &[u8])>) {
        let found = Credentials::of_profile(FILE, profile);
        let found = found.map(|found| (found.id.clone(), found.secret.expose().to_vec()));
        let expected = expected.map(|(id, secret)| (id.to_owned(), secret.to_vec()));
        assert_eq!(found, expected, "{profile}");
    }

    #[test]
    fn credentials_are_those_of_the_profile() {
        check("default", Some(("AKIADEFAULT", b"a=b")));
        check("other", Some(("AKIAOTHER", b"x")));
        check("last", None);
        check("none", None);
    }
}
