//! What secrets leave behind in the memory of the process once they are dropped.
#![cfg(target_os = "linux")]

use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::sync::mpsc;

use crate::kdf::derive_key;
use crate::lock::LockedKey32;
use crate::vectors::key_of;
use crate::{CommittingKey, HmacSha256Key, Key32, SecretBytes, SystemEntropy, XaesKey, password};

/// The bytes that one test plants. They are computed wherever they are compared, so that the
/// search does not find itself. The first byte is rare, which makes the search quick.
#[derive(Clone, Copy)]
struct Canary(u8);

impl Canary {
    fn byte(self, place: u8) -> u8 {
        match place {
            0 => 0xd7,
            _ => place.wrapping_mul(0x3b).wrapping_add(self.0) ^ 0xa6,
        }
    }

    fn plant(self, target: &mut [u8]) {
        for (place, byte) in (0..).zip(target) {
            *byte = self.byte(place);
        }
    }

    fn key(self) -> Key32 {
        Key32::filled(|bytes| self.plant(bytes))
    }

    fn is_at(self, bytes: &[u8]) -> bool {
        bytes.len() >= 32
            && (0..32)
                .zip(bytes)
                .all(|(place, byte)| *byte == self.byte(place))
    }

    /// How often the canary is in the writable memory of this process.
    fn copies(self) -> usize {
        let memory = File::open("/proc/self/mem").unwrap();
        let mut buffer = vec![0_u8; 1 << 20];
        let own = buffer.as_ptr().addr()..buffer.as_ptr().addr() + buffer.len();
        let mut found = 0;
        for region in writable_regions() {
            for start in region.clone().step_by(buffer.len() - 31) {
                let length = buffer.len().min(region.end - start);
                let part = &mut buffer[..length];
                // Other tests unmap memory meanwhile.
                if memory
                    .read_exact_at(part, u64::try_from(start).unwrap())
                    .is_err()
                {
                    continue;
                }
                found += memchr::memchr_iter(self.byte(0), part)
                    .filter(|at| !own.contains(&(start + at)) && self.is_at(&part[*at..]))
                    .count();
            }
        }
        found
    }
}

fn writable_regions() -> Vec<Range<usize>> {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let regions = maps.lines().filter_map(|line| {
        let (range, rest) = line.split_once(' ')?;
        let (start, end) = range.split_once('-')?;
        let address = |text| usize::from_str_radix(text, 16).unwrap();
        rest.starts_with("rw").then(|| address(start)..address(end))
    });
    regions.collect()
}

/// Checks that `canary` is in memory while the value of `make` lives, and nowhere afterwards.
///
/// Another thread searches: its calls would overwrite the stack on which copies may be.
fn check<T>(canary: Canary, make: impl FnOnce(Canary) -> T) {
    let (searches, requests) = mpsc::sync_channel(0);
    let (answers, results) = mpsc::sync_channel(0);
    std::thread::scope(|scope| {
        scope.spawn(move || {
            requests
                .iter()
                .try_for_each(|()| answers.send(canary.copies()))
        });
        let count = || {
            searches.send(()).unwrap();
            results.recv().unwrap()
        };
        let value = make(canary);
        let alive = count();
        drop(value);
        assert_eq!(
            (alive > 0, count()),
            (true, 0),
            "found alive, and copies left over"
        );
        drop(searches);
    });
}

#[test]
fn the_search_finds_what_is_not_wiped() {
    let canary = Canary(1);
    let mut kept = vec![0; 32];
    canary.plant(&mut kept);
    assert_eq!(canary.copies(), 1);
    assert!(canary.is_at(&kept));
}

#[test]
fn a_dropped_key_is_gone() {
    check(Canary(2), Canary::key);
}

#[test]
fn dropped_bytes_are_gone() {
    check(Canary(3), |canary| {
        let mut bytes = vec![0; 32];
        canary.plant(&mut bytes);
        SecretBytes::from(bytes)
    });
}

#[test]
fn a_dropped_locked_key_is_gone() {
    check(Canary(4), |canary| LockedKey32::new(canary.key()));
}

/// An expanded AES key starts with the key itself, so that this finds key schedules.
#[test]
fn a_dropped_sealing_key_is_gone() {
    check(Canary(5), |canary| XaesKey::new(&canary.key()));
}

#[test]
fn preparing_an_authentication_key_leaves_no_copy() {
    check(Canary(9), |canary| {
        let key = canary.key();
        (HmacSha256Key::new(key.expose()), key)
    });
}

#[test]
fn deriving_leaves_no_copy_of_the_root() {
    check(Canary(10), |canary| {
        let root = canary.key();
        (derive_key(&root, "label", b"context"), root)
    });
}

#[test]
fn deriving_leaves_no_copy_of_the_passphrase() {
    check(Canary(11), |canary| {
        let passphrase = SecretBytes::from(canary.key().expose().to_vec());
        let key = password::derive(&passphrase, &[1; 16], password::Params::LEAST);
        (key.unwrap(), passphrase)
    });
}

#[test]
fn a_dropped_committing_key_is_gone() {
    check(Canary(6), |canary| {
        let key = CommittingKey::new(&canary.key());
        let sealed = key.seal(&SystemEntropy, b"", b"plaintext");
        key.open(b"", &sealed).unwrap();
        key
    });
}

#[test]
fn opened_bytes_are_gone_when_dropped() {
    check(Canary(7), |canary| {
        let key = XaesKey::new(&key_of(1));
        let sealed = key.seal(&SystemEntropy, b"", canary.key().expose());
        key.open(b"", &sealed).unwrap()
    });
}

#[test]
fn bytes_opened_from_the_committing_format_are_gone_when_dropped() {
    check(Canary(8), |canary| {
        let key = CommittingKey::new(&key_of(1));
        let sealed = key.seal(&SystemEntropy, b"", canary.key().expose());
        key.open(b"", &sealed).unwrap()
    });
}
