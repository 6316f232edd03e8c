//! Which version and method a caller means.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};
use salver_core::{Error, Servable};

/// One servable: its versions that are ready, and names for some of them. With no version it is known but not ready.
#[derive(Debug)]
pub struct Entry<V> {
    pub versions: BTreeMap<u64, Arc<V>>,
    pub labels: BTreeMap<String, u64>,
    /// Why versions are not here that should be.
    pub problems: BTreeMap<u64, String>,
}

impl<V> Default for Entry<V> {
    fn default() -> Self {
        Entry { versions: BTreeMap::new(), labels: BTreeMap::new(), problems: BTreeMap::new() }
    }
}

impl<V> Entry<V> {
    /// The error for a version, or any, that is not here.
    fn lacks(&self, servable: &str, version: Option<u64>) -> Error {
        let reason = match version {
            Some(number) => self.problems.get(&number).cloned(),
            None => self.problems.last_key_value().map(|(number, problem)| format!("version {number}: {problem}")),
        };
        match version {
            Some(number) if reason.is_none() && !self.versions.is_empty() => unknown_version(servable, number),
            _ => Error::NotReady { servable: servable.to_string(), version, reason },
        }
    }
}

impl<V> Clone for Entry<V> {
    fn clone(&self) -> Self {
        let Entry { versions, labels, problems } = self;
        Entry { versions: versions.clone(), labels: labels.clone(), problems: problems.clone() }
    }
}

/// Everything that is served, at one moment. Errors carry names as the caller wrote them.
#[derive(Debug)]
pub struct Routes<V> {
    entries: BTreeMap<String, Entry<V>>,
}

impl<V> Default for Routes<V> {
    fn default() -> Self {
        Routes { entries: BTreeMap::new() }
    }
}

impl<V> Clone for Routes<V> {
    fn clone(&self) -> Self {
        Routes { entries: self.entries.clone() }
    }
}

impl<V> Routes<V> {
    pub fn new(entries: BTreeMap<String, Entry<V>>) -> Self {
        Routes { entries }
    }

    /// Says why a version is not here that should be; its callers are told.
    pub fn explain(&mut self, servable: &str, version: u64, problem: &str) {
        let entry = self.entries.entry(servable.to_string()).or_default();
        entry.problems.insert(version, problem.to_string());
    }

    /// All servables, sorted by name.
    pub fn entries(&self) -> &BTreeMap<String, Entry<V>> {
        &self.entries
    }

    /// The version with this number, or the highest.
    pub fn resolve_version(&self, servable: &str, version: Option<u64>) -> Result<Arc<V>, Error> {
        let unknown = || Error::UnknownServable { servable: servable.to_string() };
        let entry = self.entries.get(servable).ok_or_else(unknown)?;
        let found = match version {
            None => entry.versions.last_key_value().map(|(_, highest)| highest),
            Some(number) => entry.versions.get(&number),
        };
        found.cloned().ok_or_else(|| entry.lacks(servable, version))
    }

    /// The number of the version with this label.
    pub fn resolve_label(&self, servable: &str, label: &str) -> Result<u64, Error> {
        let unknown = || Error::UnknownServable { servable: servable.to_string() };
        let entry = self.entries.get(servable).ok_or_else(unknown)?;
        entry.labels.get(label).copied().ok_or_else(|| unknown_version(servable, label))
    }
}

impl<V: AsRef<Servable>> Routes<V> {
    /// The version and the index of the method in its servable.
    ///
    /// With `dotted` and no method named, `name` may be `servable.method`: a servable of just this name comes
    /// first, else the name is split at its last dot. No method named means the servable's default.
    pub fn resolve(
        &self,
        name: &str,
        version: Option<u64>,
        method: Option<&str>,
        dotted: bool,
    ) -> Result<(Arc<V>, usize), Error> {
        let (servable, method) = self.split(name, method, dotted);
        let found = self.resolve_version(servable, version)?;
        let index = match method {
            Some(method) => found.as_ref().as_ref().method(method),
            None => found.as_ref().as_ref().default_method(),
        };
        let unknown = || {
            let (servable, method) = (servable.to_string(), method.unwrap_or_default().to_string());
            Error::UnknownMethod { servable, version, method }
        };
        let index = index.ok_or_else(unknown)?;
        Ok((found, index))
    }

    fn split<'a>(&self, name: &'a str, method: Option<&'a str>, dotted: bool) -> (&'a str, Option<&'a str>) {
        if !dotted || method.is_some() || self.entries.contains_key(name) {
            return (name, method);
        }
        match name.rsplit_once('.') {
            Some((servable, method)) if self.entries.contains_key(servable) => (servable, Some(method)),
            _ => (name, None),
        }
    }
}

fn unknown_version(servable: &str, version: impl std::fmt::Display) -> Error {
    Error::UnknownVersion { servable: servable.to_string(), version: version.to_string() }
}

/// The routes of the moment. Readers never wait; whoever changes what is served publishes new routes.
#[derive(Debug)]
pub struct Router<V> {
    routes: ArcSwap<Routes<V>>,
}

impl<V> Default for Router<V> {
    fn default() -> Self {
        Router { routes: ArcSwap::from_pointee(Routes::default()) }
    }
}

impl<V> Router<V> {
    /// The current routes, for a short while.
    pub fn load(&self) -> Guard<Arc<Routes<V>>> {
        self.routes.load()
    }

    /// The current routes, to keep.
    pub fn snapshot(&self) -> Arc<Routes<V>> {
        self.routes.load_full()
    }

