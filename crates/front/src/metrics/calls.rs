use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use salver_core::Code;
use salver_engine::{Version, TIME_BOUNDS};

use super::tensorflow::{Sums, Tally};
use crate::services;

/// What a caller spoke.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    KserveGrpc,
    KserveHttp,
    MindsporeGrpc,
    MindsporeHttp,
    TensorflowGrpc(Api),
    TensorflowHttp(Api),
    Json,
    /// gRPC, of a user's own service.
    Grpc,
    GrpcWeb,
    Connect,
}

/// What TensorFlow Serving counts apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Api {
    Predict,
    Classify,
    Regress,
    /// A request that it does not count.
    Other,
}

impl Protocol {
    /// What callers of users' own services speak.
    pub const OWN: [Protocol; 4] = [Protocol::Grpc, Protocol::GrpcWeb, Protocol::Connect, Protocol::Json];

    /// Its place in `OWN`.
    fn place(self) -> Option<usize> {
        Protocol::OWN.iter().position(|&own| own == self)
    }

    const fn name(self) -> &'static str {
        match self {
            Protocol::KserveGrpc => "kserve-grpc",
            Protocol::KserveHttp => "kserve-http",
            Protocol::MindsporeGrpc => "mindspore-grpc",
            Protocol::MindsporeHttp => "mindspore-http",
            Protocol::TensorflowGrpc(_) => "tensorflow-grpc",
            Protocol::TensorflowHttp(_) => "tensorflow-http",
            Protocol::Json => "json",
            Protocol::Grpc => "grpc",
            Protocol::GrpcWeb => "grpc-web",
            Protocol::Connect => "connect",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    servable: String,
    version: u64,
    method: String,
    protocol: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    servable: String,
    version: u64,
    method: String,
    protocol: &'static str,
    code: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Refusal {
    protocol: &'static str,
    code: &'static str,
}

type Times = Family<Labels, Histogram, fn() -> Histogram>;

fn histogram() -> Histogram {
    Histogram::new(TIME_BOUNDS)
}

/// Counts of calls as their callers saw them.
pub struct Calls {
    finished: Family<Outcome, Counter>,
    refused: Family<Refusal, Counter>,
    time: Times,
    received: Family<Labels, Counter>,
    sent: Family<Labels, Counter>,
    tensorflow: Tally,
}

/// The counters of one method over one protocol; finding them costs more than counting.
#[derive(Clone)]
pub struct Meter(Arc<Counters>);

struct Counters {
    labels: Labels,
    finished: Family<Outcome, Counter>,
    ok: Counter,
    time: Histogram,
    received: Counter,
    sent: Counter,
    tensorflow: Option<Arc<Sums>>,
}

/// A version's address is its key for as long as the weak reference keeps the address taken.
type Key = (usize, usize, Protocol);

thread_local! {
    static METERS: RefCell<HashMap<Key, (Weak<Version>, Meter)>> = RefCell::default();
}

impl Calls {
    pub(super) fn register(registry: &mut Registry) -> Calls {
        let calls = Calls {
            finished: Family::default(),
            refused: Family::default(),
            time: Family::new_with_constructor(histogram),
            received: Family::default(),
            sent: Family::default(),
            tensorflow: Tally::default(),
        };
        registry.register("calls", "Calls that were answered, by outcome", calls.finished.clone());
        registry.register("refused_calls", "Calls that reached no servable, by outcome", calls.refused.clone());
        let help = "Time from a call's headers to its answer";
        registry.register_with_unit("call_time", help, Unit::Seconds, calls.time.clone());
        registry.register_with_unit("received", "Bytes of requests", Unit::Bytes, calls.received.clone());
        registry.register_with_unit("sent", "Bytes of replies", Unit::Bytes, calls.sent.clone());
        calls
    }

    /// Counts a call that was refused before it reached a method.
    pub fn refused(&self, protocol: Protocol, code: Code) {
        self.refused.get_or_create(&Refusal { protocol: protocol.name(), code: code.name() }).inc();
        if let Some(sums) = self.tensorflow.of("", protocol) {
            sums.count(code);
        }
    }

    /// The same numbers in the words of TensorFlow Serving, as far as they are of its clients.
    pub fn tensorflow(&self) -> &Tally {
        &self.tensorflow
    }

    pub fn meter(&self, version: &Arc<Version>, method: usize, protocol: Protocol) -> Meter {
        let key = (Arc::as_ptr(version) as usize, method, protocol);
        METERS.with_borrow_mut(|meters| {
            if let Some((_, meter)) = meters.get(&key) {
                return meter.clone();
            }
            meters.retain(|_, (version, _)| version.strong_count() > 0);
            let meter = self.make(version, method, protocol);
            meters.insert(key, (Arc::downgrade(version), meter.clone()));
            meter
        })
    }

    /// The same for a method of a user's own service, which counts as a servable without versions. What strangers
    /// ask for in vain has no labels of its own.
    pub fn own_meter(&self, method: &services::Method, protocol: Protocol) -> Meter {
        let (service, name) = if method.declared { method.names() } else { ("", "") };
        let labels = || Labels { servable: service.into(), version: 0, method: name.into(), protocol: protocol.name() };
        match protocol.place().and_then(|place| method.meters.get(place)) {
            Some(kept) => kept.get_or_init(|| self.labelled(labels(), None)).clone(),
            None => self.labelled(labels(), None),
        }
    }

    fn make(&self, version: &Version, method: usize, protocol: Protocol) -> Meter {
        let servable = version.servable();
        let method = servable.methods.get(method).map_or_else(String::new, |method| method.name.clone());
        let (name, number) = (servable.name.clone(), servable.version);
        let tensorflow = self.tensorflow.of(&name, protocol);
        let labels = Labels { servable: name, version: number, method, protocol: protocol.name() };
        self.labelled(labels, tensorflow)
    }

    fn labelled(&self, labels: Labels, tensorflow: Option<Arc<Sums>>) -> Meter {
        Meter(Arc::new(Counters {
            finished: self.finished.clone(),
            ok: self.finished.get_or_create(&outcome(&labels, Code::Ok)).clone(),
            time: self.time.get_or_create(&labels).clone(),
            received: self.received.get_or_create(&labels).clone(),
            sent: self.sent.get_or_create(&labels).clone(),
            tensorflow,
            labels,
        }))
    }
}

fn outcome(labels: &Labels, code: Code) -> Outcome {
    let Labels { servable, version, method, protocol } = labels.clone();
    Outcome { servable, version, method, protocol, code: code.name() }
}

impl Meter {
    /// Counts the rows of a call.
    pub fn asked(&self, rows: usize) {
        if let Some(sums) = &self.0.tensorflow {
            sums.asked(rows);
        }
    }

    pub fn finished(&self, code: Code, took: Duration, received: usize, sent: usize) {
        if let Some(sums) = &self.0.tensorflow {
            sums.finished(code, took);
        }
        match code {
            Code::Ok => self.0.ok.inc(),
            code => self.0.finished.get_or_create(&outcome(&self.0.labels, code)).inc(),
        };
        self.0.time.observe(took.as_secs_f64());
        self.0.received.inc_by(received as u64);
        self.0.sent.inc_by(sent as u64);
    }
}
