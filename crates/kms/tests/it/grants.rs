//! Grants: made, used, handed on, listed, retired, revoked.

use kms::{
    CreateGrant, Decrypt, DescribeKey, Encrypt, GenerateDataKey, ListGrants, ListRetirableGrants,
    RetireGrant, RevokeGrant,
};
use pipeline::Caller;
use shapes::kms::{
    CreateGrantRequest, CreateGrantResponse, EncryptRequest, GrantConstraints, GrantListEntry,
    GrantOperation, KeySpec, KeyUsageType, ListGrantsRequest, ListRetirableGrantsRequest,
    RetireGrantRequest, RevokeGrantRequest,
};
use types::{Arn, Principal};

use crate::asymmetric;
use crate::decryption::decrypt;
use crate::harness::{ALL_OF_KMS, AWAY, HOME, World, context};
use crate::keys::{create, create_with_policy, describe, disable, encrypt};

const ENCRYPT: &[GrantOperation] = &[GrantOperation::Encrypt];

fn arn_of(caller: &Caller) -> String {
    caller.principal.arn().unwrap().to_string()
}

pub(crate) fn grant(key: &str, grantee: &str, operations: &[GrantOperation]) -> CreateGrantRequest {
    CreateGrantRequest {
        key_id: key.to_owned(),
        grantee_principal: Some(grantee.to_owned()),
        operations: operations.to_vec(),
        ..CreateGrantRequest::default()
    }
}

#[expect(clippy::unnecessary_wraps, reason = "requests hold it as an option")]
fn subset(pairs: &[(&str, &str)]) -> Option<GrantConstraints> {
    Some(GrantConstraints {
        encryption_context_subset: context(pairs),
        ..GrantConstraints::default()
    })
}

#[expect(clippy::unnecessary_wraps, reason = "requests hold it as an option")]
fn equals(pairs: &[(&str, &str)]) -> Option<GrantConstraints> {
    Some(GrantConstraints {
        encryption_context_equals: context(pairs),
        ..GrantConstraints::default()
    })
}

fn under(key: &str, pairs: &[(&str, &str)]) -> EncryptRequest {
    EncryptRequest {
        encryption_context: context(pairs),
        ..encrypt(key)
    }
}

async fn made(world: &World, caller: &Caller, input: CreateGrantRequest) -> CreateGrantResponse {
    world.call::<CreateGrant>(caller, input).await.unwrap()
}

async fn list(world: &World, caller: &Caller, key: &str) -> Vec<GrantListEntry> {
    let input = ListGrantsRequest {
        key_id: key.to_owned(),
        ..ListGrantsRequest::default()
    };
    let answer = world.call::<ListGrants>(caller, input).await.unwrap();
    answer.grants.unwrap()
}

fn revoke(key: &str, made: &CreateGrantResponse) -> RevokeGrantRequest {
    RevokeGrantRequest {
        key_id: key.to_owned(),
        grant_id: made.grant_id.clone().unwrap(),
        dry_run: None,
    }
}

fn retire(key: &str, made: &CreateGrantResponse) -> RetireGrantRequest {
    RetireGrantRequest {
        key_id: Some(key.to_owned()),
        grant_id: made.grant_id.clone(),
        ..RetireGrantRequest::default()
    }
}

#[tokio::test]
async fn a_grant_counts_on_the_next_request_and_until_it_is_revoked() {
    let world = World::new();
    let (admin, alice) = (world.admin(), world.user(HOME, "Alice", None));
    let key = create(&world, &admin).await;
    let (code, _) = world.failure::<Encrypt>(&alice, encrypt(&key.key_id)).await;
    assert_eq!(code, "AccessDeniedException");
    let made = made(&world, &admin, grant(&key.key_id, &arn_of(&alice), ENCRYPT)).await;
    assert_eq!(made.grant_id.as_ref().map(String::len), Some(64));
    world
        .call::<Encrypt>(&alice, encrypt(&key.key_id))
        .await
        .unwrap();
    let record = world.newest_record(HOME);
    let decided = record.additional_event_data.unwrap()["authorization"].to_string();
    assert!(
        decided.contains(made.grant_id.as_deref().unwrap()),
        "{decided}"
    );
    let other = world.failure::<Decrypt>(&alice, {
        let blob = world
            .call::<Encrypt>(&alice, encrypt(&key.key_id))
            .await
            .unwrap();
        decrypt(blob.ciphertext_blob.unwrap(), None)
    });
    assert_eq!(other.await.0, "AccessDeniedException");
    world
        .call::<RevokeGrant>(&admin, revoke(&key.key_id, &made))
        .await
        .unwrap();
    let (code, _) = world.failure::<Encrypt>(&alice, encrypt(&key.key_id)).await;
    assert_eq!(code, "AccessDeniedException");
    assert!(list(&world, &admin, &key.key_id).await.is_empty());
}

#[tokio::test]
async fn a_grant_outlives_a_restart() {
    let world = World::new();
    let (admin, alice) = (world.admin(), world.user(HOME, "Alice", None));
    let key = create(&world, &admin).await;
    let constraints = subset(&[("team", "ml")]);
    let input = CreateGrantRequest {
        constraints,
        ..grant(&key.key_id, &arn_of(&alice), ENCRYPT)
    };
    made(&world, &admin, input).await;
    let world = world.restarted();
    let allowed = under(&key.key_id, &[("team", "ml"), ("a", "b")]);
    world.call::<Encrypt>(&alice, allowed).await.unwrap();
    let refused = under(&key.key_id, &[("team", "web")]);
    world
        .check_denied::<Encrypt>(&alice, refused, "another context")
        .await;
}

