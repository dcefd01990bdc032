//! Latencies in buckets that are at most 1.6 % wide.

use std::time::Duration;

use crate::numbers::{float, nanos};

/// Buckets per power of two.
const FINE: u32 = 64;
const FINE_BITS: u32 = FINE.trailing_zeros();

/// How often each latency was seen.
#[derive(Debug, Clone)]
pub(crate) struct Histogram {
    buckets: Vec<u64>,
    count: u64,
    largest: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        let powers = 64 - FINE_BITS + 1;
        let length = usize::try_from(powers * FINE).unwrap_or_default();
        Self {
            buckets: vec![0; length],
            count: 0,
            largest: 0,
        }
    }
}

impl Histogram {
    /// Adds one latency.
    pub(crate) fn record(&mut self, latency: Duration) {
        let value = nanos(latency);
        if let Some(bucket) = self.buckets.get_mut(bucket_of(value)) {
            *bucket += 1;
        }
        self.count += 1;
        self.largest = self.largest.max(value);
    }

    /// Adds everything that `other` has seen.
    pub(crate) fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.buckets.iter_mut().zip(&other.buckets) {
            *mine += theirs;
        }
        self.count += other.count;
        self.largest = self.largest.max(other.largest);
    }

    /// The latency in microseconds that `share` (0 to 1) of all did not exceed.
    pub(crate) fn micros_at(&self, share: f64) -> f64 {
        let wanted = share * float(self.count);
        let mut seen = 0;
        for (index, bucket) in self.buckets.iter().enumerate() {
            seen += bucket;
            if *bucket > 0 && float(seen) >= wanted {
                return float(upper_end(index).min(self.largest)) / 1000.0;
            }
        }
        float(self.largest) / 1000.0
    }

    /// How many latencies were added.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }
}

/// Values below 64 have buckets of their own; each power of two above is cut into 64.
fn bucket_of(value: u64) -> usize {
    let bits = 64 - value.leading_zeros();
    let shift = bits.saturating_sub(FINE_BITS + 1);
    let fine = value >> shift;
    usize::try_from(u64::from(shift * FINE) + fine).unwrap_or(usize::MAX)
}

/// The largest value that falls into the bucket.
fn upper_end(bucket: usize) -> u64 {
    let bucket = u64::try_from(bucket).unwrap_or(u64::MAX);
    let fine = u64::from(FINE);
    if bucket < 2 * fine {
        return bucket;
    }
    let shift = bucket / fine - 1;
    let within = bucket % fine + fine;
    ((within + 1) << shift) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_falls_into_a_bucket_that_ends_at_or_just_above_it() {
        let mut value = 1_u64;
        while value < 1 << 50 {
            let end = upper_end(bucket_of(value));
            assert!(end >= value, "{value}: {end}");
            assert!(end - value <= value / 32, "{value}: {end}");
            value += value / 7 + 1;
        }
    }

    #[test]
    fn quantiles_are_those_of_the_recorded_latencies() {
        let mut seen = Histogram::default();
        for micros in 1..=1000 {
            seen.record(Duration::from_micros(micros));
        }
        assert!((seen.micros_at(0.5) - 500.0).abs() < 10.0);
        assert!((seen.micros_at(0.99) - 990.0).abs() < 16.0);
        assert!((seen.micros_at(1.0) - 1000.0).abs() < 1e-9);
    }
}
