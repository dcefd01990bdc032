//! Ids of the organization's parts, and their ARNs.

use types::{AccountId, Arn, Entropy};

use super::records::{OrganizationRecord, PolicyKind};

const LETTERS: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";

/// `length` random small letters and digits.
fn random(entropy: &dyn Entropy, length: usize) -> String {
    let mut text = String::with_capacity(length);
    while text.len() < length {
        let mut byte = [0];
        entropy.fill(&mut byte);
        // 252 is the largest multiple of 36: every letter is as likely.
        let [byte] = byte;
        if byte < 252
            && let Some(letter) = LETTERS.get(usize::from(byte % 36))
        {
            text.push(char::from(*letter));
        }
    }
    text
}

/// `o-` and ten letters.
pub(crate) fn organization(entropy: &dyn Entropy) -> String {
    format!("o-{}", random(entropy, 10))
}

/// `r-` and four letters.
pub(crate) fn root(entropy: &dyn Entropy) -> String {
    format!("r-{}", random(entropy, 4))
}

/// `ou-`, the letters of the root, and eight more.
pub(crate) fn unit(entropy: &dyn Entropy, root: &str) -> String {
    let root = root.trim_start_matches("r-");
    format!("ou-{root}-{}", random(entropy, 8))
}

/// `p-` and eight letters.
pub(crate) fn policy(entropy: &dyn Entropy) -> String {
    format!("p-{}", random(entropy, 8))
}

/// `car-` and 32 letters.
pub(crate) fn creation(entropy: &dyn Entropy) -> String {
    format!("car-{}", random(entropy, 32))
}

/// Twelve random digits, the first not zero.
pub(crate) fn account(entropy: &dyn Entropy) -> Option<AccountId> {
    let mut digits = String::with_capacity(12);
    while digits.len() < 12 {
        let mut byte = [0];
        entropy.fill(&mut byte);
        let [byte] = byte;
        if byte < 250 && !(digits.is_empty() && byte % 10 == 0) {
            digits.push(char::from(b'0' + byte % 10));
        }
    }
    digits.parse().ok()
}

/// Whether `id` looks like that of a root, unit or account. The models' patterns for ids of
/// several kinds are not among those that are checked when a request is read.
pub(crate) fn has_form(id: &str) -> bool {
    let is_account = id.len() == 12 && id.bytes().all(|b| b.is_ascii_digit());
    is_account || id.starts_with("r-") || id.starts_with("ou-")
}

/// The ARN of something of the organization's: they all name the management account.
fn arn(organization: &OrganizationRecord, resource: &str) -> Arn {
    let management = Some(organization.management);
    Arn::new("organizations", None, management, resource)
}

/// The ARN of the organization.
pub(crate) fn organization_arn(organization: &OrganizationRecord) -> Arn {
    arn(organization, &format!("organization/{}", organization.id))
}

/// The ARN of a root, unit or account. It follows from the id alone, whether there is such a
/// node or not.
pub(crate) fn node_arn(organization: &OrganizationRecord, id: &str) -> Arn {
    let kind = if id.starts_with("r-") {
        "root"
    } else if id.starts_with("ou-") {
        "ou"
    } else {
        "account"
    };
    arn(organization, &format!("{kind}/{}/{id}", organization.id))
}

/// The ARN of a policy of the organization's own.
pub(crate) fn policy_arn(organization: &OrganizationRecord, kind: PolicyKind, id: &str) -> Arn {
    let kind = kind.word();
    arn(
        organization,
        &format!("policy/{}/{kind}/{id}", organization.id),
    )
}

/// The ARN of a policy of AWS's.
pub(crate) fn aws_policy_arn(kind: PolicyKind, id: &str) -> String {
    format!("arn:aws:organizations::aws:policy/{}/{id}", kind.word())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU8, Ordering};

    use super::*;

    /// Counts up, so that every byte occurs.
    #[derive(Debug, Default)]
    struct Counting(AtomicU8);

    impl Entropy for Counting {
        fn fill(&self, target: &mut [u8]) {
            for byte in target {
                *byte = self.0.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    fn check(id: &str, prefix: &str, length: usize) {
        let rest = id.strip_prefix(prefix).unwrap();
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        assert!(rest.len() == length && rest.chars().all(fits), "{id}");
    }

    #[test]
    fn ids_have_the_form_of_aws() {
        let entropy = Counting::default();
        for _ in 0..100 {
            check(&organization(&entropy), "o-", 10);
            check(&root(&entropy), "r-", 4);
            check(&unit(&entropy, "r-ab12"), "ou-ab12-", 8);
            check(&policy(&entropy), "p-", 8);
            check(&creation(&entropy), "car-", 32);
        }
    }

    #[test]
    fn account_ids_do_not_begin_with_zero() {
        let entropy = Counting::default();
        for _ in 0..100 {
            assert!(!account(&entropy).unwrap().as_str().starts_with('0'));
        }
    }
}
