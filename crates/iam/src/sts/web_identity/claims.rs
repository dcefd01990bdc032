//! The claims of a token: reading them, and whom they make of it.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::{Value, json};
use shapes::sts::AssumeRoleRequest;
use shapes::{Input, ScalarForm};
use types::{Arn, Timestamp, WebIdentity, is_reserved_tag};

use super::Error;
use crate::sts::bounds;
use crate::sts::token::Bounds;

/// The claim with session tags; flattened, what their claims begin with.
const TAGS: &str = "https://aws.amazon.com/tags";

/// The tags themselves, in that claim.
const PRINCIPAL_TAGS: &str = "principal_tags";

/// The keys of tags that later sessions inherit, in that claim.
const TRANSITIVE: &str = "transitive_tag_keys";

/// The claim with the source identity of the session.
const SOURCE_IDENTITY: &str = "https://aws.amazon.com/source_identity";

/// How far an issuer's clock may be ahead, in seconds.
const AHEAD: i64 = 60;

/// Bytes of the longest subject, issuer or audience.
const LONGEST: usize = 255;

/// What a token says, as far as it means something here.
#[derive(Debug, Default)]
pub(crate) struct Claims {
    issuer: Option<String>,
    subject: Option<String>,
    audience: Option<OneOrMany>,
    party: Option<String>,
    expires: Option<i64>,
    issued: Option<i64>,
    not_before: Option<i64>,
    methods: Option<Vec<String>>,
    source_identity: Option<String>,
    tags: Vec<(String, OneOrMany)>,
    transitive: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl OneOrMany {
    /// The only text, if there is one only.
    fn only(&self) -> Option<&str> {
        match self {
            Self::One(text) => Some(text),
            Self::Many(list) => match list.as_slice() {
                [text] => Some(text),
                _ => None,
            },
        }
    }

    fn any(&self, wanted: impl Fn(&str) -> bool) -> bool {
        match self {
            Self::One(text) => wanted(text),
            Self::Many(list) => list.iter().any(|text| wanted(text)),
        }
    }
}

impl Claims {
    /// The issuer.
    ///
    /// Fails with `InvalidIdentityToken` if there is none, or no sensible one.
    pub(crate) fn issuer(&self) -> Result<&str, Error> {
        required(self.issuer.as_deref(), "iss")
    }

    /// Whom a verified token stands for, if it is for one of `client_ids` and of the time `now`.
    ///
    /// `exp`, `iat`, `sub` and `aud` must be there. Without a party that the token was issued to,
    /// `azp`, there must be one audience only, which is one of the ids. With one, that party is
    /// what condition keys call the audience, as AWS has it; it must be one of the ids, and so
    /// must an audience: a token that was issued to us for somebody else is not for us. Fails
    /// with `InvalidIdentityToken`, with `ExpiredTokenException`, and with `IDPRejectedClaim`
    /// for tags and source identities that no session can have.
    pub(crate) fn identity(
        &self,
        provider: Arn,
        client_ids: &[String],
        now: Timestamp,
    ) -> Result<WebIdentity, Error> {
        let expires = self.expires.ok_or(Error::MissingClaim("exp"))?;
        let issued = self.issued.ok_or(Error::MissingClaim("iat"))?;
        let subject = required(self.subject.as_deref(), "sub")?;
        if expires <= now.seconds() {
            return Err(Error::Expired { now, at: expires });
        }
        let begins = issued.max(self.not_before.unwrap_or(issued));
        if begins > now.seconds().saturating_add(AHEAD) {
            return Err(Error::NotYetValid);
        }
        let named = self.audience.as_ref().ok_or(Error::MissingClaim("aud"))?;
        let audience = self.audience_among(client_ids, named);
        let audience = audience.ok_or(Error::Audience)?;
        let tags = self.tags()?;
        let transitive = self.transitive.clone().unwrap_or_default();
        self.check(&tags, &transitive)?;
        Ok(WebIdentity {
            provider,
            audience: audience.to_owned(),
            original_audience: self.original_audience(named),
            subject: subject.to_owned(),
            methods: self.methods.clone().unwrap_or_default(),
            tags,
            transitive,
            source_identity: self.source_identity.clone(),
        })
    }

