//! Random steps against a small model of multi-Region keys: replicas, roles, states, rotation and
//! ends in three regions.

use std::collections::BTreeSet;

use pipeline::Operation;
use shapes::kms as shape;

use crate::decryption::decrypt;
use crate::harness::REGIONS;
use crate::keys::{describe, encrypt};
use crate::walk::{self, DAY, Walk};

const INVALID: &str = "KMSInvalidStateException";
const MISSING: &str = "NotFoundException";
const UNSUPPORTED: &str = "UnsupportedOperationException";

/// What the model knows of a set of related keys.
#[derive(Debug)]
struct Set {
    id: String,
    /// The key of each region.
    members: [Option<State>; REGIONS.len()],
    primary: usize,
    /// Days between rotations, and the second of the next.
    rotation: Option<(u64, u64)>,
    materials: usize,
    on_demand: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Enabled,
    Disabled,
    /// Ends at this second.
    Pending(u64),
    /// Ends so many days after the last replica.
    Waiting(u64),
}

impl Set {
    /// What becomes of a call that enabled keys answer, and disabled ones like this.
    fn outcome(&self, region: usize, disabled: &'static str) -> &'static str {
        match self.members[region] {
            None => MISSING,
            Some(State::Enabled) => "ok",
            Some(State::Disabled) => disabled,
            Some(State::Pending(_) | State::Waiting(_)) => INVALID,
        }
    }

    /// The same for a call that is for primary keys.
    fn of_primary(&self, region: usize) -> &'static str {
        match self.outcome(region, "DisabledException") {
            "ok" if region != self.primary => UNSUPPORTED,
            other => other,
        }
    }

    fn lives(&self) -> bool {
        self.members.iter().any(Option::is_some)
    }

    fn has_replicas(&self) -> bool {
        self.members.iter().flatten().count() > 1
    }
}

struct Model {
    walk: Walk,
    sets: Vec<Set>,
    /// Ciphertexts: of which set, and the bytes.
    sealed: Vec<(usize, shapes::Blob)>,
}

impl walk::Model for Model {
    fn new(walk: Walk) -> Self {
        Self {
            walk,
            sets: Vec::new(),
            sealed: Vec::new(),
        }
    }

    fn walk(&self) -> &Walk {
        &self.walk
    }

    async fn step(&mut self) {
        if self.sets.is_empty() {
            return self.create().await;
        }
        let (set, region) = (self.draw_set(), self.walk.draw(REGIONS.len()));
        match self.walk.draw(16) {
            0 if self.living() < 8 => self.create().await,
            1..=3 => self.replicate(set).await,
            4 => self.move_primary(set).await,
            5 => self.switch(set, region).await,
            6 => self.schedule(set, region).await,
            7 => self.cancel(set, region).await,
            8 | 9 => self.encrypt(set, region).await,
            10 | 11 => self.decrypt(region).await,
            12 => self.rotate(set, region).await,
            13 => self.pass_time().await,
            _ => self.look(set, region).await,
        }
        self.happen().await;
    }
}

impl Model {
    /// Calls `O` in a region and compares how it ends.
    async fn expect<O: Operation>(
        &mut self,
        region: usize,
        input: O::Input,
        expected: &'static str,
    ) -> Option<O::Output> {
        let admin = self.walk.admin.clone();
        let living: Vec<_> = self.sets.iter().filter(|set| set.lives()).collect();
        let call = self
            .walk
            .expect::<O>((region, &admin), input, expected, &living);
        call.await
    }

    fn living(&self) -> usize {
        self.sets.iter().filter(|set| set.lives()).count()
    }

    /// Mostly a set of which there is a key.
    fn draw_set(&mut self) -> usize {
        let living = (0..self.sets.len()).filter(|number| self.sets[*number].lives());
        let living: Vec<_> = living.collect();
        if living.is_empty() || self.walk.draw(8) == 0 {
            return self.walk.draw(self.sets.len());
        }
        living[self.walk.draw(living.len())]
    }

    /// Mostly the region of the primary, or calls for primaries would hardly ever succeed.
    fn draw_caller(&mut self, set: usize) -> usize {
        match self.walk.draw(3) {
            0 => self.walk.draw(REGIONS.len()),
            _ => self.sets[set].primary,
        }
    }

    async fn create(&mut self) {
        let region = self.walk.draw(REGIONS.len());
        let input = shape::CreateKeyRequest {
            multi_region: Some(true),
            ..Default::default()
        };
        let made = self.expect::<kms::CreateKey>(region, input, "ok").await;
        let mut members = [None; REGIONS.len()];
        members[region] = Some(State::Enabled);
        self.sets.push(Set {
            id: made.unwrap().key_metadata.unwrap().key_id,
            members,
            primary: region,
            rotation: None,
            materials: 1,
            on_demand: 0,
        });
    }

