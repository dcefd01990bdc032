//! Request quotas: how often an account may call KMS in a region, by families of operations.
//!
//! A call takes its share of time from its family's place: an atomic number that says until
//! when the calls so far are paid for. Calls of one account meet in that number and nowhere
//! else, and nothing ever waits. A second's worth may be used at once. The quotas are those
//! of AWS's page "Request quotas".

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use crypto::PairSpec;
use pipeline::{Ctx, Failure, Need, Needs};
use types::{AccountId, Region, Service};

use crate::Error;
use crate::key_stores::KeyStoreId;
use crate::records::KeyRow;
use crate::specs::Family as Kind;

/// Cryptographic operations of symmetric encryption and HMAC keys, and random bytes.
const SYMMETRIC: &str = "symmetric";
/// Cryptographic operations of RSA keys.
const RSA: &str = "rsa";
/// Cryptographic operations of keys on elliptic curves.
const ECC: &str = "ecc";
/// Cryptographic operations of ML-DSA and ML-KEM keys.
const ML: &str = "ml";
/// Cryptographic operations of the keys in one custom key store, whoever calls them.
const CUSTOM_KEY_STORE: &str = "custom-key-store";

const SECOND: u64 = 1_000_000_000;
/// Thousandths of a call.
const CALL: u64 = 1_000;

/// Where AWS lets an account make more symmetric calls than elsewhere, and how many.
const LARGE_REGIONS: [(&str, u64); 9] = [
    ("us-east-1", 50_000),
    ("us-west-2", 50_000),
    ("eu-west-1", 50_000),
    ("us-east-2", 10_000),
    ("ap-southeast-1", 10_000),
    ("ap-southeast-2", 10_000),
    ("ap-northeast-1", 10_000),
    ("eu-central-1", 10_000),
    ("eu-west-2", 10_000),
];

/// The families and AWS's numbers, in thousandths of a call a second. Of operations that AWS
/// gives no number for, that of their like.
const FAMILIES: &[(&str, u64)] = &[
    (SYMMETRIC, 5_500 * CALL),
    (RSA, 500 * CALL),
    (ECC, 300 * CALL),
    (ML, 300 * CALL),
    (CUSTOM_KEY_STORE, 1_800 * CALL),
    ("GenerateDataKeyPair/ECC_NIST_P256", 25 * CALL),
    ("GenerateDataKeyPair/ECC_NIST_P384", 10 * CALL),
    ("GenerateDataKeyPair/ECC_NIST_P521", 5 * CALL),
    ("GenerateDataKeyPair/ECC_SECG_P256K1", 25 * CALL),
    ("GenerateDataKeyPair/ECC_NIST_EDWARDS25519", 25 * CALL),
    ("GenerateDataKeyPair/RSA_2048", CALL),
    ("GenerateDataKeyPair/RSA_3072", 500),
    ("GenerateDataKeyPair/RSA_4096", 100),
    ("GenerateDataKeyPair/ML_KEM_512", 25 * CALL),
    ("GenerateDataKeyPair/ML_KEM_768", 25 * CALL),
    ("GenerateDataKeyPair/ML_KEM_1024", 25 * CALL),
    ("DescribeKey", 2_000 * CALL),
    ("GetPublicKey", 2_000 * CALL),
    ("ListResourceTags", 2_000 * CALL),
    ("GetKeyPolicy", 1_000 * CALL),
    ("GetKeyRotationStatus", 1_000 * CALL),
    ("GetKeyLastUsage", 1_000 * CALL),
    ("GetKeyUsage", 5 * CALL),
    ("ListAliases", 500 * CALL),
    ("ListKeys", 500 * CALL),
    ("ListGrants", 100 * CALL),
    ("ListKeyPolicies", 100 * CALL),
    ("ListKeyRotations", 100 * CALL),
    ("ListRetirableGrants", 100 * CALL),
    ("CreateGrant", 50 * CALL),
    ("RetireGrant", 30 * CALL),
    ("RevokeGrant", 30 * CALL),
    ("DeleteAlias", 15 * CALL),
    ("EnableKeyRotation", 15 * CALL),
    ("PutKeyPolicy", 15 * CALL),
    ("ScheduleKeyDeletion", 15 * CALL),
    ("TagResource", 10 * CALL),
    ("CancelKeyDeletion", 5 * CALL),
    ("ConnectCustomKeyStore", 5 * CALL),
    ("CreateAlias", 5 * CALL),
    ("CreateCustomKeyStore", 5 * CALL),
    ("CreateKey", 5 * CALL),
    ("DeleteCustomKeyStore", 5 * CALL),
    ("DeleteImportedKeyMaterial", 5 * CALL),
    ("DescribeCustomKeyStores", 5 * CALL),
    ("DisableKey", 5 * CALL),
    ("DisableKeyRotation", 5 * CALL),
    ("DisconnectCustomKeyStore", 5 * CALL),
    ("EnableKey", 5 * CALL),
    ("ImportKeyMaterial", 5 * CALL),
    ("ReplicateKey", 5 * CALL),
    ("RotateKeyOnDemand", 5 * CALL),
    ("UntagResource", 5 * CALL),
    ("UpdateAlias", 5 * CALL),
    ("UpdateCustomKeyStore", 5 * CALL),
    ("UpdateKeyDescription", 5 * CALL),
    ("UpdatePrimaryRegion", 5 * CALL),
    ("GetParametersForImport", 250),
];

