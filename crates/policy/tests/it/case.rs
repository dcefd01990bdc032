//! One request with its policies, as the files under `testdata/decisions` write it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use policy::{
    Action, Attached, Beside, Change, ConditionKey, ConditionKeys, Decision, Document,
    DocumentKind, Explanation, GrantAllow, Level, Policies, PolicyType, Request, ResourcePolicy,
    StatementInfo, Steps, Values,
};
use serde::Deserialize;
use serde_json::{Value, json};
use types::{AccountId, Arn, Principal};

/// A request, all policies that bear on it, and what is expected.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Case {
    pub(crate) name: String,
    /// Where AWS documents it, if the file does not say.
    pub(crate) source: Option<String>,
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
        /// The user that made the session, where the request tells.
        issuer: Option<String>,
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
    /// Fragments of the resource's policy that are kept elsewhere.
    #[serde(default)]
    pub(crate) shares: Vec<Value>,
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
        let same = |name: &str| ConditionKey::new(name) == *key;
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
                issuer: _,
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

    /// The user behind a federated session.
    fn issuer(&self) -> Option<Principal> {
        let Self::Federated {
            issuer, account, ..
        } = self
        else {
            return None;
        };
        let user = Self::User {
            user: issuer.clone()?,
            account: account.clone(),
        };
        Some(user.principal())
    }
}

fn parse(document: &Value, kind: DocumentKind) -> Document {
    let text = serde_json::to_string_pretty(document).unwrap();
    match Document::parse(&text, kind) {
        Ok(document) => document,
        Err(error) => panic!("{error}\n{text}"),
    }
}

pub(crate) fn parse_all(documents: &[Value], kind: DocumentKind) -> Vec<Document> {
    documents
        .iter()
        .map(|document| parse(document, kind))
        .collect()
}

/// What explanations call the policies of a list, and the levels of an organization.
pub(crate) const NAMES: [&str; 4] = ["p", "p2", "p3", "p4"];
pub(crate) const LEVELS: [&str; 4] = ["ou-1", "ou-2", "ou-3", "ou-4"];

fn attach<'a>(document: &'a Document, name: &'a str) -> Attached<'a> {
    Attached {
        document,
        name,
        arn: None,
    }
}

pub(crate) fn attach_all(documents: &[Document]) -> Vec<Attached<'_>> {
    let named = documents.iter().zip(NAMES);
    named
        .map(|(document, name)| attach(document, name))
        .collect()
}

