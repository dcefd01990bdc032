//! Links, and what counts as a chain.

use std::sync::Arc;

use crypto::SystemEntropy;
use crypto::secret::Key32;

use super::*;

fn sealer() -> Sealer {
    let data_key = Key32::try_from([1; 32].as_slice()).unwrap();
    Sealer::new(&data_key, Arc::new(SystemEntropy))
}

/// A chain of `count` links, two commits each.
fn chain(count: u64) -> Vec<(Link, Hash)> {
    let sealer = sealer();
    let mut head = Head::default();
    let mut links = Vec::new();
    for sequence in 1..=count {
        let link = Link {
            sequence,
            first: head.revision + 1,
            last: head.revision + 2,
            floor: sequence * 3,
            base: false,
            previous: head.hash,
            content: [3; 32],
            state: [4; 32],
        };
        let (_, hash) = link.encode(&sealer);
        head = link.head(hash);
        links.push((link, hash));
    }
    links
}

#[test]
fn a_link_reads_back_and_an_edited_one_does_not() {
    let sealer = sealer();
    let (link, hash) = chain(2).pop().unwrap();
    let (bytes, _) = link.encode(&sealer);
    assert_eq!(bytes.len(), LENGTH);
    assert_eq!(Link::decode(&bytes, &sealer), Some((link, hash)));
    for position in 0..LENGTH {
        let mut edited = bytes.clone();
        edited[position] ^= 1;
        assert_eq!(Link::decode(&edited, &sealer), None);
        assert_eq!(Link::decode(&bytes[..position], &sealer), None);
    }
}

#[test]
fn whole_chains_end_in_their_newest_link() {
    for count in [0, 1, 5, RETAINED] {
        let (head, hashes) = verify_ring(chain(count)).unwrap();
        assert_eq!((head.sequence, head.revision), (count, count * 2));
        assert_eq!(u64::try_from(hashes.len()).unwrap(), count);
    }
    let newest = chain(RETAINED + 9).split_off(9);
    assert_eq!(verify_ring(newest).unwrap().0.sequence, RETAINED + 9);
}

fn check_broken(change: impl FnOnce(&mut Vec<(Link, Hash)>)) {
    let mut links = chain(6);
    change(&mut links);
    assert!(verify_ring(links).is_none());
}

#[test]
fn a_missing_link_breaks_the_chain() {
    for missing in [0, 3] {
        check_broken(|links| {
            links.remove(missing);
        });
    }
}

#[test]
fn a_repeated_or_foreign_link_breaks_the_chain() {
    check_broken(|links| links[2] = links[1].clone());
    check_broken(|links| links[3].0.previous = [9; 32]);
    check_broken(|links| links[3].0.first += 1);
}

#[test]
fn a_base_begins_the_chain_anew() {
    let mut links = chain(3);
    links[1].0.base = true;
    links[1].0.sequence = 100;
    links[2].0.sequence = 101;
    // The first link is from before the base: it is neither needed nor in the way.
    assert_eq!(verify_ring(links.clone()).unwrap().0.sequence, 101);
    links.remove(0);
    assert_eq!(verify_ring(links).unwrap().1.len(), 2);
}

#[test]
fn links_with_one_state_do_not_show_it() {
    let sealer = sealer();
    let stored: Vec<Vec<u8>> = chain(2)
        .iter()
        .map(|(link, _)| link.encode(&sealer).0[LENGTH - 64..LENGTH - 32].to_vec())
        .collect();
    assert_ne!(stored[0], stored[1]);
    assert!(stored.iter().all(|state| *state != [4; 32]));
}