#[tokio::test]
async fn denies_win_over_grants() {
    let world = World::new();
    let admin = world.admin();
    let deny = r#"{"Version":"2012-10-17","Statement":[
        {"Effect":"Deny","Action":"kms:Encrypt","Resource":"*"}]}"#;
    let denied = world.user(HOME, "Denied", Some(deny));
    let key = create(&world, &admin).await;
    made(
        &world,
        &admin,
        grant(&key.key_id, &arn_of(&denied), ENCRYPT),
    )
    .await;
    let (code, message) = world
        .failure::<Encrypt>(&denied, encrypt(&key.key_id))
        .await;
    assert_eq!(code, "AccessDeniedException");
    assert!(message.contains("explicit deny"), "{message}");
    let bob = world.user(HOME, "Bob", None);
    let policy = format!(
        r#"{{"Version":"2012-10-17","Statement":[
            {{"Effect":"Allow","Principal":{{"AWS":"{HOME}"}},"Action":"kms:*","Resource":"*"}},
            {{"Effect":"Deny","Principal":{{"AWS":"{}"}},"Action":"kms:Encrypt",
              "Resource":"*"}}]}}"#,
        arn_of(&bob)
    );
    let key = create_with_policy(&world, &admin, &policy).await;
    made(&world, &admin, grant(&key.key_id, &arn_of(&bob), ENCRYPT)).await;
    world
        .check_denied::<Encrypt>(&bob, encrypt(&key.key_id), "a Deny of the key policy")
        .await;
}

#[tokio::test]
async fn constraints_bind_what_has_an_encryption_context() {
    let world = World::new();
    let admin = world.admin();
    let key = create(&world, &admin).await;
    let operations = [GrantOperation::Encrypt, GrantOperation::DescribeKey];
    let (it, both) = (
        [("Department", "IT")],
        [("Department", "IT"), ("Purpose", "Test")],
    );
    for (name, constraints, allowed) in [
        ("A", subset(&it), [false, true, true]),
        ("B", equals(&it), [false, true, false]),
        ("C", equals(&both), [false, false, true]),
        ("D", subset(&[("Department", "it")]), [false, false, false]),
        ("E", subset(&[("DEPARTMENT", "IT")]), [false, true, true]),
        ("F", None, [true, true, true]),
    ] {
        let user = world.user(HOME, name, None);
        let input = CreateGrantRequest {
            constraints,
            ..grant(&key.key_id, &arn_of(&user), &operations)
        };
        made(&world, &admin, input).await;
        for (pairs, allowed) in [&[][..], &it, &both].into_iter().zip(allowed) {
            let found = world
                .call::<Encrypt>(&user, under(&key.key_id, pairs))
                .await;
            assert_eq!(found.is_ok(), allowed, "{name} {pairs:?}");
        }
        let described = world
            .call::<DescribeKey>(&user, describe(&key.key_id))
            .await;
        assert!(described.is_ok(), "{name}");
    }
}

#[tokio::test]
async fn whom_a_grant_lets_make_grants_hands_on_no_more_than_it_has() {
    let world = World::new();
    let (admin, alice) = (world.admin(), world.user(HOME, "Alice", None));
    let key = create(&world, &admin).await;
    let bob = arn_of(&world.user(HOME, "Bob", None));
    let operations = [
        GrantOperation::GenerateDataKey,
        GrantOperation::Decrypt,
        GrantOperation::CreateGrant,
    ];
    let input = CreateGrantRequest {
        constraints: subset(&[("Department", "IT")]),
        ..grant(&key.key_id, &arn_of(&alice), &operations)
    };
    made(&world, &admin, input).await;
    let (decrypt, both) = (
        [GrantOperation::Decrypt],
        [GrantOperation::Decrypt, GrantOperation::Encrypt],
    );
    for (operations, constraints, allowed) in [
        (&decrypt[..], equals(&[("Department", "IT")]), true),
        (&decrypt, subset(&[("Department", "IT"), ("a", "b")]), true),
        (&both, equals(&[("Department", "IT")]), false),
        (&decrypt, None, false),
        (&decrypt, subset(&[("Department", "HR")]), false),
    ] {
        let input = CreateGrantRequest {
            constraints: constraints.clone(),
            ..grant(&key.key_id, &bob, operations)
        };
        let found = world.call::<CreateGrant>(&alice, input).await;
        let code = found.err().map(|failure| failure.code.into_owned());
        let expected = (!allowed).then_some("AccessDeniedException");
        assert_eq!(code.as_deref(), expected, "{operations:?} {constraints:?}");
    }
    // Whom a policy lets make grants is not bound so.
    let policy = r#"{"Version":"2012-10-17","Statement":[
        {"Effect":"Allow","Action":"kms:CreateGrant","Resource":"*"}]}"#;
    let carol = world.user(HOME, "Carol", Some(policy));
    made(&world, &carol, grant(&key.key_id, &bob, ENCRYPT)).await;
}

#[tokio::test]
async fn a_grant_with_a_name_is_made_once() {
    let world = World::new();
    let (admin, alice) = (world.admin(), world.user(HOME, "Alice", None));
    let key = create(&world, &admin).await;
    let named = CreateGrantRequest {
        name: Some("one".to_owned()),
        ..grant(&key.key_id, &arn_of(&alice), ENCRYPT)
    };
    let first = made(&world, &admin, named.clone()).await;
    let second = made(&world, &admin, named.clone()).await;
    assert_eq!(first.grant_id, second.grant_id);
    assert_ne!(first.grant_token, second.grant_token);
    let other = CreateGrantRequest {
        operations: vec![GrantOperation::Decrypt],
        ..named.clone()
    };
    assert_ne!(made(&world, &admin, other).await.grant_id, first.grant_id);
    let unnamed = CreateGrantRequest {
        name: None,
        ..named
    };
    made(&world, &admin, unnamed.clone()).await;
    made(&world, &admin, unnamed).await;
    let listed = list(&world, &admin, &key.key_id).await;
    let mut shown: Vec<_> = listed
        .into_iter()
        .map(|grant| grant.name.unwrap())
        .collect();
    shown.sort_unstable();
    assert_eq!(shown, ["", "", "one", "one"]);
}

