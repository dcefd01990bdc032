//! Random steps against a small model of what KMS promises: keys, aliases, grants, imports,
//! rotation and the clock.

mod imported;

use std::collections::BTreeMap;

use pipeline::{Caller, Operation};
use shapes::kms as shape;

use crate::decryption::decrypt;
use crate::harness::{HOME, context};
use crate::keys::{describe, encrypt};
use crate::model::imported::Imports;
use crate::walk::{self, DAY, Walk};

const INVALID: &str = "KMSInvalidStateException";
const MISSING: &str = "NotFoundException";
const UNSUPPORTED: &str = "UnsupportedOperationException";
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
    /// Of keys whose material is imported.
    imports: Option<Imports>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Enabled,
    Disabled,
    /// Waits for imported material.
    Importing,
    /// Ends at this second.
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
    walk: Walk,
    users: Vec<Caller>,
    keys: Vec<Key>,
    aliases: BTreeMap<String, usize>,
    sealed: Vec<Sealed>,
}

impl walk::Model for Model {
    fn new(walk: Walk) -> Self {
        let users = ["Alice", "Bob"].map(|name| walk.world().user(HOME, name, None));
        Self {
            walk,
            users: users.into(),
            keys: Vec::new(),
            aliases: BTreeMap::new(),
            sealed: Vec::new(),
        }
    }

    fn walk(&self) -> &Walk {
        &self.walk
    }

    async fn step(&mut self) {
        if self.keys.is_empty() {
            return self.create().await;
        }
        let key = self.draw_key();
        match self.walk.draw(20) {
            0 if self.living().len() < 12 => self.create().await,
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
            15 | 16 => self.import(key).await,
            17 => self.delete_import(key).await,
            _ => self.look(key).await,
        }
    }
}

impl Model {
    /// Calls `O` as the administrator and compares how it ends.
    async fn expect<O: Operation>(
        &mut self,
        input: O::Input,
        expected: &'static str,
    ) -> Option<O::Output> {
        let admin = self.walk.admin.clone();
        self.expect_of::<O>(&admin, input, expected).await
    }

    /// Calls `O` and compares how it ends.
    async fn expect_of<O: Operation>(
        &mut self,
        caller: &Caller,
        input: O::Input,
        expected: &'static str,
    ) -> Option<O::Output> {
        let known = self.keys.iter().filter(|key| key.state != State::Gone);
        let known: Vec<_> = known.collect();
        let call = self.walk.expect::<O>((0, caller), input, expected, &known);
        call.await
    }

    /// The keys that are not gone.
    fn living(&self) -> Vec<usize> {
        let all = 0..self.keys.len();
        all.filter(|number| self.keys[*number].state != State::Gone)
            .collect()
    }

    /// Mostly a key that is not gone.
    fn draw_key(&mut self) -> usize {
        let living = self.living();
        if living.is_empty() || self.walk.draw(8) == 0 {
            return self.walk.draw(self.keys.len());
        }
        living[self.walk.draw(living.len())]
    }

    /// What becomes of a call that enabled keys answer, and disabled ones like this.
    fn outcome(&self, key: usize, disabled: &'static str) -> &'static str {
        match self.keys[key].state {
            State::Enabled => "ok",
            State::Disabled => disabled,
            State::Importing | State::Pending(_) => INVALID,
            State::Gone => MISSING,
        }
    }

    /// What becomes of a call that every key answers unless it is being deleted.
    fn unless_pending(&self, key: usize) -> &'static str {
        match self.keys[key].state {
            State::Importing => "ok",
            _ => self.outcome(key, "ok"),
        }
    }

    async fn create(&mut self) {
        let imported = self.walk.draw(3) == 0;
        let input = shape::CreateKeyRequest {
            origin: imported.then_some(shape::OriginType::External),
            ..Default::default()
        };
        let made = self.expect::<kms::CreateKey>(input, "ok").await;
        self.keys.push(Key {
            id: made.unwrap().key_metadata.unwrap().arn.unwrap(),
            state: if imported {
                State::Importing
            } else {
                State::Enabled
            },
            rotation: None,
            materials: usize::from(!imported),
            on_demand: 0,
            grants: BTreeMap::new(),
            imports: imported.then(Imports::default),
        });
    }

