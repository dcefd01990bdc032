//! The field, splitting, combining, and what is told apart when it fails.

use super::*;
use crate::SystemEntropy;

fn shares(secret: &[u8], threshold: u8, count: u8) -> Vec<Share> {
    split(secret, threshold, count, &SystemEntropy).unwrap()
}

fn secret_of(shares: &[Share]) -> Result<Vec<u8>, ShareError> {
    combine(shares).map(|secret| secret.expose().to_vec())
}

#[test]
fn the_field_is_that_of_aes() {
    // FIPS 197, sections 4.2 and 4.2.1.
    assert_eq!(multiply(0x57, 0x83), 0xc1);
    assert_eq!(multiply(0x57, 0x13), 0xfe);
    assert_eq!(multiply(0x57, 0x02), 0xae);
    assert_eq!(multiply(0x57, 0x10), 0x07);
}

#[test]
fn every_element_but_zero_has_an_inverse() {
    for value in 1..=255 {
        assert_eq!(multiply(value, invert(value)), 1, "{value}");
        for other in 0..=255 {
            assert_eq!(multiply(value, other), multiply(other, value));
        }
    }
    assert_eq!(invert(0), 0);
}

/// The polynomial 0x2a + 0x11 x + 0x7f x², worked out with logarithm tables elsewhere.
#[test]
fn a_known_polynomial_gives_its_constant() {
    for (numbers, values) in [
        ([1, 2, 3], [0x44, 0xef, 0x81]),
        ([5, 9, 255], [0xb1, 0x3e, 0x8c]),
    ] {
        let shares: Vec<Share> = numbers
            .into_iter()
            .zip(values)
            .map(|(number, value)| Share {
                threshold: 3,
                number,
                set: [0; 8],
                values: SecretBytes::from(vec![value]),
            })
            .collect();
        let used: Vec<&Share> = shares.iter().collect();
        let secret = shares.iter().fold(0, |sum, share| {
            sum ^ multiply(share.values.expose()[0], weight(share.number, &used))
        });
        assert_eq!(secret, 0x2a);
    }
}

#[test]
fn any_threshold_of_the_shares_gives_the_secret_in_any_order() {
    let all = shares(b"correct horse battery staple", 3, 5);
    for a in 0..5 {
        for b in 0..5 {
            for c in 0..5 {
                if a == b || b == c || a == c {
                    continue;
                }
                let some = [all[a].clone(), all[b].clone(), all[c].clone()];
                let secret = secret_of(&some).unwrap();
                assert_eq!(secret, b"correct horse battery staple");
            }
        }
    }
    assert_eq!(secret_of(&all).unwrap(), b"correct horse battery staple");
}

#[test]
fn secrets_of_all_lengths_and_many_shares_come_back() {
    for length in [1, 29, 30, 31, 32, 62, 63, LONGEST] {
        let secret = SecretBytes::generate(&SystemEntropy, length);
        let all = shares(secret.expose(), 255, 255);
        assert_eq!(secret_of(&all).unwrap(), secret.expose(), "{length}");
    }
}

#[test]
fn fewer_than_the_threshold_fit_every_secret() {
    // With one share of two, each value of the other gives another first byte.
    let all = shares(b"x", 2, 2);
    let mut seen = std::collections::HashSet::new();
    for value in 0..=255 {
        let mut other = all[1].clone();
        let mut values = other.values.expose().to_vec();
        values[2] = value;
        other.values = SecretBytes::from(values);
        let used = [&all[0], &other];
        let byte = used.iter().fold(0, |sum, share| {
            sum ^ multiply(share.values.expose()[2], weight(share.number, &used))
        });
        assert!(seen.insert(byte));
    }
    assert_eq!(seen.len(), 256);
}

/// Entropy that counts what is drawn, and never gives the same byte twice in a row.
#[derive(Debug, Default)]
struct Counted(std::sync::Mutex<Vec<u8>>);

impl Entropy for Counted {
    fn fill(&self, target: &mut [u8]) {
        let mut drawn = self.0.lock().unwrap();
        for byte in target {
            *byte = u8::try_from(drawn.len() % 251).unwrap();
            drawn.push(*byte);
        }
    }
}

#[test]
fn every_byte_of_the_secret_has_coefficients_of_its_own() {
    let entropy = Counted::default();
    let all = split(b"secret", 4, 5, &entropy).unwrap();
    let drawn = entropy.0.into_inner().unwrap();
    // The set, then three for each of the 32 bytes.
    assert_eq!(drawn.len(), 8 + 3 * 32);
    let padded = padded(b"secret").unwrap();
    for share in &all {
        for (place, value) in share.values.expose().iter().enumerate() {
            let coefficients = &drawn[8 + 3 * place..][..3];
            let x = share.number;
            // The highest first.
            let [c, b, a] = [0, 1, 2].map(|power| coefficients[power]);
            let (x2, x3) = (multiply(x, x), multiply(x, multiply(x, x)));
            let sum = padded[place] ^ multiply(a, x) ^ multiply(b, x2) ^ multiply(c, x3);
            assert_eq!(*value, sum);
        }
    }
}

