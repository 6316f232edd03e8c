use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, OnceLock};

use prost_reflect::MethodDescriptor;
use salver_wire::proto::{Found, Routes};
use salver_wire::reflection::{Index, SERVICES};

use super::local::Queue;
use super::rows::Rows;
use super::workers::Workers;
use super::Description;
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
    pub(crate) meters: Arc<Meters>,
}

/// One for each protocol, made when it is first wanted.
pub(crate) type Meters = [OnceLock<Meter>; Protocol::OWN.len()];

/// Who answers calls.
#[derive(Clone)]
pub enum Backend {
    /// Threads of this process that take them from a queue.
    Local(Arc<Queue>),
    /// Worker processes.
    Workers(Arc<Workers>),
    /// A method of a servable, one row of which is a message.
    Rows(Rows),
}

impl Method {
    pub fn new(path: impl Into<Arc<str>>, client_streams: bool, server_streams: bool, backend: Backend) -> Method {
        let meters = Arc::default();
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
    /// Where all calls of those are counted together.
    strangers: Arc<Meters>,
    descriptions: Vec<Arc<Description>>,
    /// Made when somebody asks for it.
    index: OnceLock<Arc<Index>>,
    /// The ways to them over plain HTTP, to the paths of methods.
    routes: Routes<Arc<str>>,
}

impl Services {
    pub fn new(methods: impl IntoIterator<Item = Method>, others: Option<Backend>) -> Services {
        let methods = methods.into_iter().map(|method| (Arc::clone(&method.path), Arc::new(method)));
        Services { methods: methods.collect(), others, ..Services::default() }
    }

    /// The same services with what is known of them, and perhaps of messages that only reflection tells.
    pub fn described(self, descriptions: Vec<Arc<Description>>) -> Services {
        Services { descriptions, ..self }
    }

    /// All that either has; of two methods at one path, the first one's stays. What of their rules for HTTP is no use is
    /// told in whole sentences.
    pub fn with(&self, other: &Services) -> (Services, Vec<String>) {
        let mut methods = other.methods.clone();
        methods.extend(self.methods.iter().map(|(path, method)| (Arc::clone(path), Arc::clone(method))));
        let descriptions = self.descriptions.iter().chain(&other.descriptions).cloned().collect();
        let others = self.others.clone().or_else(|| other.others.clone());
        let mut all = Services { methods, others, descriptions, ..Services::default() };
        let mut described: Vec<(MethodDescriptor, Arc<str>)> = Vec::new();
        for path in all.methods.keys() {
            described.extend(all.descriptor(path).map(|descriptor| (descriptor, Arc::clone(path))));
        }
        described.sort_by(|(_, one), (_, other)| one.cmp(other));
        let (routes, problems) = Routes::new(described.iter().map(|(method, path)| (method, Arc::clone(path))));
        all.routes = routes;
        (all, problems)
    }

    /// Where a path leads by rules of `google.api.http`.
    pub fn route(&self, verb: &str, path: &str) -> Found<'_, Arc<str>> {
        self.routes.find(verb, path)
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
        let (path, meters) = (path.into(), Arc::clone(&self.strangers));
        Some(Arc::new(Method { path, client_streams: true, server_streams: true, backend, declared: false, meters }))
    }

    /// Whether a service of this name has methods.
    pub fn has(&self, service: &str) -> bool {
        self.methods.values().any(|method| method.names().0 == service)
    }

    /// What is known of the method at a path.
    pub fn descriptor(&self, path: &str) -> Option<MethodDescriptor> {
        self.descriptions.iter().find_map(|description| description.method(path))
    }

    /// What reflection tells of these services and of those that every server has.
    pub fn index(&self, built_in: &Description) -> Arc<Index> {
        let make = || {
            let own = self.methods.values().map(|method| method.names().0);
            let services: BTreeSet<String> = own.chain(SERVICES).map(String::from).collect();
            let files = self.descriptions.iter().map(|description| &description.files).chain([&built_in.files]);
            Arc::new(Index::new(services, files.cloned().collect()))
        };
        Arc::clone(self.index.get_or_init(make))
    }

    /// All declared methods, in no order.
    pub fn methods(&self) -> impl Iterator<Item = &Arc<Method>> {
        self.methods.values()
    }
}

#[cfg(test)]
mod tests {
    use super::super::local::Queue;
    use super::*;

    #[test]
    fn what_strangers_ask_for_is_counted_in_one_place() {
        let local = || Backend::Local(Queue::new(1));
        let services = Services::new([Method::new("/s.S/known", false, false, local())], Some(local()));
        let find = |path: &str| services.find(path).unwrap();
        let (one, other, known) = (find("/a.A/one"), find("/b.B/other"), find("/s.S/known"));
        assert!(!one.declared && Arc::ptr_eq(&one.meters, &other.meters));
        assert!(known.declared && !Arc::ptr_eq(&one.meters, &known.meters));
    }
}