#[tokio::test]
async fn tokens_must_be_those_of_grants_that_exist() {
    let world = World::new();
    let (admin, alice) = (world.admin(), world.user(HOME, "Alice", None));
    let key = create(&world, &admin).await;
    let made = made(&world, &admin, grant(&key.key_id, &arn_of(&alice), ENCRYPT)).await;
    let with = |token: &str| EncryptRequest {
        grant_tokens: Some(vec![token.to_owned()]),
        ..encrypt(&key.key_id)
    };
    let token = made.grant_token.clone().unwrap();
    world.call::<Encrypt>(&alice, with(&token)).await.unwrap();
    let cut: String = token.chars().take(token.len() - 4).collect();
    for wrong in ["x", "AAAA", &cut] {
        let (code, _) = world.failure::<Encrypt>(&admin, with(wrong)).await;
        assert_eq!(code, "InvalidGrantTokenException", "{wrong}");
    }
    let by_token = RetireGrantRequest {
        grant_token: Some(token.clone()),
        ..RetireGrantRequest::default()
    };
    world
        .call::<RetireGrant>(&admin, by_token.clone())
        .await
        .unwrap();
    let (code, _) = world.failure::<Encrypt>(&admin, with(&token)).await;
    assert_eq!(code, "InvalidGrantTokenException");
    let (code, _) = world.failure::<RetireGrant>(&admin, by_token).await;
    assert_eq!(code, "InvalidGrantTokenException");
}

#[tokio::test]
async fn the_grant_decides_who_may_retire_it() {
    let world = World::new();
    let admin = world.admin();
    let grantee = world.user(HOME, "Grantee", None);
    let retiring = world.user(HOME, "Retiring", None);
    let deny = r#"{"Version":"2012-10-17","Statement":[
        {"Effect":"Deny","Action":"kms:RetireGrant","Resource":"*"}]}"#;
    let denied = world.user(HOME, "Denied", Some(deny));
    let (other, away) = (
        world.user(HOME, "Other", None),
        world.user(AWAY, "Away", Some(ALL_OF_KMS)),
    );
    let policy = format!(
        r#"{{"Version":"2012-10-17","Statement":[
            {{"Effect":"Allow","Principal":{{"AWS":"{HOME}"}},"Action":"kms:*","Resource":"*"}},
            {{"Effect":"Allow","Principal":{{"AWS":"{}"}},"Action":"kms:RetireGrant",
              "Resource":"*"}}]}}"#,
        arn_of(&other)
    );
    let key = create_with_policy(&world, &admin, &policy).await;
    let with_retire = [GrantOperation::Encrypt, GrantOperation::RetireGrant];
    let root = Caller::new(
        Principal::Root {
            account: HOME.parse().unwrap(),
        },
        None,
    );
    for (who, caller, operations, retiring, allowed) in [
        ("the grantee", &grantee, ENCRYPT, &retiring, false),
        (
            "the grantee with the operation",
            &grantee,
            &with_retire[..],
            &retiring,
            true,
        ),
        (
            "the retiring principal",
            &retiring,
            ENCRYPT,
            &retiring,
            true,
        ),
        (
            "a denied retiring principal",
            &denied,
            ENCRYPT,
            &denied,
            false,
        ),
        (
            "whom the key policy allows",
            &other,
            ENCRYPT,
            &retiring,
            false,
        ),
        (
            "whom an identity policy allows",
            &admin,
            ENCRYPT,
            &retiring,
            true,
        ),
        (
            "the root user of the issuing account",
            &root,
            ENCRYPT,
            &retiring,
            true,
        ),
        ("another account", &away, ENCRYPT, &retiring, false),
        (
            "another account's retiring principal",
            &away,
            ENCRYPT,
            &away,
            true,
        ),
    ] {
        let input = CreateGrantRequest {
            retiring_principal: Some(arn_of(retiring)),
            ..grant(&key.key_id, &arn_of(&grantee), operations)
        };
        let made = made(&world, &admin, input).await;
        let arn = key.arn.clone().unwrap();
        let found = world.call::<RetireGrant>(caller, retire(&arn, &made)).await;
        assert_eq!(found.is_ok(), allowed, "{who}: {found:?}");
    }
}

