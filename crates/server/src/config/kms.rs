//! The settings of KMS: how often it may be called.

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

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KmsFile {
    request_quota_factor: Option<u32>,
    #[serde(default)]
    requests_per_second: BTreeMap<String, f64>,
}

impl KmsFile {
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
