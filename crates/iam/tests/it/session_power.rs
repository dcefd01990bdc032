//! Random sequences of sessions against a small model of what each may do.
//!
//! A session is made by a parent: a user, or another session. The model says that nobody makes a
//! session but within what bounds itself (its identity policies or a trust policy that names it,
//! its boundary, its session policy); that the child does what its own role or user may within
//! the boundary and the session policy, and nothing else; and that what the parent hands down
//! stays: transitive tags and the source identity. Whatever is made, changed and deleted on the
//! way, the deployment has to agree at once.

use std::collections::BTreeMap;

use pipeline::Caller;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use crate::world::{ACCOUNT, World, user_arn};

/// Calls without effect: the operation, and its action. The first three no session of a user may
/// make.
const CALLS: [(&str, &str); 6] = [
    ("ListUsers", "iam:ListUsers"),
    ("ListRoles", "iam:ListRoles"),
    ("ListGroups", "iam:ListGroups"),
    ("organizations:ListRoots", "organizations:ListRoots"),
    ("organizations:ListAccounts", "organizations:ListAccounts"),
    (
        "organizations:DescribeOrganization",
        "organizations:DescribeOrganization",
    ),
];

/// The last of what a policy speaks about: making sessions.
const MAKING: usize = CALLS.len();

/// What a policy says of each call, and of making sessions.
type Says = [Option<bool>; MAKING + 1];

/// A federated session without a policy.
const NOTHING: Says = [None; MAKING + 1];

const ROLES: usize = 3;
const KEYS: [&str; 2] = ["team", "équipe"];

/// Whom the trust policy of a role names.
#[derive(Debug, Clone, Copy)]
enum Trust {
    Account,
    Everyone,
    Alice,
    Role(usize),
    Session(usize),
}

#[derive(Debug, Clone)]
struct Asked {
    /// One of those that are there, in turns.
    parent: usize,
    role: usize,
    /// A session policy, and whether it is a managed one.
    policy: Option<(Says, bool)>,
    /// Which tag, whether its key is in upper case, whether it is transitive.
    tag: Option<(usize, bool, bool)>,
    source: Option<bool>,
}

#[derive(Debug, Clone)]
enum Step {
    Assume(Asked),
    Federate(Option<Says>),
    GetSession,
    PutRole(usize, Says),
    PutAlice(Says),
    BoundRole(usize, Option<Says>),
    BoundAlice(Option<Says>),
    Trust(usize, Trust),
    Delete(usize),
}

fn says() -> impl Strategy<Value = Says> {
    prop::array::uniform(prop::option::weighted(0.8, prop::bool::weighted(0.85)))
}

fn step() -> impl Strategy<Value = Step> {
    let role = || 0..ROLES;
    let trust = prop_oneof![
        2 => Just(Trust::Account),
        1 => Just(Trust::Everyone),
        1 => Just(Trust::Alice),
        1 => role().prop_map(Trust::Role),
        1 => role().prop_map(Trust::Session),
    ];
    let asked = (
        0..64_usize,
        role(),
        prop::option::of((says(), any::<bool>())),
        prop::option::of((0..KEYS.len(), any::<bool>(), any::<bool>())),
        prop::option::weighted(0.3, any::<bool>()),
    );
    let asked = asked.prop_map(|(parent, role, policy, tag, source)| {
        Step::Assume(Asked {
            parent,
            role,
            policy,
            tag,
            source,
        })
    });
    prop_oneof![
        8 => asked,
        1 => prop::option::of(says()).prop_map(Step::Federate),
        1 => Just(Step::GetSession),
        1 => (role(), says()).prop_map(|(role, says)| Step::PutRole(role, says)),
        1 => says().prop_map(Step::PutAlice),
        1 => (role(), prop::option::of(says())).prop_map(|(role, says)| Step::BoundRole(role, says)),
        1 => prop::option::of(says()).prop_map(Step::BoundAlice),
        2 => (role(), trust).prop_map(|(role, trust)| Step::Trust(role, trust)),
        1 => role().prop_map(Step::Delete),
    ]
}

// --- the model ----------------------------------------------------------------------------

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    User,
    UserSession,
    Federated,
    Session(usize),
}

