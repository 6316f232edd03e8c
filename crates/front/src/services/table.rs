use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use super::local::Queue;
use crate::metrics::{Meter, Protocol};

/// A method of a user's own service.
pub struct Method {
    /// `/package.Service/Method`.
    pub path: Arc<str>,
    pub client_streams: bool,
    pub server_streams: bool,
    pub backend: Backend,
    /// Whether it was declared; otherwise its path is a stranger's word.
    pub declared: bool,
    /// Where its calls are counted, by protocol.
    pub(crate) meters: [OnceLock<Meter>; Protocol::OWN.len()],
}

/// Who answers calls.
#[derive(Clone)]
pub enum Backend {
    /// Threads of this process that take them from a queue.
    Local(Arc<Queue>),
}

impl Method {
    pub fn new(path: impl Into<Arc<str>>, client_streams: bool, server_streams: bool, backend: Backend) -> Method {
        let meters = Default::default();
        Method { path: path.into(), client_streams, server_streams, backend, declared: true, meters }
    }

    /// Service and method, as two names.
    pub fn names(&self) -> (&str, &str) {
        self.path.trim_start_matches('/').rsplit_once('/').unwrap_or(("", &self.path))
    }
}

/// The services of one server, replaced as a whole.
#[derive(Default)]
pub struct Services {
    methods: HashMap<Arc<str>, Arc<Method>>,
    /// Who is asked about all other paths.
    others: Option<Backend>,
}

impl Services {
    pub fn new(methods: impl IntoIterator<Item = Method>, others: Option<Backend>) -> Services {
        let methods = methods.into_iter().map(|method| (Arc::clone(&method.path), Arc::new(method)));
        Services { methods: methods.collect(), others }
    }

    pub fn is_empty(&self) -> bool {
        self.methods.is_empty() && self.others.is_none()
    }

    /// The method at a path. One that was not declared may stream both ways, and is whatever its backend says.
    pub fn find(&self, path: &str) -> Option<Arc<Method>> {
        if let Some(method) = self.methods.get(path) {
            return Some(Arc::clone(method));
        }
        let backend = self.others.clone()?;
        Some(Arc::new(Method { declared: false, ..Method::new(path, true, true, backend) }))
    }

    /// All declared methods, in no order.
    pub fn methods(&self) -> impl Iterator<Item = &Arc<Method>> {
        self.methods.values()
    }
}
