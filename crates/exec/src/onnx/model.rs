use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use ort::session::{RunOptions, Session, SessionInputValue};
use ort::value::ValueType;
use salver_core::{DType, Dim, Tensor};
use salver_engine::urgency;

use super::library::environment;
use super::{values, LoadError, Options};

/// One of a model's inputs or outputs; `dims` are those of the whole tensor.
#[derive(Clone, Debug, PartialEq)]
pub struct Outlet {
    pub name: String,
    pub dtype: DType,
    pub dims: Vec<Dim>,
}

/// An ONNX model in a session of its own, so it is run from one thread at a time.
pub struct OnnxModel {
    library: PathBuf,
    path: PathBuf,
    options: Options,
    session: Session,
    run: Arc<RunOptions>,
    inputs: Vec<Outlet>,
    outputs: Vec<Outlet>,
}

impl OnnxModel {
    /// Loading takes a while, all of it processor time, so it gives way to calls that are being answered: it is done by
    /// a thread of its own, because none may become less nice again. Threads that a session makes are as nice as their
    /// maker, so one that makes some is loaded by the caller's.
    pub fn load(library: &Path, path: &Path, options: Options) -> Result<OnnxModel, LoadError> {
        if options.threads > 1 {
            return OnnxModel::load_here(library, path, options);
        }
        let load = || {
            urgency::yielding();
            OnnxModel::load_here(library, path, options)
        };
        let loaded = thread::scope(|scope| scope.spawn(load).join());
        loaded.unwrap_or_else(|_| Err(LoadError::Model("loading it panicked".into())))
    }

    fn load_here(library: &Path, path: &Path, options: Options) -> Result<OnnxModel, LoadError> {
        File::open(path).map_err(LoadError::File)?;
        let mut builder = options.builder(&environment(library)?)?;
        let session = builder.commit_from_file(path).map_err(|error| LoadError::Model(unplaced(&error, path)))?;
        let inputs = session.inputs().iter().map(outlet).collect::<Result<_, _>>()?;
        let outputs = session.outputs().iter().map(outlet).collect::<Result<_, _>>()?;
        let run = RunOptions::new().map_err(|error| LoadError::Model(error.to_string()))?;
        let (library, path, run) = (library.into(), path.into(), Arc::new(run));
        Ok(OnnxModel { library, path, options, session, run, inputs, outputs })
    }

    /// The same model in another session.
    pub fn again(&self) -> Result<OnnxModel, LoadError> {
        OnnxModel::load(&self.library, &self.path, self.options.clone())
    }

    pub fn inputs(&self) -> &[Outlet] {
        &self.inputs
    }

    pub fn outputs(&self) -> &[Outlet] {
        &self.outputs
    }

    /// Ends what this session runs, now and from now on, whichever thread it runs in.
    pub fn breaker(&self) -> impl Fn() + Send + Sync + 'static {
        let run = Arc::clone(&self.run);
        move || {
            // Should it not work, the run just takes its time.
            let _ = run.terminate();
        }
    }

    /// Runs the model once on whole tensors, given in the order of its inputs.
    ///
    /// The error is the runtime's own text, or says which input or output was at fault.
    pub fn run(&mut self, inputs: Vec<Tensor>) -> Result<Vec<Tensor>, String> {
        let aligned: Vec<Tensor> = inputs.into_iter().map(values::align).collect::<Result<_, _>>()?;
        let mut given: Vec<SessionInputValue<'_>> = Vec::with_capacity(aligned.len());
        for (tensor, outlet) in aligned.iter().zip(&self.inputs) {
            given.push(values::input(tensor).map_err(|problem| format!("input '{}': {problem}", outlet.name))?);
        }
        let results = self.session.run_with_options(given.as_slice(), &*self.run).map_err(|error| error.to_string())?;
        let named = results.into_iter();
        named
            .map(|(name, value)| values::output(value).map_err(|problem| format!("output '{name}': {problem}")))
            .collect()
    }
}

/// The runtime's text without the folders it names: callers are shown why a model is not served, but not where it lies.
fn unplaced(error: &impl std::fmt::Display, path: &Path) -> String {
    let text = error.to_string();
    match path.parent().and_then(Path::to_str) {
        Some(folder) if !folder.is_empty() => text.replace(&format!("{folder}/"), ""),
        _ => text,
    }
}

fn outlet(outlet: &ort::value::Outlet) -> Result<Outlet, LoadError> {
    let name = outlet.name();
    let refuse = |problem: String| LoadError::Model(format!("'{name}' cannot be served: {problem}"));
    let ValueType::Tensor { ty, shape, dimension_symbols } = outlet.dtype() else {
        return Err(refuse(format!("it is a {}, and only tensors cross the network", outlet.dtype())));
    };
    let dtype = values::dtype(*ty).map_err(|other| refuse(format!("it has the element type {other}")))?;
    let dim = |(length, symbol): (&i64, &String)| match usize::try_from(*length) {
        Ok(length) => Dim::Fixed(length),
        Err(_) => Dim::Free(symbol.clone()),
    };
    let dims = shape.iter().zip(dimension_symbols.iter()).map(dim).collect();
    Ok(Outlet { name: name.to_owned(), dtype, dims })
}