/// The most calls a second that a setting can name.
const MOST: f64 = 1_000_000.0;
/// The fewest: one a day.
const FEWEST: f64 = 0.000_01;

/// The request quotas of KMS. What a call takes is its caller's account's, whosever the key is
/// and whichever service calls on the caller's behalf; what a service does in its own name is
/// nobody's. The quota of a custom key store is for all calls that use its keys together.
pub struct RequestQuotas {
    /// Calls a second that the configuration names, as the time of one.
    settings: Vec<Option<u64>>,
    factor: u64,
    numbers: HashMap<&'static str, usize>,
    /// Accounts and regions that have called: there are as many as exist.
    places: ArcSwap<Places>,
    /// Custom key stores whose keys were used.
    stores: ArcSwap<Stores>,
}

/// Custom key stores that are remembered. One that was deleted is forgotten with all others; what
/// a store has left of its second then counts from the beginning.
const STORES: usize = 10_000;

type Stores = HashMap<KeyStoreId, Arc<Place>>;
type Places = HashMap<(AccountId, Region), Arc<[Place]>>;

/// One family of one account in one region, in nanoseconds.
#[derive(Debug)]
struct Place {
    /// The time that one call takes.
    each: u64,
    /// When the calls so far are paid for.
    paid: AtomicU64,
}

/// A setting of request quotas that is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QuotaError {
    /// No family has the name.
    #[error("`{0}` is no family of KMS operations")]
    Unknown(String),
    /// The number of calls cannot be kept to.
    #[error("`{0}` must be between 0.00001 and 1000000 calls a second")]
    Number(String),
    /// The factor is zero.
    #[error("the factor of all request quotas must be at least 1")]
    Factor,
}

impl RequestQuotas {
    /// AWS's quotas, or those of `settings` (calls a second, by family), each `factor` times as
    /// large.
    ///
    /// Fails for a family that does not exist and for a number that cannot be kept to.
    pub fn new(settings: &BTreeMap<String, f64>, factor: u32) -> Result<Self, QuotaError> {
        if factor == 0 {
            return Err(QuotaError::Factor);
        }
        let numbers = FAMILIES.iter().map(|(name, _)| *name);
        let numbers: HashMap<&str, usize> = numbers.zip(0..).collect();
        let mut chosen = vec![None; FAMILIES.len()];
        for (name, rate) in settings {
            let number = numbers.get(name.as_str());
            let place = number.and_then(|number| chosen.get_mut(*number));
            let place = place.ok_or_else(|| QuotaError::Unknown(name.clone()))?;
            if !(FEWEST..=MOST).contains(rate) {
                return Err(QuotaError::Number(name.clone()));
            }
            *place = Some(nanos(Duration::from_secs_f64(rate.recip())));
        }
        Ok(Self {
            settings: chosen,
            factor: factor.into(),
            numbers,
            places: ArcSwap::default(),
            stores: ArcSwap::default(),
        })
    }