#[tokio::test]
async fn retiring_is_recorded_with_the_grant_and_without_the_token() {
    let world = World::new();
    let (admin, alice) = (world.admin(), world.user(HOME, "Alice", None));
    let key = create(&world, &admin).await;
    let input = CreateGrantRequest {
        retiring_principal: Some(arn_of(&admin)),
        constraints: equals(&[("team", "ml")]),
        name: Some("one".to_owned()),
        ..grant(&key.key_id, &arn_of(&alice), ENCRYPT)
    };
    let made = made(&world, &admin, input).await;
    let record = world.newest_record(HOME);
    assert_eq!(
        record.request_parameters,
        serde_json::json!({
            "keyId": key.key_id,
            "granteePrincipal": arn_of(&alice),
            "retiringPrincipal": arn_of(&admin),
            "operations": ["Encrypt"],
            "constraints": { "encryptionContextEquals": { "team": "ml" } },
            "name": "one",
        })
    );
    let id = made.grant_id.clone().unwrap();
    assert_eq!(
        record.response_elements,
        serde_json::json!({ "grantId": id })
    );
    let token = made.grant_token.clone().unwrap();
    assert!(!serde_json::to_string(&record).unwrap().contains(&token));
    let by_token = RetireGrantRequest {
        grant_token: Some(token.clone()),
        ..RetireGrantRequest::default()
    };
    world.call::<RetireGrant>(&admin, by_token).await.unwrap();
    let record = world.newest_record(HOME);
    assert!(record.request_parameters.is_null());
    assert_eq!(
        record.additional_event_data.as_ref().unwrap()["grantId"],
        id
    );
    assert_eq!(record.resources[0].arn, key.arn.unwrap());
    assert!(!serde_json::to_string(&record).unwrap().contains(&token));
}

#[tokio::test]
async fn retirable_grants_are_listed_for_the_principal_that_they_name() {
    let world = World::new();
    let admin = world.admin();
    let away = world.user(AWAY, "Away", Some(ALL_OF_KMS));
    let (one, two) = (create(&world, &admin).await, create(&world, &admin).await);
    for key in [&one, &two, &two] {
        let input = CreateGrantRequest {
            retiring_principal: Some(arn_of(&away)),
            ..grant(&key.key_id, &arn_of(&admin), ENCRYPT)
        };
        made(&world, &admin, input).await;
    }
    made(&world, &admin, grant(&one.key_id, &arn_of(&away), ENCRYPT)).await;
    let mut request = ListRetirableGrantsRequest {
        retiring_principal: Some(arn_of(&away)),
        limit: Some(2),
        ..ListRetirableGrantsRequest::default()
    };
    let mut keys = Vec::new();
    loop {
        let page = world
            .call::<ListRetirableGrants>(&away, request.clone())
            .await
            .unwrap();
        keys.extend(page.grants.unwrap().into_iter().map(|grant| grant.key_id));
        request.marker = page.next_marker;
        if request.marker.is_none() {
            break;
        }
    }
    let mut expected = vec![one.arn.clone(), two.arn.clone(), two.arn.clone()];
    expected.sort_unstable();
    keys.sort_unstable();
    assert_eq!(keys, expected);
    let (code, _) = world.failure::<ListRetirableGrants>(&admin, request).await;
    assert_eq!(code, "InvalidArnException");
    let (code, _) = world
        .failure::<ListRetirableGrants>(&admin, ListRetirableGrantsRequest::default())
        .await;
    assert_eq!(code, "ValidationException");
}

#[tokio::test]
async fn what_a_service_may_retire_is_listed_for_the_account_that_has_made_it() {
    let world = World::new();
    let admin = world.admin();
    let away = world.user(AWAY, "Away", Some(ALL_OF_KMS));
    let service = || Some("sagemaker.amazonaws.com".to_owned());
    let source = format!("arn:aws:sagemaker:us-east-1:{HOME}:feature-group/orders");
    let mut ids = Vec::new();
    for caller in [&away, &admin, &away] {
        let key = create(&world, caller).await;
        let input = CreateGrantRequest {
            grantee_principal: None,
            grantee_service_principal: service(),
            retiring_service_principal: service(),
            constraints: Some(GrantConstraints {
                source_arn: Some(source.clone()),
                ..GrantConstraints::default()
            }),
            ..grant(&key.arn.unwrap(), "", ENCRYPT)
        };
        ids.push(made(&world, caller, input).await.grant_id);
    }
    for (caller, mut expected) in [
        (&admin, vec![ids[1].clone()]),
        (&away, vec![ids[0].clone(), ids[2].clone()]),
    ] {
        let mut listed = Vec::new();
        let mut request = ListRetirableGrantsRequest {
            retiring_service_principal: service(),
            limit: Some(1),
            ..ListRetirableGrantsRequest::default()
        };
        loop {
            let page = world.call::<ListRetirableGrants>(caller, request.clone());
            let page = page.await.unwrap();
            listed.extend(page.grants.unwrap().into_iter().map(|grant| grant.grant_id));
            request.marker = page.next_marker;
            if request.marker.is_none() {
                break;
            }
        }
        listed.sort_unstable();
        expected.sort_unstable();
        assert_eq!(listed, expected);
    }
}

#[tokio::test]
async fn lists_of_grants_have_pages_and_filters() {
    let world = World::new();
    let (admin, alice) = (world.admin(), world.user(HOME, "Alice", None));
    let key = create(&world, &admin).await;
    for _ in 0..3 {
        made(&world, &admin, grant(&key.key_id, &arn_of(&admin), ENCRYPT)).await;
    }
    let of_alice = made(&world, &admin, grant(&key.key_id, &arn_of(&alice), ENCRYPT)).await;
    let request = ListGrantsRequest {
        key_id: key.key_id.clone(),
        limit: Some(3),
        ..ListGrantsRequest::default()
    };
    let first = world
        .call::<ListGrants>(&admin, request.clone())
        .await
        .unwrap();
    assert_eq!(
        (first.grants.unwrap().len(), first.truncated),
        (3, Some(true))
    );
    let next = ListGrantsRequest {
        marker: first.next_marker.clone(),
        ..request.clone()
    };
    let second = world
        .call::<ListGrants>(&admin, next.clone())
        .await
        .unwrap();
    assert_eq!(
        (second.grants.unwrap().len(), second.truncated),
        (1, Some(false))
    );
    let by_grantee = ListGrantsRequest {
        grantee_principal: Some(arn_of(&alice)),
        ..request.clone()
    };
    let found = world
        .call::<ListGrants>(&admin, by_grantee.clone())
        .await
        .unwrap();
    let ids: Vec<_> = found
        .grants
        .unwrap()
        .into_iter()
        .map(|grant| grant.grant_id)
        .collect();
    assert_eq!(ids, std::slice::from_ref(&of_alice.grant_id));
    let by_id = ListGrantsRequest {
        grant_id: of_alice.grant_id,
        ..request.clone()
    };
    let found = world.call::<ListGrants>(&admin, by_id).await.unwrap();
    assert_eq!(found.grants.unwrap().len(), 1);
    let foreign = ListGrantsRequest {
        marker: first.next_marker,
        ..by_grantee
    };
    let (code, _) = world.failure::<ListGrants>(&admin, foreign).await;
    assert_eq!(code, "InvalidMarkerException");
    let none = ListGrantsRequest {
        grant_id: Some("x".to_owned()),
        ..request
    };
    let (code, _) = world.failure::<ListGrants>(&admin, none).await;
    assert_eq!(code, "InvalidGrantIdException");
}

