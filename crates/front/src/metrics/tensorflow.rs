//! The numbers that TensorFlow Serving's dashboards show, by its names, in Prometheus' own text format.
//!
//! Its names begin with a colon and its counters have no `_total`, which OpenMetrics does not allow.

use std::collections::BTreeMap;
use std::fmt::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use salver_core::Code;
use salver_engine::{Histogram, Reason, Router, StageStatistics, Version, SIZE_BOUNDS, TIME_BOUNDS};

use super::{Api, Protocol};

const PREFIX: &str = ":tensorflow:serving:";
const MICROS: f64 = 1e6;
/// Buckets of times: 10 us, and each 1.8 times the one before; and one without bound.
const BUCKETS: usize = 33;
const FIRST_BOUND: f64 = 10.0;
const GROWTH: f64 = 1.8;

/// Who was called through what; with an empty name, whoever could not be found.
type Key = (String, Api, &'static str);

/// The calls of TensorFlow Serving's clients.
#[derive(Default)]
pub struct Tally {
    sums: Mutex<BTreeMap<Key, Arc<Sums>>>,
}

impl Tally {
    /// Where calls of a model over this protocol are counted, if they are.
    pub fn of(&self, model: &str, protocol: Protocol) -> Option<Arc<Sums>> {
        let (api, entrypoint) = match protocol {
            Protocol::TensorflowGrpc(Api::Other) => return None,
            Protocol::TensorflowGrpc(api) => (api, "GRPC"),
            Protocol::TensorflowHttp(api) => (api, "REST"),
            _ => return None,
        };
        let mut sums = self.sums.lock().unwrap_or_else(PoisonError::into_inner);
        Some(Arc::clone(sums.entry((model.to_owned(), api, entrypoint)).or_default()))
    }

    fn snapshot(&self) -> Vec<(Key, Arc<Sums>)> {
        let sums = self.sums.lock().unwrap_or_else(PoisonError::into_inner);
        sums.iter().map(|(key, sums)| (key.clone(), Arc::clone(sums))).collect()
    }
}

/// The numbers of one model, API and entry point.
pub struct Sums {
    calls: [AtomicU64; Code::COUNT],
    latency: [AtomicU64; BUCKETS + 1],
    micros: AtomicU64,
    examples: AtomicU64,
    /// Calls by how many examples they had.
    sizes: [AtomicU64; SIZE_BOUNDS.len() + 1],
}

impl Default for Sums {
    fn default() -> Self {
        let latency = std::array::from_fn(|_| AtomicU64::default());
        let (calls, sizes) = Default::default();
        Sums { calls, latency, micros: AtomicU64::default(), examples: AtomicU64::default(), sizes }
    }
}

impl Sums {
    /// Counts a call that came to no method.
    pub fn count(&self, code: Code) {
        self.calls[code as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Counts the rows of a call.
    pub fn asked(&self, rows: usize) {
        self.examples.fetch_add(rows as u64, Ordering::Relaxed);
        let bucket = SIZE_BOUNDS.iter().take_while(|bound| rows as f64 > **bound).count();
        if let Some(bucket) = self.sizes.get(bucket).filter(|_| rows > 0) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Counts a call that came to its method. As in the original, the time of those that failed is not kept.
    pub fn finished(&self, code: Code, took: Duration) {
        self.count(code);
        if code != Code::Ok {
            return;
        }
        let micros = took.as_micros() as u64;
        let bucket = bounds().take_while(|bound| micros as f64 > *bound).count();
        if let Some(bucket) = self.latency.get(bucket) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
        self.micros.fetch_add(micros, Ordering::Relaxed);
    }
}

fn bounds() -> impl Iterator<Item = f64> {
    std::iter::successors(Some(FIRST_BOUND), |bound| Some(bound * GROWTH)).take(BUCKETS)
}

/// The page.
pub fn render(tally: &Tally, router: &Router<Version>) -> Result<String, fmt::Error> {
    let mut page = String::new();
    render_calls(&mut page, &tally.snapshot())?;
    render_engines(&mut page, router)?;
    Ok(page)
}

fn render_calls(page: &mut String, sums: &[(Key, Arc<Sums>)]) -> fmt::Result {
    head(page, "request_count", "counter")?;
    let mut counts: BTreeMap<(&str, u32), u64> = BTreeMap::new();
    for ((model, _, _), sums) in sums {
        for (code, calls) in (0..).zip(&sums.calls) {
            *counts.entry((model, code)).or_default() += calls.load(Ordering::Relaxed);
        }
    }
    for ((model, code), count) in counts.into_iter().filter(|(_, count)| *count > 0) {
        let status = Code::of(code).name();
        line(page, "request_count", &[("model_name", model), ("status", status)], count)?;
    }
    head(page, "request_latency", "histogram")?;
    for ((model, api, entrypoint), sums) in sums.iter().filter(|((model, ..), _)| !model.is_empty()) {
        let buckets: Vec<u64> = sums.latency.iter().map(|bucket| bucket.load(Ordering::Relaxed)).collect();
        let labels = [("model_name", model.as_str()), ("API", name(*api, entrypoint)), ("entrypoint", entrypoint)];
        let sum = sums.micros.load(Ordering::Relaxed) as f64;
        histogram(
            page,
            "request_latency",
            &labels,
            bounds().zip(buckets.iter().copied()),
            (sum, buckets.iter().sum()),
        )?;
    }
    render_examples(page, sums)
}

/// Examples, which only Classify and Regress have, and by how many the calls came with.
fn render_examples(page: &mut String, sums: &[(Key, Arc<Sums>)]) -> fmt::Result {
    let mut models: BTreeMap<&str, (u64, [u64; SIZE_BOUNDS.len() + 1])> = BTreeMap::new();
    let of_examples = |api: &Api| matches!(api, Api::Classify | Api::Regress);
    for ((model, _, _), sums) in sums.iter().filter(|((model, api, _), _)| of_examples(api) && !model.is_empty()) {
        let (examples, sizes) = models.entry(model).or_default();
        *examples += sums.examples.load(Ordering::Relaxed);
        sizes.iter_mut().zip(&sums.sizes).for_each(|(total, own)| *total += own.load(Ordering::Relaxed));
    }
    head(page, "request_example_count_total", "counter")?;
    for (model, (examples, _)) in &models {
        line(page, "request_example_count_total", &[("model", model)], examples)?;
    }
    head(page, "request_example_counts", "histogram")?;
    for (model, (examples, sizes)) in &models {
        let total = (*examples as f64, sizes.iter().sum());
        histogram(page, "request_example_counts", &[("model", model)], SIZE_BOUNDS.into_iter().zip(*sizes), total)?;
    }
    Ok(())
}

/// As the original writes it: small letters over REST.
const fn name(api: Api, entrypoint: &str) -> &'static str {
    match (api, entrypoint.as_bytes()) {
        (Api::Predict, b"GRPC") => "Predict",
        (Api::Classify, b"GRPC") => "Classify",
        (Api::Regress, b"GRPC") => "Regress",
        (Api::Predict, _) => "predict",
        (Api::Classify, _) => "classify",
        (Api::Regress, _) => "regress",
        (Api::Other, _) => "other",
    }
}

/// What a version's stages did, and what runs it.
struct Ran {
    model: String,
    runtime: String,
    stages: Vec<StageStatistics>,
}

fn render_engines(page: &mut String, router: &Router<Version>) -> fmt::Result {
    let mut models: BTreeMap<String, Ran> = BTreeMap::new();
    for version in router.load().entries().values().flat_map(|entry| entry.versions.values()) {
        let servable = version.servable();
        let (model, runtime) = (servable.name.clone(), servable.runtime.clone());
        let ran = models.entry(model.clone()).or_insert(Ran { model, runtime, stages: Vec::new() });
        ran.stages.extend(version.statistics().stages);
    }
    let models: Vec<Ran> = models.into_values().collect();
    head(page, "runtime_latency", "histogram")?;
    for ran in &models {
        let labels = [("model_name", ran.model.as_str()), ("API", "Predict"), ("runtime", ran.runtime.as_str())];
        times(page, "runtime_latency", &labels, ran.stages.iter().map(|stage| &stage.run_time))?;
    }
    let name = "batching_session:queuing_latency";
    head(page, name, "histogram")?;
    for ran in &models {
        times(page, name, &pool(ran), ran.stages.iter().map(|stage| &stage.queue_time))?;
    }
    let name = "batching_session:wrapped_run_count";
    head(page, name, "counter")?;
    for ran in &models {
        let batches = |stage: &StageStatistics| Reason::ALL.iter().map(|&reason| stage.batches(reason)).sum::<u64>();
        line(page, name, &pool(ran), ran.stages.iter().map(batches).sum::<u64>())?;
    }
    let name = "batching_session:processed_batch_size";
    head(page, name, "histogram")?;
    for ran in &models {
        let (buckets, sum, count) = added(ran.stages.iter().map(|stage| &stage.sizes));
        histogram(page, name, &pool(ran), SIZE_BOUNDS.into_iter().zip(buckets), (sum, count))?;
    }
    Ok(())
}

/// Batches are formed by the stages of each model, which are its pool.
fn pool(ran: &Ran) -> [(&'static str, &str); 1] {
    [("thread_pool_name", ran.model.as_str())]
}

/// A histogram of seconds, in microseconds.
fn times<'a, const N: usize>(
    page: &mut String,
    name: &str,
    labels: &[(&str, &str)],
    histograms: impl Iterator<Item = &'a Histogram<N>>,
) -> fmt::Result {
    let (buckets, sum, count) = added(histograms);
    let bounds = TIME_BOUNDS.iter().map(|bound| (bound * MICROS).round());
    histogram(page, name, labels, bounds.zip(buckets), (sum * MICROS, count))
}

fn added<'a, const N: usize>(histograms: impl Iterator<Item = &'a Histogram<N>>) -> (Vec<u64>, f64, u64) {
    let (mut buckets, mut sum, mut count) = (vec![0; N], 0.0, 0);
    for histogram in histograms {
        buckets.iter_mut().zip(histogram.buckets).for_each(|(total, own)| *total += own);
        sum += histogram.sum;
        count += histogram.count;
    }
    (buckets, sum, count)
}

fn head(page: &mut String, name: &str, kind: &str) -> fmt::Result {
    writeln!(page, "# TYPE {PREFIX}{name} {kind}")
}

/// Buckets, not cumulated, by their bounds; the one without a bound is what `total`, sum and count, has beside them.
fn histogram(
    page: &mut String,
    name: &str,
    labels: &[(&str, &str)],
    buckets: impl Iterator<Item = (f64, u64)>,
    total: (f64, u64),
) -> fmt::Result {
    let bucket = format!("{name}_bucket");
    let mut below = 0;
    for (bound, count) in buckets {
        below += count;
        let bound = bound.to_string();
        let labels: Vec<(&str, &str)> = labels.iter().copied().chain([("le", bound.as_str())]).collect();
        line(page, &bucket, &labels, below)?;
    }
    let labels_of_all: Vec<(&str, &str)> = labels.iter().copied().chain([("le", "+Inf")]).collect();
    line(page, &bucket, &labels_of_all, total.1)?;
    line(page, &format!("{name}_sum"), labels, total.0)?;
    line(page, &format!("{name}_count"), labels, total.1)
}

fn line(page: &mut String, name: &str, labels: &[(&str, &str)], value: impl fmt::Display) -> fmt::Result {
    write!(page, "{PREFIX}{name}{{")?;
    for (index, (label, text)) in labels.iter().enumerate() {
        let comma = if index == 0 { "" } else { "," };
        let text = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        write!(page, "{comma}{label}=\"{text}\"")?;
    }
    writeln!(page, "}} {value}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(tally: &Tally) -> String {
        let mut page = String::new();
        render_calls(&mut page, &tally.snapshot()).unwrap();
        page
    }

    #[test]
    fn calls_are_counted_by_model_and_status() {
        let tally = Tally::default();
        for (protocol, code) in [
            (Protocol::TensorflowGrpc(Api::Predict), Code::Ok),
            (Protocol::TensorflowHttp(Api::Predict), Code::Ok),
            (Protocol::TensorflowHttp(Api::Regress), Code::InvalidArgument),
        ] {
            let sums = tally.of("m", protocol).unwrap();
            sums.asked(2);
            sums.finished(code, Duration::from_micros(12));
        }
        assert!(tally.of("m", Protocol::Json).is_none());
        let page = page(&tally);
        for wanted in [
            ":tensorflow:serving:request_count{model_name=\"m\",status=\"OK\"} 2",
            ":tensorflow:serving:request_count{model_name=\"m\",status=\"INVALID_ARGUMENT\"} 1",
            ":tensorflow:serving:request_latency_bucket{model_name=\"m\",API=\"Predict\",entrypoint=\"GRPC\",le=\"10\"} 0",
            ":tensorflow:serving:request_latency_bucket{model_name=\"m\",API=\"Predict\",entrypoint=\"GRPC\",le=\"18\"} 1",
            ":tensorflow:serving:request_latency_count{model_name=\"m\",API=\"predict\",entrypoint=\"REST\"} 1",
            ":tensorflow:serving:request_latency_count{model_name=\"m\",API=\"regress\",entrypoint=\"REST\"} 0",
            ":tensorflow:serving:request_example_count_total{model=\"m\"} 2",
            ":tensorflow:serving:request_example_counts_bucket{model=\"m\",le=\"1\"} 0",
            ":tensorflow:serving:request_example_counts_bucket{model=\"m\",le=\"2\"} 1",
            ":tensorflow:serving:request_example_counts_sum{model=\"m\"} 2",
            ":tensorflow:serving:request_example_counts_count{model=\"m\"} 1",
        ] {
            assert!(page.lines().any(|line| line == wanted), "{wanted} in {page}");
        }
    }

    #[test]
    fn whoever_cannot_be_found_has_no_name() {
        let tally = Tally::default();
        tally.of("", Protocol::TensorflowGrpc(Api::Classify)).unwrap().count(Code::NotFound);
        let page = page(&tally);
        assert!(page.contains("request_count{model_name=\"\",status=\"NOT_FOUND\"} 1"), "{page}");
        assert!(!page.contains("_latency_count"), "{page}");
    }

    #[test]
    fn labels_are_escaped() {
        let mut page = String::new();
        line(&mut page, "x", &[("a", "q\"\\\n")], 1).unwrap();
        assert_eq!(page, ":tensorflow:serving:x{a=\"q\\\"\\\\\\n\"} 1\n");
    }
}