    /// The places of an account in a region, which are made when it first calls.
    fn places(&self, account: AccountId, region: &Region) -> Arc<[Place]> {
        let key = (account, region.clone());
        if let Some(places) = self.places.load().get(&key) {
            return Arc::clone(places);
        }
        let made = self.made(region);
        self.places.rcu(|known| {
            let mut more = HashMap::clone(known);
            more.entry(key.clone()).or_insert_with(|| Arc::clone(&made));
            more
        });
        // Another call may have been first.
        let known = self.places.load();
        known.get(&key).map_or(made, Arc::clone)
    }

    /// The place of the custom key store that holds the key of a cryptographic call, if one does.
    fn store(&self, ctx: &Ctx, need: &Need) -> Option<Arc<Place>> {
        let key = KeyRow::at(ctx.view(), need.resource.as_ref()?)?;
        let id = &key.record.held.as_ref()?.store;
        if let Some(place) = self.stores.load().get(id) {
            return Some(Arc::clone(place));
        }
        let number = self.number(CUSTOM_KEY_STORE)?;
        let each = self.places(key.record.account, &key.record.region);
        let place = Arc::new(Place {
            each: each.get(number)?.each,
            paid: AtomicU64::new(0),
        });
        self.stores.rcu(|known| {
            let mut more = if known.len() < STORES {
                Stores::clone(known)
            } else {
                Stores::new()
            };
            more.entry(id.clone()).or_insert_with(|| Arc::clone(&place));
            more
        });
        // Another call may have been first.
        let known = self.stores.load();
        Some(known.get(id).map_or(place, Arc::clone))
    }

    fn made(&self, region: &Region) -> Arc<[Place]> {
        let mut large = LARGE_REGIONS.iter();
        let large = large.find(|(name, _)| *name == region.as_str());
        let families = FAMILIES.iter().zip(&self.settings);
        let places = families.map(|((name, usual), chosen)| {
            let rate = match large {
                Some((_, rate)) if *name == SYMMETRIC => rate * CALL,
                _ => *usual,
            };
            let each = chosen.unwrap_or(SECOND * CALL / rate);
            Place {
                each: (each / self.factor).max(1),
                paid: AtomicU64::new(0),
            }
        });
        places.collect()
    }

    /// Takes a call from the places of its caller's account; says whether it counts in one.
    ///
    /// Fails beyond a quota.
    fn take_of_account(
        &self,
        account: AccountId,
        ctx: &Ctx,
        (operation, needs): (&str, &Needs),
    ) -> Result<bool, Failure> {
        let places = self.places(account, ctx.region());
        let now = nanos(ctx.monotonic().0);
        // A replica counts as two new keys in its region.
        let replica = operation == "CreateKey" && ctx.via() == Some(Service::Kms);
        let mut counted = None;
        for need in needs {
            let family = self.family(ctx, operation, need);
            if family.is_none() || family == counted {
                continue;
            }
            counted = family;
            let place = family.and_then(|number| places.get(number));
            if place.is_some_and(|place| !place.take(1 + u64::from(replica), now)) {
                return Err(Failure::of(Error::OverQuota));
            }
        }
        Ok(counted.is_some())
    }

    /// Takes a cryptographic call from the places of the custom key stores that its keys are in,
    /// whoever makes it: also a service in its own name, which belongs to no account.
    ///
    /// Fails beyond a quota.
    fn take_of_stores(&self, ctx: &Ctx, (operation, needs): (&str, &Needs)) -> Result<(), Failure> {
        if !is_cryptographic(operation) {
            return Ok(());
        }
        let now = nanos(ctx.monotonic().0);
        let mut stores = needs.into_iter().filter_map(|need| self.store(ctx, need));
        if stores.any(|store| !store.take(1, now)) {
            return Err(Failure::of(Error::OverQuota));
        }
        Ok(())
    }

    /// The family that a need of a call counts in; `None` for the needs of other services.
    fn family(&self, ctx: &Ctx, operation: &str, need: &Need) -> Option<usize> {
        let name = match operation {
            // Our own, whose need is none of KMS.
            "GetKeyUsage" => operation,
            _ if !need.is_for("kms") => return None,
            "GenerateRandom" => SYMMETRIC,
            _ if is_cryptographic(operation) => {
                let key = need.resource.as_ref();
                let key = key.and_then(|arn| KeyRow::at(ctx.view(), arn));
                key.map_or(SYMMETRIC, |key| by_kind(key.record.spec.family()))
            }
            "GenerateDataKeyPair" | "GenerateDataKeyPairWithoutPlaintext" => {
                let spec = need.keys.text("kms:datakeypairspec").unwrap_or_default();
                return self.number(&format!("GenerateDataKeyPair/{spec}"));
            }
            other => other,
        };
        self.number(name)
    }