#[tokio::test]
async fn grants_are_listed_by_whatever_is_shown_as_their_grantee() {
    let world = World::new();
    let (admin, alice) = (world.admin(), world.user(HOME, "Alice", None));
    let key = create(&world, &admin).await;
    let account = format!("arn:aws:iam::{HOME}:root");
    for grantee in [arn_of(&alice), arn_of(&admin), account] {
        made(&world, &admin, grant(&key.key_id, &grantee, ENCRYPT)).await;
    }
    world.remove(&alice);
    let all = list(&world, &admin, &key.key_id).await;
    assert_eq!(all.len(), 3);
    for shown in all {
        let input = ListGrantsRequest {
            key_id: key.key_id.clone(),
            grantee_principal: shown.grantee_principal.clone(),
            ..ListGrantsRequest::default()
        };
        let found = world.call::<ListGrants>(&admin, input).await.unwrap();
        let found = found.grants.unwrap().into_iter();
        let ids: Vec<_> = found.map(|grant| grant.grant_id).collect();
        assert_eq!(ids, [shown.grant_id], "{:?}", shown.grantee_principal);
    }
}

#[tokio::test]
async fn the_index_that_earlier_builds_kept_is_emptied() {
    let world = World::new();
    let admin = world.admin();
    let key = create(&world, &admin).await;
    let arn = key.arn.unwrap().parse().unwrap();
    // More than one turn takes, and more than two do.
    let earlier = kms::fuzzing::earlier_grant_index(&arn, 600).unwrap();
    world.services.store().commit(earlier).await.unwrap();
    let is_left = || kms::fuzzing::leftovers(&world.view(), &arn).contains(&"kms_grant_index");
    for turn in 0..3 {
        assert!(is_left(), "after {turn} turns");
        assert!(kms::maintain(&world.services).await.is_empty());
    }
    assert!(!is_left());
    // Nothing is left to do, and nothing is done.
    let before = world.services.store().snapshot().revision();
    assert!(kms::maintain(&world.services).await.is_empty());
    assert_eq!(world.services.store().snapshot().revision(), before);
}

#[tokio::test]
async fn another_accounts_grantee_needs_a_policy_unless_its_account_made_the_grant() {
    let world = World::new();
    let admin = world.admin();
    let bare = world.user(AWAY, "Bare", None);
    let allowed = world.user(AWAY, "Allowed", Some(ALL_OF_KMS));
    let policy = format!(
        r#"{{"Version":"2012-10-17","Statement":[
            {{"Effect":"Allow","Principal":{{"AWS":"{HOME}"}},"Action":"kms:*","Resource":"*"}},
            {{"Effect":"Allow","Principal":{{"AWS":"{AWAY}"}},"Action":"kms:CreateGrant",
              "Resource":"*"}}]}}"#
    );
    let key = create_with_policy(&world, &admin, &policy).await;
    let arn = key.arn.clone().unwrap();
    made(&world, &admin, grant(&arn, &arn_of(&bare), ENCRYPT)).await;
    made(&world, &admin, grant(&arn, &arn_of(&allowed), ENCRYPT)).await;
    world
        .check_denied::<Encrypt>(&bare, encrypt(&arn), "no policy of its account")
        .await;
    world
        .call::<Encrypt>(&allowed, encrypt(&arn))
        .await
        .unwrap();
    let own = made(&world, &allowed, grant(&arn, &arn_of(&bare), ENCRYPT)).await;
    world.call::<Encrypt>(&bare, encrypt(&arn)).await.unwrap();
    // Grants are the key's: its account sees which one it was, the caller's does not.
    let told = |account| {
        let record = world.newest_record(account);
        record.additional_event_data.unwrap()["authorization"].to_string()
    };
    let id = own.grant_id.as_deref().unwrap();
    assert!(
        told(HOME).contains(id) && !told(AWAY).contains(id),
        "{} {}",
        told(HOME),
        told(AWAY)
    );
    let issuers: Vec<_> = list(&world, &admin, &arn).await;
    let from_away = issuers.iter().filter(|grant| {
        grant.issuing_account.as_deref() == Some(&format!("arn:aws:iam::{AWAY}:root"))
    });
    assert_eq!(from_away.count(), 1);
}