    pub fn publish(&self, routes: Routes<V>) {
        self.routes.store(Arc::new(routes));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use salver_core::{Contract, Method, Plan};

    #[derive(Debug)]
    struct Loaded(Servable);

    impl AsRef<Servable> for Loaded {
        fn as_ref(&self) -> &Servable {
            &self.0
        }
    }

    fn loaded(version: u64, methods: &[&str]) -> (u64, Arc<Loaded>) {
        let contract = Contract { inputs: vec![], outputs: vec![], batched: true };
        let plan = Plan { steps: vec![], outputs: vec![] };
        let method = |name: &&str| Method {
            name: name.to_string(),
            contract: contract.clone(),
            plan: plan.clone(),
            sequence: false,
            origin: None,
        };
        let methods = methods.iter().map(method).collect();
        (
            version,
            Arc::new(Loaded(Servable {
                name: "s".into(),
                version,
                runtime: "none".into(),
                methods,
                stages: vec![],
                services: vec![],
            })),
        )
    }

    fn routes() -> Routes<Loaded> {
        let entry = |versions: Vec<(u64, Arc<Loaded>)>| Entry {
            versions: versions.into_iter().collect(),
            labels: BTreeMap::from([("stable".to_string(), 1)]),
            problems: BTreeMap::new(),
        };
        let broken = |entry: Entry<Loaded>, version, problem: &str| Entry {
            problems: BTreeMap::from([(version, problem.to_string())]),
            ..entry
        };
        let all = ["predict", "other", "@call_m_0"];
        Routes::new(BTreeMap::from([
            ("add".to_string(), entry(vec![loaded(1, &["predict"]), loaded(10, &all), loaded(9, &all)])),
            ("a.b".to_string(), entry(vec![loaded(1, &["predict", "c"])])),
            ("a".to_string(), entry(vec![loaded(1, &["b"])])),
            ("broken".to_string(), broken(Entry::default(), 2, "no weights")),
            ("empty".to_string(), Entry::default()),
            ("next".to_string(), broken(entry(vec![loaded(1, &["predict"])]), 2, "no weights")),
        ]))
    }

    #[test]
    fn names_versions_and_methods_resolve() {
        type Case = (&'static str, Option<u64>, Option<&'static str>, bool, (u64, usize));
        let cases: [Case; 9] = [
            ("add", None, None, false, (10, 0)),
            ("add", Some(9), None, false, (9, 0)),
            ("add", None, Some("other"), false, (10, 1)),
            ("add", None, Some("@call_m_0"), false, (10, 2)),
            ("add.other", None, None, true, (10, 1)),
            ("add.@call_m_0", Some(9), None, true, (9, 2)),
            ("a.b", None, None, true, (1, 0)),
            ("a.b.c", None, None, true, (1, 1)),
            ("a.b", None, Some("c"), true, (1, 1)),
        ];
        for (name, version, method, dotted, wanted) in cases {
            let (found, index) = routes().resolve(name, version, method, dotted).unwrap();
            assert_eq!((found.0.version, index), wanted, "{name} {version:?} {method:?}");
        }
    }

    #[test]
    fn what_is_not_there_is_named_as_the_caller_wrote_it() {
        let unknown = |servable: &str| Error::UnknownServable { servable: servable.into() };
        let no_method = |servable: &str, version, method: &str| Error::UnknownMethod {
            servable: servable.into(),
            version,
            method: method.into(),
        };
        type Case = (&'static str, Option<u64>, Option<&'static str>, bool, Error);
        let not_ready = |servable: &str, version, reason: Option<&str>| Error::NotReady {
            servable: servable.into(),
            version,
            reason: reason.map(String::from),
        };
        let cases: [Case; 12] = [
            ("nobody", None, None, true, unknown("nobody")),
            ("no.body", None, None, true, unknown("no.body")),
            ("add.other", None, None, false, unknown("add.other")),
            ("add", Some(2), None, false, unknown_version("add", 2)),
            ("add", Some(1), Some("other"), false, no_method("add", Some(1), "other")),
            ("add.nothing", None, None, true, no_method("add", None, "nothing")),
            ("empty", None, None, false, not_ready("empty", None, None)),
            ("empty", Some(3), None, false, not_ready("empty", Some(3), None)),
            ("broken", None, None, false, not_ready("broken", None, Some("version 2: no weights"))),
            ("broken", Some(2), None, false, not_ready("broken", Some(2), Some("no weights"))),
            ("next", Some(2), None, false, not_ready("next", Some(2), Some("no weights"))),
            ("next", Some(3), None, false, unknown_version("next", 3)),
        ];
        for (name, version, method, dotted, wanted) in cases {
            assert_eq!(routes().resolve(name, version, method, dotted).err(), Some(wanted), "{name} {method:?}");
        }
    }

    #[test]
    fn labels_name_versions() {
        assert_eq!(routes().resolve_label("add", "stable"), Ok(1));
        assert_eq!(routes().resolve_label("add", "canary"), Err(unknown_version("add", "canary")));
        assert_eq!(routes().resolve_label("x", "stable"), Err(Error::UnknownServable { servable: "x".into() }));
    }

    #[test]
    fn readers_keep_the_routes_they_have() {
        let router = Router::default();
        router.publish(routes());
        let before = router.snapshot();
        router.publish(Routes::default());
        assert_eq!(before.entries().keys().collect::<Vec<_>>(), ["a", "a.b", "add", "broken", "empty", "next"]);
        assert!(router.load().entries().is_empty());
    }
}
