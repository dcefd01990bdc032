//! KMS as it grows: from ten keys to as many as an account may have, and from one grant on a key to
//! as many as a key may have. A server of its own, on a directory of its own.

use std::ops::Range;
use std::time::Duration;

use anyhow::ensure;
use serde_json::json;

use super::start::Starts;
use crate::client::{Client, element, json_draft};
use crate::compare::{Runner, Side};
use crate::load::{Load, Until};
use crate::numbers::{float, median};
use crate::report::{Fact, Report, Target};
use crate::requests::{Draft, record_name, slot};
use crate::run::say;
use crate::sign::Credentials;
use crate::stage::Stage;
use crate::subject::Subject;
use crate::world::{self, Draw, World};

/// The keys that growth is measured from.
const FEW: u64 = 10;

const CONNECTIONS: usize = 64;

/// Connections that make keys and grants.
const MAKERS: usize = 32;

/// Requests signed at a time; they must be sent before they are too old.
const CHUNK: u64 = 20_000;

/// Keys and grants by which the CPU of making one is measured.
const SAMPLE: u64 = 5_000;

/// All that a grant on a symmetric key can allow: each has entries by which the grant is found.
const OPERATIONS: [&str; 11] = [
    "Decrypt",
    "Encrypt",
    "GenerateDataKey",
    "GenerateDataKeyWithoutPlaintext",
    "ReEncryptFrom",
    "ReEncryptTo",
    "CreateGrant",
    "RetireGrant",
    "DescribeKey",
    "GenerateDataKeyPair",
    "GenerateDataKeyPairWithoutPlaintext",
];

/// How much more a call may cost among as many keys or grants as there may be.
const GROWN: Target = Target::AtMost(1.3);

/// Measures, and adds what was found.
pub(super) fn measure(stage: &Stage<'_>, report: &mut Report) -> anyhow::Result<()> {
    let directory = stage.scratch.directory("growth")?;
    let subject = Subject::start(&stage.places.server, &directory)?;
    let world = World::make(&subject)?;
    let memory = keys(stage, &subject, &world, report)?;
    grants(stage, &subject, &world, memory, report)?;
    subject.process.stop()?;
    let mut starts = Starts::default();
    for number in 0..stage.size.starts.min(3) {
        starts.once(&stage.places.server, &directory, number == 0)?;
    }
    let (keys, grants) = (stage.size.keys, stage.size.grants);
    let name = format!("start-up with {keys} keys and {grants} grants");
    report.add(Fact::new(&name, median(&starts.spans), "ms"));
    let memory = median(&starts.memory);
    report.add(Fact::new("idle memory with these", memory, "MiB"));
    std::fs::remove_dir_all(directory)?;
    Ok(())
}

/// From ten keys to as many as there may be; the resident memory with them, in KiB.
fn keys(
    stage: &Stage<'_>,
    subject: &Subject,
    world: &World,
    report: &mut Report,
) -> anyhow::Result<f64> {
    let keys = stage.size.keys;
    let sample = SAMPLE.min(keys / 10);
    // The world has made one.
    create_keys(subject, FEW - 1)?;
    let before = uses(stage, subject, &world.user, &world.key)?;
    let memory = resident(subject)?;
    let first = create_keys(subject, sample)?;
    // One of them is for the grants.
    create_keys(subject, keys - FEW - 2 * sample - 1)?;
    let last = create_keys(subject, sample)?;
    let after = uses(stage, subject, &world.user, &world.key)?;
    let grown = resident(subject)?;
    let name = format!("GenerateDataKey with {keys} keys, CPU of that with {FEW}");
    add_ratio(report, &name, &before, &after);
    let name = format!("CreateKey with {keys} keys, CPU of that with {FEW}");
    add_making(report, &name, first, last);
    let each = (grown - memory) / float(keys - FEW - 1);
    let fact = Fact::new("memory of a key", each, "KiB");
    report.add(fact.detail(resident_text(memory, grown)));
    Ok(grown)
}

/// From one grant on a key to as many as there may be. `memory` is what is resident before, in KiB.
fn grants(
    stage: &Stage<'_>,
    subject: &Subject,
    world: &World,
    memory: f64,
    report: &mut Report,
) -> anyhow::Result<()> {
    let grants = stage.size.grants;
    let sample = SAMPLE.min(grants / 10);
    let grantee = grantee(world)?;
    let key = world::create_key(&world.administrator, "granted")?;
    create_grants(subject, &key, 0..1)?;
    // Whom only the first grant lets do it.
    let before = uses(stage, subject, &grantee, &key)?;
    let first = create_grants(subject, &key, 1..sample)?;
    create_grants(subject, &key, sample..grants - sample)?;
    let last = create_grants(subject, &key, grants - sample..grants)?;
    let after = uses(stage, subject, &grantee, &key)?;
    let all = resident(subject)?;
    let name = format!("GenerateDataKey with {grants} grants on the key, CPU of that with 1");
    add_ratio(report, &name, &before, &after);
    let name = format!("CreateGrant with {grants} grants on the key, CPU of that with 1");
    add_making(report, &name, first, last);
    let fact = Fact::new(
        "memory of a grant of all eleven operations",
        (all - memory) / float(grants),
        "KiB",
    );
    report.add(fact.detail(resident_text(memory, all)));
    Ok(())
}

