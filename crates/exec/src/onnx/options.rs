use ort::environment::Environment;
use ort::ep;
use ort::ep::ExecutionProviderDispatch;
use ort::logging::LogLevel;
use ort::session::builder::{GraphOptimizationLevel, SessionBuilder};
use ort::session::Session;
use serde::Deserialize;

use super::LoadError;

/// How sessions are made. Unknown keys are refused.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Threads that one session may use inside one run.
    pub threads: usize,
    /// Execution providers in order of preference; the CPU is always the last resort.
    pub providers: Vec<String>,
    pub optimization: Optimization,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Optimization {
    Off,
    Basic,
    Extended,
    All,
}

impl Default for Options {
    fn default() -> Self {
        Options { threads: 1, providers: vec!["cpu".into()], optimization: Optimization::All }
    }
}

impl Options {
    pub(super) fn builder(&self, environment: &Environment) -> Result<SessionBuilder, LoadError> {
        let refuse = |error: ort::Error<SessionBuilder>| LoadError::Model(error.to_string());
        let builder = Session::builder(environment).map_err(|error| LoadError::Model(error.to_string()))?;
        let builder = builder.with_intra_threads(self.threads.max(1)).map_err(refuse)?;
        let builder = builder.with_inter_threads(1).map_err(refuse)?;
        // What a run failed with is told to its caller; in the log, strangers could write as much as they like.
        let builder = builder.with_log_level(LogLevel::Fatal).map_err(refuse)?;
        // Threads that spin while they wait would take the core from the network's.
        let builder = builder.with_config_entry("session.intra_op.allow_spinning", "0").map_err(refuse)?;
        let builder = builder.with_optimization_level(self.optimization.level()).map_err(refuse)?;
        builder.with_execution_providers(self.execution_providers()?).map_err(refuse)
    }

    fn execution_providers(&self) -> Result<Vec<ExecutionProviderDispatch>, LoadError> {
        let named = self.providers.iter().filter(|name| name.as_str() != "cpu");
        named.map(|name| provider(name)).collect()
    }
}

fn provider(name: &str) -> Result<ExecutionProviderDispatch, LoadError> {
    let provider = match name {
        "cuda" => ep::CUDA::default().build(),
        "tensorrt" => ep::TensorRT::default().build(),
        _ => {
            let text = format!("unknown provider '{name}'; expected 'cpu', 'cuda' or 'tensorrt'");
            return Err(LoadError::Model(text));
        }
    };
    Ok(provider.error_on_failure())
}

impl Optimization {
    fn level(self) -> GraphOptimizationLevel {
        match self {
            Optimization::Off => GraphOptimizationLevel::Disable,
            Optimization::Basic => GraphOptimizationLevel::Level1,
            Optimization::Extended => GraphOptimizationLevel::Level2,
            Optimization::All => GraphOptimizationLevel::All,
        }
    }
}
