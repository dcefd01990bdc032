//! Timestamps and event times: what reads is stored, read back and sorted as it was.

use online::EventTime;
use types::Timestamp;

pub(crate) fn run(data: &[u8]) -> bool {
    if let Some(bytes) = data.first_chunk()
        && let Some(time) = EventTime::from_bytes(*bytes)
    {
        assert_eq!(time.to_bytes(), *bytes, "one time, two encodings");
    }
    let Ok(text) = std::str::from_utf8(data) else {
        return false;
    };
    let mut times: Vec<EventTime> = text
        .split('\n')
        .flat_map(|line| {
            [
                EventTime::parse_text(line).ok(),
                EventTime::parse_decimal(line).ok(),
            ]
        })
        .flatten()
        .collect();
    for time in &times {
        assert_eq!(EventTime::from_bytes(time.to_bytes()), Some(*time));
    }
    times.sort();
    let encoded: Vec<[u8; 12]> = times.iter().map(|time| time.to_bytes()).collect();
    assert!(encoded.is_sorted(), "encodings do not sort like times");
    for line in text.split('\n') {
        for read in [
            Timestamp::parse_iso8601(line),
            Timestamp::parse_basic_iso8601(line),
        ] {
            let Ok(time) = read else { continue };
            let whole = Timestamp::new(time.seconds(), 0);
            assert_eq!(
                Timestamp::parse_iso8601(&whole.to_iso8601()).ok(),
                Some(whole)
            );
        }
    }
    !times.is_empty()
}