#[derive(Debug, Clone)]
struct Holder {
    kind: Kind,
    policy: Option<Says>,
    /// Values by key in lower case, and whether they go on.
    tags: BTreeMap<String, (String, bool)>,
    source: Option<String>,
    /// The answer that holds the credentials; of Alice's own key there is none.
    answer: Value,
}

#[derive(Debug, Clone, Copy)]
struct Role {
    says: Says,
    boundary: Option<Says>,
    trust: Trust,
}

struct Model {
    alice: Says,
    boundary: Option<Says>,
    /// `None` once they are deleted.
    roles: [Option<Role>; ROLES],
    holders: Vec<Holder>,
}

impl Model {
    fn parent(&self, asked: &Asked) -> &Holder {
        &self.holders[asked.parent % self.holders.len()]
    }

    /// The identity policy of whose rights `holder` has, and all that bounds them; `None` if the
    /// role is gone.
    fn bounds(&self, holder: &Holder) -> Option<(Says, Vec<Says>)> {
        let (says, boundary) = match holder.kind {
            Kind::Session(role) => {
                let role = self.roles[role]?;
                (role.says, role.boundary)
            }
            Kind::User | Kind::UserSession | Kind::Federated => (self.alice, self.boundary),
        };
        let mut bounds: Vec<Says> = boundary.into_iter().collect();
        bounds.extend(holder.policy);
        if holder.kind == Kind::Federated && holder.policy.is_none() {
            bounds.push(NOTHING);
        }
        Some((says, bounds))
    }

    /// Whether the policies of `holder` allow it; `named` if another's policy names the holder, so
    /// that no identity policy has to.
    fn allowed(&self, holder: &Holder, what: usize, named: bool) -> bool {
        let Some((says, bounds)) = self.bounds(holder) else {
            return false;
        };
        let identity = says[what] == Some(true) || named && says[what].is_none();
        identity && bounds.iter().all(|says| says[what] == Some(true))
    }

    fn calls(&self, holder: &Holder, call: usize) -> bool {
        let of_user = matches!(holder.kind, Kind::UserSession | Kind::Federated);
        !(of_user && call < 3) && self.allowed(holder, call, false)
    }

    fn assumes(&self, parent: &Holder, role: usize) -> bool {
        let Some(role) = self.roles[role] else {
            return false;
        };
        let named = match role.trust {
            Trust::Account => false,
            Trust::Everyone => true,
            Trust::Alice => matches!(parent.kind, Kind::User | Kind::UserSession),
            Trust::Role(role) | Trust::Session(role) => parent.kind == Kind::Session(role),
        };
        let trusted = named || matches!(role.trust, Trust::Account);
        parent.kind != Kind::Federated && trusted && self.allowed(parent, MAKING, named)
    }

    /// The calls that `holder` makes itself or in sessions that it may make, and these in turn.
    fn reach(&self, holder: &Holder, through: &[usize]) -> [bool; MAKING] {
        let mut reach = std::array::from_fn(|call| self.calls(holder, call));
        for role in (0..ROLES).filter(|role| !through.contains(role)) {
            if self.assumes(holder, role) {
                let session = Holder {
                    kind: Kind::Session(role),
                    policy: None,
                    ..holder.clone()
                };
                let beyond = self.reach(&session, &[through, &[role]].concat());
                reach = std::array::from_fn(|call| reach[call] || beyond[call]);
            }
        }
        reach
    }

    /// The session that `parent` gets, if what it asks for is not at odds with what it inherits.
    fn child(&self, parent: &Holder, asked: &Asked) -> Option<Holder> {
        if !self.assumes(parent, asked.role) {
            return None;
        }
        let mut tags = parent.tags.clone();
        tags.retain(|_, (_, goes_on)| *goes_on);
        if let Some((key, _, goes_on)) = asked.tag {
            let tag = ("v".to_owned(), goes_on);
            if tags.insert(KEYS[key].to_owned(), tag).is_some() {
                return None;
            }
        }
        let source = asked.source.map(|other| source(other).to_owned());
        if let (Some(asked), Some(inherited)) = (&source, &parent.source)
            && asked != inherited
        {
            return None;
        }
        Some(Holder {
            kind: Kind::Session(asked.role),
            policy: asked.policy.map(|(says, _)| says),
            tags,
            source: parent.source.clone().or(source),
            answer: Value::Null,
        })
    }
}