#[tokio::test]
async fn an_account_as_grantee_leaves_it_to_its_policies() {
    let world = World::new();
    let admin = world.admin();
    let only_away = format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow",
            "Principal":{{"AWS":"{}"}},"Action":"kms:*","Resource":"*"}}]}}"#,
        arn_of(&admin)
    );
    let key = create_with_policy(&world, &admin, &only_away).await;
    let account = format!("arn:aws:iam::{HOME}:root");
    made(&world, &admin, grant(&key.key_id, &account, ENCRYPT)).await;
    let bare = world.user(HOME, "Bare", None);
    let allowed = world.user(HOME, "Allowed", Some(ALL_OF_KMS));
    world
        .check_denied::<Encrypt>(&bare, encrypt(&key.key_id), "no policy of its own")
        .await;
    world
        .call::<Encrypt>(&allowed, encrypt(&key.key_id))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_grantee_that_is_made_again_gains_nothing() {
    let world = World::new();
    let (admin, alice) = (world.admin(), world.user(HOME, "Alice", None));
    let key = create(&world, &admin).await;
    made(&world, &admin, grant(&key.key_id, &arn_of(&alice), ENCRYPT)).await;
    world.remove(&alice);
    let again = world.user(HOME, "Alice", None);
    assert_eq!(arn_of(&alice), arn_of(&again));
    world
        .check_denied::<Encrypt>(&again, encrypt(&key.key_id), "another user of the name")
        .await;
    let shown = list(&world, &admin, &key.key_id).await;
    let Principal::User { id, .. } = &alice.principal else {
        panic!("a user");
    };
    assert_eq!(shown[0].grantee_principal.as_deref(), Some(id.as_str()));
}

