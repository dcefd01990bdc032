//! Cryptographic calls of KMS beside bare hyper, and beside the primitive that each is about.

use std::hint::black_box;

use anyhow::Context;
use crypto::mac::{MacAlgorithm, MacKey};
use crypto::signing::{Hash, Message, Scheme};
use crypto::{CommittingKey, Key32, KeyPair, PairSpec, SecretBytes, SystemEntropy};
use serde_json::{Value, json};

use super::traffic::Kind;
use crate::client::{Client, json_draft};
use crate::clock::tick;
use crate::numbers::{float, median, nanos};
use crate::report::{Fact, Report, Traffic};
use crate::requests::{Draft, slot};
use crate::stage::Stage;
use crate::world;

const CONNECTIONS: usize = 64;

/// Requests signed for one row.
const SIGNED: usize = 100_000;

/// Values that a request's context or message is drawn from.
const DRAWN: u64 = 1_000_000;

/// Timings of a primitive, of which the median counts.
const TIMINGS: usize = 5;

/// 32 bytes in base64.
const PLAINTEXT: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// Measures each operation and adds its row and ratio.
pub(super) fn calls(stage: &Stage<'_>, report: &mut Report) -> anyhow::Result<()> {
    let (administrator, key) = (&stage.world.administrator, &stage.world.key);
    let sealing = CommittingKey::new(&Key32::generate(&SystemEntropy));
    let context = json!({"record": slot(0)});
    let input = json!({"KeyId": key, "Plaintext": PLAINTEXT, "EncryptionContext": context});
    let seal = || drop(black_box(sealing.seal(&SystemEntropy, &[7; 120], &[7; 32])));
    row(stage, report, "Encrypt", &input, 10_000, seal)?;
    decrypt(stage, report, &sealing)?;
    let draft = world::generate_data_key(key);
    let seal = || {
        let drawn = SecretBytes::generate(&SystemEntropy, 32);
        black_box(sealing.seal(&SystemEntropy, &[7; 120], drawn.expose()));
    };
    compare(stage, report, "kms:GenerateDataKey", draft, 10_000, seal)?;
    let message = format!("AA{}", slot(0));
    for (spec, pair, algorithm, scheme, calls) in [
        (
            "ECC_NIST_P256",
            PairSpec::P256,
            "ECDSA_SHA_256",
            Scheme::Ecdsa,
            5_000,
        ),
        (
            "RSA_2048",
            PairSpec::Rsa2048,
            "RSASSA_PSS_SHA_256",
            Scheme::RsaPss(Hash::Sha256),
            500,
        ),
    ] {
        let key = key_of(administrator, spec, "SIGN_VERIFY")?;
        let pair = KeyPair::generate(&SystemEntropy, pair);
        let input = json!({"KeyId": key, "Message": message, "SigningAlgorithm": algorithm});
        let sign = || {
            drop(black_box(pair.sign(
                &SystemEntropy,
                scheme,
                Message::Raw(&[7; 9]),
            )));
        };
        let name = format!("kms:Sign, {spec}");
        compare(stage, report, &name, draft_of("Sign", &input), calls, sign)?;
    }
    let key = key_of(administrator, "HMAC_256", "GENERATE_VERIFY_MAC")?;
    let input = json!({"KeyId": key, "Message": message, "MacAlgorithm": "HMAC_SHA_256"});
    let secret = SecretBytes::generate(&SystemEntropy, 32);
    let mac = MacKey::new(MacAlgorithm::Sha256, &secret);
    let tag = || drop(black_box(mac.tag(&[7; 9])));
    row(stage, report, "GenerateMac", &input, 10_000, tag)
}

/// Every request opens the same ciphertext: which one it is makes no difference.
fn decrypt(stage: &Stage<'_>, report: &mut Report, sealing: &CommittingKey) -> anyhow::Result<()> {
    let input = json!({"KeyId": stage.world.key, "Plaintext": PLAINTEXT});
    let made = stage
        .world
        .administrator
        .json("kms", "TrentService.Encrypt", &input)?;
    let blob = made.get("CiphertextBlob").and_then(Value::as_str);
    let input = json!({"CiphertextBlob": blob.context("no ciphertext")?});
    let sealed = sealing.seal(&SystemEntropy, &[7; 91], &[7; 32]);
    let open = || drop(black_box(sealing.open(&[7; 91], &sealed)));
    row(stage, report, "Decrypt", &input, 10_000, open)
}

fn row(
    stage: &Stage<'_>,
    report: &mut Report,
    operation: &str,
    input: &Value,
    calls: u64,
    primitive: impl FnMut(),
) -> anyhow::Result<()> {
    let (name, draft) = (format!("kms:{operation}"), draft_of(operation, input));
    compare(stage, report, &name, draft, calls, primitive)
}

/// Measures the request beside bare hyper, and adds what it costs as a multiple of the primitive.
fn compare(
    stage: &Stage<'_>,
    report: &mut Report,
    name: &str,
    draft: Draft,
    calls: u64,
    primitive: impl FnMut(),
) -> anyhow::Result<()> {
    let kind = Kind {
        signed: SIGNED,
        ..Kind::single(name, draft, DRAWN)
    };
    let row: Traffic = kind.measure(stage, &stage.world.user, CONNECTIONS, report)?;
    let micros = time(calls, primitive);
    let name = format!("{name}, CPU of its primitive's");
    let fact = Fact::new(&name, row.subject.cpu_micros / micros, "×");
    report.add(fact.detail(format!(
        "{:.1} µs beside {micros:.1} µs in one thread of this program",
        row.subject.cpu_micros
    )));
    Ok(())
}

/// Microseconds of one call: the median of some timings.
fn time(calls: u64, mut primitive: impl FnMut()) -> f64 {
    let timings: Vec<f64> = (0..TIMINGS)
        .map(|_| {
            let started = tick();
            (0..calls).for_each(|_| primitive());
            float(nanos(tick().saturating_sub(started))) / float(calls) / 1000.0
        })
        .collect();
    median(&timings)
}

fn draft_of(operation: &str, input: &Value) -> Draft {
    json_draft(
        "kms",
        &format!("TrentService.{operation}"),
        input.to_string(),
    )
}

/// Makes a key of this spec; its ARN.
fn key_of(administrator: &Client, spec: &str, usage: &str) -> anyhow::Result<String> {
    let input = json!({"KeySpec": spec, "KeyUsage": usage});
    let made = administrator.json("kms", "TrentService.CreateKey", &input)?;
    let arn = made.pointer("/KeyMetadata/Arn").and_then(Value::as_str);
    Ok(arn.context("a key without ARN")?.to_owned())
}