fn source(other: bool) -> &'static str {
    if other { "other" } else { "one" }
}

// --- the deployment -----------------------------------------------------------------------

fn policy(says: Says) -> String {
    let making = json!([
        "sts:AssumeRole",
        "sts:TagSession",
        "sts:SetSourceIdentity",
        "sts:GetFederationToken",
    ]);
    let actions = CALLS.iter().map(|(_, action)| json!(action));
    // So that there is a statement in any case.
    let mut statements =
        vec![json!({ "Effect": "Allow", "Action": "kms:ListKeys", "Resource": "*" })];
    for (action, says) in actions.chain([making]).zip(says) {
        if let Some(allowed) = says {
            let effect = if allowed { "Allow" } else { "Deny" };
            statements.push(json!({ "Effect": effect, "Action": action, "Resource": "*" }));
        }
    }
    json!({ "Version": "2012-10-17", "Statement": statements }).to_string()
}

fn name(role: usize) -> String {
    format!("R{role}")
}

fn arn(role: usize) -> String {
    format!("arn:aws:iam::{ACCOUNT}:role/R{role}")
}

struct Run {
    world: World,
    alice: Caller,
    model: Model,
    /// Managed policies so far.
    policies: usize,
}

impl Run {
    /// Alice, and roles that trust the account; everybody may do everything.
    fn new() -> Self {
        let world = World::new();
        let all: Says = [Some(true); MAKING + 1];
        let alice = world.user("Alice", None);
        let holder = Holder {
            kind: Kind::User,
            policy: None,
            tags: BTreeMap::new(),
            source: None,
            answer: Value::Null,
        };
        let role = Role {
            says: all,
            boundary: None,
            trust: Trust::Account,
        };
        let run = Self {
            world,
            alice,
            model: Model {
                alice: all,
                boundary: None,
                roles: [Some(role); ROLES],
                holders: vec![holder],
            },
            policies: 0,
        };
        run.put("User", "Alice", all);
        for role in 0..ROLES {
            let trust = trusting(Trust::Account);
            let input = json!({ "RoleName": name(role), "AssumeRolePolicyDocument": trust });
            run.world.ok("CreateRole", input);
            run.put("Role", &name(role), all);
        }
        run
    }

    fn put(&self, kind: &str, name: &str, says: Says) {
        let input = json!({
            format!("{kind}Name"): name, "PolicyName": "p", "PolicyDocument": policy(says),
        });
        self.world.ok(&format!("Put{kind}Policy"), input);
    }

    fn managed(&mut self, says: Says) -> Value {
        self.policies += 1;
        let name = format!("P{}", self.policies);
        let input = json!({ "PolicyName": name, "PolicyDocument": policy(says) });
        self.world.ok("CreatePolicy", input)["Policy"]["Arn"].clone()
    }

    fn bound(&mut self, kind: &str, name: &str, says: Option<Says>, is_bound: bool) {
        let mut input = json!({ format!("{kind}Name"): name });
        if let Some(says) = says {
            input["PermissionsBoundary"] = self.managed(says);
            self.world
                .ok(&format!("Put{kind}PermissionsBoundary"), input);
        } else if is_bound {
            self.world
                .ok(&format!("Delete{kind}PermissionsBoundary"), input);
        }
    }

    /// Who signs with what `holder` has; nobody if it is worth nothing any more.
    fn caller(&self, holder: &Holder) -> Option<Caller> {
        if holder.kind == Kind::User {
            return Some(self.alice.clone());
        }
        self.world.session(&holder.answer)
    }

    fn does(&self, step: &Step) -> Option<Holder> {
        let of_alice = |kind, policy| Holder {
            kind,
            policy,
            tags: BTreeMap::new(),
            source: None,
            answer: Value::Null,
        };
        match step {
            Step::Assume(asked) => {
                let parent = self.model.parent(asked);
                self.model.child(parent, asked)
            }
            Step::Federate(policy) => {
                let alice = &self.model.holders[0];
                let may = self.model.allowed(alice, MAKING, false);
                may.then(|| of_alice(Kind::Federated, *policy))
            }
            Step::GetSession => Some(of_alice(Kind::UserSession, None)),
            _ => None,
        }
    }