    fn number(&self, name: &str) -> Option<usize> {
        self.numbers.get(name).copied()
    }
}

/// Whether an operation uses the material of the key that it names.
fn is_cryptographic(operation: &str) -> bool {
    matches!(
        operation,
        "Encrypt"
            | "Decrypt"
            | "ReEncrypt"
            | "GenerateDataKey"
            | "GenerateDataKeyWithoutPlaintext"
            | "GenerateMac"
            | "VerifyMac"
            | "Sign"
            | "Verify"
            | "DeriveSharedSecret"
            | "Encapsulate"
            | "Decapsulate"
    )
}

/// The family of the cryptographic operations of a key.
fn by_kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Symmetric | Kind::Mac(_) => SYMMETRIC,
        Kind::Pair(PairSpec::Rsa2048 | PairSpec::Rsa3072 | PairSpec::Rsa4096) => RSA,
        Kind::Pair(
            PairSpec::P256 | PairSpec::P384 | PairSpec::P521 | PairSpec::P256k1 | PairSpec::Ed25519,
        ) => ECC,
        Kind::Pair(
            PairSpec::MlDsa44
            | PairSpec::MlDsa65
            | PairSpec::MlDsa87
            | PairSpec::MlKem512
            | PairSpec::MlKem768
            | PairSpec::MlKem1024,
        ) => ML,
    }
}

impl Place {
    /// Takes `calls` calls at `now`; false beyond the quota, and then nothing is taken.
    fn take(&self, calls: u64, now: u64) -> bool {
        let cost = self.each.saturating_mul(calls);
        let most = now.saturating_add(SECOND.max(cost));
        let until = |paid: u64| {
            let until = paid.max(now).saturating_add(cost);
            (until <= most).then_some(until)
        };
        let taken = self
            .paid
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, until);
        taken.is_ok()
    }
}

impl pipeline::sources::RequestQuotas for RequestQuotas {
    fn admit(&self, ctx: &Ctx, operation: &str, needs: &Needs) -> Result<bool, Failure> {
        // A service that acts for itself belongs to no account.
        let counted = match ctx.account() {
            Some(account) => self.take_of_account(account, ctx, (operation, needs))?,
            None => false,
        };
        // After the account's own: whoever is beyond that takes nothing from other users of
        // the store.
        self.take_of_stores(ctx, (operation, needs))?;
        Ok(counted)
    }

    fn exceeded(&self) -> Failure {
        Failure::of(Error::OverQuota)
    }
}

