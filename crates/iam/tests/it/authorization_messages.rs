//! Encoded authorization messages.

use iam::AuthorizationMessages;
use pipeline::Caller;
use serde_json::{Value, json};

use crate::world::{World, allow, statement, user_arn};

/// The message that `caller` gets who may not delete a user.
fn message(world: &World, caller: &Caller) -> String {
    let input = json!({ "UserName": "Victim" });
    let refused = world.call_as(caller, "DeleteUser", input).unwrap_err();
    let messages = world.services.part::<AuthorizationMessages>().unwrap();
    let now = world.services.clock().now();
    let denial = refused.denial.unwrap();
    messages
        .seal(world.services.entropy(), now, &denial)
        .unwrap()
}

fn decode(world: &World, caller: &Caller, text: &str) -> Result<Value, String> {
    let input = json!({ "EncodedMessage": text });
    let answer = world.call_as(caller, "DecodeAuthorizationMessage", input);
    let answer = answer.map_err(|refused| refused.code)?;
    let text = answer["DecodedMessage"].as_str().unwrap();
    Ok(serde_json::from_str(text).unwrap())
}

#[test]
fn a_message_says_who_was_denied_what_and_why() {
    let world = World::new();
    let deny = statement(
        &json!({ "Sid": "No", "Effect": "Deny", "Action": "iam:DeleteUser", "Resource": "*" }),
    );
    let alice = world.user("Alice", Some(deny));
    let said = decode(&world, &world.administrator, &message(&world, &alice)).unwrap();
    assert_eq!(
        (&said["allowed"], &said["explicitDeny"]),
        (&json!(false), &json!(true))
    );
    assert_eq!(
        said["context"]["principal"]["arn"],
        user_arn("Alice").as_str()
    );
    assert_eq!(said["context"]["action"], "iam:DeleteUser");
    assert_eq!(said["context"]["resource"], user_arn("Victim").as_str());
    assert!(said["decidedBy"].to_string().contains("No"), "{said}");
    let bob = world.user("Bob", None);
    let said = decode(&world, &world.administrator, &message(&world, &bob)).unwrap();
    assert_eq!(said["explicitDeny"], false);
}

#[test]
fn the_length_of_a_message_says_nothing() {
    let world = World::new();
    let deny = statement(&json!({ "Effect": "Deny", "Action": "iam:*", "Resource": "*" }));
    let alice = world.user("Alice", Some(deny));
    let bob = world.user("BobWhoseNameIsLong", None);
    assert_eq!(message(&world, &alice).len(), message(&world, &bob).len());
}

#[test]
fn only_who_may_decodes_a_message() {
    let world = World::new();
    let alice = world.user("Alice", None);
    let bob = world.user("Bob", Some(allow("sts:DecodeAuthorizationMessage", "*")));
    let text = message(&world, &alice);
    assert_eq!(
        decode(&world, &alice, &text),
        Err("AccessDenied".to_owned())
    );
    decode(&world, &bob, &text).unwrap();
}

#[test]
fn a_message_of_another_account_or_of_yesterday_or_changed_does_not_open() {
    let world = World::new();
    let alice = world.user("Alice", None);
    let text = message(&world, &alice);
    let refused = Err("InvalidAuthorizationMessageException".to_owned());
    let input = json!({ "AccountName": "member", "Email": "member@example.com" });
    let status = world.ok("organizations:CreateAccount", input);
    let member = status["CreateAccountStatus"]["AccountId"].as_str().unwrap();
    let root = world.root_of(member.parse().unwrap());
    assert_eq!(decode(&world, &root, &text), refused);
    let mut changed = text.clone();
    let last = if changed.pop() == Some('A') { 'Q' } else { 'A' };
    changed.push(last);
    assert_eq!(decode(&world, &world.administrator, &changed), refused);
    assert_eq!(decode(&world, &world.administrator, "x"), refused);
    world.wait(24 * 60 * 60 - 1);
    decode(&world, &world.administrator, &text).unwrap();
    world.wait(1);
    assert_eq!(decode(&world, &world.administrator, &text), refused);
}
