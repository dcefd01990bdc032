//! A key with many grants.

mod bounds;
mod decisions;
mod digests;

use std::sync::Arc;

use store::{AnyTable as _, Batch};
use types::{Arn, Timestamp, UniqueId};

use super::*;
use crate::grants::party::Party;
use crate::testing::{self, KEY_ID};

const ALICE: &str = "AIDAALICE00000000000";

fn alice() -> Principal {
    let arn: Arn = "arn:aws:iam::111122223333:user/Alice".parse().unwrap();
    Principal::User {
        account: testing::account(),
        arn,
        id: ALICE.parse().unwrap(),
        name: "Alice".to_owned(),
    }
}

fn identity(id: &str) -> Party {
    let id: UniqueId = id.parse().unwrap();
    Party::Identity {
        arn: "arn:aws:iam::111122223333:user/Alice".parse().unwrap(),
        id,
    }
}

fn subset(pairs: &[(&str, &str)]) -> Constraints {
    let pair = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    Constraints {
        context: Some(ContextConstraint::Subset(pairs.iter().map(pair).collect())),
        source_arn: None,
    }
}

/// Whom a grant is for, of what, within which constraints, and from which account it was made.
type Given = (Party, BTreeSet<GrantedOperation>, Constraints, AccountId);

/// All that a grant on a symmetric key can allow, but for `Decrypt`.
const OTHERS: [GrantedOperation; 10] = [
    GrantedOperation::Encrypt,
    GrantedOperation::GenerateDataKey,
    GrantedOperation::GenerateDataKeyWithoutPlaintext,
    GrantedOperation::ReEncryptFrom,
    GrantedOperation::ReEncryptTo,
    GrantedOperation::CreateGrant,
    GrantedOperation::RetireGrant,
    GrantedOperation::DescribeKey,
    GrantedOperation::GenerateDataKeyPair,
    GrantedOperation::GenerateDataKeyPairWithoutPlaintext,
];

/// Every set of them.
fn every_set() -> impl Iterator<Item = BTreeSet<GrantedOperation>> {
    (1..1024_u32).map(|bits| {
        let chosen = OTHERS.iter().enumerate();
        let chosen = chosen.filter(|(place, _)| bits & (1 << place) != 0);
        chosen.map(|(_, operation)| *operation).collect()
    })
}

/// A key with grants, added one after the other.
struct Granted {
    key: KeyRecord,
    snapshot: Snapshot,
    next: u64,
    /// The service that may retire the grants that are added.
    retiring: Option<&'static str>,
}

impl Granted {
    fn new() -> Self {
        let snapshot = testing::with_keys(&[KEY_ID]);
        let row = testing::row(&testing::view(&snapshot), KEY_ID);
        Self {
            key: KeyRecord::clone(&row.record),
            snapshot,
            next: 2,
            retiring: None,
        }
    }

    fn grant(&mut self, grantee: Party, operations: &[GrantedOperation], limits: Constraints) {
        let issuer = self.key.account;
        self.fill([(
            grantee,
            operations.iter().copied().collect(),
            limits,
            issuer,
        )]);
    }

    /// Adds grants that are all made at once.
    fn fill(&mut self, grants: impl IntoIterator<Item = Given>) {
        let mut batch = Batch::default();
        let view = testing::view(&self.snapshot);
        for (grantee, operations, constraints, issuing_account) in grants {
            let terms = Terms {
                name: None,
                grantee,
                retiring: self.retiring.map(|name| Party::Service(name.to_owned())),
                operations,
                constraints,
                issuing_account,
            };
            let grant = GrantRecord {
                id: format!("{:064x}", self.next),
                account: self.key.account,
                region: self.key.region.clone(),
                key: self.key.id.clone(),
                created: Timestamp::EPOCH,
                place: place(&self.snapshot, &self.key, &terms),
                terms,
            };
            grant.store(&view, &mut batch);
            self.next += 1;
        }
        self.snapshot = testing::commit(&self.snapshot, self.next, &batch);
    }

    /// How many grants cover the request, and how many were looked at.
    fn ask(&self, operation: GrantedOperation, context: &[(&str, &str)]) -> (usize, usize) {
        self.ask_for(operation, context, None)
    }

    fn ask_for(
        &self,
        operation: GrantedOperation,
        context: &[(&str, &str)],
        source: Option<&str>,
    ) -> (usize, usize) {
        let asked = Asked {
            operation,
            context: Pairs::of(context.iter().copied()),
            source,
        };
        let view = testing::view(&self.snapshot);
        let context = operation.has_context().then_some(&asked.context);
        let covers = |grant: &GrantRecord| grant.terms.constraints.hold(context, source);
        let mut search = Search {
            operation,
            places: &|| places_of(&asked),
            alike: TERMS,
            covers: &covers,
            left: ALL_LOOKS,
        };
        let found = search.run(&view, &self.key, &alice());
        assert_eq!(found, matching(&view, &self.key, &alice(), &asked));
        (found.len(), ALL_LOOKS - search.left)
    }
}
