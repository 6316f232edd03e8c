//! What happened, in numbers: the text at `/metrics`. Names are `salver_<noun>_<unit>`.

mod calls;
mod engine;
mod tensorflow;

use std::sync::Arc;

use prometheus_client::registry::Registry;
use salver_engine::{Admission, Router, Version};

pub use calls::{Api, Calls, Meter, Protocol};

/// The content type of [`Metrics::render`], as the OpenMetrics text format defines it.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The content type of [`Metrics::render_tensorflow`]: Prometheus' text format.
pub const TENSORFLOW_CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

pub struct Metrics {
    registry: Registry,
    router: Arc<Router<Version>>,
    pub calls: Calls,
}

impl Metrics {
    pub fn new(router: Arc<Router<Version>>, admission: Arc<Admission>) -> Metrics {
        let mut registry = Registry::with_prefix("salver");
        let calls = Calls::register(&mut registry);
        registry.register_collector(Box::new(engine::EngineCollector { router: Arc::clone(&router), admission }));
        Metrics { registry, router, calls }
    }

    pub fn render(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry)?;
        Ok(text)
    }

    /// What happened, by the names of TensorFlow Serving.
    pub fn render_tensorflow(&self) -> Result<String, std::fmt::Error> {
        tensorflow::render(self.calls.tensorflow(), &self.router)
    }
}
