//! Bootstrapping and the lookup of credentials.

use serde_json::json;
use store::View;
use types::Principal;

use crate::world::{ACCOUNT, World, account, allow, user_arn};

#[test]
fn the_first_account_has_an_administrator() {
    let world = World::new();
    assert_eq!(iam::first_account(&world.view()), Some(account()));
    let Principal::User { arn, name, .. } = &world.administrator.principal else {
        panic!("{:?}", world.administrator);
    };
    assert_eq!(
        (arn.as_str(), name.as_str()),
        (&*user_arn("Administrator"), "Administrator")
    );
    assert_eq!(
        world.ok(
            "ListAttachedUserPolicies",
            json!({ "UserName": "Administrator" })
        )["AttachedPolicies"],
        json!([{
            "PolicyName": "AdministratorAccess",
            "PolicyArn": "arn:aws:iam::aws:policy/AdministratorAccess",
        }])
    );
    let found = iam::find_credential(&world.view(), &world.first_key.id).unwrap();
    assert_eq!(found.secret.expose(), world.first_key.secret.expose());
    assert_eq!(found.secret.expose().len(), 40);
    assert_eq!(found.account, account());
}

#[test]
fn an_empty_store_has_no_account() {
    let empty = store::SnapshotBuilder::new(&iam::tables()).build(0);
    assert_eq!(iam::first_account(&View::plain(empty.into())), None);
}

#[test]
fn a_key_without_its_user_authenticates_nobody() {
    let world = World::new();
    let alice = world.user("Alice", Some(allow("*", "*")));
    let key = alice.access_key.clone().unwrap();
    world.ok(
        "DeleteUserPolicy",
        json!({ "UserName": "Alice", "PolicyName": "inline" }),
    );
    world.ok(
        "DeleteAccessKey",
        json!({ "UserName": "Alice", "AccessKeyId": key.as_str() }),
    );
    world.ok("DeleteUser", json!({ "UserName": "Alice" }));
    let second = world.user("Alice", Some(allow("*", "*")));
    assert!(iam::find_credential(&world.view(), &key).is_none());
    // The first Alice's request, authenticated before, is not the second Alice's.
    let refused = world.call_as(&alice, "ListUsers", json!({})).unwrap_err();
    assert_eq!(
        refused.message,
        "The security token included in the request is invalid."
    );
    // Nor does it help to come with the second one's key.
    let mixed = pipeline::Caller {
        access_key: second.access_key.clone(),
        ..alice
    };
    let refused = world.call_as(&mixed, "ListUsers", json!({})).unwrap_err();
    assert_eq!(refused.code, "UnrecognizedClientException");
    world.call_as(&second, "ListUsers", json!({})).unwrap();
}

#[test]
fn a_caller_without_a_key_is_not_active() {
    let world = World::new();
    let keyless = pipeline::Caller {
        access_key: None,
        ..world.administrator.clone()
    };
    assert!(world.call_as(&keyless, "ListUsers", json!({})).is_err());
    let root = Principal::Root { account: account() };
    // A user's key does not sign for the root user.
    let mixed = pipeline::Caller {
        principal: root,
        ..world.administrator.clone()
    };
    assert!(world.call_as(&mixed, "ListUsers", json!({})).is_err());
}

#[test]
fn principals_that_do_not_exist_yet_are_not_active() {
    let world = World::new();
    let role = Principal::AssumedRole {
        account: account(),
        role_arn: format!("arn:aws:iam::{ACCOUNT}:role/R").parse().unwrap(),
        role_id: "AROAEXAMPLEEXAMPLE234".parse().unwrap(),
        role_name: "R".to_owned(),
        session: "s".to_owned(),
    };
    let caller = pipeline::Caller {
        principal: role,
        ..world.administrator.clone()
    };
    assert!(
        world
            .call_as(&caller, "GetCallerIdentity", json!({}))
            .is_err()
    );
}

#[test]
fn a_service_has_no_account_to_work_in() {
    let world = World::new();
    let service = pipeline::Caller {
        principal: Principal::Service {
            name: "sagemaker.amazonaws.com",
        },
        access_key: None,
        session: None,
    };
    for operation in ["ListUsers", "GetCallerIdentity", "ListPolicies"] {
        let refused = world.call_as(&service, operation, json!({})).unwrap_err();
        assert_eq!(refused.code, "AccessDenied");
    }
}

#[test]
fn access_keys_of_the_root_user_stop_at_two() {
    let world = World::new();
    world.root();
    world.root();
    let view = View::recording(world.services.store().snapshot());
    let mut batch = store::Batch::default();
    let refused = iam::create_root_access_key(
        &mut batch,
        &view,
        account(),
        types::Timestamp::EPOCH,
        world.services.entropy(),
    );
    assert!(
        matches!(refused, Err(iam::Error::Quota { limit: 2, .. })),
        "{refused:?}"
    );
    let unknown = iam::create_root_access_key(
        &mut batch,
        &view,
        "444455556666".parse().unwrap(),
        types::Timestamp::EPOCH,
        world.services.entropy(),
    );
    assert!(matches!(unknown, Err(iam::Error::NoAccount)), "{unknown:?}");
    assert!(batch.is_empty());
}

#[test]
fn secrets_do_not_show_in_debug_output() {
    let world = World::new();
    let secret = String::from_utf8(world.first_key.secret.expose().to_vec()).unwrap();
    let view = world.view();
    let shown = format!(
        "{:?} {:?} {:?} {:?} {:?}",
        world.first_key,
        iam::find_credential(&view, &world.first_key.id),
        iam::credential_state(&view, &world.first_key.id),
        world.administrator,
        world.services,
    );
    assert!(shown.contains(world.first_key.id.as_str()));
    assert!(!shown.contains(&secret));
}
