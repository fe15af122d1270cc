//! How long answers take: histograms of a fixed size, one for each class of requests, written without locks.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Buckets within a power of two: a quantile is told to 1/8 of its size.
const STEPS: usize = 8;
/// Powers of two of a microsecond: up to 2²⁶ µs, a minute.
const POWERS: usize = 26;
/// Classes of requests that are told apart.
pub const CLASSES: usize = 32;

/// Bounds for who wants few: 64 µs to 1 s, each four times the one before.
const BOUNDS_US: [u64; 8] = [1 << 6, 1 << 8, 1 << 10, 1 << 12, 1 << 14, 1 << 16, 1 << 18, 1 << 20];

/// Latencies of one class.
#[derive(Debug)]
pub struct Histogram {
    buckets: [AtomicU64; STEPS * POWERS],
    max_us: AtomicU64,
    sum_us: AtomicU64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self {
            buckets: [const { AtomicU64::new(0) }; STEPS * POWERS],
            max_us: AtomicU64::new(0),
            sum_us: AtomicU64::new(0),
        }
    }
}

/// A class's latencies at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quantiles {
    /// How many answers.
    pub count: u64,
    /// Half of them took at most this long, to 1/8.
    pub p50: Duration,
    /// Nine of ten.
    pub p90: Duration,
    /// 99 of 100.
    pub p99: Duration,
    /// The longest, exactly (to a microsecond).
    pub max: Duration,
}

impl Histogram {
    /// Counts one answer.
    pub fn record(&self, took: Duration) {
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.buckets[bucket(us)].fetch_add(1, Relaxed);
        self.sum_us.fetch_add(us.min(u64::from(u32::MAX)), Relaxed);
        if us > self.max_us.load(Relaxed) {
            self.max_us.fetch_max(us, Relaxed);
        }
    }

    /// What was counted so far; `None` before the first answer.
    pub fn quantiles(&self) -> Option<Quantiles> {
        let counts: Vec<u64> = self.buckets.iter().map(|bucket| bucket.load(Relaxed)).collect();
        let count: u64 = counts.iter().sum();
        let max = self.max_us.load(Relaxed);
        let quantile = |hundredths: u64| {
            let wanted = (count * hundredths).div_ceil(100);
            let mut seen = 0;
            let index = counts.iter().position(|bucket| {
                seen += bucket;
                seen >= wanted
            });
            Duration::from_micros(index.map_or(max, upper_us).min(max))
        };
        (count > 0).then(|| Quantiles {
            count,
            p50: quantile(50),
            p90: quantile(90),
            p99: quantile(99),
            max: Duration::from_micros(max),
        })
    }
}

/// The bucket of a latency: below [`STEPS`] microseconds each has its own, then each power of two has [`STEPS`].
fn bucket(us: u64) -> usize {
    if us < STEPS as u64 {
        return us as usize;
    }
    let power = us.ilog2() as usize - STEPS.ilog2() as usize;
    let step = (us >> power) as usize - STEPS;
    ((power + 1) * STEPS + step).min(STEPS * POWERS - 1)
}

/// The largest latency of a bucket, microseconds.
fn upper_us(bucket: usize) -> u64 {
    if bucket < STEPS {
        return bucket as u64;
    }
    let (power, step) = (bucket / STEPS - 1, bucket % STEPS);
    ((STEPS + step + 1) as u64) * (1 << power) - 1
}

/// Latencies by class.
#[derive(Debug)]
pub struct Latencies(Box<[Histogram]>);

impl Default for Latencies {
    fn default() -> Self {
        Self((0..CLASSES).map(|_| Histogram::default()).collect())
    }
}

impl Latencies {
    /// The histogram of a class; classes beyond the last one share it.
    pub fn of(&self, class: usize) -> &Histogram {
        &self.0[class.min(CLASSES - 1)]
    }

    /// All classes together: how many answers took no longer than each bound (seconds, rising), how many there were, and
    /// how long all of them took, seconds.
    pub fn distribution(&self) -> (Vec<(f64, u64)>, u64, f64) {
        let mut counts = [0_u64; STEPS * POWERS];
        for histogram in &self.0 {
            counts.iter_mut().zip(&histogram.buckets).for_each(|(count, bucket)| *count += bucket.load(Relaxed));
        }
        // A power of two begins a bucket, so that all before it took less.
        let below = |us: u64| (us as f64 / 1e6, counts[..bucket(us)].iter().sum());
        let sum_us: u64 = self.0.iter().map(|histogram| histogram.sum_us.load(Relaxed)).sum();
        (BOUNDS_US.map(below).to_vec(), counts.iter().sum(), sum_us as f64 / 1e6)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_latency_lies_in_its_bucket_and_buckets_are_narrow() {
        let mut last = 0;
        for us in (0..5_000).chain((5_000..10_000_000).step_by(997)) {
            let at = bucket(us);
            assert!(at >= last && us <= upper_us(at), "{us}");
            assert!(at == 0 || us > upper_us(at - 1), "{us}");
            assert!(upper_us(at) - us <= us / 8, "{us}");
            last = at;
        }
        assert_eq!(bucket(u64::MAX), STEPS * POWERS - 1);
    }

    #[test]
    fn quantiles() {
        let histogram = Histogram::default();
        assert_eq!(histogram.quantiles(), None);
        for us in 1..=1000 {
            histogram.record(Duration::from_micros(us));
        }
        let found = histogram.quantiles().unwrap();
        assert_eq!((found.count, found.max), (1000, Duration::from_micros(1000)));
        for (quantile, exact) in [(found.p50, 500), (found.p90, 900), (found.p99, 990)] {
            let us = quantile.as_micros() as u64;
            assert!(us >= exact && us <= exact + exact / 8, "{us} for {exact}");
        }
        histogram.record(Duration::MAX);
        assert_eq!(histogram.quantiles().unwrap().count, 1001);
    }

    #[test]
    fn all_classes_together() {
        let latencies = Latencies::default();
        for (class, us) in [(0, 63), (1, 64), (2, 255), (3, 256), (CLASSES, 2_000_000)] {
            latencies.of(class).record(Duration::from_micros(us));
        }
        let (buckets, count, sum) = latencies.distribution();
        assert_eq!((count, sum), (5, 2.000_638));
        assert_eq!(buckets[..3], [(0.000_064, 1), (0.000_256, 3), (0.001_024, 4)]);
        assert_eq!(buckets.last(), Some(&(1.048_576, 4)));
    }
}