#[test]
fn shares_do_not_tell_the_length_of_the_secret() {
    let length = |secret: &[u8]| shares(secret, 2, 2)[0].to_text().len();
    assert_eq!(length(b"a"), length(&[7; 30]));
    assert_ne!(length(&[7; 30]), length(&[7; 31]));
}

#[test]
fn wrong_mixed_and_repeated_shares_are_told_apart() {
    let (one, two) = (shares(b"secret", 3, 4), shares(b"secret", 3, 4));
    let some = |shares: &[&Share]| {
        let shares: Vec<Share> = shares.iter().map(|share| (*share).clone()).collect();
        secret_of(&shares)
    };
    assert_eq!(some(&[]), Err(ShareError::TooFew { missing: 2 }));
    assert_eq!(some(&[&one[0]]), Err(ShareError::TooFew { missing: 2 }));
    assert_eq!(
        some(&[&one[0], &one[1]]),
        Err(ShareError::TooFew { missing: 1 })
    );
    assert_eq!(
        some(&[&one[0], &one[1], &one[0]]),
        Err(ShareError::Twice { number: 1 })
    );
    assert_eq!(some(&[&one[0], &one[1], &two[2]]), Err(ShareError::Mixed));
    // Made up by someone who knows the set: right checksum, wrong values.
    let mut made_up = two[2].clone();
    made_up.set = one[0].set;
    assert_eq!(some(&[&one[0], &one[1], &made_up]), Err(ShareError::Unfit));
}

#[test]
fn a_share_is_written_and_read() {
    for share in shares(b"correct horse", 2, 3) {
        let text = share.to_text();
        let read = Share::parse(&format!("  {}\r\n", text.to_uppercase())).unwrap();
        assert!(read.goes_with(&share) && read.number() == share.number());
        assert_eq!(read.values.expose(), share.values.expose());
        assert_eq!(*read.to_text(), *text);
        assert_eq!(
            format!("{share:?}"),
            format!("Share({}, ***)", share.number())
        );
    }
}

#[test]
fn every_mistyped_digit_is_noticed() {
    let text = shares(b"correct horse", 2, 2)[0].to_text();
    for place in 0..text.len() {
        let mut bytes = text.as_bytes().to_vec();
        bytes[place] = if bytes[place] == b'0' { b'1' } else { b'0' };
        let typed = String::from_utf8(bytes).unwrap();
        assert!(Share::parse(&typed).is_err(), "{place}");
        let mut short = text.to_string();
        short.remove(place);
        assert!(Share::parse(&short).is_err(), "{place}");
    }
    assert_eq!(
        Share::parse("correct horse").unwrap_err(),
        ShareError::NotAShare
    );
    assert_eq!(Share::parse("").unwrap_err(), ShareError::NotAShare);
    assert_eq!(Share::parse("srshare1-").unwrap_err(), ShareError::Mistyped);
    assert_eq!(
        Share::parse("srshare1-éé").unwrap_err(),
        ShareError::Mistyped
    );
}

#[test]
fn what_cannot_be_split_is_refused() {
    for (threshold, count) in [(0, 3), (1, 3), (4, 3), (2, 1)] {
        let refused = split(b"x", threshold, count, &SystemEntropy).unwrap_err();
        assert_eq!(refused, ShareError::Threshold);
    }
    for length in [0, LONGEST + 1] {
        let refused = split(&vec![1; length], 2, 2, &SystemEntropy).unwrap_err();
        assert_eq!(refused, ShareError::Length);
    }
}

/// Shares that were handed out once; three of five are needed.
#[test]
fn the_fixtures_of_shares_give_their_secret() {
    let fixtures = include_str!("../../testdata/own_shares_v1.rsp");
    let lines = fixtures
        .lines()
        .filter_map(|line| line.strip_prefix("share = "));
    let shares: Vec<Share> = lines.map(|text| Share::parse(text).unwrap()).collect();
    assert_eq!(shares.len(), 5);
    for three in [[0, 1, 2], [4, 2, 0], [1, 3, 4]] {
        let three = three.map(|place: usize| shares[place].clone());
        assert_eq!(secret_of(&three).unwrap(), b"correct horse battery staple");
    }
}
