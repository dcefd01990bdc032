//! Reading and writing of the store's small binary layouts.

/// Takes fields off the front of a byte string; every method fails at its end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl<'a> Fields<'a> {
    /// The next `count` bytes.
    pub(super) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(head)
    }

    /// The next `N` bytes.
    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    /// A big-endian number of 8 bytes.
    pub(super) fn number(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    /// A byte string that [`put_part`] wrote.
    pub(super) fn part(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.number()?).ok()?;
        self.take(length)
    }

    /// All that is left.
    pub(super) fn rest(self) -> &'a [u8] {
        self.0
    }

    /// Succeeds if nothing is left.
    pub(super) fn end(self) -> Option<()> {
        self.0.is_empty().then_some(())
    }
}

/// Appends `part` with its length, so that a sequence of parts is injective.
pub(super) fn put_part(target: &mut Vec<u8>, part: &[u8]) {
    target.extend_from_slice(&length_of(part).to_be_bytes());
    target.extend_from_slice(part);
}

/// The parts, each with its length.
pub(super) fn parts(parts: &[&[u8]]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(parts.iter().map(|part| part.len() + 8).sum());
    for part in parts {
        put_part(&mut bytes, part);
    }
    bytes
}

/// The length of `bytes` as a number.
pub(super) fn length_of(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

/// Adds `element` to the state, both taken for numbers modulo 2^256.
pub(super) fn add(state: &mut [u8; 32], element: &[u8; 32]) {
    accumulate(state, element.iter().copied(), 0);
}

/// Takes `element` out of the state again.
pub(super) fn subtract(state: &mut [u8; 32], element: &[u8; 32]) {
    accumulate(state, element.iter().map(|byte| !byte), 1);
}

fn accumulate(state: &mut [u8; 32], number: impl Iterator<Item = u8>, carry: u8) {
    let mut carry = u16::from(carry);
    for (byte, other) in state.iter_mut().zip(number) {
        let [high, low] = (u16::from(*byte) + u16::from(other) + carry).to_be_bytes();
        *byte = low;
        carry = u16::from(high);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_read_back_and_end() {
        let bytes = parts(&[b"ab", b"", b"c"]);
        let mut fields = Fields(&bytes);
        assert_eq!(fields.part(), Some(b"ab".as_slice()));
        assert_eq!(fields.part(), Some(b"".as_slice()));
        assert_eq!(fields.part(), Some(b"c".as_slice()));
        assert_eq!(fields.end(), Some(()));
    }

    #[test]
    fn a_length_beyond_the_end_fails() {
        let mut bytes = parts(&[b"abc"]);
        bytes.pop();
        assert_eq!(Fields(&bytes).part(), None);
    }

    #[test]
    fn what_is_added_can_be_taken_out_in_any_order() {
        let elements = [[0xff; 32], [0x80; 32], [1; 32]];
        let mut state = [7; 32];
        for element in &elements {
            add(&mut state, element);
        }
        assert_ne!(state, [7; 32]);
        for element in elements.iter().rev() {
            subtract(&mut state, element);
        }
        assert_eq!(state, [7; 32]);
    }

    #[test]
    fn an_element_that_is_added_twice_does_not_cancel_out() {
        let mut state = [7; 32];
        add(&mut state, &[0x80; 32]);
        add(&mut state, &[0x80; 32]);
        assert_ne!(state, [7; 32]);
    }
}