    async fn replicate(&mut self, set: usize) {
        let (from, to) = (self.draw_caller(set), self.walk.draw(REGIONS.len()));
        let known = &self.sets[set];
        let expected = match known.of_primary(from) {
            "ok" if known.members[to].is_some() => "AlreadyExistsException",
            other => other,
        };
        let input = shape::ReplicateKeyRequest {
            key_id: known.id.clone(),
            replica_region: REGIONS[to].to_owned(),
            ..Default::default()
        };
        let made = self
            .expect::<kms::ReplicateKey>(from, input, expected)
            .await;
        if made.is_some() {
            self.sets[set].members[to] = Some(State::Enabled);
        }
    }

    async fn move_primary(&mut self, set: usize) {
        let (from, to) = (self.draw_caller(set), self.walk.draw(REGIONS.len()));
        let known = &self.sets[set];
        let expected = match known.of_primary(from) {
            "ok" if from == to => "ValidationException",
            "ok" => known.outcome(to, "DisabledException"),
            other => other,
        };
        let input = shape::UpdatePrimaryRegionRequest {
            key_id: known.id.clone(),
            primary_region: REGIONS[to].to_owned(),
        };
        let moved = self.expect::<kms::UpdatePrimaryRegion>(from, input, expected);
        if moved.await.is_some() {
            self.sets[set].primary = to;
        }
    }

    async fn switch(&mut self, set: usize, region: usize) {
        let key_id = self.sets[set].id.clone();
        let expected = self.sets[set].outcome(region, "ok");
        let enable = self.walk.draw(3) > 0;
        let done = if enable {
            let input = shape::EnableKeyRequest { key_id };
            self.expect::<kms::EnableKey>(region, input, expected)
                .await
                .is_some()
        } else {
            let input = shape::DisableKeyRequest { key_id };
            self.expect::<kms::DisableKey>(region, input, expected)
                .await
                .is_some()
        };
        if done {
            self.sets[set].members[region] = Some(if enable {
                State::Enabled
            } else {
                State::Disabled
            });
        }
    }

    async fn schedule(&mut self, set: usize, region: usize) {
        let days = 7 + self.walk.draw(24);
        let known = &self.sets[set];
        let input = shape::ScheduleKeyDeletionRequest {
            key_id: known.id.clone(),
            pending_window_in_days: Some(i32::try_from(days).unwrap()),
        };
        let expected = known.outcome(region, "ok");
        let days = u64::try_from(days).unwrap();
        let state = if region == known.primary && known.has_replicas() {
            State::Waiting(days)
        } else {
            State::Pending(self.walk.now + days * DAY)
        };
        let done = self.expect::<kms::ScheduleKeyDeletion>(region, input, expected);
        if done.await.is_some() {
            self.sets[set].members[region] = Some(state);
        }
    }

    async fn cancel(&mut self, set: usize, region: usize) {
        let input = shape::CancelKeyDeletionRequest {
            key_id: self.sets[set].id.clone(),
        };
        let expected = match self.sets[set].members[region] {
            Some(State::Pending(_) | State::Waiting(_)) => "ok",
            Some(State::Enabled | State::Disabled) => INVALID,
            None => MISSING,
        };
        let done = self.expect::<kms::CancelKeyDeletion>(region, input, expected);
        if done.await.is_some() {
            self.sets[set].members[region] = Some(State::Disabled);
        }
    }

    async fn encrypt(&mut self, set: usize, region: usize) {
        let input = encrypt(&self.sets[set].id);
        let expected = self.sets[set].outcome(region, "DisabledException");
        if let Some(answer) = self.expect::<kms::Encrypt>(region, input, expected).await {
            self.sealed.push((set, answer.ciphertext_blob.unwrap()));
        }
    }

    /// In whichever region a ciphertext was made: every key of the set opens it.
    async fn decrypt(&mut self, region: usize) {
        if self.sealed.is_empty() {
            return;
        }
        let number = self.sealed.len() - 1 - self.walk.draw(self.sealed.len().min(64));
        let (set, blob) = self.sealed[number].clone();
        let expected = match self.sets[set].outcome(region, "DisabledException") {
            MISSING => "AccessDeniedException",
            other => other,
        };
        let input = decrypt(blob, None);
        if let Some(answer) = self.expect::<kms::Decrypt>(region, input, expected).await {
            assert_eq!(answer.plaintext.unwrap().expose(), b"secret");
        }
    }

