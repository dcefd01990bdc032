//! Shares of a passphrase, one a line, as their keepers type them.

use crypto::shares::{Share, combine};

pub(crate) fn run(data: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(data) else {
        return false;
    };
    let shares: Vec<Share> = text
        .lines()
        .filter_map(|line| Share::parse(line).ok())
        .collect();
    for share in &shares {
        assert!(share.threshold() >= 2 && share.number() >= 1);
        let again = Share::parse(&share.to_text());
        let again = again.unwrap_or_else(|refused| panic!("its own text: {refused}"));
        assert!(again.goes_with(share) && again.number() == share.number());
        // One share says nothing.
        assert!(combine(std::slice::from_ref(share)).is_err());
    }
    let secret = combine(&shares);
    assert!(secret.is_err() || shares.len() >= 2);
    !shares.is_empty()
}
