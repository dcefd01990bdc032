//! Ciphertexts and what wraps keys: no byte and no field can be changed, and nothing of one opens
//! with the rest of another.

use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kms::{
    CreateKey, Decrypt, Encrypt, GenerateDataKeyPairWithoutPlaintext,
    GenerateDataKeyWithoutPlaintext, ImportKeyMaterial, ReEncrypt, RotateKeyOnDemand,
};
use pipeline::Caller;
use shapes::Blob;
use shapes::kms::{
    CreateKeyRequest, DataKeyPairSpec, DataKeySpec, DecryptRequest, EncryptRequest,
    GenerateDataKeyPairWithoutPlaintextRequest, GenerateDataKeyWithoutPlaintextRequest,
    ImportKeyMaterialRequest, ReEncryptRequest, RotateKeyOnDemandRequest,
};
use testkit::SoftHsm;
use types::Region;

use crate::harness::{ALL_OF_KMS, AWAY, REGIONS, World, context};
use crate::imports::{begin, import, symmetric};
use crate::key_stores::Outsiders;
use crate::keys::{create, encrypt};

/// The encryption contexts that are tried.
const CONTEXTS: [&[(&str, &str)]; 2] = [&[("team", "ml")], &[("team", "web")]];

/// A ciphertext, and how it opens.
struct Made {
    name: &'static str,
    blob: Vec<u8>,
    caller: Caller,
    region: &'static str,
    /// Which of [`CONTEXTS`].
    context: usize,
}