    async fn rotate(&mut self, set: usize, region: usize) {
        let region = match self.walk.draw(3) {
            0 => region,
            _ => self.sets[set].primary,
        };
        let key_id = self.sets[set].id.clone();
        let expected = self.sets[set].of_primary(region);
        match self.walk.draw(3) {
            0 => {
                let days = 90 + self.walk.draw(3);
                let input = shape::EnableKeyRotationRequest {
                    key_id,
                    rotation_period_in_days: Some(i32::try_from(days).unwrap()),
                };
                let days = u64::try_from(days).unwrap();
                let done = self.expect::<kms::EnableKeyRotation>(region, input, expected);
                let done = done.await.is_some();
                let known = self.sets[set].rotation;
                if done && known.is_none_or(|(known, _)| known != days) {
                    self.sets[set].rotation = Some((days, self.walk.now + days * DAY));
                }
            }
            1 => {
                let input = shape::DisableKeyRotationRequest { key_id };
                let done = self.expect::<kms::DisableKeyRotation>(region, input, expected);
                if done.await.is_some() {
                    self.sets[set].rotation = None;
                }
            }
            _ => {
                let input = shape::RotateKeyOnDemandRequest { key_id };
                let used_up = expected == "ok" && self.sets[set].on_demand == 25;
                let expected = if used_up {
                    "LimitExceededException"
                } else {
                    expected
                };
                let done = self.expect::<kms::RotateKeyOnDemand>(region, input, expected);
                if done.await.is_some() {
                    self.sets[set].on_demand += 1;
                    self.sets[set].materials += 1;
                }
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
        self.walk.world().maintain().await;
        let now = self.walk.now;
        for set in &mut self.sets {
            for member in &mut set.members {
                if matches!(member, Some(State::Pending(end)) if *end <= now) {
                    *member = None;
                }
            }
            let alone = !set.has_replicas();
            let primary = &mut set.members[set.primary];
            match (*primary, set.rotation) {
                (Some(State::Waiting(days)), _) if alone => {
                    *primary = Some(State::Pending(now + days * DAY));
                }
                (Some(State::Enabled), Some((days, next))) if next <= now => {
                    set.materials += 1;
                    set.rotation = Some((days, self.walk.next_rotation(days, next)));
                }
                _ => {}
            }
        }
    }

    /// Everything that can be asked about the key in one region.
    async fn look(&mut self, set: usize, region: usize) {
        let known = &self.sets[set];
        let (id, state, primary) = (known.id.clone(), known.members[region], known.primary);
        let expected = if state.is_some() { "ok" } else { MISSING };
        let found = self.expect::<kms::DescribeKey>(region, describe(&id), expected);
        let Some(found) = found.await else {
            return;
        };
        let found = found.key_metadata.unwrap();
        let (state, end, window) = match state.unwrap() {
            State::Enabled => (shape::KeyState::Enabled, None, None),
            State::Disabled => (shape::KeyState::Disabled, None, None),
            State::Pending(end) => (shape::KeyState::PendingDeletion, Some(end), None),
            State::Waiting(days) => (shape::KeyState::PendingReplicaDeletion, None, Some(days)),
        };
        assert_eq!(found.key_state, Some(state));
        let shown = found.deletion_date.map(types::Timestamp::seconds);
        assert_eq!(shown.map(|date| u64::try_from(date).unwrap()), end);
        let shown = found.pending_deletion_window_in_days;
        assert_eq!(shown.map(|days| u64::try_from(days).unwrap()), window);
        let configuration = found.multi_region_configuration.unwrap();
        let shown = configuration.primary_key.unwrap().region;
        assert_eq!(shown.as_deref(), Some(REGIONS[primary]));
        let shown = configuration.replica_keys.unwrap().into_iter();
        let shown: BTreeSet<_> = shown.map(|key| key.region.unwrap()).collect();
        let replicas = REGIONS.iter().zip(self.sets[set].members);
        let replicas =
            replicas.filter(|(name, state)| state.is_some() && **name != REGIONS[primary]);
        let replicas: BTreeSet<_> = replicas.map(|(name, _)| (*name).to_owned()).collect();
        assert_eq!(shown, replicas);
        let input = shape::ListKeyRotationsRequest {
            key_id: id.clone(),
            ..Default::default()
        };
        let list = self
            .expect::<kms::ListKeyRotations>(region, input, "ok")
            .await;
        let rotations = list.unwrap().rotations.unwrap().len();
        assert_eq!(rotations + 1, self.sets[set].materials);
        let input = shape::GetKeyRotationStatusRequest { key_id: id };
        let status = self.expect::<kms::GetKeyRotationStatus>(region, input, "ok");
        let next = status.await.unwrap().next_rotation_date;
        let next = next.map(|date| u64::try_from(date.seconds()).unwrap());
        let ends = end.is_some() || window.is_some();
        let known = self.sets[set].rotation.map(|(_, next)| next);
        assert_eq!(next, known.filter(|_| !ends));
    }
}

#[tokio::test]
async fn random_steps_with_multi_region_keys_end_as_the_model_says() {
    walk::take::<Model>(&[
        "ok",
        "AlreadyExistsException",
        "DisabledException",
        "AccessDeniedException",
        "ValidationException",
        INVALID,
        MISSING,
        UNSUPPORTED,
    ])
    .await;
}
