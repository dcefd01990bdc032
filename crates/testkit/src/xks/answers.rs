//! What the proxy answers.

use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use crypto::digest::sha256;
use serde_json::{Value, json};

use super::behaviour::{Behaviour, Mode};
use super::keys::Keys;
use super::signature;

/// A request to the proxy.
#[derive(Debug, Clone)]
pub struct Request {
    /// The path.
    pub path: String,
    /// The headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// The number of its connection.
    pub connection: u64,
    /// How many requests came before it on that.
    pub before: u64,
}

impl Request {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let (_, value) = headers.find(|(known, _)| known == name)?;
        Some(value)
    }
}

/// An answer, and how long it is to be waited with.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// `Location`, if the client is sent elsewhere.
    pub location: Option<String>,
    /// The body.
    pub body: Vec<u8>,
    /// How long to wait.
    pub wait: Duration,
    /// Whether to hang up instead.
    pub hang_up: bool,
}

/// The proxy, without its network.
#[derive(Debug)]
pub struct Proxy {
    behaviour: PathBuf,
    keys: Keys,
    log: Option<PathBuf>,
    /// What it was given last to encrypt.
    last: Mutex<Vec<u8>>,
}

type Refusal = (u16, &'static str);

impl Proxy {
    /// A proxy with these keys that behaves as the file `behaviour` says. What it is asked goes
    /// to `log`, a line for each request.
    pub fn new(behaviour: PathBuf, keys: Keys, log: Option<PathBuf>) -> Self {
        Self {
            behaviour,
            keys,
            log,
            last: Mutex::default(),
        }
    }

    /// Answers a signed request.
    pub fn answer(&self, request: &Request) -> Answer {
        let behaviour = Behaviour::read(&self.behaviour);
        let is_signed = signature::is_good(request, &behaviour.credentials);
        self.answer_to(request, &behaviour, is_signed)
    }

    /// Answers a request that was signed with `access_key_id` and `secret`.
    pub fn answer_as(&self, request: &Request, access_key_id: &str, secret: &str) -> Answer {
        let behaviour = Behaviour::read(&self.behaviour);
        let known = behaviour.credentials.get(access_key_id);
        let is_signed = known.is_some_and(|known| known == secret);
        self.answer_to(request, &behaviour, is_signed)
    }

    fn answer_to(&self, request: &Request, behaviour: &Behaviour, is_signed: bool) -> Answer {
        self.write_down(request);
        let mut answer = Answer {
            status: 200,
            location: None,
            body: Vec::new(),
            wait: Duration::ZERO,
            hang_up: behaviour.mode == Mode::HangUp && request.before > 0,
        };
        match &behaviour.mode {
            Mode::Slow(milliseconds) => answer.wait = Duration::from_millis(*milliseconds),
            Mode::Garbage => {
                answer.body = b"<html>".to_vec();
                return answer;
            }
            Mode::Long => {
                answer.body = vec![b' '; 1 << 20];
                return answer;
            }
            Mode::Redirect(location) => {
                answer.status = 307;
                answer.location = Some(location.clone());
                return answer;
            }
            _ => {}
        }
        let (status, body) = match self.work(request, behaviour, is_signed) {
            Ok(body) => (200, body),
            Err((status, name)) => (status, json!({ "errorName": name })),
        };
        answer.status = status;
        answer.body = serde_json::to_vec(&body).unwrap();
        answer
    }

    fn write_down(&self, request: &Request) {
        use std::io::Write as _;
        let Some(log) = &self.log else {
            return;
        };
        let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let line = json!({
            "path": request.path,
            "requestMetadata": body["requestMetadata"],
            "connection": request.connection,
        });
        let mut file = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(log)
            .unwrap();
        writeln!(file, "{line}").unwrap();
    }

    fn work(
        &self,
        request: &Request,
        behaviour: &Behaviour,
        is_signed: bool,
    ) -> Result<Value, Refusal> {
        if let Mode::Fail(name) = &behaviour.mode {
            return Err(refusal(name));
        }
        if !is_signed {
            return Err(refusal("AuthenticationFailedException"));
        }
        let operation = request
            .path
            .strip_prefix(&behaviour.path)
            .ok_or_else(|| refusal("InvalidUriPathException"))?;
        let body: Value = serde_json::from_slice(&request.body)
            .map_err(|_source| refusal("ValidationException"))?;
        match operation.split('/').collect::<Vec<_>>().as_slice() {
            ["", "health"] => Ok(health(behaviour)),
            ["", "keys", id, operation] => {
                let status = behaviour
                    .keys
                    .get(*id)
                    .ok_or_else(|| refusal("KeyNotFoundException"))?;
                match *operation {
                    "metadata" => Ok(metadata(status, &behaviour.mode)),
                    _ if status != "ENABLED" => Err(refusal("InvalidStateException")),
                    "encrypt" => self.encrypt(id, &body, &behaviour.mode),
                    "decrypt" => self.decrypt(id, &body, &behaviour.mode),
                    _ => Err(refusal("InvalidUriPathException")),
                }
            }
            _ => Err(refusal("InvalidUriPathException")),
        }
    }

    fn encrypt(&self, id: &str, body: &Value, mode: &Mode) -> Result<Value, Refusal> {
        let (aad, plaintext) = (
            bytes(body, "additionalAuthenticatedData")?,
            bytes(body, "plaintext")?,
        );
        self.last.lock().unwrap().clone_from(&plaintext);
        let metadata = match mode {
            Mode::MuchMetadata => vec![1; 21],
            _ => b"v1".to_vec(),
        };
        let sealed = self
            .keys
            .encrypt(id, &full_aad(&aad, &metadata), &plaintext);
        let (iv, mut ciphertext) = sealed.ok_or_else(|| refusal("KeyNotFoundException"))?;
        let tag = ciphertext.split_off(ciphertext.len() - 16);
        if *mode == Mode::AlterBoth {
            ciphertext[0] ^= 1;
        }
        let parts = [&aad[..], &metadata, &iv, &ciphertext, &tag].concat();
        let integrity = sha256(&parts);
        if *mode == Mode::AlterCiphertext {
            ciphertext[0] ^= 1;
        }
        Ok(json!({
            "ciphertext": STANDARD.encode(ciphertext),
            "ciphertextMetadata": STANDARD.encode(metadata),
            "initializationVector": STANDARD.encode(iv),
            "authenticationTag": STANDARD.encode(tag),
            "ciphertextDataIntegrityValue": STANDARD.encode(integrity),
        }))
    }

    fn decrypt(&self, id: &str, body: &Value, mode: &Mode) -> Result<Value, Refusal> {
        let aad = bytes(body, "additionalAuthenticatedData")?;
        let metadata = bytes(body, "ciphertextMetadata").unwrap_or_default();
        let sealed = [
            bytes(body, "ciphertext")?,
            bytes(body, "authenticationTag")?,
        ]
        .concat();
        let iv = bytes(body, "initializationVector")?;
        let opened = self
            .keys
            .decrypt(id, &full_aad(&aad, &metadata), (iv, sealed));
        let mut plaintext = opened.ok_or_else(|| refusal("InvalidCiphertextException"))?;
        if *mode == Mode::AlterPlaintext {
            plaintext[0] ^= 1;
        }
        if *mode == Mode::SwapPlaintext {
            plaintext.clone_from(&self.last.lock().unwrap());
        }
        Ok(json!({ "plaintext": STANDARD.encode(plaintext) }))
    }
}

fn health(behaviour: &Behaviour) -> Value {
    let managers = behaviour.managers.iter().enumerate();
    let managers: Vec<Value> = managers
        .map(|(number, status)| {
            json!({ "id": number.to_string(), "model": "SoftHSM", "healthStatus": status })
        })
        .collect();
    json!({
        "xksProxyFleetSize": 1,
        "xksProxyVendor": "Strongroom",
        "xksProxyModel": "test",
        "ekmVendor": "SoftHSM",
        "ekmFleetDetails": managers,
    })
}

fn metadata(status: &str, mode: &Mode) -> Value {
    let usage = match mode {
        Mode::OtherUsage => json!(["WRAP"]),
        _ => json!(["ENCRYPT", "DECRYPT"]),
    };
    json!({ "keySpec": "AES_256", "keyUsage": usage, "keyStatus": status })
}

/// What the key manager authenticates: both parts behind their lengths.
fn full_aad(aad: &[u8], metadata: &[u8]) -> Vec<u8> {
    let length = u16::try_from(aad.len()).unwrap().to_be_bytes();
    let short = u8::try_from(metadata.len()).unwrap();
    [&length[..], aad, &[short], metadata].concat()
}

fn bytes(body: &Value, name: &str) -> Result<Vec<u8>, Refusal> {
    let text = body[name]
        .as_str()
        .ok_or_else(|| refusal("ValidationException"))?;
    STANDARD
        .decode(text)
        .map_err(|_source| refusal("ValidationException"))
}

/// An error of the API with its status.
fn refusal(name: &str) -> Refusal {
    const ALL: [Refusal; 12] = [
        (400, "ValidationException"),
        (400, "InvalidStateException"),
        (400, "InvalidCiphertextException"),
        (400, "InvalidKeyUsageException"),
        (401, "AuthenticationFailedException"),
        (403, "AccessDeniedException"),
        (404, "KeyNotFoundException"),
        (404, "InvalidUriPathException"),
        (429, "ThrottlingException"),
        (501, "UnsupportedOperationException"),
        (503, "DependencyTimeoutException"),
        (500, "InternalException"),
    ];
    ALL.into_iter().find(|(_, known)| *known == name).unwrap()
}