/// The fields of a ciphertext, by format (docs/storage-formats.md). What is in front of the
/// sealed part of the formats 2 and 3 is given.
fn fields(
    blob: &[u8],
    before_sealed: &[(&'static str, usize)],
) -> Vec<(&'static str, Range<usize>)> {
    let header = [
        ("format", 1),
        ("id form", 1),
        ("account", 5),
        ("key id", 16),
        ("material id", 32),
    ];
    let sealed = [("version", 1), ("random value", 32), ("commitment", 32)];
    let mut at = 0;
    let mut found = Vec::new();
    for (name, length) in header.iter().chain(before_sealed).chain(&sealed) {
        found.push((*name, at..at + length));
        at += length;
    }
    let end = blob.len() - 16;
    found.push(("ciphertext", at..end));
    found.push(("tag", end..blob.len()));
    found
}

/// `one` with one field of `other`, for each field in which they differ.
fn swapped(
    one: &[u8],
    other: &[u8],
    before_sealed: &[(&'static str, usize)],
) -> Vec<(&'static str, Vec<u8>)> {
    let theirs = fields(other, before_sealed);
    let fields = fields(one, before_sealed).into_iter().zip(theirs);
    let swapped = fields.map(|((name, mine), (_, theirs))| {
        let parts = [&one[..mine.start], &other[theirs], &one[mine.end..]];
        (name, parts.concat())
    });
    swapped.filter(|(_, bytes)| bytes != one).collect()
}

/// Each byte changed in all its bits and in its lowest, and each length that is too short.
fn altered(bytes: &[u8]) -> impl Iterator<Item = (String, Vec<u8>)> {
    let flipped = (0..bytes.len()).flat_map(move |at| {
        [0xff, 1].map(|mask| {
            let mut altered = bytes.to_vec();
            altered[at] ^= mask;
            (format!("byte {at} ^ {mask}"), altered)
        })
    });
    let cut = [0, 1, 54, 55, 56, 88, 120, bytes.len() - 1];
    let cut = cut.into_iter().filter(|length| *length < bytes.len());
    let cut = cut.map(move |length| (format!("{length} bytes"), bytes[..length].to_vec()));
    let longer = std::iter::once_with(move || ("longer".to_owned(), [bytes, &[0]].concat()));
    flipped.chain(cut).chain(longer)
}

async fn opens(world: &World, made: &Made, blob: &[u8]) -> bool {
    let input = DecryptRequest {
        ciphertext_blob: Some(blob.to_vec().into()),
        encryption_context: context(CONTEXTS[made.context]),
        ..DecryptRequest::default()
    };
    let region: Region = made.region.parse().unwrap();
    let call = world.call_in::<Decrypt>(&region, &made.caller, input);
    match Box::pin(call).await {
        Ok(_) => true,
        Err(failure) => {
            let expected = [
                "InvalidCiphertextException",
                "AccessDeniedException",
                "ValidationException",
            ];
            assert!(expected.contains(&&*failure.code), "{failure:?}");
            false
        }
    }
}

/// What one key of the administrator makes in every way there is, and what other keys make.
async fn everything(world: &World) -> Vec<Made> {
    let admin = world.admin();
    let stranger = world.user(AWAY, "Stranger", Some(ALL_OF_KMS));
    let key = create(world, &admin).await.key_id;
    let sealed = async |caller: &Caller, region: &str, key: &str, number: usize| {
        let input = EncryptRequest {
            encryption_context: context(CONTEXTS[number]),
            ..encrypt(key)
        };
        let region = region.parse().unwrap();
        let answer = world.call_in::<Encrypt>(&region, caller, input).await;
        answer.unwrap().ciphertext_blob.unwrap()
    };
    let mut all = Vec::new();
    let mut add = |name, blob: Blob, (caller, region): (&Caller, usize), context| {
        all.push(Made {
            name,
            blob: blob.as_ref().to_vec(),
            caller: caller.clone(),
            region: REGIONS[region],
            context,
        });
    };
    let home = (&admin, 0);
    let first = sealed(&admin, REGIONS[0], &key, 0).await;
    add("encrypted", first.clone(), home, 0);
    let input = GenerateDataKeyWithoutPlaintextRequest {
        key_id: key.clone(),
        key_spec: Some(DataKeySpec::Aes256),
        encryption_context: context(CONTEXTS[0]),
        ..Default::default()
    };
    let made = world.call::<GenerateDataKeyWithoutPlaintext>(&admin, input);
    let made = made.await.unwrap().ciphertext_blob.unwrap();
    add("data key", made, home, 0);
    let input = GenerateDataKeyPairWithoutPlaintextRequest {
        key_id: key.clone(),
        key_pair_spec: DataKeyPairSpec::EccNistP256,
        encryption_context: context(CONTEXTS[0]),
        grant_tokens: None,
        dry_run: None,
    };
    let made = world.call::<GenerateDataKeyPairWithoutPlaintext>(&admin, input);
    let made = made.await.unwrap().private_key_ciphertext_blob.unwrap();
    add("data key pair", made, home, 0);
    let input = ReEncryptRequest {
        ciphertext_blob: Some(first),
        source_encryption_context: context(CONTEXTS[0]),
        destination_key_id: key.clone(),
        destination_encryption_context: context(CONTEXTS[1]),
        ..Default::default()
    };
    let made = world.call::<ReEncrypt>(&admin, input).await.unwrap();
    add(
        "under another context",
        made.ciphertext_blob.unwrap(),
        home,
        1,
    );
    let other = create(world, &admin).await.key_id;
    let made = sealed(&admin, REGIONS[0], &other, 0).await;
    add("under another key", made, home, 0);
    let input = RotateKeyOnDemandRequest {
        key_id: key.clone(),
    };
    world
        .call::<RotateKeyOnDemand>(&admin, input)
        .await
        .unwrap();
    let made = sealed(&admin, REGIONS[0], &key, 0).await;
    add("under another material", made, home, 0);
    let theirs = create(world, &stranger).await.key_id;
    let made = sealed(&stranger, REGIONS[0], &theirs, 0).await;
    add("of another account", made, (&stranger, 0), 0);
    for (name, multi_region, region) in [
        ("of another region", None, 1),
        ("of a multi-Region key", Some(true), 0),
        ("of a multi-Region key elsewhere", Some(true), 1),
    ] {
        let input = CreateKeyRequest {
            multi_region,
            ..CreateKeyRequest::default()
        };
        let place = REGIONS[region].parse().unwrap();
        let made = world.call_in::<CreateKey>(&place, &admin, input).await;
        let key = made.unwrap().key_metadata.unwrap().key_id;
        let made = sealed(&admin, REGIONS[region], &key, 0).await;
        add(name, made, (&admin, region), 0);
    }
    all
}

#[tokio::test]
async fn no_byte_of_a_ciphertext_can_be_changed() {
    let world = World::new();
    for made in everything(&world).await.into_iter().take(3) {
        assert!(opens(&world, &made, &made.blob).await, "{}", made.name);
        for (what, bytes) in altered(&made.blob) {
            assert!(!opens(&world, &made, &bytes).await, "{}: {what}", made.name);
        }
    }
}

#[tokio::test]
async fn no_field_of_a_ciphertext_fits_another() {
    let world = World::new();
    let all = everything(&world).await;
    let mut tried = 0;
    for one in &all {
        assert!(opens(&world, one, &one.blob).await, "{}", one.name);
        for other in &all {
            for (field, bytes) in swapped(&one.blob, &other.blob, &[]) {
                for as_made in [one, other] {
                    let opened = opens(&world, as_made, &bytes).await;
                    assert!(
                        !opened,
                        "{} with {field} of what was {}",
                        one.name, other.name
                    );
                }
                tried += 1;
            }
        }
    }
    assert!(tried > 400, "{tried}");
}

#[tokio::test]
async fn a_ciphertext_opens_where_and_for_what_it_was_made_only() {
    let world = World::new();
    let all = everything(&world).await;
    for one in &all {
        for other in &all {
            let same = (one.region, one.context) == (other.region, other.context)
                && one.caller.principal == other.caller.principal;
            let opened = opens(&world, other, &one.blob).await;
            assert_eq!(opened, same, "{} where {} was made", one.name, other.name);
        }
    }
}

#[tokio::test]
async fn wrapped_material_unwraps_unchanged_in_its_own_row_only() {
    let world = World::new();
    let (admin, stranger) = (
        world.admin(),
        world.user(AWAY, "Stranger", Some(ALL_OF_KMS)),
    );
    let mut stored = Vec::new();
    for caller in [&admin, &admin, &stranger] {
        let key = create(&world, caller).await;
        let arn = crate::imports::arn(&key);
        let [material] = kms::fuzzing::wrapped_materials(&world.view(), &arn)
            .try_into()
            .unwrap();
        stored.push((arn, material));
    }
    let unwraps = |arn, row, bytes: Vec<u8>| {
        kms::fuzzing::opens(&world.services, arn, &[(row, bytes, 0)]).unwrap()
    };
    for (arn, (row, bytes, _)) in &stored {
        assert!(unwraps(arn, row.clone(), bytes.clone()));
        for (what, changed) in altered(bytes) {
            assert!(!unwraps(arn, row.clone(), changed), "{what}");
        }
        for (other, (elsewhere, theirs, _)) in stored.iter().filter(|(other, _)| other != arn) {
            assert!(
                !unwraps(arn, elsewhere.clone(), bytes.clone()),
                "another row"
            );
            assert!(
                !unwraps(other, elsewhere.clone(), bytes.clone()),
                "another key"
            );
            for field in [0..1, 1..33, 33..65, 65..bytes.len() - 16] {
                let parts = [
                    &bytes[..field.start],
                    &theirs[field.clone()],
                    &bytes[field.end..],
                ];
                let mixed = parts.concat();
                let same = mixed == *bytes;
                assert_eq!(unwraps(arn, row.clone(), mixed), same, "{field:?}");
            }
        }
    }
}

#[tokio::test]
async fn no_byte_of_an_import_token_can_be_changed_and_no_part_fits_another() {
    let (world, admin, key) = begin().await;
    let other = symmetric(&world, &admin).await;
    let good = import(&world, &admin, &key, &[7; 32]).await;
    let foreign = import(&world, &admin, &other, &[7; 32]).await;
    let (mine, theirs) = (good.import_token.as_ref(), foreign.import_token.as_ref());
    let check = async |what: String, token: Vec<u8>| {
        let request = ImportKeyMaterialRequest {
            import_token: token.into(),
            ..good.clone()
        };
        let (code, _) = world.failure::<ImportKeyMaterial>(&admin, request).await;
        let expected = ["InvalidImportTokenException", "ExpiredImportTokenException"];
        assert!(
            expected.contains(&&*code) || code == "ValidationException",
            "{what}: {code}"
        );
    };
    for (what, token) in altered(mine) {
        check(what, token).await;
    }
    // Day, version, random value, commitment, and the rest.
    for field in [5..37, 37..69, 69..mine.len().min(theirs.len())] {
        let parts = [
            &mine[..field.start],
            &theirs[field.clone()],
            &mine[field.end..],
        ];
        check(format!("{field:?}"), parts.concat()).await;
    }
    check("another key's".to_owned(), theirs.to_vec()).await;
    world.call::<ImportKeyMaterial>(&admin, good).await.unwrap();
}

/// Checks that two ciphertexts open as they are, and not with any byte changed, any field
/// exchanged, or in another context.
fn check_in_store(
    outsiders: &Outsiders,
    blobs: &[String; 2],
    before_sealed: fn(&[u8]) -> Vec<(&'static str, usize)>,
) {
    let bytes = blobs.each_ref().map(|blob| STANDARD.decode(blob).unwrap());
    let refused = |what: &str, altered: &[u8]| {
        let opened = outsiders.decrypt(&STANDARD.encode(altered), "b");
        let code = opened.expect_err(what).code;
        let expected = [
            "InvalidCiphertextException",
            "KMSInvalidStateException",
            "AccessDeniedException",
            "ValidationException",
        ];
        assert!(expected.contains(&&*code), "{what}: {code}");
    };
    for (one, other) in [(0, 1), (1, 0)] {
        outsiders.opens(&blobs[one]);
        assert!(outsiders.decrypt(&blobs[one], "c").is_err());
        for (field, mixed) in swapped(&bytes[one], &bytes[other], &before_sealed(&bytes[one])) {
            refused(field, &mixed);
        }
    }
    for (what, altered) in altered(&bytes[0]) {
        refused(&what, &altered);
    }
}

#[test]
fn no_byte_and_no_field_of_a_tokens_ciphertext_can_be_changed() {
    SoftHsm::in_own_process(|hsm| {
        let outsiders = Outsiders::new(hsm);
        let store = outsiders.connected(outsiders.token_store());
        let keys = [outsiders.token_key(&store), outsiders.token_key(&store)];
        let blobs = keys.each_ref().map(|key| outsiders.blob(key));
        check_in_store(&outsiders, &blobs, |_| vec![("random value", 32)]);
        // Two of the same key.
        let blobs = [outsiders.blob(&keys[0]), outsiders.blob(&keys[0])];
        check_in_store(&outsiders, &blobs, |_| vec![("random value", 32)]);
    });
}

#[test]
fn no_byte_and_no_field_of_an_external_keys_ciphertext_can_be_changed() {
    SoftHsm::in_own_process(|hsm| {
        let outsiders = Outsiders::new(hsm);
        let store = outsiders.connected(outsiders.proxy_store());
        let keys = ["one", "two"].map(|id| outsiders.proxy_key(&store, id));
        let before = |blob: &[u8]| {
            let iv = usize::from(blob[87]);
            let metadata = usize::from(blob[88 + iv + 16]);
            vec![
                ("hash of the message", 32),
                ("vector's length", 1),
                ("vector", iv),
                ("external tag", 16),
                ("metadata's length", 1),
                ("metadata", metadata),
            ]
        };
        let blobs = keys.each_ref().map(|key| outsiders.blob(key));
        check_in_store(&outsiders, &blobs, before);
        let blobs = [outsiders.blob(&keys[0]), outsiders.blob(&keys[0])];
        check_in_store(&outsiders, &blobs, before);
    });
}