    /// Takes the step; a session that is made must be the one that the model expects.
    fn take(&mut self, step: &Step) {
        let expected = self.does(step);
        let outcome = match step {
            Step::Assume(asked) => {
                let parent = self.model.parent(asked).clone();
                let input = self.asking(asked);
                match self.caller(&parent) {
                    Some(caller) => self.world.call_as(&caller, "AssumeRole", input),
                    None => return assert!(expected.is_none(), "{step:?}"),
                }
            }
            Step::Federate(says) => {
                let mut input = json!({ "Name": "carol" });
                if let Some(says) = says {
                    input["Policy"] = json!(policy(*says));
                }
                self.world.call_as(&self.alice, "GetFederationToken", input)
            }
            Step::GetSession => self
                .world
                .call_as(&self.alice, "GetSessionToken", json!({})),
            _ => return self.change(step),
        };
        assert_eq!(outcome.is_ok(), expected.is_some(), "{step:?} {outcome:?}");
        let (Ok(answer), Some(mut child)) = (outcome, expected) else {
            return;
        };
        let session = self.world.session(&answer).unwrap().session.unwrap();
        let found = session
            .tags
            .iter()
            .map(|(key, value)| (key.to_lowercase(), value.clone()));
        let wanted = child
            .tags
            .iter()
            .map(|(key, (value, _))| (key.clone(), value.clone()));
        assert_eq!(
            found.collect::<BTreeMap<_, _>>(),
            wanted.collect(),
            "{step:?}"
        );
        assert_eq!(session.source_identity, child.source, "{step:?}");
        child.answer = answer;
        self.check(&child);
        let parent = match step {
            Step::Assume(asked) => self.model.parent(asked),
            _ => &self.model.holders[0],
        };
        self.check_power(parent, &child);
        self.model.holders.push(child);
    }

    /// The power of a child is a part of its parent's: of what the parent does by itself or may
    /// make sessions for. Both are tried out, and are what the model says.
    fn check_power(&self, parent: &Holder, child: &Holder) {
        let power = |holder: &Holder| {
            let tried = self.caller(holder).map(|caller| self.tried(&caller, &[]));
            let tried = tried.unwrap_or_default();
            assert_eq!(tried, self.model.reach(holder, &[]), "{holder:?}");
            tried
        };
        let of_child = power(child);
        if !of_child.contains(&true) {
            return;
        }
        let of_parent = power(parent);
        let more = (0..MAKING).find(|call| of_child[*call] && !of_parent[*call]);
        assert_eq!(more, None, "{parent:?} {child:?}");
    }

    /// The calls that `caller` makes itself or in sessions that it makes, and these in turn.
    fn tried(&self, caller: &Caller, through: &[usize]) -> [bool; MAKING] {
        let mut reach = CALLS.map(|(operation, _)| {
            let made = self.world.call_as(caller, operation, json!({}));
            made.is_ok()
        });
        for role in (0..ROLES).filter(|role| !through.contains(role)) {
            let input = json!({ "RoleArn": arn(role), "RoleSessionName": "s-s" });
            if let Ok(answer) = self.world.call_as(caller, "AssumeRole", input) {
                let session = self.world.session(&answer).unwrap();
                let beyond = self.tried(&session, &[through, &[role]].concat());
                reach = std::array::from_fn(|call| reach[call] || beyond[call]);
            }
        }
        reach
    }

    fn asking(&mut self, asked: &Asked) -> Value {
        let mut input = json!({ "RoleArn": arn(asked.role), "RoleSessionName": "s-s" });
        match asked.policy {
            Some((says, true)) => input["PolicyArns"] = json!([{ "arn": self.managed(says) }]),
            Some((says, false)) => input["Policy"] = json!(policy(says)),
            None => {}
        }
        if let Some((key, upper, goes_on)) = asked.tag {
            let key = if upper {
                KEYS[key].to_uppercase()
            } else {
                KEYS[key].to_owned()
            };
            input["Tags"] = json!([{ "Key": key, "Value": "v" }]);
            if goes_on {
                input["TransitiveTagKeys"] = json!([key]);
            }
        }
        if let Some(other) = asked.source {
            input["SourceIdentity"] = json!(source(other));
        }
        input
    }