impl fmt::Debug for RequestQuotas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RequestQuotas({} accounts)", self.places.load().len())
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quotas(settings: &[(&str, f64)], factor: u32) -> Result<RequestQuotas, QuotaError> {
        let settings = settings.iter();
        let settings = settings.map(|(name, rate)| ((*name).to_owned(), *rate));
        RequestQuotas::new(&settings.collect(), factor)
    }

    /// How many calls pass in the first millisecond, and how many more in the second after it.
    fn passed(quotas: &RequestQuotas, region: &str, family: &str) -> (usize, usize) {
        let account = "111122223333".parse().unwrap();
        let places = quotas.places(account, &region.parse().unwrap());
        let place = &places[quotas.numbers[family]];
        let at = |time: u64| (0..200_000).take_while(|_| place.take(1, time)).count();
        let first = at(SECOND);
        let rest = (1..=1000).map(|milli| at(SECOND + milli * 1_000_000)).sum();
        (first, rest)
    }

    fn check(region: &str, family: &str, per_second: usize) {
        let (first, rest) = passed(&quotas(&[], 1).unwrap(), region, family);
        assert_eq!(first, per_second, "{family} in {region}");
        let about = rest.abs_diff(per_second) <= 1;
        assert!(about, "{family} in {region}: {rest} in the next second");
    }

    #[test]
    fn the_quotas_are_those_of_aws() {
        check("us-east-1", SYMMETRIC, 50_000);
        check("eu-central-1", SYMMETRIC, 10_000);
        check("eu-north-1", SYMMETRIC, 5_500);
        check("us-east-1", RSA, 500);
        check("us-east-1", ECC, 300);
        check("us-east-1", "DescribeKey", 2_000);
        check("us-east-1", "CreateGrant", 50);
        check("us-east-1", "CreateKey", 5);
        check("us-east-1", CUSTOM_KEY_STORE, 1_800);
    }

    #[test]
    fn what_is_rarer_than_once_a_second_passes_once_in_its_time() {
        let quotas = quotas(&[], 1).unwrap();
        let account = "111122223333".parse().unwrap();
        let places = quotas.places(account, &"us-east-1".parse().unwrap());
        let place = &places[quotas.numbers["GetParametersForImport"]];
        let seconds = (1..=12).filter(|second| place.take(1, second * SECOND));
        assert_eq!(seconds.collect::<Vec<_>>(), [1, 5, 9]);
    }

    #[test]
    fn accounts_and_regions_and_families_have_quotas_of_their_own() {
        let quotas = quotas(&[], 1).unwrap();
        let take = |account: &str, region: &str, family: &str| {
            let places = quotas.places(account.parse().unwrap(), &region.parse().unwrap());
            places[quotas.numbers[family]].take(5, SECOND)
        };
        assert!(take("111122223333", "us-east-1", "CreateKey"));
        assert!(!take("111122223333", "us-east-1", "CreateKey"));
        assert!(take("111122223333", "us-east-1", "DisableKey"));
        assert!(take("111122223333", "eu-west-1", "CreateKey"));
        assert!(take("444455556666", "us-east-1", "CreateKey"));
    }

    #[test]
    fn settings_and_the_factor_change_them() {
        let chosen = quotas(&[("CreateKey", 2.0), (SYMMETRIC, 7.0)], 10).unwrap();
        assert_eq!(passed(&chosen, "us-east-1", "CreateKey").0, 20);
        assert_eq!(passed(&chosen, "us-east-1", SYMMETRIC).0, 70);
        assert_eq!(passed(&chosen, "us-east-1", "EnableKey").0, 50);
        let unknown = QuotaError::Unknown("Createkey".to_owned());
        assert_eq!(quotas(&[("Createkey", 1.0)], 1).unwrap_err(), unknown);
        for rate in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e7] {
            let refused = QuotaError::Number(RSA.to_owned());
            assert_eq!(quotas(&[(RSA, rate)], 1).unwrap_err(), refused, "{rate}");
        }
        assert_eq!(quotas(&[], 0).unwrap_err(), QuotaError::Factor);
    }

    #[test]
    fn every_operation_of_the_model_counts_somewhere() {
        let quotas = quotas(&[], 1).unwrap();
        let cryptographic = [
            "Encrypt",
            "Decrypt",
            "ReEncrypt",
            "GenerateDataKey",
            "GenerateDataKeyWithoutPlaintext",
            "GenerateMac",
            "VerifyMac",
            "Sign",
            "Verify",
            "DeriveSharedSecret",
            "Encapsulate",
            "Decapsulate",
            "GenerateRandom",
            "GenerateDataKeyPair",
            "GenerateDataKeyPairWithoutPlaintext",
        ];
        for operation in shapes::kms::SERVICE.operations {
            let name = operation.name;
            let counted = cryptographic.contains(&name) || quotas.number(name).is_some();
            assert!(counted, "{name}");
        }
        for spec in shapes::kms::DataKeyPairSpec::ALL {
            let name = format!("GenerateDataKeyPair/{spec}");
            assert!(
                spec.as_str() == "SM2" || quotas.number(&name).is_some(),
                "{name}"
            );
        }
    }

    #[test]
    fn threads_together_get_no_more_than_one_alone() {
        let quotas = quotas(&[], 1).unwrap();
        let places = quotas.places(
            "111122223333".parse().unwrap(),
            &"us-east-1".parse().unwrap(),
        );
        let place = &places[quotas.numbers[RSA]];
        let passed = std::thread::scope(|scope| {
            let mut threads = Vec::new();
            for _ in 0..4 {
                threads.push(scope.spawn(|| (0..1000).filter(|_| place.take(1, SECOND)).count()));
            }
            let threads = threads.into_iter();
            threads.map(|thread| thread.join().unwrap()).sum::<usize>()
        });
        assert_eq!(passed, 500);
    }
}
