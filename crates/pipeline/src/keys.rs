//! Condition keys: what an operation adds, and what every request has.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::BTreeMap;

use policy::{ConditionKey, ConditionKeys, Values};
use serde::{Deserialize, Serialize};
use types::{Arn, Principal, Service, fold_case, same_but_for_case};

use crate::sources::{IdentityPolicies, ResourceFacts};
use crate::{Ctx, Need, Session, repeated};

/// The condition keys that an operation adds to one need.
///
/// Names are matched without regard to case; a key that was never set is absent, not empty.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct KeySet {
    entries: Vec<Entry>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Entry {
    /// Lower case: `kms:encryptioncontext`, `aws:requesttag`; of a provider's key all of it.
    name: Cow<'static, str>,
    /// What stands behind the name.
    rest: Rest,
    values: OwnedValues,
}

/// What stands behind the name of a key.
#[derive(Debug, Clone, Serialize, Deserialize)]
enum Rest {
    /// Nothing.
    None,
    /// The key of a tag or of an encryption context.
    Suffix(String),
    /// Whatever it is, it belongs to the name: an identity provider's may have slashes.
    Whole,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
enum OwnedValues {
    One(String),
    Many(Vec<String>),
}

impl KeySet {
    /// Whether no key was set.
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Sets a single-valued key; `name` is in lower case.
    pub fn one(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.entries.push(Entry {
            name: Cow::Borrowed(name),
            rest: Rest::None,
            values: OwnedValues::One(value.into()),
        });
        self
    }

    /// The value of a single-valued key without a suffix; `name` is in lower case.
    pub fn text(&self, name: &str) -> Option<&str> {
        let mut entries = self.entries.iter();
        entries.find_map(|entry| match (&entry.rest, &entry.values) {
            (Rest::None, OwnedValues::One(value)) if entry.name == name => Some(value.as_str()),
            _ => None,
        })
    }

    /// The keys of a request that gives these tags: `aws:RequestTag/…` and `aws:TagKeys`. One
    /// without tags has neither.
    pub fn requested_tags(self, tags: &BTreeMap<String, String>) -> Self {
        self.map("aws:requesttag", tags)
            .many("aws:tagkeys", tags.keys().cloned().collect())
    }

    /// Sets a single-valued key if there is a value.
    pub fn maybe(self, name: &'static str, value: Option<impl Into<String>>) -> Self {
        match value {
            Some(value) => self.one(name, value),
            None => self,
        }
    }

    /// Sets a multivalued key; without values it stays absent.
    pub fn many(mut self, name: &'static str, values: Vec<String>) -> Self {
        if !values.is_empty() {
            self.entries.push(Entry {
                name: Cow::Borrowed(name),
                rest: Rest::None,
                values: OwnedValues::Many(values),
            });
        }
        self
    }

    /// Sets one key per entry of a map: `aws:RequestTag/k`, `kms:EncryptionContext:k`.
    pub fn map(mut self, name: &'static str, entries: &BTreeMap<String, String>) -> Self {
        for (suffix, value) in entries {
            self.entries.push(Entry {
                name: Cow::Borrowed(name),
                rest: Rest::Suffix(suffix.clone()),
                values: OwnedValues::One(value.clone()),
            });
        }
        self
    }

    /// The pairs that [`Self::map`] has set under `name`.
    pub(crate) fn pairs(&self, name: &'static str) -> impl Iterator<Item = (&str, &str)> {
        let entries = self.entries.iter().filter(move |entry| entry.name == name);
        entries.filter_map(|entry| match (&entry.rest, &entry.values) {
            (Rest::Suffix(suffix), OwnedValues::One(value)) => {
                Some((suffix.as_str(), value.as_str()))
            }
            (Rest::None | Rest::Whole, _) | (Rest::Suffix(_), OwnedValues::Many(_)) => None,
        })
    }

    /// Sets the single-valued key that an identity provider has for a claim: `host/path:sub`.
    pub fn claim(mut self, issuer: &str, claim: &str, value: impl Into<String>) -> Self {
        self.entries.push(Entry {
            name: Cow::Owned(fold_case(&format!("{issuer}:{claim}")).into_owned()),
            rest: Rest::Whole,
            values: OwnedValues::One(value.into()),
        });
        self
    }

    /// Sets the multivalued key that an identity provider has for a claim; without values it
    /// stays absent.
    pub fn claims(mut self, issuer: &str, claim: &str, values: Vec<String>) -> Self {
        if !values.is_empty() {
            self.entries.push(Entry {
                name: Cow::Owned(fold_case(&format!("{issuer}:{claim}")).into_owned()),
                rest: Rest::Whole,
                values: OwnedValues::Many(values),
            });
        }
        self
    }

