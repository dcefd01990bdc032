//! Random steps that a seed repeats, and what the models share that such steps are compared with.
//!
//! `make test` takes 500 steps from the same seed; `make kms-model` takes 20,000 from a new one.

use std::collections::BTreeSet;
use std::fmt::Debug;

use pipeline::{Caller, Operation};
use types::Region;

use crate::harness::{REGIONS, World};

/// The seconds of a day.
pub(crate) const DAY: u64 = 86_400;

/// What the clock of a new deployment shows.
const START: u64 = 1_795_466_820;

/// A small model of what KMS promises.
pub(crate) trait Model {
    /// The model of a deployment without keys.
    fn new(walk: Walk) -> Self;
    /// What its steps are drawn from.
    fn walk(&self) -> &Walk;
    /// One step, in the deployment and in the model.
    async fn step(&mut self);
}

/// A deployment, what is drawn, and how the calls so far have ended.
pub(crate) struct Walk {
    /// There is none only while it restarts.
    world: Option<World>,
    pub(crate) admin: Caller,
    /// What the clock shows, in seconds since 1970.
    pub(crate) now: u64,
    seed: u64,
    random: u64,
    reached: BTreeSet<&'static str>,
}

impl Walk {
    fn new(seed: u64) -> Self {
        let world = World::new();
        let admin = world.admin();
        Self {
            world: Some(world),
            admin,
            now: START,
            seed,
            random: seed | 1,
            reached: BTreeSet::new(),
        }
    }

    pub(crate) fn world(&self) -> &World {
        self.world.as_ref().unwrap()
    }

    /// A number below `bound`.
    pub(crate) fn draw(&mut self, bound: usize) -> usize {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        usize::try_from(self.random >> 33).unwrap() % bound
    }

    /// Calls `O` in a region and compares how it ends; `known` is what the model says.
    pub(crate) async fn expect<O: Operation>(
        &mut self,
        (region, caller): (usize, &Caller),
        input: O::Input,
        expected: &'static str,
        known: &dyn Debug,
    ) -> Option<O::Output> {
        self.reached.insert(expected);
        let region: Region = REGIONS[region].parse().unwrap();
        let call = self.world().call_in::<O>(&region, caller, input);
        let found = Box::pin(call).await;
        let code = found
            .as_ref()
            .map_or_else(|failure| &*failure.code, |_| "ok");
        let (seed, name, failure) = (self.seed, O::NAME, found.as_ref().err());
        assert_eq!(
            code, expected,
            "KMS_MODEL_SEED={seed}: {name} in {region} {failure:?} {known:?}"
        );
        found.ok()
    }

    /// Lets one to twenty days pass, without what is due then; returns whether to restart after it.
    pub(crate) fn pass_days(&mut self) -> bool {
        let days = u64::try_from(1 + self.draw(20)).unwrap();
        self.now += days * DAY;
        self.world().advance(days * DAY);
        self.draw(8) == 0
    }

    pub(crate) fn restart(&mut self) {
        let world = self.world.take().unwrap();
        self.world = Some(world.restarted());
    }

    /// When a key that was due for rotation at `next` is due again.
    pub(crate) fn next_rotation(&self, days: u64, next: u64) -> u64 {
        let regular = next + days * DAY;
        if regular > self.now {
            regular
        } else {
            self.now + days * DAY
        }
    }
}

/// Takes the steps that the environment asks for, or 500, and fails unless some call ended in
/// each of these ways.
pub(crate) async fn take<M: Model>(outcomes: &[&str]) {
    let number = |name| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let steps = number("KMS_MODEL_STEPS").unwrap_or(500);
    let seed = number("KMS_MODEL_SEED").unwrap_or(0x5eed_cafe);
    let mut model = M::new(Walk::new(seed));
    for _ in 0..steps {
        model.step().await;
    }
    for wanted in outcomes {
        assert!(
            model.walk().reached.contains(wanted),
            "KMS_MODEL_SEED={seed}: no step ended with {wanted}"
        );
    }
}