    async fn switch(&mut self, key: usize) {
        let key_id = self.keys[key].id.clone();
        let expected = self.outcome(key, "ok");
        let enable = self.walk.draw(3) > 0;
        let done = if enable {
            let input = shape::EnableKeyRequest { key_id };
            self.expect::<kms::EnableKey>(input, expected)
                .await
                .is_some()
        } else {
            let input = shape::DisableKeyRequest { key_id };
            self.expect::<kms::DisableKey>(input, expected)
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
        if self.walk.draw(3) > 0 {
            return;
        }
        let days = 7 + self.walk.draw(24);
        let input = shape::ScheduleKeyDeletionRequest {
            key_id: self.keys[key].id.clone(),
            pending_window_in_days: Some(i32::try_from(days).unwrap()),
        };
        let expected = self.unless_pending(key);
        let done = self
            .expect::<kms::ScheduleKeyDeletion>(input, expected)
            .await;
        if done.is_some() {
            self.keys[key].state =
                State::Pending(self.walk.now + u64::try_from(days).unwrap() * DAY);
        }
    }

    async fn cancel(&mut self, key: usize) {
        let input = shape::CancelKeyDeletionRequest {
            key_id: self.keys[key].id.clone(),
        };
        let expected = match self.keys[key].state {
            State::Pending(_) => "ok",
            State::Enabled | State::Disabled | State::Importing => INVALID,
            State::Gone => MISSING,
        };
        if self
            .expect::<kms::CancelKeyDeletion>(input, expected)
            .await
            .is_some()
        {
            self.keys[key].state = if self.keys[key].lacks_material() {
                State::Importing
            } else {
                State::Disabled
            };
        }
    }

    async fn encrypt(&mut self, key: usize) {
        let number = self.walk.draw(CONTEXTS.len());
        let input = shape::EncryptRequest {
            encryption_context: context(CONTEXTS[number]),
            ..encrypt(&self.keys[key].id)
        };
        let expected = self.outcome(key, "DisabledException");
        if let Some(answer) = self.expect::<kms::Encrypt>(input, expected).await {
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
        let back = self.walk.draw(self.sealed.len().min(64));
        let number = self.sealed.len() - 1 - back;
        let other = self.walk.draw(CONTEXTS.len());
        let Sealed {
            key,
            context: own,
            blob,
        } = &self.sealed[number];
        let (key, own, blob) = (*key, *own, blob.clone());
        let right = other == own;
        let expected = match self.outcome(key, "DisabledException") {
            "ok" if !right => "InvalidCiphertextException",
            MISSING => "AccessDeniedException",
            other => other,
        };
        let input = decrypt(blob, context(CONTEXTS[other]));
        if let Some(answer) = self.expect::<kms::Decrypt>(input, expected).await {
            assert_eq!(answer.plaintext.unwrap().expose(), b"secret");
        }
    }

    async fn grant(&mut self, key: usize) {
        let (user, subset) = (
            self.walk.draw(self.users.len()),
            self.walk.draw(CONTEXTS.len()),
        );
        let operations = [
            shape::GrantOperation::Encrypt,
            shape::GrantOperation::DescribeKey,
        ];
        let operation = operations[self.walk.draw(2)];
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
        let expected = self.outcome(key, "DisabledException");
        if let Some(made) = self.expect::<kms::CreateGrant>(input, expected).await {
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
            (State::Gone, _) | (_, None) => MISSING,
            _ => "ok",
        };
        let input = shape::RevokeGrantRequest {
            key_id: self.keys[key].id.clone(),
            grant_id: known.clone().unwrap_or_else(|| "0".repeat(64)),
            dry_run: None,
        };
        if self
            .expect::<kms::RevokeGrant>(input, expected)
            .await
            .is_some()
        {
            self.keys[key].grants.remove(&known.unwrap());
        }
    }

    /// A user without policies: only grants let it do anything.
    async fn use_grant(&mut self, key: usize) {
        let (user, number) = (
            self.walk.draw(self.users.len()),
            self.walk.draw(CONTEXTS.len()),
        );
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
        self.expect_of::<kms::Encrypt>(&caller, input, expected)
            .await;
        let expected = if may_describe { "ok" } else { denied };
        self.expect_of::<kms::DescribeKey>(&caller, describe(&id), expected)
            .await;
    }

    async fn alias(&mut self, key: usize) {
        let name = format!("alias/{}", self.walk.draw(4));
        let id = self.keys[key].id.clone();
        let target = self.unless_pending(key);
        let exists = self.aliases.contains_key(&name);
        match self.walk.draw(4) {
            0 => {
                let expected = match target {
                    MISSING => target,
                    _ if exists => "AlreadyExistsException",
                    other => other,
                };
                let input = shape::CreateAliasRequest {
                    alias_name: name.clone(),
                    target_key_id: id,
                };
                if self
                    .expect::<kms::CreateAlias>(input, expected)
                    .await
                    .is_some()
                {
                    self.aliases.insert(name, key);
                }
            }
            1 => {
                let expected = if exists { target } else { MISSING };
                let input = shape::UpdateAliasRequest {
                    alias_name: name.clone(),
                    target_key_id: id,
                };
                if self
                    .expect::<kms::UpdateAlias>(input, expected)
                    .await
                    .is_some()
                {
                    self.aliases.insert(name, key);
                }
            }
            2 => {
                let expected = if exists { "ok" } else { MISSING };
                let input = shape::DeleteAliasRequest {
                    alias_name: name.clone(),
                };
                self.expect::<kms::DeleteAlias>(input, expected).await;
                self.aliases.remove(&name);
            }
            _ => {
                let expected = self.aliases.get(&name).copied();
                let expected =
                    expected.map_or(MISSING, |target| self.outcome(target, "DisabledException"));
                self.expect::<kms::Encrypt>(encrypt(&name), expected).await;
            }
        }
    }

    async fn rotate(&mut self, key: usize) {
        let key_id = self.keys[key].id.clone();
        let expected = self.automatic(key, "DisabledException");
        match self.walk.draw(3) {
            0 => {
                let days = 90 + self.walk.draw(3);
                let input = shape::EnableKeyRotationRequest {
                    key_id,
                    rotation_period_in_days: Some(i32::try_from(days).unwrap()),
                };
                let days = u64::try_from(days).unwrap();
                let done = self.expect::<kms::EnableKeyRotation>(input, expected).await;
                let same = self.keys[key]
                    .rotation
                    .is_some_and(|(known, _)| known == days);
                if done.is_some() && !same {
                    self.keys[key].rotation = Some((days, self.walk.now + days * DAY));
                }
            }
            1 => {
                let input = shape::DisableKeyRotationRequest { key_id };
                let done = self
                    .expect::<kms::DisableKeyRotation>(input, expected)
                    .await;
                if done.is_some() {
                    self.keys[key].rotation = None;
                }
            }
            _ => self.rotate_now(key).await,
        }
    }

    /// What becomes of a call about automatic rotation, which is for keys made here.
    fn automatic(&self, key: usize, disabled: &'static str) -> &'static str {
        match self.outcome(key, disabled) {
            MISSING => MISSING,
            _ if self.keys[key].imports.is_some() => UNSUPPORTED,
            other => other,
        }
    }

    async fn rotate_now(&mut self, key: usize) {
        let known = &self.keys[key];
        let unfit = known.imports.as_ref().is_some_and(Imports::none_waits);
        let expected = match self.outcome(key, "DisabledException") {
            "ok" if unfit => INVALID,
            "ok" if known.on_demand == 25 => "LimitExceededException",
            other => other,
        };
        let input = shape::RotateKeyOnDemandRequest {
            key_id: known.id.clone(),
        };
        let done = self.expect::<kms::RotateKeyOnDemand>(input, expected);
        if done.await.is_some() {
            let key = &mut self.keys[key];
            key.on_demand += 1;
            key.materials += 1;
            if let Some(imports) = &mut key.imports {
                imports.rotate();
            }
        }
    }

    async fn pass_time(&mut self) {
        let restarts = self.walk.pass_days();
        self.happen().await;
        if restarts {
            self.walk.restart();
        }
    }

    /// What the maintenance task does, here and in the model.
    async fn happen(&mut self) {
        crate::imports::expire(self.walk.world()).await;
        self.walk.world().maintain().await;
        let now = self.walk.now;
        for key in &mut self.keys {
            key.expire(now);
            match (key.state, key.rotation) {
                (State::Pending(end), _) if end <= now => {
                    key.state = State::Gone;
                    key.grants.clear();
                }
                (State::Enabled, Some((days, next))) if next <= now => {
                    key.materials += 1;
                    key.rotation = Some((days, self.walk.next_rotation(days, next)));
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
        let id = self.keys[key].id.clone();
        let gone = self.keys[key].state == State::Gone;
        let expected = if gone { MISSING } else { "ok" };
        let Some(found) = self
            .expect::<kms::DescribeKey>(describe(&id), expected)
            .await
        else {
            return;
        };
        let (state, end) = match self.keys[key].state {
            State::Enabled => (shape::KeyState::Enabled, None),
            State::Disabled => (shape::KeyState::Disabled, None),
            State::Importing => (shape::KeyState::PendingImport, None),
            State::Pending(end) => (shape::KeyState::PendingDeletion, Some(end)),
            State::Gone => panic!("it is gone"),
        };
        let found = found.key_metadata.unwrap();
        let shown = found
            .deletion_date
            .map(|date| u64::try_from(date.seconds()).unwrap());
        assert_eq!((found.key_state, shown), (Some(state), end));
        // Of a key that waits for material none is told.
        let ends = Some(&self.keys[key]).filter(|key| !key.lacks_material());
        let ends = ends.and_then(Key::first_end);
        let shown = found.valid_to.map(types::Timestamp::seconds);
        assert_eq!(shown.map(|end| u64::try_from(end).unwrap()), ends);
        self.look_at_rotation(key).await;
        self.look_at_grants(key).await;
        let all = shape::ListAliasesRequest::default();
        let aliases = self.expect::<kms::ListAliases>(all, "ok").await;
        let aliases = aliases.unwrap().aliases.unwrap().into_iter();
        let names: Vec<_> = aliases.map(|alias| alias.alias_name.unwrap()).collect();
        assert_eq!(names, self.aliases.keys().cloned().collect::<Vec<_>>());
    }

    async fn look_at_rotation(&mut self, key: usize) {
        let key_id = self.keys[key].id.clone();
        let input = shape::ListKeyRotationsRequest {
            key_id: key_id.clone(),
            ..Default::default()
        };
        let list = self.expect::<kms::ListKeyRotations>(input, "ok").await;
        let rotations = list.unwrap().rotations.unwrap().len();
        let materials = self.keys[key].materials;
        assert_eq!(rotations, materials.saturating_sub(1));
        let expected = match self.automatic(key, "ok") {
            INVALID => "ok",
            other => other,
        };
        let input = shape::GetKeyRotationStatusRequest { key_id };
        let status = self.expect::<kms::GetKeyRotationStatus>(input, expected);
        let Some(status) = status.await else {
            return;
        };
        let next = status.next_rotation_date.map(types::Timestamp::seconds);
        let ends = matches!(self.keys[key].state, State::Pending(_));
        let known = self.keys[key].rotation.filter(|_| !ends);
        let known = known.map(|(_, next)| next);
        assert_eq!(next.map(|date| u64::try_from(date).unwrap()), known);
    }

    async fn look_at_grants(&mut self, key: usize) {
        let input = shape::ListGrantsRequest {
            key_id: self.keys[key].id.clone(),
            limit: Some(100),
            ..Default::default()
        };
        let grants = self.expect::<kms::ListGrants>(input, "ok").await;
        let grants = grants.unwrap().grants.unwrap().into_iter();
        let ids: Vec<_> = grants.map(|grant| grant.grant_id.unwrap()).collect();
        let known: Vec<_> = self.keys[key].grants.keys().take(100).cloned().collect();
        assert_eq!(ids, known);
    }
}

#[tokio::test]
async fn random_steps_end_as_the_model_says() {
    walk::take::<Model>(&[
        "ok",
        "AccessDeniedException",
        "DisabledException",
        INVALID,
        MISSING,
        UNSUPPORTED,
        "InvalidCiphertextException",
    ])
    .await;
}