    /// Whom the token is for, if that is one of `client_ids`.
    fn audience_among<'c>(
        &'c self,
        client_ids: &[String],
        named: &'c OneOrMany,
    ) -> Option<&'c str> {
        let is_known = |audience: &str| client_ids.iter().any(|id| id == audience);
        match self.party.as_deref() {
            Some(party) => (is_known(party) && named.any(is_known)).then_some(party),
            None => named.only().filter(|audience| is_known(audience)),
        }
    }

    /// The audience of a token that names the party that it was issued to beside it.
    fn original_audience(&self, named: &OneOrMany) -> Option<String> {
        self.party.as_ref()?;
        named.only().map(str::to_owned)
    }

    /// The session tags, each with its only value.
    fn tags(&self) -> Result<Vec<(String, String)>, Error> {
        let tags = self.tags.iter();
        tags.map(|(key, value)| {
            let value = value.only().ok_or(Error::Rejected(TAGS))?;
            Ok((key.clone(), value.to_owned()))
        })
        .collect()
    }

    /// Checks tags and source identity by the rules that `AssumeRole` has for its own.
    fn check(&self, tags: &[(String, String)], transitive: &[String]) -> Result<(), Error> {
        let tag = |(key, value): &(String, String)| json!({ "Key": key, "Value": value });
        let call = |more: Value| {
            let mut call = json!({
                "RoleArn": "arn:aws:iam::000000000000:role/any", "RoleSessionName": "any",
            });
            if let (Value::Object(call), Value::Object(more)) = (&mut call, more) {
                call.extend(more);
            }
            AssumeRoleRequest::read(call, ScalarForm::Json)
        };
        let rejected = |_reason: crate::sts::error::Error| Error::Rejected(TAGS);
        let tags: Vec<Value> = tags.iter().map(tag).collect();
        let read = call(json!({ "Tags": tags, "TransitiveTagKeys": transitive }));
        let read = read.map_err(|_invalid| Error::Rejected(TAGS))?;
        let tags = bounds::tags(read.tags.as_deref()).map_err(rejected)?;
        bounds::add_tags(&mut Bounds::default(), &tags, transitive, None).map_err(rejected)?;
        let Some(identity) = &self.source_identity else {
            return Ok(());
        };
        let rejected = Error::Rejected(SOURCE_IDENTITY);
        let reserved = is_reserved_tag(identity);
        match call(json!({ "SourceIdentity": identity })) {
            Ok(_) if !reserved => Ok(()),
            Ok(_) | Err(_) => Err(rejected),
        }
    }
}

/// A claim that must be there: not empty, not long, and without control characters.
fn required<'c>(value: Option<&'c str>, name: &'static str) -> Result<&'c str, Error> {
    let value = value.ok_or(Error::MissingClaim(name))?;
    let sensible = !value.is_empty() && value.len() <= LONGEST && !value.contains(char::is_control);
    sensible.then_some(value).ok_or(Error::NotAToken)
}

impl<'de> Deserialize<'de> for Claims {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ClaimsVisitor)
    }
}

struct ClaimsVisitor;

impl<'de> Visitor<'de> for ClaimsVisitor {
    type Value = Claims;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of claims")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Claims, A::Error> {
        let mut claims = Claims::default();
        while let Some(name) = map.next_key::<String>()? {
            let seen = match name.as_str() {
                "iss" => set(&mut claims.issuer, &mut map)?,
                "sub" => set(&mut claims.subject, &mut map)?,
                "aud" => set(&mut claims.audience, &mut map)?,
                "azp" => set(&mut claims.party, &mut map)?,
                "exp" => set(&mut claims.expires, &mut map)?,
                "iat" => set(&mut claims.issued, &mut map)?,
                "nbf" => set(&mut claims.not_before, &mut map)?,
                "amr" => set(&mut claims.methods, &mut map)?,
                SOURCE_IDENTITY => set(&mut claims.source_identity, &mut map)?,
                TAGS => {
                    let nested: TagClaim = map.next_value()?;
                    claims.tags.extend(nested.principal_tags.0);
                    let transitive = nested.transitive_tag_keys;
                    transitive.is_some_and(|keys| claims.transitive.replace(keys).is_some())
                }
                other => claims.flattened(other, &mut map)?,
            };
            if seen {
                return Err(serde::de::Error::custom("a claim appears twice"));
            }
        }
        Ok(claims)
    }
}

impl Claims {
    /// Reads the claim of one tag, or passes over a claim without meaning. Whether what it says
    /// was said before.
    fn flattened<'de, A: MapAccess<'de>>(
        &mut self,
        name: &str,
        map: &mut A,
    ) -> Result<bool, A::Error> {
        let of_tags = name
            .strip_prefix(TAGS)
            .and_then(|name| name.strip_prefix('/'));
        if of_tags == Some(TRANSITIVE) {
            return set(&mut self.transitive, map);
        }
        let key = of_tags.and_then(|name| name.strip_prefix(PRINCIPAL_TAGS)?.strip_prefix('/'));
        match key {
            Some(key) => self.tags.push((key.to_owned(), map.next_value()?)),
            None => {
                map.next_value::<IgnoredAny>()?;
            }
        }
        // Tags that appear twice are found when they are checked.
        Ok(false)
    }
}

/// Reads a value into its place. Whether there was one already.
fn set<'de, T: Deserialize<'de>, A: MapAccess<'de>>(
    place: &mut Option<T>,
    map: &mut A,
) -> Result<bool, A::Error> {
    Ok(place.replace(map.next_value()?).is_some())
}

/// The claim with all tags.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TagClaim {
    #[serde(default)]
    principal_tags: Pairs,
    transitive_tag_keys: Option<Vec<String>>,
}

/// The members of an object, in their order, as often as they appear.
#[derive(Default)]
struct Pairs(Vec<(String, OneOrMany)>);

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(PairsVisitor)
    }
}

struct PairsVisitor;

impl<'de> Visitor<'de> for PairsVisitor {
    type Value = Pairs;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of tags")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
        let mut pairs = Vec::new();
        while let Some(pair) = map.next_entry()? {
            pairs.push(pair);
        }
        Ok(Pairs(pairs))
    }
}