#[tokio::test]
async fn a_grant_for_a_service_holds_for_the_resource_that_it_acts_for() {
    let world = World::new();
    let admin = world.admin();
    let key = create(&world, &admin).await;
    let arn = key.arn.clone().unwrap();
    let source = format!("arn:aws:sagemaker:us-east-1:{HOME}:feature-group/orders");
    let input = CreateGrantRequest {
        grantee_principal: None,
        grantee_service_principal: Some("sagemaker.amazonaws.com".to_owned()),
        retiring_service_principal: Some("sagemaker.amazonaws.com".to_owned()),
        constraints: Some(GrantConstraints {
            source_arn: Some(source.clone()),
            encryption_context_equals: context(&[("group", "orders")]),
            ..GrantConstraints::default()
        }),
        ..grant(&arn, "", ENCRYPT)
    };
    let made = made(&world, &admin, input).await;
    let shown = list(&world, &admin, &arn).await;
    assert_eq!(
        shown[0].grantee_service_principal.as_deref(),
        Some("sagemaker.amazonaws.com")
    );
    assert_eq!(shown[0].grantee_principal, None);
    let service = Caller::new(
        Principal::Service {
            name: "sagemaker.amazonaws.com",
        },
        None,
    );
    let source: Arn = source.parse().unwrap();
    let other: Arn = format!("{source}2").parse().unwrap();
    let pairs = [("group", "orders")];
    for (about, pairs, allowed) in [
        (Some(&source), &pairs[..], true),
        (Some(&source), &[], false),
        (Some(&other), &pairs, false),
        (None, &pairs, false),
    ] {
        let input = under(&arn, pairs);
        let found = world.call_about::<Encrypt>(&service, about, input).await;
        assert_eq!(found.is_ok(), allowed, "{about:?} {pairs:?}: {found:?}");
    }
    let retired = retire(&arn, &made);
    world
        .call_about::<RetireGrant>(&service, None, retired)
        .await
        .unwrap();
    assert!(list(&world, &admin, &arn).await.is_empty());
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one case for each rule")]
async fn what_contradicts_itself_or_the_key_is_refused() {
    let world = World::new();
    let (admin, alice) = (world.admin(), world.user(HOME, "Alice", None));
    let key = create(&world, &admin).await;
    let plain = grant(&key.key_id, &arn_of(&alice), ENCRYPT);
    let service = Some("sagemaker.amazonaws.com".to_owned());
    let source = Some(GrantConstraints {
        source_arn: Some(format!(
            "arn:aws:sagemaker:us-east-1:{HOME}:feature-group/a"
        )),
        ..GrantConstraints::default()
    });
    let for_service = CreateGrantRequest {
        grantee_principal: None,
        grantee_service_principal: service.clone(),
        retiring_service_principal: service.clone(),
        constraints: source,
        ..plain.clone()
    };
    let validation = "ValidationException";
    let cases = [
        (
            CreateGrantRequest {
                operations: vec![],
                ..plain.clone()
            },
            validation,
        ),
        (
            CreateGrantRequest {
                grantee_principal: None,
                ..plain.clone()
            },
            validation,
        ),
        (
            CreateGrantRequest {
                grantee_service_principal: service.clone(),
                ..plain.clone()
            },
            validation,
        ),
        (
            CreateGrantRequest {
                constraints: None,
                ..for_service.clone()
            },
            validation,
        ),
        (
            CreateGrantRequest {
                retiring_service_principal: None,
                ..for_service.clone()
            },
            validation,
        ),
        (
            CreateGrantRequest {
                retiring_principal: Some(arn_of(&alice)),
                ..for_service.clone()
            },
            validation,
        ),
        (
            CreateGrantRequest {
                operations: vec![GrantOperation::Sign],
                ..plain.clone()
            },
            validation,
        ),
        (
            CreateGrantRequest {
                grantee_principal: Some(format!("arn:aws:iam::{HOME}:user/Nobody")),
                ..plain.clone()
            },
            "InvalidArnException",
        ),
        (
            CreateGrantRequest {
                grantee_principal: Some("sagemaker.amazonaws.com".to_owned()),
                ..plain.clone()
            },
            "InvalidArnException",
        ),
        (
            CreateGrantRequest {
                retiring_principal: Some("*".to_owned()),
                ..plain.clone()
            },
            "InvalidArnException",
        ),
        (
            CreateGrantRequest {
                grant_tokens: Some(vec!["x".to_owned()]),
                ..plain.clone()
            },
            "InvalidGrantTokenException",
        ),
        (
            CreateGrantRequest {
                key_id: "alias/a".to_owned(),
                ..plain.clone()
            },
            "InvalidArnException",
        ),
    ];
    for (input, expected) in cases {
        let (code, message) = world.failure::<CreateGrant>(&admin, input.clone()).await;
        assert_eq!(code, expected, "{input:?}: {message}");
    }
    check_kinds(&world, &admin, &plain).await;
    made(&world, &admin, for_service).await;
    world
        .call::<kms::DisableKey>(&admin, disable(&key))
        .await
        .unwrap();
    let (code, _) = world.failure::<CreateGrant>(&admin, plain).await;
    assert_eq!(code, "DisabledException");
}

/// What AWS says of grants that a key of their kind cannot have.
async fn check_kinds(world: &World, admin: &Caller, plain: &CreateGrantRequest) {
    let usage = KeyUsageType::EncryptDecrypt;
    let pair = asymmetric::key(world, admin, KeySpec::Rsa2048, usage).await;
    for (key_id, operation, constraints, expected) in [
        (
            &plain.key_id,
            GrantOperation::GetPublicKey,
            None,
            "Operations [GetPublicKey] are not supported when creating a grant for a symmetric KMS key \
             with key usage ENCRYPT_DECRYPT. Valid operations are [Decrypt, Encrypt, GenerateDataKey, \
             GenerateDataKeyWithoutPlaintext, GenerateDataKeyPair, \
             GenerateDataKeyPairWithoutPlaintext, ReEncryptFrom, ReEncryptTo, CreateGrant, \
             RetireGrant, DescribeKey]",
        ),
        (
            &pair.key_id,
            GrantOperation::Sign,
            None,
            "Operations [Sign] are not supported when creating a grant for an asymmetric KMS key with \
             key usage ENCRYPT_DECRYPT. Valid operations are [Decrypt, Encrypt, ReEncryptFrom, \
             ReEncryptTo, GetPublicKey, CreateGrant, RetireGrant, DescribeKey]",
        ),
        (
            &pair.key_id,
            GrantOperation::GenerateDataKey,
            subset(&[("a", "b")]),
            "EncryptionContext is supported only when creating a grant for a symmetric encryption KMS \
             key.",
        ),
    ] {
        let input = CreateGrantRequest {
            key_id: key_id.clone(),
            operations: vec![operation],
            constraints,
            ..plain.clone()
        };
        let refused = world.failure::<CreateGrant>(admin, input).await;
        let expected = ("ValidationException".to_owned(), expected.to_owned());
        assert_eq!(refused, expected);
    }
}

#[tokio::test]
async fn dry_runs_change_nothing() {
    let world = World::new();
    let (admin, alice) = (world.admin(), world.user(HOME, "Alice", None));
    let key = create(&world, &admin).await;
    let plain = grant(&key.key_id, &arn_of(&alice), ENCRYPT);
    let dry = CreateGrantRequest {
        dry_run: Some(true),
        ..plain.clone()
    };
    let expected = "DryRunOperationException";
    assert_eq!(
        world.failure::<CreateGrant>(&admin, dry.clone()).await.0,
        expected
    );
    assert!(list(&world, &admin, &key.key_id).await.is_empty());
    assert_eq!(
        world.failure::<CreateGrant>(&alice, dry).await.0,
        "AccessDeniedException"
    );
    let made = made(&world, &admin, plain).await;
    let dry = RevokeGrantRequest {
        dry_run: Some(true),
        ..revoke(&key.key_id, &made)
    };
    assert_eq!(world.failure::<RevokeGrant>(&admin, dry).await.0, expected);
    let dry = RetireGrantRequest {
        dry_run: Some(true),
        ..retire(&key.key_id, &made)
    };
    assert_eq!(world.failure::<RetireGrant>(&admin, dry).await.0, expected);
    assert_eq!(list(&world, &admin, &key.key_id).await.len(), 1);
}

#[tokio::test]
async fn grants_that_do_not_exist_are_not_found() {
    let world = World::new();
    let admin = world.admin();
    let key = create(&world, &admin).await;
    let missing = CreateGrantResponse {
        grant_id: Some("0".repeat(64)),
        grant_token: None,
    };
    let malformed = CreateGrantResponse {
        grant_id: Some("abc".to_owned()),
        grant_token: None,
    };
    for (made, expected) in [
        (&missing, "NotFoundException"),
        (&malformed, "InvalidGrantIdException"),
    ] {
        let input = revoke(&key.key_id, made);
        assert_eq!(
            world.failure::<RevokeGrant>(&admin, input).await.0,
            expected
        );
        let input = retire(&key.key_id, made);
        assert_eq!(
            world.failure::<RetireGrant>(&admin, input).await.0,
            expected
        );
    }
    // Whom no policy lets retire grants does not learn it.
    let nobody = world.user(HOME, "Nobody", None);
    let input = retire(&key.key_id, &missing);
    assert_eq!(
        world.failure::<RetireGrant>(&nobody, input).await.0,
        "AccessDeniedException"
    );
    let input = RetireGrantRequest::default();
    assert_eq!(
        world.failure::<RetireGrant>(&admin, input).await.0,
        "ValidationException"
    );
}

#[tokio::test]
async fn the_parameters_of_a_grant_are_condition_keys() {
    let world = World::new();
    let alice = world.user(HOME, "Alice", None);
    let bob = arn_of(&alice);
    let cases: [(&str, &dyn Fn(CreateGrantRequest) -> CreateGrantRequest); 5] = [
        (
            r#""ForAllValues:StringEquals":{"kms:GrantOperations":["Encrypt"]}"#,
            &|input| CreateGrantRequest {
                operations: vec![GrantOperation::Decrypt],
                ..input
            },
        ),
        (
            r#""StringEquals":{"kms:GrantConstraintType":"EncryptionContextSubset"}"#,
            &|input| CreateGrantRequest {
                constraints: equals(&[("team", "ml")]),
                ..input
            },
        ),
        (
            r#""StringEquals":{"kms:EncryptionContext:team":"ml"}"#,
            &|input| CreateGrantRequest {
                constraints: subset(&[("team", "web")]),
                ..input
            },
        ),
        (
            r#""StringEquals":{"kms:RetiringPrincipal":"PRINCIPAL"}"#,
            &|input| CreateGrantRequest {
                retiring_principal: None,
                ..input
            },
        ),
        (
            r#""StringEquals":{"kms:GranteePrincipal":"PRINCIPAL"}"#,
            &|input| CreateGrantRequest {
                grantee_principal: Some(format!("arn:aws:iam::{HOME}:root")),
                ..input
            },
        ),
    ];
    for (number, (condition, spoil)) in cases.into_iter().enumerate() {
        let condition = condition.replace("PRINCIPAL", &bob);
        let policy = format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow",
                "Action":"kms:CreateGrant","Resource":"*","Condition":{{{condition}}}}}]}}"#
        );
        let caller = world.user(HOME, &format!("C{number}"), Some(&policy));
        let key = create(&world, &world.admin()).await;
        let good = CreateGrantRequest {
            retiring_principal: Some(bob.clone()),
            constraints: subset(&[("team", "ml")]),
            ..grant(&key.key_id, &bob, ENCRYPT)
        };
        let spoilt = spoil(good.clone());
        assert!(
            world.call::<CreateGrant>(&caller, good).await.is_ok(),
            "{condition}"
        );
        world
            .check_denied::<CreateGrant>(&caller, spoilt, &condition)
            .await;
    }
}

