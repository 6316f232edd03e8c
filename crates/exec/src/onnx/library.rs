use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use ort::environment::Environment;

/// The one runtime library of this process and its environment.
static LOADED: Mutex<Option<(PathBuf, Environment)>> = Mutex::new(None);

/// Why a model, or the library that should run it, could not be loaded.
#[derive(Debug)]
pub enum LoadError {
    /// The runtime's library is missing or does not fit.
    Library(String),
    /// The file cannot be read.
    File(std::io::Error),
    /// The file is no model that the runtime takes, or an option does not fit.
    Model(String),
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LoadError::Library(text) | LoadError::Model(text) => f.write_str(text),
            LoadError::File(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for LoadError {}

/// Loads the library on first use; afterwards the same library must be named.
pub fn environment(library: &Path) -> Result<Environment, LoadError> {
    let mut loaded = LOADED.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    match loaded.as_ref() {
        Some((path, environment)) if path == library => Ok(environment.clone()),
        Some((path, _)) => {
            let (path, library) = (path.display(), library.display());
            Err(LoadError::Library(format!("ONNX Runtime is already loaded from {path}, so not from {library}")))
        }
        None => {
            let environment = load(library)?;
            *loaded = Some((library.to_owned(), environment.clone()));
            Ok(environment)
        }
    }
}

fn load(library: &Path) -> Result<Environment, LoadError> {
    let fail = |error: &dyn fmt::Display| {
        LoadError::Library(format!(
            "cannot use ONNX Runtime at {}: {error}; install a current one with: pip install --upgrade onnxruntime",
            library.display()
        ))
    };
    let builder = ort::init_from(library).map_err(|error| fail(&error))?;
    builder.with_name("salver").with_telemetry(false).build().map_err(|error| fail(&error))
}
