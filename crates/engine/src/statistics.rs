//! Counts and histograms of one engine: plain numbers, cheap to keep.

use crate::flow::Reason;

/// Upper bounds of the batch size histogram's buckets, in rows; one more bucket has no bound.
pub const SIZE_BOUNDS: [f64; 11] = [1., 2., 4., 8., 16., 32., 64., 128., 256., 512., 1024.];

/// Upper bounds of the time histograms' buckets, in seconds; one more bucket has no bound.
pub const TIME_BOUNDS: [f64; 16] =
    [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1., 2.5, 5., 10.];

const NANOS: f64 = 1e9;

/// How often values fell into each bucket (not cumulated), their sum and their number.
#[derive(Clone, Debug, PartialEq)]
pub struct Histogram<const BUCKETS: usize> {
    pub buckets: [u64; BUCKETS],
    pub sum: f64,
    pub count: u64,
}

impl<const BUCKETS: usize> Default for Histogram<BUCKETS> {
    fn default() -> Self {
        Histogram { buckets: [0; BUCKETS], sum: 0.0, count: 0 }
    }
}

impl<const BUCKETS: usize> Histogram<BUCKETS> {
    fn observe(&mut self, bounds: &[f64], value: f64) {
        let bucket = bounds.iter().take_while(|&&bound| value > bound).count();
        if let Some(count) = self.buckets.get_mut(bucket) {
            *count += 1;
        }
        self.sum += value;
        self.count += 1;
    }
}

/// What one stage has done since it was made, and what it is doing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StageStatistics {
    pub name: String,
    pub waiting_rows: usize,
    pub running_batches: usize,
    /// Rows that finished, by outcome.
    pub rows_ok: u64,
    pub rows_failed: u64,
    /// Rows that were not run because their call had been cancelled or was late.
    pub rows_dropped: u64,
    /// Batches that failed and were halved to find the rows at fault.
    pub batches_halved: u64,
    pub(crate) batches: [u64; Reason::ALL.len()],
    pub sizes: Histogram<{ SIZE_BOUNDS.len() + 1 }>,
    /// Seconds that fragments of calls waited in the queue.
    pub queue_time: Histogram<{ TIME_BOUNDS.len() + 1 }>,
    /// Seconds that batches ran.
    pub run_time: Histogram<{ TIME_BOUNDS.len() + 1 }>,
}

impl StageStatistics {
    /// How many batches were closed for this reason.
    pub fn batches(&self, reason: Reason) -> u64 {
        self.batches[reason as usize]
    }

    pub(crate) fn formed(&mut self, reason: Reason, rows: usize) {
        self.batches[reason as usize] += 1;
        self.sizes.observe(&SIZE_BOUNDS, rows as f64);
    }

    pub(crate) fn waited(&mut self, nanos: u64) {
        self.queue_time.observe(&TIME_BOUNDS, nanos as f64 / NANOS);
    }

    pub(crate) fn ran(&mut self, nanos: u64) {
        self.run_time.observe(&TIME_BOUNDS, nanos as f64 / NANOS);
    }

    pub(crate) fn finished(&mut self, rows: usize, ok: bool) {
        let count = if ok { &mut self.rows_ok } else { &mut self.rows_failed };
        *count += rows as u64;
    }
}

/// What one servable version has done since it was made, and what it is doing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Statistics {
    pub calls_in_flight: usize,
    /// Calls that their callers gave up.
    pub calls_cancelled: u64,
    /// Calls whose deadline had passed when they, or rows of them, were due to be run.
    pub calls_expired: u64,
    pub lanes: usize,
    pub stages: Vec<StageStatistics>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_fall_into_the_bucket_whose_bound_they_do_not_exceed() {
        let cases = [(1, 0), (2, 1), (3, 2), (32, 5), (1024, 10), (5000, 11)];
        for (rows, bucket) in cases {
            let mut stage = StageStatistics::default();
            stage.formed(Reason::Full, rows);
            assert_eq!(stage.sizes.buckets[bucket], 1, "{rows} rows");
            assert_eq!((stage.sizes.count, stage.sizes.sum), (1, rows as f64));
        }
    }

    #[test]
    fn reasons_are_counted_apart_and_named_apart() {
        let mut stage = StageStatistics::default();
        Reason::ALL.iter().enumerate().for_each(|(times, &reason)| (0..times).for_each(|_| stage.formed(reason, 1)));
        let counts: Vec<u64> = Reason::ALL.iter().map(|&reason| stage.batches(reason)).collect();
        assert_eq!(counts, [0, 1, 2, 3, 4, 5]);
        let names: std::collections::BTreeSet<_> = Reason::ALL.iter().map(|reason| reason.name()).collect();
        assert_eq!(names.len(), Reason::ALL.len());
    }

    #[test]
    fn times_are_kept_in_seconds() {
        let mut stage = StageStatistics::default();
        stage.waited(2_000_000);
        stage.ran(20_000_000_000);
        assert_eq!((stage.queue_time.buckets[4], stage.queue_time.sum), (1, 0.002));
        assert_eq!(stage.run_time.buckets[TIME_BOUNDS.len()], 1);
    }
}