fn add_ratio(report: &mut Report, name: &str, before: &Side, after: &Side) {
    let fact = Fact::new(name, after.cpu_micros / before.cpu_micros, "×");
    report.add(fact.target(GROWN).detail(format!(
        "{:.1} µs and {:.0}/s, then {:.1} µs and {:.0}/s",
        before.cpu_micros, before.per_second, after.cpu_micros, after.per_second
    )));
}

/// Adds what making the last ones cost as a multiple of what the first ones did, in microseconds.
fn add_making(report: &mut Report, name: &str, first: f64, last: f64) {
    let fact = Fact::new(name, last / first, "×");
    let detail = format!("{first:.1} µs, then {last:.1} µs, of {MAKERS} connections");
    report.add(fact.target(GROWN).detail(detail));
}

fn resident_text(before: f64, after: f64) -> String {
    let (before, after) = (before / 1024.0, after / 1024.0);
    format!("resident {before:.1} MiB before, {after:.1} MiB after")
}

/// `GenerateDataKey`, each with a context of its own that the first grant covers.
fn uses(stage: &Stage<'_>, subject: &Subject, caller: &Client, key: &str) -> anyhow::Result<Side> {
    let draft = json_draft(
        "kms",
        "TrentService.GenerateDataKey",
        json!({
            "KeyId": key,
            "KeySpec": "AES_256",
            "EncryptionContext": {"grant": record_name(0), "record": slot(0)},
        })
        .to_string(),
    );
    let requests = caller.sign(
        &draft,
        Draw::new(1_000_000, 9).map(|number| [number]).take(50_000),
    );
    let mut runner = Runner::new(&subject.process, subject.address());
    for _repetition in 0..stage.size.repetitions {
        runner.repeat(&requests, CONNECTIONS, stage.size.time)?;
    }
    Ok(runner.side())
}

/// Resident memory in KiB, once the server is quiet.
fn resident(subject: &Subject) -> anyhow::Result<f64> {
    subject.process.settle(Duration::from_secs(30))?;
    Ok(float(subject.process.status_kib("VmRSS")?))
}

/// Makes so many keys; the CPU of one, in microseconds.
fn create_keys(subject: &Subject, count: u64) -> anyhow::Result<f64> {
    let input = json!({"Description": slot(0)});
    let draft = json_draft("kms", "TrentService.CreateKey", input.to_string());
    make(subject, "keys", &draft, 0..count)
}

/// Makes grants with these numbers, each for another context; the CPU of one, in microseconds.
fn create_grants(subject: &Subject, key: &str, numbers: Range<u64>) -> anyhow::Result<f64> {
    let input = json!({
        "KeyId": key,
        "GranteePrincipal": "arn:aws:iam::111122223333:user/grantee",
        "Operations": OPERATIONS,
        "Constraints": {"EncryptionContextSubset": {"grant": slot(0)}},
    });
    let draft = json_draft("kms", "TrentService.CreateGrant", input.to_string());
    make(subject, "grants", &draft, numbers)
}

fn make(subject: &Subject, what: &str, draft: &Draft, numbers: Range<u64>) -> anyhow::Result<f64> {
    let count = numbers.end.saturating_sub(numbers.start);
    let mut load = Load::connect(subject.address(), MAKERS)?;
    let before = subject.process.cpu_micros()?;
    let mut begin = numbers.start;
    while begin < numbers.end {
        let end = numbers.end.min(begin + CHUNK);
        let rows = (begin..end).map(|number| [number]);
        let requests = subject.administrator.sign(draft, rows);
        let measured = load.run(&requests, Until::answers(end - begin))?;
        ensure!(
            measured.answers == end - begin && measured.refused == 0,
            "{} of {} {what} were made",
            measured.answers,
            end - begin
        );
        begin = end;
    }
    let micros = (subject.process.cpu_micros()? - before) / float(count.max(1));
    say(&format!("  {count} {what} made, {micros:.0} µs each"));
    Ok(micros)
}

/// A user without policies.
fn grantee(world: &World) -> anyhow::Result<Client> {
    let name = ("UserName", "grantee");
    world.administrator.iam("CreateUser", &[name])?;
    let made = world.administrator.iam("CreateAccessKey", &[name])?;
    let credentials = Credentials {
        id: element(&made, "AccessKeyId")?.to_owned(),
        secret: element(&made, "SecretAccessKey")?.to_owned(),
    };
    Ok(Client {
        address: world.user.address,
        credentials,
    })
}
