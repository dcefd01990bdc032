//! The settings of KMS: how often it may be called, and what that costs.

use std::collections::BTreeMap;

use serde::Deserialize;

/// How often KMS may be called.
#[derive(Debug, Clone, PartialEq)]
pub struct QuotaConfig {
    /// Calls a second by family of operations, where not AWS's.
    pub per_second: BTreeMap<String, f64>,
    /// By how much all of them are raised.
    pub factor: u32,
}

/// Beyond these the server is not measured: all of it is held in memory.
const MOST_KEYS: usize = 1_000_000;
const MOST_ALIASES: usize = 10_000;
const MOST_GRANTS: usize = 1_000_000;
/// As long as a request may have it.
const MOST_POLICY_BYTES: usize = 131_072;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KmsFile {
    request_quota_factor: Option<u32>,
    #[serde(default)]
    requests_per_second: BTreeMap<String, f64>,
    #[serde(default)]
    resource_quotas: ResourceQuotasFile,
    #[serde(default)]
    pub(super) prices: PricesFile,
}

/// How much there may be, where not as much as at AWS.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ResourceQuotasFile {
    keys: Option<usize>,
    aliases_per_key: Option<usize>,
    grants_per_key: Option<usize>,
    key_policy_bytes: Option<usize>,
}

/// Prices, where not AWS's.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PricesFile {
    currency: Option<String>,
    key_month: Option<f64>,
    rotation_month: Option<f64>,
    requests: Option<f64>,
    asymmetric_requests: Option<f64>,
    ecc_data_key_pairs: Option<f64>,
    rsa_data_key_pairs: Option<f64>,
}

impl PricesFile {
    /// The prices; or the name of a setting and what is wrong with it.
    pub(super) fn read(&self) -> Result<kms::Prices, (&'static str, String)> {
        let mut prices = kms::Prices::default();
        for (name, given, price) in [
            ("key_month", self.key_month, &mut prices.key_month),
            (
                "rotation_month",
                self.rotation_month,
                &mut prices.rotation_month,
            ),
            ("requests", self.requests, &mut prices.requests),
            (
                "asymmetric_requests",
                self.asymmetric_requests,
                &mut prices.asymmetric_requests,
            ),
            (
                "ecc_data_key_pairs",
                self.ecc_data_key_pairs,
                &mut prices.ecc_data_key_pairs,
            ),
            (
                "rsa_data_key_pairs",
                self.rsa_data_key_pairs,
                &mut prices.rsa_data_key_pairs,
            ),
        ] {
            if let Some(given) = given {
                *price = kms::Money::of(given)
                    .map_err(|wrong| (name, format!("`kms.prices.{name}`: {wrong}")))?;
            }
        }
        if let Some(currency) = &self.currency {
            prices.currency.clone_from(currency);
        }
        Ok(prices)
    }
}

impl KmsFile {
    /// How much there may be; or the name of a setting and what is wrong with it.
    pub(super) fn resource_quotas(&self) -> Result<kms::ResourceQuotas, (&'static str, String)> {
        let mut quotas = kms::ResourceQuotas::default();
        let file = &self.resource_quotas;
        for (name, given, most, quota) in [
            ("keys", file.keys, MOST_KEYS, &mut quotas.keys),
            (
                "aliases_per_key",
                file.aliases_per_key,
                MOST_ALIASES,
                &mut quotas.aliases,
            ),
            (
                "grants_per_key",
                file.grants_per_key,
                MOST_GRANTS,
                &mut quotas.grants,
            ),
            (
                "key_policy_bytes",
                file.key_policy_bytes,
                MOST_POLICY_BYTES,
                &mut quotas.policy_bytes,
            ),
        ] {
            let Some(given) = given else { continue };
            if given > most {
                let text = format!("`kms.resource_quotas.{name}` must be at most {most}");
                return Err((name, text));
            }
            *quota = given;
        }
        Ok(quotas)
    }

    /// The quotas, where `factor` wins over the file's; or the name of a setting and what is
    /// wrong with it.
    pub(super) fn quotas(&self, factor: Option<u32>) -> Result<QuotaConfig, (String, String)> {
        let factor = factor.or(self.request_quota_factor).unwrap_or(1);
        let per_second = self.requests_per_second.clone();
        match kms::RequestQuotas::new(&per_second, factor) {
            Ok(_) => Ok(QuotaConfig { per_second, factor }),
            Err(refused) => {
                let name = match &refused {
                    kms::QuotaError::Unknown(name) | kms::QuotaError::Number(name) => name,
                    kms::QuotaError::Factor => "request_quota_factor",
                };
                Err((name.to_owned(), refused.to_string()))
            }
        }
    }
}
