use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::exemplar::Exemplar;
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;
use salver_engine::{Admission, Histogram, Reason, Router, StageStatistics, Version, SIZE_BOUNDS, TIME_BOUNDS};

/// Reads the engines' own statistics at each scrape.
pub struct EngineCollector {
    pub router: Arc<Router<Version>>,
    pub admission: Arc<Admission>,
}

impl fmt::Debug for EngineCollector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EngineCollector")
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StageLabels {
    servable: String,
    version: u64,
    stage: String,
}

/// One stage and what it did.
struct Stage {
    labels: StageLabels,
    statistics: StageStatistics,
}

impl Collector for EngineCollector {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let stages = self.stages();
        self.encode_admission(&mut encoder)?;
        encode_gauges(&mut encoder, &stages)?;
        encode_counters(&mut encoder, &stages)?;
        encode_reasons(&mut encoder, &stages)?;
        encode_histograms(&mut encoder, &stages)
    }
}

impl EngineCollector {
    fn stages(&self) -> Vec<Stage> {
        let routes = self.router.load();
        let versions = routes.entries().values().flat_map(|entry| entry.versions.values());
        versions.flat_map(|version| stages_of(version)).collect()
    }

    fn encode_admission(&self, encoder: &mut DescriptorEncoder) -> fmt::Result {
        let calls = self.admission.calls() as i64;
        let bytes = self.admission.bytes() as i64;
        let help = "Requests that are being read, run or answered";
        encoder.encode_descriptor("calls_in_flight", help, None, MetricType::Gauge)?.encode_gauge(&calls)?;
        let help = "Bytes of the requests in flight";
        let mut gauge = encoder.encode_descriptor("in_flight", help, Some(&Unit::Bytes), MetricType::Gauge)?;
        gauge.encode_gauge(&bytes)
    }
}

fn stages_of(version: &Version) -> Vec<Stage> {
    let servable = version.servable();
    let labels = |stage: &str| StageLabels {
        servable: servable.name.clone(),
        version: servable.version,
        stage: stage.to_owned(),
    };
    let stages = version.statistics().stages.into_iter();
    stages.map(|statistics| Stage { labels: labels(&statistics.name), statistics }).collect()
}

type Value = fn(&StageStatistics) -> u64;

const GAUGES: [(&str, &str, Value); 2] = [
    ("waiting_rows", "Rows that wait in a stage's queue", |stage| stage.waiting_rows as u64),
    ("running_batches", "Batches that a stage runs", |stage| stage.running_batches as u64),
];

const COUNTERS: [(&str, &str, Value); 4] = [
    ("rows_ok", "Rows that a stage finished", |stage| stage.rows_ok),
    ("rows_failed", "Rows that failed in a stage", |stage| stage.rows_failed),
    ("rows_dropped", "Rows not run because their caller had left or was late", |stage| stage.rows_dropped),
    ("batches_halved", "Batches run again by halves to find the rows at fault", |stage| stage.batches_halved),
];

fn encode_gauges(encoder: &mut DescriptorEncoder, stages: &[Stage]) -> fmt::Result {
    for (name, help, value) in GAUGES {
        let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for stage in stages {
            metric.encode_family(&stage.labels)?.encode_gauge(&(value(&stage.statistics) as i64))?;
        }
    }
    Ok(())
}

fn encode_counters(encoder: &mut DescriptorEncoder, stages: &[Stage]) -> fmt::Result {
    for (name, help, value) in COUNTERS {
        let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        for stage in stages {
            encode_count(metric.encode_family(&stage.labels)?, value(&stage.statistics))?;
        }
    }
    Ok(())
}

fn encode_reasons(encoder: &mut DescriptorEncoder, stages: &[Stage]) -> fmt::Result {
    let mut metric = encoder.encode_descriptor("batches", "Batches, by why they closed", None, MetricType::Counter)?;
    for stage in stages {
        for reason in Reason::ALL {
            let StageLabels { servable, version, stage: name } = &stage.labels;
            let version = version.to_string();
            let labels = [
                ("servable", servable.as_str()),
                ("version", version.as_str()),
                ("stage", name.as_str()),
                ("reason", reason.name()),
            ];
            encode_count(metric.encode_family(&labels)?, stage.statistics.batches(reason))?;
        }
    }
    Ok(())
}

fn encode_count(mut metric: MetricEncoder, count: u64) -> fmt::Result {
    metric.encode_counter::<NoLabelSet, u64, f64>(&count, None)
}

fn encode_histograms(encoder: &mut DescriptorEncoder, stages: &[Stage]) -> fmt::Result {
    let help = "Rows that ran together";
    let mut metric = encoder.encode_descriptor("batch_rows", help, None, MetricType::Histogram)?;
    for stage in stages {
        encode_histogram(metric.encode_family(&stage.labels)?, &SIZE_BOUNDS, &stage.statistics.sizes)?;
    }
    let help = "Time that rows waited in a stage's queue";
    let mut metric = encoder.encode_descriptor("queue_time", help, Some(&Unit::Seconds), MetricType::Histogram)?;
    for stage in stages {
        encode_histogram(metric.encode_family(&stage.labels)?, &TIME_BOUNDS, &stage.statistics.queue_time)?;
    }
    let help = "Time that a batch ran";
    let mut metric = encoder.encode_descriptor("run_time", help, Some(&Unit::Seconds), MetricType::Histogram)?;
    for stage in stages {
        encode_histogram(metric.encode_family(&stage.labels)?, &TIME_BOUNDS, &stage.statistics.run_time)?;
    }
    Ok(())
}

fn encode_histogram<const N: usize>(
    mut metric: MetricEncoder,
    bounds: &[f64],
    histogram: &Histogram<N>,
) -> fmt::Result {
    let bounds = bounds.iter().copied().chain(std::iter::once(f64::INFINITY));
    let buckets: Vec<(f64, u64)> = bounds.zip(histogram.buckets).collect();
    let exemplars: Option<&std::collections::HashMap<usize, Exemplar<NoLabelSet, f64>>> = None;
    metric.encode_histogram(histogram.sum, histogram.count, &buckets, exemplars)
}
