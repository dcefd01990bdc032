//! The clear part of a stored cell.

use types::Timestamp;

use crate::{Error, EventTime};

/// The format of a cell: this header is the same in both, the payload is not
/// ([`crate::Payload`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// 1: every value is one text.
    Texts,
    /// 2: values may be lists.
    Lists,
}

const DELETED: u8 = 1;
const EXPIRES: u8 = 2;

/// The version of a record: its event time, then the order in which it was accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    /// The caller's time of the record.
    pub event_time: EventTime,
    /// Grows with every accepted write, across restarts; tells equal event times apart.
    pub sequence: u64,
}

/// What a cell shows without its data key; authenticated by the store when it is read, and
/// again with the payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Which of the group's data keys seals the payload.
    pub data_key: u32,
    /// The version.
    pub version: Version,
    /// From when on the record does not exist any more.
    pub expires_at: Option<EventTime>,
    /// Whether this is what a soft delete left: identifier and event time only.
    pub deleted: bool,
}

impl Header {
    /// The length of the encoding.
    pub const LENGTH: usize = 38;

    /// The encoding in front of a payload of texts: format, flags, data key number, event
    /// time, sequence, expiry (zeros if there is none); numbers big-endian.
    pub fn to_bytes(&self) -> [u8; Self::LENGTH] {
        self.encoded(Format::Texts)
    }

    /// The encoding in front of a payload of this format.
    pub(crate) fn encoded(&self, format: Format) -> [u8; Self::LENGTH] {
        let mut flags = 0;
        if self.deleted {
            flags |= DELETED;
        }
        if self.expires_at.is_some() {
            flags |= EXPIRES;
        }
        let expiry = self.expires_at.map_or([0; 12], EventTime::to_bytes);
        let parts: [&[u8]; 6] = [
            &[format.number()],
            &[flags],
            &self.data_key.to_be_bytes(),
            &self.version.event_time.to_bytes(),
            &self.version.sequence.to_be_bytes(),
            &expiry,
        ];
        let mut bytes = [0; Self::LENGTH];
        let encoded = parts.into_iter().flatten();
        for (slot, byte) in bytes.iter_mut().zip(encoded) {
            *slot = *byte;
        }
        bytes
    }

    /// Reads the header at the front of a stored value.
    ///
    /// Fails with [`Error::Format`] for a format of a newer release and with
    /// [`Error::Damaged`] if the bytes are no header.
    pub fn read(value: &[u8]) -> Result<Self, Error> {
        Self::read_with_format(value).map(|(header, _)| header)
    }

    /// The same, and the format of the payload behind it.
    pub(crate) fn read_with_format(value: &[u8]) -> Result<(Self, Format), Error> {
        let ([found], rest) = take(value)?;
        let format = Format::of(found).ok_or(Error::Format { found })?;
        let ([flags], rest) = take(rest)?;
        let (data_key, rest) = take(rest)?;
        let (event_time, rest) = take(rest)?;
        let (sequence, rest) = take(rest)?;
        let (expiry, _): ([u8; 12], _) = take(rest)?;
        let expires_at = if flags & EXPIRES == 0 {
            None
        } else {
            Some(EventTime::from_bytes(expiry).ok_or(Error::Damaged)?)
        };
        let header = Self {
            data_key: u32::from_be_bytes(data_key),
            version: Version {
                event_time: EventTime::from_bytes(event_time).ok_or(Error::Damaged)?,
                sequence: u64::from_be_bytes(sequence),
            },
            expires_at,
            deleted: flags & DELETED != 0,
        };
        // INVARIANT: one header, one encoding.
        if value.starts_with(&header.encoded(format)) {
            Ok((header, format))
        } else {
            Err(Error::Damaged)
        }
    }

    /// Whether the record's time is over at `now`.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|end| end.timestamp() <= now)
    }

    /// Whether readers see the record at `now`: neither deleted nor expired.
    pub fn is_visible(&self, now: Timestamp) -> bool {
        !self.deleted && !self.is_expired(now)
    }
}

impl Format {
    fn of(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::Texts),
            2 => Some(Self::Lists),
            _ => None,
        }
    }

    fn number(self) -> u8 {
        match self {
            Self::Texts => 1,
            Self::Lists => 2,
        }
    }

    /// How many bits of a feature's number say what follows.
    #[inline]
    pub(crate) fn kind_bits(self) -> u32 {
        match self {
            Self::Texts => 1,
            Self::Lists => 2,
        }
    }
}

fn take<const N: usize>(bytes: &[u8]) -> Result<([u8; N], &[u8]), Error> {
    let (part, rest) = bytes.split_first_chunk::<N>().ok_or(Error::Damaged)?;
    Ok((*part, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(seconds: i64) -> EventTime {
        EventTime::new(Timestamp::new(seconds, 7)).unwrap()
    }

    fn header(expires_at: Option<EventTime>, deleted: bool) -> Header {
        Header {
            data_key: 9,
            version: Version {
                event_time: time(-5),
                sequence: 77,
            },
            expires_at,
            deleted,
        }
    }

    #[test]
    fn headers_read_back() {
        for header in [
            header(None, false),
            header(None, true),
            header(Some(time(100)), false),
            header(Some(time(100)), true),
        ] {
            assert_eq!(Header::read(&header.to_bytes()).unwrap(), header);
            for format in [Format::Texts, Format::Lists] {
                let read = Header::read_with_format(&header.encoded(format)).unwrap();
                assert_eq!(read, (header, format));
            }
        }
    }

    #[test]
    fn damaged_headers_are_refused() {
        let good = header(Some(time(100)), false).to_bytes();
        assert!(matches!(Header::read(&good[..37]), Err(Error::Damaged)));
        assert!(matches!(Header::read(&[]), Err(Error::Damaged)));
        let mut unknown_flag = good;
        unknown_flag[1] |= 0x80;
        assert!(matches!(Header::read(&unknown_flag), Err(Error::Damaged)));
        let mut stray_expiry = good;
        stray_expiry[1] = 0;
        assert!(matches!(Header::read(&stray_expiry), Err(Error::Damaged)));
    }

    #[test]
    fn formats_of_newer_releases_are_named() {
        let mut newer = header(None, false).to_bytes();
        newer[0] = 3;
        assert!(matches!(
            Header::read(&newer),
            Err(Error::Format { found: 3 })
        ));
    }

    #[test]
    fn a_record_ends_at_its_expiry() {
        let header = header(Some(time(100)), false);
        assert!(header.is_visible(Timestamp::new(100, 6)));
        assert!(!header.is_visible(Timestamp::new(100, 7)));
    }
}