pub(crate) fn level_all<'a>(levels: &'a [Vec<Attached<'a>>]) -> Vec<Level<'a>> {
    let named = levels.iter().zip(LEVELS);
    named
        .map(|(policies, name)| Level { name, policies })
        .collect()
}

impl Case {
    /// Decides and explains; both must agree.
    pub(crate) fn decide(&self) -> (Decision, Explanation) {
        let (decision, explanation) = self.decide_within(None);
        assert_eq!(
            explanation.decision(),
            decision,
            "{}: explain disagrees",
            self.name
        );
        (decision, explanation)
    }

    /// The same within so many steps; what is explained then is another decision.
    pub(crate) fn decide_within(&self, steps: Option<&Steps>) -> (Decision, Explanation) {
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
        let session = session.as_ref().map(|list| attach_all(list));
        let policies = Policies {
            identity: &attach_all(&identity),
            boundary: boundary.as_ref().map(|document| attach(document, "p")),
            session: session.as_deref(),
            resource: match &resource {
                None => ResourcePolicy::None,
                Some(("general", document)) => ResourcePolicy::General(document),
                Some(("key", document)) => ResourcePolicy::Key(document),
                Some(("trust", document)) => ResourcePolicy::Trust(document),
                Some((_, document)) => ResourcePolicy::KeyGrantsOnly(document),
            },
            service_control: &level_all(&scps),
            resource_control: &level_all(&rcps),
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
        let issuer = self.principal.issuer();
        let shares = parse_all(&given.shares, DocumentKind::Resource);
        let beside = Beside {
            issuer: issuer.as_ref(),
            shares: &attach_all(&shares),
            steps,
        };
        let decision = policy::evaluate_with(&request, &policies, &beside);
        let explanation = policy::explain_with(&request, &policies, &beside);
        (decision, explanation)
    }

    /// The case with changes made, in the broadest form.
    pub(crate) fn with_changes(&self, changes: &[Change]) -> Self {
        let mut case = self.clone();
        for change in changes {
            case.apply(change);
        }
        case
    }

    fn apply(&mut self, change: &Change) {
        let everything = || {
            json!({"Version": "2012-10-17",
                "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}})
        };
        let policies = &mut self.policies;
        let at = |level: &str| LEVELS.iter().position(|name| *name == level).unwrap();
        match change {
            Change::Lift(statement) => {
                let document = policies.find(statement);
                let statements = document["Statement"].as_array_mut().unwrap();
                // The places of the others stay what they were.
                statements[statement.index]["Action"] = json!(["nothing:AtAll"]);
                if let Some(statement) = statements[statement.index].as_object_mut() {
                    statement.remove("NotAction");
                }
                if statement.policy == PolicyType::Trust {
                    statements[statement.index]["Action"] = json!(["sts:AssumeRoleWithSAML"]);
                }
            }
            Change::Allow { policy, level } => match (policy, level) {
                (PolicyType::ServiceControl, Some(level)) => {
                    policies.service_control[at(level)].push(everything());
                }
                (PolicyType::ResourceControl, Some(level)) => {
                    let mut document = everything();
                    document["Statement"]["Principal"] = json!("*");
                    policies.resource_control[at(level)].push(document);
                }
                (PolicyType::Identity, None) => policies.identity.push(everything()),
                (PolicyType::Boundary, None) => {
                    let statements = &mut policies.boundary.as_mut().unwrap()["Statement"];
                    let statements = statements.as_array_mut().unwrap();
                    statements.push(everything()["Statement"].clone());
                }
                (PolicyType::Session, None) => {
                    policies.session.as_mut().unwrap().push(everything());
                }
                other => panic!("no such change: {other:?}"),
            },
            Change::SessionPolicy => policies.session = Some(vec![everything()]),
            Change::Name { principal, .. } => {
                let kind = if principal.starts_with("arn:") {
                    "AWS"
                } else {
                    "Service"
                };
                policies.allow_to(&json!({ kind: principal }));
            }
            Change::Delegate { account, .. } => {
                policies.allow_to(&json!({"AWS": account.to_string()}));
            }
            Change::Grant => policies.grants.push(GrantCase {
                id: "new".to_owned(),
                issuing_account: self
                    .principal
                    .principal()
                    .account()
                    .map_or_else(|| "111122223333".to_owned(), |account| account.to_string()),
                to_account: false,
            }),
        }
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

impl CasePolicies {
    fn find(&mut self, statement: &StatementInfo) -> &mut Value {
        let index = |names: &[&str], name: &str| names.iter().position(|n| *n == name).unwrap();
        let list = match (statement.policy, &statement.level) {
            (PolicyType::Resource, None) if statement.name == NAMES[0] => &mut self.shares,
            (PolicyType::Resource | PolicyType::Trust, _) => {
                return &mut self.resource.as_mut().unwrap().document;
            }
            (PolicyType::Boundary, _) => return self.boundary.as_mut().unwrap(),
            (PolicyType::Identity, _) => &mut self.identity,
            (PolicyType::Session, _) => self.session.as_mut().unwrap(),
            (PolicyType::ServiceControl, level) => {
                &mut self.service_control[index(&LEVELS, level.as_ref().unwrap())]
            }
            (PolicyType::ResourceControl, level) => {
                &mut self.resource_control[index(&LEVELS, level.as_ref().unwrap())]
            }
        };
        &mut list[index(&NAMES, &statement.name)]
    }

    /// Adds a statement to the resource's policy, which it gets if it has none.
    fn allow_to(&mut self, principal: &Value) {
        let resource = self.resource.get_or_insert_with(|| ResourceCase {
            rule: "general".to_owned(),
            document: json!({"Version": "2012-10-17", "Statement": []}),
        });
        let mut statement = json!({"Effect": "Allow", "Principal": principal});
        if resource.rule == "trust" {
            statement["Action"] = json!("sts:AssumeRole");
        } else {
            statement["Action"] = json!("*");
            statement["Resource"] = json!("*");
        }
        let statements = resource.document["Statement"].as_array_mut().unwrap();
        statements.push(statement);
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
