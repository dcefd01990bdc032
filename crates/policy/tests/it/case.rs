//! One request with its policies, as the files under `testdata/decisions` write it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use policy::{
    Action, Attached, ConditionKey, ConditionKeys, Decision, Document, DocumentKind, Explanation,
    GrantAllow, Level, Policies, Request, ResourcePolicy, Values,
};
use serde::Deserialize;
use serde_json::Value;
use types::{AccountId, Arn, Principal};

/// A request, all policies that bear on it, and what is expected.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) principal: Who,
    pub(crate) action: String,
    pub(crate) resource: Option<String>,
    /// The resource's account, where the ARN does not name it.
    pub(crate) owner: Option<String>,
    #[serde(default)]
    pub(crate) context: Context,
    #[serde(default)]
    pub(crate) policies: CasePolicies,
    pub(crate) expect: Option<Expected>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(crate) enum Who {
    User {
        user: String,
        account: String,
    },
    Role {
        role: String,
        session: String,
        account: String,
    },
    Federated {
        federated: String,
        account: String,
    },
    Root {
        root: bool,
        account: String,
    },
    Service {
        service: String,
    },
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(transparent)]
pub(crate) struct Context(pub(crate) BTreeMap<String, Found>);

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(crate) enum Found {
    One(String),
    Many(Vec<String>),
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CasePolicies {
    #[serde(default)]
    pub(crate) identity: Vec<Value>,
    pub(crate) boundary: Option<Value>,
    pub(crate) session: Option<Vec<Value>>,
    pub(crate) resource: Option<ResourceCase>,
    #[serde(default)]
    pub(crate) service_control: Vec<Vec<Value>>,
    #[serde(default)]
    pub(crate) resource_control: Vec<Vec<Value>>,
    #[serde(default)]
    pub(crate) grants: Vec<GrantCase>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ResourceCase {
    /// `general`, `key`, `key, grants only` or `trust`.
    pub(crate) rule: String,
    pub(crate) document: Value,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct GrantCase {
    pub(crate) id: String,
    pub(crate) issuing_account: String,
    #[serde(default)]
    pub(crate) to_account: bool,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Expected {
    /// `ALLOW`, `DENY(i)` or `DENY(e)`.
    pub(crate) decision: String,
    /// What allowed.
    pub(crate) by: Option<String>,
    /// The kind of policy that denied.
    pub(crate) policy: Option<String>,
    /// The text that the caller gets.
    pub(crate) message: Option<String>,
}

impl ConditionKeys for Context {
    fn lookup(&self, key: &ConditionKey) -> Option<Values<'_>> {
        let same = |name: &str| name.to_lowercase() == key.as_str();
        let (_, found) = self.0.iter().find(|(name, _)| same(name))?;
        Some(match found {
            Found::One(value) => Values::One(Cow::Borrowed(value)),
            Found::Many(values) => Values::Many(
                values
                    .iter()
                    .map(|value| Cow::Borrowed(value.as_str()))
                    .collect(),
            ),
        })
    }
}

/// Twenty-one characters that differ where the names differ.
fn id(prefix: &str, name: &str) -> String {
    let letters: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    format!("{prefix}{letters:0>17}")
}

impl Who {
    pub(crate) fn principal(&self) -> Principal {
        let account = |text: &str| text.parse::<AccountId>().unwrap();
        match self {
            Self::User {
                user,
                account: owner,
            } => Principal::User {
                account: account(owner),
                arn: format!("arn:aws:iam::{owner}:user/{user}").parse().unwrap(),
                id: id("AIDA", &format!("{user}{owner}")).parse().unwrap(),
                name: user.rsplit('/').next().unwrap().to_owned(),
            },
            Self::Role {
                role,
                session,
                account: owner,
            } => Principal::AssumedRole {
                account: account(owner),
                role_arn: format!("arn:aws:iam::{owner}:role/{role}").parse().unwrap(),
                role_id: id("AROA", &format!("{role}{owner}")).parse().unwrap(),
                role_name: role.rsplit('/').next().unwrap().to_owned(),
                session: session.clone(),
            },
            Self::Federated {
                federated,
                account: owner,
            } => Principal::FederatedUser {
                account: account(owner),
                name: federated.clone(),
            },
            Self::Root {
                root,
                account: owner,
            } => {
                assert!(*root, "`root` is a marker");
                Principal::Root {
                    account: account(owner),
                }
            }
            Self::Service { service } => Principal::Service {
                name: match service.as_str() {
                    "sagemaker.amazonaws.com" => "sagemaker.amazonaws.com",
                    "lambda.amazonaws.com" => "lambda.amazonaws.com",
                    other => panic!("unknown service {other}"),
                },
            },
        }
    }
}

fn parse(document: &Value, kind: DocumentKind) -> Document {
    let text = serde_json::to_string_pretty(document).unwrap();
    match Document::parse(&text, kind) {
        Ok(document) => document,
        Err(error) => panic!("{error}\n{text}"),
    }
}

fn parse_all(documents: &[Value], kind: DocumentKind) -> Vec<Document> {
    documents
        .iter()
        .map(|document| parse(document, kind))
        .collect()
}

fn attach(document: &Document) -> Attached<'_> {
    Attached {
        document,
        name: "p",
        arn: None,
    }
}

fn attach_all(documents: &[Document]) -> Vec<Attached<'_>> {
    documents.iter().map(attach).collect()
}

impl Case {
    /// Decides and explains; both must agree.
    pub(crate) fn decide(&self) -> (Decision, Explanation) {
        let given = &self.policies;
        let identity = parse_all(&given.identity, DocumentKind::Identity);
        let boundary = given
            .boundary
            .as_ref()
            .map(|text| parse(text, DocumentKind::Boundary));
        let session = given
            .session
            .as_ref()
            .map(|list| parse_all(list, DocumentKind::Session));
        let levels = |levels: &[Vec<Value>], kind| -> Vec<Vec<Document>> {
            levels.iter().map(|level| parse_all(level, kind)).collect()
        };
        let scps = levels(&given.service_control, DocumentKind::ServiceControl);
        let rcps = levels(&given.resource_control, DocumentKind::ResourceControl);
        let resource = given.resource.as_ref().map(|resource| {
            let kind = match resource.rule.as_str() {
                "general" => DocumentKind::Resource,
                "key" | "key, grants only" => DocumentKind::KeyPolicy,
                "trust" => DocumentKind::Trust,
                other => panic!("unknown rule {other}"),
            };
            (resource.rule.as_str(), parse(&resource.document, kind))
        });
        let grants: Vec<GrantAllow> = given.grants.iter().map(GrantCase::grant).collect();

        let scps: Vec<_> = scps.iter().map(|level| attach_all(level)).collect();
        let rcps: Vec<_> = rcps.iter().map(|level| attach_all(level)).collect();
        let level = |policies| Level {
            name: "ou-1",
            policies,
        };
        let session = session.as_ref().map(|list| attach_all(list));
        let policies = Policies {
            identity: &attach_all(&identity),
            boundary: boundary.as_ref().map(attach),
            session: session.as_deref(),
            resource: match &resource {
                None => ResourcePolicy::None,
                Some(("general", document)) => ResourcePolicy::General(document),
                Some(("key", document)) => ResourcePolicy::Key(document),
                Some(("trust", document)) => ResourcePolicy::Trust(document),
                Some((_, document)) => ResourcePolicy::KeyGrantsOnly(document),
            },
            service_control: &scps.iter().map(|list| level(list)).collect::<Vec<_>>(),
            resource_control: &rcps.iter().map(|list| level(list)).collect::<Vec<_>>(),
            grants: &grants,
        };
        let principal = self.principal.principal();
        let resource: Option<Arn> = self.resource.as_ref().map(|arn| arn.parse().unwrap());
        let request = Request {
            principal: &principal,
            action: &Action::parse(&self.action).unwrap(),
            resource: resource.as_ref(),
            resource_account: self.owner.as_ref().map(|owner| owner.parse().unwrap()),
            keys: &self.context,
        };
        let decision = policy::evaluate(&request, &policies);
        let explanation = policy::explain(&request, &policies);
        assert_eq!(
            explanation.decision(),
            decision,
            "{}: explain disagrees",
            self.name
        );
        (decision, explanation)
    }

    /// `ALLOW`, `DENY(i)` or `DENY(e)`.
    pub(crate) fn outcome(&self) -> &'static str {
        match self.decide().0.denial() {
            None => "ALLOW",
            Some(denial) if denial.explicit => "DENY(e)",
            Some(_) => "DENY(i)",
        }
    }

    /// The text of the error that the caller gets.
    pub(crate) fn message(&self) -> String {
        let name = self.principal.principal().display_name();
        self.decide()
            .0
            .denial_message(&name, &self.action, self.resource.as_deref())
    }
}

impl GrantCase {
    fn grant(&self) -> GrantAllow {
        let account = self.issuing_account.parse().unwrap();
        if self.to_account {
            GrantAllow::to_account(self.id.clone(), account)
        } else {
            GrantAllow::new(self.id.clone(), account)
        }
    }
}
