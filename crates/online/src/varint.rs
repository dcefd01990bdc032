//! Numbers of variable length, seven bits a byte, least significant first.

/// Appends `number`.
pub(crate) fn push(target: &mut Vec<u8>, mut number: u64) {
    loop {
        let low = number.to_le_bytes()[0] & 0x7f;
        number >>= 7;
        if number == 0 {
            target.push(low);
            return;
        }
        target.push(low | 0x80);
    }
}

/// How many bytes `number` takes.
pub(crate) fn length(number: u64) -> usize {
    let bits = u64::BITS - number.leading_zeros();
    usize::try_from(bits.div_ceil(7).max(1)).unwrap_or(1)
}

/// Takes a number from the front of `bytes`.
///
/// `None` if the bytes end within it, or if it has more than five bytes: nothing that is
/// stored is longer.
#[inline]
pub(crate) fn take(bytes: &mut &[u8]) -> Option<usize> {
    let mut number = 0_u64;
    for shift in [0, 7, 14, 21, 28] {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return usize::try_from(number).ok();
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(number: u64, expected: &[u8]) {
        let mut bytes = Vec::new();
        push(&mut bytes, number);
        assert_eq!(bytes, expected);
        assert_eq!(length(number), expected.len());
        let mut rest = &*bytes;
        assert_eq!(take(&mut rest), usize::try_from(number).ok());
        assert!(rest.is_empty());
    }

    #[test]
    fn numbers_take_the_bytes_they_need() {
        check(0, &[0]);
        check(127, &[0x7f]);
        check(128, &[0x80, 1]);
        check(358_400, &[0x80, 0xf0, 0x15]);
        check(u64::from(u32::MAX), &[0xff, 0xff, 0xff, 0xff, 0x0f]);
    }

    #[test]
    fn cut_and_overlong_numbers_are_refused() {
        assert_eq!(take(&mut &[0x80_u8][..]), None);
        assert_eq!(take(&mut &[][..]), None);
        assert_eq!(take(&mut &[0x80_u8, 0x80, 0x80, 0x80, 0x80, 1][..]), None);
    }
}