    /// Adds all keys of `other`.
    pub fn and(mut self, other: Self) -> Self {
        self.entries.extend(other.entries);
        self
    }
}

impl ConditionKeys for KeySet {
    fn lookup(&self, key: &ConditionKey) -> Option<Values<'_>> {
        let entry = self.entries.iter().find(|entry| match &entry.rest {
            Rest::None => entry.name == key.name() && key.suffix().is_none(),
            Rest::Suffix(have) => {
                let same = |want: &str| same_but_for_case(have, want);
                entry.name == key.name() && key.suffix().is_some_and(same)
            }
            Rest::Whole => entry.name == key.as_str(),
        })?;
        Some(match &entry.values {
            OwnedValues::One(value) => Values::One(Cow::Borrowed(value)),
            OwnedValues::Many(values) => Values::Many(
                values
                    .iter()
                    .map(|value| Cow::Borrowed(value.as_str()))
                    .collect(),
            ),
        })
    }
}

/// All condition keys of one need: the request's, the principal's, the resource's and those
/// that the operation added. Computed only when a policy asks for one.
#[derive(Debug)]
pub(crate) struct RequestKeys<'a> {
    pub(crate) ctx: &'a Ctx,
    pub(crate) need: &'a Need,
    pub(crate) identity: &'a IdentityPolicies,
    pub(crate) facts: &'a ResourceFacts,
    /// Whether only the caller's side is decided: where the resource's account is in the
    /// organization is then not looked at.
    pub(crate) own_side: bool,
    /// Whether a policy has asked for what does not follow from who asks for what.
    pub(crate) asked_more: &'a Cell<bool>,
}

impl ConditionKeys for RequestKeys<'_> {
    fn lookup(&self, key: &ConditionKey) -> Option<Values<'_>> {
        if let Some(values) = self.need.keys.lookup(key) {
            return Some(values);
        }
        if let Some(values) = self
            .need
            .shared_keys
            .as_ref()
            .and_then(|keys| keys.lookup(key))
        {
            return Some(values);
        }
        if !repeated::follows(key) {
            self.asked_more.set(true);
        }
        match (key.name(), key.suffix()) {
            ("aws:principaltag", Some(tag)) => {
                let (_, value) = self
                    .identity
                    .tags
                    .iter()
                    .find(|(name, _)| same_but_for_case(name, tag))?;
                Some(borrowed(value))
            }
            (name, None) => self
                .principal_key(name)
                .or_else(|| self.request_key(name))
                .or_else(|| self.service_key(name))
                .or_else(|| self.organization_key(name))
                .or_else(|| self.resource_key(key)),
            (_, Some(_)) => self.resource_key(key),
        }
    }
}