    /// Changes what stands behind sessions that exist.
    fn change(&mut self, step: &Step) {
        match step {
            Step::PutAlice(says) => {
                self.model.alice = *says;
                self.put("User", "Alice", *says);
            }
            Step::BoundAlice(says) => {
                let before = std::mem::replace(&mut self.model.boundary, *says);
                self.bound("User", "Alice", *says, before.is_some());
            }
            Step::PutRole(number, says) => {
                if let Some(role) = &mut self.model.roles[*number] {
                    role.says = *says;
                    self.put("Role", &name(*number), *says);
                }
            }
            Step::BoundRole(number, says) => {
                if let Some(role) = &mut self.model.roles[*number] {
                    let before = std::mem::replace(&mut role.boundary, *says);
                    self.bound("Role", &name(*number), *says, before.is_some());
                }
            }
            Step::Trust(number, trust) => {
                let named = match trust {
                    Trust::Role(role) | Trust::Session(role) => self.model.roles[*role].is_some(),
                    Trust::Account | Trust::Everyone | Trust::Alice => true,
                };
                if let (Some(role), true) = (&mut self.model.roles[*number], named) {
                    role.trust = *trust;
                    let document = trusting(*trust);
                    let input = json!({ "RoleName": name(*number), "PolicyDocument": document });
                    self.world.ok("UpdateAssumeRolePolicy", input);
                }
            }
            Step::Delete(number) => {
                if self.model.roles[*number].take().is_some() {
                    let inline = json!({ "RoleName": name(*number), "PolicyName": "p" });
                    self.world.ok("DeleteRolePolicy", inline);
                    self.world
                        .ok("DeleteRole", json!({ "RoleName": name(*number) }));
                }
            }
            Step::Assume(_) | Step::Federate(_) | Step::GetSession => {}
        }
    }

    /// Compares what `holder` does with what the model says.
    fn check(&self, holder: &Holder) {
        let caller = self.caller(holder);
        for (call, (operation, _)) in CALLS.iter().enumerate() {
            let does = caller
                .as_ref()
                .is_some_and(|caller| self.world.call_as(caller, operation, json!({})).is_ok());
            assert_eq!(
                does,
                self.model.calls(holder, call),
                "{operation} {holder:?}"
            );
        }
    }
}

fn trusting(trust: Trust) -> String {
    let whom = match trust {
        Trust::Account => json!(ACCOUNT),
        Trust::Everyone => json!("*"),
        Trust::Alice => json!(user_arn("Alice")),
        Trust::Role(role) => json!(arn(role)),
        Trust::Session(role) => {
            json!(format!(
                "arn:aws:sts::{ACCOUNT}:assumed-role/{}/s-s",
                name(role)
            ))
        }
    };
    json!({ "Version": "2012-10-17", "Statement": {
        "Effect": "Allow", "Principal": { "AWS": whom },
        "Action": ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"],
    } })
    .to_string()
}

#[test]
fn no_session_does_or_makes_more_than_its_parent_may_hand_down() {
    let config = ProptestConfig {
        cases: 48,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let sequences = prop::collection::vec(step(), 4..16);
    let outcome = TestRunner::new(config).run(&sequences, |steps| {
        let mut run = Run::new();
        for step in &steps {
            run.take(step);
        }
        for holder in &run.model.holders {
            run.check(holder);
        }
        Ok(())
    });
    outcome.unwrap();
}

/// The case that other systems got wrong: the parent's session policy allows to make sessions of
/// nobody, and every trust policy lets it in.
#[test]
fn a_session_that_may_make_none_makes_none_whomever_a_trust_policy_names() {
    let all: Says = [Some(true); MAKING + 1];
    let mut reading = all;
    reading[MAKING] = None;
    for trust in [
        Trust::Account,
        Trust::Everyone,
        Trust::Role(0),
        Trust::Session(0),
    ] {
        let mut run = Run::new();
        let asked = |role, policy| Asked {
            parent: 0,
            role,
            policy,
            tag: None,
            source: None,
        };
        run.take(&Step::Trust(1, trust));
        run.take(&Step::Assume(asked(0, Some((reading, false)))));
        let parent = run.caller(&run.model.holders[1]).unwrap();
        let input = run.asking(&asked(1, None));
        let refused = run.world.call_as(&parent, "AssumeRole", input).unwrap_err();
        assert_eq!(refused.code, "AccessDenied", "{trust:?}");
    }
}
