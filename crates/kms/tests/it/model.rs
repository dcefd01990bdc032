//! Random steps against a small model of what KMS promises: keys, aliases, grants, rotation and
//! the clock. `KMS_MODEL_STEPS=20000 KMS_MODEL_SEED=…` is the form for every night.

use std::collections::{BTreeMap, BTreeSet};

use pipeline::{Caller, Operation};
use shapes::kms as shape;

use crate::decryption::decrypt;
use crate::harness::{HOME, World, context};
use crate::keys::{create, describe, encrypt};

const DAY: u64 = 86_400;
const START: u64 = 1_795_466_820;
const CONTEXTS: [&[(&str, &str)]; 4] = [
    &[],
    &[("team", "ml")],
    &[("team", "ml"), ("stage", "test")],
    &[("team", "web")],
];

/// What the model knows of a key.
#[derive(Debug)]
struct Key {
    id: String,
    state: State,
    /// Days between rotations, and the second of the next.
    rotation: Option<(u64, u64)>,
    materials: usize,
    on_demand: usize,
    grants: BTreeMap<String, Grant>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Enabled,
    Disabled,
    Pending(u64),
    Gone,
}

#[derive(Debug)]
struct Grant {
    user: usize,
    operation: shape::GrantOperation,
    /// The context that must be part of a request's.
    subset: Option<usize>,
}

/// A ciphertext: of which key, under which context, and its bytes.
#[derive(Debug)]
struct Sealed {
    key: usize,
    context: usize,
    blob: shapes::Blob,
}

struct Model {
    world: Option<World>,
    admin: Caller,
    users: Vec<Caller>,
    keys: Vec<Key>,
    aliases: BTreeMap<String, usize>,
    sealed: Vec<Sealed>,
    now: u64,
    seed: u64,
    random: u64,
    reached: BTreeSet<&'static str>,
}

impl Model {
    fn new(seed: u64) -> Self {
        let world = World::new();
        let admin = world.admin();
        let users = ["Alice", "Bob"].map(|name| world.user(HOME, name, None));
        Self {
            world: Some(world),
            admin,
            users: users.into(),
            keys: Vec::new(),
            aliases: BTreeMap::new(),
            sealed: Vec::new(),
            now: START,
            seed,
            random: seed | 1,
            reached: BTreeSet::new(),
        }
    }

    fn world(&self) -> &World {
        self.world.as_ref().unwrap()
    }

    /// A number below `bound`.
    fn draw(&mut self, bound: usize) -> usize {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        usize::try_from(self.random >> 33).unwrap() % bound
    }

    fn draw_key(&mut self) -> usize {
        let bound = self.keys.len();
        self.draw(bound)
    }

    /// Calls `O` and compares how it ends.
    async fn expect<O: Operation>(
        &mut self,
        caller: &Caller,
        input: O::Input,
        expected: &'static str,
    ) -> Option<O::Output> {
        self.reached.insert(expected);
        let found = Box::pin(self.world().call::<O>(caller, input)).await;
        let code = found
            .as_ref()
            .map_or_else(|failure| &*failure.code, |_| "ok");
        let (seed, name, failure) = (self.seed, O::NAME, found.as_ref().err());
        assert_eq!(
            code, expected,
            "KMS_MODEL_SEED={seed}: {name} {failure:?} {:?}",
            self.keys
        );
        found.ok()
    }