impl RequestKeys<'_> {
    /// What the resource says of itself. Of its tags those count as they are handed down that the
    /// caller's session hands down.
    fn resource_key(&self, key: &ConditionKey) -> Option<Values<'_>> {
        let own = self.facts.keys.as_ref()?.lookup(key)?;
        let ("aws:resourcetag" | "iam:resourcetag", Some(tag)) = (key.name(), key.suffix()) else {
            return Some(own);
        };
        let mut handed_down = self.need.handed_down.iter();
        let instead = handed_down.find(|(name, _)| same_but_for_case(name, tag));
        Some(instead.map_or(own, |(_, value)| borrowed(value)))
    }

    fn principal_key(&self, name: &str) -> Option<Values<'_>> {
        let principal = &self.ctx.caller().principal;
        match name {
            "aws:principalaccount" => principal.account().map(owned),
            "aws:principalarn" => principal_arn(principal).map(owned),
            "aws:principaltype" => principal_type(principal).map(borrowed),
            "aws:userid" => principal.user_id().map(owned),
            "aws:username" => match principal {
                Principal::User { name, .. } => Some(borrowed(name)),
                Principal::Root { .. }
                | Principal::AssumedRole { .. }
                | Principal::FederatedUser { .. }
                | Principal::WebIdentity(_)
                | Principal::Service { .. } => None,
            },
            "aws:tokenissuetime" => Some(owned(self.session()?.issued.to_iso8601())),
            // Temporary credentials only, and none can be made with a second factor.
            "aws:multifactorauthpresent" => self.session().map(|_| truth(false)),
            "aws:sourceidentity" => self.session()?.source_identity.as_deref().map(borrowed),
            "aws:federatedprovider" => self.session()?.provider.as_deref().map(borrowed),
            "aws:principalisawsservice" => {
                Some(truth(matches!(principal, Principal::Service { .. })))
            }
            "aws:principalservicenameslist" => match principal {
                Principal::Service { name } => Some(Values::Many(vec![Cow::Borrowed(*name)])),
                Principal::Root { .. }
                | Principal::User { .. }
                | Principal::AssumedRole { .. }
                | Principal::FederatedUser { .. }
                | Principal::WebIdentity(_) => None,
            },
            "aws:principalservicename" => match principal {
                Principal::Service { name } => Some(borrowed(name)),
                Principal::Root { .. }
                | Principal::User { .. }
                | Principal::AssumedRole { .. }
                | Principal::FederatedUser { .. }
                | Principal::WebIdentity(_) => None,
            },
            _ => None,
        }
    }

    fn session(&self) -> Option<&Session> {
        self.ctx.caller().session.as_deref()
    }

    fn request_key(&self, name: &str) -> Option<Values<'_>> {
        let ctx = self.ctx;
        match name {
            "aws:currenttime" => Some(owned(ctx.time().to_iso8601())),
            "aws:epochtime" => Some(owned(ctx.time().seconds().to_string())),
            "aws:requestedregion" => Some(borrowed(ctx.region().as_str())),
            // What a service does in its own name never leaves this process.
            "aws:securetransport" => Some(truth(
                ctx.origin().secure_transport
                    || matches!(ctx.caller().principal, Principal::Service { .. }),
            )),
            "aws:useragent" => ctx.origin().user_agent.as_deref().map(borrowed),
            "aws:referer" => ctx.origin().referer.as_deref().map(borrowed),
            // A service's call on the caller's behalf comes from the service's address.
            "aws:sourceip" if self.via().is_none() => ctx
                .origin()
                .source_ip
                .map(|address| owned(address.to_string())),
            "aws:resourceaccount" => self.facts.account.map(owned),
            "aws:sourcearn" => ctx.source().map(|arn| borrowed(arn.as_str())),
            "aws:sourceaccount" => ctx.source()?.account().map(owned),
            _ => None,
        }
    }

    fn service_key(&self, name: &str) -> Option<Values<'_>> {
        let on_kms = self.need.is_for("kms");
        match name {
            "aws:viaawsservice" => Some(truth(self.via().is_some())),
            "kms:calleraccount" if on_kms => self.ctx.caller().principal.account().map(owned),
            "kms:viaservice" if on_kms && self.need.resource.is_some() => {
                let prefix = self.via()?.action_prefix();
                Some(owned(format!(
                    "{prefix}.{}.amazonaws.com",
                    self.ctx.region()
                )))
            }
            _ => None,
        }
    }

    /// Where the accounts of the caller, of the resource, and of what a service acts for are in the
    /// organization.
    fn organization_key(&self, name: &str) -> Option<Values<'static>> {
        let account = match name {
            "aws:principalorgid" | "aws:principalorgpaths" => self.ctx.account(),
            "aws:resourceorgpaths" if self.own_side => None,
            "aws:resourceorgid" | "aws:resourceorgpaths" => self.facts.account,
            "aws:sourceorgid" | "aws:sourceorgpaths" => self.ctx.source()?.account(),
            _ => None,
        };
        let bounds = self.ctx.bounds(account?);
        match name {
            "aws:principalorgid" | "aws:resourceorgid" | "aws:sourceorgid" => {
                bounds.organization.clone().map(owned)
            }
            _ => bounds.path.clone().map(|path| {
                let path = Cow::Owned(path);
                Values::Many(vec![path])
            }),
        }
    }

    /// The service that asks on the caller's behalf: the need's own, or the call's.
    fn via(&self) -> Option<Service> {
        self.need.via.or_else(|| self.ctx.via())
    }
}

/// `aws:PrincipalArn`: the role's ARN for a session, never the session's.
fn principal_arn(principal: &Principal) -> Option<Arn> {
    match principal {
        Principal::AssumedRole { role_arn, .. } => Some(role_arn.clone()),
        Principal::Root { .. }
        | Principal::User { .. }
        | Principal::FederatedUser { .. }
        | Principal::WebIdentity(_)
        | Principal::Service { .. } => principal.arn(),
    }
}

fn principal_type(principal: &Principal) -> Option<&'static str> {
    match principal {
        Principal::Root { .. } => Some("Account"),
        Principal::User { .. } => Some("User"),
        Principal::AssumedRole { .. } => Some("AssumedRole"),
        Principal::FederatedUser { .. } => Some("FederatedUser"),
        Principal::WebIdentity(_) | Principal::Service { .. } => None,
    }
}

fn owned(value: impl Into<String>) -> Values<'static> {
    Values::One(Cow::Owned(value.into()))
}

fn borrowed(value: &str) -> Values<'_> {
    Values::One(Cow::Borrowed(value))
}

fn truth(value: bool) -> Values<'static> {
    Values::One(Cow::Borrowed(if value { "true" } else { "false" }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, expected: Option<&str>) {
        let pairs = [("équipe", "1"), ("TASK", "2"), ("ris\u{212A}", "3")];
        let pairs = pairs.map(|(key, value)| (key.to_owned(), value.to_owned()));
        let keys = KeySet::default()
            .map("aws:requesttag", &BTreeMap::from(pairs))
            .claim("idp.example/É", "sub", "4");
        let found = keys.lookup(&ConditionKey::new(name));
        let found = found.as_ref().map(|values| values.as_slice()[0].as_ref());
        assert_eq!(found, expected, "{name}");
    }

    #[test]
    fn suffixes_are_found_in_any_case_and_not_by_look_alikes() {
        check("aws:RequestTag/ÉQUIPE", Some("1"));
        check("aws:RequestTag/task", Some("2"));
        check("aws:RequestTag/tas\u{212A}", None);
        check("aws:RequestTag/risk", None);
        check("AWS:requesttag/RIS\u{212A}", Some("3"));
        check("IDP.example/é:SUB", Some("4"));
    }
}