#[tokio::test]
async fn grants_made_through_services_are_told_from_others() {
    let world = World::new();
    let policy = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow",
        "Action":["kms:CreateGrant","kms:ListGrants","kms:RevokeGrant"],"Resource":"*",
        "Condition":{"Bool":{"kms:GrantIsForAWSResource":"true"}}}]}"#;
    let caller = world.user(HOME, "Caller", Some(policy));
    let key = create(&world, &world.admin()).await;
    let input = grant(&key.key_id, &arn_of(&caller), ENCRYPT);
    world
        .check_denied::<CreateGrant>(&caller, input.clone(), "directly")
        .await;
    world.call_via::<CreateGrant>(&caller, input).await.unwrap();
}

#[tokio::test]
async fn a_key_has_at_most_50_000_grants() {
    let world = World::new();
    let (admin, alice) = (world.admin(), world.user(HOME, "Alice", None));
    let key = create(&world, &admin).await;
    let one = CreateGrantRequest {
        constraints: subset(&[("table", "7")]),
        ..grant(&key.key_id, &arn_of(&alice), ENCRYPT)
    };
    let first = made(&world, &admin, one.clone()).await;
    world
        .fill_with_grants(key.arn.as_deref().unwrap(), 49_999)
        .await;
    let (code, _) = world.failure::<CreateGrant>(&admin, one.clone()).await;
    assert_eq!(code, "LimitExceededException");
    // Each that goes makes room for one, however it goes.
    let mut newest = first;
    for round in 0..2 {
        if round == 0 {
            let gone = revoke(&key.key_id, &newest);
            world.call::<RevokeGrant>(&admin, gone).await.unwrap();
        } else {
            let gone = retire(&key.key_id, &newest);
            world.call::<RetireGrant>(&admin, gone).await.unwrap();
        }
        newest = made(&world, &admin, one.clone()).await;
        let (code, _) = world.failure::<CreateGrant>(&admin, one.clone()).await;
        assert_eq!(code, "LimitExceededException");
    }
    let allowed = under(&key.key_id, &[("table", "7")]);
    world.call::<Encrypt>(&alice, allowed).await.unwrap();
    let refused = under(&key.key_id, &[("table", "8")]);
    world
        .check_denied::<Encrypt>(&alice, refused, "another table")
        .await;
}

#[tokio::test]
async fn a_data_key_request_with_a_grant_needs_its_constraint() {
    let world = World::new();
    let (admin, alice) = (world.admin(), world.user(HOME, "Alice", None));
    let key = create(&world, &admin).await;
    let operations = [GrantOperation::GenerateDataKey, GrantOperation::Decrypt];
    let input = CreateGrantRequest {
        constraints: equals(&[("table", "7")]),
        ..grant(&key.key_id, &arn_of(&alice), &operations)
    };
    made(&world, &admin, input).await;
    let request = |pairs: &[(&str, &str)]| shapes::kms::GenerateDataKeyRequest {
        key_id: key.key_id.clone(),
        number_of_bytes: Some(32),
        encryption_context: context(pairs),
        ..Default::default()
    };
    let data_key = world
        .call::<GenerateDataKey>(&alice, request(&[("table", "7")]))
        .await
        .unwrap();
    let blob = data_key.ciphertext_blob.unwrap();
    let opened = decrypt(blob.clone(), context(&[("table", "7")]));
    world.call::<Decrypt>(&alice, opened).await.unwrap();
    world
        .check_denied::<GenerateDataKey>(&alice, request(&[]), "no context")
        .await;
}