    /// What becomes of a call that `enabled` and `disabled` keys answer so.
    fn outcome(&self, key: usize, disabled: &'static str) -> &'static str {
        match self.keys[key].state {
            State::Enabled => "ok",
            State::Disabled => disabled,
            State::Pending(_) => "KMSInvalidStateException",
            State::Gone => "NotFoundException",
        }
    }

    async fn step(&mut self) {
        if self.keys.is_empty() {
            return self.create().await;
        }
        let key = self.draw_key();
        match self.draw(16) {
            0 if self.keys.len() < 12 => self.create().await,
            1 => self.switch(key).await,
            2 => self.schedule(key).await,
            3 => self.cancel(key).await,
            4 | 5 => self.encrypt(key).await,
            6 | 7 => self.decrypt().await,
            8 => self.grant(key).await,
            9 => self.revoke(key).await,
            10 | 11 => self.use_grant(key).await,
            12 => self.alias(key).await,
            13 => self.rotate(key).await,
            14 => self.pass_time().await,
            _ => self.look(key).await,
        }
    }

    async fn create(&mut self) {
        let made = create(self.world(), &self.admin).await;
        self.keys.push(Key {
            id: made.arn.unwrap(),
            state: State::Enabled,
            rotation: None,
            materials: 1,
            on_demand: 0,
            grants: BTreeMap::new(),
        });
    }

    async fn switch(&mut self, key: usize) {
        let (key_id, admin) = (self.keys[key].id.clone(), self.admin.clone());
        let expected = self.outcome(key, "ok");
        let enable = self.draw(3) > 0;
        let done = if enable {
            let input = shape::EnableKeyRequest { key_id };
            self.expect::<kms::EnableKey>(&admin, input, expected)
                .await
                .is_some()
        } else {
            let input = shape::DisableKeyRequest { key_id };
            self.expect::<kms::DisableKey>(&admin, input, expected)
                .await
                .is_some()
        };
        if done {
            self.keys[key].state = if enable {
                State::Enabled
            } else {
                State::Disabled
            };
        }
        self.happen().await;
    }

    async fn schedule(&mut self, key: usize) {
        if self.draw(3) > 0 {
            return;
        }
        let days = 7 + self.draw(24);
        let input = shape::ScheduleKeyDeletionRequest {
            key_id: self.keys[key].id.clone(),
            pending_window_in_days: Some(i32::try_from(days).unwrap()),
        };
        let (admin, expected) = (self.admin.clone(), self.outcome(key, "ok"));
        let done = self
            .expect::<kms::ScheduleKeyDeletion>(&admin, input, expected)
            .await;
        if done.is_some() {
            self.keys[key].state = State::Pending(self.now + u64::try_from(days).unwrap() * DAY);
        }
    }

    async fn cancel(&mut self, key: usize) {
        let input = shape::CancelKeyDeletionRequest {
            key_id: self.keys[key].id.clone(),
        };
        let expected = match self.keys[key].state {
            State::Pending(_) => "ok",
            State::Enabled | State::Disabled => "KMSInvalidStateException",
            State::Gone => "NotFoundException",
        };
        let admin = self.admin.clone();
        if self
            .expect::<kms::CancelKeyDeletion>(&admin, input, expected)
            .await
            .is_some()
        {
            self.keys[key].state = State::Disabled;
        }
    }

    async fn encrypt(&mut self, key: usize) {
        let number = self.draw(CONTEXTS.len());
        let input = shape::EncryptRequest {
            encryption_context: context(CONTEXTS[number]),
            ..encrypt(&self.keys[key].id)
        };
        let (admin, expected) = (self.admin.clone(), self.outcome(key, "DisabledException"));
        if let Some(answer) = self.expect::<kms::Encrypt>(&admin, input, expected).await {
            self.sealed.push(Sealed {
                key,
                context: number,
                blob: answer.ciphertext_blob.unwrap(),
            });
        }
    }

    async fn decrypt(&mut self) {
        if self.sealed.is_empty() {
            return;
        }
        let (number, other) = (self.draw(self.sealed.len()), self.draw(CONTEXTS.len()));
        let Sealed {
            key,
            context: own,
            blob,
        } = &self.sealed[number];
        let (key, own, blob) = (*key, *own, blob.clone());
        let right = other == own;
        let expected = match self.outcome(key, "DisabledException") {
            "ok" if !right => "InvalidCiphertextException",
            "NotFoundException" => "InvalidCiphertextException",
            other => other,
        };
        let (admin, input) = (self.admin.clone(), decrypt(blob, context(CONTEXTS[other])));
        if let Some(answer) = self.expect::<kms::Decrypt>(&admin, input, expected).await {
            assert_eq!(answer.plaintext.unwrap().expose(), b"secret");
        }
    }

    async fn grant(&mut self, key: usize) {
        let (user, subset) = (self.draw(self.users.len()), self.draw(CONTEXTS.len()));
        let operations = [
            shape::GrantOperation::Encrypt,
            shape::GrantOperation::DescribeKey,
        ];
        let operation = operations[self.draw(2)];
        let subset = (subset > 0).then_some(subset);
        let grantee = self.users[user].principal.arn().unwrap().to_string();
        let constraint = subset.map(|number| shape::GrantConstraints {
            encryption_context_subset: context(CONTEXTS[number]),
            ..Default::default()
        });
        let input = shape::CreateGrantRequest {
            constraints: constraint,
            ..crate::grants::grant(&self.keys[key].id, &grantee, &[operation])
        };
        let (admin, expected) = (self.admin.clone(), self.outcome(key, "DisabledException"));
        if let Some(made) = self
            .expect::<kms::CreateGrant>(&admin, input, expected)
            .await
        {
            let grant = Grant {
                user,
                operation,
                subset,
            };
            self.keys[key].grants.insert(made.grant_id.unwrap(), grant);
        }
    }

    async fn revoke(&mut self, key: usize) {
        let known = self.keys[key].grants.keys().next().cloned();
        let expected = match (self.keys[key].state, &known) {
            (State::Gone, _) | (_, None) => "NotFoundException",
            _ => "ok",
        };
        let input = shape::RevokeGrantRequest {
            key_id: self.keys[key].id.clone(),
            grant_id: known.clone().unwrap_or_else(|| "0".repeat(64)),
            dry_run: None,
        };
        let admin = self.admin.clone();
        if self
            .expect::<kms::RevokeGrant>(&admin, input, expected)
            .await
            .is_some()
        {
            self.keys[key].grants.remove(&known.unwrap());
        }
    }

    /// A user without policies: only grants let it do anything.
    async fn use_grant(&mut self, key: usize) {
        let (user, number) = (self.draw(self.users.len()), self.draw(CONTEXTS.len()));
        let has =
            |subset: &[(&str, &str)]| subset.iter().all(|pair| CONTEXTS[number].contains(pair));
        let granted = |operation, by_context: bool| {
            self.keys[key].state != State::Gone
                && self.keys[key].grants.values().any(|grant| {
                    grant.user == user
                        && grant.operation == operation
                        && (!by_context || grant.subset.is_none_or(|subset| has(CONTEXTS[subset])))
                })
        };
        let denied = "AccessDeniedException";
        let may_encrypt = granted(shape::GrantOperation::Encrypt, true);
        let may_describe = granted(shape::GrantOperation::DescribeKey, false);
        let caller = self.users[user].clone();
        let id = self.keys[key].id.clone();
        let expected = if may_encrypt {
            self.outcome(key, "DisabledException")
        } else {
            denied
        };
        let input = shape::EncryptRequest {
            encryption_context: context(CONTEXTS[number]),
            ..encrypt(&id)
        };
        self.expect::<kms::Encrypt>(&caller, input, expected).await;
        let expected = if may_describe { "ok" } else { denied };
        self.expect::<kms::DescribeKey>(&caller, describe(&id), expected)
            .await;
    }

    async fn alias(&mut self, key: usize) {
        let name = format!("alias/{}", self.draw(4));
        let (admin, id) = (self.admin.clone(), self.keys[key].id.clone());
        let target = self.outcome(key, "ok");
        let exists = self.aliases.contains_key(&name);
        match self.draw(4) {
            0 => {
                let expected = match target {
                    "NotFoundException" => target,
                    _ if exists => "AlreadyExistsException",
                    other => other,
                };
                let input = shape::CreateAliasRequest {
                    alias_name: name.clone(),
                    target_key_id: id,
                };
                if self
                    .expect::<kms::CreateAlias>(&admin, input, expected)
                    .await
                    .is_some()
                {
                    self.aliases.insert(name, key);
                }
            }
            1 => {
                let expected = if exists { target } else { "NotFoundException" };
                let input = shape::UpdateAliasRequest {
                    alias_name: name.clone(),
                    target_key_id: id,
                };
                if self
                    .expect::<kms::UpdateAlias>(&admin, input, expected)
                    .await
                    .is_some()
                {
                    self.aliases.insert(name, key);
                }
            }
            2 => {
                let expected = if exists { "ok" } else { "NotFoundException" };
                let input = shape::DeleteAliasRequest {
                    alias_name: name.clone(),
                };
                self.expect::<kms::DeleteAlias>(&admin, input, expected)
                    .await;
                self.aliases.remove(&name);
            }
            _ => {
                let expected = self.aliases.get(&name).copied();
                let expected = expected.map_or("NotFoundException", |target| {
                    self.outcome(target, "DisabledException")
                });
                self.expect::<kms::Encrypt>(&admin, encrypt(&name), expected)
                    .await;
            }
        }
    }

    async fn rotate(&mut self, key: usize) {
        let (admin, key_id) = (self.admin.clone(), self.keys[key].id.clone());
        let expected = self.outcome(key, "DisabledException");
        match self.draw(3) {
            0 => {
                let days = 90 + self.draw(3);
                let input = shape::EnableKeyRotationRequest {
                    key_id,
                    rotation_period_in_days: Some(i32::try_from(days).unwrap()),
                };
                let days = u64::try_from(days).unwrap();
                let done = self
                    .expect::<kms::EnableKeyRotation>(&admin, input, expected)
                    .await;
                let same = self.keys[key]
                    .rotation
                    .is_some_and(|(known, _)| known == days);
                if done.is_some() && !same {
                    self.keys[key].rotation = Some((days, self.now + days * DAY));
                }
            }
            1 => {
                let input = shape::DisableKeyRotationRequest { key_id };
                let done = self
                    .expect::<kms::DisableKeyRotation>(&admin, input, expected)
                    .await;
                if done.is_some() {
                    self.keys[key].rotation = None;
                }
            }
            _ => {
                let input = shape::RotateKeyOnDemandRequest { key_id };
                let used_up = expected == "ok" && self.keys[key].on_demand == 25;
                let expected = if used_up {
                    "LimitExceededException"
                } else {
                    expected
                };
                let done = self
                    .expect::<kms::RotateKeyOnDemand>(&admin, input, expected)
                    .await;
                if done.is_some() {
                    self.keys[key].on_demand += 1;
                    self.keys[key].materials += 1;
                }
            }
        }
    }

    async fn pass_time(&mut self) {
        let days = u64::try_from(1 + self.draw(20)).unwrap();
        self.now += days * DAY;
        self.world().advance(days * DAY);
        self.happen().await;
        if self.draw(8) == 0 {
            let world = self.world.take().unwrap();
            self.world = Some(world.restarted());
        }
    }

    /// What the maintenance task does, here and in the model.
    async fn happen(&mut self) {
        self.world().maintain().await;
        let now = self.now;
        for key in &mut self.keys {
            match (key.state, key.rotation) {
                (State::Pending(end), _) if end <= now => {
                    key.state = State::Gone;
                    key.grants.clear();
                }
                (State::Enabled, Some((days, next))) if next <= now => {
                    key.materials += 1;
                    let regular = next + days * DAY;
                    let next = if regular > now {
                        regular
                    } else {
                        now + days * DAY
                    };
                    key.rotation = Some((days, next));
                }
                _ => {}
            }
        }
        let keys = &self.keys;
        self.aliases
            .retain(|_, target| keys[*target].state != State::Gone);
    }

    /// Everything that can be asked about a key.
    async fn look(&mut self, key: usize) {
        let (admin, id) = (self.admin.clone(), self.keys[key].id.clone());
        let gone = self.keys[key].state == State::Gone;
        let expected = if gone { "NotFoundException" } else { "ok" };
        let Some(found) = self
            .expect::<kms::DescribeKey>(&admin, describe(&id), expected)
            .await
        else {
            return;
        };
        let (state, end) = match self.keys[key].state {
            State::Enabled => (shape::KeyState::Enabled, None),
            State::Disabled => (shape::KeyState::Disabled, None),
            State::Pending(end) => (shape::KeyState::PendingDeletion, Some(end)),
            State::Gone => panic!("it is gone"),
        };
        let found = found.key_metadata.unwrap();
        let shown = found
            .deletion_date
            .map(|date| u64::try_from(date.seconds()).unwrap());
        assert_eq!((found.key_state, shown), (Some(state), end));
        let input = shape::ListKeyRotationsRequest {
            key_id: id.clone(),
            ..Default::default()
        };
        let rotations = self
            .expect::<kms::ListKeyRotations>(&admin, input, "ok")
            .await
            .unwrap();
        assert_eq!(
            rotations.rotations.unwrap().len() + 1,
            self.keys[key].materials
        );
        let input = shape::GetKeyRotationStatusRequest { key_id: id.clone() };
        let status = self
            .expect::<kms::GetKeyRotationStatus>(&admin, input, "ok")
            .await
            .unwrap();
        let next = status
            .next_rotation_date
            .map(|date| u64::try_from(date.seconds()).unwrap());
        let known = self.keys[key].rotation.map(|(_, next)| next);
        assert_eq!(next, known.filter(|_| end.is_none()));
        let input = shape::ListGrantsRequest {
            key_id: id,
            limit: Some(100),
            ..Default::default()
        };
        let grants = self
            .expect::<kms::ListGrants>(&admin, input, "ok")
            .await
            .unwrap();
        let ids: Vec<_> = grants
            .grants
            .unwrap()
            .into_iter()
            .map(|grant| grant.grant_id.unwrap())
            .collect();
        let known: Vec<_> = self.keys[key].grants.keys().take(100).cloned().collect();
        assert_eq!(ids, known);
        let all = shape::ListAliasesRequest::default();
        let aliases = self
            .expect::<kms::ListAliases>(&admin, all, "ok")
            .await
            .unwrap();
        let names: Vec<_> = aliases
            .aliases
            .unwrap()
            .into_iter()
            .map(|alias| alias.alias_name.unwrap())
            .collect();
        assert_eq!(names, self.aliases.keys().cloned().collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn random_steps_end_as_the_model_says() {
    let number = |name| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let steps = number("KMS_MODEL_STEPS").unwrap_or(500);
    let seed = number("KMS_MODEL_SEED").unwrap_or(0x5eed_cafe);
    let mut model = Model::new(seed);
    for _ in 0..steps {
        model.step().await;
    }
    for wanted in [
        "ok",
        "AccessDeniedException",
        "DisabledException",
        "KMSInvalidStateException",
        "NotFoundException",
        "InvalidCiphertextException",
    ] {
        assert!(
            model.reached.contains(wanted),
            "no step ended with {wanted}"
        );
    }
}
