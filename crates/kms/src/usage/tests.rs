//! What is told apart is bounded, and nothing goes uncounted.

use store::SnapshotBuilder;

use super::*;

fn caller(number: usize) -> Caller {
    let account = "111122223333".parse().ok();
    Caller::Principal(Arn::new("iam", None, account, &format!("user/u{number}")))
}

fn used(key: usize, by: usize) -> Use {
    let account = "111122223333".parse().unwrap();
    let region = "us-east-1".parse().unwrap();
    let id = format!("key/00000000-0000-4000-8000-{key:012}");
    Use {
        account,
        key: Arn::new("kms", Some(&region), Some(account), &id),
        caller: caller(by),
        operation: "Encrypt",
        class: Class::Usual,
        day: 20_000,
    }
}

#[test]
fn what_is_counted_in_memory_is_bounded_and_none_is_lost() {
    let mut shard = Shard::default();
    for number in 0..3 * DETAILED_IN_SHARD {
        shard.add(used(number, number));
    }
    let kinds = shard.uses.len();
    assert!(kinds <= 2 * DETAILED_IN_SHARD + 1, "{kinds}");
    assert_eq!(shard.uses.values().sum::<u64>(), 3 * 512);
    // One that is told apart goes on to be.
    shard.add(used(0, 0));
    assert_eq!(shard.uses[&used(0, 0)], 2);
    let row = used(0, 0).of_any_key().row().unwrap().text_parts();
    assert_eq!(row[3..5], ["111122223333", "*"]);
}

#[test]
fn one_account_takes_no_detail_from_another() {
    let mut shard = Shard::default();
    for number in 0..100 * DETAILED_IN_SHARD {
        shard.add(used(number, number));
    }
    let account: AccountId = "444455556666".parse().unwrap();
    let others = |number: usize| Use {
        account,
        ..used(number, number)
    };
    for number in 0..DETAILED_IN_SHARD {
        shard.add(others(number));
    }
    for number in 0..DETAILED_IN_SHARD {
        assert_eq!(shard.uses.get(&others(number)), Some(&1), "{number}");
    }
}

#[test]
fn rows_of_a_month_are_bounded_and_say_less_where_there_are_many() {
    let snapshot = SnapshotBuilder::new(&[&KEY_USES]).build(1);
    let mut room = Room::in_rows(&snapshot);
    let mut rows = HashSet::new();
    let mut kinds = [0; 3];
    for number in 0..3 * DETAILED {
        let row = room.row(&used(number, number).row().unwrap());
        let parts = row.text_parts();
        kinds[usize::from(parts[4] == ANY) + usize::from(parts[5].ends_with(":*"))] += 1;
        rows.insert(row);
    }
    assert_eq!(kinds, [DETAILED; 3]);
    assert_eq!(rows.len(), 2 * DETAILED + 1);
    // What is there goes on to be told apart; another month has room of its own.
    let first = used(0, 0).row().unwrap();
    assert_eq!(room.row(&first), first);
    let later = Use {
        day: 20_040,
        ..used(7, 7)
    };
    let later = later.row().unwrap();
    assert_eq!(room.row(&later), later);
}
